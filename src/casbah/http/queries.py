"""Saved queries: named filters, private or shared within the tenant, and suggested ones."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.query import filters_of, flag_of
from casbah.activity.text import sound
from casbah.errors import LimitExceededError, MalformedBodyError, SearchError, describe
from casbah.http.answers import Answer, DeletedAnswer, SentFilters, WholeList
from casbah.http.context import WriterContext
from casbah.http.request_schemas import BLANK, FILTERS_HELP, NOT_BLANK, Schema, either, open_body, ref
from casbah.http.search_parameters import SEARCH_PARAMETERS, filters_in, predicate_of, search_of
from casbah.operations.saved.queries import QueryDefinition, SavedQuery
from casbah.operations.saved.suggested import SUGGESTED

MAX_NAME = 200
_NOTHING: Mapping[str, Any] = {"activity.id": {"isnotset": [True]}}
NAME: Schema = {"type": "string", "maxLength": MAX_NAME, "pattern": NOT_BLANK}
BODIES: Mapping[str, Schema] = {
    "NewQuery": open_body(
        {
            "name": NAME,
            "filters": either(ref("GroupedFilters"), BLANK, description=FILTERS_HELP),
            **{row.name: either(row.schema, BLANK, description=row.help) for row in SEARCH_PARAMETERS},
            "shared": either(ref("Flag"), BLANK, description="Whether everyone in the tenant sees it"),
        },
        required=("name",),
    )
}


class SavedQueryAnswer(Answer):
    id: str
    name: str
    help: Annotated[str, Meta(description="What it finds, where that is said")]
    filters: Annotated[SentFilters, Meta(description="As they were sent, together with what the search `q` means now")]
    q: Annotated[
        str, Meta(description="The search that it was saved with, whose times are relative to now; may be empty")
    ]
    problem: Annotated[
        str, Meta(description="Why `q` cannot be read any more, and `filters` find nothing; may be empty")
    ]
    shared: bool
    suggested: Annotated[bool, Meta(description="Whether it is one of those that everybody is offered")]
    owner: Annotated[str | None, Meta(description="The name of the token that it was saved with")]
    own: Annotated[bool, Meta(description="Whether that is the caller's")]
    changed: Annotated[int | None, Meta(description="ms since the epoch")]


async def list_queries(context: WriterContext) -> WholeList[SavedQueryAnswer]:
    queries = await context.quick(context.writer.queries.all, context.caller.principal, context.tenant_id)
    return WholeList.of([*[await _shown(query, context) for query in queries], *_SUGGESTED])


async def save_query(context: WriterContext) -> SavedQueryAnswer:
    definition = await _definition(context)
    kept = await context.quick(context.writer.queries.add, definition, context.caller.principal, context.tenant_id)
    return await _shown(kept, context)


async def change_query(context: WriterContext) -> SavedQueryAnswer:
    definition, change = await _definition(context), context.writer.queries.change
    kept = await context.quick(change, context.path["query"], definition, context.caller.principal, context.tenant_id)
    return await _shown(kept, context)


async def delete_query(context: WriterContext) -> DeletedAnswer:
    remove = context.writer.queries.remove
    await context.quick(remove, context.path["query"], context.caller.principal, context.tenant_id)
    return DeletedAnswer(context.path["query"])


async def _definition(context: WriterContext) -> QueryDefinition:
    """The query definition in a request. Raises RequestError for invalid filters."""
    body = await context.parameters()
    filters, q = filters_of(body), search_of(body, context)
    await predicate_of(body, context)
    name, shared = name_of(body.get("name")), flag_of(body, "shared")
    return QueryDefinition(name, filters, shared=shared, q=q, zone=(body.get("zone") or "") if q else "")


def name_of(value: Any) -> str:
    """A user-chosen name, stripped. Raises MalformedBodyError or LimitExceededError."""
    if not isinstance(value, str) or not value.strip():
        raise MalformedBodyError(f"name: expected a name, got {describe(value)}")
    if len(value) > MAX_NAME:
        raise LimitExceededError(f"name: at most {MAX_NAME} characters, got {len(value)}")
    return sound(value.strip())


async def _shown(kept: SavedQuery, context: WriterContext) -> SavedQueryAnswer:
    written = kept.written
    meant, problem = written.filters, ""
    try:
        meant = await filters_in({"filters": written.filters, "q": written.q, "zone": written.zone}, context)
    except SearchError as error:  # A name in it, such as that of a tag, is no longer there.
        meant, problem = _NOTHING, str(error)
    return SavedQueryAnswer(
        id=kept.id,
        name=kept.written.name,
        help="",
        filters=meant,
        q=written.q,
        problem=problem,
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
        q="",
        problem="",
        shared=True,
        suggested=True,
        owner=None,
        own=False,
        changed=None,
    )
    for query in SUGGESTED
]
