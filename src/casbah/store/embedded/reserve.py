"""Room on the disk that is kept for deletions: on a full disk, they are what makes room again."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from casbah.errors import UnwritableError
from casbah.failure import is_disk_error, is_full
from casbah.store.embedded.partitions import PERIODS

FILE = "reserve"
_LEAST, _OF_A_PERIOD = 1 << 20, 1 << 18
"""Bytes for any deletion, and for each period that it may concern: what it commits there."""

_STEP, _PROBE = 1 << 18, 1 << 16
_SECONDS = 10.0
"""How often missing room is looked for. So long after its use it is not taken back: a deletion's entry in the trail needs some.
"""

Answer = TypeVar("Answer")


class Reserve:
    """A file of the store's folder that takes the room and gives it back. Any thread may call."""

    def __init__(self, folder: Path, *, tenants: Path) -> None:
        self._file = folder / FILE
        self._tenants = tenants
        self._lock = threading.Lock()
        self._next = 0.0
        self.fill()

    def fill(self) -> None:
        """Take as much of the room as there is, where some is missing; cheap, to be called often."""
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _SECONDS
            try:
                self._take(self._size())
            except OSError as error:
                if not is_disk_error(error):
                    raise

    def using(self, step: Callable[[], Answer]) -> Answer:
        """Do a step of a deletion, which can be done again; on a full disk, in the reserved room."""
        try:
            return step()
        except (UnwritableError, OSError) as error:
            if not (is_full(error) and self._release()):
                raise
            return step()

    def _release(self) -> bool:
        """Give the room back; whether there was any."""
        with self._lock:
            self._next = time.monotonic() + _SECONDS
            try:
                self._file.unlink()
            except FileNotFoundError:
                return False
            return True

    def _size(self) -> int:
        """A deletion concerns one tenant: as much as the one with most periods needs."""
        partitions = (len(os.listdir(folder)) for folder in self._tenants.glob(f"*/{PERIODS}"))  # noqa: PTH208  names are enough
        return _LEAST + _OF_A_PERIOD * max(partitions, default=0)

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
    """Why nothing can be written to a folder now; None if it can: a file that is synced, with room to spare beside it."""
    probe = folder / "probe"
    try:
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        state = os.statvfs(folder)
        if state.f_bavail * state.f_frsize < _LEAST:
            return os.strerror(errno.ENOSPC)
    except OSError as error:
        if not is_disk_error(error):
            raise
        return error.strerror
    return None
