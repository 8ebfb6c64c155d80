"""The shapes in which files hold events: a line each, one JSON document, or the portal's CSV.

Lines are streamed. A document is read whole, because its events are cut out of its bytes.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from casbah.ingest import cef, jsontext, splice
from casbah.ingest.contract import Event, Refusal, UnusableEventError
from casbah.ingest.feed import Feed, Line

_AUDIT_DATA = "auditdata"
_SAMPLED_LINES = 50
_MOST_SHOWN = 1 << 16
_CONTINUED = (b"[", b"{", b",", b":")
_OPENS = (b"{", b"[")
_NO_SHAPE = "the file holds neither JSON, nor a CSV with a column AuditData, nor CEF"


@dataclass(frozen=True, slots=True)
class Reader:
    """What every shape needs to know: where the text is from, and when an object holds events rather than
    being one.

    An object is a wrapper if it has a list under one of the keys of `wrappers` and is not `recognised` as an
    event itself.
    """

    origin: str
    wrappers: frozenset[str]
    recognised: Callable[[Mapping[str, Any]], bool]
    most_document: int


def events(feed: Feed, reader: Reader) -> Iterator[Event | Refusal]:
    """The events of one text; where reading breaks off, the last is a refusal that says why."""
    reached = 0
    for found in _shaped(feed, reader):
        reached = found.line
        yield found
    if feed.error:
        yield Refusal(reader.origin, reached + 1, f"cannot be read: {feed.error}")


def _shaped(feed: Feed, reader: Reader) -> Iterator[Event | Refusal]:
    sample = feed.sample(_SAMPLED_LINES)
    if not sample:  # Blank as far as it was looked at: what may follow is taken line by line.
        return _by_line(feed, reader)
    if any(cef.is_cef(line.text) for line in sample):
        return _cef_lines(feed, reader)
    delimiter = _csv_delimiter(sample[0].text)
    if delimiter:
        return _rows(feed, reader, delimiter)
    if not any(line.text.startswith(_OPENS) for line in sample):
        return iter((_refused(sample[0].text, reader, 1, _NO_SHAPE),))
    return _document(feed, reader) if _is_document(sample) else _by_line(feed, reader)


def _cef_lines(feed: Feed, reader: Reader) -> Iterator[Event | Refusal]:
    """Lines in the Common Event Format, each made the JSON object that its connector reads."""
    for line in feed.lines():
        if not line.whole:
            yield _refused(line.text, reader, line.number, "the line is longer than a line may be")
            continue
        try:
            raw = jsontext.dump(cef.as_event(line.text.decode("utf-8", "replace")))
        except cef.NoCefError as error:
            yield _refused(line.text, reader, line.number, str(error))
            continue
        yield _event(raw, reader, line.number)


def _is_document(sample: list[Line]) -> bool:
    """Whether the text is one JSON value spread over lines, or a single line, rather than an event a line."""
    first = sample[0].text
    if len(sample) == 1:
        return True
    if not first.startswith(_OPENS) or _parsed(first) is not None:
        return False
    return first.endswith(_CONTINUED) or not any(type(_parsed(line.text)) is dict for line in sample[1:])


def _parsed(text: bytes) -> Any:
    try:
        return jsontext.parse(text)
    except UnusableEventError:
        return None


def _by_line(feed: Feed, reader: Reader) -> Iterator[Event | Refusal]:
    for line in feed.lines():
        if not line.whole:
            yield _refused(line.text, reader, line.number, "the line is longer than a line may be")
            continue
        try:
            parsed = jsontext.parse(line.text)
        except UnusableEventError as error:
            yield _refused(line.text, reader, line.number, str(error))
            continue
        if type(parsed) is dict and _wrapper(parsed, reader) is None:
            yield Event(line.text, parsed, reader.origin, line.number)
            continue
        for found in _value(line.text, reader, 1):
            yield _at_line(found, line.number)


def _at_line(found: Event | Refusal, number: int) -> Event | Refusal:
    """An element of a list on a line goes by the line's number."""
    if isinstance(found, Event):
        return replace(found, line=number)
    return replace(found, line=number, reason=f"element {found.line} of the line: {found.reason}")


def _document(feed: Feed, reader: Reader) -> Iterator[Event | Refusal]:
    """The events of a document, by their number in it; several documents may stand one after another."""
    text = feed.rest(reader.most_document)
    if text is None:
        reason = f"the JSON document is larger than {reader.most_document} bytes; give it as one event a line"
        yield _refused(b"", reader, 1, reason)
        return
    number = 1
    reached = 0
    try:
        for span in _top_values(text):
            for found in _value(text[span.start : span.end], reader, number):
                yield found
                number += 1
            reached = span.end
    except splice.BrokenTextError as error:
        yield from _salvaged(text[reached:], reader, number, _why_broken(text, error))


