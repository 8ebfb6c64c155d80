"""What must survive a power failure is synced, and in the right order."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.base.database import open_database
from casbah.base.fsync import make_folder, write_file
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, record

State = tuple[Path, dict[str, bytes] | bytes]


def state(path: Path) -> dict[str, bytes] | bytes:
    """A file's content, or that of each file of a folder."""
    if path.is_file():
        return path.read_bytes()
    return {each.name: each.read_bytes() if each.is_file() else b"" for each in path.iterdir()}


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """What is synced, each with its state at that moment."""
    states: list[State] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        states.append((path, state(path)))
        sync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    return states


def test_a_file_is_synced_before_it_takes_its_name_and_its_folder_after(tmp_path: Path, synced: list[State]) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    write_file(tmp_path / "a.json", b"new")
    assert synced == [(tmp_path / "a.new", b"new"), (tmp_path, {"a.json": b"new"})]


def test_the_folders_above_a_new_one_are_synced(tmp_path: Path, synced: list[State]) -> None:
    make_folder(tmp_path / "a" / "b")
    assert synced[-2:] == [(tmp_path, {"a": b""}), (tmp_path / "a", {"b": b""})]


def test_a_database_syncs_each_commit(tmp_path: Path) -> None:
    with closing(open_database(tmp_path / "x.db", "create table x (y);")) as database:
        assert database.execute("pragma synchronous").fetchone() == (2,)  # FULL


def test_an_insert_is_answered_once_the_renaming_of_its_commit_is_synced(tmp_path: Path, synced: list[State]) -> None:
    """A commit of the engine ends with a rename to meta.json, and the engine does not sync the folder after it."""
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        for number in range(2):
            synced.clear()
            store.tenant(TenantId("default")).insert([arrival(record(number))])
            (meta,) = tmp_path.glob("tenants/default/**/meta.json")
            assert [content["meta.json"] for path, content in synced if path == meta.parent][-1:] == [meta.read_bytes()]
