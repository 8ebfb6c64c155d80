"""MDCA's alerts API. Nothing raises alerts here yet, so its lists are empty, whatever the filters.

Collectors ask for alerts to test their connection. Shape: learn.microsoft.com/defender-cloud-apps/api-alerts-list.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.query import count_of, filters_of, page_limit_of, require_object
from casbah.http.activities import Total
from casbah.http.answers import CountedPage
from casbah.http.context import RequestContext
from casbah.http.request_schemas import PAGE_PARAMETERS, Schema, query_body

BODIES: Mapping[str, Schema] = {
    "AnyFilters": {"type": "object", "description": "Any filters: no alert exists that they could match"},
    "AlertQuery": query_body(PAGE_PARAMETERS, filters="AnyFilters", text="Which alerts"),
    "FilteredAlerts": query_body((), filters="AnyFilters", text="Which alerts"),
}


class AlertPage(CountedPage, kw_only=True):
    data: Annotated[Sequence[Any], Meta(description="Always empty", max_length=0)]


async def list_alerts(context: RequestContext) -> AlertPage:
    body = await _parameters(context)
    count_of(body, "skip")
    return AlertPage(
        data=(),
        has_next=False,
        maximum=context.emulation.page_limit(page_limit_of(body)),
        total=0,
        more_than_total=False,
    )


async def count_alerts(context: RequestContext) -> Total:
    await _parameters(context)
    return Total(0, more_than_total=False)


async def _parameters(context: RequestContext) -> Mapping[str, Any]:
    body = await context.parameters()
    require_object(filters_of(body))
    return body
