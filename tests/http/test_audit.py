"""What is done here becomes activities of Casbah's own."""

import json
import time
from typing import Any

import pytest

from casbah import compose, settings
from casbah.errors import UnavailableError
from casbah.http.route import Audit
from casbah.http.routes import ROUTES
from casbah.ingest.apps import CASBAH
from casbah.operations.audit.trail import VERBS
from casbah.store.embedded.tenant import EmbeddedTenant
from making import record
from scenarios.inprocess import Asker

LIST, INGEST, TOKENS = "/api/v1/activities/", "/api/ext/v1/activities?source=mdca", "/api/ext/v1/tokens"
OURS = {"service": {"eq": [CASBAH]}}


def acts(ask: Asker, **also: Any) -> list[dict[str, Any]]:
    found = ask("POST", LIST, json.dumps({"filters": {**OURS, **also}, "sortDirection": "asc"}).encode())
    assert found.status == 200
    return [each["rawDataJson"] | {"record": each} for each in found.json["data"]]


def soon(ask: Asker, count: int) -> list[dict[str, Any]]:
    """The acts, once there are so many; reading them is an act as well, so there may be more."""
    patience = time.monotonic() + 60
    while len(found := acts(ask)) < count and time.monotonic() < patience:
        time.sleep(0.1)
    return found


def test_a_change_is_there_once_it_is_answered(opened):
    ask = opened()
    made = ask("POST", TOKENS, json.dumps({"name": "ci"}).encode(), headers={"user-agent": "tester/1"})
    ask("DELETE", f"{TOKENS}/{made.json['id']}")
    created, revoked = acts(ask)
    assert (created["operation"], revoked["operation"], revoked["about"]) == (
        "create_token",
        "revoke_token",
        made.json["id"],
    )
    assert created["asked"] == {"name": "ci"}
    assert made.json["token"] not in json.dumps([created, revoked])
    shown = created["record"]
    assert (shown["appName"], shown["eventTypeValue"], shown["isAdminOperation"]) == (
        "Casbah",
        "EVENT_CASBAH_CREATE_TOKEN",
        True,
    )
    assert (shown["device"]["clientIP"], shown["device"]["userAgent"]) == ("127.0.0.1", "tester/1")


def test_head_is_in_the_trail_as_get_is(opened):
    ask = opened(audit="all")
    ask("POST", INGEST, json.dumps(record(1)).encode())
    for method in ("GET", "HEAD"):
        assert ask(method, f"{LIST}activity-1/").status == 200
    fetched = [act for act in soon(ask, 2) if act["operation"] == "fetch_activity"]
    assert [act["about"] for act in fetched] == ["activity-1", "activity-1"]


def test_reading_is_there_soon_where_that_is_wanted(opened):
    ask = opened(audit="all")
    ask("POST", INGEST, json.dumps(record(1)).encode())
    ask("POST", LIST, json.dumps({"filters": {"activity.id": {"eq": ["activity-1"]}}}).encode())
    ask("GET", f"{LIST}activity-1/")
    listed, fetched, *_ = soon(ask, 2)
    assert (listed["operation"], listed["asked"]["filters"]) == (
        "list_activities",
        {"activity.id": {"eq": ["activity-1"]}},
    )
    assert (fetched["operation"], fetched["about"], fetched["allowed"]) == ("fetch_activity", "activity-1", True)


@pytest.mark.parametrize(("level", "there"), [("off", 0), ("changes", 1)])
def test_only_what_is_wanted_is_there(opened, level: str, there: int):
    ask = opened(audit=level)
    ask("GET", LIST)
    ask("POST", TOKENS, b'{"name": "ci"}')
    assert len(acts(ask)) == there


def test_reading_is_there_after_the_house_was_closed(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path), audit="all")) as house:
        Asker(house.app, house.local_key)("GET", LIST)
    with compose.build(settings.read({}, store=str(tmp_path), audit="off")) as house:
        assert [act["operation"] for act in acts(Asker(house.app, house.local_key))] == ["list_activities"]


