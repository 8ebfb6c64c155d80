"""The groups of users, as far as activities name them: where MDCA's users look up values of the filter `user.tags`.

Path and parameters are those that two PowerShell modules send: Microsoft's MCAS, and XDRInternals.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.query import choice_of, count_of, filters_of, page_limit_of
from casbah.errors import MalformedBodyError
from casbah.http.answers import CountedPage
from casbah.http.context import RequestContext
from casbah.http.entities import Group
from casbah.http.listed_values import Distinct, distinct
from casbah.http.request_schemas import PAGE_PARAMETERS, Parameter, Schema, choice, query_body, strict_body

USER_TAG_PARAMETERS = (
    *PAGE_PARAMETERS,
    Parameter("sortField", choice("name"), "The order is that of names"),
    Parameter("sortDirection", choice("asc", "desc"), "Default: asc"),
)
BODIES: Mapping[str, Schema] = {
    "UserTagQuery": query_body(USER_TAG_PARAMETERS, filters="NoFilters", text="None"),
    "NoFilters": {**strict_body({}), "description": "Groups have no filters"},
}


class UserTagPage(CountedPage, kw_only=True):
    data: Annotated[Sequence[Group], Meta(description="The groups of this page; activities name them by id alone")]


async def list_user_tags(context: RequestContext) -> UserTagPage:
    body = await context.parameters()
    filters = filters_of(body)
    if filters != {}:
        raise MalformedBodyError("filters: user groups take no filters; leave `filters` out, or send an empty object")
    choice_of(body, "sortField", ("name",))
    skip, limit = count_of(body, "skip"), context.emulation.page_limit(page_limit_of(body))
    tags = await context.search(_tags, context, context.deadline)
    descending = choice_of(body, "sortDirection", ("asc", "desc")) == "desc"
    names = sorted(map(str, tags.values), reverse=descending)
    chosen = names[skip : skip + limit]
    return UserTagPage(
        data=[Group(name, name, name) for name in chosen],
        has_next=skip + len(chosen) < len(names) and bool(chosen),
        maximum=limit,
        total=len(names),
        more_than_total=tags.more,
    )


def _tags(context: RequestContext, deadline: Deadline) -> Distinct:
    return distinct(FIELDS["user_tag"], p.Everything(), context, deadline)
