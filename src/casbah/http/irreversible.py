"""Validation of irreversible requests: strict parameters, and filters that really restrict something."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from casbah.activity import predicate as p
from casbah.activity import value as v
from casbah.activity.address import spans
from casbah.activity.fields import Kind
from casbah.activity.language import Filter, Operator, filter_named, operator_named, positive
from casbah.activity.query import Bounds, where
from casbah.activity.simplification import NOTHING, simplified, union
from casbah.activity.text import words
from casbah.activity.value import Takes
from casbah.errors import EmptyFilterError, MalformedBodyError, describe
from casbah.http.context import RequestContext
from casbah.http.request_body import read_exactly
from casbah.http.request_schemas import FILTERS_HELP, Schema, either, ref, strict_body

_EVERYTHING = "True: all activities of the tenant, without filters. Without it, a request without filters is refused"


def irreversible_body(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    """The schema of a body that needs non-empty filters, or `everything`."""
    some = {"allOf": [ref("Filters")], "minProperties": 1, "description": f"{FILTERS_HELP}; no condition may be empty"}
    no_filters: Schema = {"enum": [None, "", {}], "description": "As good as absent"}
    everything = {"const": True, "description": _EVERYTHING}
    return either(
        strict_body({**properties, "filters": some, "everything": {"const": False}}, required=(*required, "filters")),
        strict_body(
            {**properties, "filters": no_filters, "everything": everything}, required=(*required, "everything")
        ),
    )


CONDITION_NEEDED = (
    'expected at least one condition, such as {"user.username": {"eq": ["ann@example.com"]}}; '
    'for all activities say "everything": true'
)
"""What a request without filters is told."""


async def read_irreversible(
    context: RequestContext, *, known: Sequence[str] = (), flags: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters of an irreversible request. Refuses unknown and repeated ones; flags are booleans."""
    limit = context.services.settings.max_body
    return await read_exactly(context.request, limit=limit, known=(*known, *flags), flags=flags)


def filters_or_everything(body: Mapping[str, Any], context: RequestContext) -> Mapping[str, Any]:
    """The filters of an irreversible request; empty only with `everything`. Raises RequestError."""
    filters: Any = body.get("filters")
    if filters in (None, "", {}):
        if body.get("everything") is not True:
            raise EmptyFilterError(f"filters: {CONDITION_NEEDED}")
        return {}
    if body.get("everything"):
        raise MalformedBodyError("everything: true goes without filters; leave one of the two out")
    now = context.services.clock()
    where(filters, now=now, bounds=context.services.bounds)  # Refuses what the query language refuses.
    conditions: Mapping[str, Any] = filters
    for name, operators in conditions.items():
        _require_conditions(name, operators, now=now)
    return conditions


def _require_conditions(name: str, operators: Mapping[str, Any], *, now: int) -> None:
    """Raise EmptyFilterError unless every operator has values that restrict something. A negation is judged by its operand."""
    row = filter_named(name)
    if not operators:
        raise EmptyFilterError(f"filter {name!r}: expected {{operator: value}}, got an empty object")
    for spelling, value in operators.items():
        values = value if isinstance(value, list) else [value]
        needed = _needed(row, operator_named(row, spelling), values, now=now)
        if needed:
            raise EmptyFilterError(f"filter {name!r}, operator {spelling!r}: expected {needed}, got {_shown(value)}")


def _needed(row: Filter, operator: Operator, values: Sequence[Any], *, now: int) -> str:
    """What was expected instead, if the values match all activities or cannot match any; "" if they restrict something.

    Values that cover everything a field can hold are also refused: use `isset` for that.
    """
    base = positive(operator)
    if not values or any(_is_blank(value, row, base) for value in values) or _is_family(values, row, base):
        return _RESTRICTING
    predicate = simplified(where({row.name: {base.name: list(values)}}, now=now, bounds=_NO_BOUNDS))
    if predicate == (p.Everything() if operator.complement_of else NOTHING):
        return "a value that an activity can have"
    decided = predicate in (p.Everything(), NOTHING) or (
        isinstance(predicate, p.Present) and base.takes is not Takes.FLAGS
    )
    return _RESTRICTING if decided else ""


_RESTRICTING = "values that restrict something"
_NO_BOUNDS = Bounds(*[sys.maxsize] * 3)
"""For values already checked against the request's bounds."""


def _is_blank(value: Any, row: Filter, operator: Operator) -> bool:
    """Whether the value is an empty text, only blanks, without words, or the root path."""
    if row.by_role and isinstance(value, Mapping):
        return False
    kind = row.field.kind
    if kind is Kind.ENTITY and operator.takes is not Takes.FLAGS:
        value, kind = value["id"] if isinstance(value, Mapping) else value, Kind.ID
    parsed = v.parse(value, operator.takes, kind, now=0, nullable=row.nullable)
    if not isinstance(parsed, str):
        return False
    if kind is Kind.WORDS:
        return not words(parsed)
    return not parsed.strip("/ " if operator.name == "descendantof" else " ")


def _is_family(values: Sequence[Any], row: Filter, operator: Operator) -> bool:
    """Whether the networks together cover all of IPv4 or IPv6, however they are spelled or split."""
    if row.field.kind is not Kind.IP or operator.takes is not Takes.VALUES:
        return False
    covered = union(span for value in values for span in spans(value))
    return any(
        all(any(low <= first and last <= high for low, high in covered) for first, last in family)
        for family in _FAMILIES
    )


_FAMILIES = (spans("0.0.0.0/0"), spans("::/0"))


def _shown(value: Any) -> str:
    return "an empty list" if value == [] else describe(value)
