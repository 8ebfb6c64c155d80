"""One tenant's way in: what is new gets its id, its number and its moment, and can be found before anybody is told so."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from typing import Any

from casbah.activity.deadline import NEVER
from casbah.activity.new_activity import NewActivity
from casbah.activity.scope import Scope
from casbah.store import contract
from casbah.store.contract import Inserted
from casbah.store.entry import Prepared, ready, renamed
from casbah.store.group_commit import Batch, GroupCommit
from casbah.store.monotonic_clock import MonotonicClock
from casbah.store.opensearch import bulk
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.document import columns, dedup_key, document, key, prepared
from casbah.store.opensearch.lease import Lease, Leases
from casbah.store.opensearch.templates import make, period_of

_AT_ONCE = 2_000
"""So many activities are looked up in one search: each may be known by three terms, and a search finds at most 10,000."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a stored activity is: its index and document, and what it keeps when it is stored anew."""

    index: str
    key: str
    seq: int
    date: int
    created: int
    dedup_key: str | None


class WriteQueue:
    """Stores what is new. Any thread may call; one of `writing` writes for all who wait."""

    def __init__(
        self, cluster: Cluster, scope: Scope, *, leases: Leases, clock: Callable[[], int], writing: Executor
    ) -> None:
        self._cluster = cluster
        self._scope = scope
        self._leases = leases
        self._clock = clock
        self._groups = GroupCommit(self._together, writing=writing)

    def insert(self, new_activities: Iterable[NewActivity | contract.Prepared]) -> Future[Inserted]:
        """Store what is new. The answer is there when all of it is on the disks of the cluster, and can be found."""
        return self._groups.add(Batch([ready(new_activity, columns) for new_activity in new_activities]))

    def replace(self, new_activities: Sequence[NewActivity]) -> int:
        """Store records anew under their ids; how many of them there were."""
        entries = {new_activity.id: prepared(new_activity) for new_activity in new_activities}
        if not entries:
            return 0
        with self._leases.lease(self._scope) as lease:
            writes = []
            for part in _slices(list(entries.values())):
                found = {place.key: place for place in self._held(keys=[key(each.id) for each in part])}
                places = [(each, found.get(key(each.id))) for each in part]
                writes += [_anew(each, place) for each, place in places if place and place.date == each.timestamp]
            ends = bulk.write(self._cluster, writes, lease)
            self._cluster.refresh(*(write.index for write in writes))
        return len(writes) - len(ends.refused)

    def _together(self, group: Sequence[Batch]) -> None:
        """Store what a group brings. An error is that of all: what is stored all the same is known when it is sent again."""
        entries = [entry for batch in group for entry in batch.entries]
        with self._leases.lease(self._scope, numbers=len(entries)) as lease:
            known = _KnownKeys()
            for part in _slices(entries):
                for place in self._held(
                    keys=_keys(part), dedup_keys=[term for each in part if (term := dedup_key(each))]
                ):
                    known.take(place.key, place.dedup_key)
            fresh = self._numbered(entries, known, lease)
            ends = self._written(fresh, lease)
        for batch, first in zip(group, _starts(group), strict=True):
            batch.answer = _answer(range(first, first + len(batch.entries)), ends)

    def _numbered(self, entries: Sequence[Prepared], known: "_KnownKeys", lease: Lease) -> dict[int, Write]:
        """What is new, by its position among all; with its number and moment."""
        moments = MonotonicClock(self._clock, last=lease.state.moment, taken=lease.state.taken)
        fresh: dict[int, Write] = {}
        for position, entry in enumerate(entries):
            term = dedup_key(entry)
            named = known.named(entry, term)
            if named is None:
                continue
            created = moments.next() if entry.created is None else entry.created
            body = document(named, seq=lease.first + position, created=created, dedup_key=term)
            index = self._cluster.names.partition(self._scope, period_of(entry.timestamp))
            fresh[position] = Write("create", index, key(named.id), body)
        lease.state = replace(lease.state, moment=moments.last, taken=moments.taken)
        return fresh

    def _written(self, fresh: dict[int, Write], lease: Lease) -> dict[int, str]:
        """Write it and have it found. By position: the reason of what is refused, and nothing of what is stored."""
        positions, writes = list(fresh), list(fresh.values())
        indices = {write.index for write in writes}
        self._make(indices, lease)
        ends = bulk.write(self._cluster, writes, lease)
        self._cluster.refresh(*indices)
        told = dict.fromkeys(positions, "")
        told.update({positions[at]: reason for at, reason in ends.refused})
        if ends.conflicts:  # Sent twice, because an answer got lost; or stored by a request that came late.
            numbers = {place.key: place.seq for place in self._held(keys=[writes[at].key for at in ends.conflicts])}
            for at in ends.conflicts:
                if numbers.get(writes[at].key) != lease.first + positions[at]:
                    del told[positions[at]]
        return told

    def _make(self, indices: Iterable[str], lease: Lease) -> None:
        """Indices that are not there yet, in the tenant's alias from the start."""
        alias = self._cluster.names.all_of(self._scope)
        there = self._cluster.ask("GET", f"_alias/{alias}", absent=(404,)) or {}
        for index in sorted(set(indices) - set(there)):
            lease.renew()
            make(self._cluster, index, {"aliases": {alias: {}}}, seconds=lease.seconds)

    def _held(self, *, keys: Sequence[str], dedup_keys: Sequence[str] = ()) -> list[Position]:
        """What is stored under these keys or known by these terms."""
        asked: list[dict[str, Any]] = [{"ids": {"values": keys}}]
        if dedup_keys:
            asked.append({"terms": {"twin": dedup_keys}})
        body = {
            "query": {"bool": {"filter": [{"bool": {"should": asked}}]}},
            "size": 3 * _AT_ONCE,
            "_source": False,
            "docvalue_fields": ["seq", "date", "created", "twin"],
            "track_total_hits": False,
        }
        return [_position(hit) for hit in self._cluster.search(self._scope, body, NEVER)["hits"]["hits"]]


