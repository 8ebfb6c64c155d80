"""The version of the on-disk format. A store of an older one is migrated (`store.migration`), a newer one is refused.

FORMAT goes up whenever the format changes: a field of the query language, a column of the schema, the width of a partition, or
the files beside the indexes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from casbah.base.checked_json import read_json, write_json
from casbah.errors import StoreFormatError

FORMAT = 5
FILE = "format.json"


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """What a store's format file says. `step` is the step of a migration or a roll-back that has begun to move files."""

    number: int
    fields: Sequence[str]
    step: str | None = None

    def write(self, folder: Path) -> None:
        """Make this the format of a store; it is on disk on return."""
        step = {} if self.step is None else {"step": self.step}
        content = {"format": self.number, "fields": list(self.fields), **step}
        write_json(folder / FILE, content)


def exists(folder: Path) -> bool:
    """Whether the folder holds a store, without opening it."""
    return (folder / FILE).is_file()


def format_of(folder: Path) -> StoreFormat:
    """The format of a store. Raises StoreFormatError if its format file cannot be read, DamagedFileError if it has changed."""
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] == FORMAT or ("digest" in content and content["format"] < FORMAT):
            content = read_json(file)  # Formats before 5 had no digests, and those to come may have others.
        return StoreFormat(int(content["format"]), tuple(content["fields"]), content.get("step"))
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreFormatError(f"{file} cannot be read; it does not belong to a store of Casbah") from None


def claim(folder: Path, fields: Sequence[str]) -> None:
    """Check the folder's format, or write it for a new store. Raises StoreFormatError."""
    if not (folder / FILE).exists():
        StoreFormat(FORMAT, fields).write(folder)
        return
    current = format_of(folder)
    if current.step is not None:
        raise StoreFormatError(f"the migration of the store at {folder} was interrupted; casbah migrate finishes it")
    require_readable(folder, current)
    if current.number < FORMAT:
        raise StoreFormatError(
            f"the store at {folder} has format {current.number}, and this Casbah reads format {FORMAT}; "
            "casbah migrate rewrites it and keeps the old data"
        )
    if tuple(current.fields) != tuple(fields):
        raise StoreFormatError(f"the store at {folder} was written with other fields than this Casbah reads")


def require_readable(folder: Path, current: StoreFormat) -> None:
    """Raises StoreFormatError for a store that a newer version has written."""
    if current.number > FORMAT:
        raise StoreFormatError(
            f"the store at {folder} has format {current.number}, newer than the {FORMAT} that this Casbah reads; install "
            "a newer Casbah, or go back to the data of before with the newer one's casbah migrate --roll-back"
        )
