"""A conflict: a witness has cosigned a history that is not that of a log. Nothing more is signed while the file is there."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from casbah.base.checked_json import read_json, write_json
from casbah.base.fsync import sync_folder

FILE: Final = "conflict.json"
NEXT_STEP: Final = "if the store is an older copy, put the newer one back; else `casbah log renew` begins a new log"


@dataclass(frozen=True, slots=True)
class Conflict:
    """The name of the witness, and what it knows."""

    witness: str
    reason: str

    @property
    def problem(self) -> str:
        """What is wrong, and what to do."""
        return f"witness {self.witness} knows another history: {self.reason}; {NEXT_STEP}"


def conflict_in(folder: Path) -> Conflict | None:
    """The conflict of the log in a folder, if there is one. Raises DamagedFileError."""
    return Conflict(**read_json(folder / FILE)) if (folder / FILE).exists() else None


def note_conflict(folder: Path, conflict: Conflict) -> None:
    """Note a conflict of the log in a folder."""
    write_json(folder / FILE, asdict(conflict))


def forget_conflict(folder: Path) -> None:
    """Remove the conflict of the log in a folder."""
    (folder / FILE).unlink(missing_ok=True)
    sync_folder(folder)
