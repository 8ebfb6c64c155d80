"""casbah salvage: every record that checks out is in the new store, byte for byte, and the rest is reported."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah.activity import predicate as p
from casbah.activity.tenant import TenantId
from casbah.base.key_value import FolderKeyValueStore
from casbah.store.embedded.lock import Lock
from casbah.store.embedded.store import EmbeddedStore
from command_line import app
from faults import flips
from making import NOW

ALIVE = 588
"""Activities of the store that are not deleted."""


def saved(store: Path, into: Path) -> tuple[int, Any]:
    """The exit code, and what is reported."""
    result = CliRunner().invoke(app, ["salvage", str(into), "--store", str(store), "--json"])
    assert result.stdout, (result.exception, result.stderr)
    return result.exit_code, json.loads(result.stdout)


def records(store: Path) -> dict[str, bytes]:
    with closing(EmbeddedStore(store, clock=lambda: NOW)) as opened:
        tenant = opened.tenant(TenantId("default"))
        changes = tenant.changes(p.Everything(), after=0, limit=10_000).changes
        return {json.loads(change.record)["_id"]: change.record for change in changes}


def damage(file: Path, at: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= 16
    file.write_bytes(content)


def test_of_a_good_store_everything_is_saved(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    code, report = saved(store, tmp_path / "saved")
    assert (code, report) == (0, {"records": ALIVE, "refused": 0, "feedback": 10, "entries": 195, "lost": []})
    assert records(tmp_path / "saved") == records(store)
    before, after = flips.answers(store), flips.answers(tmp_path / "saved")
    places = {name for name in before if before[name] != after[name]}
    assert places <= {"feed", "page by created", "log"}, (
        "sequence numbers and salts are each store's own; they order equal times"
    )


@pytest.mark.parametrize("suffix", [".idx", ".term", ".pos", ".fieldnorm", ".fast"])
def test_damage_to_an_index_loses_no_record(tmp_path: Path, suffix: str) -> None:
    store = flips.make(tmp_path)
    before = records(store)
    for file in store.rglob(f"*{suffix}"):
        damage(file, 40)
    code, report = saved(store, tmp_path / "saved")
    assert (code, report["records"], report["lost"]) == (0, ALIVE, [])
    assert records(tmp_path / "saved") == before


@pytest.mark.parametrize("at", [-1, -94, -40])
def test_damage_to_the_end_of_a_file_of_records_loses_nothing(tmp_path: Path, at: int) -> None:
    """The engine does not open such a file; its records are what they were."""
    store = flips.make(tmp_path)
    before = records(store)
    damage(max(store.rglob("*.store"), key=lambda file: file.stat().st_size), at)
    code, report = saved(store, tmp_path / "saved")
    assert (code, report["records"], report["lost"]) == (0, ALIVE, [])
    assert records(tmp_path / "saved") == before


@pytest.mark.parametrize("at", [300, 2_500, -200])
def test_damage_to_records_loses_those_alone_and_names_them(tmp_path: Path, at: int) -> None:
    store = flips.make(tmp_path)
    before = records(store)
    damage(max(store.rglob("*.store"), key=lambda file: file.stat().st_size), at)
    code, report = saved(store, tmp_path / "saved")
    after = records(tmp_path / "saved")
    assert code == 1
    loss, *others = report["lost"]
    assert {other["where"] for other in others} <= {"feedback.db"}, "comments on what is lost"
    assert ".store: " in loss["why"]
    assert loss["where"].startswith("default, partition 08")
    assert after.items() <= before.items()
    assert loss["count"] == ALIVE - len(after) == len(loss["sequence"])
    assert {f"activity-{number - 1}" for number in loss["sequence"]} == before.keys() - after.keys()


def test_records_of_a_damaged_dictionary_are_lost(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    before = records(store)
    damage(next(store.rglob("*.zdict")), 1_000)
    code, report = saved(store, tmp_path / "saved")
    after = records(tmp_path / "saved")
    assert code == 1
    assert 0 < len(after) < ALIVE
    assert after.items() <= before.items()
    numbers = {number for loss in report["lost"] for number in loss["sequence"]}
    assert {f"activity-{number - 1}" for number in numbers} == before.keys() - after.keys()


def test_without_its_deletions_nothing_of_a_segment_is_saved(tmp_path: Path) -> None:
    """What was deleted must not come back."""
    store = flips.make(tmp_path)
    before = records(store)
    damage(min(store.rglob("*.del")), 8)
    code, report = saved(store, tmp_path / "saved")
    after = records(tmp_path / "saved")
    assert code == 1
    assert [loss["count"] for loss in report["lost"] if loss["where"] != "feedback.db"] == [ALIVE - len(after)]
    assert "Which records were deleted is not known" in report["lost"][0]["why"]
    assert len(after) < ALIVE
    assert after.items() <= before.items()


def test_without_the_list_of_segments_the_files_are_read(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    before = records(store)
    for file in store.rglob("meta.json"):
        file.unlink()
    code, report = saved(store, tmp_path / "saved")
    assert (code, report["records"]) == (1, ALIVE)
    assert records(tmp_path / "saved") == before


def test_what_cannot_even_be_counted_is_reported(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    meta = min(store.rglob("meta.json"))
    meta.unlink()
    (columns,) = meta.parent.glob("*.fast")
    damage(columns, -1)
    code, report = saved(store, tmp_path / "saved")
    assert (code, report["records"]) == (1, len(records(tmp_path / "saved")))
    assert report["records"] < ALIVE
    assert any(f"all of {columns.stem}.store: how many" in loss["why"] for loss in report["lost"])


def test_rows_that_check_out_are_saved(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    file = store / "ranges.db"
    damage(file, file.read_bytes().rindex(b"value 17"))
    (store / "rules.db").unlink()
    (store / "tokens.db").write_bytes(b"")
    code, report = saved(store, tmp_path / "saved")
    assert code == 1
    assert report["entries"] == 39 * 3 - 1
    assert {loss["where"] for loss in report["lost"]} == {"ranges.db", "rules.db", "tokens.db"}


def test_an_error_of_the_new_store_is_no_damage_of_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    store = flips.make(tmp_path)
    monkeypatch.setattr(FolderKeyValueStore, "put", full)
    result = CliRunner().invoke(app, ["salvage", str(tmp_path / "saved"), "--store", str(store)])
    assert str(result.exception) == "database or disk is full"


def test_it_wants_a_new_folder_and_a_store_that_nobody_uses(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    result = CliRunner().invoke(app, ["salvage", str(store), "--store", str(store)])
    assert (result.exit_code, "is not empty" in " ".join(result.stderr.replace("│", " ").split())) == (2, True)
    lock = Lock(store)
    result = CliRunner().invoke(app, ["salvage", str(tmp_path / "saved"), "--store", str(store)])
    lock.release()
    assert "is in use by" in str(result.exception)
    assert CliRunner().invoke(app, ["salvage", str(tmp_path / "saved"), "--store", str(store)]).exit_code == 0
