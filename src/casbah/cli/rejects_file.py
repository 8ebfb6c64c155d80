"""The file of events that `casbah ingest` refused."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from casbah.ingest.contract import Refusal
from casbah.ingest.decompress import message_of

MAX_REFUSED = 1 << 20
"""Bytes of one refused event kept in the rejects file."""

MAX_REFUSED_IN_ALL = 1 << 30
"""Bytes of refused events kept in one rejects file. Beyond that, only reasons are written."""


@dataclass(slots=True)
class RejectsFile:
    """The file of refused events with their reasons, created on the first refusal; without a path, there is no file.

    It keeps the first MAX_REFUSED bytes of each event, and MAX_REFUSED_IN_ALL bytes in total. In the file,
    `cut` is the number of missing bytes of an event; here it counts truncated events. If the file cannot be written,
    `error` says why.
    """

    path: Path | None
    in_store: bool = True
    cut: int = 0
    error: str = ""
    _file: IO[str] | None = None
    _size: int = 0

    def keep(self, refusal: Refusal) -> None:
        """Keep one event, truncated to the limits."""
        if self.path is not None and not self.error:
            try:
                self._write(self.path, refusal)
            except OSError as error:
                self.error = message_of(error)

    def _write(self, path: Path, refusal: Refusal) -> None:
        if self._file is None:
            self._file = self._opened(path)
        raw = refusal.raw[: min(MAX_REFUSED, MAX_REFUSED_IN_ALL - self._size)]
        self._size += len(raw)
        cut = refusal.cut + len(refusal.raw) - len(raw)
        origin, number = refusal.refused_at or (refusal.origin, refusal.line)
        line = {"origin": origin, "line": number, "reason": refusal.reason}
        event = {"event": raw.decode("utf-8", "backslashreplace"), **({"cut": cut} if cut else {})}
        self._file.write(json.dumps({**line, **event}) + "\n")
        self.cut += bool(cut)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:  # Flushing the buffer may fail.
                self.error = self.error or message_of(error)

    def _opened(self, path: Path) -> IO[str]:
        if self.in_store:
            path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w" if is_device(path) else "x", encoding="utf-8")


def is_device(file: Path) -> bool:
    """Whether a path exists but is neither a file nor a folder, such as /dev/null."""
    return file.exists() and not file.is_file() and not file.is_dir()
