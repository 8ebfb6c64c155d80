"""The commands of README and docs do what they say, on the demo's data: each runs, and none of them answers nothing."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from documents.commands import ROOT, Block, answers, blocks, pattern

_SHOWN_URL = "http://127.0.0.1:8765"
_BASH = shutil.which("bash") or "bash"
_SECONDS = 120
_COUNT = "1500"

# What is not run here, by how the command begins, and why. A row that no command needs any more is an error.
NOT_RUN = {
    "git clone": "there is no address to clone from yet",
    "cd casbah": "the clone",
    "make": "what it makes has tests of its own; CI runs `make test`",
    "casbah serve": "runs until it is interrupted; tests/cli/test_serve.py",
    "CASBAH_MIMIC_LIST_END=5000 casbah serve": "the same; tests/testing",
    "casbah tail  ": "waits for new activities; tests/cli/test_tail.py",
    "casbah tail --filter": "the same",
    "curl -sN": "the same; tests/http/test_changes.py",
    "casbah backup make s3://": "needs S3-compatible storage; tests/cli/test_backup.py",
    "casbah copy --from ~/.local/share/casbah --to $CASBAH_STORE": "needs a cluster; tests/cluster/test_copy.py",
    "casbah copy --from opensearch": "the same",
    "CASBAH_STORE=opensearch": "the same",
    "casbah migrate": "needs a store of an older format; tests/cli/test_migrate.py",
    "casbah export all.ndjson.zst --resume": "needs an export that broke off; tests/cli/test_export.py",
    "casbah enrich --again --filter": "comes after the one that enriches all of them",
    "casbah compare": "needs another server; tests/cli/test_compare.py",
    "export CASBAH_MDCA_TOKEN": "the same",
    "casbah salvage": "needs a damaged store; tests/cli/test_salvage.py",
    "casbah reconcile": "exits with 1 where the sides differ, as they do here; tests/cli/test_reconcile.py",
    "casbah delete": "asks before it deletes; tests/cli/test_retention.py",
    "casbah pull": "needs a hosted API; tests/cli/test_pull.py",
    "casbah login": "needs a server elsewhere; tests/cli/test_login.py",
    "casbah logout": "the same",
    "casbah session end": "needs somebody who signed in to the pages; tests/cli/test_token.py",
    "python -m tools.bench": "takes hours",
    "JWT=": "needs an identity provider; tests/identity/test_bearer.py",
    'curl -H "Authorization: Bearer $JWT"': "the same",
    "export CASBAH_OIDC": "a setting for `casbah serve`; tests/identity/test_bearer.py",
    "export CASBAH_PLACES": "names files that everybody gets for themselves; tests/ingest/enrich/test_places.py",
    "export CASBAH_PULL": "a setting for `casbah serve`; tests/cli/test_pull.py",
    "export CASBAH_STORE=opensearch": "needs a cluster; tests/cluster",
    "python3 -m venv /opt/casbah": "installs a wheel; tests/test_wheel.py",
    "/opt/casbah-new/bin/": "the same",
    "sudo": "needs root and systemd",
    "/opt/casbah/bin/": "the same",
    "casbah log keys": "needs a server with a log; tests/evidence/test_document.py",
    "mkdir -p kept": "the same",
    'curl -sf -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8765/api/ext/v1/log/checkpoint': "the same",
    "go install": "the same",
    "fsck --ui=false": "the same",
    "go run -C tests/evidence/judge": "the same",
    "grep -F -m 1": "the same",
    "CASBAH_LOG_WITNESSES=": "needs a witness; tests/evidence/test_witnesses.py",
    "witnessctl": "the same; tests/evidence/test_judges.py",
    "casbah check record.tlog-proof record.json": "the same",
    "casbah prove": "the same",
    "casbah export proven.ndjson": "the same",
    "grep -c": "the same",
    "python src/casbah/proof_checker.py": "the same",
    "uvx": "installs a wheel; tests/test_wheel.py",
    "uv tool": "the same",
    "docker compose": "needs a container engine; tests/test_deploy.py",
    "pip install": "the package is not on an index",
}

# Pages whose Python is run by a test of their own.
PYTHON_ELSEWHERE = {
    "docs/client.md": "tests/client/test_document.py",
    "docs/mimic.md": "tests/testing/test_server.py",
    "docs/push.md": "tests/push/test_push.py",
}

SILENT = re.compile(r"export \w+=|\w+=|curl -s .* -o ")
"""What prints nothing when it does well."""

NOTHING = re.compile(r'"total": ?0\b|"data": ?\[\]|^0 of 0\b|\b0 to 0 of 0\b|^casbah: 0 activities\b', re.MULTILINE)
"""An answer that finds nothing."""

BLOCKS = [
    pytest.param(block, id=f"{block.page} {number}")
    for number, block in enumerate(blocks(), 1)
    if block.language != "python"
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[dict[str, str]]:
    """`casbah demo`, serving: what the commands find in their environment."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "CASBAH_STORE": str(home / "store"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "200",
    }
    environment.pop("CASBAH_AUDIT", None)
    with _demo(environment) as url:
        # The demo's token may only read. One more act in the audit trail, which more than one page shows, in any order.
        command = [_BASH, "-c", "casbah token create documents"]
        made = subprocess.run(command, env=environment, timeout=_SECONDS, check=True, capture_output=True, text=True)
        environment |= {"URL": url, "TOKEN": made.stdout.strip()}
        yield environment


