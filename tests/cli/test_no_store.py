"""A command that reads never creates a store: a mistyped path is an error, and nothing is on the disk afterwards."""

from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from command_line import app

READS = [
    ["list"],
    ["show", "x"],
    ["feedback", "x", "--text", "seen"],
    ["top", "service"],
    ["histogram"],
    ["tail", "--no-follow"],
    ["export", "out.csv"],
    ["prove", "x"],
    ["log", "keys"],
    ["log", "renew"],
    ["log", "rotate"],
    ["log", "write", "log"],
    ["enrich"],
    ["enrich", "--again"],
    ["doctor"],
    ["verify"],
    ["salvage", "saved"],
    ["reconcile", "events.ndjson"],
    ["compare", "--mdca", "http://127.0.0.1:9"],
    ["pull", "--list", "--file", "pull.toml"],
    ["push", "status"],
    ["push", "replay", "x"],
    ["backup", "make", "place"],
    ["migrate"],
    ["delete", "--everything", "--yes"],
    ["retention", "list"],
    ["retention", "add", "x", "--days", "1", "--everything"],
    ["retention", "hold", "x", "--everything"],
    ["retention", "remove", "x"],
    ["retention", "apply"],
    ["retention", "trail"],
    ["ranges", "list"],
    ["ranges", "add", "x", "192.0.2.0/24", "--category", "corporate"],
    ["ranges", "remove", "x"],
    ["ranges", "load", "ranges.csv"],
    ["rejects", "list"],
    ["rejects", "replay", "--everything"],
    ["rejects", "remove", "x"],
    ["session", "list"],
    ["session", "end", "x"],
    ["token", "list"],
    ["token", "revoke", "x"],
]
CREATES = [["serve"], ["demo"], ["ingest"], ["pull"], ["token", "create"], ["backup", "restore"]]
OTHERS = [
    ["health"],
    ["help"],
    ["settings"],
    ["sources"],
    ["completion", "bash"],
    ["check"],
    ["login", "http://127.0.0.1:9"],
    ["logout"],
    ["servers"],
    ["backup", "list"],
    ["backup", "verify"],
    ["copy"],
]
"""They open no store, or name it in another way, as `copy` does."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pull.toml").write_text('[okta]\nkind = "okta"\nurl = "https://x.example"\ntoken = "x"\n')
    (tmp_path / "ranges.csv").write_text("name,ip_address_ranges,category,tag(id),isp_name\n")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("CASBAH_MDCA_TOKEN", "x")


def entries(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def names(words: list[str]) -> tuple[str, ...]:
    groups = {"push", "backup", "retention", "ranges", "rejects", "session", "token", "log"}
    return tuple(words[:2] if words[0] in groups else words[:1])


def test_every_command_is_in_a_table() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    known = {
        (name, *inner)
        for name, command in commands.items()
        for inner in ([(each,) for each in command.commands] if hasattr(command, "commands") else [()])
    }
    assert {names(words) for words in (*READS, *CREATES, *OTHERS)} == known


@pytest.mark.parametrize("how", ["--store", "CASBAH_STORE"])
@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_a_command_that_reads_creates_nothing(words: list[str], how: str, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "mistyped" / "store"
    monkeypatch.setenv("CASBAH_STORE", str(path if how == "CASBAH_STORE" else tmp_path / "other"))
    before = entries(tmp_path)
    result = CliRunner().invoke(app, [*words, "--store", str(path)] if how == "--store" else words)
    said = " ".join(result.stderr.replace("│", " ").split())
    assert (result.exit_code, f"no store at {path}: not found" in said) == (2, True), (said, result.exception)
    assert "casbah ingest" in said
    assert entries(tmp_path) == before


@pytest.mark.parametrize(("there", "seen"), [("folder", "the folder is not a store"), ("file", "not a folder")])
def test_what_is_there_but_no_store_is_left_alone(there: str, seen: str, tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.mkdir() if there == "folder" else path.write_text("x")
    before = entries(tmp_path)
    result = CliRunner().invoke(app, ["list", "--store", str(path)])
    said = " ".join(result.stderr.replace("│", " ").split())
    assert (result.exit_code, seen in said) == (2, True), said
    assert entries(tmp_path) == before


def test_copy_creates_no_store_to_copy_from(tmp_path: Path) -> None:
    before = entries(tmp_path)
    result = CliRunner().invoke(app, ["copy", "--from", str(tmp_path / "mistyped"), "--to", str(tmp_path / "to")])
    said = " ".join(result.stderr.replace("│", " ").split())
    assert (result.exit_code, f"no store at {tmp_path / 'mistyped'}" in said) == (2, True), said
    assert entries(tmp_path) == before


@pytest.mark.parametrize("words", [["ingest", "-"], ["token", "create", "x"]], ids=" ".join)
def test_a_store_is_made_in_an_empty_folder_alone(words: list[str], tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "events.ndjson").write_text("{}\n")
    before = entries(tmp_path)
    for path, says in ((logs, "it holds 'events.ndjson'"), (logs / "events.ndjson", "is a file, not a folder")):
        result = CliRunner().invoke(app, [*words, "--store", str(path)], input="{}")
        assert (result.exit_code, says in " ".join(result.stderr.split())) == (2, True), result.output
    assert entries(tmp_path) == before


@pytest.mark.parametrize("name", ["lock", "lost+found", ".keep"])
def test_what_is_no_hindrance_to_a_new_store(name: str, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).touch()
    (tmp_path / "event.ndjson").write_text('{"_id":"x","timestamp":1,"appId":1}\n')
    result = CliRunner().invoke(app, ["ingest", str(tmp_path / "event.ndjson"), "--store", str(tmp_path / "store")])
    assert (result.exit_code, "created a new store at" in result.stderr) == (0, True), result.output


def test_a_first_token_and_a_first_ingest_make_a_store(tmp_path: Path) -> None:
    event = tmp_path / "event.ndjson"
    event.write_text('{"_id":"x","timestamp":1,"appId":1}\n')
    for number, words in enumerate((["token", "create", "first"], ["ingest", str(event)])):
        store = str(tmp_path / f"store{number}")
        assert CliRunner().invoke(app, [*words, "--store", store]).exit_code == 0
        assert CliRunner().invoke(app, ["list", "--store", store]).exit_code == 0
