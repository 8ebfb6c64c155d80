"""The parameters `q` and `zone` of Casbah's own routes: a search beside `filters`, of which both must hold."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from casbah.activity.predicate import Predicate
from casbah.activity.query import filters_of, where
from casbah.activity.search.compiled import Filters, SearchContext, filters_of_search, grouped_filters_of, joined
from casbah.activity.search.grouping import NONE, Grouping
from casbah.activity.search.moments import zone_named
from casbah.errors import LimitExceededError, MalformedBodyError, describe
from casbah.http.choices import names_of_values
from casbah.http.context import RequestContext
from casbah.http.request_schemas import Parameter, Schema, ref

ZONES: Schema = {
    "type": "string",
    "pattern": r"^(?:[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$",
}
SEARCH_PARAMETERS = (
    Parameter("q", ref("Search"), "A search, such as `user:ann* since:7d`; it and `filters` must both hold"),
    Parameter("zone", ZONES, "The time zone of its times, such as Europe/Berlin or +01:00. Default: UTC"),
)


async def search_context_of(body: Mapping[str, Any], context: RequestContext) -> SearchContext:
    """What a search in this request is read with. Raises MalformedBodyError for an unknown zone."""
    return SearchContext(context.services.clock(), zone_of(body), await names_of_values(context))


def zone_of(body: Mapping[str, Any]) -> tzinfo:
    """The time zone of a request, UTC if it names none. Raises MalformedBodyError."""
    return named_zone_of(body) or UTC


def named_zone_of(body: Mapping[str, Any]) -> tzinfo | None:
    """The time zone that a request names, if any. Raises MalformedBodyError."""
    name = body.get("zone")
    if name is None or name == "":
        return None
    zone = zone_named(name) if isinstance(name, str) else None
    if zone is None:
        raise MalformedBodyError(
            f"zone: expected the name of a time zone such as Europe/Berlin, or an offset such as +01:00, got {describe(name)}"
        )
    return zone


async def filters_in(body: Mapping[str, Any], context: RequestContext) -> Any:
    """The filters of a request: those of its `filters` and of its search together. Raises RequestError."""
    filters, text = filters_of(body), search_of(body, context)
    zone_of(body)
    if not text:
        return filters
    searched = filters_of_search(text, await search_context_of(body, context))
    return _both(filters, searched, context)


async def grouped_filters_in(body: Mapping[str, Any], context: RequestContext) -> tuple[Any, Grouping]:
    """The filters of a request as in `filters_in`, and the groups that its search asks for. Raises RequestError."""
    filters, text = filters_of(body), search_of(body, context)
    zone_of(body)
    if not text:
        return filters, NONE
    searched, grouping = grouped_filters_of(text, await search_context_of(body, context))
    return _both(filters, searched, context), grouping


def _both(filters: Any, searched: Filters, context: RequestContext) -> Filters:
    """Filters that mean both. Raises RequestError for those that are not valid."""
    where(filters, now=context.services.clock(), bounds=context.services.bounds, groups=True)
    return joined([filters, searched])


async def predicate_of(body: Mapping[str, Any], context: RequestContext) -> Predicate:
    """The predicate of a request's `filters` and search. Raises RequestError."""
    filters = await filters_in(body, context)
    return where(filters, now=context.services.clock(), bounds=context.services.bounds, groups=True)


def search_of(body: Mapping[str, Any], context: RequestContext) -> str:
    """The search of a request, "" if it has none. Raises MalformedBodyError or LimitExceededError."""
    text = body.get("q")
    if text is None:
        return ""
    if not isinstance(text, str):
        raise MalformedBodyError(f"q: expected a search as text, got {describe(text)}")
    limit = context.services.bounds.characters
    if len(text) > limit:
        raise LimitExceededError(f"q: at most {limit} characters, got {len(text)}")
    return text
