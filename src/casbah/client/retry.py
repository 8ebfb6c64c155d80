"""How long to wait before a retry: what the server asks for, else exponential backoff with full jitter."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from casbah.client.errors import UsageError

_SECONDS = re.compile(r"\d{1,12}(\.\d{1,6})?")
_AVAILABLE = re.compile(r"Expected available in (\d{1,12}(?:\.\d{1,6})?) seconds?")
_MAX_DOUBLINGS = 30


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
        return self.uniform(0.0, min(self.longest, self.first * 2.0 ** min(number - 1, _MAX_DOUBLINGS)))


def requested_wait(headers: Mapping[str, str], text: str, *, now: float) -> float | None:
    """The seconds that the server asks to wait; None if it does not, or asks for zero.

    `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); a date is compared with the answer's own `Date`, so
    that clock differences do not matter. Without it the seconds are taken from the text, where these servers put them too.
    """
    header = headers.get("retry-after", "").strip()
    seconds = float(header) if _SECONDS.fullmatch(header) else _seconds_until(header, headers.get("date", ""), now=now)
    if seconds is None and (match := _AVAILABLE.search(text)):
        seconds = float(match[1])
    return seconds if seconds is not None and seconds > 0 else None


def _seconds_until(date: str, answered: str, *, now: float) -> float | None:
    moment = _moment(date)
    if moment is None:
        return None
    return moment - (_moment(answered) or now)


def _moment(date: str) -> float | None:
    """Seconds since the epoch of an HTTP date, which is in GMT."""
    try:
        moment: datetime = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
