"""Opens plain files, gzip, Zstandard, zip, tar, Avro and UTF-16, detected by their first bytes rather than their names."""

import codecs
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from casbah.base import gzip, zstd
from casbah.base.chunk_stream import ChunkStream
from casbah.base.compressed import TooLargeError, intact
from casbah.ingest import avro
from casbah.ingest.archives import ArchivedFile, tar_entries, zip_entries
from casbah.ingest.counted import Counted, seekable

_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_TAR, _TAR_AT = b"ustar", 257
HEAD = _TAR_AT + len(_TAR)
"""Bytes that show whether an input is packed."""

_UTF8_MARK = codecs.BOM_UTF8
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF16_SAMPLE = 8
_CHUNK = 1 << 20
_MAX_NESTING = 5

ReadingError = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
)


def message_of(error: BaseException) -> str:
    """The operating system's message, else the error's own in plain words."""
    message: str | None = getattr(error, "strerror", None)
    own = str(error)
    named = "it is cut off before its end" if isinstance(error, EOFError) else type(error).__name__
    return message or next((text for part, text in _MESSAGES if part in own), own) or named


_MESSAGES = (
    ("File is not a zip file", "the zip archive is cut off or damaged: its list of files is missing"),
    ("is encrypted, password required", "it is encrypted; decrypt it first"),
    ("while decompressing data", "the compressed data is damaged"),
    ("Bad CRC-32 for file", "the compressed data is damaged"),
)
"""What to say where a message of the standard library misleads, by a part of that."""


@dataclass(frozen=True, slots=True)
class InputLimits:
    """Limits of one input in bytes: `unpacked` in total, `line` for one line or event.

    Events are read one at a time, so `line` alone bounds memory.
    """

    unpacked: int = 1 << 40
    line: int = 1 << 26


@dataclass(frozen=True, slots=True)
class InputStream:
    """One text in UTF-8 without a byte order mark. `skipped` is why it has nothing to read, if that is not an error."""

    origin: str
    stream: BinaryIO
    skipped: str = ""


def input_streams(stream: Counted, *, origin: str, limits: InputLimits, nesting: int = 0) -> Iterator[InputStream]:
    """The texts in `stream`: one, or one per member of an archive. Read each before asking for the next."""
    front = io.BufferedReader(stream, _CHUNK)
    start = front.peek(HEAD)
    magic = _magic(start) if nesting < _MAX_NESTING else b""
    unread = next((reason for beginning, reason in _UNREAD if start.startswith(beginning)), "")
    if unread:
        yield _unreadable(origin, OSError(unread))
    elif magic in _ARCHIVES:
        yield from _members(_ARCHIVES[magic](front, limits.unpacked), origin=origin, limits=limits, nesting=nesting)
    elif magic in _CODINGS:
        content = ChunkStream.buffered(_CODINGS[magic](front, limits.unpacked))
        bounded = Counted(content, limit=limits.unpacked)
        yield from input_streams(bounded, origin=origin, limits=limits, nesting=nesting + 1)
    else:
        yield InputStream(origin, _text(front))


def is_packed(start: bytes) -> bool:
    """Whether a text with this start, of HEAD bytes, is compressed or an archive."""
    return _magic(start) != b""


def _magic(start: bytes) -> bytes:
    """The magic bytes of the format of an input; empty if it is not packed."""
    if start[_TAR_AT:].startswith(_TAR):
        return _TAR
    return next((magic for magic in (*_CODINGS, _ZIP, _EMPTY_ZIP) if start.startswith(magic)), b"")


def _recoded(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8. The encoding `utf-16` has a byte order mark. Half a pair of surrogates becomes invalid UTF-8, so that it
    spoils one event, not the rest of the text.
    """
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    while chunk := stream.read(_CHUNK):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _text(front: "io.BufferedReader[Counted]") -> BinaryIO:
    start = front.peek(_UTF16_SAMPLE)[:_UTF16_SAMPLE]
    if start.startswith(_UTF8_MARK):
        front.read(len(_UTF8_MARK))
    elif encoding := _utf16_of(start):
        return ChunkStream.buffered(_recoded(front, encoding))
    return front


def _utf16_of(start: bytes) -> str:
    """The encoding of UTF-16 with a byte order mark, or without one if it begins with ASCII; "" for other text."""
    if start.startswith(_UTF16_MARKS):
        return "utf-16"
    zeros = b"\0" * (_UTF16_SAMPLE // 2)
    return next(
        (
            name
            for name, at in (("utf-16-le", 0), ("utf-16-be", 1))
            if start[1 - at :: 2] == zeros and all(start[at::2])
        ),
        "",
    )


def _members(
    entries: Iterator[ArchivedFile], *, origin: str, limits: InputLimits, nesting: int
) -> Iterator[InputStream]:
    left = limits.unpacked
    empty = True
    for entry in entries:
        empty = False
        place = f"{origin}!{entry.name}"
        try:
            with entry.open() as member:
                bounded = Counted(cast("BinaryIO", member), limit=left)
                yield from input_streams(bounded, origin=place, limits=limits, nesting=nesting + 1)
                left = max(0, left - bounded.tell())
        except ReadingError as error:
            yield _unreadable(place, error)
    if empty:
        yield InputStream(origin, io.BytesIO(), "no files in this archive; hidden ones are not read")


def _checked(decompressed: Callable[[BinaryIO], Iterator[bytes]], front: BinaryIO, limit: int) -> Iterator[bytes]:
    """The content that can be relied on, then the error that follows it. It is decompressed twice: checksums come last."""
    with seekable(front, limit) as packed:
        start = packed.tell()
        left, error = intact(decompressed(packed), limit=limit)
        if left > limit:
            raise TooLargeError(limit)
        packed.seek(start)
        for chunk in decompressed(packed) if left else ():
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                break
        if error is not None:
            raise error


_ARCHIVES: Mapping[bytes, Callable[[BinaryIO, int], Iterator[ArchivedFile]]] = {
    _ZIP: zip_entries,
    _EMPTY_ZIP: zip_entries,
    _TAR: tar_entries,
}
_CODINGS: Mapping[bytes, Callable[[BinaryIO, int], Iterator[bytes]]] = {
    gzip.MAGIC: partial(_checked, gzip.chunks),
    avro.MAGIC: lambda front, _limit: avro.lines(front),  # It has no checksums.
    zstd.MAGIC: partial(_checked, zstd.chunks),
}
"""How to open a format, by its magic bytes."""

_BZIP2 = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
_UNREAD: Sequence[tuple[bytes | tuple[bytes, ...], str]] = (
    (_BZIP2, "it is compressed with bzip2, which is not read; decompress it first, for instance with bunzip2"),
    (b"\xfd7zXZ\0", "it is compressed with xz, which is not read; decompress it first, for instance with unxz"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive, which is not read; extract it first"),
    (b"Rar!\x1a\x07", "it is a RAR archive, which is not read; extract it first"),
    (b"PAR1", "it is a Parquet file, which is not read; export the events as JSON"),
    (bytes(HEAD), "it begins with zeros, like an empty tar archive, or a file whose content was lost in a crash"),
)
"""Formats that are not read, by their magic bytes, and what to do."""


def _unreadable(origin: str, error: Exception) -> InputStream:
    return InputStream(origin, io.BufferedReader(_Failing(error)))


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
        raise OSError(message_of(self._error))
