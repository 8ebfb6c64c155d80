"""Events refused by HTTP ingest, kept for a while with the reasons, for inspection and replay.

The events of one request are one entry, so that they take one commit. Limits keep a broken shipper from filling the disk; the
response to its request lists or counts every refusal, kept or not.
"""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.base.key_value import Entry, KeyValueStore
from casbah.ingest.contract import Refusal

MAX_EVENT_BYTES = 65_536
"""Bytes kept per event; larger ones are truncated."""

_MAX_EVENTS, _MAX_BYTES = 1_000, 1_048_576
"""Events and bytes kept per request."""

_FRESH_SECONDS = 60
_SEPARATOR = "."


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused event.

    `at` is the time in ms; `source` the one that its request named; `sender` a display name; `size` its length in bytes.
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
        """Whether all of the event is kept, rather than its beginning or the reason alone."""
        return 0 < len(self.raw) == self.size


class Rejects:
    """All tenants' rejects in a key-value store, a namespace per tenant. Methods may be called from any thread.

    A tenant keeps up to `maximum` bytes, for up to `keep` ms (None: no time limit); the oldest are removed first.
    """

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int], maximum: int, keep: int | None) -> None:
        self._key_values = key_values
        self._clock = clock
        self._maximum = maximum
        self._keep = keep
        self._lock = threading.Lock()
        self._sizes: dict[str, tuple[float, dict[str, int]]] = {}

    def keep(
        self,
        refusals: Sequence[Refusal],
        *,
        source: str | None,
        sender: str,
        tenant_id: TenantId,
        entry: str | None = None,
    ) -> int:
        """Keep the refused events of a request as `entry`, by default a new one. Returns the number kept."""
        events = list(_bounded(refusals))
        if not events:
            return 0
        now = self._clock()
        name = entry or f"{now:013d}{secrets.token_hex(4)}"
        value = {"at": now, "source": source, "sender": sender, "events": events}
        if (size := _size(value)) > self._maximum:  # It must not displace others that fit.
            return 0
        with self._lock:
            sizes = self._known(tenant_id.name)
            if not self._key_values.put(tenant_id.name, name, value):
                return 0
            sizes[name] = size
            self._trim(tenant_id.name, sizes, now)
            return len(events) if name in sizes else 0

    def trim(self) -> None:
        """Remove expired events of every tenant, including those that receive no more events."""
        for tenant in self._key_values.namespaces():
            with self._lock:
                self._trim(tenant, self._known(tenant), self._clock())

    def page(self, tenant_id: TenantId, *, skip: int, limit: int) -> tuple[Sequence[Reject], int]:
        """A page of all rejects, newest request first, each request's events in order; and the total number."""
        places = self._places(tenant_id)
        return [_reject(entry, position) for entry, position in places[skip : skip + limit]], len(places)

    def named(self, ids: Sequence[str], tenant_id: TenantId) -> Mapping[str, Reject]:
        """Rejects by id; unknown ids are ignored."""
        known = {_id(entry, position): (entry, position) for entry, position in self._places(tenant_id)}
        return {reject_id: _reject(*known[reject_id]) for reject_id in ids if reject_id in known}

    def remove(self, ids: Iterable[str], tenant_id: TenantId) -> Sequence[str]:
        """Remove rejects by id and return the ids removed; unknown ids are ignored."""
        removed: list[str] = []
        with self._lock:
            sizes = self._known(tenant_id.name)
            for name, chosen in _by_entry(ids).items():
                removed += self._without(tenant_id.name, name, chosen, sizes)
        return removed

    def _without(self, tenant: str, name: str, ids: set[str], sizes: dict[str, int]) -> Sequence[str]:
        while (entry := self._key_values.get(tenant, name)) is not None:
            removed = [position for position in _positions(entry) if _id(entry, position) in ids]
            if not removed:
                return []
            events = [None if position in removed else event for position, event in enumerate(entry.value["events"])]
            value = {**entry.value, "events": events}
            if any(events):
                done = self._key_values.put(tenant, name, value, over=entry)
                sizes[name] = _size(value)
            else:
                done = self._key_values.remove(tenant, name)
                sizes.pop(name, None)
            if done:
                return [_id(entry, position) for position in removed]
        return []

    def _places(self, tenant_id: TenantId) -> Sequence[tuple[Entry, int]]:
        """The entry and position of each reject, newest entry first, without expired ones."""
        oldest = 0 if self._keep is None else self._clock() - self._keep
        entries = [entry for entry in self._key_values.all(tenant_id.name) if entry.value["at"] >= oldest]
        return [(entry, position) for entry in reversed(entries) for position in _positions(entry)]

    def _known(self, tenant: str) -> dict[str, int]:
        """Entry sizes, cached for 60 s because other processes add entries too."""
        since, sizes = self._sizes.get(tenant, (0.0, {}))
        if tenant not in self._sizes or time.monotonic() - since > _FRESH_SECONDS:
            sizes = {entry.name: _size(entry.value) for entry in self._key_values.all(tenant)}
            self._sizes[tenant] = (time.monotonic(), sizes)
        return sizes

    def _trim(self, tenant: str, sizes: dict[str, int], now: int) -> None:
        total = sum(sizes.values())
        oldest = "" if self._keep is None else f"{now - self._keep:013d}"
        for name in sorted(sizes):
            if name >= oldest and total <= self._maximum:
                return
            self._key_values.remove(tenant, name)
            total -= sizes.pop(name)


def _bounded(refusals: Iterable[Refusal]) -> Iterable[Mapping[str, Any]]:
    room = _MAX_BYTES
    for refusal in list(refusals)[:_MAX_EVENTS]:
        raw = refusal.raw[: min(MAX_EVENT_BYTES, room)]
        room -= len(raw)
        kept = base64.b64encode(raw).decode("ascii")
        yield {"line": refusal.line, "reason": refusal.reason, "raw": kept, "size": len(refusal.raw) + refusal.cut}
        if room <= 0:
            return


def _positions(entry: Entry) -> Iterable[int]:
    """The positions of an entry's rejects; removed ones leave theirs empty."""
    return (position for position, event in enumerate(entry.value["events"]) if event is not None)


def _id(entry: Entry, position: int) -> str:
    return f"{entry.name}{_SEPARATOR}{position}"


def _by_entry(ids: Iterable[str]) -> Mapping[str, set[str]]:
    """The ids by the name of the entry that holds them, in their order."""
    by_entry: dict[str, set[str]] = {}
    for reject_id in ids:
        by_entry.setdefault(reject_id.partition(_SEPARATOR)[0], set()).add(reject_id)
    return by_entry


def _reject(entry: Entry, position: int) -> Reject:
    value = entry.value
    event = value["events"][position]
    return Reject(
        id=_id(entry, position),
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
