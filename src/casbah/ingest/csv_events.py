"""Rows of a CSV export: a column holds the event of each row as JSON, or the row itself is the event.

A quoted row may span lines. After an unreadable row, reading resumes at the next line that begins a readable one, so that
an unclosed quote does not swallow the rows after it.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from casbah.activity.forms import CSV
from casbah.base import jsontext
from casbah.ingest.contract import HAS_LOST, LOST, Event, Refusal, UnusableEventError, why_no_event
from casbah.ingest.csv_header import HeaderRow, is_before_header
from casbah.ingest.line_reader import TOO_LONG, Line, LineReader
from casbah.ingest.local_times import zoned
from casbah.ingest.recovery import MARK

_AHEAD = 1 << 18
_MAX_LINES = 1 << 18
"""Lines of one row. Together with the byte limit, this bounds memory for an export with unclosed quotes."""


def rows(
    feed: LineReader, header: HeaderRow, *, origin: str, max_kept: int, zone: tzinfo | None
) -> Iterator[Event | Refusal]:
    """The events, each with the line on which its row begins. `zone` is that of times without one, if the caller names it."""
    csv.field_size_limit(max(csv.field_size_limit(), feed.max_line))
    lines = _Lines(feed.lines())
    first = next(line.text for line in lines.taken() if line.text.strip() and not is_before_header(line.text.lstrip()))
    table = _Table(header, first.strip(), feed.max_line)
    number = lines.number
    while lines.more(1):
        number, row = lines.number + 1, table.row(lines)
        taken = lines.take(row.lines)
        reason = header.refusal if row.event is not None else row.reason
        if row.event is not None and header.local:
            row, reason = _in_zone(row, row.event, header.local, zone)
        # With the header, the row can be read again by itself.
        raw = table.text + b"\n" + b"".join(line.text for line in taken)
        if row.event is not None and not reason:
            form, text = (CSV, raw.rstrip(b"\r\n")) if header.lossy else (None, b"")
            yield Event(row.raw, row.event, origin, number, form, text)
        elif reason:
            cut = max(0, len(raw) - max_kept) + taken[-1].cut
            yield Refusal(origin, number, reason, raw[:max_kept].rstrip(b"\r\n"), cut)


@dataclass(slots=True)
class _Lines:
    """Lines with lookahead."""

    _source: Iterator[Line]
    _seen: list[Line] = field(default_factory=list)
    _next: int = 0
    number: int = 0
    passed: int = 0

    def taken(self) -> Iterator[Line]:
        """Take every line."""
        while self.more(1):
            yield from self.take(1)

    def more(self, count: int) -> bool:
        """Whether at least `count` lines are left."""
        while len(self._seen) - self._next < count:
            line = next(self._source, None)
            if line is None:
                return False
            self._seen.append(line)
        return True

    def __getitem__(self, index: int) -> Line:
        return self._seen[self._next + index]

    def take(self, count: int) -> list[Line]:
        """Remove and return the next `count` lines."""
        lines = self._seen[self._next : self._next + count]
        self._next += count
        if 2 * self._next > len(self._seen):
            del self._seen[: self._next]
            self._next = 0
        self.number += count
        self.passed += sum(len(line.text) for line in lines)
        return lines


@dataclass(frozen=True, slots=True)
class _Row:
    """The number of lines in a row, and its event or the reason it has none; neither if the row is blank or a header."""

    lines: int
    raw: bytes = b""
    event: dict[str, Any] | None = None
    reason: str = ""


def _in_zone(row: _Row, cells: dict[str, Any], column: str, zone: tzinfo | None) -> tuple[_Row, str]:
    """The row with its time in a zone, or the reason against it."""
    try:
        event = cells | zoned(cells, column, zone)
    except UnusableEventError as error:
        return row, str(error)
    return _Row(row.lines, jsontext.dump(event), event), ""


@dataclass(slots=True)
class _Table:
    """The layout of the rows."""

    header: HeaderRow
    text: bytes
    """The header row."""

    maximum: int
    """Bytes of the longest row."""

    spent: int = 0

    def row(self, lines: _Lines) -> _Row:
        """The row that begins with the next line, or the unreadable lines before the next row."""
        line = lines[0]
        if self._is_long(line):
            return _Row(1, reason=TOO_LONG)
        first = self._read(line.text, 1)
        if first.event is not None or not first.reason or _is_even(line.text):
            return first
        whole = self._spanning(lines, 0)
        if whole.event is not None:
            return whole
        for start in range(1, whole.lines):
            if self._spanning(lines, start).event is not None:
                return _Row(start, reason=first.reason)
        return _Row(whole.lines, reason=whole.reason)

    def _spanning(self, lines: _Lines, start: int) -> _Row:
        """The row that begins with the line `start` and may continue on the next lines."""
        text = [lines[start].text]
        count, size, even = 1, len(text[0]), _is_even(text[0])
        affordable = self.spent < _AHEAD + lines.passed // 16
        while affordable and not even and count < _MAX_LINES and lines.more(start + count + 1):
            line = lines[start + count]
            size += len(line.text)
            if size > self.maximum or self._is_long(line) or self._begins_row(line.text):
                break
            text.append(line.text)
            count += 1
            even ^= not _is_even(line.text)
        row = self._read(b"".join(text), count)
        if row.event is None and count > 1:
            self.spent += size
        return row

    def _begins_row(self, line: bytes) -> bool:
        """Whether a line is a whole row. If rows are events, one with an odd quote more likely ends a row over lines."""
        return (self.header.column is not None or _is_even(line)) and self._read(line, 1).event is not None

    def _is_long(self, line: Line) -> bool:
        return line.cut > 0 or len(line.text) > self.maximum

    def _read(self, text: bytes, lines: int) -> _Row:
        """Parse `text` as a row."""
        stripped = text.strip().removeprefix(MARK)
        if not stripped or stripped == self.text or is_before_header(stripped):
            return _Row(lines)
        decoded = text.removeprefix(MARK).decode("utf-8", "surrogateescape")
        # Two rows with a stray quote each would else be taken for one row over lines.
        strict = not _is_even(text) or (lines > 1 and self.header.column is None)
        try:
            row = next(csv.reader(io.StringIO(decoded, newline=""), delimiter=self.header.delimiter, strict=strict))
        except csv.Error as error:
            return _Row(lines, reason=f"not CSV: {error}")
        column = self.header.column
        if column is None:
            return self._whole(row, lines)
        cell = row[column].strip() if len(row) > column else ""
        if not cell:
            return _Row(lines, reason=f"no {self.header.names[column]}")
        raw = cell.encode("utf-8", "surrogateescape")
        try:
            return _Row(lines, raw, jsontext.parse_object(raw))
        except jsontext.InvalidJsonError as error:
            return _Row(lines, reason=why_no_event(error))

    def _whole(self, row: list[str], lines: int) -> _Row:
        """The row as an event: its cells by column, without the empty ones."""
        names = self.header.names
        if len(row) != len(names):
            return _Row(lines, reason=f"no event: {len(row)} values for {len(names)} columns")
        event = {name: cell for name, cell in zip(names, row, strict=True) if cell}
        if any(LOST in cell for cell in row):
            return _Row(lines, reason=f"no event: {HAS_LOST}")
        if not all(map(_is_utf8, row)):
            return _Row(lines, reason="no event: not UTF-8")
        return _Row(lines, jsontext.dump(event), event)


def _is_utf8(cell: str) -> bool:
    """Whether a cell was decoded without escaping bytes as surrogates."""
    return cell.isascii() or not any("\ud800" <= character <= "\udfff" for character in cell)


def _is_even(line: bytes) -> bool:
    return line.count(b'"') % 2 == 0
