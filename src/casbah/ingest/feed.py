"""A stream of text taken in chunks: looked at first, then read as lines or whole. A break in reading is
remembered, not lost.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from casbah.ingest.opening import ReadingError, said

_CHUNK = 1 << 20
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Line:
    """A line without the space around it; `whole` is false if it was cut because it is too long."""

    number: int
    text: bytes
    whole: bool = True


class Feed:
    """One text. `sample` may be called first; then one of `lines`, `raw_lines` and `rest`, once."""

    def __init__(self, stream: BinaryIO, *, most_line: int) -> None:
        self.most_line = most_line
        self.error: str | None = None
        self._stream = stream
        self._head = b""
        self._ended = False

    def sample(self, most: int) -> list[Line]:
        """The first lines that are not blank, as far as one chunk goes; the last may be cut short by that."""
        while len(self._head) < _CHUNK and not self._ended:
            self._head += self._chunk()
        parts = self._head.split(b"\n")
        last = 0 if self._ended else len(parts)
        lines = (Line(number, part.strip(_SPACE), number != last) for number, part in enumerate(parts, 1))
        return [line for line in lines if line.text][:most]

    def lines(self) -> Iterator[Line]:
        """Every line that is not blank."""
        for number, part in enumerate(self.raw_lines(), 1):
            text = part.strip(_SPACE)
            if text:
                yield Line(number, text, len(part) <= self.most_line)

    def raw_lines(self) -> Iterator[bytes]:
        """Every line with its line feed; of one longer than `most_line`, little more than that."""
        waiting: list[bytes] = []
        size = 0
        chunk = self._head or self._chunk()
        self._head = b""
        while chunk:
            *complete, last = chunk.split(b"\n")
            for part in complete:
                yield b"".join((*waiting, part, b"\n")) if waiting else part + b"\n"
                waiting, size = [], 0
            if last and size <= self.most_line:
                waiting.append(last)
            size += len(last)
            chunk = self._chunk()
        if waiting:
            yield b"".join(waiting)

    def rest(self, most: int) -> bytes | None:
        """Everything, or None if it is more than `most` bytes."""
        parts = [self._head]
        size = len(self._head)
        while size <= most and (chunk := self._chunk()):
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts) if size <= most else None

    def _chunk(self) -> bytes:
        if self._ended:
            return b""
        try:
            chunk: bytes = self._stream.read1(_CHUNK)  # type: ignore[attr-defined]  # every buffered stream has it
        except ReadingError as error:
            self.error = said(error)
            chunk = b""
        self._ended = not chunk
        return chunk