@contextmanager
def _demo(environment: dict[str, str]) -> Iterator[str]:
    command = ["casbah", "demo", "--count", _COUNT, "--store", environment["CASBAH_STORE"], "--port", "0"]
    executable = Path(sys.executable).with_name("casbah")
    with subprocess.Popen([executable, *command[1:]], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            text = ""
            while "Ctrl-C stops" not in text:
                line = process.stdout.readline()
                assert line, f"the demo ended: {text}"
                text += line
            yield re.search(r"Casbah serves (\S+)", text)[1]
        finally:
            process.terminate()
            process.communicate(timeout=_SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder that the commands are run in, with the files that they name."""
    found = tmp_path_factory.mktemp("commands")
    samples = ROOT / "tests" / "connectors"
    (found / "exports").mkdir()
    shutil.copyfile(samples / "okta" / "events.ndjson", found / "exports" / "okta.ndjson")
    events = (samples / "cloudtrail" / "events.ndjson").read_bytes()
    (found / "cloudtrail" / "2024").mkdir(parents=True)
    (found / "cloudtrail" / "2024" / "one.json.gz").write_bytes(gzip.compress(events))
    (found / "ranges.csv").write_text(
        "name,ip_address_ranges,category,tag,organization,country,state,city\nHome,192.0.2.7/32,corporate,,,,,\n"
    )
    return found


@pytest.mark.parametrize("block", BLOCKS)
def test_commands_of_a_page_run_and_find_something(block: Block, demo, folder) -> None:
    script = [f"cd {folder}"]
    run = [command for command in block.commands if _reason(command) is None]
    for number, command in enumerate(run):
        script.append(
            f"{{ {_here(command, demo['URL'], folder)}\n}} > out.{number} 2> err.{number} || echo $? > failed.{number}"
        )
    subprocess.run([_BASH, "-c", "\n".join(script)], env=demo, timeout=_SECONDS * max(1, len(run)), check=True)
    for number, command in enumerate(run):
        out, err = ((folder / f"{name}.{number}").read_text(errors="replace") for name in ("out", "err"))
        failed = folder / f"failed.{number}"
        if failed.exists():
            failed.unlink()
            pytest.fail(f"{command}\n{out[-2000:]}\n{err[-2000:]}")
        if not SILENT.match(command):
            assert (out + err).strip(), f"{command}: printed nothing"
        assert not NOTHING.search(out + err), f"{command}: found nothing\n{(out + err)[:2000]}"


def test_the_first_request_of_the_readme_answers_activities(demo) -> None:
    first = next(block for block in blocks() if block.commands[0].startswith("curl"))
    assert first.page == "README.md"
    command = first.commands[0].replace(_SHOWN_URL, demo["URL"])
    done = subprocess.run([_BASH, "-c", command], env=demo, capture_output=True, timeout=_SECONDS, check=True)
    answer = json.loads(done.stdout)
    assert len(answer["data"]) == 10
    assert answer["total"] > 100
    assert answer["hasNext"] is True


@pytest.mark.parametrize(("command", "printed"), list(answers("docs/tutorial.md")))
def test_commands_of_the_tutorial_print_what_it_shows(command: str, printed: str, demo, folder) -> None:
    server = {"CASBAH_URL": demo["URL"], "CASBAH_TOKEN": demo["TOKEN"]}
    script = f"cd {folder}\n{_here(command, demo['URL'], folder)}"
    done = subprocess.run(
        [_BASH, "-c", script], env=demo | server, timeout=_SECONDS, check=True, capture_output=True, text=True
    )
    assert pattern(printed).search(done.stdout + done.stderr), done.stdout + done.stderr


PYTHON = [
    pytest.param(block.commands[0], id=f"{block.page} {number}")
    for number, block in enumerate(blocks(), 1)
    if block.language == "python" and block.page not in PYTHON_ELSEWHERE
]


@pytest.mark.parametrize("program", PYTHON)
def test_programs_of_a_page_run_and_print_something(program: str, demo) -> None:
    text = f"TOKEN = {demo['TOKEN']!r}\n{program.replace(_SHOWN_URL, demo['URL'])}"
    done = subprocess.run(
        [sys.executable, "-c", text], env=demo, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_every_exemption_is_needed() -> None:
    commands = [_plain(command) for block in blocks() if block.language != "python" for command in block.commands]
    assert [start for start in NOT_RUN if not any(command.startswith(start) for command in commands)] == []
    pages = {block.page for block in blocks() if block.language == "python"}
    assert set(PYTHON_ELSEWHERE) <= pages
    assert [test for test in PYTHON_ELSEWHERE.values() if not (ROOT / test).is_file()] == []


def _reason(command: str) -> str | None:
    """Why a command is not run here."""
    return next((why for start, why in NOT_RUN.items() if _plain(command).startswith(start)), None)


def _plain(command: str) -> str:
    return command.replace(".venv/bin/", "")


def _here(command: str, url: str, folder: Path) -> str:
    """The command with this demo's address, and with folders of the test's own."""
    for shown in ("/backup/", "/data/"):
        command = command.replace(f" {shown}", f" {folder}{shown}")
    return _plain(command).replace(_SHOWN_URL, url)
