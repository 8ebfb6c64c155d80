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
from casbah.http.context import RequestContext, json_response
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
    chosen = _chosen({} if filters in (None, "") else filters)
    ranges = context.services.ranges
    kept = await context.quick(ranges.all, context.scope)
    tags = await context.quick(ranges.tags, context.scope)
    found = sorted(filter(chosen, kept), key=_ORDERS[page["sortField"]], reverse=page["sortDirection"] == "desc")
    shown = found[page["skip"] : page["skip"] + page["limit"]]
    more = page["skip"] + len(shown) < len(found) and bool(shown)
    return json_response({"data": [_shown(each, tags) for each in shown], "hasNext": more, "total": len(found)})


async def list_range_metadata(_: RequestContext) -> Response:
    """The filters of IP ranges and their operators, from the table, as those of activities are listed."""
    return json_response({"filters": [_described(name, row) for name, row in FILTERS.items()]})


async def create_range(context: RequestContext) -> Response:
    """Keep a new IP range; the answer is its id. It says something of activities that are stored from now on."""
    drawn = _drawn(await read_parameters(context.request, limit=context.services.settings.max_body))
    return json_response(await context.quick(context.services.ranges.add, drawn, context.scope))


async def update_range(context: RequestContext) -> Response:
    """Put a range in place of the one of that id; what is not said is not kept. The answer is its id."""
    drawn = _drawn(await read_parameters(context.request, limit=context.services.settings.max_body))
    await context.quick(context.services.ranges.change, context.path["range"], drawn, context.scope)
    return json_response(context.path["range"])


async def delete_range(context: RequestContext) -> Response:
    """Forget an IP range; the answer is its id. Activities keep what it said of them until they are enriched again."""
    await context.quick(context.services.ranges.remove, context.path["range"], context.scope)
    return json_response(context.path["range"])


def _described(name: str, row: "RangeFilter") -> dict[str, Any]:
    return {
        "name": name,
        "operators": [{"id": operator, "documented": True} for operator in row.operators],
        "inputType": {"type": row.kind.value},
        "deprecated": False,
    }


def _drawn(body: dict[str, Any]) -> RangeDefinition:
    """A range from a request. `location`, which is documented for answers alone, is taken as it is answered."""
    return RangeDefinition(
        name=_name(body.get("name")),
        category=_category(body.get("category")),
        networks=_networks(body.get("subnets")),
        tags=_tags(body.get("tags")),
        organization=_text(body.get("organization"), "organization"),
        location=_location(body.get("location")),
    )


def _name(value: Any) -> str:
    found = _text(value, "name").strip()
    if not found:
        raise BadRangeError(f"name: expected a name, got {describe(value)}")
    return found


