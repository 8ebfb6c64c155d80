"""How long to wait before a request is sent again: what the server says, else back-off with full jitter."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from casbah.client.errors import UsageError

_SECONDS = re.compile(r"\d{1,12}(\.\d{1,6})?")
_AVAILABLE = re.compile(r"Expected available in (\d{1,12}(?:\.\d{1,6})?) seconds?")
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Retry:
    """When to stop trying, for one request; times in seconds.

    `attempts`: how often it is sent at most, those that were throttled not counted. `first` and `longest`: the back-off
    is a random part of `first`, then of twice that, and so on up to `longest`. `patience`: how long all its waits may
    be together; a wait that the server asks for is never cut short, so one that does not fit ends the tries at once.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    patience: float = 300.0
    uniform: Callable[[float, float], float] = random.uniform

    def __post_init__(self) -> None:
        """Refuse a policy that would never send, or wait for less than no time."""
        if self.attempts < 1 or not all(each >= 0 for each in (self.first, self.longest, self.patience)):
            raise UsageError(f"Retry: attempts is 1 or more, the times 0 or more; got {self}")

    def pause(self, number: int) -> float:
        """The wait after try `number`, counted from 1, where the server says nothing."""
        return self.uniform(0.0, min(self.longest, self.first * 2.0 ** min(number - 1, _MOST_DOUBLINGS)))


def seconds_said(headers: Mapping[str, str], text: str, *, now: float) -> float | None:
    """How long the server asks to wait, None if it does not or asks for no time at all.

    `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); a date is measured against the answer's own `Date`,
    so that clocks may differ. Without it the text counts: the servers that speak this API put the seconds there, too.
    """
    said = headers.get("retry-after", "").strip()
    seconds = float(said) if _SECONDS.fullmatch(said) else _seconds_until(said, headers.get("date", ""), now=now)
    if seconds is None and (found := _AVAILABLE.search(text)):
        seconds = float(found[1])
    return seconds if seconds is not None and seconds > 0 else None


def _seconds_until(date: str, answered: str, *, now: float) -> float | None:
    moment = _moment(date)
    if moment is None:
        return None
    return moment - (_moment(answered) or now)


def _moment(date: str) -> float | None:
    """Seconds since the epoch of an HTTP date, which is in GMT."""
    try:
        found: datetime = parsedate_to_datetime(date)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
