"""How messages show names and values that somebody sent."""

from collections.abc import Sequence
from difflib import get_close_matches


def clip(text: str, size: int = 80) -> str:
    """`text` quoted, and truncated to `size` characters."""
    return repr(text if len(text) <= size else text[:size] + "...")


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint with the nearest known name, or an empty string."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower()[:200], by_lower, n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def describe(value: object) -> str:
    """The JSON type of a value, with the value itself, truncated, if it is a scalar."""
    name = next((word for kind, word in _JSON_NAMES if type(value) is kind), type(value).__name__)
    if value is None:
        return name
    if isinstance(value, str | int | float):
        return f"{name} {clip(str(value), 60) if isinstance(value, str) else str(value)[:60]}"
    return f"{name}"


_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (type(None), "null"),
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "list"),
    (tuple, "list"),
    (dict, "object"),
)
