"""casbah delete and casbah retention."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah.errors import ServerRefusedError
from casbah.store.embedded.tenant import EmbeddedTenant
from casbah.testing.records import records
from command_line import app

RECORDS = records(300, until=1_760_000_000_000)
OURS = "service eq 11161"


@pytest.fixture(autouse=True)
def _filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    (tmp_path / "records.ndjson").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    told("ingest", str(tmp_path / "records.ndjson"))


def told(*words: str, code: int = 0, typed: str | None = None) -> str:
    result = CliRunner().invoke(app, list(words), input=typed)
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout if code == 0 else result.stderr


def total() -> int:
    """How many activities there are, without Casbah's own acts."""
    return int(json.loads(told("list", "--json", "--limit", "1", "--filter", "service neq 900013"))["total"])


def shown(*words: str) -> Any:
    return json.loads(told(*words, "--json"))


def test_without_a_terminal_and_without_yes_nothing_is_deleted() -> None:
    said = told("delete", "--filter", OURS, code=2)
    assert "100 match, 0 are held, 100 would be deleted" in " ".join(said.replace("│", " ").split())
    assert total() == 300


def test_with_yes_they_are_gone() -> None:
    assert told("delete", "--filter", OURS, "--yes") == "100 match, 0 are held, 100 deleted\n"
    assert (total(), told("delete", "--filter", OURS, "--yes")) == (200, "0 match, 0 are held, 0 deleted\n")


@pytest.mark.slow
def test_everything_must_be_said() -> None:
    for command in (["delete", "--yes"], ["retention", "add", "x", "--days", "1"], ["retention", "hold", "x"]):
        assert "--everything" in told(*command, code=2)
        assert "--everything" in told(*command, "--everything", "--filter", OURS, code=2)
    assert (total(), shown("retention", "list")) == (300, [])
    assert shown("delete", "--everything", "--yes") == {
        "dryRun": False,
        "matching": 300,
        "held": 0,
        "deleted": 300,
        "exempt": 0,
    }
    assert total() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("filters", "says"),
    [
        pytest.param('{"service": {}}', "empty object", id="a filter without a condition"),
        pytest.param('{"service": {"neq": []}}', "empty list", id="a condition without values"),
        pytest.param('{"date": {"lte": 1}, "date": {"gte": 1}}', "more than once", id="a filter twice"),
        pytest.param('{"servcie": {"eq": 1}}', "did you mean", id="a misspelt filter"),
    ],
)
def test_filters_that_restrict_nothing_delete_nothing(filters: str, says: str) -> None:
    result = CliRunner().invoke(app, ["delete", "--yes", "--filters", filters])
    assert result.exit_code != 0
    assert says in " ".join(f"{result.stderr}{result.exception}".replace("│", " ").split())
    assert total() == 300


@pytest.mark.slow
def test_rules_are_added_listed_applied_and_removed() -> None:
    rule = shown("retention", "add", "a year", "--days", "365", "--filter", OURS)
    hold = shown("retention", "hold", "case 7", "--filter", f"activity.id eq {RECORDS[0]['_id']}")
    assert [(each["name"], each["action"], each["days"]) for each in shown("retention", "list")] == [
        ("a year", "delete", 365),
        ("case 7", "hold", None),
    ]
    assert "365 days" in told("retention", "list")
    looked = shown("retention", "apply")
    assert (looked["dryRun"], total()) == (True, 300)
    done = shown("retention", "apply", "--yes")["data"]
    assert done == looked["data"]
    assert total() == 300 - done[0]["deleted"]
    for each in (rule, hold):
        told("retention", "remove", each["id"])
    assert shown("retention", "list") == []


