"""Snapshots of a store that is being written to, and the places where backups are kept."""

import os
import stat
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.errors import BackupError
from casbah.operations.backup import archive
from casbah.operations.backup.target import BackupTarget, BucketTarget, FolderTarget, open_target
from casbah.store.embedded import compaction
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")
MONTH = 31 * 86_400_000


def batch(number: int) -> list[str]:
    return [f"activity-{number * 50 + each}" for each in range(50)]


def store_batch(store: EmbeddedStore, number: int) -> None:
    made = [record(number * 50 + each, timestamp=NOW - each % 3 * MONTH - number) for each in range(50)]
    store.tenant(TENANT).insert(map(arrival, made))


def test_a_snapshot_is_whole_whatever_goes_on_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was acknowledged before it began is in it, and nothing by halves: while others store, delete, merge, clean."""
    monkeypatch.setattr(compaction, "_AT_ONCE", 20)
    store = EmbeddedStore(tmp_path / "store", clock=lambda: NOW)
    done: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            store_batch(store, number)
            done.append(number)
            number += 1
            if number % 5 == 0:
                store.tenant(TENANT).delete(query({"activity.id": {"eq": [batch(number - 1)[0]]}}).predicate)
            store.tenant(TENANT).compact()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for each in range(6):
            before = len(done)
            (tmp_path / str(each)).mkdir()
            totals = store.snapshot(tmp_path / str(each))
            after = len(done) + 1
            copy = EmbeddedStore(tmp_path / str(each), clock=lambda: NOW)
            found = ids(copy.tenant(TENANT).scan(query(isScan=True, limit=1_000_000)).records)
            assert len(found) == len(set(found)) == copy.tenant(TENANT).count(Everything()) == totals.get("default", 0)
            deleted = {batch(number - 1)[0] for number in range(5, after + 1, 5)}
            assert {name for number in range(before) for name in batch(number)} - deleted <= set(found)
            assert set(found) <= {name for number in range(after) for name in batch(number)}
            store_batch(copy, 10_000)
            copy.close()
    finally:
        stop.set()
        writer.join()
        store.close()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if request.param == "folder":
        yield FolderTarget(tmp_path / "place")
        return
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="eu-central-1")
        client.create_bucket(Bucket="backups", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield BucketTarget("backups", "casbah/main", endpoint=None, client=client)


def saved(place: BackupTarget, folder: Path) -> tuple[archive.Backup, int]:
    return archive.save(folder, place, created=NOW, totals={"default": 1}, progress=lambda _done, _total: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "snapshot"
    (made / "inner").mkdir(parents=True)
    (made / "format.json").write_bytes(b"{}")
    (made / "inner" / "a").write_bytes(b"x" * 3_000_000)
    (made / "inner" / "same as a").write_bytes(b"x" * 3_000_000)
    (made / "empty").write_bytes(b"")
    return made


def test_what_comes_back_is_what_was_saved(place: BackupTarget, folder: Path, tmp_path: Path) -> None:
    backup, new = saved(place, folder)
    assert new == 3_000_002  # What is there twice is brought once.
    assert archive.all_of(place) == [backup.name]
    assert archive.one_of(place, None) == backup
    assert archive.verify(place, backup, progress=lambda _done, _total: None) == []
    archive.restore(place, backup, tmp_path / "back", progress=lambda _done, _total: None)
    assert (tmp_path / "back" / "inner" / "same as a").read_bytes() == b"x" * 3_000_000
    assert saved(place, folder)[1] == 0


def test_an_unknown_backup_says_which_there_are(place: BackupTarget, folder: Path) -> None:
    with pytest.raises(BackupError, match="there is no backup there"):
        archive.one_of(place, None)
    backup, _ = saved(place, folder)
    with pytest.raises(BackupError, match=f"the newest is {backup.name}"):
        archive.one_of(place, "20010101T000000-00000000")


def test_a_missing_file_is_found(
    place: BackupTarget, folder: Path, remove: Callable[[BackupTarget, str], None]
) -> None:
    backup, _ = saved(place, folder)
    remove(place, backup.files[2].key)
    wrong = archive.verify(place, backup, progress=lambda _done, _total: None)
    assert len(wrong) == 2  # Two names, one content.


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x" * 2_999_999 + b"y", id="another byte, the same size"),
        pytest.param(b"y" * 3_000_000, id="other content of the same size"),
        pytest.param(b"x" * 2_999_999, id="a byte less"),
        pytest.param(b"x" * 3_000_001, id="a byte more"),
    ],
)
def test_a_changed_file_is_found_and_its_backup_makes_no_store(
    place: BackupTarget, folder: Path, tmp_path: Path, content: bytes
) -> None:
    backup, _ = saved(place, folder)
    held = next(file for file in backup.files if file.path == "inner/a")
    (tmp_path / "changed").write_bytes(content)
    place.put(held.key, tmp_path / "changed")
    found = archive.verify(place, backup, progress=lambda _done, _total: None)
    assert len(found) == 2  # Two names, one content.
    assert all("is damaged" in text for text in found)
    with pytest.raises(BackupError, match="is damaged"):
        archive.restore(place, backup, tmp_path / "back", progress=lambda _done, _total: None)
    assert not (tmp_path / "back" / "format.json").exists()


def test_a_file_that_was_cut_short_is_copied_again(place: BackupTarget, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"x" * 1_000)
    place.put(saved(place, folder)[0].files[-1].key, tmp_path / "part")
    backup, new = saved(place, folder)
    assert new == 3_000_000
    assert archive.verify(place, backup, progress=lambda _done, _total: None) == []


@pytest.mark.parametrize("path", ["../outside", "inner/../../outside", "/outside", ""])
def test_a_backup_puts_nothing_outside_of_its_folder(
    place: BackupTarget, folder: Path, tmp_path: Path, path: str
) -> None:
    backup, _ = saved(place, folder)
    forged = replace(backup, files=[replace(backup.files[-1], path=path)])
    with pytest.raises(BackupError, match="must not hold"):
        archive.restore(place, forged, tmp_path / "back", progress=lambda _done, _total: None)
    assert not (tmp_path / "outside").exists()


@pytest.fixture
def remove() -> Callable[[BackupTarget, str], None]:
    def gone(place: BackupTarget, key: str) -> None:
        if isinstance(place, FolderTarget):
            (place._folder / key).unlink()
        else:
            place._client.delete_object(Bucket="backups", Key=f"casbah/main/{key}")

    return gone


def test_a_place_is_a_folder_or_a_bucket() -> None:
    assert isinstance(open_target("/backup"), FolderTarget)
    with pytest.raises(BackupError, match="expected s3://bucket/prefix"):
        open_target("s3://")


def test_a_backup_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        (tmp_path / "file").write_bytes(b"x")
        FolderTarget(tmp_path / "new" / "backup").put("files/ab/cd", tmp_path / "file")
    finally:
        os.umask(before)
    made = [tmp_path / "new" / "backup", *sorted((tmp_path / "new" / "backup").rglob("*"))]
    assert [(stat.S_IMODE(each.stat().st_mode), each.name) for each in made] == [
        (0o700, "backup"),
        (0o700, "files"),
        (0o700, "ab"),
        (0o600, "cd"),
    ]
