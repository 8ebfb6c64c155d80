"""Which of a tenant's files were checked, and what they were then, so that every start does not read all of them again.

A file that has the inode, the size and the time of change that it had then is not read again when the tenant is opened.
Damage by the disk changes none of these: `casbah verify`, the scrub and backups, which read every file, find it. The time of
change of the inode would not, and backups change it by their links. The list can be deleted: then all files are read once.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

from casbah.base.checked_json import read_json, write_json
from casbah.errors import DamagedFileError
from casbah.store.embedded.segment_files import check_file, index_files, unless_replaced

FILE = "verified"
_State = tuple[int, int, int]
_log = logging.getLogger("casbah.store")


class VerifiedFiles:
    """The list of one tenant. Not thread-safe."""

    def __init__(self, tenant: Path) -> None:
        self._file = tenant / FILE
        self._before = self._loaded()
        self._now: dict[str, _State] = {}

    def check(self, partition: Path) -> None:
        """Check the files of a partition that have not been checked as they are now. Raises DamagedFileError."""
        unless_replaced(partition, lambda: self._check(partition))

    def save(self) -> None:
        """Have the next start pass over the files that have been checked. Without the list it reads them again."""
        if self._now == self._before:
            return
        try:
            write_json(self._file, {"files": self._now})
        except OSError as error:
            _log.warning("the next start reads all files again: %s cannot be written: %s", self._file, error)

    def _check(self, partition: Path) -> None:
        for file, segment in index_files(partition):
            name = f"{partition.name}/{file.name}"
            state = _state(file)
            check_file(file, segment, read=state is None or state != self._before.get(name))
            if state is not None:
                self._now[name] = state

    def _loaded(self) -> Mapping[str, _State]:
        try:
            return {name: (state[0], state[1], state[2]) for name, state in read_json(self._file)["files"].items()}
        except FileNotFoundError:
            return {}
        except DamagedFileError as error:
            _log.warning("all files are read again: %s", error)
            return {}


def _state(file: Path) -> _State | None:
    """What tells a file from another one under its name; None if it does not exist."""
    try:
        state = file.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns
