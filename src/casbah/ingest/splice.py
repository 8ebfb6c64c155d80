"""Where the parts of a JSON text stand in its bytes, and putting other bytes in their place.

A record keeps its own bytes (`records.md`), so what ingest must change in it is changed in place and nothing
else is written anew. The scanner looks at structure only: it finds every part of a valid text, and of an
invalid one as many as it can.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE = re.compile(rb"[ \t\r\n]*+")
_KEY = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(rb"[^][{}:,\" \t\r\n]++")
_STRUCTURE = re.compile(_STRING + rb'|[][{}"]', re.DOTALL)
_CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}


class BrokenTextError(ValueError):
    """The text is not JSON from some byte on."""

    def __init__(self, position: int) -> None:
        super().__init__(f"not JSON from byte {position + 1} on")


@dataclass(frozen=True, slots=True)
class Span:
    """A value's bytes: `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object, where its own text begins, and its value."""

    key: str
    start: int
    value: Span


def values(text: bytes) -> Iterator[Span]:
    """The values that stand one after another in `text`, with nothing but space between."""
    position = _skip(text, 0)
    while position < len(text):
        span = _value(text, position)
        yield span
        position = _skip(text, span.end)


def elements(text: bytes, start: int = 0) -> Iterator[Span]:
    """The elements of the list that begins at `start`."""
    position = _opening(text, start, b"[")
    while text[position : position + 1] != b"]":
        span = _value(text, position)
        yield span
        position = _separator(text, span.end, b"]")


def members(text: bytes, start: int = 0) -> Iterator[Member]:
    """The members of the object that begins at `start`, repeated keys included."""
    position = _opening(text, start, b"{")
    while text[position : position + 1] != b"}":
        key = _KEY.match(text, position)
        if key is None:
            raise BrokenTextError(position)
        colon = _skip(text, key.end())
        if text[colon : colon + 1] != b":":
            raise BrokenTextError(colon)
        span = _value(text, _skip(text, colon + 1))
        yield Member(_key(key.group(), position), position, span)
        position = _separator(text, span.end, b"}")


def replaced(text: bytes, changes: Mapping[str, bytes]) -> bytes:
    """`text`, an object, with the values of the keys in `changes` replaced; of a repeated key the last one,
    which counts.
    """
    spans = {member.key: member.value for member in members(text) if member.key in changes}
    return _patched(text, [(span, changes[key]) for key, span in spans.items()])


def without(text: bytes, keys: frozenset[str]) -> bytes:
    """`text`, an object, without the members of these keys, however often they stand there."""
    found = list(members(text))
    if not any(member.key in keys for member in found):
        return text
    kept = [text[member.start : member.value.end] for member in found if member.key not in keys]
    opening = text.index(b"{") + 1
    return text[:opening] + b",".join(kept) + text[text.rindex(b"}") :]


def numbered(text: bytes) -> bytes:
    """The list `text` as an object whose keys are the positions; the elements' own bytes are kept."""
    parts = (b'"%d":%b' % (index, text[span.start : span.end]) for index, span in enumerate(elements(text)))
    return b"{" + b",".join(parts) + b"}"


def _key(text: bytes, position: int) -> str:
    try:
        found: str = json.loads(text, strict=False)
    except ValueError:  # Not UTF-8, or an escape that JSON does not know.
        raise BrokenTextError(position) from None
    return found


def _patched(text: bytes, changes: Sequence[tuple[Span, bytes]]) -> bytes:
    parts = []
    position = 0
    for span, new in sorted(changes, key=lambda change: change[0].start):
        parts += [text[position : span.start], new]
        position = span.end
    return b"".join([*parts, text[position:]])


def _skip(text: bytes, position: int) -> int:
    space = _SPACE.match(text, position)
    return position if space is None else space.end()


def _opening(text: bytes, start: int, bracket: bytes) -> int:
    position = _skip(text, start)
    if text[position : position + 1] != bracket:
        raise BrokenTextError(position)
    return _skip(text, position + 1)


def _separator(text: bytes, position: int, closing: bytes) -> int:
    """Past the comma to the next part, or at the closing bracket."""
    position = _skip(text, position)
    found = text[position : position + 1]
    if found == closing:
        return position
    following = _skip(text, position + 1)
    if found != b"," or text[following : following + 1] == closing:
        raise BrokenTextError(position)
    return following


def _value(text: bytes, start: int) -> Span:
    first = text[start : start + 1]
    if first in (b"{", b"["):
        return Span(start, _end_of_container(text, start))
    found = _KEY.match(text, start) if first == b'"' else _SCALAR.match(text, start)
    if found is None:
        raise BrokenTextError(start)
    return Span(start, found.end())


def _end_of_container(text: bytes, start: int) -> int:
    waiting: list[int] = []
    for token in _STRUCTURE.finditer(text, start):
        first = text[token.start()]
        if first in _CLOSES:
            waiting.append(_CLOSES[first])
        elif first == ord('"'):
            if token.end() - token.start() == 1:
                raise BrokenTextError(token.start())
        elif waiting.pop() != first:
            raise BrokenTextError(token.start())
        if not waiting:
            return token.end()
    raise BrokenTextError(len(text))
