"""Scans the structure of JSON text: where a value ends, or where it breaks and which brackets are open there.

Strict about everything but the spelling of scalars. No token spans lines, not even a string. Regular expressions match
whole values up to `_INLINE` levels in one step; deeper, truncated or broken values are scanned level by level. The
expressions are possessive, so the cost is linear. The large ones are compiled on first use, which takes some 30 ms each.
"""

import re
import sys
from enum import Enum
from functools import cache
from typing import NamedTuple

from casbah.base.jsontext.codec import MAX_NESTING

_INLINE = 5
_SPACE = rb"[ \t\r\n]*+"
STRING = rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+"'
SCALAR = rb"[^][{}:,\" \t\r\n]++"
_POSSESSIVE_GROUPS = sys.version_info >= (3, 11, 5)
"""Earlier Pythons, such as Debian 12's, end `(?:...)*+` amid what did not match (python/cpython#106052)."""


def _repeated(pattern: bytes) -> bytes:
    """The pattern any number of times, without ever giving one back. An atomic group is a little slower."""
    return (rb"(?:%b)*+" if _POSSESSIVE_GROUPS else rb"(?>(?:%b)*)") % pattern


def _value(levels: int) -> bytes:
    """A pattern for a value nested at most `levels` deep."""
    plain = STRING + rb"|" + SCALAR
    if not levels:
        return rb"(?:" + plain + rb")"
    inner = _value(levels - 1)
    members = _repeated(STRING + _SPACE + rb":" + _SPACE + inner + _SPACE + rb"(?:," + _SPACE + rb"(?!\})|(?=\}))")
    elements = _repeated(inner + _SPACE + rb"(?:," + _SPACE + rb"(?!\])|(?=\]))")
    return rb"(?:%b|\{%b%b\}|\[%b%b\])" % (plain, _SPACE, members, _SPACE, elements)


_BLANK = re.compile(_SPACE)
_TEXT = re.compile(STRING)
KEY = re.compile(rb"(" + STRING + rb")" + _SPACE + rb":" + _SPACE)
CLOSING = re.compile(rb"(?:\]" + _SPACE + rb")++")
"""The brackets after the last event of a list."""

TAIL = re.compile(_repeated(rb"," + _SPACE + KEY.pattern + _value(1) + _SPACE) + rb"\}?+" + _SPACE + rb"\Z")
"""The end of the text after these brackets: nothing, or the rest of a wrapper."""

_OBJECT_END, _LIST_END = ord("}"), ord("]")
_COMMA = ord(",")


@cache
def row() -> re.Pattern[bytes]:
    """An object followed by another on the same line of a list."""
    return re.compile(rb"(?=\{)(" + _value(_INLINE) + rb")[ \t]*+,[ \t]*+(?=\{)")


@cache
def _whole() -> re.Pattern[bytes]:
    return re.compile(_value(_INLINE))


@cache
def _members() -> re.Pattern[bytes]:
    return re.compile(_SPACE + _repeated(KEY.pattern + _value(_INLINE - 1) + _SPACE + rb"," + _SPACE + rb"(?!\})"))


@cache
def _elements() -> re.Pattern[bytes]:
    return re.compile(_SPACE + _repeated(_value(_INLINE - 1) + _SPACE + rb"," + _SPACE + rb"(?!\])"))


class ScanState(Enum):
    """How a scan ended: after the whole value, at the end of the text inside it, at an error, or nested too deeply."""

    CLOSED = "closed"
    OPEN = "open"
    BROKEN = "broken"
    DEEP = "deep"


class ScanEnd(NamedTuple):
    """Where a scan ended, and the closing brackets missing there, innermost last."""

    state: ScanState
    at: int
    missing: bytes = b""


def scan(text: bytes, at: int, end: int) -> ScanEnd:
    """Scan the value that begins at `at`, up to `end`."""
    return _follow(text, at, end, bytearray())


def scan_tail(text: bytes, at: int, end: int) -> ScanEnd:
    """Scan the rest of an object after one of its values."""
    missing = bytearray(b"}")
    following = _past_separator(text, at, end, missing)
    return following if isinstance(following, ScanEnd) else _follow(text, following, end, missing)


def blank(text: bytes, at: int) -> int:
    """The position after any space at `at`."""
    space = _BLANK.match(text, at)
    return space.end() if space else at


def _follow(text: bytes, at: int, end: int, missing: bytearray) -> ScanEnd:
    """Scan from a value until no bracket is missing."""
    while True:
        whole = _whole().match(text, at, end)
        if whole:
            following = _past_separator(text, whole.end(), end, missing)
        elif text[at : at + 1] == b"{" and at < end:
            missing.append(_OBJECT_END)
            following = _past_key(text, at + 1, end, missing)
        elif text[at : at + 1] == b"[" and at < end:
            missing.append(_LIST_END)
            following = _past(_elements(), text, at + 1, end)
        else:
            following = _failed(text, at, end, missing)
        if isinstance(following, ScanEnd):
            return following
        if len(missing) > MAX_NESTING:
            return ScanEnd(ScanState.DEEP, following, bytes(missing))
        at = following


def _past_separator(text: bytes, at: int, end: int, missing: bytearray) -> int | ScanEnd:
    """Where the next value begins after one, or the end of the scan."""
    while missing:
        at = min(blank(text, at), end)
        if at == end:
            return ScanEnd(ScanState.OPEN, at, bytes(missing))
        if text[at] == missing[-1]:
            missing.pop()
            at += 1
        elif text[at] != _COMMA:
            return _failed(text, at, end, missing)
        elif missing[-1] == _OBJECT_END:
            return _past_key(text, at + 1, end, missing)
        else:
            return _past(_elements(), text, at + 1, end)
    return ScanEnd(ScanState.CLOSED, at)


def _past_key(text: bytes, at: int, end: int, missing: bytearray) -> int | ScanEnd:
    at = _past(_members(), text, at, end)
    key = KEY.match(text, at, end)
    return key.end() if key else _failed(text, at, end, missing)


def _past(pattern: re.Pattern[bytes], text: bytes, at: int, end: int) -> int:
    match = pattern.match(text, at, end)
    return match.end() if match else at


def _failed(text: bytes, at: int, end: int, missing: bytearray) -> ScanEnd:
    """An error at `at`, unless the text ends too early to be sure."""
    if text[at : at + 1] == b'"' and at < end:
        string = _TEXT.match(text, at, end)
        if string:
            at = min(blank(text, string.end()), end)
        elif text.find(b"\n", at, end) < 0:
            at = end
    return ScanEnd(ScanState.OPEN if at >= end else ScanState.BROKEN, at, bytes(missing))
