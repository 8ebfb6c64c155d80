"""Event times: a working week with quiet nights, and a few bursts within a second."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from tools.demo.dice import Dice

HOUR = 3_600_000
DAY = 24 * HOUR
_MINUTES_AND_SECONDS = 3_600
_MONDAY = 4  # 1970-01-01 was a Thursday, so the first Monday was four days later.

# fmt: off
# How busy each hour of the day (UTC) and each day of the week (from Monday) is.
HOURS = (4, 3, 3, 4, 6, 9, 14, 22, 31, 36, 38, 35, 33, 38, 41, 40, 36, 31, 25, 19, 14, 10, 8, 6)
DAYS = (21, 22, 22, 21, 18, 4, 3)
# fmt: on


@dataclass(frozen=True, slots=True)
class Hour:
    """Part of a clock hour, and the number of events in it."""

    start: int
    end: int
    events: int

    def times(self, chance: Dice) -> list[int]:
        """The times of its events in ms, in order."""
        span = self.end - self.start
        return sorted(self.start + int(chance.random() * span) for _ in range(self.events))


def hours(count: int, start: int, end: int) -> Iterator[Hour]:
    """`count` events spread over the hours between two times, in order; rounding keeps the total."""
    edges = [start, *range(start - start % HOUR + HOUR, end, HOUR), end]
    spans = list(pairwise(edges))
    weights = [_busy(low) * (high - low) for low, high in spans]
    total, done, assigned = sum(weights), 0, 0
    for (low, high), weight in zip(spans, weights, strict=True):
        done += weight
        upto = count * done // total
        yield Hour(low, high, upto - assigned)
        assigned = upto


def burst_times(count: int, start: int, end: int, chance: Dice) -> Sequence[int]:
    """Times of bursts, in whole seconds."""
    return sorted((start + int(chance.random() * (end - start))) // 1000 * 1000 for _ in range(count))


def spelled(timestamp: int) -> str:
    """A time as `YYYY-MM-DDTHH:MM:SS`, in UTC."""
    return datetime.fromtimestamp(timestamp // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds() -> tuple[str, ...]:
    """`MM:SS` for each second of an hour."""
    return tuple(f"{n // 60:02d}:{n % 60:02d}" for n in range(_MINUTES_AND_SECONDS))


def _busy(timestamp: int) -> int:
    weekday = (timestamp // DAY - _MONDAY) % 7
    return DAYS[weekday] * HOURS[timestamp // HOUR % 24]
