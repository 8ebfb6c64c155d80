"""A mistyped name is answered with the nearest one: commands, options, settings, filters, apps, tenants, values of options."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_line import app
from making import record


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "300")
    (tmp_path / "one.ndjson").write_text(json.dumps(record(1)))
    assert CliRunner().invoke(app, ["ingest", str(tmp_path / "one.ndjson"), "--tenant", "acme"]).exit_code == 0
    (tmp_path / "push.toml").write_text('[soar]\nkind = "webhook"\nto = "https://soar.example/hook"\n')
    monkeypatch.setenv("CASBAH_PUSH", str(tmp_path / "push.toml"))
    return tmp_path


MISTYPED = [
    pytest.param(["lst"], "list", id="a command"),
    pytest.param(["token", "creat"], "create", id="a command of a group"),
    pytest.param(["--versoin"], "--version", id="an option of casbah"),
    pytest.param(["list", "--limt", "3"], "--limit", id="an option"),
    pytest.param(["token", "create", "--scops", "x"], "--scopes", id="an option of a group's command"),
    pytest.param(["list", "--filter", "usr.username eq x"], "user.username", id="a filter"),
    pytest.param(["list", "--filter", "service equ 1"], "eq", id="an operator"),
    pytest.param(["top", "user.usrname"], "user.username", id="a filter to count"),
    pytest.param(["histogram", "--by", "servce"], "service", id="a filter to split by"),
    pytest.param(["list", "usr:ann"], "user", id="a field of a search"),
    pytest.param(["list", "app:Offise"], "Office 365", id="an app"),
    pytest.param(["serve", "--set", "prot=1"], "port", id="a setting"),
    pytest.param(["list", "--tenant", "acmee"], "acme", id="a tenant"),
    pytest.param(["sources", "oktaa"], "okta", id="a source"),
    pytest.param(["token", "create", "x", "--scopes", "Investigation.reed"], "Investigation.read", id="a scope"),
    pytest.param(["ranges", "add", "x", "192.0.2.1", "--category", "corprate"], "corporate", id="a category"),
    pytest.param(["push", "replay", "soor"], "soar", id="a destination"),
]


@pytest.mark.parametrize(("words", "nearest"), MISTYPED)
@pytest.mark.usefixtures("store")
def test_a_mistyped_name_is_answered_with_the_nearest_one(words: list[str], nearest: str) -> None:
    result = CliRunner().invoke(app, words)
    text = " ".join(f"{result.stderr} {result.exception}".split()).lower()
    assert f"did you mean '{nearest.lower()}'" in text
    assert result.exit_code != 0 or "--tenant" in words


@pytest.mark.usefixtures("store")
def test_a_mistyped_variable_is_found_by_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CASBAH_PROT", "CASBAH_URL", "CASBAH_MDCA_TOKEN", "CASBAH_PULL_X_SECRET"):
        monkeypatch.setenv(name, "1")
    rows = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert [(row["seen"], row["fix"]) for row in rows if row["what"] == "environment"] == [
        ("CASBAH_PROT is not a setting", "did you mean 'CASBAH_PORT'?")
    ]


@pytest.mark.usefixtures("store")
def test_nothing_is_suggested_for_what_is_right_or_unlike_any_name() -> None:
    for words in (["list", "--tenant", "acme"], ["list", "--tenant", "unlike"], ["list", "-country:DE"]):
        result = CliRunner().invoke(app, words)
        assert (result.exit_code, "did you mean" in result.stderr) == (0, False), result.stderr
