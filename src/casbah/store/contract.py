"""What a store does, whichever engine it is; `tests/contract` holds every engine to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope

COUNTED = frozenset(Kind) - {Kind.MS, Kind.ADDRESS, Kind.WORDS}
"""Kinds of fields whose values can be counted: moments, keys of addresses and words are of no use one by one."""


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of a batch: every arrival is one of the three. `refused`: position in the batch, and the reason."""

    stored: int
    duplicates: int
    refused: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Records as their own bytes, in order, and the exact number of activities that match."""

    records: Sequence[bytes]
    total: int


@dataclass(frozen=True, slots=True)
class ScanPage:
    """One page of a scan. `boundary` (ms of the sort field) is where the next one begins, None on the last page.

    `records` is an iterator, because a page that one millisecond fills may be larger than memory.
    """

    records: Iterator[bytes]
    total: int
    boundary: int | None


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """One piece of feedback on one activity: when (ms), from whom (the token's name), and the JSON object that was sent."""

    at: int
    who: str
    what: bytes


@dataclass(frozen=True, slots=True)
class FacetQuery:
    """What is asked of a field: its `limit` most frequent values that begin with `prefix`, among what matches."""

    field: Field
    predicate: Predicate
    limit: int
    prefix: str = ""


class FieldValue(NamedTuple):
    """A value of a field as it is compared (`activity/fields.py`), and how many activities have it."""

    value: Value
    total: int


@dataclass(frozen=True, slots=True)
class HistogramQuery:
    """Spans of `width` ms from `first` on, the last of which holds `last`; `field` is a moment."""

    field: Field
    predicate: Predicate
    first: int
    last: int
    width: int


class Change(NamedTuple):
    """An activity that was stored: the number of its storing, and its record."""

    number: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """Activities in the order of storing. All that was stored up to the number `reached` has been looked at."""

    changes: Sequence[Change]
    reached: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at; `good`, `doubtful` or `bad`; what was seen, and where it is not good, what helps."""

    what: str
    state: str
    seen: str


class Prepared(Protocol):
    """An arrival made ready by a store's `prepare`, in another process perhaps: nobody else looks into it."""

    @property
    def id(self) -> str:
        """The `_id` to store it by, if that is free."""
        ...

    @property
    def record(self) -> bytes:
        """The record as it came, without what storing adds."""
        ...


class Store(Protocol):
    """Activities of many tenants, apart by construction: a Scope opens one tenant's data and no other's."""

    @property
    def is_remote(self) -> bool:
        """Whether every question waits for a network."""
        ...

    def prepare(self, new_activity: NewActivity, /) -> Prepared:
        """What of storing an arrival needs no look at the store; to be called anywhere, and a function that can be pickled."""
        ...

    def opening(self, scope: Scope, /) -> Future[Any] | None:
        """None where the tenant's activities can be asked for at once. Otherwise they are being opened, which takes a while:
        callers that must not block await this first. An error in it is raised again by the call that asks.
        """
        ...

    def insert(self, new_activities: Iterable[NewActivity | Prepared], scope: Scope, /) -> Inserted:
        """Store what is new; returns once all of it is on disk. The same batch again changes nothing.

        Arrivals are taken one at a time, best while each is being parsed; an error on the way stores none of them.
        """
        ...

    def insert_soon(
        self, new_activities: Iterable[NewActivity | Prepared], scope: Scope, /, *, urgent: bool = False
    ) -> Future[Inserted]:
        """The same for those who do not wait in a thread of their own: the answer is there once all of it is on disk.

        On a full disk, what is `urgent` may use the room that is kept for deletions.
        """
        ...

    def replace(self, new_activities: Sequence[NewActivity], scope: Scope, /) -> int:
        """Store records anew under their ids; returns how many of them there were, once all is on disk. Others are left out.

        A record keeps its id, its `timestamp` and its `created`, its place in every order and the source's event by which it
        is known (`digest` is to be that event's again, if it had one); it brings all of that itself, so `adds` is empty.
        """
        ...

    def find(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> Page:
        """The page that the query asks for, with its exact total. Raises SearchTooLongError, as do `scan` and `count`."""
        ...

    def scan(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """One page of a scan, never splitting the activities of one millisecond (`wire.md`, 5)."""
        ...

    def count(self, predicate: Predicate, scope: Scope, /, *, deadline: Deadline = NEVER) -> int:
        """How many activities match, exactly."""
        ...

    def top_values(self, wanted: FacetQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Sequence[FieldValue]:
        """The most frequent values of a field with exact counts, equals in the order of their values."""
        ...

    def histogram(self, spans: HistogramQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Mapping[int, int]:
        """How many activities match in each span that has any, exactly, by its first ms; in order."""
        ...

    def changes(
        self, predicate: Predicate, scope: Scope, /, *, after: int, limit: int, deadline: Deadline = NEVER
    ) -> Changes:
        """The first activities that match and were stored after the one of that number; after 0, all that are stored.

        In the order of storing, each once, whatever its moment. What is stored later has a larger number than `reached`, so who
        goes on from there misses nothing.
        """
        ...

    def settled(self, scope: Scope, /) -> int:
        """The number up to which all that will ever be stored is stored; cheap, to be asked often."""
        ...

    def fetch(self, activity_id: str, scope: Scope, /) -> bytes | None:
        """The record of that `_id`."""
        ...

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, scope: Scope, /, *, most: int | None = None) -> bool:
        """Append one entry; on disk on return. False where the activity has `most` entries already; on a cluster, servers
        that add at the same moment may pass that by one each. Raises ActivityNotFoundError.
        """
        ...

    def feedback(self, activity_id: str, scope: Scope, /) -> Sequence[FeedbackEntry]:
        """The entries of an activity, oldest first. Raises ActivityNotFoundError."""
        ...

    def ids_with_feedback(self, scope: Scope, /) -> Sequence[str]:
        """The ids of the activities that have feedback."""
        ...

    def delete(self, predicate: Predicate, scope: Scope, /) -> int:
        """Delete what matches, with the feedback on it; how many activities that were.

        On return none of them is found in any way, and that is on disk. Delivered again, they are stored again.
        """
        ...

    def erase(self, scope: Scope, /) -> bool:
        """Remove some more of what was deleted from the disk, its indexes and all; whether there is more of it."""
        ...

    def tenants(self) -> Sequence[str]:
        """The tenants that have activities, or had."""
        ...

    def unwritable(self) -> str | None:
        """Why nothing can be stored now, in the system's words; None if it can, as far as this can be known."""
        ...

    def snapshot(self, into: Path, /) -> Mapping[str, int]:
        """Put all that is stored now into a folder of the same disk, as a store that can be opened; how many activities each
        tenant has in it.
        """
        ...

    def close(self) -> None:
        """Let go of the data; calls after this raise StoreClosedError."""
        ...
