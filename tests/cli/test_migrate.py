"""casbah migrate, and the commands that come across a store of an older format."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from casbah import settings
from casbah.cli.migrate import migrate_first
from casbah.errors import StoreFormatError
from casbah.operations.backup import archive
from casbah.operations.backup.target import open_target
from casbah.store.format import FORMAT, format_of
from casbah.store.migration import migration
from command_line import app
from disks import read_only
from making import NOW

ARCHIVES = Path(__file__).parent.parent / "store" / "migration" / "formats"
TOTAL = 2_599
"""Activities in the tenant `default` of each."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store of format 3."""
    with tarfile.open(ARCHIVES / "format-3.tar.xz") as packed:
        packed.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2 has no filters.
        packed.extractall(tmp_path)  # noqa: S202  an archive of ours
    return tmp_path / "format-3" / "store"


def run(*words: str, store: Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--store", str(store)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_a_migration_is_planned_done_rolled_back_and_dropped(old: Path) -> None:
    planned = json.loads(run("migrate", "--check", "--json", store=old))
    assert (planned["fromFormat"], planned["toFormat"], planned["activities"]) == (3, FORMAT, TOTAL + 20)
    assert format_of(old).number == 3
    assert "now have format" in run("migrate", store=old)
    assert f"the store has format {FORMAT}" in run("migrate", store=old)
    assert "nothing needs to be done" in run("migrate", "--check", store=old)
    for option in ("--roll-back", "--drop-old"):
        assert "add --yes" in run("migrate", option, store=old, code=2)
    assert json.loads(run("migrate", "--roll-back", "--yes", "--json", store=old)) == {"format": 3}
    run("migrate", store=old)
    assert json.loads(run("migrate", "--drop-old", "--yes", "--json", store=old))["bytesFreed"] > 0
    assert list((old / "migrations").iterdir()) == []
    assert "give one of" in run("migrate", "--check", "--drop-old", "--yes", store=old, code=2)


def test_what_only_finishes_an_interrupted_migration_says_so(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migration, "_finish", lambda _: False)
        run("migrate", store=old)
    assert "files were changing places" in run("migrate", "--check", store=old)
    copy = Path(shutil.copytree(old, old.with_name("copy")))
    assert "what was interrupted is finished" in run("migrate", store=old)
    migrate_first(settings.read({}, store=str(copy)))
    messages = capsys.readouterr().err
    assert f"what was interrupted is finished, and the store has format {FORMAT}" in messages
    assert "0 activities" not in messages
    assert "nothing needs to be done" in run("migrate", store=copy)


def test_other_commands_name_it(old: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--store", str(old)])
    assert "casbah migrate" in str(result.exception)


@pytest.mark.parametrize("words", [["serve", "--port", "0"], ["demo"]], ids=" ".join)
def test_one_that_is_read_only_is_not_migrated(old: Path, tmp_path: Path, words: list[str]) -> None:
    with read_only(old, tmp_path / "mounted") as mounted:
        result = CliRunner().invoke(app, [*words, "--store", str(mounted)])
    assert isinstance(result.exception, StoreFormatError)
    assert "casbah migrate" in str(result.exception)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_migrates_first(old: Path, workers: str) -> None:
    command = [sys.executable, "-m", "casbah", "serve", "--port", "0", "--store", str(old)]
    command += [f"--set=workers={workers}", "--set=audit=off"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CASBAH_")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        try:
            end = time.monotonic() + 60
            while not (old / "server.json").exists():
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            server = json.loads((old / "server.json").read_text())
            key = {"Authorization": f"Token {server['key']}"}
            answer = httpx.post(f"{server['url']}/api/v1/activities/", json={}, headers=key, trust_env=False)
            assert answer.json()["total"] == TOTAL
        finally:
            process.send_signal(signal.SIGTERM)
            _, messages = process.communicate(timeout=60)
    assert f"{TOTAL + 20:,} activities of format 3 now have format {FORMAT}" in messages


def test_a_backup_of_an_older_format_is_restored_and_migrated(old: Path, tmp_path: Path) -> None:
    place, restored = str(tmp_path / "backup"), tmp_path / "restored"
    totals = {"default": TOTAL, "other": 20}
    archive.save(old, open_target(place), created=NOW, totals=totals, progress=lambda *_: None)
    assert f"{TOTAL + 20:,} activities" in run("backup", "restore", place, store=restored)
    assert format_of(restored).number == FORMAT
    assert CliRunner().invoke(app, ["backup", "verify", place, "--open"]).exit_code == 0
