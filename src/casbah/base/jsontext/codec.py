r"""Parses and writes JSON, including valid text that orjson alone would refuse or change.

orjson is tried first because it is fast. It refuses a lone surrogate escape (`\ud83d`) and rounds integers beyond 64 bits to
floats; the standard library reads both. Both refuse NaN and Infinity, which are not JSON.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

# A number needs at least twenty digits to exceed 64 bits. Nineteen zeros after a delimiter are rare enough to check closely;
# the quote before an id excludes it. Searching translated bytes is ten times as fast as a regular expression.
_SHAPE = bytes(
    ord("0") if byte in b"0123456789" else ord(":") if byte in b"-:,[ \t\r\n" else ord(" ") for byte in range(256)
)
_LONG_DIGITS = b"0" * 19
_LONG_NUMBER = b":" + _LONG_DIGITS
_MAX_REASON = 200
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|([\[{]++)|([\]}]++)', re.DOTALL)

MAX_NESTING = 1024
"""The maximum nesting depth, which is orjson's limit."""
TOO_DEEP = "nested too deeply"


class InvalidJsonError(ValueError):
    """The text is not JSON, or the value cannot be written as JSON. The message is the reason, shown to users."""


class NotAnObjectError(InvalidJsonError):
    """The text is JSON, but not an object."""


def parse(raw: bytes) -> Any:
    """Parse a JSON value; the last one of a repeated key counts. Raises InvalidJsonError with the reason."""
    shape = raw.translate(_SHAPE)
    if _LONG_NUMBER not in shape and not shape.startswith(_LONG_DIGITS):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    return _parse_slowly(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises InvalidJsonError with the reason, NotAnObjectError for any other value."""
    parsed = parse(raw)
    if type(parsed) is not dict:
        raise NotAnObjectError(f"expected a JSON object, got {_NAMES.get(type(parsed), 'a value')}")
    return parsed


def parse_accepted(raw: bytes) -> Any:
    """Parse a JSON value that `parse` accepted before, however deep the call stack is now."""
    try:
        return json.loads(raw)  # Reads integers of any length.
    except RecursionError:
        return orjson.loads(raw)  # Reads every depth that `parse` accepts.


def canonical(parsed: Any) -> bytes:
    """The canonical spelling of a value: keys sorted, no spaces, UTF-8. Raises InvalidJsonError."""
    try:
        return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _dump_slowly(parsed, sort=True, ascii_only=False)


def dump(value: Any) -> bytes:
    """`value` as compact JSON in its own order; lone surrogates are escaped. Raises InvalidJsonError."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _dump_slowly(value, sort=False, ascii_only=True)


def joined(keys: Mapping[str, Any], *, last: str, raw: bytes) -> bytes:
    """The object with `keys`, then `last` with the unchanged text `raw` as its value."""
    head = dump(keys)[:-1]
    comma = b"," if keys else b""
    return b"".join((head, comma, dump(last), b":", raw, b"}"))


def on_one_line(raw: bytes) -> bytes:
    """Valid JSON text on one line. Its line ends can only be between tokens, so they become spaces."""
    return raw.replace(b"\r", b" ").replace(b"\n", b" ")


def _parse_slowly(raw: bytes) -> Any:
    if is_too_deep(raw):
        raise InvalidJsonError(TOO_DEEP)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"not UTF-8: byte {error.start + 1} is {raw[error.start]:#04x}") from None
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        raise InvalidJsonError(f"not JSON: {error}"[:_MAX_REASON]) from None
    except RecursionError:
        raise InvalidJsonError(TOO_DEEP) from None


def is_too_deep(raw: bytes) -> bool:
    """Whether the nesting exceeds the limit; stops as soon as it does."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_NESTING:
        return False
    depth = 0
    for brackets in _BRACKET.finditer(raw):
        opened, closed = brackets.groups(b"")
        depth += len(opened) - len(closed)
        if depth > MAX_NESTING:
            return True
    return False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"number {text[:40]} is too large")
    return number


def _dump_slowly(value: Any, *, sort: bool, ascii_only: bool) -> bytes:
    try:
        text = json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=ascii_only, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError(f"cannot be written as JSON: {error}"[:_MAX_REASON]) from None
    return text.encode("utf-8", "surrogatepass")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
}
