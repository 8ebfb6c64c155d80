"""A store of an older format answers after its migration what it answered before, to the byte."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from casbah.errors import StoreFormatError
from casbah.store import format as store_format
from casbah.store.embedded import known_files
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.format import FORMAT
from casbah.store.migration import migration, tenant
from making import NOW
from store.migration.conftest import (
    CURRENT,
    MEMORY,
    NAMES,
    Unpack,
    answers_as_before,
    content,
    migrated,
    opened,
    rewritten,
)
from store.migration.fixture import CHANGES, INGEST, LIST


@pytest.mark.parametrize("name", NAMES)
def test_a_migrated_store_answers_as_before(old_store: Unpack, name: str) -> None:
    answers_as_before(migrated(old_store(name)))


def test_a_store_of_the_present_format_by_an_earlier_version_opens_and_answers_as_before(old_store: Unpack) -> None:
    old = old_store(CURRENT.name.removesuffix(".tar.xz"))
    assert old.number == FORMAT
    answers_as_before(old)


@pytest.mark.parametrize("name", NAMES)
def test_cursors_of_before_continue(old_store: Unpack, name: str) -> None:
    old = migrated(old_store(name))
    before = old.noted["answers"]
    with opened(old.folder) as api:
        later = api.ask("POST", CHANGES, json={"limit": 300, "cursor": before["feed"]["cursor"]}).json()
        assert later["data"] == before["later"]["data"]
        found, filters = [], before["scan"]["next"]
        while filters:
            page = api.ask("POST", LIST, json={"isScan": True, "limit": 900, "filters": filters}).json()
            found += [record["_id"] for record in page["data"]]
            filters = page.get("nextQueryFilters") if page["hasNext"] else None
        assert found == before["scan"]["ids"]


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_before_sign_in_and_what_was_stored_is_a_duplicate(old_store: Unpack, name: str) -> None:
    old = migrated(old_store(name))
    with opened(old.folder, "other") as api:
        assert api.ask("POST", LIST, json={}).json()["total"] == 20
    with opened(old.folder) as api:
        reader = {"Authorization": f"Token {old.noted['token']}"}
        assert api.send("POST", LIST, json={}, headers=reader).status_code == 200
        total = api.ask("POST", LIST, json={}).json()["total"]
        again = api.ask("POST", f"{INGEST}?source=mdca", json=old.noted["records"]).json()
        event = api.ask("POST", f"{INGEST}?source=cloudtrail", json={"Records": [old.noted["raw"]]}).json()
        assert (again["stored"], again["duplicates"]) == (0, 3)
        assert (event["stored"], event["duplicates"]) == (0, 1)
        new = {"_id": "new", "timestamp": NOW, "appId": 1}
        assert api.ask("POST", f"{INGEST}?source=mdca", json=[new]).json()["stored"] == 1
        cursor = old.noted["answers"]["later"]["cursor"]
        newest: dict[str, Any] = {"hasNext": True, "data": []}
        while newest["hasNext"]:
            newest = api.ask("POST", CHANGES, json={"limit": 1_000, "cursor": cursor}).json()
            cursor = newest["cursor"]
        assert newest["data"][-1]["_id"] == "new"
        assert api.ask("POST", LIST, json={}).json()["total"] == total + 1


@pytest.mark.parametrize("name", NAMES)
def test_old_records_are_enriched_from_their_raw_events(old_store: Unpack, name: str) -> None:
    old = migrated(old_store(name))
    with opened(old.folder) as api:
        body = {"filters": {"service": {"eq": 11599}}}
        (before,) = api.ask("POST", LIST, json=body).json()["data"]
        assert before["rawDataJson"] == old.noted["raw"]
        assert "verb" not in before
        assert api.ask("POST", f"{INGEST}/enrich", json=body).json()["changed"] == 1
        (after,) = api.ask("POST", LIST, json={"filters": {"verb": {"eq": "download"}}}).json()["data"]
        assert {row["part"] for row in after["mainInfo"]["eventObjects"]} == {"actor"}
        assert {key: before[key] for key in ("_id", "timestamp", "created", "user", "device", "rawDataJson")} == {
            key: after[key] for key in ("_id", "timestamp", "created", "user", "device", "rawDataJson")
        }
        assert api.ask("POST", f"{INGEST}/enrich", json=body).json()["changed"] == 0


def test_until_the_places_change_the_store_is_as_it_was(old_store: Unpack) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    now = content(rewritten(old).folder)
    assert {name: now[name] for name in before} == before
    assert all(name.startswith("migrations/new/") for name in now.keys() - before.keys())


def test_a_filter_of_known_terms_is_not_copied(old_store: Unpack) -> None:
    """Formats from 5 have one, of the sequence numbers and the terms of their own index."""
    old = old_store("format-4-first")
    for name in (known_files.FILTER, known_files.LOG):
        (old.folder / "tenants" / "default" / name).write_bytes(b"of the older format")
    migrated(old)
    assert not list((old.folder / "tenants").glob("*/known.*"))


@pytest.mark.parametrize("name", NAMES)
def test_texts_and_words_are_those_of_the_new_format(old_store: Unpack, name: str) -> None:
    """The fixtures have names composed and decomposed, in full width, with a ligature, and in Han."""
    with opened(migrated(old_store(name)).folder) as api:

        def total(text: str) -> int:
            return int(api.ask("POST", LIST, json={"filters": {"text": {"text": text}}}).json()["total"])

        assert total("zo\u00eb m\u00fcller") == total("Zoe\u0308 Mu\u0308ller") > 600
        assert min(map(total, ("\u4eac", "\u6771\u4eac", "full width", "file opened"))) > 300


def test_a_tenant_continues_after_its_last_commit(old_store: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    old = old_store("format-3")
    total = migration.plan(old.folder).activities
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(tenant, "AT_ONCE", 250)
    write, calls = IndexWriters.write, 0

    def interrupted(writers: IndexWriters, *positional: Any, **named: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 4 == 0:
            raise PowerFailureError
        write(writers, *positional, **named)

    monkeypatch.setattr(IndexWriters, "write", interrupted)
    for _ in range(20):  # Each run writes three times at most: one that begins again never ends.
        with suppress(PowerFailureError):
            migration.migrate(old.folder, writer_memory=MEMORY, progress=lambda *numbers: seen.append(numbers))
            break
    assert seen[-1] == (total, total)
    assert store_format.format_of(old.folder).number == FORMAT
    with opened(old.folder) as api:
        assert api.ask("POST", LIST, json={"limit": 100}).json()["data"] == old.noted["answers"]["lists"][0]["data"]
        assert api.ask("POST", CHANGES, json={"limit": 300}).json() == old.noted["answers"]["feed"]


class PowerFailureError(Exception):
    """A power failure, as far as a test can make one."""


def steps(monkeypatch: pytest.MonkeyPatch, stop_at: int) -> list[str]:
    """Interrupt at the n-th step that changes the store; the list is of the steps that were taken."""
    taken: list[str] = []

    def counted(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*positional: Any, **named: Any) -> Any:
            if len(taken) == stop_at:
                raise PowerFailureError
            taken.append(name)
            return step(*positional, **named)

        return run

    for name in ("write_file", "sync_folder", "rewrite_tenant", "converted"):
        monkeypatch.setattr(migration, name, counted(name, getattr(migration, name)))
    monkeypatch.setattr(store_format, "write_json", counted("format", store_format.write_json))
    monkeypatch.setattr(migration.shutil, "rmtree", counted("rmtree", shutil.rmtree))
    monkeypatch.setattr(Path, "replace", counted("replace", Path.replace))
    return taken


@pytest.mark.slow
@pytest.mark.parametrize("name", ["format-3", "format-4-first"])
def test_interrupted_anywhere_it_continues(old_store: Unpack, name: str, tmp_path: Path) -> None:
    """At every step between two changes of the disk: what is there opens with one of both versions, and `migrate` ends it."""
    source = rewritten(old_store(name))
    stop_at = 0
    while True:
        folder = tmp_path / f"at-{stop_at}"
        shutil.copytree(source.folder, folder)
        with pytest.MonkeyPatch.context() as patch:
            taken = steps(patch, stop_at)
            try:
                migration.migrate(folder, writer_memory=MEMORY)
                ended = True
            except PowerFailureError:
                ended = False
        if not ended:
            there = store_format.format_of(folder)
            assert (there.number == source.number) == (there.step is None) or there.number == FORMAT
            migration.migrate(folder, writer_memory=MEMORY)
        assert store_format.format_of(folder).step is None
        with opened(folder) as api:
            assert (
                api.ask("POST", LIST, json={"limit": 100}).json()["data"] == source.noted["answers"]["lists"][0]["data"]
            )
            assert len(api.ask("GET", "/api/ext/v1/retention").json()["data"]) == 2
        assert not (folder / "migrations" / "new").exists()
        shutil.rmtree(folder)
        if ended:
            assert stop_at == len(taken) > 8
            return
        stop_at += 1


@pytest.mark.slow
def test_a_roll_back_brings_the_data_of_before_back(old_store: Unpack) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    migrated(old)
    with opened(old.folder) as api:
        api.ask("POST", f"{INGEST}?source=mdca", json=[{"_id": "new", "timestamp": NOW, "appId": 1}])
    assert migration.roll_back(old.folder) == 3
    now = content(old.folder)
    assert {name: now[name] for name in before} == before
    assert not [
        name for name in now.keys() - before.keys() if not name.startswith(("migrations/rolled-back-", "rejects.db"))
    ]
    migrated(old)
    with opened(old.folder) as api:
        assert api.ask("POST", LIST, json={"filters": {"activity.id": {"eq": "new"}}}).json()["total"] == 0
    assert migration.roll_back(old.folder) == 3
    assert content(old.folder).items() >= before.items()
    assert [path.name for path in migration.kept(old.folder)] == [f"rolled-back-{FORMAT}", f"rolled-back-{FORMAT}-2"]
    migrated(old)
    assert migration.drop(old.folder) > 0
    assert migration.kept(old.folder) == []
    with pytest.raises(StoreFormatError, match="no data of an older format"):
        migration.roll_back(old.folder)


@pytest.mark.slow
def test_a_roll_back_that_was_interrupted_is_finished(
    old_store: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    migrated(old)

    def refused(*_: object) -> None:
        raise PowerFailureError

    for stop_at in range(40):
        folder = tmp_path / f"at-{stop_at}"
        shutil.copytree(old.folder, folder)
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, stop_at)
            try:
                migration.roll_back(folder)
            except PowerFailureError:
                pass
            else:
                assert stop_at > 5
                return
        if store_format.format_of(folder).step is not None:
            monkeypatch.setattr(migration, "_rewrite", refused)
            with pytest.raises(PowerFailureError):  # It finishes the roll-back, and would begin to migrate.
                migration.migrate(folder, writer_memory=MEMORY)
            monkeypatch.undo()
            assert content(folder).items() >= before.items()
        shutil.rmtree(folder)
    pytest.fail("the roll-back takes more than 40 steps")


def test_what_changed_meanwhile_is_rewritten_too(old_store: Unpack) -> None:
    """The version that wrote the store may have been used again after an interruption."""
    old = rewritten(old_store("format-4-first"))
    source = old.folder / "migrations" / "new" / "source.json"
    source.write_text(json.dumps({**json.loads(source.read_text()), "store": "another commit"}))
    seen: list[int] = []
    migration.migrate(old.folder, writer_memory=MEMORY, progress=lambda done, _: seen.append(done))
    assert len(seen) > 8, "it began again"
    with opened(old.folder) as api:
        assert api.ask("POST", LIST, json={}).json()["total"] == old.noted["answers"]["lists"][0]["total"]


def test_what_is_left_of_a_rewritten_store_that_was_being_deleted_is_not_used(old_store: Unpack) -> None:
    old = rewritten(old_store("format-3"))

    def interrupted(folder: Path, **_: object) -> None:
        for file in folder.glob("tenants/default/periods/*/*.store"):
            file.unlink()
        raise PowerFailureError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migration, "shutil", SimpleNamespace(rmtree=interrupted))
        with pytest.raises(PowerFailureError):
            migration.drop(old.folder)
    answers_as_before(migrated(old))


def test_a_log_that_an_interrupted_migration_has_copied_is_not_kept(old_store: Unpack) -> None:
    """The older version may have been used meanwhile: its database has no such log any more, and is another."""
    old = rewritten(old_store("format-4-first"))
    (old.folder / "migrations" / "new" / "tenants" / "default" / "feedback.db-wal").write_bytes(b"of before")
    assert not (migrated(old).folder / "tenants" / "default" / "feedback.db-wal").exists()


def test_too_little_room_is_said_before_anything_is_written(old_store: Unpack, monkeypatch: pytest.MonkeyPatch) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    usage = shutil.disk_usage(old.folder)
    monkeypatch.setattr(migration.shutil, "disk_usage", lambda _: usage._replace(free=1_000))
    with pytest.raises(StoreFormatError, match=r"takes [\d,]+ MB of disk, 1 MB are free"):
        migrated(old)
    assert content(old.folder) == before


def test_damage_ends_the_migration_and_changes_nothing(old_store: Unpack) -> None:
    old = old_store("format-4-first")
    (dictionary,) = old.folder.glob("tenants/default/dictionaries/*.zdict")
    dictionary.unlink()
    with pytest.raises(StoreFormatError, match="dictionary is missing"):
        migrated(old)
    assert store_format.format_of(old.folder).number == 4
    assert old.folder.joinpath("tenants/default/periods").is_dir()


@pytest.mark.parametrize(
    "number, says", [(FORMAT + 1, "install a newer Casbah"), (2, "the oldest that can be migrated is 3")]
)
def test_formats_that_cannot_be_migrated_are_refused(old_store: Unpack, number: int, says: str) -> None:
    old = old_store("format-3")
    file = old.folder / "format.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": number}))
    with pytest.raises(StoreFormatError, match=says):
        migrated(old)


def test_an_older_store_is_not_opened_and_the_next_step_is_named(old_store: Unpack) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    with pytest.raises(StoreFormatError, match="casbah migrate rewrites it and keeps the old data"):
        EmbeddedStore(old.folder, clock=lambda: NOW)
    assert content(old.folder) == before


def test_databases_of_format_3_are_left_unchanged_by_reading_them(old_store: Unpack) -> None:
    old = migrated(old_store("format-3"))
    kept = old.folder / "migrations" / "format-3"
    with closing(sqlite3.connect(f"file:{kept / 'tokens.db'}?mode=ro", uri=True)) as database:
        assert database.execute("select count(*) from token").fetchone() == (2,)
