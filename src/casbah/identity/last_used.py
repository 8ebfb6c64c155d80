"""Records when keys were last used. Writes are batched, because a commit per use would delay every request."""

import threading
from collections.abc import Callable, Mapping

from casbah.errors import UnavailableError

SECONDS = 1.0


class LastUsed:
    """Times of last use in ms, by key name. `write` stores them; if it raises UnavailableError, the next write retries them."""

    def __init__(self, write: Callable[[Mapping[str, int]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._noted: dict[str, int] = {}
        self._timer: threading.Timer | None = None
        self._closed = False

    def note(self, name: str, moment: int) -> None:
        """Record a use; it is written within a second."""
        with self._lock:
            self._noted[name] = moment
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(SECONDS, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def latest(self, name: str, written: int | None) -> int | None:
        """The time of the last use in ms; `written` is the one on disk, which may be older."""
        noted = self._noted.get(name)
        return written if noted is None or (written is not None and written > noted) else noted

    def close(self) -> None:
        """Write pending uses."""
        with self._lock:
            self._closed, timer = True, self._timer
        if timer is not None:
            timer.cancel()
        self._flush()

    def _flush(self) -> None:
        with self._writing:
            with self._lock:
                self._timer, noted = None, dict(self._noted)
            if not noted:
                return
            try:
                self._write(noted)
            except UnavailableError:  # E.g. disk full: authentication must not fail because of it.
                return
            with self._lock:
                for name, moment in noted.items():
                    if self._noted[name] == moment:
                        del self._noted[name]
