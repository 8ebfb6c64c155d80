"""The position in a text, the lists around it, and the extent of unreadable spans."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from casbah.ingest.contract import Event, Refusal
from casbah.ingest.line_reader import Budget, LineReader, Window
from casbah.ingest.recovery import MARK, Layout, has_keys_at, min_indent, next_line

MAX_KEPT = 1 << 16
"""Bytes of an unreadable span that its refusal keeps."""

_BETWEEN = re.compile(rb"(?:[ \t\r\n,]|" + MARK + rb")*+")
_UNKNOWN = -1
_SEPARATORS = b" \t\r\n,"


@dataclass(slots=True)
class OpenList:
    """A list around the events: whether it belongs to a wrapper, and whether its end may be inside an unreadable span."""

    wrapped: bool
    lost: bool = False


class Cursor:
    """The position, the lists around it, and the state of what was read so far."""

    def __init__(self, feed: LineReader, origin: str) -> None:
        self.window = Window(feed)
        self.budget = Budget(self.window)
        self.maximum = feed.max_line
        self._origin = origin
        beginning = self.window.text.strip()
        self.one_line = b"\n" not in beginning and bool(beginning)
        self.open: list[OpenList] = []
        """The lists around the events."""

        self.fresh = True
        """Whether only spaces, commas and a byte order mark precede on the line; `indent` counts its leading blanks."""

        self.indent = 0
        self.event_indent: int | None = None
        """The indentation of the last event that began a line."""

        self._min_indent: int | None = _UNKNOWN
        self.after_span = self.cut_head = False
        """Whether the last item, and whether the first, was an unreadable span."""

        self._keys = False
        self._keys_of = b""
        self._keys_position: tuple[int, int, int] | None = None
        self._next_line: int | None = None
        self._next_line_of = b""
        self._next_line_position: tuple[int, int] | None = None
        self.items = self.on_line = 0
        self.seen = False
        """Whether any event was read."""

    def begin(self) -> bool:
        """Move past separators to the next item. False at the end of the text."""
        window = self.window
        while True:
            text, at = window.text, window.at
            separators = _BETWEEN.match(text, at)
            end = separators.end() if separators else at
            if window.ended or (end < len(text) and not MARK.startswith(text[end : end + len(MARK)])):
                break
            # Keep the line whole, so that its indentation is known.
            window.move(max(at, text.rfind(b"\n", at, end)) if end - at < MAX_KEPT else end)
            window.more()
        if end > at:
            self._separate(text[at:end])
            window.move(end)
        return end < len(text)

    def _separate(self, run: bytes) -> None:
        """Record the separators between two items."""
        line = run.rfind(b"\n") + 1
        if line:
            self.fresh, self.indent, self.on_line = True, 0, 0
            self.one_line = self.one_line and (not self.items or self.window.ended)
        if self.fresh:
            blanks = run[line:].removeprefix(MARK)
            self.indent += len(blanks) - len(blanks.lstrip(b" \t"))

    def layout(self, end: int) -> Layout:
        """What is around the text up to `end`."""
        window = self.window
        final = window.ended or end < len(window.text) or end - window.at > self.maximum
        return Layout(bool(self.open), head=not self.seen and not self.open, final=final)

    def enter(self, start: int, *, wrapped: bool) -> None:
        """Enter a list of events; look for its first event at `start`."""
        self.open.append(OpenList(wrapped))
        self.fresh, self.event_indent = False, None
        self.window.move(start)

    def event(self, raw: bytes, parsed: Mapping[str, Any], end: int) -> Event:
        """Record and return an event that ends at `end`."""
        if self.fresh:
            self.event_indent = self.indent
        self.seen, self.after_span = True, False
        event = Event(raw, parsed, self._origin, self.number())
        self._count(end)
        return event

    def next_line(self) -> int | None:
        """Where the layout resumes on a later line, if that is in memory. Computed once per line."""
        end = self.window.line_end()
        if end < 0:
            return None
        position = (end, self.indent)
        if self._next_line_of is not self.window.text or self._next_line_position != position:
            self._next_line = next_line(self.window.text, end, self.indent)
            self._next_line_of, self._next_line_position = self.window.text, position
        return self._next_line

    def has_keys(self, end: int) -> bool:
        """Whether keys begin lines before `end`, see `has_keys_at`. Computed once per line."""
        text, line_end = self.window.text, self.window.line_end()
        if not 0 <= line_end < end:
            return False
        position = (line_end, end, self.indent)
        if self._keys_of is not text or self._keys_position != position:
            self._keys = has_keys_at(text, line_end, end, self.indent)
            self._keys_of, self._keys_position = text, position
        return self._keys

    def line_span(self, reason: str, indent: int | None = None) -> Refusal:
        """An unreadable span up to the next line of the layout, reading more of the text as needed."""
        window = self.window
        if indent is None:
            indent = self._garbage_indent()
        number, kept, size = self.number(), b"", 0
        while True:
            end = next_line(window.text, window.at, indent)
            if end is not None or window.ended:
                end = len(window.text) if end is None else end
                kept, size = kept + window.text[window.at : end][: MAX_KEPT - len(kept)], size + end - window.at
                return self._refused_span(end, number, kept, size, reason)
            end = max(window.at, window.text.rfind(b"\n", window.at))
            end = len(window.text) if end == window.at and len(window.text) - end > MAX_KEPT else end
            kept, size = kept + window.text[window.at : end][: MAX_KEPT - len(kept)], size + end - window.at
            window.move(end)
            window.more()

    def min_indent(self) -> int | None:
        """The least indentation of a line that begins an object, within the beginning of the text. Computed once."""
        if self._min_indent == _UNKNOWN:
            self._min_indent = min_indent(self.window.text)
        return self._min_indent

    def _garbage_indent(self) -> int:
        """The indentation of the events around unreadable text. The text itself may begin in the middle of a line."""
        if self.event_indent is not None:
            return min(self.indent, self.event_indent)
        minimum = None if self.open else self.min_indent()
        return self.indent if minimum is None else minimum

    def span(self, end: int, reason: str) -> Refusal:
        """An unreadable span up to `end`, which is in memory."""
        text, at = self.window.text, self.window.at
        return self._refused_span(end, self.number(), text[at : min(end, at + MAX_KEPT)], end - at, reason)

    def _refused_span(self, end: int, number: int, kept: bytes, size: int, reason: str) -> Refusal:
        if not self.fresh and not self.one_line:
            reason = f"element {self.on_line + 1} of the line: {reason}"
        refusal = Refusal(self._origin, number, reason, kept.strip(_SEPARATORS), size - len(kept))
        if not self.items:
            self.cut_head = True
        if self.open:
            self.open[-1].lost = True
        self.after_span = True
        self._count(end)
        return refusal

    def number(self) -> int:
        """The line number, or the number of the event if all events are on one line."""
        return self.items + 1 if self.one_line else self.window.line

    def _count(self, end: int) -> None:
        """Count an item that ends at `end`."""
        line = self.window.line
        self.window.move(end)
        self.items += 1
        self.on_line = self.on_line + 1 if self.window.line == line else 0
        self.fresh = False
