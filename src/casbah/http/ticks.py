"""The ticks of a chart over time: moments that begin a unit of the calendar in some time zone, with short texts."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

from msgspec import Meta

from casbah.http.answers import Answer, Moment

MAX_TICKS = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_UNITS = ("year", "month", "day", "hour", "minute", "second")
_LEAST = {"year": 0, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND = range(len(_UNITS))
_LENGTHS = (31_556_952_000, 2_629_746_000, 86_400_000, 3_600_000, 60_000, 1_000)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STEPS = (
    *((_SECOND, count) for count in (1, 5, 15, 30)),
    *((_MINUTE, count) for count in (1, 5, 15, 30)),
    *((_HOUR, count) for count in (1, 3, 6, 12)),
    *((_DAY, count) for count in (1, 2, 7, 14)),
    *((_MONTH, count) for count in (1, 3, 6)),
    *((_YEAR, count) for count in (1, 2, 5, 10, 50, 100)),
)
"""Steps between ticks: a unit, and how many of it."""


class Tick(Answer):
    at: Moment
    text: Annotated[str, Meta(description="The time there, as precise as the distance between ticks requires")]


def ticks(first: int, last: int, most: int, zone: tzinfo) -> Sequence[Tick]:
    """About `most` ticks, or fewer, from `first` to `last` in ms since the epoch."""
    fits = ((unit, count) for unit, count in _STEPS if (last - first) <= most * count * _LENGTHS[unit])
    unit, count = next(fits, _STEPS[-1])
    moments = (_ms(local, zone) for local in _steps(_beginning(_local(first, zone), unit, count), unit, count))
    shown = []
    for ms in moments:
        if ms > last:
            break
        if ms >= first:
            shown.append(Tick(ms, _text(_local(ms, zone), unit)))
    return shown


def _local(ms: int, zone: tzinfo) -> datetime:
    """The time on a clock of the zone, without the zone."""
    return (_EPOCH + ms * _MS).astimezone(zone).replace(tzinfo=None)


def _ms(local: datetime, zone: tzinfo) -> int:
    return (local.replace(tzinfo=zone) - _EPOCH) // _MS


def _beginning(local: datetime, unit: int, count: int) -> datetime:
    """The last multiple of a step that is not later. Days are counted from where the chart begins."""
    values: dict[str, Any] = {name: _LEAST[name] for name in _UNITS[unit + 1 :]}
    if unit != _DAY:
        name = _UNITS[unit]
        values[name] = (getattr(local, name) - _LEAST[name]) // count * count + _LEAST[name]
    return local.replace(microsecond=0, **values)


def _steps(local: datetime, unit: int, count: int) -> Iterator[datetime]:
    while True:
        yield local
        if unit > _MONTH:
            local += count * _LENGTHS[unit] * _MS
        else:
            months = local.month - 1 + count * (12 if unit == _YEAR else 1)
            local = local.replace(year=local.year + months // 12, month=months % 12 + 1)


def _text(local: datetime, unit: int) -> str:
    if unit == _YEAR:
        return str(local.year)
    month = _MONTHS[local.month - 1]
    if unit == _MONTH:
        return f"{month} {local.year}" if local.month == 1 else month
    time = local.strftime("%H:%M:%S")
    if unit == _DAY or time == "00:00:00":
        return f"{month} {local.day}"
    return time if unit == _SECOND else time[:5]
