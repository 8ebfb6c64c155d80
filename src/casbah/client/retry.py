"""How long to wait before a retry: what the server asks for, else exponential backoff with full jitter."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from casbah.base.backoff import Backoff, http_date, retry_after
from casbah.client.errors import UsageError

_AVAILABLE = re.compile(r"Expected available in (\d{1,12}(?:\.\d{1,6})?) seconds?")


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry policy for one request; times in seconds.

    `attempts`: maximum number of attempts, not counting throttled ones. `first` and `longest`: the backoff is a random part
    of `first`, then of twice that, and so on up to `longest`. `patience`: the maximum total wait; a wait requested by the
    server is never shortened, so one that does not fit ends the retries at once.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    patience: float = 300.0
    uniform: Callable[[float, float], float] = random.uniform

    def __post_init__(self) -> None:
        """Reject a policy without attempts or with negative times. Raises UsageError."""
        if self.attempts < 1 or not all(seconds >= 0 for seconds in (self.first, self.longest, self.patience)):
            raise UsageError(f"Retry: attempts is 1 or more, the times 0 or more; got {self}")

    def pause(self, number: int) -> float:
        """The wait after attempt `number`, counted from 1, if the server asks for none."""
        return Backoff(self.first, self.longest).pause(number, self.uniform)


def requested_wait(headers: Mapping[str, str], text: str, *, now: float) -> float | None:
    """The seconds that the server asks to wait; None if it does not, or asks for zero.

    `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); a date is compared with the answer's own `Date`, so
    that clock differences do not matter. Without it the seconds are taken from the text, where these servers put them too.
    """
    seconds = retry_after(headers.get("retry-after", ""), now=http_date(headers.get("date", "")) or now)
    if seconds is None and (match := _AVAILABLE.search(text)):
        seconds = float(match[1])
    return seconds if seconds is not None and seconds > 0 else None
