"""casbah push, and the server that sends."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.serving.background import pushing
from command_line import app
from making import arrival, empty_store, record


class Receiver(HTTPServer):
    """Refuses what comes until it is told to take it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[str] = []
        self.takes = False


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if receiver.takes:
            receiver.taken += [each["_id"] for each in body["data"]]
        self.send_response(200 if receiver.takes else 422)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver():
    with Receiver() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{receiver.server_port}/"
    (tmp_path / "push.toml").write_text(
        f'[soar]\nkind = "webhook"\nto = "{address}"\nallow_private = true\nbackfill = "9999d"\n'
    )
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CASBAH_PUSH", str(tmp_path / "push.toml"))
    monkeypatch.setenv("CASBAH_PUSH_SOAR_SECRET", "s")


def told(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["push", *words])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code == 0 else str(result.exception)


@pytest.mark.slow
def test_a_server_sends_what_is_stored_and_dead_letters_are_sent_again(tmp_path: Path, receiver: Receiver) -> None:
    chosen = settings.read({}, store=str(tmp_path / "store"), push=str(tmp_path / "push.toml"))
    with compose.build(chosen) as house, pushing(chosen, house):
        house.services.store.tenant(TenantId("default")).insert([arrival(record(each)) for each in range(3)])
        for _ in range(300):
            if json.loads(told("status", "--json"))["deadLetters"]:
                break
            threading.Event().wait(0.02)
    (letter,) = json.loads(told("status", "--json"))["deadLetters"]
    assert (letter["name"], letter["count"], letter["reason"]) == ("soar", 3, "answered 422")
    assert "3 activities: answered 422" in told("status")
    assert "answered 422; 0 letters were sent, the others are kept" in told("replay", "soar", code=1)
    receiver.takes = True
    assert json.loads(told("replay", "soar", "--json")) == {"letters": 1, "activities": 3}
    assert sorted(receiver.taken) == ["activity-0", "activity-1", "activity-2"]
    assert json.loads(told("status", "--json"))["deadLetters"] == []


def test_an_unknown_destination_says_which_there_are(tmp_path: Path) -> None:
    empty_store(tmp_path / "store")
    assert "no destination 'siem' in the file of CASBAH_PUSH; it has: soar" in told("replay", "siem", code=1)
