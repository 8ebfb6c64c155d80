"""Entries of the file to pushers that can run."""

from collections.abc import Callable, Mapping

from casbah.push.config import Entry, secret
from casbah.push.deliver import Syslog, Way, Webhook
from casbah.push.pusher import Letters, Pusher
from casbah.store.contract import Store


def pushers(
    entries: Mapping[str, Entry], *, store: Store, letters: Letters, clock: Callable[[], int]
) -> dict[str, Pusher]:
    """A pusher for each destination, by name. Raises BadPushFileError where a secret is missing."""
    return {
        name: Pusher(name, entry, _way(name, entry), store=store, letters=letters, clock=clock)
        for name, entry in entries.items()
    }


def _way(name: str, entry: Entry) -> Way:
    return Syslog(entry) if entry.kind == "syslog" else Webhook(name, entry, secret(name, entry))
