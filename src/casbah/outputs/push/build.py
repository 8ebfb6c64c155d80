"""Builds pushers from entries of the config file."""

from collections.abc import Callable, Mapping

from casbah.outputs.push.config import PushTarget, secret
from casbah.outputs.push.deliver import Sink, Syslog, Webhook
from casbah.outputs.push.pusher import Outbox, Pusher
from casbah.store.contract import Store


def pushers(
    entries: Mapping[str, PushTarget], *, store: Store, outbox: Outbox, clock: Callable[[], int]
) -> dict[str, Pusher]:
    """A pusher for each destination, by name. Raises BadPushFileError if a secret is missing."""
    return {
        name: Pusher(name, entry, _sink(name, entry), store=store, outbox=outbox, clock=clock)
        for name, entry in entries.items()
    }


def _sink(name: str, entry: PushTarget) -> Sink:
    return Syslog(entry) if entry.kind == "syslog" else Webhook(name, entry, secret(name, entry))