def test_what_was_not_permitted_is_there_and_what_failed_is_not(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        key, _ = house.services.tokens.create("reader", tenant="default", scopes=["Investigation.read"])
        reader, owner = Asker(house.app, key), Asker(house.app, house.local_key)
        assert reader("POST", TOKENS, b'{"name": "more"}').status == 403
        assert owner("POST", TOKENS, b'{"name": 7}').status == 400
        (denied,) = acts(owner)
    assert (denied["who"], denied["operation"], denied["allowed"]) == ("reader", "create_token", False)
    assert denied["record"]["mainInfo"]["activityResult"] == {"isSuccess": False, "message": "not permitted"}


@pytest.mark.slow
def test_a_key_in_a_path_is_not_kept_and_a_long_agent_is_cut(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        key, _ = house.services.tokens.create("reader", tenant="default", scopes=["Investigation.read"])
        reader, owner = Asker(house.app, key), Asker(house.app, house.local_key)
        for path in (f"{TOKENS}/{key}", f"/api/ext/v1/sessions/{key}"):
            assert reader("DELETE", path, headers={"user-agent": "x" * 10_000}).status == 403
        found = acts(owner)
    assert [each["about"] for each in found] == [f"{key[:4]}... (80 characters)"] * 2
    assert key not in json.dumps(found)
    assert {len(each["record"]["device"]["userAgent"]) for each in found} == {1_000}


def test_it_is_of_the_tenant_in_which_it_was_done(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        askers = []
        for tenant in ("contoso", "fabrikam"):
            key, _ = house.services.tokens.create(tenant, tenant=tenant)
            askers.append(Asker(house.app, key))
        askers[0]("POST", TOKENS, b'{"name": "ci"}')
        assert [len(acts(ask)) for ask in askers] == [1, 0]


@pytest.mark.parametrize("name", ["x" * 10_000, "\ud800", "</script>\u202e", "a\nb"])
def test_hostile_parameters_do_no_harm(opened, name: str):
    ask = opened()
    ask("POST", "/api/ext/v1/queries", json.dumps({"name": name[:200], "filters": {}, "more": name}).encode())
    (made,) = acts(ask)
    assert made["operation"] == "save_query"


DEPTHS = pytest.mark.parametrize("depth", [200, 253, 254, 500, 990, 1_020])


def nested(depth: int) -> bytes:
    return b'{"name": "ci", "more": ' + b"[" * depth + b"]" * depth + b"}"


@DEPTHS
def test_a_change_whose_parameters_are_as_deep_as_a_body_may_be_is_there(opened, depth: int):
    ask = opened()
    assert ask("POST", "/api/ext/v1/queries", nested(depth)).status == 201
    (made,) = acts(ask)
    assert made["operation"] == "save_query"
    # How deep is too deep is the interpreter's to say, and differs between its versions.
    told = made["asked"]
    assert told.startswith("nested too deeply") if depth > 900 and isinstance(told, str) else told["name"] == "ci"


@DEPTHS
def test_reading_with_parameters_as_deep_as_a_body_may_be_stops_no_other_act(opened, depth: int):
    ask = opened(audit="all")
    assert ask("POST", LIST, nested(depth)).status == 200
    ask("GET", f"{LIST}nothing/")
    ask("GET", f"{LIST}?limit=7")
    assert [each["asked"] for each in soon(ask, 2)[1:2]] == [{"limit": "7"}]


def test_an_act_that_cannot_be_stored_is_told_to_the_log(tmp_path, monkeypatch, caplog):
    with compose.build(settings.read({}, store=str(tmp_path))) as house:

        def full(*_: Any, **__: Any) -> None:
            raise UnavailableError("the disk is full")

        monkeypatch.setattr(EmbeddedTenant, "insert_soon", full)
        assert Asker(house.app, house.local_key)("POST", TOKENS, b'{"name": "ci"}').status == 201
    assert any(
        "create_token" in each.getMessage() and "the disk is full" in each.getMessage() for each in caplog.records
    )


def test_every_route_that_changes_something_says_so():
    """What is not reading by its method is a change, or said to be nothing on purpose."""
    reading = {"list_activities", "count_activities", "list_ranges", "list_facets", "histogram", "list_changes"}
    for route in ROUTES:
        if route.audit is Audit.READS:
            assert "GET" in route.methods or route.operation in reading, route.path
        if route.audit is Audit.CHANGES:
            assert route.methods != ("GET",) or route.operation == "fetch_export"


def test_every_act_has_a_verb():
    names = {route.operation for route in ROUTES if route.audit is not Audit.NOTHING} | {"apply_retention"}
    assert [name for name in sorted(names) if not VERBS({"mainInfo": {"rawOperationName": name}})] == []
