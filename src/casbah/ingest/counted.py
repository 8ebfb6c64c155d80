"""Streams that count what is read of them, and can be read again."""

import errno
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile, gettempdir
from typing import BinaryIO, cast

from casbah.base.compressed import TooLargeError

_CHUNK = 1 << 20
_IN_MEMORY = 1 << 24
_SPARE, _SPARE_SHARE = 1 << 30, 16
"""Bytes that a copy leaves free on its disk, at most that share of all."""


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


@contextmanager
def seekable(front: BinaryIO, limit: int) -> Iterator[BinaryIO]:
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
            _write(chunk, copy)
        copy.seek(0)
        yield cast("BinaryIO", copy)


def _write(chunk: bytes, copy: "SpooledTemporaryFile[bytes]") -> None:
    """Write to a temporary copy. Raises OSError before the disk is full, since a store may be on it."""
    try:
        if copy.tell() + len(chunk) > _IN_MEMORY:
            _require_room(len(chunk))
        copy.write(chunk)
    except OSError as error:
        raise OSError(
            f"it must be copied to a temporary file, to be checked; after {copy.tell():,} bytes: {error.strerror or error}; "
            "name a folder with more room in TMPDIR, or unpack it first"
        ) from None


def _require_room(size: int) -> None:
    disk = shutil.disk_usage(gettempdir())
    if disk.free - size < min(_SPARE, disk.total // _SPARE_SHARE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
