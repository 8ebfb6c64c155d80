"""The histogram: matching activities per time span, in total and by the most frequent values of a filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from itertools import accumulate
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS, Field
from casbah.activity.language import Filter
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query, choice_of, count_of, flag_of, limit_of, whole_of
from casbah.activity.record import MAX_DIGITS, integer
from casbah.base import jsontext
from casbah.errors import LimitExceededError, MalformedBodyError
from casbah.http.answers import Answer, Count, FilterValue, Moment
from casbah.http.context import RequestContext
from casbah.http.facets import (
    COUNTED_NAME,
    PREFIX,
    FacetRequest,
    counted_filter,
    most_frequent,
    prefix_of,
    shown,
)
from casbah.http.request_schemas import Parameter, Schema, choice, either, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, predicate_of, zone_of
from casbah.http.ticks import MAX_TICKS, Tick, ticks
from casbah.store.contract import HistogramQuery

SPANS, MAX_SPANS = 60, 1_000
SERIES, MAX_SERIES = 6, 50
MOMENTS = {"date": "timestamp", "created": "created"}
"""Fields that a histogram can use, and the record key of each."""

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
WIDTHS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 91, 364)),
)
"""Widths that people read easily; weeks begin on Monday, the rest at midnight UTC."""

_OUTLYING, _ROUNDS = 0.01, 4
"""Up to this share of the activities may be outliers at an end. In so many rounds, each twice as close, they are left out."""

_ALL_TIME = 2**43
"""ms from 1970 to the year 2248, past which no activity is stored."""

_MONDAY = 4 * _DAY
"""1970 began on a Thursday."""

SPAN_PARAMETERS = (
    Parameter("sortField", choice(*MOMENTS), "When it happened (the default), or when it was stored"),
    Parameter("first", ref("Moment"), "Start, in ms since the epoch. Default: the oldest match"),
    Parameter("last", ref("Moment"), "End (inclusive), in ms since the epoch. Default: the newest match"),
    Parameter(
        "trim",
        ref("Flag"),
        "Whether to leave out outliers: up to a hundredth of the activities at an end without `first`, or `last`, if the rest "
        "needs less than half of the width. `before` and `after` count what is outside",
    ),
    Parameter("spans", ref("Count"), f"Maximum number of spans: {SPANS} by default, {MAX_SPANS} at most"),
    Parameter("width", ref("Width"), "Width of a span in ms. Default: a readable width that fits `spans`"),
    Parameter("by", COUNTED_NAME, "Split each span by the most frequent values of this filter"),
    Parameter("series", ref("Count"), f"How many of its values: {SERIES} by default, {MAX_SERIES} at most"),
    PREFIX,
    Parameter(
        "ticks", ref("Count"), f"Ticks of an axis, in `zone`: none by default, about so many at most, up to {MAX_TICKS}"
    ),
    *SEARCH_PARAMETERS,
)

BODIES: Mapping[str, Schema] = {
    "Moment": either(
        {"type": "integer"},
        {"type": "string", "maxLength": MAX_DIGITS, "pattern": "^-?[0-9]+$"},
        description="ms since the epoch, or their decimal string",
    ),
    "Width": either(
        {"type": "integer", "minimum": 1},
        {"type": "string", "maxLength": MAX_DIGITS, "pattern": "^0*[1-9][0-9]*$"},
        description="An integer of 1 or more, or its decimal string",
    ),
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A validated request. `first`, `last` and `width` (ms) are None if they depend on what matches."""

    predicate: Predicate
    field: Field
    first: int | None
    last: int | None
    trims: bool
    width: int | None
    spans: int
    by: Filter | None
    prefix: str
    series: int
    ticks: int
    zone: tzinfo
    deadline: Deadline


class Span(Answer):
    start: Moment
    total: Annotated[int, Meta(ge=1)]


_Total = Annotated[Count, Meta(description="How many there are in all; exact")]
_Spans = Annotated[Sequence[Span], Meta(description="Every span that has any, by its first ms")]


class Counts(Answer):
    total: _Total
    spans: _Spans


class Series(Answer):
    value: FilterValue
    total: _Total
    spans: _Spans