def _text(value: Any, key: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRangeError(f"{key}: expected a string, got {describe(value)}")
    if len(value) > MOST_NAME:
        raise LimitExceededError(f"{key}: at most {MOST_NAME} characters, got {len(value)}")
    return sound(value)


def _category(value: Any) -> int:
    found = integer(value)
    if found is None or found not in _CATEGORIES:
        raise BadRangeError(
            "category: expected 1 (corporate), 2 (administrative), 3 (risky), 4 (VPN), 5 (cloud provider) or 6 (other), "
            f"got {describe(value)}"
        )
    return found


def _networks(value: Any) -> tuple[str, ...]:
    listed = _strings(value, "subnets", most=MOST_NETWORKS)
    if not listed:
        raise BadRangeError("subnets: expected a list of addresses or networks such as 192.0.2.0/24, got none")
    return checked(listed)


def _tags(value: Any) -> tuple[str, ...]:
    """By id or by name; objects too, as the list answers them. A list of one empty string is what clients send for no tags."""
    if value == [""]:
        return ()
    if isinstance(value, list):
        value = [_tag(each) if isinstance(each, Mapping) else each for each in value]
    return tuple(sound(string.strip()) for string in _strings(value, "tags", most=MOST_TAGS))


def _tag(value: Mapping[str, Any]) -> Any:
    named = [value[key] for key in ("id", "name") if value.get(key) is not None]
    tag = next((item for item in named if not isinstance(item, str) or item.strip()), None)
    if tag is None:
        raise BadRangeError("tags: expected an id or a name, got an object with neither")
    return tag


def _strings(value: Any, key: str, *, most: int) -> list[str]:
    """A list of strings that are not blank; null is as good as an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRangeError(f"{key}: expected a list of strings, got {describe(value)}")
    for item in value:
        if not isinstance(item, str):
            raise BadRangeError(f"{key}: expected a list of strings, got {describe(item)} in the list")
        if not item.strip():
            raise BadRangeError(f"{key}: expected no blank string in the list")
    if len(value) > most or any(len(each) > MOST_NAME for each in value):
        raise LimitExceededError(f"{key}: at most {most} of at most {MOST_NAME} characters each")
    return value


def _location(value: Any) -> dict[str, Any]:
    """Where its addresses are: a country at least, by code or name."""
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
        raise BadRangeError("location: latitude and longitude come together")
    return {"countryCode": code, **{key: text for key, text in texts.items() if text}, **degrees}


def _degree(value: Any, key: str) -> float:
    most = _DEGREES[key]
    if type(value) not in (int, float) or not -most <= value <= most:
        raise BadRangeError(f"location.{key}: expected a number from -{most} to {most}, got {describe(value)}")
    return float(value)


def _shown(kept: StoredRange, tags: Mapping[str, str]) -> dict[str, Any]:
    """As MDCA's list answers it; of a location what was said of it."""
    said = kept.definition
    return {
        "_id": kept.id,
        "name": said.name,
        "subnets": [_subnet(each) for each in said.networks],
        "location": said.location or None,
        "organization": said.organization or None,
        "tags": [{"_id": tag, "id": tag, "name": tags.get(tag, tag), "description": ""} for tag in said.tags],
        "category": said.category,
        "lastModified": kept.changed,
    }


def _subnet(text: str) -> dict[str, Any]:
    """MDCA writes all addresses as IPv6, IPv4 mapped into it."""
    found = network(text)
    number, bits = int(found.network_address), found.prefixlen
    if found.version == 4:  # noqa: PLR2004  a version of the protocol
        number, bits = number | _MAPPED, bits + _MAPPED_BITS
    return {"mask": bits, "address": exploded(number), "originalString": text}


def _page(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sortField": choice_of(body, "sortField", tuple(_ORDERS)),
        "sortDirection": choice_of(body, "sortDirection", ("asc", "desc")),
        "skip": count_of(body, "skip"),
        "limit": min(count_of(body, "limit") or LIMIT, MOST),
    }


def _chosen(filters: Any) -> Callable[[StoredRange], bool]:
    """Whether a range matches; a table of three filters, apart from those of activities."""
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
    wanted = {operator: row.values(name, operator, given) for operator, given in operators.items()}
    return lambda kept: all(bool(row.held(kept) & values) is (operator == "eq") for operator, values in wanted.items())


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """A filter of ranges: what a range has, and how values are read."""

    kind: Kind
    operators: tuple[str, ...]
    held: Callable[[StoredRange], frozenset[Any]]
    read: Callable[[Any], Any]
    expected: str
    schema: Schema

    def values(self, name: str, operator: str, given: Any) -> frozenset[Any]:
        """The values asked for, one or a list of them. Raises BadValueError."""
        listed = given if isinstance(given, list) else [given]
        found = frozenset(self.read(each) for each in listed)
        if None in found or not found:
            raise BadValueError(name, operator, given, self.expected)
        return found


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else _TRUTHS.get(value.lower()) if isinstance(value, str) else None


_CATEGORIES = range(1, len(CATEGORIES))
_TRUTHS = {"true": True, "false": False}
FILTERS: Mapping[str, RangeFilter] = {
    "category": RangeFilter(
        Kind.INT,
        ("eq", "neq"),
        lambda kept: frozenset({kept.definition.category}),
        lambda value: found if (found := integer(value)) in _CATEGORIES else None,
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
    Parameter("skip", ref("Count"), "How many ranges to leave out at the beginning"),
    Parameter("limit", ref("Count"), f"The page's size: {LIMIT} by default, {MOST} at most"),
    Parameter("sortField", choice(*_ORDERS), "What to sort by; the name by default"),
    Parameter("sortDirection", choice("asc", "desc"), "asc by default"),
)
