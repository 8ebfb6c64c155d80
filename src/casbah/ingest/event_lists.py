"""Recognizes wrappers, objects that hold a list of events, and finds where the list begins."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, NamedTuple

from casbah.base import jsontext
from casbah.base.jsontext.grammar import KEY, ScanState, blank, scan
from casbah.ingest.contract import CsvForm, why_no_event


@dataclass(frozen=True, slots=True)
class ReadContext:
    """How to read a text: its origin, and which objects are wrappers rather than events.

    An object is a wrapper if it has a list under one of the keys of `wrappers` and is not `recognized` as an
    event itself. `csv_forms` are the known CSV exports, each with the name of its source; `zone` is that of times in them
    that have none, if the caller names one.
    """

    origin: str
    wrappers: frozenset[str]
    recognized: Callable[[Mapping[str, Any]], bool]
    csv_forms: tuple[tuple[str, CsvForm], ...] = ()
    zone: tzinfo | None = None


class _Member(NamedTuple):
    """A key of an object, and the position of its value."""

    key: str
    value: int


def is_wrapper(parsed: Mapping[str, Any], context: ReadContext) -> bool:
    """Whether an object is a wrapper."""
    keys = parsed.keys() & context.wrappers
    return any(type(parsed[key]) is list for key in keys) and not context.recognized(parsed)


def list_in(text: bytes, at: int, end: int, context: ReadContext) -> int | None:
    """The position after the opening bracket of the list in the wrapper at `at`; None if there is no list."""
    starts = (member.value for member in _members(text, at, end) if member.key in context.wrappers)
    return next((start + 1 for start in starts if text[start : start + 1] == b"["), None)


def list_in_large(text: bytes, at: int, end: int, context: ReadContext) -> int | None:
    """The same for a large object that may be a wrapper, without parsing all of it. None if it is not one."""
    shallow = {member.key: _shallow(text, member, end) for member in _members(text, at, end)}
    return list_in(text, at, end, context) if is_wrapper(shallow, context) else None


def list_in_broken(text: bytes, at: int, end: int, context: ReadContext) -> int | None:
    """The same for an object that breaks at `end`, judging by the members before the list."""
    start = list_in(text, at, end, context)
    if start is None:
        return None
    before = {m.key: _shallow(text, m, end) for m in _members(text, at, start - 1)}
    return None if context.recognized(before) else start


def parsed_value(text: bytes) -> Any:
    """Parse a JSON value; None if invalid."""
    try:
        return jsontext.parse(text)
    except jsontext.InvalidJsonError:
        return None


def parsed_object(text: bytes) -> dict[str, Any] | None:
    """Parse a JSON object; None if invalid or another value."""
    parsed = parsed_value(text)
    return parsed if type(parsed) is dict else None


def object_in_string(text: bytes) -> tuple[bytes, dict[str, Any]] | None:
    """The object that a JSON string holds as text, with its own bytes; None if it holds none."""
    value = parsed_value(text)
    raw = value.encode("utf-8", "surrogatepass").strip() if type(value) is str else b""
    parsed = parsed_object(raw) if raw.startswith(b"{") else None
    return None if parsed is None else (raw, parsed)


def why_no_object(text: bytes) -> str | None:
    """Why a plain value is not an event; None if it is not a valid value."""
    try:
        jsontext.parse_object(text)
    except jsontext.NotAnObjectError as error:
        return why_no_event(error)
    except jsontext.InvalidJsonError:
        pass
    return None


def _shallow(text: bytes, member: _Member, end: int) -> Any:
    if text[member.value : member.value + 1] == b"[":
        return []
    return parsed_value(text[member.value : scan(text, member.value, end).at])


def _members(text: bytes, at: int, end: int) -> Iterator[_Member]:
    """The members of the object at `at`, as far as it can be read."""
    at = blank(text, at + 1)
    while key := KEY.match(text, at, end):
        name = parsed_value(key.group(1))
        if type(name) is str:  # Skip a key with an invalid escape.
            yield _Member(name, key.end())
        value = scan(text, key.end(), end)
        if value.state is not ScanState.CLOSED:
            return
        at = blank(text, blank(text, value.at) + 1)
