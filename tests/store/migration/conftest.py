"""Stores of older formats, as the code of that time has written them, with what it answered."""

import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FORMATS = Path(__file__).parent / "formats"
NAMES = tuple(sorted(file.name.removesuffix(".tar.xz") for file in FORMATS.glob("*.tar.xz")))


@dataclass(frozen=True)
class OldStore:
    """A store, and what `fixture.py` noted when it was made."""

    folder: Path
    noted: dict[str, Any]

    @property
    def number(self) -> int:
        content: dict[str, Any] = json.loads((self.folder / "format.json").read_text())
        return int(content["format"])


@pytest.fixture
def old_store(tmp_path: Path) -> Callable[[str], OldStore]:
    """Unpacks the store of a format."""

    def unpacked(name: str) -> OldStore:
        with tarfile.open(FORMATS / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path, filter="data")
        return OldStore(tmp_path / name / "store", json.loads((tmp_path / name / "answers.json").read_text()))

    return unpacked
