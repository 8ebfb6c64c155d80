"""Opens plain files, gzip, Zstandard, zip, tar, Avro and UTF-16, detected by their first bytes rather than their names."""

import codecs
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, NamedTuple, Self, cast

from casbah.base import gzip, zstd
from casbah.base.chunk_stream import ChunkStream
from casbah.base.compressed import intact
from casbah.ingest import avro

_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_TAR, _TAR_AT = b"ustar", 257
HEAD = _TAR_AT + len(_TAR)
"""Bytes that show whether an input is packed."""

_UTF8_MARK = codecs.BOM_UTF8
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF16_SAMPLE = 8
_CHUNK = 1 << 20
_IN_MEMORY = 1 << 24
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
    return message or next((text for part, text in _MESSAGES if part in own), own) or type(error).__name__


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


class TooLargeError(OSError):
    """An input unpacks to more than its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"unpacks to more than {limit} bytes")


@dataclass(frozen=True, slots=True)
class InputStream:
    """One text in UTF-8 without a byte order mark. `skipped` is why it has nothing to read, if that is not an error."""

    origin: str
    stream: BinaryIO
    skipped: str = ""


def input_streams(stream: "Counted", *, origin: str, limits: InputLimits, nesting: int = 0) -> Iterator[InputStream]:
    """The texts in `stream`: one, or one per member of an archive. Read each before asking for the next."""
    front = io.BufferedReader(stream, _CHUNK)
    start = front.peek(HEAD)
    magic = _magic(start) if nesting < _MAX_NESTING else b""
    unread = next((reason for beginning, reason in _UNREAD if start.startswith(beginning)), "")
    if unread:
        yield _unreadable(origin, OSError(unread))
    elif magic in _ARCHIVES:
        yield from _members(_ARCHIVES[magic](front, limits), origin=origin, limits=limits, nesting=nesting)
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


class Counted(io.RawIOBase):
    """A stream that counts the bytes read and raises TooLargeError above a limit. Its beginning is where `stream` is now."""

    def __init__(self, stream: BinaryIO, *, limit: int | None = None) -> None:
        super().__init__()
        self._stream = stream
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._start = stream.tell() if self.seekable() else 0
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

    def seekable(self) -> bool:
        """Whether it can be read again. A file in a zip archive is decompressed from its beginning for each step back."""
        return self._stream.seekable() and not isinstance(self._stream, zipfile.ZipExtFile)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Continue at another position."""
        self._count = self._stream.seek(offset + (self._start if whence == io.SEEK_SET else 0), whence) - self._start
        return self._count

    def tell(self) -> int:
        """The number of bytes read, up to the position."""
        return self._count


def _recoded(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8. The encoding `utf-16` has a byte order mark."""
    decoder = codecs.getincrementaldecoder(encoding)()
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


class _Entry(NamedTuple):
    """A file in an archive: its name, and how to open it."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def _members(entries: Iterator[_Entry], *, origin: str, limits: InputLimits, nesting: int) -> Iterator[InputStream]:
    left = limits.unpacked
    empty = True
    for entry in entries:
        if entry.name.rpartition("/")[2].startswith(".") or entry.name.startswith("__MACOSX/"):
            continue
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


def _zip_entries(front: BinaryIO, limits: InputLimits) -> Iterator[_Entry]:
    with _seekable(front, limits.unpacked) as whole, zipfile.ZipFile(whole) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            if not entry.is_dir():
                yield _Entry(entry.filename, partial(_opened_in_zip, archive, entry, limits))


def _opened_in_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: InputLimits) -> IO[bytes]:
    """The content of a file, once all of it matches its checksum."""
    if entry.file_size > limits.unpacked:
        raise TooLargeError(limits.unpacked)
    with archive.open(entry) as member:
        while member.read(_CHUNK):
            pass
    return archive.open(entry)


def _tar_entries(front: BinaryIO, _limits: InputLimits) -> Iterator[_Entry]:
    """The regular files of a tar archive, in its order, as it is read. Links are names of files that it has as well."""
    with tarfile.open(fileobj=front, mode="r|", tarinfo=_TarHeader) as archive:
        while (entry := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # Else it remembers every header that it has read.
            if entry.isfile():
                yield _Entry(entry.name, partial(_opened_in_tar, archive, entry))


def _opened_in_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    """The content of a file. `tarfile` itself raises if any of what is asked for is missing, and drops what there is."""
    stream = archive.fileobj
    if entry.issparse():
        opened = archive.extractfile(entry)
        if opened is None:
            raise tarfile.ReadError("not a regular file")
        return opened
    stream.seek(entry.offset_data)
    return ChunkStream.buffered(_of_tar(cast("BinaryIO", stream), entry.size))


def _of_tar(stream: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        chunk = stream.read(min(size, _CHUNK))
        if not chunk:
            raise tarfile.ReadError("unexpected end of data")
        size -= len(chunk)
        yield chunk


class _TarHeader(tarfile.TarInfo):
    """A header. `tarfile` takes a damaged or missing one for the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header. Raises tarfile.ReadError."""
        try:
            return super().fromtarfile(archive)
        except (
            tarfile.EmptyHeaderError,  # type: ignore[attr-defined]
            tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
            tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
        ) as error:
            raise tarfile.ReadError(f"the archive is damaged or cut off: {error}") from None


def _checked(decompressed: Callable[[BinaryIO], Iterator[bytes]], front: BinaryIO, limit: int) -> Iterator[bytes]:
    """The content that can be relied on, then the error that follows it. It is decompressed twice: checksums come last."""
    with _seekable(front, limit) as packed:
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


_ARCHIVES: Mapping[bytes, Callable[[BinaryIO, InputLimits], Iterator[_Entry]]] = {
    _ZIP: _zip_entries,
    _EMPTY_ZIP: _zip_entries,
    _TAR: _tar_entries,
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
        raise OSError(str(self._error))


@contextmanager
def _seekable(front: BinaryIO, limit: int) -> Iterator[BinaryIO]:
    """The stream itself, or a copy of it: the directory of an archive and checksums are at the end."""
    if front.seekable():
        yield front
        return
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        size = 0
        while chunk := front.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLargeError(limit)
            copy.write(chunk)
        copy.seek(0)
        yield cast("BinaryIO", copy)