def _salvaged(text: bytes, reader: Reader, number: int, reason: str) -> Iterator[Event | Refusal]:
    """The elements of a list that breaks off, as many as are whole, and then why it does."""
    try:
        for span in splice.elements(text, _start_of_list(text, reader.wrappers)):
            yield _event(text[span.start : span.end], reader, number)
            number += 1
    except splice.BrokenTextError:
        yield _refused(text[:_MOST_SHOWN], reader, number, reason)


def _start_of_list(text: bytes, wrappers: frozenset[str]) -> int:
    """Where the list begins that `text` is or wraps; its own beginning if there is none."""
    if text.lstrip().startswith(b"{"):
        for key in wrappers:
            found = re.search(rb'"%b"\s*:\s*(?=\[)' % re.escape(key.encode()), text)
            if found:
                return found.end()
    return 0


def _top_values(text: bytes) -> Iterator[splice.Span]:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return splice.values(text)
    return iter((splice.Span(0, len(text)),))


def _why_broken(text: bytes, error: splice.BrokenTextError) -> str:
    try:
        jsontext.parse(text)
    except UnusableEventError as reason:
        return str(reason)
    return str(error)


def _value(text: bytes, reader: Reader, number: int) -> Iterator[Event | Refusal]:
    """The events of one JSON value, numbered from `number`: an event, a list, or a wrapper of a list."""
    text = text.strip()
    if not text.startswith(b"["):
        held = _held(text, reader) if text.startswith(b"{") else None
        if held is None:
            yield _event(text, reader, number)
            return
        text = held
    try:
        for raw in _elements(text):
            yield _event(raw, reader, number)
            number += 1
    except splice.BrokenTextError as error:
        yield _refused(text, reader, number, str(error))


def _event(raw: bytes, reader: Reader, number: int) -> Event | Refusal:
    try:
        return Event(raw, jsontext.parse_object(raw), reader.origin, number)
    except UnusableEventError as error:
        return _refused(raw, reader, number, str(error))


def _refused(raw: bytes, reader: Reader, number: int, reason: str) -> Refusal:
    return Refusal(reader.origin, number, reason, raw)


def _elements(text: bytes) -> Iterator[bytes]:
    """The elements' own bytes. msgspec is fast and strict; what it refuses is cut by structure alone."""
    try:
        parts = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return (text[span.start : span.end] for span in splice.elements(text))
    return (bytes(part) for part in parts)


def _held(text: bytes, reader: Reader) -> bytes | None:
    """The list that the object `text` wraps, or None if it is an event itself."""
    if not any(key.encode() in text for key in reader.wrappers):
        return None
    try:
        values = {member.key: text[member.value.start : member.value.end] for member in splice.members(text)}
    except splice.BrokenTextError:
        return None
    shallow = {key: [] if raw.startswith(b"[") else _parsed(raw) for key, raw in values.items()}
    key = _wrapper(shallow, reader)
    return None if key is None else values[key]


def _wrapper(parsed: Mapping[str, Any], reader: Reader) -> str | None:
    for key in reader.wrappers:
        if type(parsed.get(key)) is list and not reader.recognised(parsed):
            return key
    return None


def _csv_delimiter(header: bytes) -> str | None:
    """What parts the columns, if this is the header of an export with a column AuditData."""
    if header.startswith(_OPENS):
        return None
    text = header.decode("utf-8", "replace")
    for delimiter in (",", ";", "\t"):
        if _AUDIT_DATA in _columns(text, delimiter):
            return delimiter
    return None


def _columns(header: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in header.replace('"', "").split(delimiter)]


def _rows(feed: Feed, reader: Reader, delimiter: str) -> Iterator[Event | Refusal]:
    """The events in the column AuditData, by the line on which their row begins."""
    csv.field_size_limit(max(csv.field_size_limit(), feed.most_line))
    lines = (line.decode("utf-8", "surrogateescape") for line in feed.raw_lines())
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        column = [name.strip().lower() for name in next(rows)].index(_AUDIT_DATA)
    except (csv.Error, ValueError):
        yield _refused(b"", reader, 1, "not CSV: its first line names AuditData, but not as a column")
        return
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield _refused(b"", reader, number, f"not CSV: {error}")
            continue
        if not row:
            continue
        audit_data = row[column].strip() if len(row) > column else ""
        if audit_data:
            yield _event(audit_data.encode("utf-8", "surrogateescape"), reader, number)
        else:
            yield _refused(delimiter.join(row).encode("utf-8", "surrogateescape"), reader, number, "no AuditData")
