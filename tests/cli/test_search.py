"""Searches on the command line: as an argument, after --filter, and beginning with a minus."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from command_line import app

RECORDS = [
    {
        "_id": f"a{number}",
        "timestamp": 1_700_006_400_000 + number,
        "appId": 11161 if number % 3 else 10980,
        "user": {"userName": f"user-{number % 2}@contoso.example"},
        "location": {"countryCode": ("DE", "US", "FR")[number % 3]},
    }
    for number in range(30)
]


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert ran("ingest", str(tmp_path / "records.ndjson")).exit_code == 0


def ran(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["country:DE"], 10),
        (["-country:DE"], 20),
        (["app:okta", "user:user-0*"], 5),
        (["--filter", "-country:DE"], 20),
        (["--filter", "country:DE", "--filter", "user:user-0*"], 5),
        (["country:DE OR country:US", "--filter", "service eq 10980"], 10),
        (["date:2023-11-15", "--zone", "+02:00"], 30),
        (["date:2023-11-15", "--zone", "-02:00"], 0),
        (['-"user"'], 0),
        (["-(country:DE OR country:FR)"], 10),
    ],
)
def test_a_search_counts_what_it_finds(words: list[str], count: int) -> None:
    assert ran("list", *words, "--count").stdout.strip() == str(count)


def test_commands_that_read_take_searches(tmp_path: Path) -> None:
    listed = [json.loads(line)["_id"] for line in ran("list", "-country:DE", "--all").stdout.splitlines()]
    assert len(listed) == 20
    tailed = [
        json.loads(line)["_id"]
        for line in ran("tail", "-country:DE", "--since", "start", "--no-follow", "--ndjson").stdout.splitlines()
    ]
    assert sorted(tailed) == sorted(listed)
    assert "20 activities match" in ran("histogram", "-country:DE").stderr
    assert "20 activities match" in ran("top", "service", "--filter", "-country:DE").stderr
    ran("export", str(tmp_path / "all.ndjson"), "-country:DE")
    exported = [json.loads(line)["_id"] for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    assert sorted(exported) == sorted(listed)


def test_a_misspelled_option_is_no_search() -> None:
    refused = ran("list", "--limt", "5")
    assert refused.exit_code == 2
    assert "no such option '--limt'; did you mean '--limit'?" in refused.stderr
