"""One tenant's write queue: assigns ids and sequence numbers, and answers a caller once its activities are visible."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from casbah.activity.deadline import NEVER
from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.store import contract
from casbah.store.contract import Inserted
from casbah.store.copies import Relation
from casbah.store.group_commit import Batch, GroupCommit
from casbah.store.monotonic_clock import MonotonicClock
from casbah.store.opensearch import bulk
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.document import LOSSY, columns, dedup_key, document, key, prepared
from casbah.store.opensearch.lease import Lease, Leases
from casbah.store.opensearch.templates import make, period_of
from casbah.store.prepared import Prepared, TakenIdError, ready, relation_to, renamed

_AT_ONCE = 2_000
"""How many activities one search looks up. Each may match by three terms, and a search returns at most 10,000 hits."""

_RECORDS_AT_ONCE = 100
"""How many records one search returns: each may have megabytes."""

_NOT_REPLACED = "the copy of it that carries less was not stored; send it again"


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Position:
    """The index and document of a stored activity, and what it keeps when its record is replaced."""

    index: str
    key: str
    seq: int
    date: int
    created: int
    dedup_key: str | None
    lossy: bool


class WriteQueue:
    """Stores new activities. Thread-safe; one thread of `writing` writes for all callers."""

    def __init__(
        self, cluster: Cluster, tenant_id: TenantId, *, leases: Leases, clock: Callable[[], int], writing: Executor
    ) -> None:
        self._cluster = cluster
        self._tenant_id = tenant_id
        self._leases = leases
        self._clock = clock
        self._groups = GroupCommit(self._store_group, writing=writing)

    def insert_soon(self, new_activities: Iterable[NewActivity | contract.PreparedByStore]) -> Future[Inserted]:
        """Store new activities. The future completes when all of them are durable and visible."""
        return self._groups.add(Batch([ready(new_activity, columns) for new_activity in new_activities]))

    def replace(self, new_activities: Sequence[NewActivity]) -> int:
        """Replace records under their ids. Returns how many were replaced."""
        entries = {new_activity.id: prepared(new_activity) for new_activity in new_activities}
        if not entries:
            return 0
        with self._leases.lease(self._tenant_id) as lease:
            writes = []
            for part in _slices(list(entries.values())):
                held = {place.key: place for place in self._held(keys=[key(entry.id) for entry in part])}
                places = [(entry, held.get(key(entry.id))) for entry in part]
                writes += [
                    _replacement(entry, place) for entry, place in places if place and place.date == entry.timestamp
                ]
            result = bulk.write(self._cluster, writes, lease)
            self._cluster.refresh(*(write.index for write in writes))
        return len(writes) - len(result.refused)

    def _store_group(self, group: Sequence[Batch]) -> None:
        """Store a group of batches. An error applies to all of them; if they are sent again, what was stored is a duplicate."""
        entries = [entry for batch in group for entry in batch.entries]
        with self._leases.lease(self._tenant_id, numbers=len(entries)) as lease:
            known = _KnownKeys()
            for part in _slices(entries):
                held = self._held(keys=_keys(part), dedup_keys=[term for entry in part if (term := dedup_key(entry))])
                for place in held:
                    known.take(place.key, place.dedup_key)
                for taken_key, record in self._records(_compared(part, held)):
                    known.keep(taken_key, record)
            new = known.deduplicated(entries)
            reasons = new.refused | self._written(self._numbered(new.fresh, lease), lease)
            reasons |= self._replaced(new.fuller, lease)
        for batch, first in zip(group, _starts(group), strict=True):
            batch.answer = _answer(range(first, first + len(batch.entries)), reasons)

    def _numbered(self, entries: Mapping[int, "_Named"], lease: Lease) -> dict[int, Write]:
        """The writes of new activities, by position in the group."""
        moments = MonotonicClock(self._clock, last=lease.state.moment, taken=lease.state.taken)
        writes: dict[int, Write] = {}
        for position, named in entries.items():
            entry = named.entry
            created = moments.next() if entry.created is None else entry.created
            body = document(named.entry, seq=lease.first + position, created=created, dedup_key=named.dedup_key)
            index = self._cluster.names.partition(self._tenant_id, period_of(entry.timestamp))
            writes[position] = Write("create", index, key(entry.id), body)
        lease.state = replace(lease.state, moment=moments.last, taken=moments.taken)
        return writes

    def _written(self, fresh: dict[int, Write], lease: Lease) -> dict[int, str]:
        """Write and refresh. Returns by position the reason for a refusal, or an empty string if stored."""
        positions, writes = list(fresh), list(fresh.values())
        indices = {write.index for write in writes}
        self._make(indices, lease)
        result = bulk.write(self._cluster, writes, lease)
        self._cluster.refresh(*indices)
        reasons = dict.fromkeys(positions, "")
        reasons.update({positions[at]: reason for at, reason in result.refused})
        if result.conflicts:  # Sent twice because an answer got lost, or stored by a delayed request.
            numbers = {place.key: place.seq for place in self._held(keys=[writes[at].key for at in result.conflicts])}
            for at in result.conflicts:
                if numbers.get(writes[at].key) != lease.first + positions[at]:
                    del reasons[positions[at]]
        return reasons

    def _replaced(self, fuller: Mapping[int, "_Named"], lease: Lease) -> dict[int, str]:
        """Replace copies that carry less, some of which have just been written. Returns what `_written` does."""
        places: dict[str, Position] = {}
        for part in _slices(list(fuller.values())):
            places |= {place.key: place for place in self._held(keys=[key(named.entry.id) for named in part])}
        reasons = dict.fromkeys(fuller, "")
        writes: dict[int, Write] = {}
        for position, named in fuller.items():
            place = places.get(key(named.entry.id))
            if place is None:
                reasons[position] = _NOT_REPLACED
            else:
                created = place.created if named.entry.created is None else named.entry.created
                body = document(named.entry, seq=place.seq, created=created, dedup_key=named.dedup_key)
                writes[position] = Write("index", place.index, place.key, body)
        result = bulk.write(self._cluster, list(writes.values()), lease)
        self._cluster.refresh(*{write.index for write in writes.values()})
        positions = list(writes)
        return reasons | {positions[at]: reason for at, reason in result.refused}

    def _make(self, indices: Iterable[str], lease: Lease) -> None:
        """Create missing indices, with the tenant's alias from the start."""
        alias = self._cluster.names.all_of(self._tenant_id)
        existing = self._cluster.ask("GET", f"_alias/{alias}", absent=(404,)) or {}
        for index in sorted(set(indices) - set(existing)):
            lease.renew()
            make(self._cluster, index, {"aliases": {alias: {}}}, seconds=lease.seconds)

    def _held(self, *, keys: Sequence[str], dedup_keys: Sequence[str] = ()) -> list[Position]:
        """The stored activities with these document ids or dedup keys."""
        alternatives: list[dict[str, Any]] = [{"ids": {"values": keys}}]
        if dedup_keys:
            alternatives.append({"terms": {"twin": dedup_keys}})
        body = {
            "query": {"bool": {"filter": [{"bool": {"should": alternatives}}]}},
            "size": 3 * _AT_ONCE,
            "_source": False,
            "docvalue_fields": ["seq", "date", "created", "twin"],
            "track_total_hits": False,
        }
        return [_position(hit) for hit in self._cluster.search(self._tenant_id, body, NEVER)["hits"]["hits"]]

    def _records(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The document ids and records of stored activities."""
        for start in range(0, len(keys), _RECORDS_AT_ONCE):
            some = keys[start : start + _RECORDS_AT_ONCE]
            body = {"query": {"ids": {"values": some}}, "size": len(some), "_source": ["record"]}
            for hit in self._cluster.search(self._tenant_id, body, NEVER)["hits"]["hits"]:
                yield hit["_id"], hit["_source"]["record"].encode()


@dataclass(frozen=True, slots=True)
class _Named:
    """An entry under its final id, and its dedup key. With `replaces`, it replaces the stored activity of that id."""

    entry: Prepared
    dedup_key: str | None
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class _New:
    """The entries of a group that are no duplicates, by position: what to store, what replaces a copy that carries less, and
    the reasons for refusals.
    """

    fresh: dict[int, _Named] = field(default_factory=dict)
    fuller: dict[int, _Named] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


class _KnownKeys:
    """The keys and terms that are in use, in the store or earlier in the same group."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._records: dict[str, bytes] = {}
        """Records by key, to compare with new ones of the same id."""

    def keep(self, taken_key: str, record: bytes) -> None:
        """Keep a record, to compare it."""
        self._records[taken_key] = record

    def take(self, *terms: str | None) -> None:
        """Mark terms as in use."""
        self._taken.update(filter(None, terms))

    def deduplicated(self, entries: Sequence[Prepared]) -> _New:
        """What to do with the entries of a group."""
        new = _New()
        for position, entry in enumerate(entries):
            try:
                named = self._deduplicated(entry, dedup_key(entry))
            except TakenIdError as error:
                new.refused[position] = str(error)
                continue
            if named is not None:
                (new.fuller if named.replaces else new.fresh)[position] = named
                self.take(named.dedup_key, key(named.entry.id))
                self.keep(key(named.entry.id), named.entry.record)
        return new

    def _deduplicated(self, entry: Prepared, term: str | None) -> _Named | None:
        """The entry under an unused id, or under that of a copy that it replaces; None if it is a duplicate."""
        if term in self._taken:
            return None
        if key(entry.id) not in self._taken:
            return _Named(entry, term)
        relation = relation_to(self._records.get(key(entry.id)), entry, period_of=period_of)
        if relation is Relation.FULLER:
            return _Named(entry, term, replaces=True)
        if relation is Relation.COPY:
            return None
        if entry.second_id is None:
            raise TakenIdError
        return None if key(entry.second_id) in self._taken else _Named(renamed(entry, entry.second_id, columns), term)


def _keys(entries: Sequence[Prepared]) -> list[str]:
    return [key(name) for entry in entries for name in (entry.id, entry.second_id) if name is not None]


def _compared(entries: Sequence[Prepared], held: Sequence[Position]) -> list[str]:
    """The keys of stored records that new ones of the same id are compared with: where either carries less, or has an event."""
    known = {place.dedup_key for place in held}
    comparable = {
        key(entry.id)
        for entry in entries
        if (entry.digest is not None or entry.lossy) and dedup_key(entry) not in known - {None}
    }
    ids = {key(entry.id) for entry in entries}
    return [place.key for place in held if place.key in (ids if place.lossy else comparable)]


def _replacement(entry: Prepared, place: Position) -> Write:
    body = document(entry, seq=place.seq, created=place.created, dedup_key=place.dedup_key)
    return Write("index", place.index, place.key, body)


def _position(hit: Any) -> Position:
    fields = hit["fields"]
    terms = fields.get("twin", [])
    term = next((term for term in terms if term != LOSSY), None)
    return Position(
        index=hit["_index"],
        key=hit["_id"],
        seq=fields["seq"][0],
        date=fields["date"][0],
        created=fields["created"][0],
        dedup_key=term,
        lossy=LOSSY in terms,
    )


def _slices(entries: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (entries[start : start + _AT_ONCE] for start in range(0, len(entries), _AT_ONCE))


def _starts(group: Sequence[Batch]) -> Iterable[int]:
    first = 0
    for batch in group:
        yield first
        first += len(batch.entries)


def _answer(positions: range, reasons: dict[int, str]) -> Inserted:
    """The result of a batch. Positions missing in `reasons` are duplicates."""
    refused = tuple((at - positions.start, reasons[at]) for at in positions if reasons.get(at))
    repeated = tuple(at - positions.start for at in positions if at not in reasons)
    return Inserted(len(positions) - len(repeated) - len(refused), len(repeated), refused, repeated)
