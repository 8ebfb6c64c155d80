"""Filters of which all values are known: another value was mistyped. After `=`, it is searched for all the same."""

import re
from typing import Any

from casbah.activity.fields import Kind, source_type
from casbah.activity.language import Filter
from casbah.activity.search.forms import NAMED, Names, field_of
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

_LISTED = 50
"""At most so many values are listed in an error; there are some forty verbs."""


def is_unknown(row: Filter, value: Any, names: Names) -> bool:
    """Whether a value is none of the filter's values, if all of these are known."""
    if not row.choices or row.field.kind is Kind.BOOL or value is None or (row.nullable and value == "null"):
        return False
    text = str(value).casefold()
    if row.field.kind is Kind.SOURCE and text.isdecimal():
        text = source_type(int(text))
    known = {str(other).casefold() for other, _ in names(row.name) if other is not None}
    return bool(known) and text not in known and not re.fullmatch(UNLISTED.get(row.name, ""), text)


def message(row: Filter, text: str, names: Names) -> str:
    """What is wrong with a value that is unknown, with the nearest one."""
    pairs = [(str(value), name) for value, name in names(row.name) if value is not None]
    listed = sorted(name if row.field.kind in NAMED else value for value, name in pairs)
    hint = nearest(text, [part for pair in pairs for part in reversed(pair)])
    if not hint and len(listed) <= _LISTED:
        hint = f"; there are {', '.join(listed)}"
    return f"{row.label}: no value is called {text!r}{hint} ({field_of(row)}:={literal(text)} finds it all the same)"
