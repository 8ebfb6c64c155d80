"""A clock that never runs backwards, for the time of storing (`created`)."""

from collections.abc import Callable

PER_MS = 1_000
"""How many activities may share one millisecond of this clock."""


class MonotonicClock:
    """Hands out each ms at most PER_MS times, never before `last`, of which `taken` uses are gone. Not thread-safe."""

    def __init__(self, clock: Callable[[], int], *, last: int = 0, taken: int = 0) -> None:
        self._clock = clock
        self.last = last
        self.taken = taken

    def next(self) -> int:
        """The time (ms) for the next activity."""
        now = self._clock()
        if now > self.last:
            self.last, self.taken = now, 0
        elif self.taken >= PER_MS:
            self.last, self.taken = self.last + 1, 0
        self.taken += 1
        return self.last
