"""Files of named entries (TOML), read strictly."""

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from casbah.errors import OperatorError

Row = TypeVar("Row")


def read(path: Path, row: type[Row], *, error: type[OperatorError]) -> dict[str, Row]:
    """The entries of a file, by name. Raises `error`, whose message says where and why."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), dict[str, row])  # type: ignore[valid-type]  # a type that is a value here
    except (OSError, UnicodeDecodeError) as cause:
        raise error(f"{path}: cannot be read: {cause}") from None
    except tomllib.TOMLDecodeError as cause:
        raise error(f"{path}: not TOML: {cause}") from None
    except msgspec.ValidationError as cause:
        raise error(f"{path}: {cause}") from None
