"""Finds where to resume after an error in JSON text: at the next event of the layout, never inside a value.

If each event begins on its own line, indentation decides: nested lines are indented further, so a line at the indentation
of the broken event begins something else. If several events share a line, or nested values are not indented, brackets
decide.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from casbah.base.jsontext import MAX_NESTING
from casbah.base.jsontext.grammar import CLOSING, SCALAR, STRING, TAIL, ScanState, blank, scan
from casbah.ingest.line_reader import Budget

MARK = b"\xef\xbb\xbf"
"""The UTF-8 byte order mark. In concatenated files it may start any line."""

_MAX_INDENT = 100
_FIRST = re.compile(rb"\n(?:" + MARK + rb")?([ \t]*+)(?:\}[ \t]*+,?[ \t]*+)?\{")
_FOLLOWS_INSIDE = re.compile(rb"[ \t\r\n]*+(?:[}:]|,[ \t\r\n]*+" + STRING + rb"[ \t\r\n]*+:)")
_TOKEN = re.compile(rb"[ \t\r\n]++|" + STRING + rb"|\"[^\n]*+|\[++|\]++|[{}:,]|" + SCALAR)
_QUOTED = re.compile(STRING + rb"|\"[^\n]*+")
_OPENINGS = re.compile(rb"(?:[^]}\"]++|" + _QUOTED.pattern + rb")*+")
_CLOSING = bytes.maketrans(b"{[", b"}]")
_NO_OPENING = bytes(set(range(256)) - set(b"{["))
_OBJECT_END, _LIST_END = ord("}"), ord("]")


def next_line(text: bytes, at: int, indent: int) -> int | None:
    """Where a broken event that began at `at`, on a line with this indentation, ends; None if not in this text.

    It ends at the line feed before a line that begins something else, or after its closing bracket on a separate line.
    """
    line = _line_pattern(min(indent, _MAX_INDENT)).search(text, at)
    if line is None:
        return None
    return line.end() if line.group(1) else line.start()


def has_keys_at(text: bytes, start: int, end: int, indent: int) -> bool:
    """Whether keys begin lines at this indentation, so that indentation does not show nesting."""
    return _key_pattern(min(indent, _MAX_INDENT)).search(text, start, end) is not None


def min_indent(text: bytes) -> int | None:
    """The least indentation of a line that begins an object. The first line, possibly truncated, does not count."""
    return min((len(blanks) for blanks in _FIRST.findall(text)), default=None)


@lru_cache(128)
def _line_pattern(indent: int) -> re.Pattern[bytes]:
    starts = rb"[ \t]{0,%d}(?=[^\s\"}\]:,]|\]|,[ \t]*+[{\[])" % indent
    outer = rb"|[ \t]{0,%d}(?=\})" % (indent - 1) if indent else b""
    closes = rb"|[ \t]{%d}(\})" % indent
    return re.compile(rb"\n(?:" + MARK + rb")?(?:" + starts + outer + closes + rb")")


@lru_cache(128)
def _key_pattern(indent: int) -> re.Pattern[bytes]:
    return re.compile(rb"\n[ \t]{0,%d}\"" % indent)


class Layout(NamedTuple):
    """The surroundings of a span: `in_list` if the events are in a list, `head` before the first event, `final` if nothing
    follows the text.
    """

    in_list: bool
    head: bool
    final: bool


def next_event(text: bytes, at: int, end: int, *, missing: bytes, layout: Layout, runs: "Runs") -> int:
    """Where, from `at`, the next event begins or the broken event ends; `end` if neither.

    `missing` holds the closing brackets missing from the broken event at `at`; empty if the text belongs to no event.
    """
    return _Skipping(text, end, missing, layout, runs).run(at)


class _Skipping:
    """Follows the brackets of broken text. An object where no value can be is possibly an event."""

    def __init__(self, text: bytes, end: int, missing: bytes, layout: Layout, runs: "Runs") -> None:
        self._runs = runs
        self._text = text
        self._end = end
        self._missing = bytearray(missing)
        self._lists = missing.count(b"]")
        self._inside = bool(missing)
        self._layout = layout
        self._refuted = 0
        self._undecided = False

    def run(self, at: int) -> int:
        before = b","
        while (at := self._past_openings(at)) < self._end and (token := _TOKEN.match(self._text, at, self._end)):
            at, start, word = token.end(), at, token.group()
            first = word[:1]
            if first == b"{":
                if self._may_begin(before) and self._is_event(start):
                    return self._end if self._undecided else start
                self._missing.append(_OBJECT_END)
            elif first == b"[":
                self._missing += b"]" * len(word)
                self._lists += len(word)
            elif first in b"}]":
                for position in range(start, at):
                    ended = self._close(word[0], position)
                    if ended is not None:
                        return ended
            if not word.isspace():
                before = first
        return self._end

    def _past_openings(self, at: int) -> int:
        """Skip opening brackets in one step where events are impossible because of the depth."""
        openings = _OPENINGS.match(self._text, at, self._end) if len(self._missing) > MAX_NESTING else None
        if openings is None:
            return at
        opened = _QUOTED.sub(b"", openings.group()).translate(_CLOSING, _NO_OPENING)
        self._missing += opened
        self._lists += opened.count(b"]")
        return openings.end()

    def _close(self, bracket: int, at: int) -> int | None:
        """Close what `bracket` closes and everything inside it. Returns the end of the broken text if this ends it."""
        if bracket == _LIST_END and not self._lists:
            return at if self._layout.in_list else None
        # Do not search for the bracket of the broken event itself, so that the cost stays linear.
        objects = len(self._missing) - self._lists
        only_itself = bracket == _OBJECT_END and objects == 1
        kept = 0 if only_itself else max(0, self._missing.rfind(bracket))
        if (
            self._inside
            and not kept
            and len(self._missing) > 1
            and _FOLLOWS_INSIDE.match(self._text, at + 1, self._end)
        ):
            kept = len(self._missing) - 1  # The wrong bracket for the innermost open value.
        self._lists -= self._missing.count(b"]", kept)
        del self._missing[kept:]
        return at + 1 if self._inside and not self._missing else None

    def _may_begin(self, before: bytes) -> bool:
        """Whether an object here may belong to the layout, judging by what precedes it."""
        if self._missing:
            return before != b":" and len(self._missing) <= MAX_NESTING
        return before in b",}" if self._layout.in_list or self._layout.head else before != b":"

    def _is_event(self, start: int) -> bool:
        if start < self._refuted:
            return False
        run = self._runs.at(self._text, start, self._end, self._layout)
        self._refuted = run.end
        self._undecided = run.belongs is None
        return run.belongs is not False


class Run(NamedTuple):
    """Whether consecutive objects belong to the layout (None if more text is needed), and where they end."""

    end: int
    belongs: bool | None


class Runs:
    """A cache of runs of events. A later start within a run has the same end and answer, so that text with garbage after
    every event is visited once, not once per event.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._text = b""
        self._visited = 0
        """The end of the text visited so far."""

        self._followed: list[_Followed] = []
        """Each ends before its predecessor: runs in nested lists come after the runs around them."""

        self._tail: tuple[int, int, bool] | None = None
        """The start and end of the last search for a tail, and whether there was one."""

    def at(self, text: bytes, start: int, end: int, layout: Layout) -> Run:
        """Whether the object at `start` and those after it are events, judging by what follows them.

        Elements of a nested list look like events until the end of that list, where closing brackets follow that the
        layout does not have. Text that could only be visited again beyond the budget belongs to no run.
        """
        if self._text is not text:
            self._text, self._visited, self._followed, self._tail = text, start, [], None
        self._forget(start)
        known = self._followed[-1] if self._followed else None
        if known is not None and known.within == (end, layout) and known.has(text, start):
            return known.run
        if start < self._visited and not self._budget.left():
            return Run(end, belongs=False)
        new = self._follow(text, start, end, layout)
        self._budget.spend(min(new.run.end, self._visited) - start)
        self._visited = max(self._visited, new.run.end)
        self._forget(new.last)
        self._followed.append(new)
        return new.run

    def _forget(self, passed: int) -> None:
        while self._followed and self._followed[-1].last <= passed:
            self._followed.pop()

    def _follow(self, text: bytes, start: int, end: int, layout: Layout) -> "_Followed":
        at, belongs = start, True if layout.final else None
        while at < end:
            first = text[at : at + 1]
            if first == b"]":
                belongs = belongs if (layout.in_list or layout.head) and self._ends(text, at, end) else False
                break
            if first in b"}:":
                belongs = False
                break
            following, broken = _past_item(text, at, end)
            if broken is not None:
                cut = broken is ScanState.OPEN and not layout.final
                return _Followed((end, layout), Run(following, None if cut else at > start), start, start, at)
            at = following
        return _Followed((end, layout), Run(at, belongs), start, start, at)

    def _ends(self, text: bytes, at: int, end: int) -> bool:
        """Whether the text ends after the list that ends at `at`, except for the rest of a wrapper."""
        closing = CLOSING.match(text, at, end)
        at = closing.end() if closing else at
        if self._tail is None or self._tail[:2] != (at, end):
            self._tail = (at, end, TAIL.match(text, at, end) is not None)
        return self._tail[2]


@dataclass(slots=True)
class _Followed:
    """A run followed up to an end in a layout (`within`). The answer holds for starts before `last`."""

    within: tuple[int, Layout]
    run: Run
    start: int
    next: int
    last: int

    def has(self, text: bytes, start: int) -> bool:
        """Whether an item of the run begins at `start`. Call with increasing positions."""
        while self.next <= start:
            self.start = self.next
            self.next, _ = _past_item(text, self.start, self.within[0])
        return self.start == start


def _past_item(text: bytes, at: int, end: int) -> tuple[int, ScanState | None]:
    """Where a run continues after the value or garbage at `at`; if the value is broken, where and how."""
    if text[at : at + 1] in b"{[":
        result = scan(text, at, end)
        if result.state is not ScanState.CLOSED:
            return result.at, result.state
        at = result.at
    else:
        token = _TOKEN.match(text, at, end)
        at = token.end() if token else at + 1
    return min(blank(text, at), end), None
