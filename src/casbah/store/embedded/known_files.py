"""The files in which a tenant keeps the filter of its known terms. They are derived from the index and can be deleted.

known.bloom   the filter, as it was when it was last saved
known.log     the terms that were added since

Each begins with its version and that of the store, and has checksums. The filter has the largest sequence number of which all
terms are in it; so has every entry of the log, which is written before the activities are committed. The log names the filter
it continues by that filter's checksum. Whatever does not fit is ignored, and what is missing is read from the index.
"""

import errno
import json
import logging
import os
import zlib
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path
from struct import Struct

from casbah.base.fsync import write_file, write_pieces
from casbah.store.embedded.bloom import HASH_BYTES, GrowingBloom, loaded
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.format import FORMAT

FILTER, LOG = "known.bloom", "known.log"

MAX_LOG = 16 << 20
"""The filter is saved when its log has this many bytes, which a start reads in about a second."""

_MAX_UNSYNCED = 10_000
"""Small entries are not synced, as a sync would double the cost of their commit. A power failure may lose them; then the few
partitions they belong to are read from the index. A process that is killed loses nothing."""

_MAGIC = f"casbah known terms 1, store {FORMAT}\n".encode()
_CHECKSUM_BYTES = 32
_NONE = bytes(_CHECKSUM_BYTES)
"""What a log continues that began with an empty filter."""

_ENTRY = Struct("<QI")
"""Of a log entry: the sequence number, the number of hashes. The hashes and a CRC-32 of all of it follow."""

_CRC = Struct("<I")
_log = logging.getLogger(__name__)


class KnownFiles:
    """The files of a filter. A failure is logged and costs time at the next start, never an answer."""

    def __init__(self, folder: Path) -> None:
        self._filter_file, self._log_file = folder / FILTER, folder / LOG
        self._head = b""
        """What the log begins with."""

        self._end: int | None = None
        """Where the next entry goes, 0 in a new log; None while the log must not be continued, because it lacks terms."""

        self.logged = 0
        """The bytes of the entries since the filter was saved, also of those that could not be written."""

        self._unsynced = 0

    def load(self) -> tuple[GrowingBloom, int]:
        """The filter on disk, and the sequence number up to which it is complete. Empty and 0 if there is no valid one.

        Raises UnwritableError if the files can be neither read nor removed.
        """
        try:
            bloom, last, checksum = self._loaded()
            return bloom, max(last, self._replay(bloom, checksum))
        except OSError as error:
            _log.warning("%s cannot be read, so the index is read instead: %s", self._filter_file, error)
            self._end = None
            with translate_io_errors():  # Sequence numbers that are in them may be assigned again.
                self._log_file.unlink(missing_ok=True)
                self._filter_file.unlink(missing_ok=True)
            return GrowingBloom(), 0

    def append(self, terms: Collection[int], last: int) -> None:
        """Log the hashes of terms. Every term up to that sequence number must have been logged or saved."""
        hashes = b"".join(term.to_bytes(HASH_BYTES, "little", signed=True) for term in terms)
        entry = _ENTRY.pack(last, len(terms)) + hashes
        entry += _CRC.pack(zlib.crc32(entry))
        self.logged += len(entry)
        if self._end is None:
            return
        try:
            self._write(entry, len(terms), at=self._end)
        except OSError as error:
            self._give_up(error)

    def save(self, bloom: GrowingBloom, last: int) -> None:
        """Write the filter, complete up to that sequence number, and begin a new log."""
        self.logged = 0
        filters = [part.save_bytes() for part in bloom.filters]
        numbers = {"last": last, "count": bloom.count, "room": bloom.room, "sizes": list(map(len, filters))}
        head = json.dumps(numbers).encode() + b"\n"
        checksum = sha256(head)
        for content in filters:
            checksum.update(content)
        try:
            write_pieces(self._filter_file, [_MAGIC, checksum.digest(), head, *filters])
        except OSError as error:
            self._give_up(error)
        else:
            self._begin(checksum.digest())

    def stop(self) -> None:
        """Log nothing before the next `save`: the filter in memory is no longer that on disk with more terms."""
        self._end = None

    def _loaded(self) -> tuple[GrowingBloom, int, bytes]:
        """The saved filter, its sequence number, its checksum; an empty one, 0 and zeros if there is no valid one."""
        content = self._filter_file.read_bytes() if self._filter_file.exists() else b""
        checksum, body = content[len(_MAGIC) :][:_CHECKSUM_BYTES], memoryview(content)[len(_MAGIC) + _CHECKSUM_BYTES :]
        if not content.startswith(_MAGIC) or sha256(body).digest() != checksum:
            if content:
                _log.warning("%s is damaged or of another version, so the index is read instead", self._filter_file)
            return GrowingBloom(), 0, _NONE
        start = content.index(b"\n", len(_MAGIC) + _CHECKSUM_BYTES) + 1
        head = json.loads(content[len(_MAGIC) + _CHECKSUM_BYTES : start])
        filters = []
        for size in head["sizes"]:
            filters.append(loaded(content[start : start + size]))
            start += size
        return GrowingBloom(filters, room=head["room"], count=head["count"]), head["last"], checksum

    def _replay(self, bloom: GrowingBloom, checksum: bytes) -> int:
        """Add the terms in the log. Returns the largest sequence number in it; 0 if it is empty or of another filter."""
        content = self._log_file.read_bytes() if self._log_file.exists() else b""
        self._begin(checksum)
        last, end = 0, len(self._head)
        if not content.startswith(self._head):
            return 0
        for entry_last, terms, entry_end in _entries(content, end):
            bloom.update(terms)
            last, end = entry_last, entry_end
        self._end, self.logged = end, end
        if end < len(content):  # The process was killed while it wrote, or the power failed.
            with self._log_file.open("r+b") as file:
                file.truncate(end)
                os.fsync(file.fileno())
        return last

    def _begin(self, checksum: bytes) -> None:
        """Have the next entry begin a new log."""
        self._head, self._end, self._unsynced = _MAGIC + checksum, 0, 0

    def _write(self, entry: bytes, terms: int, *, at: int) -> None:
        if not at:
            write_file(self._log_file, self._head + entry)
            self._end = len(self._head) + len(entry)
            return
        with self._log_file.open("r+b", buffering=0) as file:
            file.seek(at)
            if file.write(entry) != len(entry):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._unsynced += terms
            if self._unsynced >= _MAX_UNSYNCED:
                os.fdatasync(file.fileno())
                self._unsynced = 0
        self._end = at + len(entry)

    def _give_up(self, error: OSError) -> None:
        self._end = None
        _log.warning("the next start reads more of the index: %s cannot be written: %s", self._log_file, error)


def _entries(content: bytes, at: int) -> Iterator[tuple[int, list[int], int]]:
    """The entries of a log up to the first damaged one: the sequence number, the hashes, the end of the entry."""
    while at + _ENTRY.size <= len(content):
        last, count = _ENTRY.unpack_from(content, at)
        start, end = at + _ENTRY.size, at + _ENTRY.size + count * HASH_BYTES
        if content[end : end + _CRC.size] != _CRC.pack(zlib.crc32(content[at:end])):
            return
        hashes = content[start:end]
        terms = [
            int.from_bytes(hashes[place : place + HASH_BYTES], "little", signed=True)
            for place in range(0, len(hashes), HASH_BYTES)
        ]
        at = end + _CRC.size
        yield last, terms, at