class _KnownKeys:
    """Which keys and terms are taken, in the store or earlier in the same group."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, *terms: str | None) -> None:
        """From now on they are taken."""
        self._taken.update(filter(None, terms))

    def named(self, entry: Prepared, term: str | None) -> Prepared | None:
        """The entry under an id that is free; None if it is a duplicate."""
        if term in self._taken:
            return None
        named: Prepared | None = entry
        if key(entry.id) in self._taken:
            other = entry.second_id
            named = None if other is None or key(other) in self._taken else renamed(entry, other, columns)
        self.take(term, None if named is None else key(named.id))
        return named


def _keys(entries: Sequence[Prepared]) -> list[str]:
    return [key(name) for entry in entries for name in (entry.id, entry.second_id) if name is not None]


def _anew(entry: Prepared, place: Position) -> Write:
    body = document(entry, seq=place.seq, created=place.created, dedup_key=place.dedup_key)
    return Write("index", place.index, place.key, body)


def _position(hit: Any) -> Position:
    found = hit["fields"]
    term = found.get("twin", [None])[0]
    return Position(hit["_index"], hit["_id"], found["seq"][0], found["date"][0], found["created"][0], term)


def _slices(entries: Sequence[Prepared]) -> Iterable[Sequence[Prepared]]:
    return (entries[start : start + _AT_ONCE] for start in range(0, len(entries), _AT_ONCE))


def _starts(group: Sequence[Batch]) -> Iterable[int]:
    first = 0
    for batch in group:
        yield first
        first += len(batch.entries)


def _answer(positions: range, told: dict[int, str]) -> Inserted:
    """What became of a batch: what `told` does not know was there already."""
    refused = tuple((at - positions.start, told[at]) for at in positions if told.get(at))
    new = sum(at in told for at in positions)
    return Inserted(new - len(refused), len(positions) - new, refused)
