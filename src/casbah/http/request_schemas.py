"""JSON Schemas of queries, built from the tables of the query language. The server accepts whatever they accept.

`_values` are the kinds of value, `_conditions` the operators per kind of field, `_filters` all filters, `parameters` what
goes with them. Dialect: JSON Schema 2020-12, as in OpenAPI 3.1. Where a schema cannot express a rule, its description
does; `tests/http/test_openapi.py` lists these few places.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, OPERATORS_OF, Filter, positive
from casbah.activity.query import DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, MAX_SCAN_LIMIT, MIN_SCAN_LIMIT, Bounds
from casbah.activity.record import MAX_DIGITS
from casbah.activity.value import MAX_DAYS, Takes

Schema = dict[str, Any]

BLANK: Schema = {"enum": [None, ""], "description": "As good as absent"}
NOT_BLANK = r"[^\s\x1c-\x1f\x85]"
"""A pattern for texts in which there is something to see."""

FILTERS_HELP = "Which activities: {filter: {operator: value or list of values}}"
_GROUPS = 8
_DECIMAL = "-?[0-9]+"

_OF_KIND: dict[Kind, str] = {
    Kind.INT: "Whole",
    Kind.BOOL: "Flag",
    Kind.ENUMERATION: "Text",
    Kind.ID: "Id",
    Kind.TEXT: "Text",
    Kind.PATH: "Text",
    Kind.URL: "Text",
    Kind.IP: "Address",
    Kind.MS: "Whole",
    Kind.WORDS: "Text",
    Kind.ENTITY: "Entity",
    Kind.SOURCE: "Source",
}
_TEXTS_OF_KIND = {Kind.ENTITY: "Entity", Kind.ID: "Id"}
_OF_TAKES = {Takes.FLAGS: "Flag", Takes.NUMBERS: "Whole", Takes.RANGES: "Range", Takes.DAYS: "Days"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter besides `filters`, with the `schema` of a non-blank value.

    `text` is the schema in a query string, if it differs. One with an `example` is required.
    """

    name: str
    schema: Schema
    help: str
    text: Schema | None = None
    example: str | None = None


