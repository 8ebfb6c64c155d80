"""casbah sources: what ingest can read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.errors import BadMappingError, UnknownSourceError
from command_line import app

OWN = """
title = "Acme CRM"
recognize = [["acme_id", "acme_action"]]

[app]
id = 990001
name = "Acme CRM"

[activity]
id = "acme_id"
time = "at"
operation = "acme_action"
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "acme.toml").write_text(OWN)
    monkeypatch.setenv("CASBAH_SOURCES", str(folder))
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    return folder


def test_every_source_is_listed(own: Path) -> None:
    listed = json.loads(CliRunner().invoke(app, ["sources", "--json"], catch_exceptions=False).stdout)
    by_name = {each["name"]: each for each in listed}
    assert {"cloudtrail", "okta", "mdca", "acme"} <= by_name.keys()
    assert by_name["okta"]["apps"] == [{"id": 10980, "name": "Okta"}]
    assert by_name["acme"]["origin"] == str(own / "acme.toml")
    table = CliRunner().invoke(app, ["sources"], catch_exceptions=False).stdout
    assert all(name in table for name in by_name)


@pytest.mark.usefixtures("own")
def test_one_source_in_full() -> None:
    shown = CliRunner().invoke(app, ["sources", "okta"], catch_exceptions=False).stdout
    assert "https://developer.okta.com" in shown


@pytest.mark.usefixtures("own")
def test_an_unknown_one_is_told_the_nearest() -> None:
    with pytest.raises(UnknownSourceError, match="okta"):
        CliRunner().invoke(app, ["sources", "octa"], catch_exceptions=False)


@pytest.mark.slow
def test_a_bad_mapping_file_is_named_with_the_place(own: Path) -> None:
    (own / "acme.toml").write_text(OWN.replace("operation =", "operatoin ="))
    with pytest.raises(BadMappingError, match=r"acme\.toml: \[activity\].*"):
        CliRunner().invoke(app, ["sources"], catch_exceptions=False)


@pytest.mark.usefixtures("own")
def test_ingest_reads_a_source_of_ones_own(tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    events.write_text('{"acme_id": "1", "acme_action": "deal.won", "at": "2026-01-02T03:04:05Z"}\n')
    told = CliRunner().invoke(app, ["ingest", "--json", str(events)], catch_exceptions=False)
    counts = json.loads(told.stdout)
    assert (counts["read"], counts["stored"], counts["refused"]) == (1, 1, 0)
    found = CliRunner().invoke(app, ["list", "--json"], catch_exceptions=False)
    assert '"description":"Deal won"' in found.stdout
