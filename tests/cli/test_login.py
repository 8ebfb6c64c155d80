"""Commands against a server elsewhere: `casbah login`, CASBAH_URL and CASBAH_TOKEN, --url."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.main import get_command

from casbah.testing.server import Server, casbah_server
from command_line import app
from making import record

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with casbah_server() as running:
        running.add(record(n, user={"userName": f"u{n}@contoso.example"}) for n in range(5))
        yield running


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def casbah(*arguments: str, stdin: str = "", code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "casbah", *arguments],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "200", **environment},
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stderr
        assert "Traceback" not in ran.stderr
        return ran

    return casbah


def known(folder: Path) -> Path:
    return folder / "config" / "casbah" / "servers.json"


def test_after_a_login_commands_ask_that_server(run: Run, server: Server, tmp_path: Path) -> None:
    ran = run("login", server.url, "--name", "work", stdin=f"{server.token}\n")
    assert server.token not in ran.stdout + ran.stderr
    assert stat.S_IMODE(known(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE(known(tmp_path).parent.stat().st_mode) == 0o700
    assert run("list", "--count").stdout == "5\n"
    assert json.loads(run("show", "activity-3", "--json").stdout)["_id"] == "activity-3"
    assert "u3@contoso.example" in run("top", "user.username").stdout
    assert run("histogram", "--json").stdout.count('"total":')
    assert len(run("tail", "--no-follow", "--since", "start", "--ndjson").stdout.splitlines()) == 5
    run("export", "all.ndjson")
    assert len((tmp_path / "all.ndjson").read_text().splitlines()) == 5
    assert json.loads(run("servers", "--json").stdout) == [{"name": "work", "url": server.url, "current": True}]
    assert server.token not in run("servers").stdout
    run("logout")
    assert server.token not in known(tmp_path).read_text()
    assert "no store at" in run("list", code=2, XDG_DATA_HOME=str(tmp_path / "data")).stderr


def test_the_environment_and_the_option_name_a_server(run: Run, server: Server) -> None:
    assert run("list", "--count", CASBAH_URL=server.url, CASBAH_TOKEN=server.token).stdout == "5\n"
    assert run("list", "--count", "--url", server.url, CASBAH_TOKEN=server.token).stdout == "5\n"
    assert "casbah login" in run("list", "--url", server.url, code=1).stderr
    assert "5 activities match" in run("list", "by:app", "--url", server.url, CASBAH_TOKEN=server.token).stderr


def test_what_is_asked_first(run: Run, server: Server, tmp_path: Path) -> None:
    run("login", server.url, "--name", "work", stdin=server.token)
    (tmp_path / "one.ndjson").write_text(json.dumps(record(1)))
    store = str(tmp_path / "store")
    run("ingest", "one.ndjson", "--store", store)
    assert run("list", "--count").stdout == "5\n"
    assert run("list", "--count", "--store", store).stdout == "1\n"
    assert run("list", "--count", CASBAH_STORE=store).stdout == "1\n"
    assert run("list", "--count", "--url", "work", CASBAH_STORE=store).stdout == "5\n"
    assert run("list", "--count", "--store", store, CASBAH_URL="work").stdout == "1\n"
    assert "either a server or a store" in run("list", "--url", "work", "--store", store, code=2).stderr


def test_another_server_never_gets_the_token_of_a_login(run: Run, server: Server) -> None:
    run("login", server.url, "--name", "work", stdin=server.token)
    got: list[str | None] = []

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.headers.get("authorization"))
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        assert "no token for" in run("list", "--url", url, code=1).stderr
        assert "answers with a web page" in run("list", "--url", url, code=1, CASBAH_TOKEN="another").stderr
        other.shutdown()
    assert got == ["Token another"]


MISTAKES = [
    pytest.param(["login", "casbah.example"], "x", 1, "expected the address of a server", id="no scheme"),
    pytest.param(["login", "https://ann:secret@casbah.example"], "x", 1, "expected the address", id="a password"),
    pytest.param(["login", "http://127.0.0.1:9"], "x", 1, "http://127.0.0.1:9 did not answer", id="nothing listens"),
    pytest.param(["login", "http://127.0.0.1:9"], "", 2, "expected one word", id="no token"),
    pytest.param(["login", "http://127.0.0.1:9", "--name", "a b"], "x", 2, "use letters", id="a name with a blank"),
    pytest.param(["list", "--url", "wrok"], "", 1, "did you mean 'work'?", id="a mistyped name"),
    pytest.param(["servers", "--use", "wrok"], "", 1, "did you mean 'work'?", id="a mistyped name to use"),
    pytest.param(["list", "--url", "work", "--tenant", "acme"], "", 1, "belongs to one tenant", id="a tenant"),
]


@pytest.mark.parametrize(("arguments", "stdin", "code", "says"), MISTAKES)
def test_mistakes(arguments: list[str], stdin: str, code: int, says: str, run: Run, tmp_path: Path) -> None:
    known(tmp_path).parent.mkdir(parents=True)
    before = json.dumps({"current": None, "servers": {"work": {"url": "http://127.0.0.1:9", "token": "x"}}})
    known(tmp_path).write_text(before)
    known(tmp_path).chmod(0o600)
    assert says in " ".join(run(*arguments, stdin=stdin, code=code).stderr.split())
    assert known(tmp_path).read_text() == before


def test_a_token_that_is_refused_is_not_saved(run: Run, server: Server, tmp_path: Path) -> None:
    assert "does not accept the token" in run("login", server.url, stdin="0" * 80, code=1).stderr
    assert not known(tmp_path).exists()


@pytest.mark.parametrize(
    ("mode", "content", "says"), [(0o644, '{"servers": {}}', "chmod 600"), (0o600, "{", "is damaged")]
)
def test_a_file_that_cannot_be_used(mode: int, content: str, says: str, run: Run, tmp_path: Path) -> None:
    known(tmp_path).parent.mkdir(parents=True)
    known(tmp_path).write_text(content)
    known(tmp_path).chmod(mode)
    assert says in run("list", code=1).stderr


def test_a_server_is_managed_from_another_machine(run: Run, tmp_path: Path) -> None:
    with casbah_server() as server:
        server.add(record(n) for n in range(3))
        run("login", server.url, "--name", "work", stdin=server.token)
        made = json.loads(run("token", "create", "reader", "--scopes", "Investigation.read", "--json").stdout)
        assert made["tenant"] == "default"
        assert {row["name"] for row in json.loads(run("token", "list", "--json").stdout)} >= {"reader"}
        assert "revoked reader" in run("token", "revoke", "reader", "--url", "work").stdout
        assert "added Office" in run("ranges", "add", "Office", "192.0.2.0/24", "--category", "corporate").stdout
        assert [row["name"] for row in json.loads(run("ranges", "list", "--json").stdout)] == ["Office"]
        assert "activities changed" in run("enrich", "--again").stdout
        assert "use --again" in run("enrich", code=2).stderr
        assert "added old" in run("retention", "add", "old", "--days", "400", "--everything").stdout
        assert "old" in run("retention", "list").stdout
        assert run("rejects", "list", "--json").stdout
        assert run("session", "list", "--json").stdout == "[]\n"
        assert "no transparency log" in run("log", "keys", code=1).stderr
        assert "no transparency log" in run("prove", "activity-1", code=1).stderr
        assert len(run("list", "by:app").stdout.splitlines()) > 1
        deleted = run("delete", "--filter", "activity.id eq activity-1", "--yes", "--json").stdout
        assert json.loads(deleted)["deleted"] == 1
        assert not (tmp_path / "data").exists()


ON_THIS_MACHINE = {
    "serve, demo, settings, doctor, health, help, completion, login, logout, servers": "about this machine",
    "ingest, pull": "read files and settings of this machine; other machines send to the API (docs/openapi.md)",
    "sources, check, compare, reconcile": "compare or show what they are given",
    "copy, migrate, verify, salvage, backup make, backup list, backup verify, backup restore": "read and write a store's files",
    "push status, push replay": "the outbox is in the store's folder",
    "log rotate, log renew": "the keys are in the store's folder",
}
"""Commands without --url, and why."""


def test_every_other_command_takes_url() -> None:
    without = set()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        leaves = [(name, command)] if inner is None else [(f"{name} {key}", leaf) for key, leaf in inner.items()]
        without |= {full for full, leaf in leaves if "--url" not in {opt for p in leaf.params for opt in p.opts}}
    assert without == {name for names in ON_THIS_MACHINE for name in names.split(", ")}
