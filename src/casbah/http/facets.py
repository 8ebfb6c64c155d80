"""Facets: the most frequent values of filters among matching activities, with exact counts.

A value is in its compared form (`activity/fields.py`), and `eq` takes it unchanged.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS, Field, Kind, Value, entity_term
from casbah.activity.language import FILTERS, Filter, filter_named
from casbah.activity.predicate import Predicate, Range, Terms, both
from casbah.activity.query import Query, flag_of, limit_of, whole_of
from casbah.activity.record import MAX_INT, MIN_INT, strings
from casbah.activity.text import exact, folded
from casbah.base import jsontext
from casbah.errors import LimitExceededError, MalformedBodyError, UncountableFilterError, describe
from casbah.http.answers import Answer, Count, FilterValue
from casbah.http.context import RequestContext
from casbah.http.request_schemas import Parameter, Schema, either, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, predicate_of
from casbah.store.contract import FacetQuery, FieldValue

DEFAULT_LIMIT, MAX_LIMIT = 10, 1_000
MAX_PREFIX = 4_096
_ANYBODY = entity_term("", None, None)
_CASED = (Kind.ID, Kind.ENTITY, Kind.SOURCE)
_FOLDED = (Kind.TEXT, Kind.PATH, Kind.URL)


COUNTABLE: Mapping[str, Filter] = {name: row for name, row in FILTERS.items() if row.countable}
"""The filters that have facets, in the order of the public table."""

USUAL = ("service", "verb", "user.username", "ip.address", "location.country")
"""The filters whose values the API counts by default; the pages have a default of their own (`Filter.facet`)."""

_NAMES = sorted(name for row in COUNTABLE.values() for name in (row.name, *row.aliases))
_ONE = "|".join(map(re.escape, _NAMES))
COUNTED_NAME: Schema = {"enum": _NAMES}
PREFIX = Parameter("prefix", {"type": "string", "maxLength": MAX_PREFIX}, "Only values that begin with this")


def with_commas(most: int) -> Schema:
    """Names of countable filters in one text, separated by commas."""
    return {"type": "string", "pattern": f"^(?:{_ONE})(?:,(?:{_ONE})){{0,{most - 1}}}$"}


_WITH_COMMAS = with_commas(len(FILTERS))
FACET_PARAMETERS = (
    Parameter(
        "facets",
        either({"type": "array", "items": COUNTED_NAME, "minItems": 1, "maxItems": len(FILTERS)}, _WITH_COMMAS),
        f"Filters whose values to count: a list, or names separated by commas. Default: {', '.join(USUAL)}",
        text=_WITH_COMMAS,
    ),
    Parameter(
        "limit", ref("Count"), f"Maximum number of values per filter: {DEFAULT_LIMIT} by default, {MAX_LIMIT} at most"
    ),
    PREFIX,
    Parameter(
        "spelled",
        ref("Flag"),
        "Whether values that are compared without case have the spelling of their newest activity. It costs a search per value",
    ),
    Parameter(
        "newSince",
        ref("Moment"),
        "Counts activities from this time on, in ms since the epoch, and says of each value how many were `before`: those "
        "that are new come first",
    ),
    *SEARCH_PARAMETERS,
)


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """A validated request for the most frequent values of each of `rows` that begin with `prefix`."""

    predicate: Predicate
    rows: Sequence[Filter]
    prefix: str
    limit: int
    deadline: Deadline
    spelled: bool = False
    earlier: Predicate | None = None
    """What matched before the time from which on values are counted; None: nothing is compared."""


class ValueCount(Answer):
    value: FilterValue
    total: Annotated[int, Meta(ge=1)]
    before: (
        Annotated[Count, Meta(description="With `newSince`: how many there were before; 0: it is new")] | UnsetType
    ) = UNSET
    text: Annotated[str, Meta(description="With `spelled`: as its newest activity spells it")] | UnsetType = UNSET


class Facet(Answer):
    filter: str
    values: Annotated[
        Sequence[ValueCount], Meta(description="The most frequent first, equals in the order of their values")
    ]
    count: (
        Annotated[Count, Meta(description=f"With `newSince`: how many values there are, {MAX_LIMIT} at most")]
        | UnsetType
    ) = UNSET


class Facets(Answer):
    facets: Annotated[Sequence[Facet], Meta(description="One per filter, in the order requested")]
    total: Annotated[Count, Meta(description="How many activities match")]


async def list_facets(context: RequestContext) -> Facets:
    body = await context.parameters()
    request = _facet_request(body, await predicate_of(body, context), context)
    return await context.search(_count_facets, request, context)


def _facet_request(body: Mapping[str, Any], predicate: Predicate, context: RequestContext) -> FacetRequest:
    since = whole_of(body, "newSince")
    since = None if since is None else max(MIN_INT, min(since, MAX_INT))
    return FacetRequest(
        predicate=predicate if since is None else both(predicate, Range(FIELDS["date"], low=since)),
        rows=[counted_filter(name) for name in names_of(body, "facets", default=USUAL)],
        prefix=prefix_of(body),
        limit=limit_of(body, usual=DEFAULT_LIMIT, most=MAX_LIMIT),
        deadline=context.deadline,
        spelled=flag_of(body, "spelled"),
        earlier=None if since is None else both(predicate, Range(FIELDS["date"], high=since, with_high=False)),
    )


def prefix_of(body: Mapping[str, Any]) -> str:
    """The prefix of the values to count. Raises MalformedBodyError or LimitExceededError."""
    prefix = body.get("prefix")
    if prefix is None:
        return ""
    if not isinstance(prefix, str):
        raise MalformedBodyError(f"prefix: expected a string, got {describe(prefix)}")
    if len(prefix) > MAX_PREFIX:
        raise LimitExceededError(f"prefix: at most {MAX_PREFIX} characters, got {len(prefix)}")
    return prefix


def names_of(body: Mapping[str, Any], parameter: str, *, default: Sequence[str]) -> list[Any]:
    """The names of filters in a parameter: a list, or separated by commas in a query string."""
    value = body.get(parameter)
    if value in (None, ""):
        return list(default)
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise MalformedBodyError(
            f'{parameter}: expected a list of filters such as ["user.username"], got {describe(value)}'
        )
    if len(listed) > len(FILTERS):
        raise LimitExceededError(f"{parameter}: at most {len(FILTERS)} filters, got {len(listed)}")
    return [name.strip() if isinstance(name, str) else name for name in listed]


def counted_filter(name: Any) -> Filter:
    """The countable filter of that name. Raises UncountableFilterError, UnknownFilterError or MalformedBodyError."""
    if not isinstance(name, str):
        raise MalformedBodyError(f"facets: expected names of filters, got {describe(name)}")
    row = filter_named(name)
    if row.name not in COUNTABLE:
        raise UncountableFilterError(row.name, tuple(COUNTABLE))
    return row


def most_frequent(request: FacetRequest, row: Filter, context: RequestContext) -> Sequence[FieldValue]:
    """The most frequent values of one filter, as stored, with counts."""
    wanted = FacetQuery(row.field, request.predicate, request.limit, stored_prefix(row.field, request.prefix))
    return context.tenant.top_values(wanted, deadline=request.deadline)


def shown(field: Field, value: Value) -> Any:
    """A value as `eq` takes it."""
    if field.kind is Kind.ENTITY:
        return {"id": str(value).removeprefix(_ANYBODY)}
    return value == "true" if field.kind is Kind.BOOL else value


def stored_prefix(field: Field, prefix: str) -> str:
    """The prefix of the values in a store that are shown with this prefix."""
    if field.kind is Kind.ENTITY:
        return _ANYBODY + exact(prefix)
    return exact(prefix) if field.kind in _CASED else folded(prefix)


def _count_facets(request: FacetRequest, context: RequestContext) -> Facets:
    total = context.tenant.count(request.predicate, deadline=request.deadline)
    return Facets([_facet(request, row, context) for row in request.rows], total)


def _facet(request: FacetRequest, row: Filter, context: RequestContext) -> Facet:
    if request.earlier is not None:
        return _compared(request, request.earlier, row, context)
    counts = most_frequent(request, row, context)
    return Facet(row.name, [_value(request, row, value, total, context) for value, total in counts])


def _compared(request: FacetRequest, earlier: Predicate, row: Filter, context: RequestContext) -> Facet:
    """The values, with how many activities had each before; first those that none had."""
    counts = most_frequent(replace(request, limit=MAX_LIMIT), row, context)
    known = both(earlier, Terms(row.field, tuple(value for value, _ in counts)))
    before = dict(most_frequent(replace(request, predicate=known, limit=MAX_LIMIT), row, context))
    first = sorted(counts, key=lambda item: item[0] in before)[: request.limit]
    if len(before) == MAX_LIMIT:  # Activities may have other values, too, so some of these may be missing.
        for value in {value for value, _ in first} - before.keys():
            before[value] = context.tenant.count(both(earlier, Terms(row.field, (value,))), deadline=request.deadline)
    values = [
        msgspec.structs.replace(_value(request, row, value, total, context), before=before.get(value, 0))
        for value, total in first
    ]
    return Facet(row.name, values, count=len(counts))


def _value(request: FacetRequest, row: Filter, value: Value, total: int, context: RequestContext) -> ValueCount:
    spelled = request.spelled and row.field.kind in _FOLDED
    return ValueCount(
        shown(row.field, value), total, text=_spelling(request, row, value, context) if spelled else UNSET
    )


def _spelling(request: FacetRequest, row: Filter, value: Value, context: RequestContext) -> str | UnsetType:
    """A text as its newest activity spells it; UNSET if that was deleted meanwhile."""
    matching = both(request.predicate, Terms(row.field, (value,)))
    newest = Query(matching, FIELDS["date"], descending=True, skip=0, limit=1)
    records = context.tenant.find(newest, deadline=request.deadline).records
    texts = (text for record in records for text in strings(jsontext.parse_object(record)))
    return next((text for text in texts if folded(text) == value), UNSET)
