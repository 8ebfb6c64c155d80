"""Reading values out of a record that nobody vouches for: a thing of the wrong shape is simply no value."""

from collections.abc import Iterator, Mapping
from typing import Any

Record = Mapping[str, Any]

LEAST_INT, MOST_INT = -(2**63), 2**63 - 1
_MOST_INT_DIGITS = 20


def at(record: Any, *path: str) -> Any:
    """What stands at `path`, or None. A JSON object is a dict: asking for a Mapping would cost more than all the rest."""
    for step in path:
        if not isinstance(record, dict):
            return None
        record = record.get(step)
    return record


def each(record: Any, *path: str) -> Iterator[Any]:
    """The elements of the list at `path`; nothing if there is no list."""
    found = at(record, *path)
    if isinstance(found, list):
        yield from found


def string(value: Any) -> str | None:
    """A non-empty string, or None: an empty string says that there is no value."""
    return value if isinstance(value, str) and value else None


def identifier(value: Any) -> str | None:
    """An id: a non-empty string, or an integer as its decimal string."""
    return str(value) if type(value) is int and abs(value) < 10**4000 else string(value)


def integer(value: Any) -> int | None:
    """A signed 64-bit integer from an int, a whole float or a decimal string; booleans are none."""
    if type(value) is float and value.is_integer():
        value = int(value)
    elif isinstance(value, str):
        value = decimal(value)
    return value if type(value) is int and LEAST_INT <= value <= MOST_INT else None


def decimal(text: str) -> int | None:
    """The integer that a short decimal string with an optional sign spells."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_INT_DIGITS else None


def first_string(*candidates: Any) -> str | None:
    """The first candidate that is a non-empty string."""
    return next((found for found in map(string, candidates) if found is not None), None)


def strings(value: Any) -> Iterator[str]:
    """Every string value in a JSON value, keys not included, in document order; depth costs no recursion."""
    stack = [value]
    while stack:
        top = stack.pop()
        kind = type(top)
        if kind is str:
            yield top
        elif kind is dict:
            stack.extend(reversed(top.values()))
        elif kind is list:
            stack.extend(reversed(top))
