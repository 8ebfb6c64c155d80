"""Searches: activities found with a text that people write, and what such a text means (docs/search.md)."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from casbah.activity.query import where
from casbah.activity.search.grouping import NONE
from casbah.activity.search.printed import conditions
from casbah.http.activities import PageAnswer, respond_with_page
from casbah.http.answers import Answer, SentFilters
from casbah.http.context import RequestContext
from casbah.http.search_parameters import filters_in, grouped_filters_in, search_context_of


class ConditionAnswer(Answer):
    text: Annotated[str, Meta(description="The condition as a search")]
    filters: Annotated[SentFilters, Meta(description="The condition as filters")]


class Explanation(Answer):
    text: Annotated[str, Meta(description="The same search, written as Casbah writes it")]
    filters: Annotated[SentFilters, Meta(description="What the search means, as every other route takes it")]
    conditions: Annotated[Sequence[ConditionAnswer], Meta(description="Its conditions, all of which must hold")]
    by: Annotated[Sequence[str], Meta(description="The filters whose values make groups")] | UnsetType = UNSET
    distinct: Annotated[Sequence[str], Meta(description="Those whose values are counted in them")] | UnsetType = UNSET


async def search_activities(context: RequestContext) -> Annotated[Response, PageAnswer]:
    body = await context.parameters()
    return await respond_with_page({**body, "filters": await filters_in(body, context)}, context, groups=True)


async def explain_search(context: RequestContext) -> Explanation:
    body = await context.parameters()
    filters, grouping = await grouped_filters_in(body, context)
    where(filters, now=context.services.clock(), bounds=context.services.bounds, groups=True)
    parts = conditions(filters, await search_context_of(body, context))
    explained = [ConditionAnswer(text, part) for text, part in parts]
    if grouping == NONE:
        return Explanation(" ".join(text for text, _ in parts), filters, explained)
    return Explanation(
        " ".join([*(text for text, _ in parts), str(grouping)]),
        filters,
        explained,
        by=[row.name for row in grouping.by],
        distinct=[row.name for row in grouping.distinct],
    )
