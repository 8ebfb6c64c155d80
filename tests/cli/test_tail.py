"""casbah tail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.activity.tenant import TenantId
from casbah.cli.server_file import announced
from casbah.cli.tail import NothingToFollowError
from command_line import app
from making import arrival, empty_store, record
from scenarios.server import serving


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    return tmp_path


def ingested(folder: Path, *numbers: int) -> list[str]:
    (folder / "records.ndjson").write_text("".join(json.dumps(record(number)) + "\n" for number in numbers))
    assert CliRunner().invoke(app, ["ingest", str(folder / "records.ndjson")]).exit_code == 0
    return [record(number)["_id"] for number in numbers]


def shown(*words: str) -> list[str]:
    result = CliRunner().invoke(app, ["tail", "--no-follow", "--ndjson", *words])
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line)["_id"] for line in result.stdout.splitlines()]


@pytest.mark.slow
def test_it_goes_on_from_the_file(folder: Path) -> None:
    first, kept = ingested(folder, 3, 1, 2), str(folder / "seen")
    assert shown("--since", "start", "--cursor-file", kept) == first
    assert shown("--since", "start", "--cursor-file", kept) == []
    second = ingested(folder, 9, 8)
    assert shown("--cursor-file", kept) == second
    assert shown() == []
    assert shown("--since", "start") == [*first, *second]


def test_people_see_a_table(folder: Path) -> None:
    ingested(folder, 1)
    assert "2025" in CliRunner().invoke(app, ["tail", "--no-follow", "--since", "start"]).stdout


def test_nobody_waits_for_what_cannot_come(folder: Path) -> None:
    empty_store(folder / "store")
    result = CliRunner().invoke(app, ["tail"])
    assert isinstance(result.exception, NothingToFollowError)
    assert "start `casbah serve`" in str(result.exception)


@pytest.mark.slow
def test_it_follows_a_running_server(folder: Path) -> None:
    with serving(folder / "store") as (url, house), announced(folder / "store", url=url, key=house.local_key):
        house.services.store.tenant(TenantId("default")).insert([arrival(record(1))])
        command = [sys.executable, "-m", "casbah", "tail", "--since", "start", "--ndjson"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["_id"] == "activity-1"
            house.services.store.tenant(TenantId("default")).insert([arrival(record(2))])
            assert json.loads(process.stdout.readline())["_id"] == "activity-2"
            process.terminate()
