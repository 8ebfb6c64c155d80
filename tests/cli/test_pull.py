"""casbah pull, and a server that pulls: through a socket, into a store."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from casbah import settings
from casbah.errors import OperatorError
from casbah.ingest.pull.entry import BadPullFileError
from casbah.serving.background import pulling
from command_line import app
from scenarios.inprocess import Asker
from scenarios.server import serving

EVENTS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "connectors" / "okta" / "events.ndjson").read_text().splitlines()
]


class Okta(BaseHTTPRequestHandler):
    """Three events a page; one of all events has no time."""

    broken = False

    def do_GET(self) -> None:
        if self.headers["authorization"] != "SSWS hush" or Okta.broken:
            self.send_response(401)
            self.end_headers()
            return
        skip = int(parse_qs(urlsplit(self.path).query).get("after", ["0"])[0])
        page = [*EVENTS, {**EVENTS[0], "uuid": "x", "published": None}][skip : skip + 3]
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Link", f'<http://{self.headers["host"]}/api/v1/logs?after={skip + len(page)}>; rel="next"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that pulls Okta from a server that runs."""
    monkeypatch.setattr(Okta, "broken", False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Okta)
    Thread(target=server.serve_forever).start()
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CASBAH_PULL_OKTA_SECRET", "hush")
    found = tmp_path / "pull.toml"
    found.write_text(
        f'[okta]\nkind = "okta"\nurl = "http://127.0.0.1:{server.server_port}"\nevery = "1s"\ninto = "acme"\n'
    )
    yield found
    server.shutdown()
    server.server_close()


def test_once_fetches_all_there_is_and_says_how_it_went(file: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    found = runner.invoke(app, ["pull", "--once", "--json", "--file", str(file)], catch_exceptions=False)
    (row,) = json.loads(found.stdout)
    assert found.exit_code == 0
    assert (row["events"], row["stored"], row["refused"], row["error"]) == (len(EVENTS) + 1, len(EVENTS), 1, "")
    assert row["lag_ms"] < 60_000
    listed = json.loads(runner.invoke(app, ["list", "--json", "--tenant", "acme"], catch_exceptions=False).stdout)
    assert listed["total"] == len(EVENTS)
    (rejects,) = (tmp_path / "store" / "rejects").iterdir()
    assert "no usable time" in json.loads(rejects.read_text())["reason"]
    again = runner.invoke(app, ["pull", "okta", "--once", "--json", "--file", str(file)], catch_exceptions=False)
    assert json.loads(again.stdout)[0]["events"] == len(EVENTS) + 1, "it went on where it was"
    shown = runner.invoke(
        app, ["pull", "--list", "--file", str(file)], catch_exceptions=False, terminal_width=200
    ).stdout
    assert "okta" in shown


@pytest.mark.slow
def test_what_is_wrong_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Okta, "broken", True)
    found = CliRunner().invoke(app, ["pull", "--once", "--json", "--file", str(file)], catch_exceptions=False)
    assert found.exit_code == 1
    assert "check that the token is right" in json.loads(found.stdout)[0]["error"]
    with pytest.raises(OperatorError, match="did you mean 'okta'"):
        CliRunner().invoke(app, ["pull", "octa", "--once", "--file", str(file)], catch_exceptions=False)
    with pytest.raises(BadPullFileError, match="CASBAH_PULL"):
        CliRunner().invoke(app, ["pull", "--once"], catch_exceptions=False)
    monkeypatch.delenv("CASBAH_PULL_OKTA_SECRET")
    with pytest.raises(BadPullFileError, match="set CASBAH_PULL_OKTA_SECRET"):
        CliRunner().invoke(app, ["pull", "--once", "--file", str(file)], catch_exceptions=False)


def test_a_server_pulls_while_it_runs(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    chosen = settings.read({}, store=str(folder), pull=str(file))
    with serving(folder) as (url, house), pulling(chosen, url, house.local_key):
        key, _ = house.services.tokens.create("reader", tenant="acme")
        asker = Asker(house.app, key)
        until = time.monotonic() + 60
        while asker("POST", "/api/v1/activities/").json["total"] < len(EVENTS):
            assert time.monotonic() < until, "it does not pull"
            time.sleep(0.05)
