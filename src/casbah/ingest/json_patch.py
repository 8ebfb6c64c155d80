"""Locates the parts of a JSON text in its bytes and patches them in place.

A record keeps its own bytes (`records.md`), so ingest changes only the bytes it must. The scanner checks structure only: it
finds every part of a valid text, and as many as it can of an invalid one.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from casbah.ingest import jsontext

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_BLANKS = b" \t\r\n"
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COMMA = re.compile(rb"[ \t\r\n]*+(,)[ \t\r\n]*+")
_KEY = re.compile(_STRING, re.DOTALL)
_MEMBER = re.compile(rb"(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+(" + _STRING + rb"|[^][{}:,\" \t\r\n]++)?", re.DOTALL)
_PLAIN = re.compile(rb"[ !#-\x5b\x5d-~]*+")
_SCALAR = re.compile(rb"[^][{}:,\" \t\r\n]++")
_NEXT_BRACKET = re.compile(rb'(?:[^][{}"]++|' + _STRING + rb')*+([][{}"])', re.DOTALL)
_QUOTE = ord('"')
_CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}


class BrokenTextError(ValueError):
    """The text stops being JSON at some byte."""

    def __init__(self, position: int) -> None:
        super().__init__(f"not JSON from byte {position + 1} on")


class Span(NamedTuple):
    """A value's bytes: `text[start:end]`."""

    start: int
    end: int


class Member(NamedTuple):
    """A key of an object, the position of its text, and its value."""

    key: str
    start: int
    value: Span


def values(text: bytes) -> Iterator[Span]:
    """The values in `text`, separated only by space."""
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
        match = _MEMBER.match(text, position)
        if match is None:
            raise BrokenTextError(position)
        first, end = match.span(2)
        value = Span(first, end) if end >= 0 else _value(text, match.end())
        yield Member(_key(match.group(1), position), position, value)
        position = _separator(text, value.end, b"}")


def patched(text: bytes, changes: Sequence[tuple[Span, bytes]]) -> bytes:
    """`text` with some values, which must not overlap, replaced."""
    parts = []
    position = 0
    for span, new in sorted(changes, key=lambda change: change[0].start):
        parts += [text[position : span.start], new]
        position = span.end
    return b"".join([*parts, text[position:]])


def spans(text: bytes) -> dict[str, Span]:
    """The spans of an object's values by key; the last one of a repeated key."""
    return {member.key: member.value for member in members(text)}


def extended(text: bytes, added: bytes) -> bytes:
    """`text`, an object, with the members of the non-empty object `added` put first. It must have none of those keys."""
    start = text.index(b"{") + 1
    rest = text[start:]
    comma = b"" if rest.lstrip(_BLANKS).startswith(b"}") else b","
    return b"".join((text[:start], added[1:-1], comma, rest))


def filled(text: bytes, values: Mapping[str, Any]) -> bytes:
    """`text`, an object, with these keys set, existing or not."""
    existing = spans(text)
    text = patched(text, [(existing[key], jsontext.dump(value)) for key, value in values.items() if key in existing])
    fresh = {key: value for key, value in values.items() if key not in existing}
    return extended(text, jsontext.dump(fresh)) if fresh else text


def replaced(text: bytes, changes: Mapping[str, bytes]) -> bytes:
    """`text`, an object, with the values of the keys in `changes` replaced; only the last one of a repeated key."""
    return patched(text, [(span, changes[key]) for key, span in spans(text).items() if key in changes])


def without(text: bytes, keys: frozenset[str]) -> bytes:
    """`text`, an object, without the members of these keys, repeated ones included."""
    existing = list(members(text))
    if not any(member.key in keys for member in existing):
        return text
    kept = [text[member.start : member.value.end] for member in existing if member.key not in keys]
    opening = text.index(b"{") + 1
    return text[:opening] + b",".join(kept) + text[text.rindex(b"}") :]


def numbered(text: bytes) -> bytes:
    """The list `text` as an object whose keys are the positions; the elements' own bytes are kept."""
    parts = (b'"%d":%b' % (index, text[span.start : span.end]) for index, span in enumerate(elements(text)))
    return b"{" + b",".join(parts) + b"}"


def _key(text: bytes, position: int) -> str:
    if _PLAIN.fullmatch(text, 1, len(text) - 1):
        return text[1:-1].decode("ascii")
    try:
        key: str = json.loads(text, strict=False)
    except ValueError:  # Not UTF-8, or an invalid escape.
        raise BrokenTextError(position) from None
    return key


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
    comma = _COMMA.match(text, position)
    if comma is None:
        position = _skip(text, position)
        if text[position : position + 1] != closing:
            raise BrokenTextError(position)
        return position
    following = comma.end()
    if text[following : following + 1] == closing:
        raise BrokenTextError(comma.start(1))
    return following


def _value(text: bytes, start: int) -> Span:
    first = text[start : start + 1]
    if first in (b"{", b"["):
        return Span(start, _end_of_container(text, start))
    match = _KEY.match(text, start) if first == b'"' else _SCALAR.match(text, start)
    if match is None:
        raise BrokenTextError(start)
    return Span(start, match.end())


def _end_of_container(text: bytes, start: int) -> int:
    waiting: list[int] = []
    position = start
    while match := _NEXT_BRACKET.match(text, position):
        at, position = match.span(1)
        bracket = text[at]
        if bracket in _CLOSES:
            waiting.append(_CLOSES[bracket])
        elif bracket == _QUOTE or waiting.pop() != bracket:  # The quote of an unterminated string.
            raise BrokenTextError(at)
        elif not waiting:
            return position
    raise BrokenTextError(len(text))
