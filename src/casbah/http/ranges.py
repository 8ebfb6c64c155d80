"""MDCA's data enrichment API: IP ranges, listed, created, changed and deleted.

https://learn.microsoft.com/defender-cloud-apps/api-data-enrichment
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from casbah.activity.address import exploded
from casbah.activity.record import integer
from casbah.activity.text import sound
from casbah.errors import (
    BadRangeError,
    LimitExceededError,
    describe,
)
from casbah.http import range_filters
from casbah.http.answers import Answer, Count, Moment
from casbah.http.context import RequestContext, WriterContext
from casbah.http.filter_metadata import Metadata, metadata
from casbah.http.range_filters import CATEGORY, CATEGORY_NUMBERS, FILTERS
from casbah.http.request_schemas import (
    NOT_BLANK,
    Schema,
    either,
    open_body,
    ref,
)
from casbah.ingest.enrich import countries
from casbah.ingest.enrich.networks import network
from casbah.ingest.enrich.ranges import MAX_NETWORKS, RangeDefinition, StoredRange, checked

MAX_NAME, MAX_TAGS = 200, 100
_MAPPED = 0xFFFF_0000_0000
_MAPPED_BITS = 96
_DEGREES = {"latitude": 90, "longitude": 180}
_LOCATION_TEXTS = ("name", "countryName", "city", "region")


class Subnet(Answer):
    mask: int
    address: str
    original_string: str


class Tag(Answer):
    tag_id: str = msgspec.field(name="_id")
    id: str
    name: str
    description: str


class IpRange(Answer):
    range_id: str = msgspec.field(name="_id")
    name: str
    subnets: Annotated[
        Sequence[Subnet],
        Meta(description="Of 128 bits, IPv4 mapped into IPv6; `originalString` is as it was spelled"),
    ]
    location: Mapping[str, Any] | None
    organization: str | None
    tags: Sequence[Tag]
    category: Annotated[int, Meta(extra_json_schema=CATEGORY)]
    last_modified: Moment


class RangePage(Answer):
    data: Annotated[Sequence[IpRange], Meta(description="The IP ranges of this page")]
    has_next: bool
    total: Count


RangeId = Annotated[str, Meta(description="The id of the IP range")]


async def list_ranges(context: RequestContext) -> RangePage:
    body = await context.parameters()
    query = range_filters.read(body)
    ranges = context.services.ranges
    stored_ranges = await context.quick(ranges.all, context.tenant_id)
    tags = await context.quick(ranges.tags, context.tenant_id)
    matching = query.matching(stored_ranges)
    page_ranges = matching[query.skip : query.skip + query.limit]
    more = query.skip + len(page_ranges) < len(matching) and bool(page_ranges)
    return RangePage([_shown(stored, tags) for stored in page_ranges], has_next=more, total=len(matching))


async def list_range_metadata(_: RequestContext) -> Metadata:
    return Metadata([metadata(name, row.operators, row.kind) for name, row in FILTERS.items()])


async def create_range(context: WriterContext) -> RangeId:
    definition = _definition(await context.parameters())
    return await context.quick(context.services.ranges.add, definition, context.tenant_id)


async def update_range(context: WriterContext) -> RangeId:
    definition = _definition(await context.parameters())
    await context.quick(context.services.ranges.change, context.path["range"], definition, context.tenant_id)
    return context.path["range"]


async def delete_range(context: WriterContext) -> RangeId:
    await context.quick(context.services.ranges.remove, context.path["range"], context.tenant_id)
    return context.path["range"]


def _definition(body: dict[str, Any]) -> RangeDefinition:
    """The range definition in a request. `location`, documented only in responses, is accepted in the same form."""
    return RangeDefinition(
        name=_name(body.get("name")),
        category=_category(body.get("category")),
        networks=_networks(body.get("subnets")),
        tags=_tags(body.get("tags")),
        organization=_text(body.get("organization"), "organization"),
        location=_location(body.get("location")),
    )


def _name(value: Any) -> str:
    name = _text(value, "name").strip()
    if not name:
        raise BadRangeError(f"name: expected a name, got {describe(value)}")
    return name


def _text(value: Any, key: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRangeError(f"{key}: expected a string, got {describe(value)}")
    if len(value) > MAX_NAME:
        raise LimitExceededError(f"{key}: at most {MAX_NAME} characters, got {len(value)}")
    return sound(value)


def _category(value: Any) -> int:
    category = integer(value)
    if category is None or category not in CATEGORY_NUMBERS:
        raise BadRangeError(
            "category: expected 1 (corporate), 2 (administrative), 3 (risky), 4 (VPN), 5 (cloud provider) or 6 (other), "
            f"got {describe(value)}"
        )
    return category


def _networks(value: Any) -> tuple[str, ...]:
    listed = _strings(value, "subnets", maximum=MAX_NETWORKS)
    if not listed:
        raise BadRangeError("subnets: expected a list of addresses or networks such as 192.0.2.0/24, got none")
    return checked(listed)


def _tags(value: Any) -> tuple[str, ...]:
    """Tags by id or name, or as objects in the form of the list. Clients send `[""]` for no tags."""
    if value == [""]:
        return ()
    if isinstance(value, list):
        value = [_tag(item) if isinstance(item, Mapping) else item for item in value]
    return tuple(sound(string.strip()) for string in _strings(value, "tags", maximum=MAX_TAGS))


def _tag(value: Mapping[str, Any]) -> Any:
    named = [value[key] for key in ("id", "name") if value.get(key) is not None]
    tag = next((item for item in named if not isinstance(item, str) or item.strip()), None)
    if tag is None:
        raise BadRangeError("tags: expected an id or a name, got an object with neither")
    return tag


def _strings(value: Any, key: str, *, maximum: int) -> list[str]:
    """A list of non-blank strings. Null means empty. Raises BadRangeError or LimitExceededError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRangeError(f"{key}: expected a list of strings, got {describe(value)}")
    for item in value:
        if not isinstance(item, str):
            raise BadRangeError(f"{key}: expected a list of strings, got {describe(item)} in the list")
        if not item.strip():
            raise BadRangeError(f"{key}: expected no blank string in the list")
    if len(value) > maximum or any(len(item) > MAX_NAME for item in value):
        raise LimitExceededError(f"{key}: at most {maximum} of at most {MAX_NAME} characters each")
    return value


