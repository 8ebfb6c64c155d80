"""casbah copy, from folder to folder; to a cluster and back: tests/cluster/test_copy.py."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from casbah import compose, settings
from casbah.activity import predicate as p
from casbah.activity.tenant import TenantId
from casbah.operations.backup import copying
from casbah.testing.records import records
from command_line import app
from making import empty_store

RECORDS = records(300, until=1_760_000_000_000)
EVENTS = Path(__file__).parent.parent / "connectors" / "okta"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "mine"))
    source, target = str(tmp_path / "one"), str(tmp_path / "two")
    filled(tmp_path, source, RECORDS)
    told("feedback", RECORDS[0]["_id"], "--text", "seen", "--store", source)
    return source, target


def filled(folder: Path, store: str, some: list[dict[str, Any]], *more: str) -> None:
    (folder / "records.ndjson").write_text("".join(json.dumps(each) + "\n" for each in some))
    told("ingest", str(folder / "records.ndjson"), "--store", store, *more)


def told(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def copied(source: str, target: str, *words: str, code: int = 0) -> Any:
    return json.loads(told("copy", "--from", source, "--to", target, "--json", *words, code=code))


def listed(store: str) -> Any:
    return told("list", "--store", store, "--limit", "100", "--json")


def total(store: str) -> int:
    with closing(compose.store_of(settings.read({}, store=store))) as opened:
        return opened.tenant(TenantId("default")).count(p.Everything())


def test_everything_is_there_and_what_was_said_of_it(places: tuple[str, str]) -> None:
    source, target = places
    (row,) = copied(source, target)
    assert row == {
        "tenant": "default", "activities": 300, "stored": 300, "duplicates": 0, "refused": 0, "feedback": 1, "different": 0,
    }  # fmt: skip
    assert listed(target) == listed(source)


def test_again_it_brings_what_is_new(places: tuple[str, str], tmp_path: Path) -> None:
    source, target = places
    copied(source, target)
    filled(tmp_path, source, records(20, until=1_770_000_000_000))
    (row,) = copied(source, target)
    assert (row["stored"], row["duplicates"], row["feedback"], row["different"]) == (20, 0, 0, 0)
    (row,) = copied(source, target, "--again")
    assert (row["stored"], row["duplicates"], row["different"]) == (0, 320, 0)


def test_what_was_interrupted_goes_on(places: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = places
    monkeypatch.setattr(copying, "_AT_ONCE", 100)
    whole, calls = copying.new_activity_of, []

    def breaks(record: bytes, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 250:
            raise KeyboardInterrupt
        return whole(record, **named)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "new_activity_of", breaks)
        CliRunner().invoke(app, ["copy", "--from", source, "--to", target])
    (row,) = copied(source, target)
    assert (row["stored"], row["duplicates"], row["different"]) == (100, 0, 0)


@pytest.mark.slow
def test_the_sources_event_is_still_known_where_it_was_copied_to(places: tuple[str, str]) -> None:
    source, target = places
    events = EVENTS / "events.ndjson"
    told("ingest", str(events), "--store", source)
    copied(source, target)
    before = total(target)
    assert before == total(source) > len(RECORDS)
    told("ingest", str(events), "--store", target)
    assert total(target) == before


def test_what_differs_is_told(places: tuple[str, str], tmp_path: Path) -> None:
    source, target = places
    changed = [record | {"description": "another"} for record in RECORDS[:3]]
    filled(tmp_path, target, changed)
    (row,) = copied(source, target, code=1)
    assert (row["stored"], row["duplicates"], row["different"]) == (297, 3, 3)


def test_a_store_is_not_copied_onto_itself(places: tuple[str, str]) -> None:
    told("copy", "--from", places[0], "--to", places[0], code=1)


@pytest.mark.slow
def test_what_is_kept_beside_the_activities_comes_along_and_makes_no_room(places: tuple[str, str]) -> None:
    source, target = places
    empty_store(Path(target))
    token = json.loads(told("token", "create", "reader", "--json", "--store", source))["token"]
    for store, name in ((source, "case 4711"), (target, "theirs")):
        told("retention", "hold", name, "--filter", "user.username eq ann@contoso.com", "--store", store)
    told("ranges", "add", "office", "198.51.100.0/24", "--category", "corporate", "--tag", "ours", "--store", source)
    told("ranges", "add", "vpn", "203.0.113.0/24", "--category", "vpn", "--store", source)
    told("ranges", "add", "their vpn", "203.0.113.0/24", "--category", "vpn", "--store", target)
    for store, name in ((source, "Finance"), (target, "Money")):
        with compose.build(settings.read({}, store=store)) as house:
            house.services.names.give("user.tags", "g1", name, TenantId("default"))
            house.services.names.give("instance", 7, name, TenantId("default" if store == source else "other"))
    for _ in range(2):
        result = CliRunner().invoke(app, ["copy", "--from", source, "--to", target])
        assert result.exit_code == 0
        assert "not copied: default: IP range 'vpn': subnets: 203.0.113.0/24" in result.stderr
    held = {load["name"] for load in json.loads(told("retention", "list", "--json", "--store", target))}
    assert held == {"case 4711", "theirs"}
    drawn = json.loads(told("ranges", "list", "--json", "--store", target))
    assert {each["name"] for each in drawn} == {"office", "their vpn"}
    with compose.build(settings.read({}, store=target)) as house:
        assert house.services.tokens.caller(token).name == "reader"
        assert "ours" in house.services.ranges.tags(TenantId("default")).values()
        assert house.services.names.by_filter(TenantId("default")) == {
            "user.tags": {"g1": "Money"},
            "instance": {7: "Finance"},
        }
