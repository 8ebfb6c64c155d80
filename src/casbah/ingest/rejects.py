"""Events that ingest over HTTP refused, kept for a while with the reasons, so that they can be looked at and replayed.

The events of one request are kept as one entry: one commit, however many there are. Bounds keep a broken shipper from filling
the disk; the answer to its request lists or counts every refusal, kept or not.
"""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.scope import Scope
from casbah.ingest.contract import Refusal
from casbah.shelf import Kept, Shelf

MOST_EVENT_BYTES = 65_536
"""Bytes of one event that are kept; of a larger one only its beginning."""

_MOST_EVENTS, _MOST_BYTES = 1_000, 1_048_576
"""Events and bytes of one request that are kept."""

_FRESH_SECONDS = 60
_SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused event.

    `at` is when, in ms; `source` the one that its request named; `sender` a name for display; `size` its bytes in all.
    """

    id: str
    at: int
    source: str | None
    sender: str
    line: int
    reason: str
    raw: bytes
    size: int

    @property
    def whole(self) -> bool:
        """Whether all of the event is kept."""
        return len(self.raw) == self.size


class Rejects:
    """All tenants' rejects in a key-value store, a namespace per tenant. Methods may be called from any thread.

    A tenant keeps up to `most` bytes, for up to `keep` ms (None: as long as there is room); the oldest go first.
    """

    def __init__(self, shelf: Shelf, *, clock: Callable[[], int], most: int, keep: int | None) -> None:
        self._shelf = shelf
        self._clock = clock
        self._most = most
        self._keep = keep
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[float, dict[str, int]]] = {}

    def keep(
        self, refusals: Sequence[Refusal], *, source: str | None, sender: str, scope: Scope, entry: str | None = None
    ) -> int:
        """Keep the refused events of a request, under a new id if none is chosen; how many are within the bounds."""
        events = list(_bounded(refusals))
        if not events:
            return 0
        now = self._clock()
        name = entry or f"{now:013d}{secrets.token_hex(4)}"
        value = {"at": now, "source": source, "sender": sender, "events": events}
        with self._lock:
            sizes = self._known(scope.tenant)
            self._shelf.put(scope.tenant, name, value)
            sizes[name] = _size(value)
            self._trim(scope.tenant, sizes, now)
            return len(events) if name in sizes else 0

    def trim(self) -> None:
        """Remove what has been kept for long enough, in every tenant: nobody may send to it any more."""
        for tenant in {tenant for tenant, _ in self._shelf.everything()}:
            with self._lock:
                self._trim(tenant, self._known(tenant), self._clock())

    def all(self, scope: Scope) -> Sequence[Reject]:
        """What is kept, the newest request first, its events in their order."""
        oldest = 0 if self._keep is None else self._clock() - self._keep
        entries = [entry for entry in self._shelf.all(scope.tenant) if entry.value["at"] >= oldest]
        return [reject for entry in reversed(entries) for reject in _rejects(entry)]

    def remove(self, ids: Iterable[str], scope: Scope) -> None:
        """Keep some of them no longer. An id that is not there is passed over."""
        by_entry: dict[str, set[str]] = {}
        for reject_id in ids:
            name, _, position = reject_id.partition(_SEPARATOR)
            by_entry.setdefault(name, set()).add(position)
        with self._lock:
            sizes = self._known(scope.tenant)
            for name, positions in by_entry.items():
                self._without(scope.tenant, name, positions, sizes)

    def _without(self, tenant: str, name: str, positions: set[str], sizes: dict[str, int]) -> None:
        while (entry := self._shelf.get(tenant, name)) is not None:
            events = [
                None if str(position) in positions else event for position, event in enumerate(entry.value["events"])
            ]
            if not any(events):
                self._shelf.remove(tenant, name)
                sizes.pop(name, None)
                return
            value = {**entry.value, "events": events}
            if self._shelf.put(tenant, name, value, over=entry):
                sizes[name] = _size(value)
                return

    def _known(self, tenant: str) -> dict[str, int]:
        """How large each entry is; looked up again once in a while, because other processes keep rejects, too."""
        since, sizes = self._sizes.get(tenant, (0.0, {}))
        if tenant not in self._sizes or time.monotonic() - since > _FRESH_SECONDS:
            sizes = {entry.name: _size(entry.value) for entry in self._shelf.all(tenant)}
            self._sizes[tenant] = (time.monotonic(), sizes)
        return sizes

    def _trim(self, tenant: str, sizes: dict[str, int], now: int) -> None:
        total = sum(sizes.values())
        oldest = "" if self._keep is None else f"{now - self._keep:013d}"
        for name in sorted(sizes):
            if name >= oldest and total <= self._most:
                return
            self._shelf.remove(tenant, name)
            total -= sizes.pop(name)

    def close(self) -> None:
        """Close the key-value store."""
        self._shelf.close()


def _bounded(refusals: Iterable[Refusal]) -> Iterable[Mapping[str, Any]]:
    room = _MOST_BYTES
    for refusal in list(refusals)[:_MOST_EVENTS]:
        raw = refusal.raw[: min(MOST_EVENT_BYTES, room)]
        room -= len(raw)
        kept = base64.b64encode(raw).decode("ascii")
        yield {"line": refusal.line, "reason": refusal.reason, "raw": kept, "size": len(refusal.raw) + refusal.cut}
        if room <= 0:
            return


def _rejects(entry: Kept) -> Iterable[Reject]:
    value = entry.value
    for position, event in enumerate(value["events"]):
        if event is not None:
            yield Reject(
                id=f"{entry.name}{_SEPARATOR}{position}",
                at=value["at"],
                source=value["source"],
                sender=value["sender"],
                line=event["line"],
                reason=event["reason"],
                raw=base64.b64decode(event["raw"]),
                size=event["size"],
            )


def _size(value: Mapping[str, Any]) -> int:
    return sum(len(event["raw"]) + len(event["reason"]) for event in value["events"] if event is not None)
