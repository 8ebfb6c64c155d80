"""The store interface. `tests/contract` runs against every engine."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import Field, Value
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.tenant import TenantId


@dataclass(frozen=True, slots=True)
class Inserted:
    """The result of an insert. Each activity was stored, a duplicate, or refused: (position in the batch, reason).

    `repeated` are the positions of the duplicates.
    """

    stored: int
    duplicates: int
    refused: tuple[tuple[int, str], ...] = ()
    repeated: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Records (JSON bytes as stored), in order, and the exact number of matching activities."""

    records: Sequence[bytes]
    total: int


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of a scan. `boundary` is where the next page starts (ms of the sort field), or None on the last page.

    `records` is an iterator, because the activities of a single millisecond may not fit in memory.
    """

    records: Iterator[bytes]
    total: int
    boundary: int | None


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """Feedback on an activity: the time (ms), the name of the token it was sent with, and the JSON object sent."""

    at: int
    who: str
    what: bytes


@dataclass(frozen=True, slots=True)
class FacetQuery:
    """Asks for the `limit` most frequent counted values (`Field.counts`) of a field that start with `prefix`, among the
    matching activities.
    """

    field: Field
    predicate: Predicate
    limit: int
    prefix: str = ""


class FieldValue(NamedTuple):
    """A field value in its comparable form (`activity/fields.py`), and how many activities have it."""

    value: Value
    total: int


@dataclass(frozen=True, slots=True)
class HistogramQuery:
    """Buckets of `width` ms, from `first` up to the one that contains `last`. `field` is a timestamp."""

    field: Field
    predicate: Predicate
    first: int
    last: int
    width: int


@dataclass(frozen=True, slots=True)
class LatestQuery:
    """Asks for the newest matching activity with each of `values` of a field."""

    field: Field
    values: Sequence[Value]
    predicate: Predicate


class ValuesOf(NamedTuple):
    """The counted values (`Field.counts`) of a field that start with `prefix`."""

    field: Field
    prefix: str = ""

    def counts(self, value: Value) -> bool:
        """Whether this is one of them."""
        return str(value).startswith(self.prefix) and self.field.counts(value)


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Asks for the groups of matching activities with the same values of the fields in `by`; per group, the number of distinct
    values of each field in `distinct`.
    """

    by: tuple[ValuesOf, ...]
    distinct: tuple[ValuesOf, ...]
    predicate: Predicate


class ValueGroup(NamedTuple):
    """Activities with the same values: how many, how many distinct values they have of other fields, and the dates (ms) of the
    first and the last.
    """

    values: tuple[Value, ...]
    total: int
    distinct: tuple[int, ...]
    first: int
    last: int


class Groups(Collection[ValueGroup], Protocol):
    """Every group, in order of its values; all counts are exact, of one moment."""

    def histograms(
        self, groups: Sequence[ValueGroup], /, *, first: int, last: int, width: int
    ) -> Sequence[Mapping[int, int]]:
        """Per group, the exact counts of the non-empty buckets of its dates; buckets are those of a HistogramQuery.

        Takes at most a few searches, however many groups there are.
        """
        ...


class Change(NamedTuple):
    """A stored activity: its sequence number and its record."""

    number: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """Activities in sequence order. `reached` is the sequence number up to which the store was read."""

    changes: Sequence[Change]
    reached: int


class CheckState(StrEnum):
    """How a check ended. The values are those of `casbah doctor --json`."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: what was checked, how it ended, what was seen, and how to fix it unless it is OK."""

    what: str
    state: CheckState
    seen: str
    fix: str = ""


class PreparedByStore(Protocol):
    """A new activity prepared by a store's `prepare`, possibly in another process. Opaque to all but that store."""

    @property
    def timestamp(self) -> int:
        """When it happened, in ms since the epoch."""
        ...

    @property
    def record(self) -> bytes:
        """The record as received, without the fields that the store adds."""
        ...


