"""Records in answers: the bytes they are, also with half of a surrogate pair, which msgspec refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.base import jsontext
from casbah.cli.answer import Records
from command_line import app

EVENT = {
    "uuid": "lone-1",
    "published": "2026-11-27T10:00:01Z",
    "eventType": "user.session.start",
    "actor": {"id": "2", "type": "User", "alternateId": "lone\ud800@y.example"},
    "outcome": {"result": "SUCCESS", "reason": "\u202eturned"},
}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rb'"\ud800"', id="high"),
        pytest.param(rb'"\uDC00\ud800x"', id="low before high"),
        pytest.param(rb'"\ud83d\ude00 \ud83d"', id="a pair and a half"),
        pytest.param(rb'"\\ud800 \\\ud800"', id="a backslash and an escape"),
        pytest.param(rb'"\ud83d\ud83d\ude00"', id="a half before a pair"),
    ],
)
def test_a_record_stays_the_bytes_it_is(text: bytes) -> None:
    record = b'{"a": %b, "n": 1.10e2}' % text
    read = jsontext.decode(b'{"data": [%b, {}, %b], "total": 3}' % (record, record), Records)
    assert read.records() == [record, b"{}", record]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "events.ndjson").write_text(json.dumps(EVENT) + "\n")
    told("ingest", str(tmp_path / "events.ndjson"))
    return json.loads(told("list", "--json"))["data"][0]["_id"]


def told(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "tail --no-follow --since start", "show ID"])
def test_people_see_a_code_for_a_lone_surrogate(stored: str, command: str) -> None:
    shown = told(*command.replace("ID", stored).split())
    assert "lone⟨U+D800⟩@y.example" in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("command", ["list --ndjson", "list --all", "tail --no-follow --since start --ndjson"])
def test_machines_get_the_escape(stored: str, command: str) -> None:
    (line,) = told(*command.split()).splitlines()
    record = json.loads(line)
    assert (record["_id"], record["user"]["userName"]) == (stored, "lone\ud800@y.example")
