"""Filters of which all values are known: another value, or a part of no value and no name, was mistyped. After `=`, it is
searched for all the same.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from casbah.activity.fields import Kind, source_type
from casbah.activity.language import Filter
from casbah.activity.search.forms import AFFIXES, CLOSED, NAMED, SHAPES, Names, Shape, field_of
from casbah.activity.search.syntax import literal
from casbah.errors import nearest

_TAG = r"[0-9a-f]{24}"
UNLISTED = {
    "service": r"[+-]?\d+",
    "activity.eventActionType": r"event_.+",
    "userAgent.tags": _TAG,
    "ip.tags": _TAG,
    "source": r"s:.*",
}
"""What values without names look like, of filters that have choices. All values of the other ones have names."""

_UNLISTED_PARTS = {
    ("activity.eventActionType", Shape.BEGINNING): r"e|ev|eve|even|event|event_.*",
    ("activity.eventActionType", Shape.ENDING): r".+",
    ("activity.eventActionType", Shape.MIDDLE): r".+",
    ("userAgent.tags", Shape.BEGINNING): r"[0-9a-f]{1,24}",
    ("ip.tags", Shape.BEGINNING): r"[0-9a-f]{1,24}",
}
"""What parts of these values look like, of filters that take parts."""

_HOLDS: Mapping[Shape, Callable[[str, str], bool]] = {
    Shape.BEGINNING: str.startswith,
    Shape.ENDING: str.endswith,
    Shape.MIDDLE: str.__contains__,
}

PARTS = frozenset(_HOLDS)
"""The shapes of a part: a beginning, an end, or what is between."""

_LISTED = 50
"""At most so many values are listed in an error; there are some forty verbs."""


def is_unknown(row: Filter, value: Any, names: Names) -> bool:
    """Whether a value is none of the filter's values, if all of these are known."""
    if not row.choices or row.field.kind is Kind.BOOL or value is None or (row.nullable and value == "null"):
        return False
    text = str(value).casefold()
    if row.field.kind is Kind.SOURCE and text.isdecimal():
        text = source_type(int(text))
    known = _known(row, names)
    return bool(known) and text not in known and not re.fullmatch(UNLISTED.get(row.name, ""), text)


def is_part_of_value(row: Filter, shape: Shape, text: str, names: Names) -> bool:
    """Whether a beginning, an end or a part may be that of a value itself. Numbers have parts by name only."""
    if row.field.kind in CLOSED:
        return False
    known = _known(row, names) if _has_named_parts(row, shape) else ()
    folded, unlisted = text.casefold(), _UNLISTED_PARTS.get((row.name, shape), "")
    return not known or any(_HOLDS[shape](value, folded) for value in known) or bool(re.fullmatch(unlisted, folded))


def named_with_part(row: Filter, shape: Shape, text: str, names: Names) -> list[Any]:
    """The values that have such a beginning, end or part in their names alone."""
    if not _has_named_parts(row, shape):
        return []
    holds, folded = _HOLDS[shape], text.casefold()
    by_name = [value for value, name in names(row.name) if value is not None and holds(name.casefold(), folded)]
    return [value for value in by_name if row.field.kind in CLOSED or not holds(str(value).casefold(), folded)]


def _has_named_parts(row: Filter, shape: Shape) -> bool:
    return row.field.kind in CLOSED or (bool(row.choices) and SHAPES[shape] in row.operators)


def _known(row: Filter, names: Names) -> set[str]:
    return {str(value).casefold() for value, _ in names(row.name) if value is not None}


def message(row: Filter, shape: Shape, text: str, names: Names) -> str:
    """What is wrong with a value that is unknown, with the nearest one."""
    pairs = [(str(value), name) for value, name in names(row.name) if value is not None]
    listed = sorted(name if row.field.kind in NAMED else value for value, name in pairs)
    hint = nearest(text, [part for pair in pairs for part in reversed(pair)])
    if not hint and 0 < len(listed) <= _LISTED:
        hint = f"; there are {', '.join(listed)}"
    before, after = AFFIXES[shape]
    reason = f"{row.label}: no value is called {before + text + after!r}{hint}"
    if row.field.kind in CLOSED and shape is not Shape.PLAIN:
        return reason
    return f"{reason} ({field_of(row)}:={before}{literal(text)}{after} finds it all the same)"
