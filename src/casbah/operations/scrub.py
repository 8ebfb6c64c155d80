"""Reads the whole store again and again, slowly, so that damage is noticed before somebody needs the data."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

log = logging.getLogger(__name__)

PAUSE = 3_600.0
"""Seconds between two readings."""

Progress = Callable[[int, int], None]
Reading = Callable[[Progress], Sequence[str]]
"""Reads the store. It reports the bytes that have been read and those in total, and returns what is damaged, a line each."""


@dataclass(frozen=True, slots=True)
class ScrubState:
    """How far the present reading is, in bytes, and what the last complete one found; `finished` is ms since the epoch."""

    done: int = 0
    total: int = 0
    damage: Sequence[str] = ()
    finished: int | None = None


class Scrub:
    """Reads in a thread of its own, at most `rate` bytes per second. Close it before the store."""

    def __init__(self, read: Reading, *, rate: int, clock: Callable[[], int], pause: float = PAUSE) -> None:
        self._read, self._rate, self._clock, self._pause = read, rate, clock, pause
        self._state = ScrubState()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-scrub", daemon=True)

    @property
    def state(self) -> ScrubState:
        """The state now."""
        return self._state

    def begin(self) -> None:
        """Read until closed."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading, and wait until it has stopped."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._read_once()
            except _ClosedError:
                return
            except Exception:
                log.exception("the scrub could not read the store; the next reading is in %d s", self._pause)
            self._closing.wait(self._pause)

    def _read_once(self) -> None:
        began = time.monotonic()

        def pace(done: int, total: int) -> None:
            self._state = replace(self._state, done=done, total=total)
            early = began + done / self._rate - time.monotonic()
            if self._closing.wait(max(early, 0)):
                raise _ClosedError

        damage = self._read(pace)
        for line in damage:
            log.error("damaged: %s", line)
        self._state = replace(self._state, damage=tuple(damage), finished=self._clock())


class _ClosedError(Exception):
    """Ends a reading when the server stops."""
