"""One tenant's activities: partitions in a folder, a write queue, and readers."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

from casbah.activity.deadline import Deadline
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.errors import CasbahError
from casbah.store.contract import Inserted, Prepared, ScanPage
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.compaction import Compaction
from casbah.store.embedded.document import prepared
from casbah.store.embedded.feedback import Feedback
from casbah.store.embedded.partitions import Partitions, State
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.search import Search
from casbah.store.embedded.sequence import Sequencer
from casbah.store.embedded.write_queue import WriteQueue
from casbah.store.embedded.writer import Writers

_log = logging.getLogger(__name__)


class Tenant:
    """The activities of one tenant. `search` reads them; `feedback` holds the feedback on them."""

    def __init__(  # noqa: PLR0913  shared by all tenants
        self,
        folder: Path,
        *,
        writers: Writers,
        cache: Cache,
        clock: Callable[[], int],
        writing: Executor,
        changed: Callable[[], None],
        reserve: Reserve,
    ) -> None:
        self._partitions = Partitions(folder, cache=cache, changed=changed)
        sequencer = Sequencer(clock, last=self._partitions.last)
        self._compaction = Compaction(self._partitions, writers=writers, sequencer=sequencer, reserve=reserve)
        self._write_queue = WriteQueue(
            self._partitions, writers=writers, sequencer=sequencer, writing=writing, reserve=reserve
        )
        self.search = Search(self._partitions.searchers)
        self.feedback = Feedback(folder)

    @property
    def state(self) -> State:
        """The state that replicas catch up with."""
        return self._partitions.state()

    @property
    def held(self) -> int:
        """The number of activities."""
        return sum(searcher.held for searcher in self._partitions.searchers())

    @property
    def high_water_mark(self) -> int:
        """See `Store.high_water_mark`."""
        return self._write_queue.high_water_mark

    def scan(self, query: Query, deadline: Deadline) -> ScanPage:
        """One page of a scan."""
        if self._partitions.crowded:
            self._write_queue.exclusively(self._shed)
        return self.search.scan(query, deadline)

    def insert(self, new_activities: Iterable[NewActivity | Prepared], *, urgent: bool = False) -> Future[Inserted]:
        """Store new activities. The future completes when all of them are synced to disk."""
        return self._write_queue.insert(new_activities, urgent=urgent)

    def replace(self, new_activities: Sequence[NewActivity]) -> int:
        """Replace records under their ids. Returns how many were replaced."""
        return self._write_queue.replace([prepared(new_activity) for new_activity in new_activities]).result()

    def delete(self, predicate: Predicate) -> int:
        """Delete matching activities. Returns how many."""
        return self._write_queue.exclusively(lambda: self._compaction.delete(predicate)).result()

    def compact(self) -> bool:
        """Run one step of compaction. Returns whether there is more to do."""
        return self._write_queue.exclusively(self._compaction.compact).result()

    def _shed(self) -> None:
        try:
            self._partitions.shed()
        except CasbahError as error:
            _log.warning("scans use more memory than usual: a partition cannot be reopened: %s", error)
