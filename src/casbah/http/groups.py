"""Groups: matching activities with the same values of one or two filters, and what changed since the period before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from casbah.activity.deadline import Deadline
from casbah.activity.fields import Value
from casbah.activity.language import FILTERS, Filter
from casbah.activity.period import Period, period_of
from casbah.activity.predicate import Predicate
from casbah.activity.query import choice_of, count_of, flag_of, limit_of, where
from casbah.activity.search.grouping import MAX_BY, MAX_DISTINCT
from casbah.errors import LimitExceededError
from casbah.http.answers import Answer, Count, FilterValue, Moment
from casbah.http.context import RequestContext
from casbah.http.facets import COUNTED_NAME, counted_filter, names_of, shown, stored_prefix, with_commas
from casbah.http.histogram import Span
from casbah.http.request_schemas import Parameter, choice, either, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, grouped_filters_in
from casbah.store.contract import GroupQuery, Groups, ValueGroup, ValuesOf

DEFAULT_LIMIT, MAX_LIMIT = 50, 1_000
MAX_SPANS = 100
_USUAL = (FILTERS["user.username"],)

_ONE_OF_THESE = {"type": "array", "items": COUNTED_NAME, "minItems": 1}
GROUP_PARAMETERS = (
    Parameter(
        "by",
        either({**_ONE_OF_THESE, "maxItems": MAX_BY}, with_commas(MAX_BY)),
        f"One or two filters whose values make groups, beside those that `by:` names in `q`. Default: {_USUAL[0].name}",
        text=with_commas(MAX_BY),
    ),
    Parameter(
        "distinct",
        either({**_ONE_OF_THESE, "maxItems": MAX_DISTINCT}, with_commas(MAX_DISTINCT)),
        "Filters whose distinct values are counted in each group, beside those of `distinct:` in `q`",
        text=with_commas(MAX_DISTINCT),
    ),
    Parameter("previous", ref("Flag"), "Whether to compare with the period of equal length before that of the search"),
    Parameter(
        "spans", ref("Count"), f"Spans of time in which to count each group: none by default, {MAX_SPANS} at most"
    ),
    Parameter(
        "order",
        choice("most", "total", "first", "last"),
        "By the first of `distinct`, or else by the number of activities (`most`, the default); by the number of activities; "
        "or by the first or the last activity, the newest first",
    ),
    Parameter("limit", ref("Count"), f"Maximum number of groups: {DEFAULT_LIMIT} by default, {MAX_LIMIT} at most"),
    *SEARCH_PARAMETERS,
)


@dataclass(frozen=True, slots=True)
class GroupRequest:
    """A validated request. `period` is that of the search, None if it has no beginning; `compares`: with the one before."""

    predicate: Predicate
    by: tuple[Filter, ...]
    distinct: tuple[Filter, ...]
    period: Period | None
    compares: bool
    spans: int
    order: str
    limit: int
    deadline: Deadline


_Values = Annotated[Sequence[FilterValue], Meta(description="One for each of `by`, as its `eq` takes it")]
_Number = Annotated[int, Meta(ge=1)]


class ActivityGroup(Answer):
    values: _Values
    total: Annotated[_Number, Meta(description="How many activities it has")]
    distinct: Annotated[Sequence[Count], Meta(description="How many distinct values they have, for each of `distinct`")]
    first: Annotated[Moment, Meta(description="When the first one happened, ms since the epoch")]
    last: Annotated[Moment, Meta(description="When the last one happened")]
    previous: Annotated[Count, Meta(description="How many it had in the period before; 0: it is new")] | UnsetType = (
        UNSET
    )
    spans: Annotated[Sequence[Span], Meta(description="Every span that has any, by its first ms")] | UnsetType = UNSET


class StoppedGroup(Answer):
    values: _Values
    previous: Annotated[_Number, Meta(description="How many activities it had in the period before")]


class PeriodAnswer(Answer):
    first: Moment
    last: Moment
    total: Annotated[Count, Meta(description="How many activities match in it")]


class SpanLayout(Answer):
    first: Annotated[Moment, Meta(description="Where the first span begins")]
    last: Annotated[Moment, Meta(description="Where the last one ends, or earlier")]
    width: Annotated[_Number, Meta(description="How wide a span is, in ms")]


class ActivityGroups(Answer):
    """The first groups in order; all counts are exact. An activity with several values of a filter is in several groups."""

    by: Annotated[Sequence[str], Meta(description="The filters")]
    distinct: Annotated[Sequence[str], Meta(description="The filters whose values are counted")]
    groups: Sequence[ActivityGroup]
    count: Annotated[Count, Meta(description="How many groups there are")]
    total: Annotated[Count, Meta(description="How many activities match")]
    layout: Annotated[SpanLayout, Meta(description="The spans, if any were asked for")] | UnsetType = UNSET
    previous: (
        Annotated[
            PeriodAnswer | None,
            Meta(
                description="The period before, if it was asked for; null: the search does not say when its own begins"
            ),
        ]
        | UnsetType
    ) = UNSET
    new_count: Annotated[Count, Meta(description="How many groups have none in the period before")] | UnsetType = UNSET
    stopped: (
        Annotated[
            Sequence[StoppedGroup], Meta(description="Those of the period before that have none now, largest first")
        ]
        | UnsetType
    ) = UNSET
    stopped_count: Annotated[Count, Meta(description="How many of these there are")] | UnsetType = UNSET


async def group_activities(context: RequestContext) -> ActivityGroups:
    body = await context.parameters()
    return await context.search(_group, await _request(body, context), context)


async def _request(body: Mapping[str, Any], context: RequestContext) -> GroupRequest:
    filters, written = await grouped_filters_in(body, context)
    now = context.services.clock()
    predicate = where(filters, now=now, bounds=context.services.bounds, groups=True)
    period = period_of(predicate, now=now)
    return GroupRequest(
        predicate=predicate,
        by=_filters(body, "by", written.by, most=MAX_BY) or _USUAL,
        distinct=_filters(body, "distinct", written.distinct, most=MAX_DISTINCT),
        period=period,
        compares=flag_of(body, "previous"),
        spans=min(count_of(body, "spans"), MAX_SPANS),
        order=choice_of(body, "order", tuple(_ORDERS)),
        limit=limit_of(body, usual=DEFAULT_LIMIT, most=MAX_LIMIT),
        deadline=context.deadline,
    )


def _filters(body: Mapping[str, Any], name: str, written: Sequence[Filter], *, most: int) -> tuple[Filter, ...]:
    """The filters that the search and a parameter name together, each once."""
    named = [counted_filter(filter_name) for filter_name in names_of(body, name, default=())]
    rows = tuple(dict.fromkeys((*written, *named)))
    if (count := max(len(named), len(rows))) > most:
        raise LimitExceededError(f"{name}: at most {most} filters, got {count}")
    return rows


def _group(request: GroupRequest, context: RequestContext) -> ActivityGroups:
    total = _count(request, request.predicate, context)
    query = _query(request, request.predicate, request.distinct)
    groups = context.tenant.groups(query, deadline=request.deadline)
    first = _first(request, groups)
    answer = ActivityGroups(
        by=[row.name for row in request.by],
        distinct=[row.name for row in request.distinct],
        groups=[_answer(request, group) for group in first],
        count=len(groups),
        total=total,
    )
    if request.spans and first:
        answer = _with_spans(answer, request, groups, first)
    if not request.compares:
        return answer
    if request.period is None:
        return msgspec.structs.replace(answer, previous=None)
    return _compared(answer, request, request.period.before, groups, first, context)


def _count(request: GroupRequest, predicate: Predicate, context: RequestContext) -> int:
    """The number of matches. Raises LimitExceededError if they are too many to group."""
    total = context.tenant.count(predicate, deadline=request.deadline)
    most = context.services.settings.max_grouped
    if total > most:
        raise LimitExceededError(
            f"by: at most {most} activities can be grouped, and {total} match; narrow the search or its time "
            "(setting CASBAH_MAX_GROUPED)"
        )
    return total


def _query(request: GroupRequest, predicate: Predicate, distinct: Sequence[Filter]) -> GroupQuery:
    by, counted = (
        tuple(ValuesOf(row.field, stored_prefix(row.field, row.facet_prefix)) for row in rows)
        for rows in (request.by, distinct)
    )
    return GroupQuery(by, counted, predicate)


def _answer(request: GroupRequest, group: ValueGroup) -> ActivityGroup:
    return ActivityGroup(_shown(request, group.values), group.total, group.distinct, group.first, group.last)


def _shown(request: GroupRequest, values: Sequence[Value]) -> list[Any]:
    return [shown(row.field, value) for row, value in zip(request.by, values, strict=True)]


def _with_spans(
    answer: ActivityGroups, request: GroupRequest, groups: Groups, first: Sequence[ValueGroup]
) -> ActivityGroups:
    """The answer, which shows the `first` of all groups, with each counted in equal spans of the period, or of the time from
    their first to their last activity.
    """
    period = request.period or Period(min(group.first for group in first), max(group.last for group in first))
    width = -(-(period.last - period.first + 1) // request.spans)
    histograms = groups.histograms(first, first=period.first, last=period.last, width=width)
    counted = [
        msgspec.structs.replace(item, spans=[Span(start, total) for start, total in counts.items()])
        for item, counts in zip(answer.groups, histograms, strict=True)
    ]
    return msgspec.structs.replace(answer, groups=counted, layout=SpanLayout(period.first, period.last, width))


def _compared(
    answer: ActivityGroups,
    request: GroupRequest,
    previous: Period,
    groups: Groups,
    first: Sequence[ValueGroup],
    context: RequestContext,
) -> ActivityGroups:
    """The answer, which shows the `first` of all groups, with what the period before had of each, and which groups are gone."""
    predicate = previous.narrowed(request.predicate)
    total = _count(request, predicate, context)
    before = context.tenant.totals(_query(request, predicate, ()), deadline=request.deadline)
    now = {group.values for group in groups}
    gone = sorted((-count, values) for values, count in before.items() if values not in now)
    compared = [
        msgspec.structs.replace(item, previous=before.get(group.values, 0))
        for item, group in zip(answer.groups, first, strict=True)
    ]
    return msgspec.structs.replace(
        answer,
        groups=compared,
        previous=PeriodAnswer(previous.first, previous.last, total),
        new_count=len(now - before.keys()),
        stopped=[StoppedGroup(_shown(request, values), -count) for count, values in gone[: request.limit]],
        stopped_count=len(gone),
    )


def _first(request: GroupRequest, groups: Groups) -> list[ValueGroup]:
    """The groups that are shown, in order; equals in order of their values."""
    return sorted(groups, key=_ORDERS[request.order])[: request.limit]


_ORDERS: Mapping[str, Callable[[ValueGroup], Any]] = {
    "most": lambda group: (*(-count for count in group.distinct[:1]), -group.total),
    "total": lambda group: -group.total,
    "first": lambda group: -group.first,
    "last": lambda group: -group.last,
}
