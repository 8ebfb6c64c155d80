"""casbah export."""

import json
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from casbah.base.backoff import Backoff
from casbah.cli import export
from casbah.cli.connection import Api
from casbah.errors import ServerRefusedError
from casbah.testing.records import records
from command_line import app

RECORDS = records(300, until=1_760_000_000_000)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    told("ingest", str(tmp_path / "records.ndjson"))
    return tmp_path


def told(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stderr


@pytest.mark.slow
def test_the_ending_says_the_format(folder: Path) -> None:
    said = told("export", str(folder / "all.parquet"))
    assert said.startswith("casbah: 300 activities, ")
    assert parquet.read_table(folder / "all.parquet").num_rows == 300
    told("export", str(folder / "few.csv"), "--filter", "service eq 11161", "--columns", "id, time", "--asc")
    lines = (folder / "few.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ("id,time", 101)
    told("export", str(folder / "all.ndjson.gz"))
    assert (folder / "all.ndjson.gz").read_bytes()[:2] == b"\x1f\x8b"
    told("export", str(folder / "plain"), "--format", "ndjson")
    assert {json.loads(line)["_id"] for line in (folder / "plain").read_text().splitlines()} == {
        record["_id"] for record in RECORDS
    }
    assert list((folder / "store" / "exports").iterdir()) == []
    assert [each.name for each in folder.iterdir() if each.name.endswith(".part")] == []


def test_without_an_ending_it_asks_for_one(folder: Path) -> None:
    assert "use one of .csv, .ndjson, .cef, .parquet, .arrow, or" in " ".join(
        told("export", str(folder / "all.xyz"), code=2).split()
    )


def test_a_file_of_another_format_is_not_replaced(folder: Path) -> None:
    file = folder / "all.csv"
    told("export", str(file))
    before = file.read_bytes()
    said = " ".join(told("export", str(file), "--format", "parquet", code=2).split())
    assert "by its name it is csv, not parquet" in said
    assert file.read_bytes() == before
    told("export", str(file), "--format", "csv")
    told("export", str(folder / "new.csv"), "--format", "parquet")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "says"), [("no/all.csv", "create it first"), ("store", "is a folder; name a file")])
def test_where_it_cannot_be_written_no_export_begins(folder: Path, name: str, says: str) -> None:
    assert says in " ".join(told("export", str(folder / name), "--format", "csv", code=2).split())
    assert not (folder / "store" / "exports").exists() or list((folder / "store" / "exports").iterdir()) == []


def test_an_export_that_is_not_there_is_named(folder: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(folder / "all.csv"), "--resume", "no/such#x"])
    assert "no export 'no/such#x' in tenant 'default'; start a new one without --resume" in str(result.exception)


def test_what_broke_off_is_gone_on_with(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    send = Api.ask

    def breaking(self: Api, method: str, path: str, **options: object) -> httpx.Response:
        wanted = options.get("headers", {})
        if path.endswith("/file"):
            asked.append(wanted["Range"])
            if len(asked) > 2:
                raise httpx.ReadError("the line is dead")
        return send(self, method, path, **options)

    monkeypatch.setattr(export, "_PART", 10_000)
    monkeypatch.setattr(export, "_BACKOFF", Backoff(0.001, 1.0))
    with monkeypatch.context() as patch:
        patch.setattr(Api, "ask", breaking)
        said = told("export", str(folder / "all.ndjson"), code=1)
    assert len(asked) == 2 + export._TRIES
    command = next(line for line in said.splitlines() if "to resume:" in line).partition("casbah export ")[2].split()
    asked.clear()
    assert not (folder / "all.ndjson").exists()

    def counting(self: Api, method: str, path: str, **options: object) -> httpx.Response:
        asked.append(path)
        return send(self, method, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Api, "ask", counting)
        told("export", *command)
    content = (folder / "all.ndjson").read_bytes()
    assert len(content.splitlines()) == 300
    assert sum(each.endswith("/file") for each in asked) == -(-len(content) // 10_000) - 2


@pytest.mark.slow
def test_what_came_wrong_is_not_given_the_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Api.ask

    def garbling(self: Api, method: str, path: str, **options: object) -> httpx.Response:
        answer = send(self, method, path, **options)
        return httpx.Response(200, content=bytes(len(answer.content))) if path.endswith("/file") else answer

    monkeypatch.setattr(Api, "ask", garbling)
    result = CliRunner().invoke(app, ["export", str(folder / "all.csv")])
    assert isinstance(result.exception, ServerRefusedError)
    assert "SHA-256 differs" in str(result.exception)
    assert not (folder / "all.csv").exists()


@pytest.mark.slow
def test_a_failed_export_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_EXPORT_SPARE", str(10**17))
    result = CliRunner().invoke(app, ["export", str(folder / "all.csv")])
    assert "the export failed: the disk has less than" in str(result.exception)
