"""Opens plain files, gzip, zip and UTF-16, detected by their first bytes rather than their names."""

import codecs
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import GzipFile
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_UTF8_MARK = codecs.BOM_UTF8
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 1 << 20
_IN_MEMORY = 1 << 24
_MAX_NESTING = 3

ReadingError = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
)


def message_of(error: BaseException) -> str:
    """The operating system's message, else the error's own."""
    message: str | None = getattr(error, "strerror", None)
    return message or str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one input in bytes: `unpacked` in total, `line` for one line or event.

    Events are read one at a time, so `line` alone bounds memory.
    """

    unpacked: int = 1 << 40
    line: int = 1 << 26


class TooLargeError(OSError):
    """An input unpacks to more than its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"unpacks to more than {limit} bytes")


@dataclass(frozen=True, slots=True)
class InputStream:
    """One text in UTF-8 without a byte order mark; `position()` is the number of underlying bytes read."""

    origin: str
    stream: BinaryIO
    size: int | None
    position: Callable[[], int]


def input_streams(
    stream: BinaryIO, *, origin: str, size: int | None, limits: Limits, nesting: int = 0
) -> Iterator[InputStream]:
    """The texts in `stream`: one, or one per member of an archive. Read each before asking for the next."""
    counted = Counted(stream)
    front = io.BufferedReader(counted, _CHUNK)
    magic = front.peek(4)[:4]
    if magic in (ZIP, _EMPTY_ZIP) and nesting < _MAX_NESTING:
        yield from _members(front, origin=origin, limits=limits, nesting=nesting)
    elif magic.startswith(GZIP) and nesting < _MAX_NESTING:
        bounded = Counted(cast("BinaryIO", GzipFile(fileobj=front)), limit=limits.unpacked)
        for inner in input_streams(
            cast("BinaryIO", bounded), origin=origin, size=None, limits=limits, nesting=nesting + 1
        ):
            outer = inner.origin == origin
            yield InputStream(
                inner.origin,
                inner.stream,
                size if outer else inner.size,
                counted.tell if outer else inner.position,
            )
    else:
        yield InputStream(origin, _text(front), size, counted.tell)


class Counted(io.RawIOBase):
    """A stream that counts the bytes read and raises TooLargeError above a limit."""

    def __init__(self, stream: BinaryIO, *, limit: int | None = None) -> None:
        super().__init__()
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._limit = limit
        self._count = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` from the stream."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed's buffer protocol needs 3.12
        # At most one underlying read, so that an error does not lose the data before it.
        data = self._read(len(view))
        view[: len(data)] = data
        self._count += len(data)
        if self._limit is not None and self._count > self._limit:
            raise TooLargeError(self._limit)
        return len(data)

    def tell(self) -> int:
        """The number of bytes read."""
        return self._count


class _Recoded(io.RawIOBase):
    """Recodes UTF-16 with a byte order mark to UTF-8."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._ready = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill `buffer` from the stream."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # typeshed's buffer protocol needs 3.12
        while not self._ready:
            chunk = self._stream.read(_CHUNK)
            self._ready = self._decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")
            if not chunk:
                break
        data, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(data)] = data
        return len(data)


def _text(front: "io.BufferedReader[Counted]") -> BinaryIO:
    start = front.peek(3)[:3]
    if start == _UTF8_MARK:
        front.read(len(_UTF8_MARK))
    elif start[:2] in _UTF16_MARKS:
        return io.BufferedReader(_Recoded(front), _CHUNK)
    return front


def _members(front: BinaryIO, *, origin: str, limits: Limits, nesting: int) -> Iterator[InputStream]:
    left = limits.unpacked
    with _seekable(front, limits.unpacked) as whole, zipfile.ZipFile(whole) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            name = entry.filename.rpartition("/")[2]
            if entry.is_dir() or name.startswith(".") or entry.filename.startswith("__MACOSX/"):
                continue
            try:
                member = archive.open(entry)
            except ReadingError as error:
                yield _unreadable(f"{origin}!{entry.filename}", error)
                continue
            with member:
                bounded = Counted(cast("BinaryIO", member), limit=left)
                yield from input_streams(
                    cast("BinaryIO", bounded),
                    origin=f"{origin}!{entry.filename}",
                    size=entry.file_size,
                    limits=limits,
                    nesting=nesting + 1,
                )
                left = max(0, left - bounded.tell())


def _unreadable(origin: str, error: Exception) -> InputStream:
    failing = _Failing(error)
    return InputStream(origin, io.BufferedReader(failing), 0, failing.tell)


class _Failing(io.RawIOBase):
    """A member that cannot be opened. Reading it raises the error, so the other members can still be read."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def readable(self) -> bool:
        """Always, so that a read raises the error."""
        return True

    def readinto(self, buffer: object) -> int:
        """Raise the error."""
        del buffer
        raise OSError(str(self._error))

    def tell(self) -> int:
        """Always 0."""
        return 0


@contextmanager
def _seekable(front: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """A seekable copy: an archive's directory is at its end."""
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        size = 0
        while chunk := front.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLargeError(limit)
            copy.write(chunk)
        copy.seek(0)
        yield cast("BinaryIO", copy)
