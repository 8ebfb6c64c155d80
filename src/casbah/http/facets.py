"""Facets: the most frequent values of filters among matching activities, with exact counts.

A value is in its compared form (`activity/fields.py`), and `eq` takes it unchanged.
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
    """Whether a filter has facets. Activity ids have none, since each occurs once."""
    return row.field.kind in COUNTED and row.field.name != "id"


COUNTABLE: Mapping[str, Filter] = {name: row for name, row in FILTERS.items() if countable(row)}
"""The filters that have facets, in the order of the public table."""

_NAMES = sorted(name for row in COUNTABLE.values() for name in (row.name, *row.aliases))
_ONE = "|".join(map(re.escape, _NAMES))
COUNTED_NAME: Schema = {"enum": _NAMES}
PREFIX = Parameter("prefix", {"type": "string", "maxLength": MOST_PREFIX}, "Only values that begin with this")
_WITH_COMMAS: Schema = {"type": "string", "pattern": f"^(?:{_ONE})(?:,(?:{_ONE})){{0,{len(FILTERS) - 1}}}$"}
FACET_PARAMETERS = (
    Parameter(
        "facets",
        either({"type": "array", "items": COUNTED_NAME, "minItems": 1, "maxItems": len(FILTERS)}, _WITH_COMMAS),
        f"Filters whose values to count: a list, or names separated by commas. Default: {', '.join(USUAL)}",
        text=_WITH_COMMAS,
    ),
    Parameter("limit", ref("Count"), f"Maximum number of values per filter: {LIMIT} by default, {MOST} at most"),
    PREFIX,
)


@dataclass(frozen=True, slots=True)
class FacetRequest:
    """A validated request for the most frequent values of each of `rows` that begin with `prefix`."""

    predicate: Predicate
    rows: Sequence[Filter]
    prefix: str
    limit: int
    deadline: Deadline


async def list_facets(context: RequestContext) -> Response:
    """The most frequent values of each filter named in `facets` among the matching activities, with exact counts.

    `eq` takes every value unchanged. An activity with several values of a filter counts once for each.
    """
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    request = _facet_request(body, context)
    return json_response(await context.search(_count_facets, request, context))


def _facet_request(body: Mapping[str, Any], context: RequestContext) -> FacetRequest:
    return FacetRequest(
        predicate=predicate_of(body, context),
        rows=[counted_filter(name) for name in _names(body.get("facets"))],
        prefix=prefix_of(body),
        limit=min(count_of(body, "limit") or LIMIT, MOST),
        deadline=context.deadline,
    )


def predicate_of(body: Mapping[str, Any], context: RequestContext) -> Predicate:
    """The predicate of a body's `filters`."""
    return where(filters_of(body), now=context.services.clock(), bounds=context.services.bounds)


def filters_of(body: Mapping[str, Any]) -> Any:
    """`filters` as sent; an empty object if blank."""
    filters = body.get("filters")
    return {} if filters in (None, "") else filters


def prefix_of(body: Mapping[str, Any]) -> str:
    """The prefix of the values to count. Raises MalformedBodyError or LimitExceededError."""
    prefix = body.get("prefix")
    if prefix is None:
        return ""
    if not isinstance(prefix, str):
        raise MalformedBodyError(f"prefix: expected a string, got {describe(prefix)}")
    if len(prefix) > MOST_PREFIX:
        raise LimitExceededError(f"prefix: at most {MOST_PREFIX} characters, got {len(prefix)}")
    return prefix


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
    wanted = FacetQuery(row.field, request.predicate, request.limit, _stored_prefix(row.field, request.prefix))
    return context.tenant.top_values(wanted, deadline=request.deadline)


def shown(field: Field, value: Value) -> Any:
    """A value as `eq` takes it."""
    if field.kind is Kind.ENTITY:
        return {"id": str(value).removeprefix(_ANYBODY)}
    return value == "true" if field.kind is Kind.BOOL else value


def _stored_prefix(field: Field, prefix: str) -> str:
    if field.kind is Kind.ENTITY:
        return _ANYBODY + exact(prefix)
    return exact(prefix) if field.kind in _CASED else folded(prefix)


def _names(value: Any) -> list[Any]:
    """The requested filter names: from a list, or separated by commas in a query string."""
    if value in (None, ""):
        return list(USUAL)
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise MalformedBodyError(f'facets: expected a list of filters such as ["user.username"], got {describe(value)}')
    if len(listed) > len(FILTERS):
        raise LimitExceededError(f"facets: at most {len(FILTERS)} filters, got {len(listed)}")
    return [name.strip() if isinstance(name, str) else name for name in listed]


def _count_facets(request: FacetRequest, context: RequestContext) -> dict[str, Any]:
    total = context.tenant.count(request.predicate, deadline=request.deadline)
    return {"facets": [_facet(request, row, context) for row in request.rows], "total": total}


def _facet(request: FacetRequest, row: Filter, context: RequestContext) -> dict[str, Any]:
    counts = most_frequent(request, row, context)
    return {
        "filter": row.name,
        "values": [{"value": shown(row.field, value), "total": total} for value, total in counts],
    }
