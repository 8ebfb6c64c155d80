"""The steps of docs/evidence.md, "Checking a log", as an auditor takes them: `make evidence`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from documents.commands import ROOT, commands_of
from evidence import judges
from evidence.served import Filled, batches
from serving.conftest import serving

SHOWN_URL, SHOWN_ID = "http://127.0.0.1:8765", "97134000_15600_97ee2049"
_BASH = shutil.which("bash") or "bash"
_SECONDS = 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an auditor has: a clone of the repository, of which only this is used."""
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / "src").symlink_to(ROOT / "src")
    return tmp_path


def test_the_steps_of_an_auditor(folder, tmp_path_factory, request):
    judges.require(request)
    with serving(tmp_path_factory.mktemp("audited") / "store", log_name="casbah.example.com", log_delay="1") as server:
        filled = Filled(server, "default", tmp_path_factory.mktemp("audited") / "kept")
        first, second = batches(2, 300)
        filled.store(first)
        environment = {
            **os.environ,
            "CASBAH_STORE": str(server.store),
            "TOKEN": filled.token,
            "GOBIN": str(judges.BUILT),
            "PATH": f"{judges.BUILT}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        output = {}
        for command in commands_of("docs/evidence.md", "Checking a log"):
            here = command.replace(SHOWN_URL, server.url).replace(SHOWN_ID, first[7]["_id"])
            done = subprocess.run(
                [_BASH, "-c", here], cwd=folder, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
            )  # fmt: skip
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            output[*command.split()[:3]] = done.stdout + done.stderr
            if command.startswith("curl"):
                filled.store(second)  # What was kept is not the last checkpoint.
    assert "Successfully fsck'd log with size 600 " in output["fsck", "--ui=false", "--storage_url"]
    assert '"inclusion":1000,"consistency":1' in output["go", "run", "-C"]
    assert [found for words, found in output.items() if words[:2] == ("grep", "-c")] == ["1\n"]
    assert '"index": 7' in output["python", "src/casbah/proof_checker.py", "record.tlog-proof"]
