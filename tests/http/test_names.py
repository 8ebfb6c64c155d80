"""Names that people give to values of filters."""

import json
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.language import FILTERS
from casbah.activity.tenant import TenantId
from casbah.ingest.enrich import given_names
from casbah.ingest.enrich.given_names import NAMEABLE
from making import arrival, record
from scenarios.inprocess import Asker, Reply

PATH = "/api/ext/v1/names"
TENANT = TenantId("default")


@pytest.fixture
def ask(house):
    return Asker(house.app, house.local_key)


def give(ask: Asker, **body: Any) -> Reply:
    return ask("POST", PATH, json.dumps(body).encode())


def named(ask: Asker) -> dict[Any, str]:
    return {each["value"]: each["name"] for each in ask("GET", PATH).json["data"]}


@pytest.mark.parametrize("name", NAMEABLE)
def test_a_value_of_each_of_these_filters_has_the_name_that_was_given_last(ask, name):
    value = 7 if name == "instance" else "192.0.2.7"
    assert give(ask, filter=name, value=value, name=" First ").json["name"] == "First"
    assert give(ask, filter=name, value=value, name="Second").status == 200
    assert named(ask) == {value: "Second"}
    choices = ask("GET", "/api/ext/v1/choices").json
    where = choices["data"] if FILTERS[name].choices else choices["givenNames"]
    values = next(row["values"] for row in where if row["filter"] == name)
    assert {"value": value, "name": "Second"} in values


def test_case_makes_no_other_value(ask):
    give(ask, filter="user.username", value="Ann@example.org", name="Ann")
    give(ask, filter="user.username", value="ann@EXAMPLE.org", name="Ann Lee")
    assert list(named(ask).values()) == ["Ann Lee"]
    give(ask, filter="user.username", value="ANN@example.org", name="")
    assert named(ask) == {}


def test_names_survive_a_restart_and_are_in_the_trail(tmp_path):
    chosen = settings.read({}, store=str(tmp_path))
    with compose.build(chosen) as house:
        give(Asker(house.app, house.local_key), filter="user.tags", value="g1", name="Finance")
    with compose.build(chosen) as house:
        ask = Asker(house.app, house.local_key)
        assert named(ask) == {"g1": "Finance"}
        (act,) = ask("POST", "/api/ext/v1/search", b'{"q": "operation:give_name"}').json["data"]
        assert act["verb"] == "edit"
        assert act["rawDataJson"]["asked"] == {"filter": "user.tags", "value": "g1", "name": "Finance"}


def test_there_are_not_more_than_so_many(ask, monkeypatch):
    monkeypatch.setattr(given_names, "MAX_GIVEN_NAMES", 2)
    for value in ("g1", "g2", "g1"):
        assert give(ask, filter="user.tags", value=value, name=value).status == 200
    refused = give(ask, filter="user.tags", value="g3", name="g3")
    assert (refused.status, refused.json["detail"]) == (400, "there are 2 names already, which is the maximum")
    assert set(named(ask)) == {"g1", "g2"}


@pytest.mark.parametrize("q, total", [('group:"finance"', 2), ("group:Fin*", 0), ("group:g1", 2), ("group:g2", 1)])
def test_a_search_takes_a_whole_name(house, ask, q, total):
    tags = (["g1"], ["g1", "g2"])
    made = [record(0, _id=f"a{number}", uid=f"a{number}", user={"userTags": each}) for number, each in enumerate(tags)]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    give(ask, filter="user.tags", value="g1", name="Finance")
    found = ask("POST", "/api/ext/v1/search", json.dumps({"q": q}).encode())
    assert found.json["total"] == total, found.json


def test_values_with_names_are_suggested_by_name_and_others_by_their_beginning(house, ask):
    users = ("u1@example.org", "u2@example.org", "ann@example.org")
    made = [record(0, _id=user, uid=user, user={"userName": user}) for user in users]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    give(ask, filter="user.username", value="u1@example.org", name="Ann Lee")

    def suggested(q: str) -> dict[str, int]:
        found = ask("POST", "/api/ext/v1/search/complete", json.dumps({"q": q, "cursor": len(q)}).encode()).json
        return {row["text"]: row["total"] for row in found["suggestions"] if row["kind"] == "value"}

    assert suggested("user:ann") == {"ann@example.org": 1, "u1@example.org": 1}
    assert suggested("user:u") == {"u1@example.org": 1, "u2@example.org": 1}