class Searchable(Protocol):
    """Queries over one tenant's activities. Those with a `deadline` raise SearchTooLongError past it."""

    def find(self, query: Query, /, *, deadline: Deadline = NEVER) -> Page:
        """One page of matching activities, with the exact total."""
        ...

    def scan(self, query: Query, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """One page of a scan. Never splits the activities of one millisecond across pages (docs/compatibility.md, 5)."""
        ...

    def count(self, predicate: Predicate, /, *, deadline: Deadline = NEVER) -> int:
        """The exact number of matching activities."""
        ...

    def top_values(self, query: FacetQuery, /, *, deadline: Deadline = NEVER) -> Sequence[FieldValue]:
        """The most frequent values of a field, with exact counts; ties in order of value."""
        ...

    def histogram(self, query: HistogramQuery, /, *, deadline: Deadline = NEVER) -> Mapping[int, int]:
        """Exact counts of the non-empty buckets, in order, by their first ms."""
        ...

    def groups(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> Groups:
        """The groups of the matching activities.

        An activity with several values of a field belongs to several groups, and one without any to none. Takes memory for
        every match, so bound their number first.
        """
        ...

    def totals(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> Mapping[tuple[Value, ...], int]:
        """How many activities each group has, by its values: cheaper than `groups` if one field makes them."""
        ...

    def latest(self, query: LatestQuery, /, *, deadline: Deadline = NEVER) -> Mapping[Value, bytes]:
        """By value, the record of the newest match that has it; of several at the same ms, of the one stored last."""
        ...

    def fetch(self, activity_id: str, /) -> bytes | None:
        """The record with this `_id`, or None."""
        ...


class Reader(Searchable, Protocol):
    """What can be read of one tenant's activities: queries, changes in order, and feedback."""

    def changes(self, predicate: Predicate, /, *, after: int, limit: int, deadline: Deadline = NEVER) -> Changes:
        """The first `limit` matching activities with sequence numbers above `after`, in sequence order. 0 reads from the start.

        Activities stored later get numbers above `reached`, so a reader that continues from there misses nothing.
        """
        ...

    def high_water_mark(self) -> int:
        """High-water mark: every sequence number up to this one is committed and visible. Cheap to poll."""
        ...

    def feedback(self, activity_id: str, /) -> Sequence[FeedbackEntry]:
        """The feedback on an activity, oldest first. Raises ActivityNotFoundError."""
        ...

    def ids_with_feedback(self) -> Sequence[str]:
        """The ids of the activities that have feedback."""
        ...


class Inserter(Protocol):
    """Stores new activities of one tenant. Raises ReadOnlyError or UnwritableError if nothing can be stored."""

    def insert(self, new_activities: Iterable[NewActivity | PreparedByStore], /) -> Inserted:
        """Store new activities; durable on return. Idempotent: inserting the same batch again changes nothing.

        The iterable is consumed lazily, so it may parse as it goes. If it raises, nothing is stored.
        """
        return self.insert_soon(new_activities).result()

    def insert_soon(
        self, new_activities: Iterable[NewActivity | PreparedByStore], /, *, urgent: bool = False
    ) -> Future[Inserted]:
        """Like `insert`, without waiting: the future completes once the batch is durable.

        On a full disk, an `urgent` batch may use the space reserved for deletions.
        """
        ...


class Writer(Inserter, Protocol):
    """The methods of a tenant that add to its activities. Raises ReadOnlyError or UnwritableError if nothing can be stored."""

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, /, *, maximum: int | None = None) -> bool:
        """Append an entry; durable on return. Returns False if the activity already has `maximum` entries.

        On a cluster, servers that add concurrently may exceed `maximum` by one each. Raises ActivityNotFoundError.
        """
        ...


class Maintenance(Protocol):
    """Changes or removes one tenant's stored activities. Raises ReadOnlyError or UnwritableError."""

    def replace(self, new_activities: Sequence[NewActivity], /) -> int:
        """Replace the records of stored activities; durable on return. Returns how many; ignores ids that are not stored.

        An activity keeps its id, `timestamp`, `created`, position in every order and dedup key. So pass the original
        `timestamp`, `created` and `digest`, and an empty `adds`.
        """
        ...

    def delete(self, predicate: Predicate, /) -> int:
        """Delete matching activities and their feedback; durable on return. Returns the number of activities deleted.

        Deletes hide an activity immediately; `compact` later removes its bytes from disk. A deleted event that is sent again is
        stored again.
        """
        ...

    def compact(self) -> bool:
        """One step of compaction: purge deleted activities from disk, indexes included. Returns whether to call it again."""
        ...


class Tenant(Reader, Writer, Maintenance, Protocol):
    """One tenant's activities. Thread-safe. Methods raise StoreClosedError once the store is closed."""


class ReplicaTenant(Searchable, Inserter, Protocol):
    """What every process of a server can do with one tenant's activities; the rest is for the process that owns the store."""


class ReplicaStore(Protocol):
    """Activities of many tenants, isolated by construction: a tenant sees its own data and no other's. Thread-safe."""

    @property
    def is_remote(self) -> bool:
        """Whether queries go over a network."""
        ...

    def prepare(self, new_activity: NewActivity, /) -> PreparedByStore:
        """The part of an insert that needs no store access. Thread-safe and picklable, so it can run in another process."""
        ...

    def tenant(self, tenant_id: TenantId, /) -> ReplicaTenant:
        """A tenant's activities, even if it has none yet. Blocks until they are open (see `opening`)."""
        ...

    def opening(self, tenant_id: TenantId, /) -> Future[Any] | None:
        """Open the tenant's data in the background. Returns None if it is open already.

        Callers that must not block await the future first. If opening fails, `tenant` tries again.
        """
        ...

    def close(self) -> None:
        """Close the store. Later calls raise StoreClosedError."""
        ...


class InsertingStore(Protocol):
    """What a replica needs to insert: the store in the process that owns it."""

    def tenant(self, tenant_id: TenantId, /) -> Inserter:
        """A tenant's activities, to insert into."""
        ...


class Store(ReplicaStore, Protocol):
    """The whole store, in the process that owns it."""

    def tenant(self, tenant_id: TenantId, /) -> Tenant:
        """A tenant's activities, even if it has none yet. Blocks until they are open (see `opening`)."""
        ...

    def tenants(self) -> Sequence[str]:
        """The tenants that have, or once had, activities."""
        ...

    def tenants_to_compact(self) -> Sequence[str]:
        """The tenants with deleted activities still on disk. Opens none of them, so it is cheap to poll."""
        ...

    def unwritable(self) -> str | None:
        """The system's reason why writes fail now, or None if they should succeed."""
        ...

    def make_room(self) -> None:
        """On a full disk, release the space reserved for deletions. Call it before whatever else a deletion writes."""
        ...

    def snapshot(self, into: Path, /) -> Mapping[str, int]:
        """Write a consistent copy, which can be opened as a store, to a folder on the same disk. Returns counts by tenant."""
        ...
