"""Requests that cannot be undone: what they may say, and which activities they must name."""

from collections.abc import Mapping, Sequence
from typing import Any

from casbah.activity import value as v
from casbah.activity.fields import Kind
from casbah.activity.language import Filter, Operator, filter_named, operator_named, positive
from casbah.activity.query import where
from casbah.activity.text import words
from casbah.activity.value import Takes
from casbah.errors import EmptyFilterError, MalformedBodyError, describe
from casbah.http.body import read_exactly
from casbah.http.exchange import Exchange
from casbah.http.schema import Parameter

EVERYTHING = Parameter(
    "everything",
    {"type": "boolean"},
    "True: all activities of the tenant, without filters. A request without filters is refused unless it says so",
)


async def read_irreversible(
    exchange: Exchange, *, known: Sequence[str] = (), flags: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters of a request that cannot be undone: an unknown or repeated one is refused, flags are booleans."""
    limit = exchange.services.settings.max_body
    return await read_exactly(exchange.request, limit=limit, known=(*known, *flags), flags=flags)


def filters_or_everything(body: Mapping[str, Any], exchange: Exchange) -> Mapping[str, Any]:
    """The filters of a request that cannot be undone; empty ones only where it says `everything`. Raises RequestError."""
    filters: Any = body.get("filters")
    if filters in (None, "", {}):
        if body.get("everything") is not True:
            raise EmptyFilterError(f"filters: {_NEEDED}")
        return {}
    if body.get("everything"):
        raise MalformedBodyError("everything: true goes without filters; leave one of the two out")
    where(filters, now=exchange.services.clock(), bounds=exchange.services.bounds)  # What the language refuses.
    conditions: Mapping[str, Any] = filters
    for name, operators in conditions.items():
        _require_conditions(name, operators)
    return conditions


_NEEDED = (
    'expected at least one condition, such as {"user.username": {"eq": ["ann@example.com"]}}; '
    'for all activities say "everything": true'
)


def _require_conditions(name: str, operators: Mapping[str, Any]) -> None:
    """Every operator has values, each of which restricts something."""
    row = filter_named(name)
    if not operators:
        raise EmptyFilterError(f"filter {name!r}: expected {{operator: value}}, got an empty object")
    for spelling, given in operators.items():
        operator = positive(operator_named(row, spelling))
        values = given if isinstance(given, list) else [given]
        if not values or any(_is_empty(value, row, operator) for value in values) or _is_either(values, row, operator):
            raise EmptyFilterError(
                f"filter {name!r}, operator {spelling!r}: expected values that restrict something, got {_shown(given)}"
            )


def _is_empty(value: Any, row: Filter, operator: Operator) -> bool:
    """Whether the value restricts nothing: no text, no words, the root of all paths, all addresses."""
    if isinstance(value, Mapping):
        return "id" in value and value["id"] == ""
    if value == "":
        return True
    parsed = v.parse(value, operator.takes, row.field.kind, now=0, nullable=row.nullable)
    if isinstance(parsed, v.Network):
        return bool(value.strip().endswith("/0"))
    if not isinstance(parsed, str):
        return False
    if row.field.kind is Kind.WORDS:
        return not words(parsed)
    return not parsed.strip("/ " if operator.name == "descendantof" else " ")


def _is_either(values: Sequence[Any], row: Filter, operator: Operator) -> bool:
    """Whether true and false are both among the values."""
    flags = operator.takes is Takes.FLAGS or row.field.kind is Kind.BOOL
    return flags and len({str(value).lower() for value in values} & {"true", "false"}) > 1


def _shown(given: Any) -> str:
    return "an empty list" if given == [] else describe(given)
