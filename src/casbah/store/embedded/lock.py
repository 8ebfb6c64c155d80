"""One process owns a data directory. The operating system releases the lock when the process ends, however it ends."""

import fcntl
import os
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
        os.pwrite(self._handle, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._handle)
