"""A stream of text taken in chunks: as lines, or through a window that moves over it. A break in reading is
remembered, not lost.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from casbah.ingest.decompress import ReadingError, message_of

_AHEAD, _SHARE = 1 << 18, 16
_CHUNK = 1 << 20
_LEAST_GROWTH = 1 << 16
_SPACE = b" \t\r\n"
TOO_LONG = "the line is longer than a line may be"


class Line(NamedTuple):
    """A line with its line feed. `cut` is how many bytes of a long one are missing at its end: it is not whole then."""

    text: bytes
    cut: int = 0


class LineReader:
    """One text. `head` may be called first; then either `lines` or a Window reads it, once."""

    def __init__(self, stream: BinaryIO, *, most_line: int) -> None:
        self.most_line = most_line
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

    def first_line(self) -> bytes:
        """The first line that is not blank, without the space around it; nothing if the head does not hold all of it."""
        line, end, _ = self.head().lstrip(_SPACE).partition(b"\n")
        return line.strip(_SPACE) if end or self._ended else b""

    def chunk(self) -> bytes:
        """The next bytes, head included; none at the end."""
        head, self._head = self._head, b""
        return head or self._read()

    def lines(self) -> Iterator[Line]:
        """Every line; of one longer than `most_line` perhaps only the beginning, which is longer than that, too."""
        waiting: list[bytes] = []
        size = 0
        while chunk := self.chunk():
            *complete, last = chunk.split(b"\n")
            for part in complete:
                if size > self.most_line:  # What follows is not joined to it: bytes between them may be missing.
                    yield _line(waiting, size + len(part) + 1)
                else:
                    yield Line(b"".join((*waiting, part, b"\n")) if waiting else part + b"\n")
                waiting, size = [], 0
            if last and size <= self.most_line:
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
    """The part of a text that is in memory. `text[at:]` is still to be read, `line` is the line of `at`, `passed` the
    bytes before it.
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
        """Drop what was read, and at least double the rest, so that reading it again each time costs twice the text.

        False at the end of the text.
        """
        if self.ended:
            return False
        parts = [self.text[self.at :]]
        needed = max(_LEAST_GROWTH, len(parts[0]))
        while needed > 0 and (chunk := self._feed.chunk()):
            parts.append(chunk)
            needed -= len(chunk)
        self.ended = len(parts) == 1
        self.text, self.at, self._line_end = b"".join(parts), 0, -1
        return not self.ended

    def breaks_off(self) -> bool:
        """Whether the text ends here because it cannot be read further, so that its last line may not be whole."""
        return self.ended and self._feed.error is not None

    def move(self, to: int) -> None:
        """Read on up to the position `to` of `text`."""
        self.line += self.text.count(b"\n", self.at, to)
        self.passed += to - self.at
        self.at = to

    def line_end(self) -> int:
        """Where the line of `at` ends in `text`, or -1 if that is not in memory."""
        if self._line_end < self.at:
            found = self.text.find(b"\n", self.at)
            self._line_end = len(self.text) if found < 0 else found
        return self._line_end if self._line_end < len(self.text) or self.ended else -1


class Budget:
    """How many bytes may be visited more than once: some, and a share of those that were read. A look ahead in vain uses it
    up, so that no text costs more than a bounded number of visits to each byte.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._spent = 0

    def left(self) -> int:
        """What may still be spent."""
        return max(0, _AHEAD + self._window.passed // _SHARE - self._spent)

    def spend(self, size: int) -> None:
        """Count bytes that were visited in vain; none if `size` is negative."""
        self._spent += max(0, size)
