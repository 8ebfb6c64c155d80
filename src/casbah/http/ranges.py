"""MDCA's data enrichment API: IP ranges, listed, created, changed and deleted.

https://learn.microsoft.com/defender-cloud-apps/api-data-enrichment
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from casbah.activity.address import exploded
from casbah.activity.fields import Kind
from casbah.activity.query import choice_of, count_of
from casbah.activity.record import MOST_DIGITS, integer
from casbah.activity.text import sound
from casbah.errors import (
    BadRangeError,
    BadValueError,
    LimitExceededError,
    MalformedBodyError,
    UnknownFilterError,
    UnsupportedOperatorError,
    describe,
)
from casbah.http.body import read_parameters
from casbah.http.context import RequestContext, WriterContext, json_response
from casbah.http.schema import Parameter, Schema, choice, either, ref
from casbah.ingest.enrich import countries
from casbah.ingest.enrich.networks import CATEGORIES, network
from casbah.ingest.enrich.ranges import MOST_NETWORKS, RangeDefinition, StoredRange, checked

LIMIT, MOST = 100, 1_000
MOST_NAME, MOST_TAGS = 200, 100
CATEGORY: Schema = either(
    {"enum": list(range(1, len(CATEGORIES)))},
    {"type": "string", "maxLength": MOST_DIGITS, "pattern": "^0*[1-6]$"},
    description="1: corporate, 2: administrative, 3: risky, 4: VPN, 5: cloud provider, 6: other",
)
_MAPPED = 0xFFFF_0000_0000
_MAPPED_BITS = 96
_DEGREES = {"latitude": 90, "longitude": 180}


async def list_ranges(context: RequestContext) -> Response:
    """The tenant's IP ranges, by name."""
    body = await read_parameters(context.request, limit=context.services.settings.max_body)
    filters, page = body.get("filters"), _page(body)
    matches = _matcher({} if filters in (None, "") else filters)
    ranges = context.services.ranges
    stored_ranges = await context.quick(ranges.all, context.tenant_id)
    tags = await context.quick(ranges.tags, context.tenant_id)
    matching = sorted(
        filter(matches, stored_ranges), key=_ORDERS[page["sortField"]], reverse=page["sortDirection"] == "desc"
    )
    page_ranges = matching[page["skip"] : page["skip"] + page["limit"]]
    more = page["skip"] + len(page_ranges) < len(matching) and bool(page_ranges)
    return json_response(
        {"data": [_shown(stored, tags) for stored in page_ranges], "hasNext": more, "total": len(matching)}
    )


async def list_range_metadata(_: RequestContext) -> Response:
    """The filters of IP ranges and their operators, in the same form as those of activities."""
    return json_response({"filters": [_filter_metadata(name, row) for name, row in FILTERS.items()]})


async def create_range(context: WriterContext) -> Response:
    """Create an IP range. The answer is its id. It labels activities stored from now on."""
    definition = _definition(await read_parameters(context.request, limit=context.services.settings.max_body))
    return json_response(await context.quick(context.services.ranges.add, definition, context.tenant_id))


async def update_range(context: WriterContext) -> Response:
    """Replace an IP range. Omitted parameters are reset. The answer is its id."""
    definition = _definition(await read_parameters(context.request, limit=context.services.settings.max_body))
    await context.quick(context.services.ranges.change, context.path["range"], definition, context.tenant_id)
    return json_response(context.path["range"])


async def delete_range(context: WriterContext) -> Response:
    """Delete an IP range. The answer is its id. Activities keep its labels until they are re-enriched."""
    await context.quick(context.services.ranges.remove, context.path["range"], context.tenant_id)
    return json_response(context.path["range"])


def _filter_metadata(name: str, row: "RangeFilter") -> dict[str, Any]:
    return {
        "name": name,
        "operators": [{"id": operator, "documented": True} for operator in row.operators],
        "inputType": {"type": row.kind.value},
        "deprecated": False,
    }


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
    if len(value) > MOST_NAME:
        raise LimitExceededError(f"{key}: at most {MOST_NAME} characters, got {len(value)}")
    return sound(value)


def _category(value: Any) -> int:
    category = integer(value)
    if category is None or category not in _CATEGORIES:
        raise BadRangeError(
            "category: expected 1 (corporate), 2 (administrative), 3 (risky), 4 (VPN), 5 (cloud provider) or 6 (other), "
            f"got {describe(value)}"
        )
    return category


def _networks(value: Any) -> tuple[str, ...]:
    listed = _strings(value, "subnets", most=MOST_NETWORKS)
    if not listed:
        raise BadRangeError("subnets: expected a list of addresses or networks such as 192.0.2.0/24, got none")
    return checked(listed)


def _tags(value: Any) -> tuple[str, ...]:
    """Tags by id or name, or as objects in the form of the list. Clients send `[""]` for no tags."""
    if value == [""]:
        return ()
    if isinstance(value, list):
        value = [_tag(item) if isinstance(item, Mapping) else item for item in value]
    return tuple(sound(string.strip()) for string in _strings(value, "tags", most=MOST_TAGS))


def _tag(value: Mapping[str, Any]) -> Any:
    named = [value[key] for key in ("id", "name") if value.get(key) is not None]
    tag = next((item for item in named if not isinstance(item, str) or item.strip()), None)
    if tag is None:
        raise BadRangeError("tags: expected an id or a name, got an object with neither")
    return tag


