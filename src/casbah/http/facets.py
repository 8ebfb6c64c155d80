"""Facets: the most frequent values of filters among what matches, with exact counts.

A value is as it is compared (`activity/fields.py`), and can be asked for as it stands with `eq`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from casbah.activity.deadline import Deadline
from casbah.activity.fields import Field, Kind, Value, entity_term
from casbah.activity.language import FILTERS, Filter, filter_named
from casbah.activity.predicate import Predicate
from casbah.activity.query import count_of, where
from casbah.activity.text import exact, folded
from casbah.errors import LimitExceededError, MalformedBodyError, UncountableFilterError, describe
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, json_response
from casbah.http.schema import Parameter, Schema, either, ref
from casbah.store.contract import COUNTED, FacetQuery, FieldValue

USUAL = ("service", "activity.eventActionType", "user.username", "ip.address", "location.country")
LIMIT, MOST = 10, 1_000
MOST_PREFIX = 4_096
_ANYBODY = entity_term("", None, None)
_CASED = (Kind.ID, Kind.ENTITY, Kind.SOURCE)


def countable(row: Filter) -> bool:
    """Whether a filter's values can be counted one by one. The ids of activities cannot: each is there once."""
    return row.field.kind in COUNTED and row.field.name != "id"


COUNTABLE: Mapping[str, Filter] = {name: row for name, row in FILTERS.items() if countable(row)}
"""The filters that have facets, in the order of the public table."""

_NAMES = sorted(name for row in COUNTABLE.values() for name in (row.name, *row.aliases))
_ONE = "|".join(map(re.escape, _NAMES))
COUNTED_NAME: Schema = {"enum": _NAMES}
PREFIX = Parameter("prefix", {"type": "string", "maxLength": MOST_PREFIX}, "What the values are to begin with")
_WITH_COMMAS: Schema = {"type": "string", "pattern": f"^(?:{_ONE})(?:,(?:{_ONE})){{0,{len(FILTERS) - 1}}}$"}
FACET_PARAMETERS = (
    Parameter(
        "facets",
        either({"type": "array", "items": COUNTED_NAME, "minItems": 1, "maxItems": len(FILTERS)}, _WITH_COMMAS),
        f"The filters whose values are counted: a list, or several with commas between; by default {', '.join(USUAL)}",
        text=_WITH_COMMAS,
    ),
    Parameter("limit", ref("Count"), f"How many values of each: {LIMIT} by default, {MOST} at most"),
    PREFIX,
)


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """What is asked, checked: the most frequent values of each of `rows` that begin with `prefix`."""

    predicate: Predicate
    rows: Sequence[Filter]
    prefix: str
    limit: int
    deadline: Deadline


async def list_facets(context: RequestContext) -> Response:
    """The most frequent values of each filter named in `facets` among the activities that match, with exact counts.

    Every value can be asked for with `eq` as it stands. Of a filter of which an activity may have several values, it counts
    for each of them.
    """
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    asked = _asked(body, context)
    return json_response(await context.search(_answered, asked, context))


def _asked(body: Mapping[str, Any], context: RequestContext) -> FacetRequest:
    return FacetRequest(
        predicate=predicate_of(body, context),
        rows=[counted_filter(name) for name in _names(body.get("facets"))],
        prefix=prefix_of(body),
        limit=min(count_of(body, "limit") or LIMIT, MOST),
        deadline=context.deadline,
    )


def predicate_of(body: Mapping[str, Any], context: RequestContext) -> Predicate:
    """What `filters` say."""
    return where(filters_of(body), now=context.services.clock(), bounds=context.services.bounds)


def filters_of(body: Mapping[str, Any]) -> Any:
    """`filters` as they were sent; none where they are blank."""
    filters = body.get("filters")
    return {} if filters in (None, "") else filters


def prefix_of(body: Mapping[str, Any]) -> str:
    """What the values are to begin with."""
    given = body.get("prefix")
    if given is None:
        return ""
    if not isinstance(given, str):
        raise MalformedBodyError(f"prefix: expected a string, got {describe(given)}")
    if len(given) > MOST_PREFIX:
        raise LimitExceededError(f"prefix: at most {MOST_PREFIX} characters, got {len(given)}")
    return given


def counted_filter(name: Any) -> Filter:
    """The filter of that name, if its values can be counted. Raises UncountableFilterError, or UnknownFilterError."""
    if not isinstance(name, str):
        raise MalformedBodyError(f"facets: expected names of filters, got {describe(name)}")
    row = filter_named(name)
    if row.name not in COUNTABLE:
        raise UncountableFilterError(row.name, tuple(COUNTABLE))
    return row


def most_frequent(asked: FacetRequest, row: Filter, context: RequestContext) -> Sequence[FieldValue]:
    """The values of one filter, as the store has them."""
    wanted = FacetQuery(row.field, asked.predicate, asked.limit, _stored_prefix(row.field, asked.prefix))
    return context.store.top_values(wanted, context.scope, deadline=asked.deadline)


def shown(field: Field, value: Value) -> Any:
    """A value as `eq` takes it."""
    if field.kind is Kind.ENTITY:
        return {"id": str(value).removeprefix(_ANYBODY)}
    return value == "true" if field.kind is Kind.BOOL else value


def _stored_prefix(field: Field, prefix: str) -> str:
    if field.kind is Kind.ENTITY:
        return _ANYBODY + exact(prefix)
    return exact(prefix) if field.kind in _CASED else folded(prefix)


def _names(given: Any) -> list[Any]:
    """The names of filters: a list, or in a query string several with commas between."""
    if given in (None, ""):
        return list(USUAL)
    listed = given.split(",") if isinstance(given, str) else given
    if not isinstance(listed, list) or not listed:
        raise MalformedBodyError(f'facets: expected a list of filters such as ["user.username"], got {describe(given)}')
    if len(listed) > len(FILTERS):
        raise LimitExceededError(f"facets: at most {len(FILTERS)} filters, got {len(listed)}")
    return [each.strip() if isinstance(each, str) else each for each in listed]


def _answered(asked: FacetRequest, context: RequestContext) -> dict[str, Any]:
    total = context.store.count(asked.predicate, context.scope, deadline=asked.deadline)
    return {"facets": [_facet(asked, row, context) for row in asked.rows], "total": total}


def _facet(asked: FacetRequest, row: Filter, context: RequestContext) -> dict[str, Any]:
    found = most_frequent(asked, row, context)
    return {
        "filter": row.name,
        "values": [{"value": shown(row.field, value), "total": total} for value, total in found],
    }
