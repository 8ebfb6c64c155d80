"""How long to wait before something that failed is tried again: as long as the other side asks for, else longer each time.

Jitter keeps clients that failed together from all returning together ("Exponential Backoff and Jitter", AWS Architecture
Blog, 2015).
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Uniform = Callable[[float, float], float]
"""A random number between two others."""

_MAX_DOUBLINGS = 30
_SECONDS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off; times in seconds. `jitter` is how much of a pause is random: 0 nothing, 1 all of it."""

    first: float
    longest: float
    jitter: float = 1.0

    def maximum(self, failures: int) -> float:
        """The longest pause after so many failures in a row: `first` after one, twice as long after each further one."""
        return min(self.longest, self.first * 2.0 ** min(failures - 1, _MAX_DOUBLINGS)) if failures > 0 else 0.0

    def pause(self, failures: int, uniform: Uniform = random.uniform) -> float:
        """The pause after so many failures in a row."""
        maximum = self.maximum(failures)
        return uniform(maximum * (1.0 - self.jitter), maximum)


def retry_after(header: str, *, now: float) -> float | None:
    """The seconds that a Retry-After header asks for: a number, or a date (RFC 9110, 10.2.3). None if it is neither.

    They are negative for a date before `now`, in seconds since the epoch.
    """
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = http_date(text)
    return None if moment is None else moment - now


def http_date(text: str) -> float | None:
    """Seconds since the epoch of an HTTP date, which is in GMT; None if it is not valid."""
    try:
        moment: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
