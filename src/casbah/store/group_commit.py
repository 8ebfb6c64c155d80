"""Group commit: batches that wait together share a commit, which costs the same for one activity as for a thousand.

Batches that arrive during a commit wait, and the next commit takes them all. Each caller gets its own result, once its batch is
durable. One thread of `writing` writes for all: if the callers' threads took turns to write, each would have to wake up only to
find its work done.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from casbah.errors import StoreClosedError
from casbah.store.contract import Inserted
from casbah.store.prepared import Prepared

MAX_TOGETHER = 10_000
"""The most activities in a shared commit. A larger batch gets a commit of its own."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Batch:
    """One caller's entries, and their result or error."""

    entries: Sequence[Prepared]
    future: Future[Inserted] = field(default_factory=Future)
    answer: Inserted | None = None
    error: BaseException | None = None

    def complete(self) -> None:
        """Complete the future, unless it was canceled."""
        if not self.future.set_running_or_notify_cancel():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.answer or Inserted(0, 0))


Kind = TypeVar("Kind", bound=Batch)


class GroupCommit(Generic[Kind]):
    """Passes batches to `store` in groups; it sets the answer or the error of each. Thread-safe.

    `afterwards` is called after the futures of a group have completed. If it fails, that is logged.
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
        """Queue a batch. The future completes once the batch is durable."""
        if not batch.entries:
            batch.future.set_result(Inserted(0, 0))
            return batch.future
        with self._changing:
            self.waiting.append(batch)
            begin, self._at_work = not self._at_work, True
        if begin:
            self._begin()
        return batch.future

    def _begin(self) -> None:
        """Submit one group to the executor, then go to the end of its queue, so that tenants take turns."""
        try:
            self._writing.submit(self._next)
        except RuntimeError:  # The executor has shut down.
            self._give_up()

    def _next(self) -> None:
        with self._changing:
            group = self._next_group()
            self._at_work = bool(group)
        if group:
            self._answer(group)
            self._begin()

    def _answer(self, group: Sequence[Kind]) -> None:
        """Store a group and complete its batches, each with an answer or an error, whatever happens."""
        try:
            self._store(group)
        except BaseException as error:  # noqa: BLE001  engine panics are not Exceptions, and waiting callers need the error
            for batch in group:
                if batch.answer is None and batch.error is None:
                    batch.error = error
        for batch in group:
            batch.complete()
        try:
            self._afterwards()
        except BaseException:  # noqa: BLE001  as above; nobody waits for this
            _log.exception("what follows a commit failed; waiting batches are stored nevertheless")

    def _give_up(self) -> None:
        with self._changing:
            waiting, self._at_work = list(self.waiting), False
            self.waiting.clear()
        for batch in waiting:
            batch.error = StoreClosedError()
            batch.complete()

    def _next_group(self) -> list[Kind]:
        """The oldest waiting batches that fit in one commit; empty if no batch waits."""
        if not self.waiting:
            return []
        group = [self.waiting.popleft()]
        size = len(group[0].entries)
        while self.waiting and size + len(self.waiting[0].entries) <= MAX_TOGETHER:
            group.append(self.waiting.popleft())
            size += len(group[-1].entries)
        return group