def _location(value: Any) -> dict[str, Any]:
    """The location of a range: at least a country, by code or name."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadRangeError(f"location: expected an object with countryCode, got {describe(value)}")
    code = countries.code(_text(value.get("countryCode"), "location.countryCode"))
    if code is None:
        raise BadRangeError(
            f"location.countryCode: expected a country such as DE, got {describe(value.get('countryCode'))}"
        )
    texts = {key: _text(value.get(key), f"location.{key}") for key in _LOCATION_TEXTS}
    degrees = {key: _degree(value[key], key) for key in _DEGREES if key in value}
    if len(degrees) == 1:
        raise BadRangeError("location: expected both latitude and longitude, or neither")
    return {"countryCode": code, **{key: text for key, text in texts.items() if text}, **degrees}


def _degree(value: Any, key: str) -> float:
    maximum = _DEGREES[key]
    if type(value) not in (int, float) or not -maximum <= value <= maximum:
        raise BadRangeError(f"location.{key}: expected a number from -{maximum} to {maximum}, got {describe(value)}")
    return float(value)


def _shown(kept: StoredRange, tags: Mapping[str, str]) -> IpRange:
    """A range as in MDCA's list. `location` has the country as a code, and only the known keys of the request."""
    definition = kept.definition
    return IpRange(
        range_id=kept.id,
        name=definition.name,
        subnets=[_subnet(subnet) for subnet in definition.networks],
        location=definition.location or None,
        organization=definition.organization or None,
        tags=[Tag(tag, tag, tags.get(tag, tag), description="") for tag in definition.tags],
        category=definition.category,
        last_modified=kept.changed,
    )


def _subnet(text: str) -> Subnet:
    """A subnet as MDCA writes it: always IPv6, with IPv4 mapped into it."""
    parsed = network(text)
    number, bits = int(parsed.network_address), parsed.prefixlen
    if parsed.version == 4:  # noqa: PLR2004  a version of the protocol
        number, bits = number | _MAPPED, bits + _MAPPED_BITS
    return Subnet(bits, exploded(number), text)


_TEXT: Schema = {"type": ["string", "null"], "maxLength": MAX_NAME}
_FILLED: Schema = {"type": "string", "maxLength": MAX_NAME, "pattern": NOT_BLANK}
_COUNTRY: Schema = {
    "type": "string",
    "minLength": 2,
    "maxLength": MAX_NAME,
    "description": "As ISO 3166-1 has it",
}
_TAG: Schema = {
    **open_body({"id": {"type": ["string", "null"]}, "name": {"type": ["string", "null"]}}),
    "anyOf": [{"required": [key], "properties": {key: _FILLED}} for key in ("id", "name")],
}
_LOCATION: Schema = {
    **open_body(
        {
            "countryCode": _COUNTRY,
            **dict.fromkeys(_LOCATION_TEXTS, _TEXT),
            **{key: {"type": "number", "minimum": -maximum, "maximum": maximum} for key, maximum in _DEGREES.items()},
        },
        required=("countryCode",),
    ),
    "dependentRequired": {"latitude": ["longitude"], "longitude": ["latitude"]},
}
BODIES: Mapping[str, Schema] = {
    **range_filters.BODIES,
    "NewRange": open_body(
        {
            "name": {**_FILLED, "description": "What people call it; no two ranges have the same"},
            "category": CATEGORY,
            "subnets": {
                "type": "array",
                "items": {"allOf": [ref("Address")], "maxLength": MAX_NAME},
                "minItems": 1,
                "maxItems": MAX_NETWORKS,
                "description": "Addresses and networks; none stands in two ranges",
            },
            "organization": {**_TEXT, "description": "Whose they are, in place of what files say"},
            "tags": either(
                {"type": ["array", "null"], "items": either(_FILLED, _TAG), "maxItems": MAX_TAGS},
                {"const": [""]},
                description='By id, or by name; a name that is new makes a new tag; `[""]` is as good as none',
            ),
            "location": either({"type": "null"}, _LOCATION, description="Where they are, in place of what files say"),
        },
        required=("name", "category", "subnets"),
    ),
}
