"""Reads events from JSON text: consecutive objects, on separate lines or not, in lists, and in wrappers around a list.

Only the span of unreadable text is lost: reading resumes after it. The text is read through a window, so that only one
event at a time must fit in memory. Every byte is visited a bounded number of times.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from casbah.base import jsontext
from casbah.base.jsontext.grammar import SCALAR, STRING, ScanEnd, ScanState, blank, row, scan, scan_tail
from casbah.ingest import cef
from casbah.ingest.contract import Event, Refusal, why_no_event
from casbah.ingest.cursor import MAX_KEPT, Cursor
from casbah.ingest.event_lists import (
    ReadContext,
    is_wrapper,
    list_in,
    list_in_broken,
    list_in_large,
    object_in_string,
    parsed_object,
    why_no_object,
)
from casbah.ingest.line_reader import TOO_LONG, LineReader
from casbah.ingest.recovery import Runs, next_event

NO_JSON = "not JSON: no object or list begins here"
_NOT_CLOSED = "not JSON: the list is not closed"
_INSIDE = "not JSON: the beginning of the event is cut off"
_CUT = "cut off before its end"
_STRAY = "not JSON: a bracket that closes nothing"

_LARGE = 1 << 16
_ALONE = re.compile(rb"\{[ \t\r]*+\n")
_PLAIN = re.compile(rb"(?:" + STRING + rb"|" + SCALAR + rb")(?=[ \t\r\n]*+(?:[],]|$)|[ \t\r]*+\n)")
_LAST = re.compile(rb"[]} \t\r\n]*+$")
_ENDS = re.compile(rb"(?:[ \t\r\n]*[]}])++")
_OBJECT_ENDS = re.compile(rb"(?:[ \t\r\n]*\})++")
_STRING = re.compile(STRING)
_END_OF_LINE = b" \t\r,"
_OBJECT, _OBJECT_END, _LIST, _LIST_END, _QUOTE = b'{}[]"'


class JsonEventReader:
    """Reads one text. Can be used once."""

    def __init__(self, feed: LineReader, context: ReadContext) -> None:
        self._cursor = Cursor(feed, context.origin)
        self._context = context
        self._runs = Runs(self._cursor.budget)
        self._plain = False
        """Whether any event was outside of lists and wrappers."""

    def items(self) -> Iterator[Event | Refusal]:
        """The events, and a refusal for each unreadable span."""
        window = self._cursor.window
        while self._cursor.begin():
            yield from self._rows() if self._cursor.open else self._lines()
            if not self._cursor.begin():
                break
            first = window.text[window.at]
            if first == _OBJECT:
                item = self._object()
            elif first == _LIST:
                item = self._list()
            elif first == _LIST_END and self._cursor.open:
                item = self._end_of_list()
            else:
                item = self._other()
            if item is not None:
                yield item
        if self._cursor.open and not any(opened.lost for opened in self._cursor.open):
            yield Refusal(self._context.origin, self._cursor.number(), _NOT_CLOSED)

    def _lines(self) -> Iterator[Event]:
        """Fast path: the next lines that each hold one event, as in most files."""
        window, context = self._cursor.window, self._context
        text, at, line = window.text, window.at, window.line
        if not self._cursor.fresh or self._cursor.indent or self._cursor.one_line:
            return
        while (end := text.find(b"\n", at)) >= 0 and end - at <= self._cursor.maximum:
            raw = text[at:end]
            if raw[-1:] != b"}" or (parsed := parsed_object(raw)) is None or is_wrapper(parsed, context):
                break
            yield Event(raw, parsed, context.origin, line)
            at, line = end + 1, line + 1
        if at > window.at:
            self._cursor.items += line - window.line
            self._cursor.seen, self._plain, self._cursor.after_span, self._cursor.event_indent = True, True, False, 0
            window.at, window.line, window.passed = at, line, window.passed + at - window.at

    def _rows(self) -> Iterator[Event]:
        """Fast path: the next events of a list that share a line."""
        window, context = self._cursor.window, self._context
        text, at, first = window.text, window.at, self._cursor.items
        if self._cursor.fresh or self._may_wrap():
            return
        rows = row()
        while match := rows.match(text, at):
            raw = match.group(1)
            if b"\n" in raw or len(raw) > self._cursor.maximum or (parsed := parsed_object(raw)) is None:
                break
            yield Event(raw, parsed, context.origin, self._cursor.items + 1 if self._cursor.one_line else window.line)
            self._cursor.items += 1
            at = match.end()
        if at > window.at:
            self._cursor.on_line += self._cursor.items - first
            self._cursor.seen, self._cursor.after_span, self._cursor.fresh = True, False, False
            window.passed, window.at = window.passed + at - window.at, at

    def _object(self) -> Event | Refusal | None:
        line = self._object_line()
        parsed = parsed_object(line) if line else None
        if parsed is not None:
            return self._whole(line, parsed)
        if self._is_inside():
            return self._cursor.line_span(_INSIDE)
        while True:
            result = self._scan(scan)
            closed = result.state is ScanState.CLOSED and not self._takes_the_end(result)
            if closed and not self._is_part(result):
                return self._closed(self._cursor.window.text[self._cursor.window.at : result.at])
            start = None if closed else self._wrapped_list(result)
            if start is not None:
                self._cursor.budget.spend(result.at - start)
                self._cursor.enter(start, wrapped=True)
                return None
            span = self._part(result) if closed else self._broken(result)
            if span is not None:
                return span
            self._cursor.window.more()

    def _object_line(self) -> bytes:
        """The rest of the line if it may be a whole object, else empty."""
        window = self._cursor.window
        end = window.line_end() if self._cursor.fresh else -1
        if end < 0 or end - window.at > min(self._cursor.maximum, _LARGE):
            return b""
        line = window.text[window.at : end].rstrip(_END_OF_LINE)
        return line if line.endswith(b"}") else b""

    def _is_inside(self) -> bool:
        """Whether this must be part of an event whose beginning is missing, since other events are indented less."""
        if not self._cursor.fresh or not self._cursor.indent:
            return False
        if self._cursor.event_indent is not None:
            return self._cursor.after_span and self._cursor.event_indent < self._cursor.indent
        return not self._cursor.open and (self._cursor.min_indent() or 0) < self._cursor.indent

    def _scan(self, scanning: Callable[[bytes, int, int], ScanEnd]) -> ScanEnd:
        """Scan what begins here, up to the next line of the layout or, while the budget lasts, beyond."""
        window = self._cursor.window
        while True:
            text, at = window.text, window.at
            maximum = min(len(text), at + self._cursor.maximum + 1)
            end = min(maximum, at + self._cursor.budget.left())
            result = scanning(text, at, end)
            if result.state is ScanState.OPEN and end < maximum:
                end = min(maximum, max(end, self._cursor.next_line() or maximum))
                result = scanning(text, at, end)
            if result.state is not ScanState.OPEN or end < len(text) or window.ended:
                return result
            window.more()

    def _is_part(self, result: ScanEnd) -> bool:
        """Whether what begins here is only part of an event whose beginning is missing."""
        window = self._cursor.window
        if not self._cursor.fresh or self._cursor.open:
            return False
        line = self._cursor.next_line()
        end = len(window.text) if line is None else line
        if result.state is not ScanState.CLOSED or result.at >= end:
            return False
        run = self._runs.at(window.text, window.at, end, self._cursor.layout(end))
        return run.belongs is False

    def _part(self, result: ScanEnd) -> Refusal | None:
        if not self._cursor.one_line:
            return self._cursor.line_span(_INSIDE)
        return self._bracket_span(ScanEnd(ScanState.BROKEN, result.at), len(self._cursor.window.text), _INSIDE)

    def _takes_the_end(self, result: ScanEnd) -> bool:
        """Whether a truncated object is closed only by the brackets of the list around it, at the end of the text."""
        window = self._cursor.window
        if not self._cursor.open or not window.ended or blank(window.text, result.at) < len(window.text):
            return False
        line = self._cursor.next_line()
        return line is not None and line < result.at and not self._cursor.has_keys(line)

    def _closed(self, raw: bytes) -> Event | Refusal | None:
        window = self._cursor.window
        may_wrap = self._may_wrap()
        large = may_wrap and len(raw) > _LARGE
        parsed = None if large else parsed_object(raw)
        if parsed is None and may_wrap:
            start = list_in_large(window.text, window.at, window.at + len(raw), self._context)
            # Refuse an invalid wrapper without events: otherwise it would be dropped silently.
            if start is not None and (large or window.text[blank(window.text, start)] != ord("]")):
                self._enter(start, len(raw))
                return None
        try:
            return self._whole(raw, jsontext.parse_object(raw) if parsed is None else parsed)
        except jsontext.InvalidJsonError as error:
            return self._cursor.span(window.at + len(raw), why_no_event(error))

    def _whole(self, raw: bytes, parsed: Mapping[str, Any]) -> Event | Refusal | None:
        window = self._cursor.window
        if self._may_wrap() and is_wrapper(parsed, self._context):
            start = list_in(window.text, window.at, window.at + len(raw), self._context)
            if start is not None:
                self._enter(start, len(raw))
                return None
        if len(raw) > self._cursor.maximum:
            return self._cursor.span(window.at + len(raw), TOO_LONG)
        self._plain = self._plain or not self._cursor.open
        return self._cursor.event(raw, parsed, window.at + len(raw))

    def _enter(self, start: int, size: int) -> None:
        """Enter the list of a wrapper that was read whole. A nested wrapper is visited again for each one around it."""
        if self._cursor.open:
            self._cursor.budget.spend(size)
        self._cursor.enter(start, wrapped=True)

    def _wrapped_list(self, result: ScanEnd) -> int | None:
        """Where the events of a broken or very large wrapper begin; None if this is not one."""
        if self._plain or not result.missing.startswith(b"}]") or not self._may_wrap():
            return None
        return list_in_broken(self._cursor.window.text, self._cursor.window.at, result.at, self._context)

    def _may_wrap(self) -> bool:
        """Whether an object here may be a wrapper. Inside a list it cannot be, unless the end of the list was missed."""
        return not self._cursor.open or (self._cursor.open[-1].lost and self._cursor.budget.left() > 0)

    def _broken(self, result: ScanEnd) -> Refusal | None:
        """The span of a broken object; None if more text is needed."""
        window = self._cursor.window
        text, at = window.text, window.at
        end = self._end_of_long(result)
        if end is not None:
            return self._cursor.span(end, TOO_LONG)
        line = self._cursor.next_line()
        reason = self._why(result)
        flat = self._cursor.has_keys(result.at if line is None else line)
        if not flat and (self._by_line() or _ALONE.match(text, at)):
            self._cursor.budget.spend(0 if line is None else result.at - line)
            return self._cursor.line_span(reason, self._cursor.indent)
        end = len(text) if flat or line is None else line
        return self._bracket_span(result, end, reason)

    def _end_of_long(self, result: ScanEnd) -> int | None:
        """The end of an object that is too long, if in memory. Such an object is not searched for events."""
        window = self._cursor.window
        if (
            result.state is not ScanState.OPEN
            or result.at - window.at <= self._cursor.maximum
            or not self._cursor.budget.left()
        ):
            return None
        whole = scan(window.text, window.at, len(window.text))
        if whole.state is ScanState.CLOSED:
            return whole.at
        self._cursor.budget.spend(whole.at - window.at)
        return None

    def _bracket_span(self, result: ScanEnd, end: int, reason: str) -> Refusal | None:
        window = self._cursor.window
        text = window.text
        layout = self._cursor.layout(end)
        resume = next_event(text, result.at, end, missing=result.missing, layout=layout, runs=self._runs)
        if resume == len(text) and not window.ended and resume - window.at <= self._cursor.maximum:
            return None
        return self._cursor.span(resume, reason)

    def _why(self, result: ScanEnd) -> str:
        text, at = self._cursor.window.text, self._cursor.window.at
        if result.state is ScanState.DEEP:
            return jsontext.TOO_DEEP
        if result.at - at > self._cursor.maximum:
            return TOO_LONG
        if result.state in {ScanState.OPEN, ScanState.CLOSED}:
            return f"not JSON: {_CUT}"
        byte = text[result.at : result.at + 1].decode("latin-1")
        what = (
            "an unterminated string"
            if byte == '"' and _STRING.match(text, result.at) is None
            else f"unexpected {byte!r}"
        )
        return f"not JSON: {what} at byte {result.at - at + 1}"

    def _list(self) -> Refusal | None:
        if len(self._cursor.open) >= jsontext.MAX_NESTING:
            return self._cursor.line_span(jsontext.TOO_DEEP)
        window = self._cursor.window
        end = window.line_end()
        if self._cursor.fresh and end >= 0 and self._is_part(scan(window.text, window.at, end)):
            return self._cursor.line_span(_INSIDE)
        self._cursor.enter(self._cursor.window.at + 1, wrapped=False)
        return None

    def _end_of_list(self) -> Refusal | None:
        window = self._cursor.window
        window.move(window.at + 1)
        self._cursor.fresh = False
        opened = self._cursor.open.pop()
        if not opened.wrapped:
            return None
        result = self._scan(scan_tail)
        if result.state is ScanState.CLOSED or (
            opened.lost and result.at == len(window.text) == blank(window.text, window.at)
        ):
            window.move(result.at)
            return None
        line = self._cursor.next_line()
        reason = self._why(result)
        end = len(window.text) if line is None else line
        self._cursor.budget.spend(result.at - end)
        return self._bracket_span(result, end, reason) or self._cursor.line_span(reason)

    def _other(self) -> Event | Refusal | None:
        """Read what is neither an object nor a list."""
        cursor, window = self._cursor, self._cursor.window
        if window.line_end() < 0 and len(window.text) - window.at < MAX_KEPT and window.more():
            return None
        if window.text[window.at] in b"]}":
            return None if self._is_expected_end() else self._stray()
        if self._breaks_in_string() and window.more():
            return None
        end = window.line_end() if cursor.fresh else window.at  # Within a line, do not scan its rest for each span.
        line = window.text[window.at : len(window.text) if end < 0 else end]
        plain = _PLAIN.match(window.text, window.at)
        alone = plain is not None and (not self._by_line() or line.strip(_END_OF_LINE) == plain.group())
        if plain and alone and (reason := why_no_object(plain.group())):
            event = object_in_string(plain.group())  # As the command lines of AWS and Azure print a list of texts.
            self._plain = self._plain or (event is not None and not cursor.open)
            return cursor.span(plain.end(), reason) if event is None else cursor.event(*event, plain.end())
        if cursor.fresh and cef.is_cef(line):
            return self._cef(line) if end >= 0 or len(line) > cursor.maximum or not window.more() else None
        ends_list = not cursor.seen and line.rstrip(_END_OF_LINE).endswith((b"]", b"]}"))
        return cursor.line_span(NO_JSON) if self._by_line() and not ends_list else self._other_span()

    def _breaks_in_string(self) -> bool:
        """Whether the text in memory ends in a string that begins here and may hold an event."""
        window, budget = self._cursor.window, self._cursor.budget
        if window.text[window.at] != _QUOTE or window.line_end() >= 0 or not budget.left():
            return False
        if _STRING.match(window.text, window.at):
            return False
        size = len(window.text) - window.at
        if size <= self._cursor.maximum:
            return True
        budget.spend(size)
        return False

    def _by_line(self) -> bool:
        return self._cursor.fresh and not self._cursor.one_line

    def _stray(self) -> Refusal:
        by_line = self._by_line() and not self._cursor.open
        return self._cursor.line_span(_STRAY) if by_line else self._cursor.span(self._cursor.window.at + 1, _STRAY)

    def _other_span(self) -> Refusal:
        while True:
            line = self._cursor.next_line()
            end = len(self._cursor.window.text) if line is None else line
            span = self._bracket_span(ScanEnd(ScanState.BROKEN, self._cursor.window.at), end, NO_JSON)
            if span is not None:
                return span
            self._cursor.window.more()

    def _is_expected_end(self) -> bool:
        """Consume a bracket opened in an unreadable span or before the text; False if it closes neither."""
        window = self._cursor.window
        opened = self._cursor.open[-1] if self._cursor.open else None
        end = window.at + 1
        if opened and opened.wrapped and opened.lost and window.text[window.at] == _OBJECT_END:
            self._cursor.open.pop()
        elif not self._cursor.after_span:
            if not self._cursor.cut_head or not _LAST.match(window.text, window.at):
                return False
            # Take all of them at once, to look for the end of the text only once. An open list is closed separately.
            brackets = (_OBJECT_ENDS if opened else _ENDS).match(window.text, window.at)
            end = brackets.end() if brackets else end
        window.move(end)
        self._cursor.fresh = False
        return True

    def _cef(self, line: bytes) -> Event | Refusal:
        """Convert a line in the Common Event Format to the JSON object that its connector reads."""
        end = self._cursor.window.at + len(line)
        if len(line) > self._cursor.maximum:
            return self._cursor.line_span(TOO_LONG)
        if end == len(self._cursor.window.text) and self._cursor.window.breaks_off():
            return self._cursor.span(end, _CUT)
        try:
            raw = jsontext.dump(cef.as_event(line.strip().decode("utf-8", "replace")))
        except cef.NoCefError as error:
            return self._cursor.span(end, str(error))
        return self._cursor.event(raw, jsontext.parse_object(raw), end)
