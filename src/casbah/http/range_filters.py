"""Which IP ranges a list holds, and in which order: three filters, separate from those of activities."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.fields import Kind
from casbah.activity.query import choice_of, count_of, filters_of, limit_of, require_object
from casbah.activity.record import MAX_DIGITS, integer
from casbah.errors import BadValueError, MalformedBodyError, UnknownFilterError, UnsupportedOperatorError, describe
from casbah.http.request_schemas import Parameter, Schema, choice, either, query_body, ref, strict_body
from casbah.ingest.enrich.networks import CATEGORIES
from casbah.ingest.enrich.ranges import StoredRange

DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000
CATEGORY: Schema = either(
    {"enum": list(range(1, len(CATEGORIES)))},
    {"type": "string", "maxLength": MAX_DIGITS, "pattern": "^0*[1-6]$"},
    description="1: corporate, 2: administrative, 3: risky, 4: VPN, 5: cloud provider, 6: other",
)


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Which ranges a request lists, and in which order."""

    matches: Callable[[StoredRange], bool]
    order: str
    descending: bool
    skip: int
    limit: int

    def matching(self, ranges: Iterable[StoredRange]) -> Sequence[StoredRange]:
        """Those of all pages, in order."""
        return sorted(filter(self.matches, ranges), key=_ORDERS[self.order], reverse=self.descending)


def read(body: Mapping[str, Any]) -> RangeQuery:
    """The query of a request's parameters. Raises RequestError."""
    order = choice_of(body, "sortField", tuple(_ORDERS))
    direction = choice_of(body, "sortDirection", ("asc", "desc"))
    skip, limit = count_of(body, "skip"), limit_of(body, usual=DEFAULT_LIMIT, most=MAX_LIMIT)
    return RangeQuery(_matcher(filters_of(body)), order, descending=direction == "desc", skip=skip, limit=limit)


def _matcher(filters: Any) -> Callable[[StoredRange], bool]:
    require_object(filters)
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


CATEGORY_NUMBERS = range(1, len(CATEGORIES))
_TRUTHS = {"true": True, "false": False}
FILTERS: Mapping[str, RangeFilter] = {
    "category": RangeFilter(
        Kind.INT,
        ("eq", "neq"),
        lambda kept: frozenset({kept.definition.category}),
        lambda value: category if (category := integer(value)) in CATEGORY_NUMBERS else None,
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
    Parameter("limit", ref("Count"), f"Page size: {DEFAULT_LIMIT} by default, {MAX_LIMIT} at most"),
    Parameter("sortField", choice(*_ORDERS), "Sort key. Default: name"),
    Parameter("sortDirection", choice("asc", "desc"), "Default: asc"),
)


def _filter_schema(row: RangeFilter) -> Schema:
    some = either(row.schema, {"type": "array", "items": row.schema, "minItems": 1}, description=row.expected)
    return strict_body(dict.fromkeys(row.operators, some))


BODIES: Mapping[str, Schema] = {
    "RangeQuery": query_body(RANGE_PARAMETERS, filters="RangeFilters", text="Which IP ranges"),
    "RangeFilters": {
        **strict_body({name: _filter_schema(row) for name, row in FILTERS.items()}),
        "description": "All of these hold",
    },
}
