"""Parses the time formats of audit logs to ms since the epoch. A time without a zone is UTC (`sources.md`, trap 6)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from casbah.activity.value import MS_PER_DAY
from casbah.ingest.contract import UnusableEventError

MAX_TIMESTAMP = 2**43 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_CALENDAR = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]?\d+)?)?\s?(?:[Zz]|UTC|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
"""RFC 3339, plus what ISO 8601 allows: no zone, no seconds, a decimal comma, an offset in hours only."""

_USUAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
"""The spelling of most logs, which Python reads as it is."""

_LEAP = re.compile(r"(:\d\d):60", re.ASCII)
"""A leap second. Epoch time has none, so it counts as the next second, as in POSIX."""

_GLUED = re.compile(r"(:\d\d:\d\d)(\d)", re.ASCII)
"""A fraction of a second without its decimal point, as in some exports of GitHub's log."""

_COMPACT = re.compile(r"(\d{14})(?:\.(\d{1,9}))?", re.ASCII)
_AMERICAN = re.compile(
    r"(\d\d?)/(\d\d?)/(\d{4}),? (\d\d?):(\d\d):(\d\d)(?:\.(\d{1,9}))?[ \u202f]([AaPp])[Mm]", re.ASCII
)
_SCRIPT = re.compile(
    r"[A-Z][a-z]{2} ([A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT[+-]\d{4})(?: \([^()]{1,60}\))?", re.ASCII
)
"""`Mon Mar 02 2026 10:00:00 GMT+0100 (Central European Standard Time)`, as JavaScript writes a time."""

_TWELVE_HOURS = re.compile(r"\d{4}-\d\d-\d\d, \d\d:\d\d:\d\d [AP]M", re.ASCII)
"""`2018-04-12, 10:12:51 AM`, as the older console of CloudTrail writes local times."""

_NUMBER = re.compile(r"\d{1,14}(?:\.\d{1,9})?", re.ASCII)
_MAX_SHOWN = 60
_NUMBER_OF_ANY_SIZE = re.compile(r"\d{1,19}(?:\.\d{1,9})?", re.ASCII)
_MAX_NUMBER = 10**19
_UNITS = ((10**11, 1_000), (10**14, 1), (10**17, 1e-3), (_MAX_NUMBER, 1e-6))


def calendar(text: str) -> int | None:
    """Parse a calendar time: `2022-12-11T02:57:48.6930000Z`, `2022-12-11 02:57:48`, `20250918160017.614`,
    `4/28/2021, 3:05:26.000 PM`, `Mon Mar 02 2026 10:00:00 GMT+0100`. None if it is not one.
    """
    stripped = text.strip()
    try:
        return _milliseconds(_moment(stripped))
    except (ValueError, OverflowError):
        return None


def local(text: str) -> datetime | None:
    """A calendar time that has no zone, or None for everything else."""
    stripped = text.strip()
    try:
        if _TWELVE_HOURS.fullmatch(stripped):
            return datetime.strptime(stripped, "%Y-%m-%d, %I:%M:%S %p")  # noqa: DTZ007  it has no zone
        moment = _written(stripped)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is None else None


def milliseconds(value: Any) -> int | None:
    """Milliseconds since the epoch, as a number or its decimal string."""
    if type(value) is str and _NUMBER.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if type(value) is int:
        return value
    return int(value) if type(value) is float and abs(value) < MAX_TIMESTAMP else None


def any_form(value: Any) -> int | None:
    """A calendar time, or a number since the epoch whose magnitude determines its unit; None for everything else.

    Numbers below 10^11 are seconds (until the year 5138), below 10^14 milliseconds, below 10^17 microseconds, else
    nanoseconds: audit logs have no times before 1973.
    """
    if type(value) is str:
        moment = calendar(value)
        if moment is not None or not _NUMBER_OF_ANY_SIZE.fullmatch(value.strip()):
            return moment
        value = float(value) if "." in value else int(value)
    if type(value) not in (int, float) or not 0 <= value < _MAX_NUMBER:
        return None
    scale = next(scale for maximum, scale in _UNITS if value < maximum)
    return int(value * scale) if scale >= 1 else int(value // round(1 / scale))


def required(fields: Mapping[str, Any], *keys: str) -> int:
    """The time under the first of `keys` that is present, looked up in lower case. Raises UnusableEventError."""
    for key in keys:
        value = fields.get(key.lower())
        if value is None:
            continue
        moment = calendar(value) if type(value) is str else None
        if moment is None:
            raise UnusableEventError(f"no usable time: {key} is {str(value)[:_MAX_SHOWN]!r}")
        return moment
    raise UnusableEventError(f"no usable time: {keys[0]} is absent")


def iso(timestamp: int) -> str | None:
    """A time in ms as ISO 8601 in UTC, with milliseconds. None beyond the years that it can name."""
    try:
        whole = datetime.fromtimestamp(timestamp // 1_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{timestamp % 1_000:03d}Z"


def within_bounds(timestamp: int) -> bool:
    """Whether a record may have this time."""
    return 0 <= timestamp <= MAX_TIMESTAMP


def suspicion(timestamp: int, now: int) -> str | None:
    """Why a time in ms looks wrong, as a key of SUSPICIONS, or None. The activity is stored unchanged either way."""
    if _SECONDS_FROM <= timestamp < _SECONDS_TO:
        return "seconds"
    if timestamp < _YEAR_2000:
        return "before2000"
    return "future" if timestamp > now + MS_PER_DAY else None


SUSPICIONS = {
    "seconds": "look like seconds, not milliseconds",
    "before2000": "are before the year 2000",
    "future": "are later than tomorrow",
}
_SECONDS_FROM, _SECONDS_TO = 10**8, 10**10
"""As seconds, the years 1973 to 2286; as milliseconds, the first four months of 1970."""

_YEAR_2000 = 946_684_800_000


def _moment(text: str) -> datetime:
    moment = _written(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _written(text: str) -> datetime:
    """The time with the zone that the text has, if any. Raises ValueError."""
    if _USUAL.fullmatch(text):
        return datetime.fromisoformat(text)
    if _CALENDAR.fullmatch(text):
        spelled = _GLUED.sub(r"\1.\2", text.upper()).replace("UTC", "Z")
        spelled = spelled.replace(" Z", "Z").replace(" +", "+").replace(" -", "-")
        moment = datetime.fromisoformat(_LEAP.sub(r"\1:59", spelled))
        if _LEAP.search(spelled):
            moment += timedelta(seconds=1)
        return moment
    compact = _COMPACT.fullmatch(text)
    if compact:
        whole = datetime.strptime(compact.group(1), "%Y%m%d%H%M%S")  # noqa: DTZ007  it has no zone
        return whole + _fraction(compact.group(2))
    american = _AMERICAN.fullmatch(text)
    if american:
        month, day, year, hour, minute, second = map(int, american.groups()[:6])
        afternoon = 12 if american.group(8) in "Pp" else 0
        whole = datetime(year, month, day, hour % 12 + afternoon, minute, second)  # noqa: DTZ001  it has no zone
        return whole + _fraction(american.group(7))
    script = _SCRIPT.fullmatch(text)
    if script:
        return datetime.strptime(script.group(1), "%b %d %Y %H:%M:%S GMT%z")
    raise ValueError(text)


def _fraction(digits: str | None) -> timedelta:
    return timedelta(microseconds=int((digits or "0").ljust(6, "0")[:6]))


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
