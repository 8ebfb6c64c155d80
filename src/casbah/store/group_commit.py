"""Batches that wait together are stored together: a commit costs the same for one activity as for a thousand.

Whoever comes while another one commits waits, and the next commit takes all who wait: each is told of its own batch, and
only once it is safe. One thread of `writing` writes for all: were the callers' own threads to write in turn, each would have
to be woken to find that another one has done its work.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from casbah.errors import StoreClosedError
from casbah.store.contract import Inserted
from casbah.store.entry import Prepared

MOST_TOGETHER = 5_000
"""Batches share a commit as long as they have no more activities than this together; a larger one has it to itself."""


@dataclass(slots=True)
class Batch:
    """What one caller brings, and what becomes of it: an answer or an error."""

    entries: Sequence[Prepared]
    told: Future[Inserted] = field(default_factory=Future)
    answer: Inserted | None = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Give the answer, or raise the error, where somebody still waits for it."""
        if not self.told.set_running_or_notify_cancel():
            return
        if self.error is not None:
            self.told.set_exception(self.error)
        else:
            self.told.set_result(self.answer or Inserted(0, 0))


Kind = TypeVar("Kind", bound=Batch)


class GroupCommit(Generic[Kind]):
    """Hands batches to `store`, a group at a time, which leaves an answer or an error in each. Any thread may add.

    `afterwards` is called once a group has been told.
    """

    def __init__(
        self,
        store: Callable[[Sequence[Kind]], None],
        *,
        writing: Executor,
        afterwards: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._afterwards = afterwards
        self._writing = writing
        self._changing = threading.Lock()
        self.waiting: deque[Kind] = deque()
        self._at_work = False

    def add(self, batch: Kind) -> Future[Inserted]:
        """The answer is there once all of the batch is safe."""
        if not batch.entries:
            batch.told.set_result(Inserted(0, 0))
            return batch.told
        with self._changing:
            self.waiting.append(batch)
            begin, self._at_work = not self._at_work, True
        if begin:
            self._begin()
        return batch.told

    def _begin(self) -> None:
        """Have the next group written. Tenants take turns, so it is one group and then the end of the queue."""
        try:
            self._writing.submit(self._next)
        except RuntimeError:  # It has shut down.
            self._give_up()

    def _next(self) -> None:
        with self._changing:
            group = self._together()
            self._at_work = bool(group)
        if group:
            self._answer(group)
            self._begin()

    def _answer(self, group: Sequence[Kind]) -> None:
        """Each batch has an answer or an error afterwards, whatever happens."""
        try:
            self._store(group)
        except BaseException as wrong:  # noqa: BLE001  the engine's panics are no Exceptions; whose batch waits must hear of it
            for batch in group:
                if batch.answer is None and batch.error is None:
                    batch.error = wrong
        for batch in group:
            batch.tell()
        self._afterwards()

    def _give_up(self) -> None:
        with self._changing:
            waiting, self._at_work = list(self.waiting), False
            self.waiting.clear()
        for batch in waiting:
            batch.error = StoreClosedError()
            batch.tell()

    def _together(self) -> list[Kind]:
        """The batches that have waited longest and may share a commit; none if none waits."""
        if not self.waiting:
            return []
        group = [self.waiting.popleft()]
        size = len(group[0].entries)
        while self.waiting and size + len(self.waiting[0].entries) <= MOST_TOGETHER:
            group.append(self.waiting.popleft())
            size += len(group[-1].entries)
        return group