class Histogram(Answer):
    """All matching activities over time. `by` and what follows are there if a filter was named."""

    first: Annotated[int | None, Meta(description="Where it begins, ms since the epoch; null: nothing matches")]
    last: Annotated[int | None, Meta(description="Where it ends")]
    width: Annotated[
        int | None, Meta(description="How wide a span is, in ms; the first and last may reach beyond the period")
    ]
    total: _Total
    spans: _Spans
    before: Annotated[Count, Meta(description="With `trim`: how many match before it")] | UnsetType = UNSET
    after: Annotated[Count, Meta(description="How many match after it")] | UnsetType = UNSET
    ticks: Annotated[Sequence[Tick], Meta(description="If asked for: ticks of an axis along all spans")] | UnsetType = (
        UNSET
    )
    by: Annotated[str, Meta(description="The filter, if one was named")] | UnsetType = UNSET
    series: Annotated[Sequence[Series], Meta(description="Its most frequent values")] | UnsetType = UNSET
    rest: Annotated[Counts, Meta(description="Those that have none of these values")] | UnsetType = UNSET


async def histogram(context: RequestContext) -> Histogram:
    body = await context.parameters()
    return await context.search(_build_histogram, _interval(body, await predicate_of(body, context), context), context)


def _interval(body: Mapping[str, Any], predicate: Predicate, context: RequestContext) -> Interval:
    by = body.get("by")
    width = whole_of(body, "width")
    if width is not None and width < 1:
        raise MalformedBodyError(f"width: expected 1 ms or more, got {width}")
    return Interval(
        predicate=predicate,
        field=FIELDS[choice_of(body, "sortField", tuple(MOMENTS))],
        first=_clamped(whole_of(body, "first")),
        last=_clamped(whole_of(body, "last")),
        trims=flag_of(body, "trim"),
        width=_clamped(width),
        spans=limit_of(body, "spans", usual=SPANS, most=MAX_SPANS),
        by=None if by in (None, "") else counted_filter(by),
        prefix=prefix_of(body),
        series=limit_of(body, "series", usual=SERIES, most=MAX_SERIES),
        ticks=min(count_of(body, "ticks"), MAX_TICKS),
        zone=zone_of(body),
        deadline=context.deadline,
    )


def _clamped(ms: int | None) -> int | None:
    """A time or width, clamped to the period in which activities can lie."""
    return None if ms is None else max(-_ALL_TIME, min(ms, _ALL_TIME))


def _build_histogram(interval: Interval, context: RequestContext) -> Histogram:
    ends = _ends(interval, context)
    if ends is None:
        nothing = Histogram(first=None, last=None, width=None, total=0, spans=[])
        if interval.trims:
            nothing = _outside(nothing, interval.first, interval.last, interval, context)
        by = interval.by
        return nothing if by is None else msgspec.structs.replace(nothing, by=by.name, series=[], rest=Counts(0, []))
    first, last = _trimmed(*ends, interval, context) if interval.trims else ends
    width = interval.width or _width(last - first, interval.spans)
    if (last - first) // width >= MAX_SPANS:
        raise LimitExceededError(f"width: {width} ms makes more than {MAX_SPANS} spans; ask for wider ones")
    spans = _spans(first, last, width, interval)
    counts = _counts(spans, interval, context)
    result = Histogram(first=first, last=last, width=width, total=counts.total, spans=counts.spans)
    if interval.trims:
        result = _outside(result, first, last, interval, context)
    if interval.ticks:
        result = _with_ticks(result, spans, interval)
    return result if interval.by is None else _by(result, interval.by, spans, interval, context)


def _spans(first: int, last: int, width: int, interval: Interval) -> HistogramQuery:
    within = p.both(interval.predicate, p.Range(interval.field, first, last))
    return HistogramQuery(interval.field, within, _begin(first, width), last, width)


def _trimmed(first: int, last: int, interval: Interval, context: RequestContext) -> tuple[int, int]:
    """Where all but outliers are."""
    for _ in range(_ROUNDS):
        spans = _spans(first, last, _width(last - first, interval.spans), interval)
        totals = list(context.tenant.histogram(spans, deadline=interval.deadline).items())
        low = max(_kept(totals), first) if interval.first is None else first
        high = min(_kept(totals[::-1]) + spans.width - 1, last) if interval.last is None else last
        if (high - low) * 2 >= last - first:
            break
        first, last = low, high
    return first, last


