r"""JSON text to values and back, where orjson alone would refuse or change what a source may lawfully write.

orjson is first because it is fast. It refuses a lone surrogate escape (`\ud83d`), and rounds integers past
64 bits to floats; the standard library reads both. What JSON does not know (NaN, Infinity) nobody reads.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from casbah.ingest.contract import UnusableEventError

# Twenty digits are the first that may not fit 64 bits, and nineteen after where a number may begin are few enough to look
# closer: an id that fills a string is no number. Searching in translated bytes is ten times as fast as a regular expression.
_SHAPE = bytes(
    ord("0") if byte in b"0123456789" else ord(":") if byte in b"-:,[ \t\r\n" else ord(" ") for byte in range(256)
)
_LONG_NUMBER = b":" + b"0" * 19
_MOST_REASON = 200
_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+|([\[{]++)|([\]}]++)', re.DOTALL)

MOST_NESTING = 1024
"""How deep values may be nested. It is orjson's limit."""
TOO_DEEP = "nested too deeply"


def parse(raw: bytes) -> Any:
    """The value that `raw` spells, or UnusableEventError with the reason; of a repeated key the last one
    counts.
    """
    if _LONG_NUMBER not in raw.translate(_SHAPE):
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
    return _parse_slowly(raw)


def parse_object(raw: bytes) -> dict[str, Any]:
    """The object that `raw` spells, or UnusableEventError with the reason."""
    parsed = parse(raw)
    if type(parsed) is not dict:
        raise UnusableEventError(f"not an event: expected a JSON object, got {_NAMES.get(type(parsed), 'a value')}")
    return parsed


def canonical(parsed: Any) -> bytes:
    """One spelling for equal values: keys sorted, no spaces, UTF-8."""
    try:
        return orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return _dump_slowly(parsed, sort=True, ascii_only=False)


def dump(value: Any) -> bytes:
    """`value` as compact JSON in its own order; what UTF-8 cannot hold is escaped."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _dump_slowly(value, sort=False, ascii_only=True)


def joined(keys: Mapping[str, Any], *, last: str, raw: bytes) -> bytes:
    """The object of `keys` and, after them, `last` with `raw` untouched as its value."""
    head = dump(keys)[:-1]
    comma = b"," if keys else b""
    return b"".join((head, comma, dump(last), b":", raw, b"}"))


def _parse_slowly(raw: bytes) -> Any:
    if _is_too_deep(raw):
        raise UnusableEventError(TOO_DEEP)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableEventError(f"not UTF-8: byte {error.start + 1} is {raw[error.start]:#04x}") from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise UnusableEventError(f"not JSON: {error}"[:_MOST_REASON]) from None
    except ValueError as error:
        raise UnusableEventError(f"not JSON: {error}"[:_MOST_REASON]) from None
    except RecursionError:
        raise UnusableEventError(TOO_DEEP) from None


def _is_too_deep(raw: bytes) -> bool:
    """Whether the limit is passed, known as soon as it is."""
    if raw.count(b"[") + raw.count(b"{") <= MOST_NESTING:
        return False
    depth = 0
    for found in _BRACKET.finditer(raw):
        opened, closed = found.groups(b"")
        depth += len(opened) - len(closed)
        if depth > MOST_NESTING:
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
        raise UnusableEventError(f"cannot be written as JSON: {error}"[:_MOST_REASON]) from None
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
