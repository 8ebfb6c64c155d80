"""Saved queries and choices."""

import json
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.query import where
from casbah.base.key_value import change
from casbah.http.facets import COUNTABLE, USUAL
from casbah.operations.saved.suggested import SUGGESTED
from scenarios.inprocess import Asker, Reply

PATH, CHOICES = "/api/ext/v1/queries", "/api/ext/v1/choices"
LOGINS = {"activity.eventActionType": {"eq": ["EVENT_CATEGORY_LOGIN"]}}


@pytest.fixture
def bearer(house):
    """Makes Askers with tokens of that name and tenant."""

    def made(name: str, tenant: str = "contoso") -> Asker:
        key, _ = house.services.tokens.create(name, tenant=tenant, scopes=["Investigation.read"])
        return Asker(house.app, key)

    return made


def save(ask: Asker, path: str = PATH, **body: Any) -> Reply:
    return ask("POST", path, json.dumps(body).encode())


def named(ask: Asker) -> list[str]:
    return [each["name"] for each in ask("GET", PATH).json["data"] if not each["suggested"]]


def test_a_query_is_kept_as_it_was_sent(bearer):
    ada = bearer("ada")
    made = save(ada, name=" Log-ons ", filters=LOGINS)
    assert made.status == 201
    found = ada("GET", PATH).json["data"][0]
    assert found == made.json
    assert (found["name"], found["filters"], found["own"], found["shared"]) == ("Log-ons", LOGINS, True, False)


@pytest.mark.slow
def test_only_shared_ones_are_seen_by_others_of_the_tenant(bearer):
    ada, bob, eve = bearer("ada"), bearer("bob"), bearer("eve", "fabrikam")
    save(ada, name="mine", filters={})
    save(ada, name="ours", shared="True")
    assert (named(ada), named(bob), named(eve)) == (["mine", "ours"], ["ours"], [])


def test_its_owner_alone_changes_and_deletes_it(bearer):
    ada, bob, eve = bearer("ada"), bearer("bob"), bearer("ada", "fabrikam")
    query = save(ada, name="ours", filters={}, shared=True).json["id"]
    for other in (bob, eve):
        assert save(other, f"{PATH}/{query}", name="theirs").status == 404
        assert other("DELETE", f"{PATH}/{query}").status == 404
    changed = save(ada, f"{PATH}/{query}", name="yours", filters=LOGINS).json
    assert (changed["name"], changed["filters"], changed["shared"]) == ("yours", LOGINS, False)
    assert ada("DELETE", f"{PATH}/{query}").json == {"id": query}
    assert ada("DELETE", f"{PATH}/{query}").status == 404


def test_they_outlive_the_process(tmp_path):
    chosen = settings.read({}, store=str(tmp_path))
    for there in ([], ["kept"]):
        with compose.build(chosen) as house:
            ask = Asker(house.app, house.local_key)
            assert named(ask) == there
            save(ask, name="kept", filters=LOGINS)


def test_what_mdca_suggests_is_offered_to_everybody(bearer):
    offered = [each for each in bearer("ada")("GET", PATH).json["data"] if each["suggested"]]
    assert [each["name"] for each in offered] == [each.name for each in SUGGESTED]
    assert len(offered) == 8
    for each in offered:
        where(each["filters"], now=0)


REFUSED: list[Any] = [
    pytest.param({}, "name: expected a name, got null", id="no name"),
    pytest.param({"name": "  "}, "name: expected a name", id="a blank name"),
    pytest.param({"name": 5}, "name: expected a name, got integer 5", id="a number"),
    pytest.param({"name": "x" * 201}, "name: at most 200 characters, got 201", id="a long name"),
    pytest.param({"name": "x", "filters": []}, "filters: expected an object", id="no filters"),
    pytest.param({"name": "x", "filters": {"servic": {}}}, "did you mean 'service'", id="an unknown filter"),
    pytest.param({"name": "x", "shared": "maybe"}, "shared: expected true or false", id="no flag"),
]


@pytest.mark.parametrize("body, text", REFUSED)
def test_what_is_refused(bearer, body, text):
    ada = bearer("ada")
    reply = save(ada, **body)
    assert reply.status == 400
    assert text in reply.json["detail"]
    assert named(ada) == []


@pytest.fixture
def bounded(tmp_path):
    """Askers by name, on a server with narrow bounds."""
    chosen = settings.read({}, store=str(tmp_path), max_queries="3", max_queries_size="1500")
    with compose.build(chosen) as house:
        tokens = house.services.tokens
        keys = {
            name: tokens.create(name, tenant="contoso", scopes=["Investigation.read"])[0] for name in ("ada", "bob")
        }
        yield {name: Asker(house.app, key) for name, key in keys.items()}


def of_size(size: int) -> dict[str, Any]:
    return {"text": {"eq": ["x" * size]}}


def test_the_queries_of_an_owner_are_bounded_in_number(bounded):
    replies = [save(bounded["ada"], name=str(number)) for number in range(4)]
    assert [reply.status for reply in replies] == [201, 201, 201, 400]
    assert "at most 3 saved queries of one owner (setting CASBAH_MAX_QUERIES)" in replies[-1].json["detail"]
    assert save(bounded["bob"], name="other").status == 201
    path = f"{PATH}/{replies[0].json['id']}"
    assert bounded["ada"]("POST", path, json.dumps({"name": "changed", "filters": {}}).encode()).status == 200


