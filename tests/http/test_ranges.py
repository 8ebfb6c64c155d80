"""MDCA's data enrichment API, and what ranges do to activities that are stored afterwards."""

import json
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from scenarios.inprocess import Asker, Reply

PATH = "/api/v1/subnet/"
OFFICE = {
    "name": "Office",
    "category": 1,
    "subnets": ["10.0.0.0/8", "2001:db8::1"],
    "organization": "Contoso",
    "tags": ["Berlin"],
}


@pytest.fixture
def ask(house):
    return Asker(house.app, house.local_key)


def listed(ask: Asker, **body: Any) -> list[dict[str, Any]]:
    reply = ask("POST", PATH, json.dumps(body).encode())
    assert reply.status == 200, reply.body
    assert reply.json["total"] >= len(reply.json["data"])
    return reply.json["data"]


def create(ask: Asker, **body: Any) -> Reply:
    return ask("POST", f"{PATH}create_rule/", json.dumps(body).encode())


def test_what_is_created_is_listed_as_mdca_lists_it(ask):
    created = create(ask, **OFFICE)
    assert created.status == 200
    (found,) = listed(ask)
    assert found["_id"] == created.json
    assert found["subnets"] == [
        {"mask": 104, "address": "0000:0000:0000:0000:0000:ffff:0a00:0000", "originalString": "10.0.0.0/8"},
        {"mask": 128, "address": "2001:0db8:0000:0000:0000:0000:0000:0001", "originalString": "2001:db8::1"},
    ]
    assert (found["category"], found["organization"], found["location"]) == (1, "Contoso", None)
    assert [tag["name"] for tag in found["tags"]] == ["Berlin"]
    assert ask("GET", "/cas/api/v1/subnet").json["total"] == 1


def test_the_published_script_sees_no_change_where_there_is_none(ask):
    """https://learn.microsoft.com/defender-cloud-apps/api-data-enrichment-manage-script compares these keys."""
    sent = {
        "name": "Test 2",
        "subnets": ["1.1.1.5/32", "31.31.31.4/24"],
        "category": 1,
        "tags": ["000000290000000000000000"],
    }
    assert create(ask, **sent, overrideOrganization=True).status == 200
    (found,) = listed(ask, filters={}, skip=0, limit=20)
    assert sorted(subnet["originalString"] for subnet in found["subnets"]) == sorted(sent["subnets"])
    assert [tag["id"] for tag in found["tags"]] == sent["tags"]
    assert found["organization"] is None


def test_a_change_replaces_all_of_it(ask):
    range_id = create(ask, **OFFICE).json
    other = {"_id": range_id, "name": "Lab", "category": 6, "subnets": ["10.0.0.0/8"]}
    assert ask("POST", f"{PATH}{range_id}/update_rule/", json.dumps(other).encode()).json == range_id
    (found,) = listed(ask)
    assert (found["name"], found["category"], found["tags"], found["organization"]) == ("Lab", 6, [], None)


def test_what_is_deleted_is_gone(ask):
    range_id = create(ask, **OFFICE).json
    assert ask("DELETE", f"{PATH}{range_id}/").status == 200
    assert listed(ask) == []
    assert ask("DELETE", f"{PATH}{range_id}/").status == 404
    assert ask("POST", f"{PATH}{range_id}/update_rule/", json.dumps(OFFICE).encode()).status == 404
    assert create(ask, **OFFICE).status == 200


FILTERED = [
    ({"category": {"eq": 1}}, ["a"]),
    ({"category": {"eq": ["1", 4]}}, ["a", "b"]),
    ({"category": {"neq": [1, 4]}}, ["c"]),
    ({"tags": {"eq": "000000290000000000000000"}}, ["b"]),
    ({"tags": {"neq": ["000000290000000000000000"]}}, ["a", "c"]),
    ({"builtIn": {"eq": True}}, []),
    ({"builtIn": {"eq": "false"}, "category": {"neq": 1}}, ["b", "c"]),
    ({}, ["a", "b", "c"]),
]


@pytest.mark.slow
@pytest.mark.parametrize("filters, expected", FILTERED)
def test_filters(ask, filters, expected):
    create(ask, name="a", category=1, subnets=["10.0.0.0/24"])
    create(ask, name="b", category=4, subnets=["10.0.1.0/24"], tags=["Amazon Web Services"])
    create(ask, name="c", category=6, subnets=["10.0.2.0/24"])
    assert [each["name"] for each in listed(ask, filters=filters)] == expected


def test_pages_and_order(ask):
    for number, category in enumerate([3, 1, 2]):
        create(ask, name=f"r{number}", category=category, subnets=[f"10.0.{number}.0/24"])
    assert [each["name"] for each in listed(ask, sortField="category")] == ["r1", "r2", "r0"]
    assert [each["name"] for each in listed(ask, sortDirection="desc", limit=1, skip=1)] == ["r1"]
    reply = ask("POST", PATH, b'{"limit": 2}')
    assert (reply.json["hasNext"], reply.json["total"]) == (True, 3)


