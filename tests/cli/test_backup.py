"""casbah backup: made, checked, put back."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah.testing.records import records
from command_line import app

RECORDS = records(400, until=1_760_000_000_000)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    write(tmp_path, RECORDS[:300])
    told("ranges", "add", "Berlin office", "192.0.2.0/24", "--category", "corporate")
    told("token", "create", "ci")
    told("feedback", RECORDS[0]["_id"], "--text", "seen")
    told("retention", "hold", "case 7", "--filter", "service eq 11161")
    return tmp_path


def write(folder: Path, some: list[dict[str, Any]]) -> None:
    (folder / "records.ndjson").write_text("".join(json.dumps(each) + "\n" for each in some))
    told("ingest", str(folder / "records.ndjson"))


def told(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def shown(*words: str) -> Any:
    return json.loads(told(*words, "--json"))


def listed(store: Path) -> dict[str, Any]:
    """All that somebody sees of a store."""
    at = ("--store", str(store))
    return {
        "activities": shown("list", *at, "--limit", "100"),
        "ranges": shown("ranges", "list", *at),
        "tokens": [each["name"] for each in shown("token", "list", *at)],
        "rules": shown("retention", "list", *at),
    }


@pytest.mark.slow
def test_what_is_put_back_is_what_there_was(filled: Path) -> None:
    made = shown("backup", "make", str(filled / "place"))
    assert made["totals"] == {"default": 300}
    assert told("backup", "verify", str(filled / "place"), "--open").endswith("0 errors\n")
    told("backup", "restore", str(filled / "place"), "--store", str(filled / "again"))
    assert listed(filled / "again") == listed(filled / "store")
    assert list((filled / "store" / "snapshots").glob("*")) == []


@pytest.mark.slow
def test_the_next_one_brings_only_what_is_new(filled: Path) -> None:
    first = shown("backup", "make", str(filled / "place"))
    write(filled, RECORDS[300:])
    second = shown("backup", "make", str(filled / "place"))
    assert first["new"] > second["new"] > 0
    assert second["bytes"] > second["new"]
    rows = shown("backup", "list", str(filled / "place"))
    assert [row["totals"]["default"] for row in rows] == [300, 400]
    told("backup", "restore", str(filled / "place"), "--backup", rows[0]["backup"], "--store", str(filled / "older"))
    assert shown("list", "--store", str(filled / "older"), "--limit", "1")["total"] == 300


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_damage_is_found_and_never_put_back(filled: Path, damage: str) -> None:
    told("backup", "make", str(filled / "place"))
    victim = max((filled / "place" / "files").rglob("*"), key=lambda each: each.stat().st_size if each.is_file() else 0)
    content = bytearray(victim.read_bytes())
    if damage == "missing":
        victim.unlink()
    else:
        content[len(content) // 2] ^= 1
        victim.write_bytes(content if damage == "changed" else content[:-1])
    assert "1 errors" in told("backup", "verify", str(filled / "place"), code=1)
    told("backup", "restore", str(filled / "place"), "--store", str(filled / "again"), code=1)
    assert not (filled / "again").exists()


@pytest.mark.slow
def test_a_damaged_store_is_not_copied(filled: Path) -> None:
    """The damage has come after the file was last checked: as it does on a failing disk, without a change of time."""
    (file,) = (filled / "store").rglob("*.fieldnorm")
    times = file.stat()
    with file.open("r+b") as content:
        first = content.read(1)
        content.seek(0)
        content.write(bytes([first[0] ^ 1]))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    refused = CliRunner().invoke(app, ["backup", "make", str(filled / "place")])
    assert refused.exit_code == 1
    assert f"{file.name}: its bytes 0 to " in str(refused.exception)
    assert "nothing was copied" in str(refused.exception)
    assert not (filled / "place").exists()


def test_a_folder_with_something_in_it_is_left_alone(filled: Path) -> None:
    told("backup", "make", str(filled / "place"))
    told("backup", "restore", str(filled / "place"), code=1)
    assert shown("list", "--limit", "1")["total"] == 300


def test_a_place_without_a_backup_says_so(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["backup", "verify", str(tmp_path)])
    assert "there is no backup there" in str(result.exception)


@pytest.mark.slow
def test_a_list_that_leads_out_of_the_folder_is_refused(filled: Path) -> None:
    told("backup", "make", str(filled / "place"))
    (said,) = (filled / "place" / "backups").glob("*.json")
    content = json.loads(said.read_text())
    content["files"][0]["path"] = "../elsewhere"
    said.write_text(json.dumps(content))
    told("backup", "restore", str(filled / "place"), "--store", str(filled / "again"), code=1)
    assert not (filled / "elsewhere").exists()
