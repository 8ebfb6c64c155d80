"""Saved queries: named filters, private or shared within the tenant, and suggested ones."""

from typing import Any

from starlette.responses import Response

from casbah.activity.query import flag_of, where
from casbah.activity.text import sound
from casbah.errors import LimitExceededError, MalformedBodyError, describe
from casbah.http.body import read_parameters
from casbah.http.context import WriterContext, json_response
from casbah.http.facets import filters_of
from casbah.saved.queries import QueryDefinition, SavedQuery
from casbah.saved.suggested import SUGGESTED

MOST_NAME = 200


async def list_queries(context: WriterContext) -> Response:
    """The caller's queries and those shared within the tenant, by name; then the suggested ones."""
    queries = await context.quick(context.writer.queries.all, context.caller.principal, context.tenant_id)
    data = [_shown(query, context) for query in queries] + _SUGGESTED
    return json_response({"data": data, "hasNext": False, "total": len(data)})


async def save_query(context: WriterContext) -> Response:
    """Save filters under a name."""
    definition = await _definition(context)
    kept = await context.quick(context.writer.queries.add, definition, context.caller.principal, context.tenant_id)
    return json_response(_shown(kept, context), status=201)


async def change_query(context: WriterContext) -> Response:
    """Replace one of the caller's queries. Omitted parameters are reset."""
    definition, change = await _definition(context), context.writer.queries.change
    kept = await context.quick(change, context.path["query"], definition, context.caller.principal, context.tenant_id)
    return json_response(_shown(kept, context))


async def delete_query(context: WriterContext) -> Response:
    """Delete one of the caller's queries."""
    remove = context.writer.queries.remove
    await context.quick(remove, context.path["query"], context.caller.principal, context.tenant_id)
    return json_response({"id": context.path["query"]})


async def _definition(context: WriterContext) -> QueryDefinition:
    """The query definition in a request. Raises RequestError for invalid filters."""
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    filters = filters_of(body)
    where(filters, now=context.services.clock(), bounds=context.services.bounds)
    return QueryDefinition(name_of(body.get("name")), filters, shared=flag_of(body, "shared"))


def name_of(value: Any) -> str:
    """A user-chosen name, stripped. Raises MalformedBodyError or LimitExceededError."""
    if not isinstance(value, str) or not value.strip():
        raise MalformedBodyError(f"name: expected a name, got {describe(value)}")
    if len(value) > MOST_NAME:
        raise LimitExceededError(f"name: at most {MOST_NAME} characters, got {len(value)}")
    return sound(value.strip())


def _shown(kept: SavedQuery, context: WriterContext) -> dict[str, Any]:
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
        "id": query.id,
        "name": query.name,
        "help": query.help,
        "filters": query.filters,
        "shared": True,
        "suggested": True,
        "owner": None,
        "own": False,
        "changed": None,
    }
    for query in SUGGESTED
]
