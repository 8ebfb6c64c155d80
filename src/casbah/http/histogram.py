"""The histogram: how many activities match in each span of time, in all and by the most frequent values of a filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS, Field
from casbah.activity.language import Filter
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query, choice_of, count_of, whole_of
from casbah.activity.record import integer
from casbah.errors import LimitExceededError, MalformedBodyError
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, json_response
from casbah.http.facets import (
    COUNTED_NAME,
    PREFIX,
    FacetRequest,
    counted_filter,
    most_frequent,
    predicate_of,
    prefix_of,
    shown,
)
from casbah.http.schema import Parameter, choice, ref
from casbah.ingest import jsontext
from casbah.store.contract import HistogramQuery

SPANS, MOST_SPANS = 60, 1_000
SERIES, MOST_SERIES = 6, 50
MOMENTS = {"date": "timestamp", "created": "created"}
"""What can be laid out in time, and the key of a record that holds the moment."""

_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
WIDTHS = (
    *(each * _SECOND for each in (1, 2, 5, 10, 15, 30)),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 28, 91, 364)),
)
"""Widths that people read easily; weeks begin on Monday, the rest at midnight UTC."""

_ALL_TIME = 2**43
"""ms from 1970 to the year 2248, past which no activity is stored."""

_MONDAY = 4 * _DAY
"""1970 began on a Thursday."""

SPAN_PARAMETERS = (
    Parameter("sortField", choice(*MOMENTS), "When it happened (the default), or when it was stored"),
    Parameter("first", ref("Moment"), "From when on, ms since the epoch; by default from the oldest that matches"),
    Parameter("last", ref("Moment"), "Until when, ms since the epoch; by default until the newest that matches"),
    Parameter("spans", ref("Count"), f"How many spans at most: {SPANS} by default, {MOST_SPANS} at most"),
    Parameter("width", ref("Width"), "How wide a span is, in ms; by default a readable width that makes so many spans"),
    Parameter("by", COUNTED_NAME, "The filter by whose most frequent values each span is divided"),
    Parameter("series", ref("Count"), f"How many of its values: {SERIES} by default, {MOST_SERIES} at most"),
    PREFIX,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """What is asked, checked. `first`, `last` and `width` (ms) are None where they follow from what matches."""

    predicate: Predicate
    field: Field
    first: int | None
    last: int | None
    width: int | None
    spans: int
    by: Filter | None
    prefix: str
    series: int
    deadline: Deadline


async def histogram(context: RequestContext) -> Response:
    """How many activities match in each span of time, exactly; with `by`, also for each of its most frequent values.

    Spans without any are left out. `rest` are those that have none of the values in `series`; an activity that has several
    of them counts in each. What `first` and `last` leave open, the oldest and the newest that match decide.
    """
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    return json_response(await context.search(_laid_out, _layout(body, context), context))


def _layout(body: Mapping[str, Any], context: RequestContext) -> Interval:
    by = body.get("by")
    width = whole_of(body, "width")
    if width is not None and width < 1:
        raise MalformedBodyError(f"width: expected 1 ms or more, got {width}")
    return Interval(
        predicate=predicate_of(body, context),
        field=FIELDS[choice_of(body, "sortField", tuple(MOMENTS))],
        first=_within(whole_of(body, "first")),
        last=_within(whole_of(body, "last")),
        width=_within(width),
        spans=min(count_of(body, "spans") or SPANS, MOST_SPANS),
        by=None if by in (None, "") else counted_filter(by),
        prefix=prefix_of(body),
        series=min(count_of(body, "series") or SERIES, MOST_SERIES),
        deadline=context.deadline,
    )


def _within(ms: int | None) -> int | None:
    """No further from 1970 than activities lie: what asks for more asks for all of them."""
    return None if ms is None else max(-_ALL_TIME, min(ms, _ALL_TIME))


def _laid_out(layout: Interval, context: RequestContext) -> dict[str, Any]:
    ends = _ends(layout, context)
    if ends is None:
        return {"first": None, "last": None, "width": None, "total": 0, "spans": [], **_nothing_by(layout)}
    first, last = ends
    width = layout.width or _width(last - first, layout.spans)
    if (last - first) // width >= MOST_SPANS:
        raise LimitExceededError(f"width: {width} ms makes more than {MOST_SPANS} spans; ask for wider ones")
    within = p.both(layout.predicate, p.Range(layout.field, first, last))
    spans = HistogramQuery(layout.field, within, _begin(first, width), last, width)
    counts = _counts(spans, layout, context)
    said = {"first": first, "last": last, "width": width, **counts}
    return said if layout.by is None else {**said, **_by(layout.by, spans, layout, context)}


def _counts(
    spans: HistogramQuery, layout: Interval, context: RequestContext, further: Predicate | None = None
) -> dict[str, Any]:
    """Of those that match and have something more, how many there are in all and in each span that has any."""
    narrowed = spans if further is None else replace(spans, predicate=p.both(spans.predicate, further))
    found = context.store.histogram(narrowed, context.scope, deadline=layout.deadline)
    counted = [{"start": start, "total": total} for start, total in found.items()]
    return {"total": sum(found.values()), "spans": counted}


def _by(row: Filter, spans: HistogramQuery, layout: Interval, context: RequestContext) -> dict[str, Any]:
    """The same for each of the most frequent values of a filter, and for all that have none of these."""
    asked = FacetRequest(spans.predicate, (row,), layout.prefix, layout.series, layout.deadline)
    values = [value for value, _ in most_frequent(asked, row, context)]
    series = [
        {"value": shown(row.field, value), **_counts(spans, layout, context, p.Terms(row.field, (value,)))}
        for value in values
    ]
    others = p.Not(p.Terms(row.field, tuple(values)))
    return {"by": row.name, "series": series, "rest": _counts(spans, layout, context, others)}


def _nothing_by(layout: Interval) -> dict[str, Any]:
    return {} if layout.by is None else {"by": layout.by.name, "series": [], "rest": {"total": 0, "spans": []}}


def _ends(layout: Interval, context: RequestContext) -> tuple[int, int] | None:
    """The first and the last moment of the layout, or None where nothing matches and nothing is said."""
    first, last = layout.first, layout.last
    said = (first, last) != (None, None)
    asked = p.both(layout.predicate, p.Range(layout.field, first, last)) if said else layout.predicate
    if first is None:
        first = _outermost(asked, layout, context, descending=False)
    if last is None:
        last = _outermost(asked, layout, context, descending=True)
    if first is None or last is None or first > last:
        return None
    return first, last


def _outermost(predicate: Predicate, layout: Interval, context: RequestContext, *, descending: bool) -> int | None:
    """The moment of the oldest or the newest that matches."""
    query = Query(predicate, layout.field, descending, skip=0, limit=1, scan=False, now=0)
    records: Sequence[bytes] = context.store.find(query, context.scope, deadline=layout.deadline).records
    return integer(jsontext.parse_object(records[0])[MOMENTS[layout.field.name]]) if records else None


def _width(length: int, spans: int) -> int:
    """The narrowest readable width that makes at most so many spans, or one more where they do not begin on time."""
    for width in WIDTHS:
        if length // width < spans:
            return width
    widest = WIDTHS[-1]
    return widest * (length // (widest * spans) + 1)


def _begin(first: int, width: int) -> int:
    """Where the span begins that holds `first`."""
    offset = _MONDAY if width % (7 * _DAY) == 0 else 0
    return (first - offset) // width * width + offset
