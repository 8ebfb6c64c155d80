"""Saved queries: named filters, private or shared within the tenant, and suggested ones."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.query import filters_of, flag_of, where
from casbah.activity.text import sound
from casbah.errors import LimitExceededError, MalformedBodyError, describe
from casbah.http.answers import Answer, DeletedAnswer, SentFilters, WholeList
from casbah.http.context import WriterContext
from casbah.http.request_body import read_parameters
from casbah.http.request_schemas import BLANK, FILTERS_HELP, NOT_BLANK, Schema, either, open_body, ref
from casbah.operations.saved.queries import QueryDefinition, SavedQuery
from casbah.operations.saved.suggested import SUGGESTED

MAX_NAME = 200
NAME: Schema = {"type": "string", "maxLength": MAX_NAME, "pattern": NOT_BLANK}
BODIES: Mapping[str, Schema] = {
    "NewQuery": open_body(
        {
            "name": NAME,
            "filters": either(ref("Filters"), BLANK, description=FILTERS_HELP),
            "shared": either(ref("Flag"), BLANK, description="Whether everyone in the tenant sees it"),
        },
        required=("name",),
    )
}


class SavedQueryAnswer(Answer):
    id: str
    name: str
    help: Annotated[str, Meta(description="What it finds, where that is said")]
    filters: SentFilters
    shared: bool
    suggested: Annotated[bool, Meta(description="Whether it is one of those that everybody is offered")]
    owner: Annotated[str | None, Meta(description="The name of the token that it was saved with")]
    own: Annotated[bool, Meta(description="Whether that is the caller's")]
    changed: Annotated[int | None, Meta(description="ms since the epoch")]


async def list_queries(context: WriterContext) -> WholeList[SavedQueryAnswer]:
    queries = await context.quick(context.writer.queries.all, context.caller.principal, context.tenant_id)
    return WholeList.of([*(_shown(query, context) for query in queries), *_SUGGESTED])


async def save_query(context: WriterContext) -> SavedQueryAnswer:
    definition = await _definition(context)
    kept = await context.quick(context.writer.queries.add, definition, context.caller.principal, context.tenant_id)
    return _shown(kept, context)


async def change_query(context: WriterContext) -> SavedQueryAnswer:
    definition, change = await _definition(context), context.writer.queries.change
    kept = await context.quick(change, context.path["query"], definition, context.caller.principal, context.tenant_id)
    return _shown(kept, context)


async def delete_query(context: WriterContext) -> DeletedAnswer:
    remove = context.writer.queries.remove
    await context.quick(remove, context.path["query"], context.caller.principal, context.tenant_id)
    return DeletedAnswer(context.path["query"])


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
    if len(value) > MAX_NAME:
        raise LimitExceededError(f"name: at most {MAX_NAME} characters, got {len(value)}")
    return sound(value.strip())


def _shown(kept: SavedQuery, context: WriterContext) -> SavedQueryAnswer:
    return SavedQueryAnswer(
        id=kept.id,
        name=kept.written.name,
        help="",
        filters=kept.written.filters,
        shared=kept.written.shared,
        suggested=False,
        owner=kept.owner,
        own=context.caller.principal.owns(kept.owner_id),
        changed=kept.changed,
    )


_SUGGESTED = [
    SavedQueryAnswer(
        id=query.id,
        name=query.name,
        help=query.help,
        filters=query.filters,
        shared=True,
        suggested=True,
        owner=None,
        own=False,
        changed=None,
    )
    for query in SUGGESTED
]
