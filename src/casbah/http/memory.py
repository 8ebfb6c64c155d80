"""One budget of memory for the bodies of all requests under way, of all processes of a server."""

import threading

from casbah.base.shared import SharedNumbers


class MemoryBudget:
    """At most `limit` bytes in all. `reserved` holds what each process has reserved, at its `place`. Thread-safe."""

    def __init__(self, limit: int, reserved: SharedNumbers, place: int) -> None:
        self._limit = limit
        self._reserved = reserved
        self._place = place
        self._lock = threading.Lock()
        self.one_at_a_time = threading.Lock()
        """To hold while a body too large for memory is parsed as a stream: several at once take as long, and more memory."""

        reserved[place] = 0  # A process that was here before may have died with some.

    def reserve(self, size: int) -> bool:
        """Reserve so many bytes if there is room. Processes that reserve at the same moment may exceed the limit a little."""
        with self._lock:
            if sum(self._reserved.all()) + size > self._limit:
                return False
            self._reserved[self._place] += size
            return True

    def release(self, size: int) -> None:
        """Give so many bytes back."""
        with self._lock:
            self._reserved[self._place] -= size