def _strings(value: Any, key: str, *, most: int) -> list[str]:
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
    if len(value) > most or any(len(item) > MOST_NAME for item in value):
        raise LimitExceededError(f"{key}: at most {most} of at most {MOST_NAME} characters each")
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
    texts = {key: _text(value.get(key), f"location.{key}") for key in ("name", "countryName", "city", "region")}
    degrees = {key: _degree(value[key], key) for key in _DEGREES if key in value}
    if len(degrees) == 1:
        raise BadRangeError("location: expected both latitude and longitude, or neither")
    return {"countryCode": code, **{key: text for key, text in texts.items() if text}, **degrees}


def _degree(value: Any, key: str) -> float:
    most = _DEGREES[key]
    if type(value) not in (int, float) or not -most <= value <= most:
        raise BadRangeError(f"location.{key}: expected a number from -{most} to {most}, got {describe(value)}")
    return float(value)


def _shown(kept: StoredRange, tags: Mapping[str, str]) -> dict[str, Any]:
    """A range as in MDCA's list. The location is as it was sent."""
    definition = kept.definition
    return {
        "_id": kept.id,
        "name": definition.name,
        "subnets": [_subnet(subnet) for subnet in definition.networks],
        "location": definition.location or None,
        "organization": definition.organization or None,
        "tags": [{"_id": tag, "id": tag, "name": tags.get(tag, tag), "description": ""} for tag in definition.tags],
        "category": definition.category,
        "lastModified": kept.changed,
    }


def _subnet(text: str) -> dict[str, Any]:
    """A subnet as MDCA writes it: always IPv6, with IPv4 mapped into it."""
    parsed = network(text)
    number, bits = int(parsed.network_address), parsed.prefixlen
    if parsed.version == 4:  # noqa: PLR2004  a version of the protocol
        number, bits = number | _MAPPED, bits + _MAPPED_BITS
    return {"mask": bits, "address": exploded(number), "originalString": text}


def _page(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sortField": choice_of(body, "sortField", tuple(_ORDERS)),
        "sortDirection": choice_of(body, "sortDirection", ("asc", "desc")),
        "skip": count_of(body, "skip"),
        "limit": min(count_of(body, "limit") or LIMIT, MOST),
    }


def _matcher(filters: Any) -> Callable[[StoredRange], bool]:
    """A predicate over ranges from their three filters, which are separate from those of activities."""
    if not isinstance(filters, Mapping):
        raise MalformedBodyError(
            f"filters: expected an object {{filter: {{operator: value}}}}, got {describe(filters)}"
        )
    checks = [_check(name, operators) for name, operators in filters.items()]
    return lambda kept: all(check(kept) for check in checks)


def _check(name: str, operators: Any) -> Callable[[StoredRange], bool]:
    if name not in FILTERS:
        raise UnknownFilterError(name, tuple(FILTERS))
    row = FILTERS[name]
    if not isinstance(operators, Mapping):
        raise MalformedBodyError(f"filter {name!r}: expected {{operator: value}}, got {describe(operators)}")
    for operator in operators:
        if operator not in row.operators:
            raise UnsupportedOperatorError(name, operator, row.operators)
    wanted = {operator: row.values(name, operator, value) for operator, value in operators.items()}
    return lambda kept: all(bool(row.held(kept) & values) is (operator == "eq") for operator, values in wanted.items())


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """A filter of ranges: `held` gives a range's values, `read` parses requested ones (None if invalid)."""

    kind: Kind
    operators: tuple[str, ...]
    held: Callable[[StoredRange], frozenset[Any]]
    read: Callable[[Any], Any]
    expected: str
    schema: Schema

    def values(self, name: str, operator: str, value: Any) -> frozenset[Any]:
        """The requested values, from one value or a list. Raises BadValueError."""
        listed = value if isinstance(value, list) else [value]
        values = frozenset(self.read(item) for item in listed)
        if None in values or not values:
            raise BadValueError(name, operator, value, self.expected)
        return values


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _TRUTHS.get(value.lower()) if isinstance(value, str) else None


_CATEGORIES = range(1, len(CATEGORIES))
_TRUTHS = {"true": True, "false": False}
FILTERS: Mapping[str, RangeFilter] = {
    "category": RangeFilter(
        Kind.INT,
        ("eq", "neq"),
        lambda kept: frozenset({kept.definition.category}),
        lambda value: category if (category := integer(value)) in _CATEGORIES else None,
        "a category from 1 to 6, or a list of them",
        CATEGORY,
    ),
    "tags": RangeFilter(
        Kind.ID,
        ("eq", "neq"),
        lambda kept: frozenset(kept.definition.tags),
        lambda value: value if isinstance(value, str) else None,
        "the id of a tag, or a list of them",
        {"type": "string"},
    ),
    # Casbah ships no ranges, so all of them are the tenant's own.
    "builtIn": RangeFilter(Kind.BOOL, ("eq",), lambda _: frozenset({False}), _truth, "true or false", ref("Flag")),
}
_ORDERS: Mapping[str, Callable[[StoredRange], Any]] = {
    "name": lambda kept: (kept.definition.name, kept.id),
    "category": lambda kept: (kept.definition.category, kept.definition.name, kept.id),
    "tags": lambda kept: (sorted(kept.definition.tags), kept.definition.name, kept.id),
}

RANGE_PARAMETERS = (
    Parameter("skip", ref("Count"), "How many ranges to skip at the beginning"),
    Parameter("limit", ref("Count"), f"Page size: {LIMIT} by default, {MOST} at most"),
    Parameter("sortField", choice(*_ORDERS), "Sort key. Default: name"),
    Parameter("sortDirection", choice("asc", "desc"), "Default: asc"),
)