def ref(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def either(*schemas: Schema, **more: Any) -> Schema:
    """Any of several schemas."""
    return {"anyOf": list(schemas), **more}


def open_body(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """A request body. It may have further keys, because the server ignores them."""
    schema: Schema = {"type": "object", "properties": dict(properties)}
    return {**schema, "required": list(required)} if required else schema


def strict_body(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """A request body without further keys, which the server refuses."""
    return {**open_body(properties, required=required), "additionalProperties": False}


def query_body(
    rows: Iterable[Parameter], *, filters: str = "Filters", text: str = FILTERS_HELP, blank: Schema = BLANK
) -> Schema:
    """A request body with filters and these parameters, each of which may be blank."""
    properties = {row.name: either(row.schema, blank, description=row.help) for row in rows}
    return open_body({"filters": either(ref(filters), blank, description=text), **properties})


def caseless(*words: str) -> str:
    """A case-insensitive pattern for these words, which consist of letters and underscores."""
    return "^(?:" + "|".join("".join(map(_letter, word)) for word in words) + ")$"


PAGE_PARAMETERS = (
    Parameter("skip", ref("Count"), "How many to skip at the beginning"),
    Parameter("limit", ref("Count"), f"Page size: {DEFAULT_PAGE_LIMIT} by default, {MAX_PAGE_LIMIT} at most"),
)


def language(bounds: Bounds) -> dict[str, Schema]:
    """Every named schema that filters need, and Filters itself, for a server with these bounds."""
    filters = _filters(bounds)
    return {
        **_values(bounds),
        **_lists(bounds),
        **_conditions(),
        "Filters": filters,
        "GroupedFilters": _grouped(filters),
        "Search": {
            "type": "string",
            "maxLength": bounds.characters,
            "description": "A search: docs/search.md has its grammar",
        },
    }


def parameters() -> tuple[Parameter, ...]:
    """The parameters besides `filters`, in the order of the specification."""
    scan = f"{MIN_SCAN_LIMIT} to {MAX_SCAN_LIMIT} in a scan"
    return (
        Parameter("skip", ref("Count"), "How many activities to skip at the beginning; ignored by scans"),
        Parameter(
            "limit",
            ref("Count"),
            f"Page size: {DEFAULT_PAGE_LIMIT} by default, {MAX_PAGE_LIMIT} at most, {scan}; other values are clamped",
        ),
        Parameter("sortField", choice("date", "created"), "When it happened (the default), or when it was stored"),
        Parameter("sortDirection", choice("desc", "asc"), "Newest first (the default), or oldest first"),
        Parameter("isScan", ref("Flag"), "Whether to scan: read every page by `nextQueryFilters`"),
    )


def _values(bounds: Bounds) -> dict[str, Schema]:
    """Single values, as `casbah.activity.value` reads them."""
    maximum = bounds.characters
    whole = either(
        {"type": "integer"}, {"type": "string", "maxLength": min(maximum, MAX_DIGITS), "pattern": f"^{_DECIMAL}$"}
    )
    return {
        "Whole": {
            **whole,
            "description": "An integer, a whole float, or a decimal string; moments are ms since the epoch",
        },
        "Count": either(
            {"type": "integer", "minimum": 0},
            {"type": "string", "maxLength": MAX_DIGITS, "pattern": "^(?:[0-9]+|-0+)$"},
            description="An integer of 0 or more, or its decimal string",
        ),
        "Flag": either(
            {"type": "boolean"},
            {"type": "string", "pattern": caseless("true", "false")},
            description="A boolean, or its name in any case",
        ),
        "Text": {"type": "string", "maxLength": maximum, "description": "Compared in lower case"},
        "Id": {
            "type": ["string", "integer"],
            "maxLength": maximum,
            "description": "Compared exactly; an integer means its decimal string (1.0 does not)",
        },
        "Address": {
            "type": "string",
            "maxLength": maximum,
            "pattern": _address(),
            "description": "An IP address, or a network in CIDR form",
        },
        "Source": either(
            {"type": "integer"},
            {"type": "string", "maxLength": maximum, "pattern": _source()},
            description='A type (2, "2" or "t:2"), a stream ("s:<id>"), or both ("s:<id>,t:2")',
        ),
        "Entity": either(ref("Id"), _entity(), description="An account: an id, optionally in an app and an instance"),
        "Range": _range(),
        "Days": _days(maximum),
        "Role": _role(),
    }


def _lists(bounds: Bounds) -> dict[str, Schema]:
    """Operands of an operator: one value, or a list of which one must match."""
    plain = dict.fromkeys(value for _, _, value in _taken() if value not in _COMPOSED)
    lists = {f"{value}Values": _some(value, bounds) for value in plain}
    return {**lists, **{f"{value}Values": make(bounds) for value, make in _COMPOSED.items()}}


def _conditions() -> dict[str, Schema]:
    """The operators of a filter, by the kind of its field; filters of one kind share a schema."""
    conditions: dict[str, dict[str, str]] = {}
    for row, operator, value in _taken():
        conditions.setdefault(_condition_name(row), {})[operator] = f"{value}Values"
    return {name: _condition(takes) for name, takes in conditions.items()}


def _filters(bounds: Bounds) -> Schema:
    return {**filters_schema(FILTERS), "maxProperties": bounds.filters}


def filters_schema(filters: Mapping[str, Filter]) -> Schema:
    """The schema of an object with these filters, whose operators are those of the query language."""
    properties: dict[str, Schema] = {}
    for row in filters.values():
        properties[row.name] = {**ref(_condition_name(row)), "description": row.help}
        for alias in row.aliases:
            properties[alias] = {**ref(_condition_name(row)), "description": f"Another name for {row.name}"}
    return {
        "type": "object",
        "description": "Filters are ANDed, and so are several operators of one filter; the values of one operator are ORed. "
        "Operators are case-insensitive",
        "properties": properties,
        "additionalProperties": False,
    }


def _grouped(filters: Schema) -> Schema:
    """Filters with the groups that Casbah's own routes take."""
    itself = ref("GroupedFilters")
    several = {"type": "array", "items": itself, "minItems": 1}
    groups = {
        "all": {**several, "description": "All of these hold"},
        "any": {**several, "description": "Some of these hold"},
        "not": {**itself, "description": "These do not all hold"},
    }
    return {**filters, "properties": {**filters["properties"], **groups}}


def _condition(takes: dict[str, str]) -> Schema:
    """Operators by name, and again by pattern for any other capitalization."""
    spelled: dict[str, list[str]] = {}
    for operator, values in takes.items():
        spelled.setdefault(values, []).append(operator)
    return {
        "type": "object",
        "properties": {name: {**ref(values), "description": OPERATORS[name].help} for name, values in takes.items()},
        "patternProperties": {caseless(*names): ref(values) for values, names in spelled.items()},
        "additionalProperties": False,
    }


def _condition_name(row: Filter) -> str:
    """One schema name per kind; a filter whose operators differ from its kind's has its own."""
    kind = row.field.kind
    if set(row.operators) != set(OPERATORS_OF[kind]):
        return "".join(part[:1].upper() + part[1:] for part in row.name.split(".")) + "Conditions"
    return f"{'Nullable' * row.nullable}{'Role' * bool(row.by_role)}{kind.value.title()}Conditions"


def _taken() -> Iterator[tuple[Filter, str, str]]:
    """Every filter with each of its operators and the schema name of the operand."""
    for row in FILTERS.values():
        yield from (
            (row, operator, _value_name(row, positive(OPERATORS[operator]).takes)) for operator in row.operators
        )


def _value_name(row: Filter, takes: Takes) -> str:
    if takes in _OF_TAKES:
        return _OF_TAKES[takes]
    if takes is Takes.TEXTS:
        name = _TEXTS_OF_KIND.get(row.field.kind, "Text")
    else:
        name = f"{'Nullable' * row.nullable}{_OF_KIND[row.field.kind]}"
    return f"Role{name}" if row.by_role else name


def _some(value: str, bounds: Bounds) -> Schema:
    return either(ref(value), {"type": "array", "items": ref(value), "maxItems": bounds.values})


def _some_or_none(bounds: Bounds) -> Schema:
    """Texts or null. Null, like the text "null", matches activities without a value."""
    return either(
        {"type": "null"},
        ref("Text"),
        {"type": "array", "items": either({"type": "null"}, ref("Text")), "maxItems": bounds.values},
    )


def _some_in_role(bounds: Bounds) -> Schema:
    """Ids, with at most one role modifier, which needs at least one id."""
    return either(
        *_some("Id", bounds)["anyOf"],
        {
            "type": "array",
            "items": either(ref("Id"), ref("Role")),
            "contains": {"type": "object"},
            "maxContains": 1,
            "minItems": 2,
            "maxItems": bounds.values,
        },
    )


_COMPOSED: dict[str, Callable[[Bounds], Schema]] = {"NullableText": _some_or_none, "RoleId": _some_in_role}


def choice(*words: str) -> Schema:
    """One of these words, in any case."""
    return either({"enum": list(words)}, {"type": "string", "pattern": caseless(*words)})


def _entity() -> Schema:
    nullable = either({"type": "null"}, ref("Whole"))
    return {
        "type": "object",
        "required": ["id"],
        "properties": {"id": ref("Id"), "saas": nullable, "inst": nullable},
        "additionalProperties": False,
    }


def _range() -> Schema:
    end = either({"type": "null"}, ref("Whole"))
    bounded = [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in ("start", "end")]
    return {
        "type": "object",
        "properties": {"start": end, "end": end},
        "additionalProperties": False,
        "anyOf": bounded,
        "description": "From start to end, both inclusive; one of them may be omitted",
    }


def _days(maximum: int) -> Schema:
    up_to = rf"0*(?:[0-9]{{1,{len(str(MAX_DAYS)) - 1}}}(?:\.[0-9]+)?|{MAX_DAYS}(?:\.0+)?)"
    return either(
        {"type": "number", "minimum": -MAX_DAYS, "maximum": MAX_DAYS},
        {"type": "string", "maxLength": maximum, "pattern": f"^-?{up_to}$"},
        description="A number of days before now, or its decimal string",
    )


def _role() -> Schema:
    role = either({"enum": [1, 2, 3, None]}, {"type": "string", "pattern": "^0*[123]$", "maxLength": MAX_DIGITS})
    return {
        "type": "object",
        "properties": {"role": role},
        "description": "Whose groups: of the user who performed it (1, the default), of those acted on (2), or of either (3)",
    }


def _letter(letter: str) -> str:
    return f"[{letter.upper()}{letter}]" if letter.isalpha() else letter


def _source() -> str:
    kind, stream = f"t:{_DECIMAL}", "s:[^,]+"
    return f"^(?:{_DECIMAL}|{kind}|{stream}|{stream},{kind}|{kind},{stream})$"


def _address() -> str:
    """A pattern for what `casbah.activity.address` reads: addresses and networks, with a port, brackets, a scope or a mask."""
    byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    four = rf"{byte}(?:\.{byte}){{3}}"
    six = _address_of_six(four)
    bits = "0*(?:[12]?[0-9]|3[0-2])"
    masks = "|".join(re.escape(mask) for mask in _masks())
    forms = (
        rf"{four}(?::[0-9]+)?",
        f"{six}(?:%[^%/]+)?",
        rf"\[(?:{four}|{six}(?:%[^%/\]]+)?)\](?::[0-9]*)?",
        f"{four}/(?:{bits}|{masks})",
        f"{six}(?:%[^%/]+)?/0*(?:[1-9]?[0-9]|1[01][0-9]|12[0-8])",
    )
    return f"^(?:{'|'.join(forms)})$"


def _address_of_six(four: str) -> str:
    """Eight groups, of which `::` replaces one or more; the last two may be written as an IPv4 address."""
    group = "[0-9A-Fa-f]{1,4}"
    forms = [f"(?:{group}:){{7}}{group}", f"(?:{group}:){{6}}{four}"]
    for left in range(_GROUPS):
        before = f"{group}(?::{group}){{{left - 1}}}" if left else ""
        after = [f"{group}(?::{group}){{0,{_GROUPS - 2 - left}}}"] if left < _GROUPS - 1 else []
        after += [f"(?:{group}:){{0,{_GROUPS - 3 - left}}}{four}"] if left < _GROUPS - 2 else []
        forms.append(f"{before}::" + (f"(?:{'|'.join(after)})?" if after else ""))
    return f"(?:{'|'.join(forms)})"


def _masks() -> list[str]:
    """Netmasks of IPv4 networks, and their inverses."""
    networks = [IPv4Network((0, bits)) for bits in range(33)]
    return sorted({str(mask) for network in networks for mask in (network.netmask, network.hostmask)})
