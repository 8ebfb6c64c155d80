"""casbah enrich and casbah ranges."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.errors import BadSettingError, OperatorError, ServerRefusedError
from command_line import app
from making import empty_store

RECORD = {"_id": "a1", "timestamp": 1, "appId": 1, "device": {"clientIP": "10.1.2.3"}, "user": {"userName": "ada"}}
CSV = "name, ip_address_ranges, category, tag(id), isp_name\n"


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(empty_store(tmp_path / "store")))
    return tmp_path


def told(*words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).stdout


@pytest.mark.slow
def test_a_range_is_added_listed_used_and_removed(store: Path) -> None:
    (store / "a.json").write_text(json.dumps(RECORD))
    told("ingest", str(store / "a.json"))
    range_id = json.loads(told("ranges", "add", "Office", "10.0.0.0/8", "--category", "corporate", "--country", "Germany", "--city", "Berlin", "--json"))["_id"]  # fmt: skip
    (found,) = json.loads(told("ranges", "list", "--json"))
    assert (found["_id"], found["location"]) == (range_id, {"countryCode": "DE", "city": "Berlin"})
    assert all(word in told("ranges", "list") for word in ("Office", "CORPORATE", "10.0.0.0/8", "Berlin, DE"))
    assert told("enrich", "--again") == "1 of 1 activities changed\n"
    assert json.loads(told("show", "a1", "--json"))["location"]["city"] == "Berlin"
    assert told("ranges", "remove", "Office").startswith("removed Office")
    assert json.loads(told("enrich", "--again", "--json")) == {"examined": 1, "changed": 1}
    assert "location" not in json.loads(told("show", "a1", "--json"))


def test_what_is_wrong_is_said_with_the_next_step() -> None:
    told("ranges", "add", "Office", "10.0.0.0/8", "--category", "1")
    with pytest.raises(ServerRefusedError, match="is in the range 'Office' already"):
        told("ranges", "add", "Other", "10.0.0.0/8", "--category", "6")
    with pytest.raises(OperatorError, match="did you mean 'Office'"):
        told("ranges", "remove", "Ofice")


def test_the_file_of_mdcas_script_is_loaded(store: Path) -> None:
    file = store / "rules.csv"
    file.write_text(f"{CSV}Test 1,200.200.200.200/24 201.201.201.201/24,1, ,\nTest 4,5.6.5.4/32,2,,test\n")
    assert json.loads(told("ranges", "load", str(file), "--json")) == {
        "added": 2,
        "changed": 0,
        "same": 0,
        "removed": 0,
    }
    file.write_text(f"{CSV}Test 1,200.200.200.200/24,1,000000290000000000000000,\n")
    assert told("ranges", "load", str(file)) == "0 added, 1 changed, 0 same, 0 removed\n"
    assert told("ranges", "load", str(file), "--only") == "0 added, 0 changed, 1 same, 1 removed\n"
    file.write_text("name,networks\n")
    with pytest.raises(OperatorError, match="line 1: expected the columns"):
        told("ranges", "load", str(file))


def test_what_activities_are_enriched_with(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "staff.csv").write_text("user,groups,orgUnit\nada,g1,HR\n")
    monkeypatch.setenv("CASBAH_PEOPLE", str(store / "staff.csv"))
    rows = {row["what"]: row for row in json.loads(told("enrich", "--json"))}
    assert rows["groups and units"]["knows"] == "names: 1"
    assert rows["IP ranges"]["knows"] == "ranges: 0"
    assert "ua-parser" in told("enrich")
    monkeypatch.setenv("CASBAH_PLACES", str(store / "staff.csv"))
    with pytest.raises(BadSettingError, match=r"\.mmdb"):
        told("enrich")
