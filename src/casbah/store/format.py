"""The version of the on-disk format. A store with another version is refused with a clear error.

FORMAT goes up whenever the format changes: a field of the query language, a column of the schema, the width of a partition, or
the files beside the indexes.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from casbah.errors import StoreFormatError
from casbah.fsync import write_file

FORMAT = 4
FILE = "format.json"


def claim(folder: Path, fields: Sequence[str]) -> None:
    """Check the folder's format, or write it for a new store. Raises StoreFormatError."""
    file = folder / FILE
    if not file.exists():
        write_file(file, json.dumps({"format": FORMAT, "fields": list(fields)}, indent=1).encode())
        return
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version, stored_fields = content["format"], content["fields"]
    except (ValueError, KeyError, TypeError):
        raise StoreFormatError(f"{file} cannot be read; it does not belong to a store of Casbah") from None
    if version != FORMAT:
        raise StoreFormatError(f"the store at {folder} has format {version}; this Casbah reads format {FORMAT}")
    if stored_fields != list(fields):
        raise StoreFormatError(f"the store at {folder} was written with other fields than this Casbah reads")
