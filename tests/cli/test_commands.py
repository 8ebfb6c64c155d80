"""The commands as a person or a script runs them: real processes, a store of their own."""

import gzip
import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from making import NOW, record

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMANDS = [
    pytest.param(each, id=" ".join(each))
    for each in (
        ["serve"], ["demo"], ["ingest"], ["reconcile"], ["compare"], ["check"], ["list"], ["show"], ["feedback"], ["token", "create"], ["token", "list"], ["token", "revoke"],
    )
]  # fmt: skip


def environment_of_demo(folder: Path) -> dict[str, str]:
    return {**os.environ, "CASBAH_STORE": str(folder / "store")}


def environment(store: Path) -> dict[str, str]:
    return {**os.environ, "CASBAH_STORE": str(store), "CASBAH_PORT": "0", "COLUMNS": "200"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    store = tmp_path / "store"

    def casbah(*arguments: str, stdin: bytes = b"", code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "casbah", *arguments]
        ran = subprocess.run(command, env=environment(store), input=stdin, capture_output=True, check=False)
        done = subprocess.CompletedProcess(command, ran.returncode, ran.stdout.decode(), ran.stderr.decode())
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return casbah


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with serving(tmp_path / "store") as process:
        yield process


class serving:  # noqa: N801  reads as a verb
    def __init__(self, store: Path) -> None:
        self.store = store

    def __enter__(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "casbah", "serve"]
        self.process = subprocess.Popen(command, env=environment(self.store), stderr=subprocess.DEVNULL)
        patience = time.monotonic() + 60
        while not (self.store / "server.json").exists():
            assert self.process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.02)
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def lines(count: int) -> bytes:
    return b"\n".join(json.dumps(record(n, user={"userName": f"u{n % 3}@contoso.com"})).encode() for n in range(count))


def report(file: Path, **counts: Any) -> dict[str, Any]:
    """What `casbah ingest --json` prints of one file of MDCA's records; `counts` are those that are not 0."""
    of_file = {"read": 0, "stored": 0, "duplicates": 0, "refused": 0, "sources": {"mdca": 0}, "reasons": {}, **counts}
    of_file["sources"] = {
        "mdca": of_file["read"] - of_file["reasons"].get("not JSON: no object or list begins here", 0)
    }
    return {**of_file, "skipped": 0, "suspicious": {}, "files": [{"file": str(file), **of_file, "skipped": ""}]}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(run: Run, command: list[str]) -> None:
    assert f"Example: casbah {' '.join(command)}" in " ".join(run(*command, "--help").stdout.split())


@pytest.mark.slow
def test_version_and_usage(run: Run) -> None:
    assert run("--version").stdout.startswith("casbah ")
    assert "ingest" in run(code=2).stderr
    run("no-such-command", code=2)


@pytest.mark.slow
def test_ingest_counts_and_twice_changes_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "records.ndjson"
    file.write_bytes(lines(5))
    ran = run("ingest", str(file), "--json")
    assert json.loads(ran.stdout.splitlines()[-1]) == report(file, read=5, stored=5)
    assert "mdca" in ran.stderr
    again = json.loads(run("ingest", str(file), "--json").stdout)
    assert again == report(file, read=5, duplicates=5)


