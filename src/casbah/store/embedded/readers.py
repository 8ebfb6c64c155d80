"""Searches in processes beside this one.

The engine searches without Python's lock, but putting a page together takes that lock a few hundred times, and threads that
do so at once spend their time waiting for each other: eight clients were answered at half the rate of one. So a search that
finds this process free is done here, which is quickest; one that finds another under way goes to a process of its own.

These only read. The process that writes tells them with each question what there is to see, so that whoever has stored
something finds it. They are started when searches first overlap, end with the process that started them, and one that takes
longer than its question may is stopped, for the engine itself knows no end.
"""

import gc
import logging
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from casbah.activity.deadline import Deadline
from casbah.activity.scope import Scope
from casbah.errors import SearchTooLongError, StoreClosedError
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.periods import ReadPeriods, State
from casbah.store.embedded.search import Search

_log = logging.getLogger(__name__)
_GRACE = 2.0
"""Seconds that a reader has to notice itself that the time is over."""

_LONGEST = 3_600.0
_CROWDED = 0.5
"""Seconds after searches overlapped in which the next one is expected to overlap with others as well."""

_DONE, _LATE, _STUCK, _DIED, _FAILED = "done", "late", "stuck", "died", "failed"


@dataclass(frozen=True, slots=True)
class _Reader:
    process: BaseProcess
    line: Connection


class Readers:
    """At most `processes` of them, none if 0. Any thread may ask."""

    def __init__(self, folder: Path, *, processes: int, cache: int) -> None:
        self._folder = folder
        self._most = processes
        self._cache = cache
        self._idle: queue.LifoQueue[_Reader | None] = queue.LifoQueue()
        self._counting = threading.Lock()
        self._under_way = 0
        self._crowded_until = 0.0
        self._running = 0
        self._closed = False

    def search(
        self, name: str, asked: Any, until: Deadline, *, here: Search, scope: Scope, state: Callable[[], State]
    ) -> Any:
        """What `here.<name>(asked, until)` returns, from whichever process answers it."""
        with self._counting:
            self._under_way += 1
            now = time.monotonic()
            if self._under_way > 1:
                self._crowded_until = now + _CROWDED
            alone = now > self._crowded_until
        try:
            reader = None if alone or not self._most else self._free(until)
            if reader is not None:
                said, answer = self._answer(reader, (scope.tenant, state(), name, asked), until)
                if said == _DONE:
                    return answer
            return getattr(here, name)(asked, until)
        finally:
            with self._counting:
                self._under_way -= 1

    def close(self) -> None:
        """Stop them all. Whoever waits for one hears that the store is closed."""
        with self._counting:
            self._closed = True
        while self._running_now():
            try:
                reader = self._idle.get(timeout=_GRACE)
            except queue.Empty:
                return
            if reader is not None:
                self._stop(reader)
        self._idle.put(None)

    def _running_now(self) -> int:
        with self._counting:
            return self._running

    def _free(self, until: Deadline) -> _Reader | None:
        """A reader that has nothing to do, once there is one; None if one more has just been asked to start."""
        with self._counting:
            if self._closed:
                raise StoreClosedError
            start = self._running < self._most
            if start:
                self._running += 1
        if start:
            threading.Thread(target=self._start, name="casbah-readers", daemon=True).start()
            return None
        try:
            reader = self._idle.get(timeout=min(max(until.end - time.monotonic(), 0.0), _LONGEST))
        except queue.Empty:
            raise SearchTooLongError(until.seconds or 0) from None
        if reader is None:
            self._idle.put(None)
            raise StoreClosedError
        return reader

    def _start(self) -> None:
        spawning = get_context("spawn")
        ours, theirs = spawning.Pipe()
        process = spawning.Process(
            target=_serve, args=(theirs, self._folder, self._cache), name="casbah-reader", daemon=True
        )
        try:
            process.start()
            theirs.close()
            ours.recv()
        except (OSError, EOFError) as wrong:
            _log.warning("a process for searches could not be started, so they go on in this one: %s", wrong)
            with self._counting:
                self._most = 0
            return
        self._idle.put(_Reader(process, ours))

    def _answer(self, reader: _Reader, question: tuple[Any, ...], until: Deadline) -> tuple[str, Any]:
        """What a reader says; that it has died is said for it, and whoever asked may look for the answer here."""
        left = min(until.end - time.monotonic(), _LONGEST)
        try:
            reader.line.send((*question, left))
            said, answer = _heard(reader.line, left + _GRACE)
        except (OSError, EOFError):
            said, answer = _DIED, None
        except BaseException:
            self._stop(reader)
            raise
        if said in (_DIED, _STUCK):
            self._stop(reader)
        else:
            self._idle.put(reader)
        if said in (_LATE, _STUCK):
            raise SearchTooLongError(until.seconds or 0)
        if said == _FAILED:
            raise RuntimeError(f"a search failed beside this process:\n{answer}")
        return said, answer

    def _stop(self, reader: _Reader) -> None:
        reader.line.close()
        reader.process.kill()
        reader.process.join()
        with self._counting:
            self._running -= 1


def _heard(line: Connection, seconds: float) -> tuple[str, Any]:
    """What a reader says within so many seconds."""
    if not line.poll(seconds):
        return _STUCK, None
    said, answer = line.recv()
    return said, answer


def _serve(line: Connection, folder: Path, cache: int) -> None:
    """Answer questions until the line is closed at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever started us decides when we end.
    kept = Cache(cache)
    tenants: dict[str, ReadPeriods] = {}
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    line.send("ready")
    while True:
        try:
            tenant, state, name, asked, left = line.recv()
        except EOFError:
            return
        if tenant not in tenants:
            tenants[tenant] = ReadPeriods(folder / tenant, cache=kept)
        line.send(_said(tenants[tenant], state, name, asked, left))


def _said(periods: ReadPeriods, state: State, name: str, asked: Any, left: float) -> tuple[str, Any]:
    try:
        periods.follow(state)
        return _DONE, getattr(Search(periods.views), name)(asked, Deadline(0, time.monotonic() + left))
    except SearchTooLongError:
        return _LATE, None
    except Exception:  # noqa: BLE001  it goes to whoever asked, who raises it
        return _FAILED, traceback.format_exc()
