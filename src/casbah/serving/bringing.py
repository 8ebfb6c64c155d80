"""Activities on their way from a process that has made them ready to the one that stores them, and the answers back.

What comes while a message is being sent goes with the next one: the busier the line, the more of them share the way.
"""

import itertools
import logging
import pickle
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.errors import StoreClosedError
from casbah.failure import bug
from casbah.store.contract import Inserted, Writer

_log = logging.getLogger("casbah.serving")
_MOST_TOGETHER = 200
Batch = tuple[int, str, Sequence[Any]]
"""A number to answer it by, a tenant, and what was made ready for it."""

Outcome = tuple[int, Inserted | None, BaseException | None]
"""What became of the batch of that number: an answer, or an error."""

Opened = Callable[[TenantId], Writer]


class Brought:
    """The end of the line at which activities are made ready. Any thread may add."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Inserted]] = {}
        self._sender = _Sender(line)
        threading.Thread(target=self._hear, name="casbah-stored", daemon=True).start()

    def add(self, tenant: str, entries: Sequence[Any]) -> Future[Inserted]:
        """The answer is there once the owner has stored them."""
        stored: Future[Inserted] = Future()
        stored.set_running_or_notify_cancel()  # It is sent at once, so it cannot be cancelled.
        number = next(self._numbers)
        self._waiting[number] = stored
        self._sender.send((number, tenant, entries))
        return stored

    def _hear(self) -> None:
        """Until the owner is gone; that ends this process, see `apart`."""
        while (answers := _heard(self._line)) is not None:
            for number, answer, error in answers:
                stored = self._waiting.pop(number)
                if error is not None:
                    stored.set_exception(error)
                else:
                    stored.set_result(answer)
        for stored in list(self._waiting.values()):
            stored.set_exception(StoreClosedError())


def store(line: Connection, tenant_of: Opened) -> None:
    """The owner's end: store what comes and say what became of it, until the other process is gone."""
    sender = _Sender(line)
    while (batches := _heard(line)) is not None:
        for number, name, entries in batches:
            try:
                stored = tenant_of(TenantId(name)).insert_soon(entries)
            except Exception as error:  # noqa: BLE001  raised in the process that sent the batch; other batches continue
                _report(error)
                sender.send((number, None, _portable(error)))
            else:
                stored.add_done_callback(partial(_tell, sender, number))
    sender.end()


def _tell(sender: "_Sender", number: int, stored: "Future[Inserted]") -> None:
    error = stored.exception()
    if error is not None:
        _report(error)
    sender.send((number, None if error is not None else stored.result(), None if error is None else _portable(error)))


def _report(error: BaseException) -> None:
    """A bug is logged here: another process gets the error without its traceback."""
    if bug(error):
        _log.error("storing failed", exc_info=error)


def _portable(error: BaseException) -> BaseException:
    """An error as another process can read it."""
    try:
        same: BaseException = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    except Exception:  # noqa: BLE001  whatever keeps it from being sent, what it says can be
        return RuntimeError(f"{type(error).__name__}: {error}")
    return same


def _heard(line: Connection) -> Any:
    """What comes next; None once nothing will."""
    try:
        return line.recv()
    except (OSError, EOFError):
        return None


class _Sender:
    """Sends, in a thread of its own, all that waits in one message."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._queue: queue.SimpleQueue[Batch | Outcome | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="casbah-send", daemon=True).start()

    def send(self, one: Batch | Outcome) -> None:
        """Send it soon."""
        self._queue.put(one)

    def end(self) -> None:
        """Nobody listens any more."""
        self._queue.put(None)

    def _run(self) -> None:
        while True:
            together = [self._queue.get()]
            while len(together) < _MOST_TOGETHER and not self._queue.empty():
                together.append(self._queue.get())
            if None in together:
                self._line.close()
                return
            try:
                self._line.send(together)
            except OSError:  # The receiver is gone, and needs no answer.
                continue
