"""casbah top and casbah histogram."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_line import app

DAY = 86_400_000
RECORDS = [
    {
        "_id": f"a{number}",
        "timestamp": 1_700_006_400_000 + number % 5 * DAY,
        "appId": 11161 if number % 3 else 10980,
        "user": {"userName": f"user-{number % 2}\u202e@contoso.com"},
    }
    for number in range(30)
]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    told("ingest", str(tmp_path / "records.ndjson"))
    return tmp_path


def told(*words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


def test_the_most_frequent_values() -> None:
    shown = told("top", "service", "user.username", "--limit", "1")
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0][:2] == ["service", "activities"]
    assert lines[1][:3] == ["11161", "20", "66.7%"]
    assert lines[3][1:3] == ["15", "50.0%"]
    assert "\u202e" not in shown
    answer = json.loads(told("top", "service", "--filter", "service neq 11161", "--json"))
    assert answer == {"facets": [{"filter": "service", "values": [{"value": 10980, "total": 10}]}], "total": 10}


def test_the_histogram_shows_every_span() -> None:
    lines = [line.split() for line in told("histogram", "--spans", "5").splitlines()]
    assert [line[:2] for line in lines[1:]] == [[f"2023-11-{15 + day}", "6"] for day in range(5)]
    by = told("histogram", "--by", "service", "--filter", "service neq 10980").splitlines()
    assert by[0].split()[-1] == "11161"
    answer = json.loads(told("histogram", "--width", str(DAY), "--json"))
    assert [span["total"] for span in answer["spans"]] == [6] * 5


def test_nothing_is_shown_of_nothing() -> None:
    assert told("histogram", "--filter", "service eq 1") == ""
    assert json.loads(told("top", "service", "--filter", "service eq 1", "--json"))["facets"][0]["values"] == []
