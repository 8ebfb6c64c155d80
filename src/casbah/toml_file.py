"""Files of named entries (TOML), read strictly."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from casbah.errors import OperatorError

Row = TypeVar("Row")


def read(path: Path, row: type[Row], *, wrong: type[OperatorError]) -> dict[str, Row]:
    """The entries of a file, by name. Raises `wrong`, which says where and why."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, row])  # type: ignore[valid-type]  # a type that is a value here
    except (OSError, UnicodeDecodeError) as found:
        raise wrong(f"{path}: cannot be read: {found}") from None
    except tomllib.TOMLDecodeError as found:
        raise wrong(f"{path}: not TOML: {found}") from None
    except msgspec.ValidationError as found:
        raise wrong(f"{path}: {found}") from None
