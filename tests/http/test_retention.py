"""Deleting, rules and holds over the wire."""

import json
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.errors import ClusterUnreachableError, KeyValueStoreDamagedError
from casbah.operations.retention.deletion import DAY
from casbah.store.embedded.tenant import EmbeddedTenant
from making import NOW, record
from scenarios.inprocess import Asker, Reply

INGEST, COUNT = "/api/ext/v1/activities?source=mdca", "/api/v1/activities/count/"
DELETE, RULES, APPLY = "/api/ext/v1/activities/delete", "/api/ext/v1/retention", "/api/ext/v1/retention/apply"
BOB = {"user.username": {"eq": ["bob"]}}
TENANT = TenantId("default")


@pytest.fixture
def house(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path)), clock=lambda: NOW) as opened:
        yield opened


@pytest.fixture
def ask(house):
    asker = Asker(house.app, house.local_key)
    made = [
        record(each, timestamp=NOW - each * DAY, user={"userName": "bob" if each % 2 else "ann"}) for each in range(20)
    ]
    asker("POST", INGEST, b"\n".join(json.dumps(each).encode() for each in made))
    return asker


def post(ask: Asker, path: str, **body: Any) -> Reply:
    return ask("POST", path, json.dumps(body).encode())


def total(ask: Asker, filters: dict[str, Any] | None = None) -> int:
    asked = {**(filters or {}), "service": {"neq": [900_013]}}
    return int(post(ask, COUNT, filters=asked).json["total"])


def acts(ask: Asker) -> list[dict[str, Any]]:
    found = post(ask, "/api/v1/activities/", filters={"service": {"eq": [900_013]}}, sortDirection="asc").json["data"]
    return [each["rawDataJson"] for each in found]


def test_nothing_is_deleted_unless_that_is_said(ask):
    for body in ({}, {"dryRun": True}):
        told = post(ask, DELETE, filters=BOB, **body)
        assert told.json == {"dryRun": True, "matching": 10, "held": 0, "deleted": 10, "exempt": 0}
    assert (total(ask), acts(ask)) == (20, [])


def test_what_is_deleted_is_gone_and_leaves_an_act(ask):
    told = post(ask, DELETE, filters=BOB, dryRun=False, wait=True)
    assert told.json == {"dryRun": False, "matching": 10, "held": 0, "deleted": 10, "exempt": 0}
    assert (total(ask), total(ask, BOB)) == (10, 0)
    begun, act = acts(ask)
    assert (begun["operation"], act["operation"]) == ("begin_delete_activities", "delete_activities")
    for told in (begun, act):
        assert (told["asked"]["filters"], told["who"], told["address"]) == (BOB, "local", "127.0.0.1")
        assert told["result"] == {
            "matching": 10,
            "held": 0,
            "deleted": 10,
            "exempt": 0,
            "deletion": act["result"]["deletion"],
        }


def test_what_is_held_stays_until_the_hold_is_removed(ask):
    held = post(ask, RULES, name="case 7", action="hold", filters={"date": {"gte": [NOW - 4 * DAY]}})
    assert held.status == 201
    assert post(ask, DELETE, filters=BOB).json == {"dryRun": True, "matching": 10, "held": 2, "deleted": 8, "exempt": 0}
    assert post(ask, DELETE, filters=BOB, dryRun=False).json["deleted"] == 8
    assert total(ask, BOB) == 2
    assert ask("DELETE", f"{RULES}/{held.json['id']}").json["name"] == "case 7"
    assert post(ask, DELETE, filters=BOB, dryRun=False).json["deleted"] == 2
    assert [act["operation"] for act in acts(ask) if not act["operation"].startswith("begin_")] == [
        "add_rule",
        "delete_activities",
        "remove_rule",
        "delete_activities",
    ]


def test_a_rule_deletes_what_is_older_and_nothing_else(ask):
    rule = post(ask, RULES, name="ten days of bob", filters=BOB, days=10).json
    post(ask, RULES, name="hold", action="hold", filters={"activity.id": {"eq": ["activity-11"]}})
    counts = {"matching": 5, "held": 1, "deleted": 4, "exempt": 0}
    said = {"id": rule["id"], "name": "ten days of bob", **counts, "error": ""}
    assert post(ask, APPLY).json == {"dryRun": True, "data": [said], "hasNext": False, "total": 1}
    assert total(ask) == 20
    assert post(ask, APPLY, dryRun=False).json == {"dryRun": False, "data": [said], "hasNext": False, "total": 1}
    assert (total(ask, BOB), total(ask)) == (6, 16)
    assert acts(ask)[-1]["result"].items() >= counts.items()
    assert (acts(ask)[-1]["asked"]["filters"], acts(ask)[-1]["asked"]["before"]) == (BOB, NOW - 10 * DAY)
    assert acts(ask)[-1]["who"] == "retention"
    assert post(ask, APPLY, dryRun=False).json["data"][0]["deleted"] == 0