@pytest.mark.slow
def test_ingest_of_every_container(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    every = lines(6).splitlines()
    (folder / "a.json.gz").write_bytes(gzip.compress(every[0]))
    (folder / "b.json").write_bytes(b"[" + b",".join(every[1:3]) + b"]")
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.writestr("inner.json", b'{"data": [' + every[3] + b'], "hasNext": false, "total": 1}')
    (folder / "d.ndjson").write_bytes(every[4])
    assert json.loads(run("ingest", str(folder), "--json").stdout)["stored"] == 5
    assert json.loads(run("ingest", "-", "--json", stdin=every[5]).stdout)["stored"] == 1


def test_what_is_refused_is_kept_with_its_reason(run: Run, tmp_path: Path) -> None:
    file, rejects = tmp_path / "mixed.ndjson", tmp_path / "rejects.ndjson"
    file.write_bytes(lines(2) + b'\nnot json\n{"_id": "x", "appId": 1, "entityData": {}}\n')
    ran = run("ingest", str(file), "--json", "--rejects", str(rejects), code=1)
    reasons = {"not JSON: no object or list begins here": 1, "no usable time: timestamp is absent": 1}
    assert json.loads(ran.stdout) == report(file, read=4, stored=2, refused=2, reasons=reasons)
    kept = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert [(each["line"], each["event"]) for each in kept] == [
        (3, "not json"),
        (4, '{"_id": "x", "appId": 1, "entityData": {}}'),
    ]
    assert "no usable time" in kept[1]["reason"]
    assert str(rejects) in "".join(ran.stderr.split("\n"))


@pytest.mark.slow
def test_what_cannot_be_ingested(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "odd.ndjson"
    odd.write_bytes(b'{"what": "is this"}')
    assert "source not recognized; known: " in run("ingest", str(odd), code=1).stderr
    assert (
        "unknown source 'clodtrail'; did you mean 'cloudtrail'?"
        in run("ingest", str(odd), "--source", "clodtrail", code=1).stderr
    )
    assert "absent does not exist" in run("ingest", str(tmp_path / "absent"), code=2).stderr


@pytest.mark.slow
def test_list_show_and_feedback(run: Run) -> None:
    run("ingest", "-", stdin=lines(120))
    assert "activity-0" in run("list", "--limit", "2").stdout
    assert run("list", "--count").stdout == "120\n"
    found = json.loads(run("list", "--filter", "user.username eq u1@contoso.com", "--limit", "1", "--json").stdout)
    assert (found["total"], found["hasNext"], found["data"][0]["_id"]) == (40, True, "activity-1")
    both = ("--filter", "user.username eq u1@contoso.com", "--filter", "user.username eq u2@contoso.com")
    assert json.loads(run("list", *both, "--count", "--json").stdout) == {"total": 80}
    assert run("list", "--filter", 'activity.id eq ["activity-3", "activity-4"]', "--count").stdout == "2\n"
    assert run("list", "--filters", '{"text": {"text": "contoso u0"}}', "--count").stdout == "40\n"
    page = run("list", "--ndjson", "--limit", "110", "--skip", "5", "--asc").stdout.splitlines()
    assert [json.loads(line)["_id"] for line in page] == [f"activity-{n}" for n in range(114, 4, -1)]
    assert len(run("list", "--all").stdout.splitlines()) == 120
    assert json.loads(run("show", "activity-7", "--json").stdout) == record(7, user={"userName": "u1@contoso.com"})
    assert "contoso" in run("show", "activity-7").stdout
    run("feedback", "activity-7", "--text", "our scanner", "--no-allow-contact")
    told = json.loads(run("feedback", "activity-7", "--list", "--json").stdout)
    assert [(each["feedbackText"], each["allowContact"]) for each in told] == [("our scanner", False)]


@pytest.mark.slow
def test_errors_name_the_next_step(run: Run) -> None:
    run("ingest", "-", stdin=lines(1))
    assert "did you mean 'service'?" in run("list", "--filter", "sevice eq 1", code=1).stderr
    assert (
        "character 6: Verb: no value is called 'donwload'; did you mean 'download'?"
        in run("list", "verb:donwload", code=1).stderr
    )
    assert json.loads(run("list", "--json", "--filter", "verb eq donwload").stdout)["total"] == 0
    assert "NAME OPERATOR VALUE" in run("list", "--filter", "service", code=2).stderr
    assert "no activity 'nothing' in tenant 'default'; `casbah list --json`" in run("show", "nothing", code=1).stderr
    assert "no activity 'nothing'" in run("feedback", "nothing", "--text", "x", code=1).stderr
    assert "feedback needs at least one of" in run("feedback", "nothing", code=1).stderr
    assert "use 1 to 64 of a-z" in run("list", "--tenant", "No/Good", code=1).stderr


@pytest.mark.slow
def test_tokens_without_a_server(run: Run) -> None:
    made = json.loads(
        run("token", "create", "dash", "--scopes", "Investigation.read", "--tenant", "acme", "--json").stdout
    )
    assert len(made["token"]) == 80
    listed = json.loads(run("token", "list", "--json").stdout)
    assert [(each["name"], each["tenant"], each["status"]) for each in listed] == [("dash", "acme", "Generated")]
    assert "dash" in run("token", "list").stdout
    run("token", "revoke", "dash")
    assert json.loads(run("token", "list", "--json").stdout)[0]["status"] == "Revoked"
    assert "no token 'dash'" in run("token", "revoke", "dash", code=1).stderr
    assert "'Nothing.read': expected some of" in run("token", "create", "x", "--scopes", "Nothing.read", code=2).stderr


@pytest.mark.slow
def test_everything_works_while_a_server_runs(run: Run, served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    file = tmp_path / "store" / "server.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    server = json.loads(file.read_text(encoding="utf-8"))
    assert json.loads(run("ingest", "-", "--json", stdin=lines(50)).stdout)["stored"] == 50
    assert run("list", "--count").stdout == "50\n"
    token = json.loads(run("token", "create", "dash", "--json").stdout)["token"]
    answer = httpx.get(
        f"{server['url']}/api/v1/activities/", headers={"Authorization": f"Token {token}"}, trust_env=False
    )
    assert answer.json()["total"] == 50
    limit = time.monotonic() + 30  # A worker writes down within a second when a token was used.
    while json.loads(run("token", "list", "--json").stdout)[0]["status"] != "Active":
        assert time.monotonic() < limit
    assert f"in use by process {served.pid}" in run("serve", code=1).stderr
    served.send_signal(signal.SIGTERM)
    assert served.wait(30) == 0
    assert not file.exists()
    assert run("list", "--count").stdout == "50\n"


@pytest.mark.slow
def test_what_a_killed_server_leaves_behind_is_no_hindrance(
    run: Run, served: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    run("ingest", "-", stdin=lines(3))
    served.kill()
    served.wait()
    assert (tmp_path / "store" / "server.json").exists()
    assert run("list", "--count").stdout == "3\n"


def test_a_taken_port_is_said_in_one_line(run: Run, served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    url = json.loads((tmp_path / "store" / "server.json").read_text(encoding="utf-8"))["url"]
    ran = run("serve", "--store", str(tmp_path / "other"), "--port", url.rpartition(":")[2], code=1)
    assert ran.stderr.startswith("casbah: cannot listen on 127.0.0.1:")
    assert len(ran.stderr.splitlines()) == 1
    assert served.poll() is None


@pytest.mark.slow
def test_demo(run: Run) -> None:
    ran = run("demo", "--once", "--count", "1500", "--port", "0")
    assert ran.stdout.count("curl -s -H") == 3
    assert "TOKEN=" in ran.stdout
    assert "/docs" in ran.stdout
    held = int(run("list", "--count").stdout.replace(",", ""))
    assert held > 1_700
    again = run("demo", "--once", "--port", "0")
    assert f"already has {held:,} activities" in again.stderr
    tokens = json.loads(run("token", "list", "--json").stdout)
    assert [(each["name"], each["scopes"]) for each in tokens] == [("demo", ["Investigation.read"])] * 2
    assert tokens[0]["status"] == "Revoked"
    assert tokens[1]["expires"] - tokens[1]["created"] == 86_400_000


@pytest.mark.slow
def test_the_demo_serves_before_everything_is_stored(tmp_path: Path) -> None:
    environment = {**environment_of_demo(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "casbah", "demo", "--count", "9000", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        try:
            shown = ""
            while "Ctrl-C stops" not in shown:
                shown += demo.stdout.readline()
            url, token = (shown.split(word)[1].split()[0] for word in ("Casbah serves ", "TOKEN="))
            headers = {"Authorization": f"Token {token}"}
            first = httpx.get(f"{url}/api/v1/activities/?limit=1", headers=headers, trust_env=False, timeout=60).json()
            assert first["total"] >= 5_000
            patience = time.monotonic() + 120
            while (
                now := httpx.get(
                    f"{url}/api/v1/activities/?limit=1", headers=headers, trust_env=False, timeout=60
                ).json()
            )["total"] < 9_200:
                assert time.monotonic() < patience
                time.sleep(0.2)
            assert now["data"] == first["data"]  # The newest come first.
        finally:
            demo.send_signal(signal.SIGINT)
            last_line = demo.communicate(timeout=60)[1]
    assert "stored 5,000 activities in" in last_line
    assert "the others follow" in last_line
    assert demo.returncode == 0


@pytest.mark.slow
def test_the_demo_can_be_stopped_while_it_stores(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "casbah", "demo", "--port", "0"]
    with subprocess.Popen(
        command, env=environment_of_demo(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        shown = ""
        while "Ctrl-C stops" not in shown:
            shown += demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        last_line = demo.communicate(timeout=60)[1]
    assert (demo.returncode, "Traceback" in last_line) == (0, False), last_line


def test_records_are_dated_as_they_were(run: Run) -> None:
    run("ingest", "-", stdin=lines(1))
    assert json.loads(run("list", "--json").stdout)["data"][0]["timestamp"] == NOW
