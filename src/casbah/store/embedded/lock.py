"""One process owns a data directory. The operating system releases the lock when the process ends, however it ends."""

import fcntl
import os
from multiprocessing import parent_process
from pathlib import Path

from casbah.errors import StoreLockedError


class Lock:
    """Held from construction to `release`. Raises StoreLockedError, which names the process that holds it."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._handle, 40).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise StoreLockedError(str(folder), f"process {owner}" if owner else "another process") from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{_to_stop()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._handle)


def _to_stop() -> int:
    """The process to stop so that this one ends: its supervisor, which would start it again, if it has one."""
    supervisor = parent_process()
    return os.getpid() if supervisor is None or supervisor.pid is None else supervisor.pid
