"""Where an entity's activities came from. A playbook of Microsoft Sentinel asks for it to tell the habits of a user.

It sends the entity's key in base64 with a `/` after it, and reads rows of country, activities and the time of the last one
(Azure/Azure-Sentinel, Playbooks/Get-AlertEntitiesEnrichment, UserEnrichment.template.json).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from casbah.activity.deadline import Deadline
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.record import integer
from casbah.activity.text import folded
from casbah.errors import MalformedBodyError, describe
from casbah.http.answers import Answer, Count, NoMore
from casbah.http.context import RequestContext
from casbah.http.entities import key_term
from casbah.http.examples import AN_ENTITY
from casbah.http.listed_values import distinct, having, latest
from casbah.http.request_schemas import Parameter

_COUNTRY = FIELDS["country"]
LOCATION_PARAMETERS = (
    Parameter(
        "username",
        {"type": "string", "minLength": 1},
        "The entity's key in base64; or a user's name",
        example=AN_ENTITY,
    ),
)
CountryRow = Annotated[
    Sequence[str | int],
    Meta(
        description="A country, the number of activities, and when the last happened (ms)", min_length=3, max_length=3
    ),
]


class ActivityLocations(Answer):
    data: Annotated[Sequence[CountryRow], Meta(description="The country with the most activities first")]
    has_next: NoMore
    total: Annotated[Count, Meta(description="The number of countries")]
    more_than_total: Annotated[bool, Meta(description="Whether there are more countries than CASBAH_MAX_DISTINCT")]


async def list_locations(context: RequestContext) -> ActivityLocations:
    body = await context.parameters()
    return await context.search(_locations, _performed(body), context, context.deadline)


def _performed(body: Mapping[str, Any]) -> Predicate:
    name = body.get("username")
    if not isinstance(name, str) or not name:
        raise MalformedBodyError(f"username: expected an entity's key in base64, or a name, got {describe(name)}")
    name = name.removesuffix("/")
    term = key_term(name.replace(" ", "+"))  # A `+` of base64 that a query string was not escaped for.
    return having(FIELDS["user_name"], folded(name)) if term is None else having(FIELDS["entity"], term)


def _locations(performed: Predicate, context: RequestContext, deadline: Deadline) -> ActivityLocations:
    countries = distinct(_COUNTRY, performed, context, deadline)
    newest = latest(_COUNTRY, countries.values, performed, context, deadline)
    last = {country: integer(reading.record.get("timestamp")) or 0 for country, reading in newest}
    rows = [(str(country).upper(), total, last.get(country, 0)) for country, total in countries.counts]
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return ActivityLocations(ordered, has_next=False, total=len(ordered), more_than_total=countries.more)