def test_the_queries_of_an_owner_are_bounded_in_bytes(bounded):
    ada = bounded["ada"]
    assert save(ada, name="a", filters=of_size(600)).status == 201
    kept = save(ada, name="b", filters=of_size(300))
    refused = save(ada, name="c", filters=of_size(600))
    assert refused.status == 400
    assert (
        "at most 1500 bytes of saved queries of one owner (setting CASBAH_MAX_QUERIES_SIZE)" in refused.json["detail"]
    )
    larger = json.dumps({"name": "b", "filters": of_size(1_000)}).encode()
    assert ada("POST", f"{PATH}/{kept.json['id']}", larger).status == 400, "nor may one grow past it"
    assert [each["name"] for each in ada("GET", PATH).json["data"] if not each["suggested"]] == ["a", "b"]


def test_what_a_tenant_shares_is_bounded_together(bounded):
    assert save(bounded["ada"], name="a", filters=of_size(800), shared=True).status == 201
    refused = save(bounded["bob"], name="b", filters=of_size(800), shared=True)
    assert refused.status == 400
    assert "of a tenant, shared" in refused.json["detail"]
    assert save(bounded["bob"], name="b", filters=of_size(800)).status == 201


def test_choices_can_be_asked_for_as_they_stand(bearer):
    ada = bearer("ada")
    data = ada("GET", CHOICES).json["data"]
    for each in data:
        values = [found["value"] for found in each["values"]]
        assert values
        where({each["filter"]: {"eq": values}}, now=0)
        assert all(found["name"] for found in each["values"])


def test_choices_tell_how_to_show_every_filter_and_operator(bearer):
    answer = bearer("ada")("GET", CHOICES).json
    shown = {item["name"]: item for item in answer["filters"]}
    assert set(shown) == set(FILTERS)
    assert {item["name"] for item in answer["operators"]} == set(OPERATORS)
    for items in (answer["filters"], answer["operators"]):
        assert all(item["label"] for item in items)
    assert len({item["label"] for item in answer["filters"]}) == len(FILTERS), "two filters look the same"
    assert {name for name, item in shown.items() if item["countable"]} == set(COUNTABLE)
    assert {name for name, item in shown.items() if item["facet"]} == set(USUAL)
    complements = {item["name"]: item["complementOf"] for item in answer["operators"]}
    assert (complements["neq"], complements["eq"]) == ("eq", None)


def test_filters_with_a_button_come_first_in_their_order_and_then_the_others_by_label(bearer):
    filters = bearer("ada")("GET", CHOICES).json["filters"]
    buttons = [item["name"] for item in filters if item["button"]]
    assert buttons == sorted(buttons, key=lambda name: FILTERS[name].button)
    others = [item["label"] for item in filters if not item["button"]]
    assert filters[: len(buttons)] == [item for item in filters if item["button"]]
    assert others == sorted(others)


def test_choices_have_the_tenants_own_tags(house, bearer):
    ask = Asker(house.app, house.local_key)
    office = {"name": "Office", "category": 1, "subnets": ["10.0.0.0/8"], "tags": ["Berlin"]}
    ask("POST", "/api/v1/subnet/create_rule/", json.dumps(office).encode(), headers={"casbah-tenant": "contoso"})

    def tags(asker: Asker) -> list[str]:
        data = asker("GET", CHOICES).json["data"]
        return [value["name"] for each in data if each["filter"] == "ip.tags" for value in each["values"]]

    assert "Berlin" in tags(bearer("ada"))
    assert "Berlin" not in tags(bearer("eve", "fabrikam"))


DAY = 86_400_000


def test_a_search_is_saved_as_text_and_read_when_the_query_is_used(tmp_path):
    now = [100 * DAY]
    with compose.build(settings.read({}, store=str(tmp_path)), clock=lambda: now[0]) as house:
        ask = Asker(house.app, house.local_key)
        body = {"filters": {"service": {"eq": 11161}}, "q": "since:today user:a*", "zone": "-01:00"}
        assert save(ask, name="today", **body).json["q"] == body["q"]
        for day in (99, 100):
            shown = next(query for query in ask("GET", PATH).json["data"] if not query["suggested"])
            assert shown["filters"] == {
                "service": {"eq": 11161},
                "date": {"gte": [day * DAY + DAY // 24]},
                "user.username": {"startswith": ["a"]},
            }
            now[0] += DAY


def test_a_search_with_a_name_that_is_gone_finds_nothing_and_says_why(house):
    ask = Asker(house.app, house.local_key)
    made = save(ask, name="fine", q="app:okta").json
    assert (made["problem"], made["filters"]) == ("", {"service": {"eq": [10980]}})
    change(house.writer.queries._key_values, "default", made["id"], lambda value: {**value, "q": "app:gone"})
    shown = next(query for query in ask("GET", PATH).json["data"] if not query["suggested"])
    assert "no value is called 'gone'" in shown["problem"]
    assert shown["filters"] == {"activity.id": {"isnotset": [True]}}


def test_groups_of_filters_and_searches_that_cannot_be_read(house):
    ask = Asker(house.app, house.local_key)
    either = {"any": [{"service": {"eq": [1]}}, {"activity.type": {"eq": [True]}}]}
    assert save(ask, name="either", filters=either).json["filters"] == either
    assert save(ask, name="bad", q="usr:a").status == 400
    assert save(ask, name="bad", q="a", zone="Mars").status == 400
