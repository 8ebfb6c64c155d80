"""How fields and operators are written in a search: data for reading and for writing alike.

A field is written with a short name of its filter (`Filter.short`), with the filter's name in the API, or with a name in
`BOUNDS` or `ROLES`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, Filter

Names = Callable[[str], Sequence[tuple[Any, str]]]
"""The display names of a filter's values: from the filter's name to (value, name) pairs; empty if they have none."""


class Shape(Enum):
    """What surrounds a value: nothing, a star after it, before it or on both sides, or `/**` after it."""

    PLAIN = "plain"
    BEGINNING = "beginning"
    ENDING = "ending"
    MIDDLE = "middle"
    BELOW = "below"


SHAPES = {
    Shape.PLAIN: "eq",
    Shape.BEGINNING: "startswith",
    Shape.ENDING: "endswith",
    Shape.MIDDLE: "contains",
    Shape.BELOW: "descendantof",
}
"""The operator of each shape of a value."""

AFFIXES = {
    Shape.PLAIN: ("", ""),
    Shape.BEGINNING: ("", "*"),
    Shape.ENDING: ("*", ""),
    Shape.MIDDLE: ("*", "*"),
    Shape.BELOW: ("", "/**"),
}
"""What is written before and after the value of each shape."""

SIGNS = {"=": "eq", "<>": "deq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
"""The operator of each sign; `=` takes its value literally, never as a name."""

SAME_AS = {"startswithsingle": "startswith"}
"""Operators that mean the same as another one on every field but free text, and are written as it."""

CALLED = {
    "eq": "a whole value",
    "startswith": "a beginning (x*)",
    "endswith": "an ending (*x)",
    "contains": "a part (*x*)",
    "descendantof": "a path and what is below it (x/**)",
    "isset": "any value (*)",
    "deq": "another value than (<>x)",
    "gt": "comparisons (>x)",
    "gte": "comparisons (>=x)",
    "lt": "comparisons (<x)",
    "lte": "comparisons (<=x)",
    "range": "ranges (x..y)",
}
"""How messages call what a filter takes."""

BOUNDS = {"since": ("date", "gte"), "until": ("date", "lte")}
"""Fields that stand for a bound of a filter: its name and the operator."""

RELATIVE = {"gte": "gte_ndays", "lte": "lte_ndays"}
"""The operators that take days before now instead of a moment."""

ROLES = {("user.tags", 2): "targetgroup", ("user.tags", 3): "anygroup"}
"""Fields for a filter with a `{"role": n}` modifier."""

CLOSED = (Kind.INT, Kind.SOURCE)
"""Kinds whose values are numbers of things with names: a text that is neither a value nor a name is an error."""

NAMED = (*CLOSED, Kind.ID)
"""Kinds whose values are written by their names."""

NUMBERS = (Kind.INT, Kind.MS)
"""Kinds with comparisons and ranges."""

YES_OR_NO = {"yes": "true", "no": "false", "true": "true", "false": "false"}


@dataclass(frozen=True, slots=True)
class FieldTarget:
    """What a field name stands for: a filter, and perhaps a role or the operator of a bound."""

    row: Filter
    role: int | None = None
    bound: str | None = None


def _targets() -> dict[str, FieldTarget]:
    table: dict[str, FieldTarget] = {}
    for row in FILTERS.values():
        if row.field.kind is not Kind.WORDS:
            table.update({name.lower(): FieldTarget(row) for name in (*row.short, row.name, *row.aliases)})
    table.update(
        {name: FieldTarget(FILTERS[filter_name], bound=operator) for name, (filter_name, operator) in BOUNDS.items()}
    )
    table.update({name: FieldTarget(FILTERS[filter_name], role=role) for (filter_name, role), name in ROLES.items()})
    return table


TARGETS = _targets()
"""Every field of a search, by its name in lower case."""


def field_of(row: Filter, role: int | None = None) -> str:
    """The name with which a filter is written."""
    return ROLES.get((row.name, role or 1)) or (row.short[0] if row.short else row.name)
