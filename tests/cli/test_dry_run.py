"""`casbah ingest --dry-run` reports what a run would, opens no store, and writes nothing."""

import json
import os
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from command_line import app
from making import record

SAMPLES = Path(__file__).parent.parent / "connectors"
COUNTS = ("read", "stored", "duplicates", "refused", "skipped", "suspicious")


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """A folder with events of two sources, repeated ones, another one of the same id, unreadable ones, and a pipe."""
    folder = tmp_path / "exports"
    folder.mkdir()
    trail = (SAMPLES / "cloudtrail" / "events.ndjson").read_bytes()
    okta = (SAMPLES / "okta" / "events.ndjson").read_bytes()
    changed = json.loads(okta.splitlines()[0]) | {"displayMessage": "changed"}
    first, second = (json.dumps(record(number)).encode() + b"\n" for number in (1, 2))
    (folder / "a.ndjson").write_bytes(trail + okta + json.dumps(changed).encode() + b"\n")
    (folder / "b.ndjson").write_bytes(trail + first + b'{"odd": 1}\nnot json\nnot json\n' + second)
    (folder / "c.pdf").write_bytes(b"%PDF-1.4\n")
    os.mkfifo(folder / "pipe")
    return folder


def ingest(*arguments: str | Path, code: int = 0, stdin: bytes = b"") -> Result:
    done = CliRunner().invoke(app, ["ingest", *map(str, arguments)], input=stdin, env={"COLUMNS": "300"})
    assert done.exit_code == code, done.output
    return done


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_it_counts_as_a_run_into_an_empty_store_does(exports: Path, tmp_path: Path) -> None:
    dry = json.loads(ingest(exports, "--dry-run", "--json", code=1).stdout)
    run = json.loads(ingest(exports, "--json", "--store", tmp_path / "store", code=1).stdout)
    assert dry == run
    lines = len((SAMPLES / "cloudtrail" / "events.ndjson").read_bytes().splitlines())
    assert (run["duplicates"], run["refused"], run["skipped"]) == (lines, 4, 1)


def test_an_event_after_the_record_that_was_exported_of_it_is_a_duplicate(tmp_path: Path) -> None:
    events, store, exported = (tmp_path / name for name in ("events.ndjson", "store", "exported.ndjson"))
    events.write_bytes((SAMPLES / "cloudtrail" / "events.ndjson").read_bytes())
    ingest(events, "--store", store)
    assert CliRunner().invoke(app, ["export", str(exported), "--store", str(store)]).exit_code == 0
    for number, paths in enumerate([(exported, events), (events, exported)]):
        dry = json.loads(ingest(*paths, "--dry-run", "--json").stdout)
        run = json.loads(ingest(*paths, "--json", "--store", tmp_path / f"again-{number}").stdout)
        assert {name: dry[name] for name in COUNTS} == {name: run[name] for name in COUNTS}
        assert run["stored"] == run["duplicates"] == len(events.read_bytes().splitlines())


ROW = {
    "ReportId": "r1",
    "Timestamp": "2024-01-01T00:00:00Z",
    "ActionType": "FileDownloaded",
    "ApplicationId": 15600,
    "AccountId": "ann@contoso.com",
}
RECORD = {
    "_id": "r1",
    "uid": "r1",
    "appId": 15600,
    "timestamp": 1_704_067_200_000,
    "created": 5,
    "user": {"userName": "ann@contoso.com"},
}


@pytest.mark.parametrize("order", list(permutations([ROW, RECORD, ROW | {"City": ""}])), ids=str)
def test_copies_of_an_activity_are_counted_as_a_run_counts_them(tmp_path: Path, order: list[dict[str, Any]]) -> None:
    file = tmp_path / "copies.ndjson"
    file.write_text("".join(json.dumps(event) + "\n" for event in order))
    dry = json.loads(ingest(file, "--dry-run", "--json").stdout)
    run = json.loads(ingest(file, "--json", "--store", tmp_path / "store").stdout)
    assert {name: dry[name] for name in COUNTS} == {name: run[name] for name in COUNTS}
    assert run["stored"] + run["duplicates"] == len(order)


def test_it_reports_sources_and_reasons_per_file(exports: Path) -> None:
    done = ingest(exports, "--dry-run", "--json", code=1)
    report = json.loads(done.stdout)
    files = {Path(file["file"]).name: file for file in report["files"]}
    assert list(files) == ["a.ndjson", "b.ndjson", "c.pdf", "pipe"]
    lines = len((SAMPLES / "cloudtrail" / "events.ndjson").read_bytes().splitlines())
    assert (files["a.ndjson"]["sources"]["cloudtrail"], files["a.ndjson"]["duplicates"]) == (lines, 0)
    assert (files["b.ndjson"]["sources"], files["b.ndjson"]["stored"]) == ({"cloudtrail": lines, "mdca": 2}, 2)
    assert sum(files["b.ndjson"]["reasons"].values()) == files["b.ndjson"]["refused"] == 3
    assert files["pipe"]["skipped"] == "a named pipe is read only if named itself"
    assert report["sources"]["cloudtrail"] == 2 * lines
    for name in COUNTS[:4]:
        assert report[name] == sum(file[name] for file in files.values())
    for file in files.values():
        for reason, count in file["reasons"].items():
            assert f"{file['file']}: {count} refused: {reason}" in done.stderr
    assert "would be stored" in done.stderr
    assert "dry run: nothing was stored" in done.stderr


@pytest.mark.parametrize("name", ["store", "file", "file/below", "exports"])
def test_it_opens_no_store_and_writes_nothing(
    name: str, exports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no store")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = entries(tmp_path)
    ingest(exports / "a.ndjson", exports / "c.pdf", "--dry-run", "--store", tmp_path / name, code=1)
    ingest("-", "--dry-run", "--store", tmp_path / name, stdin=(exports / "a.ndjson").read_bytes())
    assert entries(tmp_path) == before


def test_it_takes_no_rejects_file(exports: Path, tmp_path: Path) -> None:
    done = ingest(exports, "--dry-run", "--rejects", tmp_path / "rejects.ndjson", code=2)
    assert "a dry run writes no file" in " ".join(done.stderr.split())
    assert not (tmp_path / "rejects.ndjson").exists()


def test_a_source_and_a_tenant_are_checked(exports: Path) -> None:
    done = ingest(exports / "a.ndjson", "--dry-run", "--json", "--source", "okta", code=1)
    assert set(json.loads(done.stdout)["sources"]) == {"okta"}
    failed = CliRunner().invoke(app, ["ingest", str(exports), "--dry-run", "--tenant", "a/b"])
    assert "tenant" in str(failed.exception)
