"""casbah top and casbah histogram."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity.tenant import TenantId
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
    lines = [re.split(" {2,}", line) for line in shown.splitlines()]
    assert lines[0][:2] == ["service", "activities"]
    assert lines[1][:3] == ["Office 365 (11161)", "20", "66.7%"]
    assert lines[3][1:3] == ["15", "50.0%"]
    assert "\u202e" not in shown
    answer = json.loads(told("top", "service", "--filter", "service neq 11161", "--json"))
    assert answer == {"facets": [{"filter": "service", "values": [{"value": 10980, "total": 10}]}], "total": 10}


def test_names_that_people_have_given_are_shown(store: Path) -> None:
    with compose.build(settings.read({}, store=str(store / "store"))) as house:
        for filter_name, value in (("user.username", "User-1\u202e@contoso.com"), ("ip.address", "192.0.2.7")):
            house.services.names.give(filter_name, value, f"Ours {filter_name}", TenantId("default"))
    (store / "more.ndjson").write_text(
        json.dumps(
            {
                **RECORDS[1],
                "_id": "b",
                "device": {"clientIP": "192.0.2.7"},
                "description": "Failed log on (Failure message: x)",
            }
        )
    )
    told("ingest", str(store / "more.ndjson"))
    shown = told("top", "user.username")
    assert "Ours user.username (user-1" in shown
    listed = told("list", "ip:192.0.2.7")
    assert "Ours ip.address (192.0.2.7)" in listed
    assert "Ours user.username" in told("list", "by:user")
    assert "Failed sign-in" in listed
    assert "Failed log on" in told("list", "ip:192.0.2.7", "--ndjson")


def test_the_histogram_shows_every_span() -> None:
    lines = [line.split() for line in told("histogram", "--spans", "5").splitlines()]
    assert [line[:2] for line in lines[1:]] == [[f"2023-11-{15 + day}", "6"] for day in range(5)]
    by = told("histogram", "--by", "service", "--filter", "service neq 10980").splitlines()
    assert by[0].strip().endswith("Office 365 (11161)")
    answer = json.loads(told("histogram", "--width", str(DAY), "--json"))
    assert [span["total"] for span in answer["spans"]] == [6] * 5


def test_nothing_is_shown_of_nothing() -> None:
    assert told("histogram", "--filter", "service eq 1") == ""
    assert json.loads(told("top", "service", "--filter", "service eq 1", "--json"))["facets"][0]["values"] == []


def test_groups_of_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    shown = told("list", "by:app distinct:user").splitlines()
    titles = "app activities distinct user first (UTC) last (UTC) over time"
    assert " ".join(shown[0].split()) == titles
    cells = [re.split(" {2,}", line, maxsplit=5) for line in shown[1:]]
    assert [line[:5] for line in cells] == [
        ["Office 365 (11161)", "20", "2", "2023-11-15 00:00", "2023-11-19 00:00"],
        ["Okta (10980)", "10", "2", "2023-11-15 00:00", "2023-11-19 00:00"],
    ]
    line = cells[0][5]
    assert (line[0], line.count("█"), len(line)) == ("█", 5, 20)
    monkeypatch.setenv("COLUMNS", "80")
    assert "over time" not in told("list", "by:app distinct:user")


def test_groups_beside_the_period_before() -> None:
    search = "by:user,app date:2023-11-17..2023-11-18 -(app:11161 user:user-1*)"
    result = CliRunner().invoke(app, ["list", search, "--previous", "--limit", "2"], catch_exceptions=False)
    assert result.stdout.splitlines()[0].split()[2:4] == ["activities", "before"]
    assert "2 of 3 groups; 8 activities match, 8 in the period before; 0 groups are new, 0 stopped" in result.stderr
    answer = json.loads(told("list", search, "--previous", "--limit", "2", "--json"))
    assert [(row["total"], row["previous"]) for row in answer["groups"]] == [(4, 4), (2, 2)]


def test_groups_that_stopped_are_listed_and_new_ones_marked() -> None:
    new = CliRunner().invoke(app, ["list", "by:app date:2023-11-15", "--previous"], catch_exceptions=False)
    assert [re.split(" {2,}", line)[:3] for line in new.stdout.splitlines()[1:]] == [
        ["Office 365 (11161)", "4", "new"],
        ["Okta (10980)", "2", "new"],
    ]
    gone = CliRunner().invoke(app, ["list", "by:app date:2023-11-20", "--previous"], catch_exceptions=False)
    assert [re.split(" {2,}", line.strip()) for line in gone.stdout.splitlines()] == [
        *(["Stopped"], ["app", "before"], ["Office 365 (11161)", "4"], ["Okta (10980)", "2"])
    ]


def test_what_makes_no_groups_is_refused() -> None:
    assert "cannot be counted one by one" in str(CliRunner().invoke(app, ["list", "by:id"]).exception)


@pytest.mark.parametrize("option", ["--all", "--count", "--ndjson", "--asc"])
def test_groups_take_few_options(option: str) -> None:
    refused = CliRunner().invoke(app, ["list", "by:app", option])
    assert refused.exit_code == 2
    assert "groups take --limit, --previous and --json" in refused.stderr


def test_only_groups_are_compared() -> None:
    assert CliRunner().invoke(app, ["list", "app:okta", "--previous"]).exit_code == 2
