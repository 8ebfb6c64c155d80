"""The operations of stored activities, by app: where MDCA's users look up values of the filter `actionType`.

Microsoft's MCAS module for PowerShell (Get-MCASActivityType) sends these parameters and reads these keys.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.text import folded
from casbah.errors import MalformedBodyError, describe
from casbah.http.answers import Answer
from casbah.http.context import RequestContext
from casbah.http.distinct import Distinct, distinct
from casbah.http.entities import app_name
from casbah.http.request_body import read_parameters
from casbah.http.request_schemas import Parameter

_SERVICES = re.compile(r"eq\((?:i:[0-9]{1,18},?)+\)")
_SERVICE = re.compile(r"i:([0-9]+)")
ACTIVITY_TYPE_PARAMETERS = (
    Parameter("search", {"type": "string"}, "Only operations that contain this"),
    Parameter(
        "service", {"type": "string", "pattern": f"^{_SERVICES.pattern}$"}, "Only these apps: eq(i:11161,i:15600)"
    ),
)


class ActivityType(Answer):
    category: Annotated[str, Meta(description="The operation, as the filter `actionType` takes it")]
    app_id: int
    service_name: Annotated[str, Meta(description="The app's name")] = msgspec.field(name="service_name")


class ActivityTypeItems(Answer):
    items: Annotated[Sequence[ActivityType], Meta(description="By app, then by operation")]
    more_than_total: Annotated[bool, Meta(description="Whether an app has more operations than CASBAH_MAX_DISTINCT")]


class ActivityTypes(Answer):
    records: ActivityTypeItems


async def list_activity_types(context: RequestContext) -> ActivityTypes:
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    return await context.search(_types, _search(body), _services(body), context, context.deadline)


def _search(body: Mapping[str, Any]) -> str:
    search = body.get("search")
    if search is not None and not isinstance(search, str):
        raise MalformedBodyError(f"search: expected a string, got {describe(search)}")
    return folded(search or "")


def _services(body: Mapping[str, Any]) -> tuple[int, ...]:
    """The apps of `service`, in the notation of the portal's addresses; none if it is not given."""
    text = body.get("service")
    if text in (None, ""):
        return ()
    if not isinstance(text, str) or not _SERVICES.fullmatch(text):
        raise MalformedBodyError(f"service: expected apps such as eq(i:11161,i:15600), got {describe(text)}")
    return tuple(map(int, _SERVICE.findall(text)))


def _types(search: str, services: Sequence[int], context: RequestContext, deadline: Deadline) -> ActivityTypes:
    chosen = p.Terms(FIELDS["service"], tuple(services)) if services else p.Everything()
    apps = distinct(FIELDS["service"], chosen, context, deadline)
    operations = {
        int(app): distinct(FIELDS["operation"], p.Terms(FIELDS["service"], (app,)), context, deadline)
        for app in apps.values
    }
    more = apps.more or any(part.more for part in operations.values())
    return ActivityTypes(ActivityTypeItems(list(_items(operations, search)), more_than_total=more))


def _items(operations: Mapping[int, Distinct], search: str) -> Iterator[ActivityType]:
    for app, listed in operations.items():
        name = app_name(app)
        yield from (ActivityType(str(value), app, name) for value in listed.values if search in str(value))
