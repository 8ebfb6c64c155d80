"""Reads a text stream in chunks, as lines or through a moving window. A read error is kept, not raised."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from casbah.ingest.decompress import ReadingError, message_of

_AHEAD, _SHARE = 1 << 18, 16
_CHUNK = 1 << 20
_MIN_GROWTH = 1 << 16
_MAX_SKIPPED = 64
_SPACE = b" \t\r\n"
TOO_LONG = "the line is too long (CASBAH_MAX_EVENT)"


class Line(NamedTuple):
    """A line with its line feed. `cut` is the number of bytes missing at the end of a truncated one."""

    text: bytes
    cut: int = 0


class LineReader:
    """One text. `head` may be called first; then either `lines` or a Window reads the text, once."""

    def __init__(self, stream: BinaryIO, *, max_line: int) -> None:
        self.max_line = max_line
        self.error: str | None = None
        self._stream = stream
        self._head = b""
        self._ended = False

    def head(self) -> bytes:
        """The beginning of the text: one chunk, or all of it if it is shorter."""
        parts, size = [self._head], len(self._head)
        while size < _CHUNK and (chunk := self._read()):
            parts.append(chunk)
            size += len(chunk)
        self._head = b"".join(parts)
        return self._head

    def first_line(self, skip: Callable[[bytes], bool]) -> bytes:
        """The first line that is not blank and not to be skipped, stripped; empty if the head does not hold all of it."""
        line, end, _ = self.from_first_line(skip).partition(b"\n")
        return line.strip(_SPACE) if end or self._ended else b""

    def from_first_line(self, skip: Callable[[bytes], bool]) -> bytes:
        """The head from that line on."""
        text = self.head().lstrip(_SPACE)
        while skip(text[:_MAX_SKIPPED]) and (end := text.find(b"\n")) >= 0:
            text = text[end:].lstrip(_SPACE)
        return text

    def chunk(self) -> bytes:
        """The next bytes, head included; empty at the end."""
        head, self._head = self._head, b""
        return head or self._read()

    def lines(self) -> Iterator[Line]:
        """Every line. One longer than `max_line` may be truncated, but not below that length."""
        waiting: list[bytes] = []
        size = 0
        while chunk := self.chunk():
            *complete, last = chunk.split(b"\n")
            for part in complete:
                if size > self.max_line:  # Do not join the part: bytes before it may be missing.
                    yield _line(waiting, size + len(part) + 1)
                else:
                    yield Line(b"".join((*waiting, part, b"\n")) if waiting else part + b"\n")
                waiting, size = [], 0
            if last and size <= self.max_line:
                waiting.append(last)
            size += len(last)
        if waiting:
            yield _line(waiting, size)

    def _read(self) -> bytes:
        if self._ended:
            return b""
        try:
            chunk: bytes = self._stream.read1(_CHUNK)  # type: ignore[attr-defined]  # every buffered stream has it
        except ReadingError as error:
            self.error = message_of(error)
            chunk = b""
        self._ended = not chunk
        return chunk


def _line(parts: list[bytes], size: int) -> Line:
    text = b"".join(parts)
    return Line(text, size - len(text))


class Window:
    """The part of a text in memory. `text[at:]` is unread, `line` is the line number of `at`, `passed` the number of bytes
    before it.
    """

    def __init__(self, feed: LineReader) -> None:
        self.text = feed.head()
        self.at = 0
        self.line = 1
        self.passed = 0
        self.ended = False
        self._feed = feed
        self._line_end = -1
        feed.chunk()

    def more(self) -> bool:
        """Drop what was read and at least double the rest, so that rereading it each time costs at most twice the text.

        False at the end of the text.
        """
        if self.ended:
            return False
        parts = [self.text[self.at :]]
        needed = max(_MIN_GROWTH, len(parts[0]))
        while needed > 0 and (chunk := self._feed.chunk()):
            parts.append(chunk)
            needed -= len(chunk)
        self.ended = len(parts) == 1
        self.text, self.at, self._line_end = b"".join(parts), 0, -1
        return not self.ended

    def breaks_off(self) -> bool:
        """Whether the text ends here because of a read error, so that its last line may be incomplete."""
        return self.ended and self._feed.error is not None

    def move(self, to: int) -> None:
        """Advance to the position `to` in `text`."""
        self.line += self.text.count(b"\n", self.at, to)
        self.passed += to - self.at
        self.at = to

    def line_end(self) -> int:
        """Where the line of `at` ends in `text`, or -1 if that is not in memory."""
        if self._line_end < self.at:
            end = self.text.find(b"\n", self.at)
            self._line_end = len(self.text) if end < 0 else end
        return self._line_end if self._line_end < len(self.text) or self.ended else -1


class Budget:
    """How many bytes may be visited again: a constant, plus a share of the bytes read. Failed lookahead spends it, so that
    the number of visits per byte is bounded for every text.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._spent = 0

    def left(self) -> int:
        """The bytes that may still be spent."""
        return max(0, _AHEAD + self._window.passed // _SHARE - self._spent)

    def spend(self, size: int) -> None:
        """Spend `size` bytes; a negative size counts as 0."""
        self._spent += max(0, size)
