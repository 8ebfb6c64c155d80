"""One tenant's activities in the embedded store: a folder of partitions, one write queue, and searches over what is visible."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.errors import ActivityNotFoundError, CasbahError, ReadOnlyError, StoreClosedError
from casbah.store.contract import (
    Changes,
    FeedbackEntry,
    Inserted,
    Inserter,
    PreparedByStore,
    ScanPage,
)
from casbah.store.embedded import sealed
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.compaction import Compaction, waiting
from casbah.store.embedded.document import prepared
from casbah.store.embedded.feedback import Feedback
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.known_terms import KnownTerms
from casbah.store.embedded.partitions import Partitions, State
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.search import Search
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.embedded.sequence import Sequencer
from casbah.store.embedded.write_queue import WriteQueue
from casbah.store.sealed import SealedRecord, SealedRecords

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all tenants of a store share. `changed` is called by the writing thread before a change becomes visible."""

    index_writers: IndexWriters
    writing: Executor
    reserve: Reserve
    cache: Cache
    clock: Callable[[], int]
    changed: Callable[[], None]
    read_only: bool
    before_deleting: Callable[[], Callable[[str, Sequence[int]], None] | None] = lambda: None
    """What is called before anything is deleted, if something is; see `SealedStore`."""


class EmbeddedTenant(Search, Inserter):
    """See `Tenant`."""

    def __init__(self, folder: Path, shared: Shared) -> None:
        super().__init__(self._searchers_if_open)
        self._folder = folder
        self._shared = shared
        self._closed = False
        self._partitions = Partitions(folder, cache=shared.cache, changed=shared.changed)
        self._feedback = Feedback(folder)
        sequencer = Sequencer(shared.clock, last=self._partitions.last)
        self._compaction = Compaction(
            self._partitions, index_writers=shared.index_writers, sequencer=sequencer, reserve=shared.reserve
        )
        self._write_queue = WriteQueue(
            self._partitions,
            index_writers=shared.index_writers,
            sequencer=sequencer,
            writing=shared.writing,
            reserve=shared.reserve,
            open_known=partial(KnownTerms, folder, self._partitions),
        )

    @property
    def state(self) -> State:
        """What a replica must know to see what this process sees."""
        return self._partitions.state()

    @property
    def total(self) -> int:
        """How many activities there are."""
        return sum(searcher.held for searcher in self._partitions.searchers())

    def scan(self, query: Query, /, *, deadline: Deadline = NEVER) -> ScanPage:
        if self._partitions.crowded:
            self._write_queue.exclusively(self._shed)
        return super().scan(query, deadline=deadline)

    def changes(self, predicate: Predicate, /, *, after: int, limit: int, deadline: Deadline = NEVER) -> Changes:
        last = self.high_water_mark()  # Read before the partitions: they hold everything up to it, and perhaps more.
        return self.changes_up_to(predicate, after=after, last=last, limit=limit, deadline=deadline)

    def high_water_mark(self) -> int:
        self._require_open()
        return self._write_queue.high_water_mark

    def sealed(self, *, after: int, limit: int) -> SealedRecords:
        """See `SealedTenant`; so are the next two."""
        last = self.high_water_mark()
        return sealed.stored(self._searchers_if_open(), after=after, last=last, limit=limit)

    def replaced(self, *, after: int, limit: int) -> SealedRecords:
        last = self.high_water_mark()
        return sealed.replaced(self._searchers_if_open(), after=after, last=last, limit=limit)

    def sealed_record(self, activity_id: str, /) -> SealedRecord | None:
        return sealed.one(self._searchers_if_open(), activity_id)

    def feedback(self, activity_id: str, /) -> Sequence[FeedbackEntry]:
        self._require_activity(activity_id)
        return self._feedback.of(activity_id)

    def ids_with_feedback(self) -> Sequence[str]:
        self._require_open()
        return self._feedback.activities()

    def insert_soon(
        self, new_activities: Iterable[NewActivity | PreparedByStore], /, *, urgent: bool = False
    ) -> Future[Inserted]:
        self._require_writable()
        return self._write_queue.insert_soon(new_activities, urgent=urgent)

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, /, *, maximum: int | None = None) -> bool:
        self._require_writable()
        self._require_activity(activity_id)
        return self._feedback.add(activity_id, entry, maximum=maximum)

    def replace(self, new_activities: Sequence[NewActivity], /) -> int:
        self._require_writable()
        return self._write_queue.replace([prepared(new_activity) for new_activity in new_activities]).result()

    def delete(self, predicate: Predicate, /) -> int:
        self._require_writable()
        count = self._write_queue.exclusively(partial(self._deleted, predicate)).result()
        if count:
            self._delete_stale_feedback()
        return count

    def compact(self) -> bool:
        self._require_open()
        if self._shared.read_only or not waiting(self._folder):
            return False
        self._shared.reserve.fill()
        more = self._write_queue.exclusively(self._compaction.compact).result()
        if not waiting(self._folder):  # The last step. The process that deleted may have stopped before it got here.
            self._delete_stale_feedback()
        return more

    def close(self) -> None:
        """Release the files. Calls after this raise StoreClosedError."""
        self._closed = True
        self._feedback.close()

    def _deleted(self, predicate: Predicate) -> int:
        """Delete in the writing thread."""
        if (before := self._shared.before_deleting()) is not None:
            last = self._partitions.last
            if numbers := self.numbers(predicate, last=last):
                self._shared.reserve.using(partial(before, self._folder.name, numbers))
        return self._compaction.delete(predicate)

    def _searchers_if_open(self) -> Sequence[PartitionSearcher]:
        self._require_open()
        return self._partitions.searchers()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreClosedError

    def _require_writable(self) -> None:
        self._require_open()
        if self._shared.read_only:
            raise ReadOnlyError

    def _require_activity(self, activity_id: str) -> None:
        if self.fetch(activity_id) is None:
            raise ActivityNotFoundError

    def _delete_stale_feedback(self) -> None:
        """Delete the feedback on activities that no longer exist."""
        for activity_id in self._feedback.activities():
            if self.fetch(activity_id) is None:
                self._shared.reserve.using(partial(self._feedback.forget, activity_id))

    def _shed(self) -> None:
        try:
            self._partitions.shed()
        except CasbahError as error:
            _log.warning("scans use more memory than necessary: a partition cannot be reopened: %s", error)
