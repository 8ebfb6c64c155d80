"""The version of what is on disk. A store of another version is refused with a clear word, never guessed at.

FORMAT goes up whenever what is written changes: a field of the language, a column of the schema, a period's width.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from casbah.errors import StoreFormatError

FORMAT = 1
_FILE = "format.json"


def claim(folder: Path, fields: Sequence[str]) -> None:
    """Check the folder's format, or write it into a new store. Raises StoreFormatError."""
    file = folder / _FILE
    if not file.exists():
        _write(file, {"format": FORMAT, "fields": list(fields)})
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        version, stored_fields = found["format"], found["fields"]
    except (ValueError, KeyError, TypeError):
        raise StoreFormatError(f"{file} cannot be read; it does not belong to a store of Casbah") from None
    if version != FORMAT:
        raise StoreFormatError(f"the store at {folder} has format {version}; this Casbah reads format {FORMAT}")
    if stored_fields != list(fields):
        raise StoreFormatError(f"the store at {folder} was written with other fields than this Casbah reads")


def _write(file: Path, content: object) -> None:
    """Write a file whole or not at all, synced."""
    draft = file.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, indent=1)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
    handle_of_folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(handle_of_folder)
    finally:
        os.close(handle_of_folder)