REFUSED = [
    ({}, "name: expected a name, got null"),
    ({"name": " "}, "name: expected a name, got string ' '"),
    ({"name": "x", "category": 0}, "category: expected 1 (corporate)"),
    ({"name": "x", "category": 1}, "subnets: expected a list of addresses or networks"),
    ({"name": "x", "category": 1, "subnets": "10.0.0.0/8"}, "subnets: expected a list of strings, got string"),
    ({"name": "x", "category": 1, "subnets": ["10.0.0.0/33"]}, "subnets: '10.0.0.0/33' is neither an address nor a network"),
    ({**OFFICE, "name": "x"}, "subnets: 10.0.0.0/8 is in the range 'Office' already"),
    ({**OFFICE, "subnets": ["9.9.9.9"]}, "name: there is an IP range 'Office' already"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": ["a" * 24]}, "tags: there is no tag with the id"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": "a"}, "tags: expected a list of strings, got string 'a'"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": ["a", ""]}, "tags: expected no blank string in the list"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": [" "]}, "tags: expected no blank string in the list"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": ["a", 7]}, "tags: expected a list of strings, got integer 7 in the list"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "tags": [{"id": " "}]}, "tags: expected an id or a name, got an object with neither"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9", ""]}, "subnets: expected no blank string in the list"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "location": {"countryCode": "QQ"}}, "location.countryCode: expected a country"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"], "location": {"countryCode": "DE", "latitude": 1}}, "location: expected both latitude and longitude, or neither"),
    ({"name": "x" * 201, "category": 1, "subnets": ["9.9.9.9"]}, "name: at most 200 characters"),
    ({"name": "x", "category": 1, "subnets": ["9.9.9.9"] * 1_001}, "subnets: at most 1000"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("body, detail", REFUSED)
def test_what_cannot_be_kept_is_refused_whole(ask, body, detail):
    create(ask, **OFFICE)
    reply = create(ask, **body)
    assert (reply.status, detail in reply.json["detail"]) == (400, True), reply.json
    assert len(listed(ask)) == 1


ASKED = [
    ({"filters": {"categry": {"eq": 1}}}, "did you mean 'category'"),
    ({"filters": {"builtIn": {"neq": True}}}, "does not take operator 'neq'"),
    ({"filters": {"category": {"eq": "seven"}}}, "expected a category from 1 to 6"),
    ({"filters": {"category": {"eq": []}}}, "expected a category from 1 to 6"),
    ({"filters": []}, "filters: expected an object"),
    ({"sortField": "colour"}, "sortField: expected one of name, category, tags"),
]


@pytest.mark.parametrize("body, detail", ASKED)
def test_what_cannot_be_asked_is_refused(ask, body, detail):
    reply = ask("POST", PATH, json.dumps(body).encode())
    assert (reply.status, detail in reply.json["detail"]) == (400, True), reply.json


def test_ranges_are_a_tenants_own_and_ask_for_the_scope(house, ask):
    create(ask, **OFFICE)
    reader, _ = house.services.tokens.create("reader", tenant="default", scopes=("Investigation.read",))
    stranger, _ = house.services.tokens.create("stranger", tenant="other")
    assert Asker(house.app, reader)("GET", PATH).json["total"] == 1
    assert create(Asker(house.app, reader), **{**OFFICE, "name": "x"}).status == 403
    assert Asker(house.app, stranger)("GET", PATH).json["total"] == 0
    assert create(Asker(house.app, stranger), **OFFICE).status == 200


def test_ranges_outlive_the_server(tmp_path):
    for total in (0, 1):
        with compose.build(settings.read({}, store=str(tmp_path))) as opened:
            asker = Asker(opened.app, opened.local_key)
            assert asker("GET", PATH).json["total"] == total
            if not total:
                create(asker, **OFFICE)


@pytest.mark.parametrize("pad", [0, 300_000], ids=["here", "in a process beside"])
def test_activities_stored_afterwards_are_enriched(house, ask, pad):
    """From the moment that the range is there, in the bodies that are made ready here and in those made ready beside."""

    def store(identity: str) -> dict[str, Any]:
        record = {"_id": identity, "timestamp": 1, "appId": 1, "device": {"clientIP": "10.1.2.3"}, "x": "y" * pad}
        assert ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record).encode()).json["stored"] == 1
        return ask("GET", f"/api/v1/activities/{identity}/").json

    assert "location" not in store("before")
    range_id = create(ask, **OFFICE).json
    found = store("after")
    assert found["location"]["categoryValue"] == "CORPORATE"
    assert found["location"]["organizationSearchable"] == "Contoso"
    assert list(found["enrichment"]) == [f"range {range_id}"]
    filters = {"ip.category": {"eq": 1}, "ip.tags": {"eq": found["location"]["ipTags"]}}
    assert ask("POST", "/api/v1/activities/", json.dumps({"filters": filters}).encode()).json["total"] == 1
    assert house.services.ranges.ranges(TenantId("default")).version == 1
    ask("DELETE", f"{PATH}{range_id}/")
    assert "location" not in store("later")
