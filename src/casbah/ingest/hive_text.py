"""The text of structs, maps and lists in CSV results of Athena and CloudTrail Lake: `{type=IAMUser, session={mfa=true}}`.

The form quotes nothing, so a text that holds `, name=` cannot be told from the next member.
"""

import re
from typing import Any

_NEXT = re.compile(r", (?=[\w.:/-]+=)")
_MEMBER = re.compile(r"([\w.:/-]+)=")
_OPENING, _CLOSING = "{[", "}]"
_MAX_DEPTH = 20
_MAX_LENGTH = 250_000


def parsed(text: str) -> Any:
    """The value, with texts for scalars and for lists of them, and None for `null`; the text itself if it has another form."""
    if len(text) > _MAX_LENGTH or not text.startswith(("{", "[")):
        return text
    try:
        value, end = _value(text, 0, 0)
    except ValueError:
        return text
    return value if end == len(text) else text


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value at a position, and where it ends. Raises ValueError."""
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if text.startswith(("[]", "[{"), at):
        return _list(text, at + 1, depth + 1)
    if text.startswith("{}", at):
        return {}, at + 2
    if text.startswith("{", at) and _MEMBER.match(text, at + 1):
        return _struct(text, at + 1, depth + 1)
    return _scalar(text, at)


def _struct(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while member := _MEMBER.match(text, at):
        members[member[1]], at = _value(text, member.end(), depth)
        if text.startswith("}", at):
            return members, at + 1
        at = _after(text, at)
    raise ValueError("no member")


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while not text.startswith("]", at):
        item, at = _value(text, at, depth)
        items.append(item)
        at = at if text.startswith("]", at) else _after(text, at)
    return items, at + 1


def _after(text: str, at: int) -> int:
    """The position after a separator. Raises ValueError."""
    if not text.startswith(", ", at):
        raise ValueError("no separator")
    return at + 2


def _scalar(text: str, at: int) -> tuple[str | None, int]:
    """A text up to the next member or the end of what holds it. Brackets in it are balanced, as in JSON."""
    start, depth = at, 0
    while at < len(text) and (depth or not (text[at] in _CLOSING or _NEXT.match(text, at))):
        depth += (text[at] in _OPENING) - (text[at] in _CLOSING)
        at += 1
    value = text[start:at]
    return (None if value == "null" else value), at
