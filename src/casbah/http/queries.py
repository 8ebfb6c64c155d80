"""Saved queries: filters under a name, one's own or shared within the tenant, and those that everybody is offered."""

from typing import Any

from starlette.responses import Response

from casbah.activity.query import flag_of, where
from casbah.activity.text import sound
from casbah.errors import LimitExceededError, MalformedBodyError, describe
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, json_response
from casbah.http.facets import filters_of
from casbah.saved.queries import QueryDefinition, SavedQuery
from casbah.saved.suggested import SUGGESTED

MOST_NAME = 200


async def list_queries(context: RequestContext) -> Response:
    """The caller's own queries and those that others share with the tenant, by name; then those that everybody is offered."""
    found = await context.quick(context.services.queries.all, context.caller.principal, context.scope)
    data = [_shown(each, context) for each in found] + _SUGGESTED
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def save_query(context: RequestContext) -> Response:
    """Keep filters under a name."""
    written = await _written(context)
    kept = await context.quick(context.services.queries.add, written, context.caller.principal, context.scope)
    return json_response(_shown(kept, context), status=201)


async def change_query(context: RequestContext) -> Response:
    """Put a query in place of one's own of that id; what is not said is not kept."""
    written, change = await _written(context), context.services.queries.change
    kept = await context.quick(change, context.path["query"], written, context.caller.principal, context.scope)
    return json_response(_shown(kept, context))


async def delete_query(context: RequestContext) -> Response:
    """Forget a query of one's own."""
    remove = context.services.queries.remove
    await context.quick(remove, context.path["query"], context.caller.principal, context.scope)
    return json_response({"id": context.path["query"]})


async def _written(context: RequestContext) -> QueryDefinition:
    """A query from a request; filters that the language refuses are not kept."""
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    filters = filters_of(body)
    where(filters, now=context.services.clock(), bounds=context.services.bounds)
    return QueryDefinition(name_of(body.get("name")), filters, shared=flag_of(body, "shared"))


def name_of(value: Any) -> str:
    """A name that somebody chose. Raises MalformedBodyError or LimitExceededError."""
    if not isinstance(value, str) or not value.strip():
        raise MalformedBodyError(f"name: expected a name, got {describe(value)}")
    if len(value) > MOST_NAME:
        raise LimitExceededError(f"name: at most {MOST_NAME} characters, got {len(value)}")
    return sound(value.strip())


def _shown(kept: SavedQuery, context: RequestContext) -> dict[str, Any]:
    return {
        "id": kept.id,
        "name": kept.written.name,
        "help": "",
        "filters": kept.written.filters,
        "shared": kept.written.shared,
        "suggested": False,
        "owner": kept.owner,
        "own": context.caller.principal.owns(kept.owner_id),
        "changed": kept.changed,
    }


_SUGGESTED: list[dict[str, Any]] = [
    {
        "id": each.id,
        "name": each.name,
        "help": each.help,
        "filters": each.filters,
        "shared": True,
        "suggested": True,
        "owner": None,
        "own": False,
        "changed": None,
    }
    for each in SUGGESTED
]
