"""Times as people write them, and times written so that they are read back exactly.

A written time stands for a span: `2026-11-28` for a day, `2026-11` for a month, `2026-11-28T10:15` for a minute. A time
relative to now (`-24h`, `7d`, `now`) stands for a moment.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from casbah.activity.value import MS_PER_DAY

_MS = 1_000
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": MS_PER_DAY, "w": 7 * MS_PER_DAY, "y": 365 * MS_PER_DAY}
_RELATIVE = re.compile(r"-?([0-9]{1,9})([smhdwy])")
_NUMBER = re.compile(r"-[0-9]+|[0-9]{5,}")
_OFFSET_PATTERN = "[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET = re.compile(_OFFSET_PATTERN)
_WRITTEN = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,3}))?)?(?P<zone>Z|"
    rf"{_OFFSET_PATTERN})?)?)?)?"
)
EXPECTED = "a time such as 2026-11-28, 2026-11-28T10:15, today, -24h or 7d"


@dataclass(frozen=True, slots=True)
class Moments:
    """The first and the last millisecond of a written time, since the epoch."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Ago:
    """A time before now, in milliseconds."""

    ms: int

    @property
    def days(self) -> int | float:
        """What the operators `gte_ndays` and `lte_ndays` take."""
        whole, rest = divmod(self.ms, MS_PER_DAY)
        return whole if not rest else self.ms / MS_PER_DAY


def zone_named(name: str) -> tzinfo | None:
    """The time zone of an IANA name or an offset such as `+01:00`, or None."""
    if name in ("", "UTC", "Z"):
        return UTC
    if _OFFSET.fullmatch(name):
        return _offset_zone(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read(text: str, *, now: int, zone: tzinfo) -> Moments | Ago | None:
    """What a time means; None if it is not one."""
    if text == "now":
        return Ago(0)
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return Ago(int(relative[1]) * _UNITS[relative[2]])
    if _NUMBER.fullmatch(text):
        return Moments(int(text), int(text))
    if text in _DAYS_AGO:
        today = datetime.fromtimestamp(now / _MS, zone).date()
        text = (today - timedelta(days=_DAYS_AGO[text])).isoformat()
    written = _WRITTEN.fullmatch(text)
    return _span(written, zone) if written else None


def first(ms: int, zone: tzinfo) -> str:
    """The shortest text whose first moment is `ms`."""
    return _shortest(ms, zone, lambda span: span.first)


def last(ms: int, zone: tzinfo) -> str:
    """The shortest text whose last moment is `ms`."""
    return _shortest(ms, zone, lambda span: span.last)


def exactly(ms: int, zone: tzinfo) -> str:
    """The text that means this millisecond alone."""
    return _shortest(ms, zone, lambda span: span.first if span.first == span.last else ms - 1)


def ago(days: float) -> str | None:
    """The text of a number of days before now, such as `7d` or `90m`; None if no text gives exactly that number."""
    for unit in ("d", "h", "m", "s"):
        count = round(days * MS_PER_DAY / _UNITS[unit])
        if 0 <= count < 10**9 and Ago(count * _UNITS[unit]).days == days:
            return f"{count}{unit}"
    return None


def _shortest(ms: int, zone: tzinfo, end: Callable[[Moments], int]) -> str:
    try:
        local = datetime.fromtimestamp(ms // _MS, zone).replace(microsecond=ms % _MS * _MS, tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return str(ms)
    whole = local.isoformat(timespec="milliseconds")
    for length in (4, 7, 10, 16, 19, 23):
        written = _WRITTEN.fullmatch(whole[:length])
        span = _span(written, zone) if written else None
        if span is not None and end(span) == ms:
            return whole[:length]
    return str(ms) if len(str(ms)) > len("2026") else whole


def _span(written: re.Match[str], zone: tzinfo) -> Moments | None:
    """The span of a written time; None for a date that the calendar does not have."""
    part = {name: None if text is None or name == "zone" else int(text) for name, text in written.groupdict().items()}
    fraction = written["fraction"]
    own = written["zone"]
    where = zone if own is None else _offset_zone(own)
    try:
        start = datetime(  # noqa: DTZ001  it has the zone added last
            part["year"] or 0,
            part["month"] or 1,
            part["day"] or 1,
            part["hour"] or 0,
            part["minute"] or 0,
            part["second"] or 0,
        )
        following = _following(start, part, fraction)
        begin = _ms(start, where) + (int(fraction.ljust(3, "0")) if fraction else 0)
        return Moments(begin, begin if fraction else _ms(following, where) - 1)
    except (ValueError, OverflowError):
        return None


def _following(start: datetime, part: dict[str, int | None], fraction: str | None) -> datetime:
    """The first moment after the span that begins at `start`."""
    if fraction is not None:
        return start
    if part["month"] is None:
        return start.replace(year=start.year + 1)
    if part["day"] is None:
        return (start + timedelta(days=31)).replace(day=1)
    names = {"hour": timedelta(days=1), "second": timedelta(minutes=1)}
    return start + next((length for name, length in names.items() if part[name] is None), timedelta(seconds=1))


def _ms(local: datetime, zone: tzinfo) -> int:
    return round(local.replace(tzinfo=zone).timestamp() * _MS)


def _offset_zone(text: str) -> tzinfo:
    return datetime.fromisoformat(f"2000-01-01T00:00:00{text}").tzinfo or UTC


_DAYS_AGO = {"today": 0, "yesterday": 1}
