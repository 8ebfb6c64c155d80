"""The operations of stored activities, by app: where MDCA's users look up values of the filter `actionType`.

Microsoft's MCAS module for PowerShell (Get-MCASActivityType) sends these parameters and reads these keys.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from casbah.activity import predicate as p
from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS, Value
from casbah.activity.text import folded
from casbah.errors import MalformedBodyError, describe
from casbah.http.answers import Answer
from casbah.http.context import RequestContext
from casbah.http.entities import app_name
from casbah.http.listed_values import distinct
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
    more_than_total: Annotated[
        bool,
        Meta(
            description="Whether there are more than CASBAH_MAX_DISTINCT. If so, apps with few activities are left out"
        ),
    ]


class ActivityTypes(Answer):
    records: ActivityTypeItems


async def list_activity_types(context: RequestContext) -> ActivityTypes:
    body = await context.parameters()
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
    """One query per app, those with the most activities first, until CASBAH_MAX_DISTINCT operations are read."""
    chosen = p.Terms(FIELDS["service"], tuple(services)) if services else p.Everything()
    apps = distinct(FIELDS["service"], p.both(chosen, p.Present(FIELDS["operation"])), context, deadline)
    operations: dict[int, Sequence[Value]] = {}
    more, room = apps.more, context.services.settings.max_distinct
    for app in sorted(apps.counts, key=attrgetter("total"), reverse=True):
        if not room:
            more = True
            break
        listed = distinct(FIELDS["operation"], p.Terms(FIELDS["service"], (app.value,)), context, deadline, limit=room)
        operations[int(app.value)] = listed.values
        more, room = more or listed.more, room - len(listed.values)
    return ActivityTypes(ActivityTypeItems(list(_items(operations, search)), more_than_total=more))


def _items(operations: Mapping[int, Sequence[Value]], search: str) -> Iterator[ActivityType]:
    for app, values in sorted(operations.items()):
        name = app_name(app)
        yield from (ActivityType(str(value), app, name) for value in values if search in str(value))