@pytest.mark.slow
def test_a_rule_that_cannot_be_applied_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def delete(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/srv/casbah/secret.log")

    told("retention", "add", "a year", "--days", "365", "--filter", OURS)
    monkeypatch.setattr(EmbeddedTenant, "delete", delete)
    (looked,) = shown("retention", "apply")["data"]
    assert looked["error"] == ""
    for words in (["--json"], []):
        result = CliRunner().invoke(app, ["retention", "apply", "--yes", *words], env={"COLUMNS": "200"})
        assert (result.exit_code, "the store cannot be written to now" in result.stdout) == (1, True)
        assert "secret" not in result.output
    assert total() == 300


@pytest.mark.slow
@pytest.mark.parametrize("more", ["#x", "?x=1", "/", "/../../retention/{id}", "%20"])
def test_an_id_with_more_to_it_is_another(more: str) -> None:
    rule = shown("retention", "hold", "case 7", "--filter", OURS)["id"]
    with pytest.raises(ServerRefusedError, match="no rule or hold"):
        CliRunner().invoke(app, ["retention", "remove", rule + more.format(id=rule)], catch_exceptions=False)
    assert [each["id"] for each in shown("retention", "list")] == [rule]


@pytest.mark.slow
def test_what_is_held_is_not_deleted() -> None:
    told("retention", "hold", "all of it", "--everything")
    done = shown("delete", "--everything", "--yes")
    assert done.items() >= {"dryRun": False, "matching": 300, "held": 300, "deleted": 0}.items()
    assert total() == 300


def test_an_attempt_that_deletes_nothing_leaves_two_acts_and_a_look_none() -> None:
    told("retention", "hold", "all of it", "--everything")
    assert told("delete", "--filter", OURS) == "100 match, 100 are held, 0 would be deleted\n"
    assert told("delete", "--filter", OURS, "--yes") == "100 match, 100 are held, 0 deleted\n"
    acts = json.loads(told("list", "--json", "--asc", "--filter", "service eq 900013"))["data"]
    names = [act["mainInfo"]["rawOperationName"] for act in acts]
    assert [name for name in names if "delete" in name] == ["begin_delete_activities", "delete_activities"]


def test_a_second_rule_of_the_same_name_is_said() -> None:
    first = shown("retention", "hold", "case 1", "--filter", OURS)["id"]
    result = CliRunner().invoke(app, ["retention", "hold", "case 1", "--everything"])
    assert result.exit_code == 0, result.output
    assert f"'case 1' is also the name of {first}; `casbah retention list` shows them" in result.stderr
    assert CliRunner().invoke(app, ["retention", "hold", "case 2", "--everything"]).stderr == ""


def warned(*words: str) -> str:
    result = CliRunner().invoke(app, ["retention", *words])
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stderr


@pytest.mark.slow
def test_a_hold_of_a_mistyped_tenant_is_said_to_hold_nothing() -> None:
    nearest = "casbah: tenant 'defualt' has no activities; did you mean 'default'?\n"
    empty = nearest + "casbah: tenant 'defualt' has no activities; check --tenant\n"
    assert warned("hold", "typo", "--everything", "--tenant", "defualt") == empty
    assert warned("hold", "again", "--everything", "--tenant", "defualt") == empty, "acts are no activities of its"
    assert warned("trail", "--days", "9", "--tenant", "defualt") == empty
    assert warned("hold", "all of it", "--everything") == warned("trail") == warned("trail", "--forever") == ""


@pytest.mark.slow
def test_a_hold_that_holds_nothing_now_says_so() -> None:
    said = warned("hold", "case 8", "--filter", "activity.id eq nosuch")
    assert said == "casbah: no activity matches the hold now; check its filters\n"


@pytest.mark.slow
def test_rules_go_by_name_where_one_has_it() -> None:
    first = shown("retention", "hold", "case 1", "--filter", OURS)["id"]
    second = shown("retention", "hold", first, "--filter", OURS)["id"]
    assert f"is also the name of {first}" in warned("hold", "case 1", "--everything")
    with pytest.raises(ServerRefusedError, match=f"2 rules have the name 'case 1'; use an id: .*{first}"):
        CliRunner().invoke(app, ["retention", "remove", "case 1"], catch_exceptions=False)
    assert told("retention", "remove", first) == "removed case 1\n", "an id counts before a name"
    assert told("retention", "remove", "case 1") == "removed case 1\n"
    assert [each["id"] for each in shown("retention", "list")] == [second]
    with pytest.raises(
        ServerRefusedError, match="no rule or hold 'case 1' in tenant 'default'; `casbah retention list`"
    ):
        CliRunner().invoke(app, ["retention", "remove", "case 1"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ("0", "greater than or equal to 1"),
        ("-5", "greater than or equal to 1"),
        ("10000", "less than or equal to 9999"),
    ],
)
@pytest.mark.parametrize("words", [["add", "x", "--everything"], ["trail"]], ids=["rule", "trail"])
def test_days_are_1_to_9999(words: list[str], days: str, says: str) -> None:
    assert says in told("retention", *words, "--days", days, code=2)


@pytest.mark.slow
def test_how_long_acts_are_kept_is_said_and_set() -> None:
    assert told("retention", "trail") == "acts are kept forever\n"
    assert told("retention", "trail", "--days", "730") == "acts are kept for 730 days\n"
    assert shown("retention", "trail") == {"days": 730}
    assert "not both" in told("retention", "trail", "--days", "1", "--forever", code=2)
    assert shown("retention", "trail", "--forever") == {"days": None}
