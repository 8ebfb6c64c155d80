"""The moments of storing that a store's own clock gives out."""

from collections.abc import Callable

PER_MS = 1_000
"""At most so many activities of our own clock share a millisecond (`records.md`, Time)."""


class MonotonicClock:
    """Gives out ms, each for at most PER_MS activities; never one before `last`, of which `taken` are gone already."""

    def __init__(self, clock: Callable[[], int], *, last: int = 0, taken: int = 0) -> None:
        self._clock = clock
        self.last = last
        self.taken = taken

    def next(self) -> int:
        """The moment of the next activity."""
        now = self._clock()
        if now > self.last:
            self.last, self.taken = now, 0
        elif self.taken >= PER_MS:
            self.last, self.taken = self.last + 1, 0
        self.taken += 1
        return self.last