def _kept(totals: Sequence[tuple[int, int]]) -> int:
    """The start of the first span that is not of outliers."""
    most = sum(total for _, total in totals) * _OUTLYING
    sums = accumulate(total for _, total in totals)
    return next((start for (start, _), outside in zip(totals, sums, strict=True) if outside > most), 0)


def _outside(
    result: Histogram, first: int | None, last: int | None, interval: Interval, context: RequestContext
) -> Histogram:
    """The histogram, with how many match before and after these moments."""

    def count(low: int | None, high: int | None) -> int:
        outside = p.both(interval.predicate, p.Range(interval.field, low, high))
        return context.tenant.count(outside, deadline=interval.deadline)

    before = 0 if first is None else count(None, first - 1)
    return msgspec.structs.replace(result, before=before, after=0 if last is None else count(last + 1, None))


def _with_ticks(result: Histogram, spans: HistogramQuery, interval: Interval) -> Histogram:
    end = spans.first + ((spans.last - spans.first) // spans.width + 1) * spans.width
    return msgspec.structs.replace(result, ticks=ticks(spans.first, end, interval.ticks, interval.zone))


def _counts(
    spans: HistogramQuery, interval: Interval, context: RequestContext, further: Predicate | None = None
) -> Counts:
    """Total and non-empty spans of the activities that match, narrowed by `further`."""
    narrowed = spans if further is None else replace(spans, predicate=p.both(spans.predicate, further))
    totals = context.tenant.histogram(narrowed, deadline=interval.deadline)
    return Counts(sum(totals.values()), [Span(start, total) for start, total in totals.items()])


def _by(
    result: Histogram, row: Filter, spans: HistogramQuery, interval: Interval, context: RequestContext
) -> Histogram:
    """The histogram, with counts for each of the most frequent values of a filter, and for activities without any of these."""
    request = FacetRequest(spans.predicate, (row,), interval.prefix, interval.series, interval.deadline)
    values = [value for value, _ in most_frequent(request, row, context)]
    counted = [(value, _counts(spans, interval, context, p.Terms(row.field, (value,)))) for value in values]
    series = [Series(shown(row.field, value), counts.total, counts.spans) for value, counts in counted]
    others = p.Not(p.Terms(row.field, tuple(values)))
    return msgspec.structs.replace(result, by=row.name, series=series, rest=_counts(spans, interval, context, others))


def _ends(interval: Interval, context: RequestContext) -> tuple[int, int] | None:
    """The first and last moment of the histogram in ms, or None if nothing matches."""
    first, last = interval.first, interval.last
    bounded = (first, last) != (None, None)
    predicate = p.both(interval.predicate, p.Range(interval.field, first, last)) if bounded else interval.predicate
    if first is None:
        first = _outermost(predicate, interval, context, descending=False)
    if last is None:
        last = _outermost(predicate, interval, context, descending=True)
    if first is None or last is None or first > last:
        return None
    return first, last


def _outermost(predicate: Predicate, interval: Interval, context: RequestContext, *, descending: bool) -> int | None:
    """The moment of the oldest or newest match in ms, or None."""
    query = Query(predicate, interval.field, descending, skip=0, limit=1)
    records: Sequence[bytes] = context.tenant.find(query, deadline=interval.deadline).records
    return integer(jsontext.parse_object(records[0])[MOMENTS[interval.field.name]]) if records else None


def _width(length: int, spans: int) -> int:
    """The narrowest readable width that makes at most `spans` spans, plus one if `first` is not on a boundary."""
    for width in WIDTHS:
        if length // width < spans:
            return width
    widest = WIDTHS[-1]
    return widest * (length // (widest * spans) + 1)


def _begin(first: int, width: int) -> int:
    """The start of the span that contains `first`."""
    offset = _MONDAY if width % (7 * _DAY) == 0 else 0
    return (first - offset) // width * width + offset
