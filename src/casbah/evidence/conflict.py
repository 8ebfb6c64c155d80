"""Conflicts: witnesses that have cosigned a history that is not that of a log. Nothing more is signed while there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from casbah.base.checked_json import read_json, write_json
from casbah.base.fsync import sync_folder

FILE: Final = "conflict.json"
NEXT_STEP: Final = "if the store is an older copy, put the newer one back; else `casbah log renew` begins a new log"


@dataclass(frozen=True, slots=True)
class Conflict:
    """The name of a witness, and what it knows."""

    witness: str
    reason: str

    @property
    def problem(self) -> str:
        """What is wrong, and what to do."""
        return f"witness {self.witness} knows another history: {self.reason}; {NEXT_STEP}"


def conflicts_in(folder: Path) -> Mapping[str, Conflict]:
    """The conflicts of the log in a folder, by witness. Raises DamagedFileError."""
    if not (folder / FILE).exists():
        return {}
    return {name: Conflict(name, reason) for name, reason in read_json(folder / FILE)["witnesses"].items()}


def note_conflicts(folder: Path, conflicts: Mapping[str, Conflict]) -> None:
    """Note the conflicts of the log in a folder; without any, remove the file."""
    if conflicts:
        write_json(folder / FILE, {"witnesses": {name: item.reason for name, item in conflicts.items()}})
    else:
        (folder / FILE).unlink(missing_ok=True)
        sync_folder(folder)
