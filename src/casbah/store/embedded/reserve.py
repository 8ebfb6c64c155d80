"""Disk space reserved for starts and deletions, so that a full disk can be read and freed."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from casbah.base.failure import is_disk_error, is_full
from casbah.errors import UnwritableError
from casbah.store.embedded.partitions import PERIODS

FILE = "reserve"
_MIN_ROOM, _PER_PARTITION = 1 << 20, 1 << 18
"""Bytes for any deletion, and for the commit in each partition it may touch."""

_STEP, _PROBE = 1 << 18, 1 << 16
_SECONDS = 10.0
"""How often to try to refill the reserve. Once released it stays free this long: for the deletion's entry in the trail, or for
the databases that are opened at a start."""

Answer = TypeVar("Answer")


class Reserve:
    """A file in the store's folder that occupies the reserved space. Thread-safe.

    `settle` waits until no merge is under way, which would take what is released, and give it back only when it ends.
    """

    def __init__(self, folder: Path, *, tenants: Path, settle: Callable[[], None]) -> None:
        self._folder = folder
        self._file = folder / FILE
        self._tenants = tenants
        self._settle = settle
        self._lock = threading.Lock()
        self._next = 0.0
        if _lacks_room(folder):
            self._release()  # On a full disk SQLite could not open the databases without it.
        else:
            self.fill()

    def fill(self) -> None:
        """Refill the reserve as far as the disk allows. Cheap, call it often."""
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _SECONDS
            try:
                self._take(self._size())
            except OSError as error:
                if not is_disk_error(error):
                    raise
            else:
                return
        self._settle()  # What failed merges have left may be all that fills the disk.

    def make_room(self) -> None:
        """Release the reserve if the disk is full."""
        if _lacks_room(self._folder):
            self._release()
            self._settle()

    def using(self, step: Callable[[], Answer]) -> Answer:
        """Run a step of a deletion; on a full disk, release the reserve and run it again. The step must be repeatable."""
        try:
            return step()
        except (UnwritableError, OSError) as error:
            if not is_full(error):
                raise
            self._release()
            self._settle()
            return step()

    def _release(self) -> None:
        with self._lock:
            self._next = time.monotonic() + _SECONDS
            self._file.unlink(missing_ok=True)

    def _size(self) -> int:
        """A deletion touches one tenant, so this is enough for the one with the most partitions."""
        partitions = (len(os.listdir(folder)) for folder in self._tenants.glob(f"*/{PERIODS}"))  # noqa: PTH208  names are enough
        return _MIN_ROOM + _PER_PARTITION * max(partitions, default=0)

    def _take(self, size: int) -> None:
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            taken = os.fstat(handle).st_size
            while taken < size:
                os.posix_fallocate(handle, taken, min(_STEP, size - taken))
                taken = os.fstat(handle).st_size
        finally:
            os.close(handle)


def unwritable(folder: Path) -> str | None:
    """Why writes to a folder fail now, or None. Writes and syncs a probe file, and wants free space besides."""
    probe = folder / "probe"
    try:
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        if _lacks_room(folder):
            return os.strerror(errno.ENOSPC)
    except OSError as error:
        if not is_disk_error(error):
            raise
        return error.strerror
    return None


def _lacks_room(folder: Path) -> bool:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize < _MIN_ROOM
