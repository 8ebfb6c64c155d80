"""`casbah token` with tokens that expire."""

import json
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner, Result

from casbah import compose, settings
from casbah.cli.token import _expiry
from casbah.errors import CasbahError
from command_line import app
from making import NOW, empty_store

HOUR, DAY = 3_600_000, 86_400_000
Run = Callable[..., Result]

WHEN = [
    pytest.param("30d", NOW + 30 * DAY, id="days"),
    pytest.param("12h", NOW + 12 * HOUR, id="hours"),
    pytest.param(" 1D ", NOW + DAY, id="in another case, with blanks around"),
    pytest.param("2030-01-31", 1_896_048_000_000, id="a date: its first moment, in UTC"),
    pytest.param("2030-01-31T12:30", 1_896_093_000_000, id="a moment without a zone: UTC"),
    pytest.param("2030-01-31T12:30:00Z", 1_896_093_000_000, id="a moment in UTC"),
    pytest.param("2030-01-31T12:30:00+02:00", 1_896_085_800_000, id="a moment elsewhere"),
    pytest.param("2030-01-31T12:30:00.500Z", 1_896_093_000_500, id="with a fraction of a second"),
    pytest.param("1999-01-01", 915_148_800_000, id="the past, which the server refuses"),
    pytest.param("0d", NOW, id="no time at all, which the server refuses"),
    pytest.param("999999d", NOW + 999_999 * DAY, id="so long that it is the server's to say"),
]


@pytest.mark.parametrize("text, moment", WHEN)
def test_expires(text, moment):
    assert _expiry(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "30", "d", "30m", "-1d", "1.5d", "30 d", "tomorrow", "2030-13-01", "31.01.2030", "٣d", "9999999d"], ids=repr)  # fmt: skip
def test_what_is_no_moment(text):
    with pytest.raises(typer.BadParameter, match=r"30d or 12h, or a date such as 2030-01-31"):
        _expiry(text, NOW)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, ["token", *arguments])


@pytest.mark.slow
def test_created_and_listed(run):
    made = json.loads(run("create", "dash", "--expires", "30d", "--json").stdout)
    assert abs(made["expires"] - made["created"] - 30 * DAY) < HOUR
    run("create", "later", "--expires", "2999-12-31")
    run("create", "never")
    listed = {load["name"]: (load["status"], load["expires"]) for load in json.loads(run("list", "--json").stdout)}
    assert listed == {"dash": ("Generated", made["expires"]), "later": ("Generated", 32_503_593_600_000), "never": ("Generated", None)}  # fmt: skip
    table = run("list").stdout
    assert "expires" in table
    assert "2999-12-31" in table


@pytest.mark.parametrize("text", ["1999-01-01", "0d", "0h"])
def test_the_past_is_a_mistake_in_the_command(run, text):
    refused = run("create", "dash", "--expires", text)
    assert refused.exit_code == 2
    assert f"--expires: '{text}': expected a time in the future" in refused.output


@pytest.mark.parametrize("text", ["Nothing.read", "Investigation.read,Nothing.read", ""])
def test_an_unknown_scope_is_a_mistake_in_the_command(run, text):
    refused = run("create", "dash", "--scopes", text)
    assert refused.exit_code == 2
    assert f"--scopes: '{text.rpartition(',')[2]}': expected some of Investigation.read" in refused.output


def test_what_is_no_moment_is_a_mistake_in_the_command(run):
    refused = run("create", "dash", "--expires", "soon")
    assert refused.exit_code == 2
    assert "--expires" in refused.output


def test_a_damaged_database_is_one_line(run, tmp_path):
    (empty_store(tmp_path) / "tokens.db").write_bytes(b"rubbish" * 1_000)
    refused = run("list")
    assert isinstance(refused.exception, CasbahError)
    assert "tokens.db is not a database of tokens" in str(refused.exception)


def test_sessions_are_listed_and_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def session(*arguments: str):
        return CliRunner().invoke(app, ["session", *arguments])

    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        key, token = house.services.tokens.create("dash", tenant="contoso")
        house.services.tokens.begin_session(key, ms=DAY)
    (listed,) = json.loads(session("list", "--json").stdout)
    assert (listed["name"], listed["tenant"], listed["caller"]) == ("dash", "contoso", token.id)
    assert listed["id"] in session("list").stdout
    assert session("end", listed["id"]).stdout == f"ended the session of dash ({listed['id']})\n"
    assert json.loads(session("list", "--json").stdout) == []
    assert str(session("end", listed["id"]).exception) == (
        f"no session '{listed['id']}'; `casbah session list` shows them"
    )
