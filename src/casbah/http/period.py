"""The period that a log shows: the bounds of a search, or some time until the newest activity."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.period import bounds_of
from casbah.activity.query import Query, frozen, where
from casbah.activity.record import MIN_INT, integer
from casbah.activity.search.moments import Ago, read
from casbah.base import jsontext
from casbah.errors import MalformedBodyError, describe
from casbah.http.answers import Answer, SentFilters
from casbah.http.context import RequestContext
from casbah.http.request_schemas import Parameter
from casbah.http.search_parameters import SEARCH_PARAMETERS, filters_in, zone_of
from casbah.ingest.apps import CASBAH

_DATE = "date"
_DAY = 86_400_000
_OTHERS_ACTS = p.Not(p.Terms(FIELDS["service"], (CASBAH,)))

PERIOD_PARAMETERS = (
    Parameter(
        "time",
        {"type": "string", "pattern": "^[0-9]{1,9}[smhdwy]$"},
        "How long until now, or until the newest activity if that is over a day old, such as 30d. Default: all time. "
        "Conditions on `date` take its place",
    ),
    *SEARCH_PARAMETERS,
)

_Bound = int | None


class SearchPeriod(Answer):
    filters: Annotated[SentFilters, Meta(description="The filters in the period; days before now are moments")]
    start: Annotated[_Bound, Meta(description="Where the period begins, ms since the epoch; null: nowhere")]
    end: Annotated[_Bound, Meta(description="Where it ends; null: nowhere")]
    first: Annotated[_Bound, Meta(description="Where a chart of it begins")]
    last: Annotated[_Bound, Meta(description="Where a chart of it ends: at the newest activity, or now, at the latest")]
    is_plain: Annotated[bool, Meta(description="Whether these bounds are all that the conditions on `date` say")]


async def show_period(context: RequestContext) -> SearchPeriod:
    body = await context.parameters()
    filters, length = await filters_in(body, context), _length(body, context)
    now, bounds = context.services.clock(), context.services.bounds
    where(filters, now=now, bounds=bounds, groups=True)
    fixed = frozen(filters or {}, now=now)
    newest = await context.search(_newest, now, context, context.deadline)
    reach = max(now, newest) if now - newest < _DAY else newest
    if fixed.get(_DATE) is not None:
        return _period(fixed, bounds_of(where({_DATE: fixed[_DATE]}, now=now, bounds=bounds)), reach)
    if length is None:
        return _period(fixed, (None, None), reach)
    return _period(fixed, (max(min(now, reach) - length, MIN_INT), now + _DAY), reach)


def _length(body: Mapping[str, Any], context: RequestContext) -> int | None:
    """The length of the period in ms, None if the request names none. Raises MalformedBodyError."""
    text = body.get("time")
    if text is None or text == "":
        return None
    is_length = isinstance(text, str) and text[:1].isdigit()
    length = read(text, now=context.services.clock(), zone=zone_of(body)) if is_length else None
    if not isinstance(length, Ago):
        raise MalformedBodyError(f"time: expected a length such as 24h or 30d, got {describe(text)}")
    return length.ms


def _newest(now: int, context: RequestContext, deadline: Deadline) -> int:
    """The time of the newest activity not later than tomorrow, or now without one. The clocks of later ones are wrong."""
    field = FIELDS[_DATE]
    query = Query(p.both(_OTHERS_ACTS, p.Range(field, None, now + _DAY)), field, descending=True, skip=0, limit=1)
    records = context.tenant.find(query, deadline=deadline).records
    return (integer(jsontext.parse_object(records[0])["timestamp"]) or now) if records else now


def _period(filters: dict[str, Any], bounds: tuple[_Bound, _Bound] | None, reach: int) -> SearchPeriod:
    if bounds is None:
        return SearchPeriod(filters, None, None, None, None, is_plain=False)
    start, end = bounds
    within = {key: ms for key, ms in (("start", start), ("end", end)) if ms is not None}
    others = {name: operators for name, operators in filters.items() if name != _DATE}
    reach = reach if start is None else max(reach, start)
    last = (None if start is None else reach) if end is None else min(end, reach)
    return SearchPeriod(
        others | ({_DATE: {"range": [within]}} if within else {}), start, end, first=start, last=last, is_plain=True
    )
