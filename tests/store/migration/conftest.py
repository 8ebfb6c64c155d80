"""Stores of older formats, as the code of that time has written them, with what it answered."""

import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from casbah import settings
from casbah.cli.connection import Api, connected
from casbah.store.migration import migration
from store.migration.fixture import answers

FORMATS = Path(__file__).parent / "formats"
MEMORY = 64_000_000
CURRENT = next((FORMATS / "current").glob("*.tar.xz"))
"""A store of the present format, by an earlier version. With a new format it joins the others, and a new one takes its place."""
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


Unpack = Callable[[str], OldStore]


@pytest.fixture
def old_store(tmp_path: Path) -> Unpack:
    """Unpacks the store of a format."""

    def unpacked(name: str) -> OldStore:
        file = CURRENT if CURRENT.name == f"{name}.tar.xz" else FORMATS / f"{name}.tar.xz"
        with tarfile.open(file) as archive:
            archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2 has no filters.
            archive.extractall(tmp_path)  # noqa: S202  an archive of ours
        return OldStore(tmp_path / name / "store", json.loads((tmp_path / name / "answers.json").read_text()))

    return unpacked


def migrated(old: OldStore) -> OldStore:
    migration.migrate(old.folder, writer_memory=MEMORY)
    return old


def rewritten(old: OldStore) -> OldStore:
    """As if the migration had been interrupted once all was rewritten, so that the rest takes a moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migration, "_switch", lambda *_: None)
        migration.migrate(old.folder, writer_memory=MEMORY)
    return old


@contextmanager
def opened(store: Path, tenant: str = "default") -> Iterator[Api]:
    """The API of a store, in this process."""
    with connected(settings.read({}, store=str(store), audit="off"), tenant=tenant) as api:
        yield api


def content(folder: Path) -> dict[str, bytes]:
    """Every file but those of the process that has it open."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", "reserve"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def answers_as_before(old: OldStore) -> None:
    """A migrated store answers what was noted, to the byte."""
    with opened(old.folder) as api:

        class Client:
            """As `fixture.py` wants it."""

            def request(self, method: str, path: str, json: Any = None) -> Any:
                return api.send(method, path, json=json)

        now = answers(Client())
    before = old.noted["answers"]
    for wanted, given in zip(before["lists"], now["lists"], strict=True):
        assert given == wanted, wanted["body"]
    assert now["feed"] == before["feed"]
    assert now["later"] == before["later"]
    assert now["scan"]["ids"] == before["scan"]["ids"]
    assert now["beside"]["feedback"] == before["beside"]["feedback"]
    for path in ("/api/v1/subnet/", "/api/ext/v1/queries", "/api/ext/v1/retention", "/api/ext/v1/tokens"):
        listed = [{row.get("_id") or row["id"]: row for row in said["beside"][path]["data"]} for said in (now, before)]
        assert list(listed[0]) == list(listed[1]) != [], path
    (query,) = [row for row in now["beside"]["/api/ext/v1/queries"]["data"] if row["name"] == "Germany"]
    assert query["filters"] == {"location.country": {"eq": "DE"}}
