"""The files in zip and tar archives, whole or damaged. Hidden files are left out."""

import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import IO, BinaryIO, NamedTuple, Self, cast

from casbah.base.chunk_stream import ChunkStream
from casbah.base.compressed import TooLargeError
from casbah.ingest.counted import seekable

_CHUNK = 1 << 20


class ArchivedFile(NamedTuple):
    """A file in an archive: its name, and how to open it."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


@contextmanager
def _as_damaged() -> Iterator[None]:
    """Other errors of the standard library, as `zipfile` and `tarfile` raise them for damaged archives."""
    try:
        yield
    except (ValueError, OverflowError, MemoryError, struct.error, lzma.LZMAError) as error:
        raise OSError(f"the archive is damaged: {str(error) or type(error).__name__}") from None


def _is_hidden(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".") or name.startswith("__MACOSX/")


def zip_entries(front: BinaryIO, limit: int) -> Iterator[ArchivedFile]:
    """The files of a zip archive, by name. Raises what `zipfile` raises, and OSError."""
    with seekable(front, limit) as whole, _as_damaged(), zipfile.ZipFile(whole) as archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            left_out = entry.is_dir() or _is_hidden(entry.filename)
            if not (left_out and _has_its_name(archive, entry)):
                yield ArchivedFile(entry.filename, partial(_opened_in_zip, archive, entry, limit))
        if not _is_complete(archive, whole):
            raise OSError(
                "the zip archive is damaged, or data was appended to it: its list of files does not fit the rest, so files "
                "may be missing; copy or download it again"
            )


def _is_complete(archive: zipfile.ZipFile, whole: BinaryIO) -> bool:
    """Whether the list of files begins with the archive, ends with it, and has as many entries as its last record says.

    `zipfile` also takes the last archive inside one that is cut off, and drops entries that damage makes part of a comment.
    """
    size = whole.seek(0, io.SEEK_END)
    whole.seek(max(0, size - _LAST.size - _MAX_COMMENT))
    end = whole.read()
    at = end.rfind(_LAST_MAGIC)
    if at < 0:  # It has changed since it was opened.
        return False
    *_, count, _, _, comment = _LAST.unpack_from(end, at)
    entries = archive.infolist()
    return (
        at + _LAST.size + comment == len(end)
        and (count == _IN_ZIP64 or (count - len(entries)) % (_IN_ZIP64 + 1) == 0)
        and (not entries or min(entry.header_offset for entry in entries) == 0)
    )


_LAST, _LAST_MAGIC = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
_IN_ZIP64 = _MAX_COMMENT = 0xFFFF


def _has_its_name(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether an entry has the name of the list of files: damage to the list could hide a file."""
    try:
        archive.open(entry).close()
    except (
        RuntimeError,
        NotImplementedError,
    ):  # It is encrypted, or compressed in another way; names are compared before.
        return True
    except (OSError, ValueError, zipfile.BadZipFile):
        return False
    return True


def _opened_in_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> IO[bytes]:
    """The content of a file, once all of it matches its checksum."""
    if entry.file_size > limit:
        raise TooLargeError(limit)
    with _as_damaged(), archive.open(entry) as member:
        while member.read(_CHUNK):
            pass
    return archive.open(entry)


def tar_entries(front: BinaryIO, _limit: int) -> Iterator[ArchivedFile]:
    """The regular files of a tar archive, in its order, as it is read. Links are names of files that it has as well.

    Reading continues after damage with the next file that can be found. Raises tarfile.ReadError at the end, and OSError.
    """
    with _as_damaged(), _Tar.open(fileobj=front, mode="r|", ignore_zeros=True) as archive:
        while (entry := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # Else it remembers every header that it has read.
            if entry.isfile() and not _is_hidden(entry.name):
                yield ArchivedFile(entry.name, partial(_opened_in_tar, archive, entry))
        if archive.damaged_at is not None:
            raise tarfile.ReadError(
                f"the archive is damaged: at byte {archive.damaged_at:,} no file begins, so files may be missing; "
                "copy or download it again"
            )


def _opened_in_tar(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    """The content of a file. `tarfile` itself raises if any of what is asked for is missing, and drops what there is."""
    stream = archive.fileobj
    if entry.issparse():
        opened = archive.extractfile(entry)
        if opened is None:
            raise tarfile.ReadError("not a regular file")
        return ChunkStream.buffered(iter(partial(opened.read, _CHUNK), b""))
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
    """A header. `tarfile` takes a damaged or missing one for the end of the archive; here it is damage."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """The header in a block. Raises tarfile.HeaderError, also for one that would take much memory."""
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.size > _MAX_HEADER and header.type in _EXTENDED):
            raise tarfile.InvalidHeaderError("invalid size")  # type: ignore[attr-defined]
        return header

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """Read the next header. Raises tarfile.HeaderError if `tarfile` is to look for another one; tarfile.ReadError."""
        tar = cast("_Tar", archive)
        at = tar.fileobj.tell()
        try:
            header = super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # A block of zeros.
            tar.zeros_at = at if tar.zeros_at is None else tar.zeros_at
            raise
        except (tarfile.InvalidHeaderError, tarfile.SubsequentHeaderError) as error:  # type: ignore[attr-defined]
            tar.note_damage(at if tar.zeros_at is None else tar.zeros_at)
            raise tarfile.InvalidHeaderError(str(error)) from None  # type: ignore[attr-defined]
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            if tar.zeros_at is None:
                raise tarfile.ReadError(f"the archive is damaged or cut off: {error}") from None
            if at - tar.zeros_at > _MAX_ZEROS:
                tar.note_damage(tar.zeros_at)
            raise
        if tar.zeros_at is not None:
            tar.note_damage(tar.zeros_at)
            tar.zeros_at = None
        return header


class _Tar(tarfile.TarFile):
    tarinfo = _TarHeader
    zeros_at: int | None = None
    """Where the zeros begin that were read last: they mark the end, unless files follow."""

    damaged_at: int | None = None
    """The first place where a file should begin and does not."""

    def note_damage(self, at: int) -> None:
        """No file begins where one should."""
        self.damaged_at = at if self.damaged_at is None else min(at, self.damaged_at)


_MAX_ZEROS = 1 << 20
"""Zeros at the end: programs fill up the last 10 KiB, some of them more. A crash can leave many in place of files."""

_MAX_HEADER = 1 << 20
_EXTENDED = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