def test_a_rule_is_exact_to_the_ms(house):
    ask = Asker(house.app, house.local_key)
    lines = [json.dumps(record(older, timestamp=NOW - 7 * DAY - older)).encode() for older in (0, 1)]
    ask("POST", INGEST, b"\n".join(lines))
    post(ask, RULES, name="a week", days=7, everything=True)
    assert post(ask, APPLY, dryRun=False).json["data"][0]["deleted"] == 1
    assert total(ask, {"activity.id": {"eq": ["activity-0"]}}) == 1


def test_a_running_house_applies_rules_by_itself(house, ask):
    post(ask, RULES, name="a week", days=7, everything=True)
    house.writer.retention.begin()
    for _ in range(200):
        if total(ask) == 8:
            break
        house.writer.retention._closing.wait(0.05)
    assert total(ask) == 8


def test_a_store_that_is_away_for_a_moment_does_not_end_it(house, ask, monkeypatch):
    whole, away = house.services.store.tenants_to_compact, [True, True]

    def tenants():
        if away:
            away.pop()
            raise ClusterUnreachableError("it is not there")
        return whole()

    monkeypatch.setattr(house.services.store, "tenants_to_compact", tenants, raising=False)
    monkeypatch.setattr("casbah.operations.retention.deletion._IDLE_SECONDS", 0.05)
    post(ask, RULES, name="a week", days=7, everything=True)
    house.writer.retention.begin()
    for _ in range(200):
        if total(ask) == 8 and not away:
            break
        house.writer.retention._closing.wait(0.05)
    assert (total(ask), away) == (8, [])


def test_a_deletion_that_breaks_off_leaves_an_act_all_the_same(ask, monkeypatch):
    def delete(*_):
        raise ClusterUnreachableError("it is not there")

    monkeypatch.setattr(EmbeddedTenant, "delete", delete)
    assert post(ask, DELETE, everything=True, dryRun=False).status == 503
    post(ask, RULES, name="a week", days=7, everything=True)
    assert post(ask, f"{RULES}/apply", dryRun=False).json["data"][0]["error"]
    assert [act["operation"] for act in acts(ask) if act["operation"] != "add_rule"] == [
        "begin_delete_activities",
        "delete_activities",
        "begin_apply_retention",
        "apply_retention",
    ]
    assert ["interrupted" in act["result"] for act in acts(ask)] == [False, True, False, False, True]


def test_rules_are_of_their_tenant(house, ask):
    post(ask, RULES, name="all", days=1, everything=True)
    key, _ = house.services.tokens.create("other", tenant="other")
    other = Asker(house.app, key)
    assert other("GET", RULES).json["data"] == []
    assert post(other, APPLY, dryRun=False).json["data"] == []
    assert other("DELETE", f"{RULES}/{ask('GET', RULES).json['data'][0]['id']}").status == 404
    assert post(other, DELETE, everything=True, dryRun=False).json["deleted"] == 0
    assert total(ask) == 20


def test_only_administrators_delete(house, ask):
    key, _ = house.services.tokens.create("reader", tenant="default", scopes=["Investigation.manage", "Ingest.write"])
    reader = Asker(house.app, key)
    answers = [
        post(reader, DELETE, filters=BOB, dryRun=False),
        post(reader, RULES, name="x", days=1),
        reader("GET", RULES),
    ]
    assert [answer.status for answer in answers] == [403, 403, 403]
    assert total(ask) == 20


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"name": "x", "everything": True}, "days: expected 1 to 9999, got 0"),
        ({"name": "x", "days": 0, "everything": True}, "days: expected"),
        ({"name": "x", "days": "soon", "everything": True}, "days"),
        ({"name": "", "days": 1}, "name: expected a name"),
        ({"name": "x", "days": 1, "action": "keep"}, "action: expected delete or hold"),
        ({"name": "x", "days": 1, "filters": {"user": {"eq": 1}}}, "unknown filter"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(ask, body: dict[str, Any], says: str):
    told = post(ask, RULES, **body)
    assert told.status == 400
    assert says in told.json["detail"]


def test_rules_survive_a_restart_and_a_damaged_file_is_not_taken_for_none(tmp_path):
    chosen = settings.read({}, store=str(tmp_path))
    with compose.build(chosen) as house:
        post(Asker(house.app, house.local_key), RULES, name="case", action="hold", everything=True)
    with compose.build(chosen) as house:
        assert [each["name"] for each in Asker(house.app, house.local_key)("GET", RULES).json["data"]] == ["case"]
    (tmp_path / "rules.db").write_bytes(b"rubbish" * 1_000)
    with (
        pytest.raises(KeyValueStoreDamagedError, match=r"put a copy of it back.*no legal holds"),
        compose.build(chosen),
    ):
        pass
