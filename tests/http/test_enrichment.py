"""Enriching anew over the wire: what changes, and all that does not."""

import json

import pytest

from casbah import compose, settings
from ingest.enrich import mmdb
from scenarios.inprocess import Asker

STORE, AGAIN, LIST = "/api/ext/v1/activities", "/api/ext/v1/activities/enrich", "/api/v1/activities/"
COUNT = 1_203
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"


@pytest.fixture
def opened(tmp_path):
    """A house of the folder, and an Asker; called again it is another one, with other settings."""

    def opening(**given):
        return compose.build(settings.read({}, store=str(tmp_path / "store"), audit="off", **given))

    return opening


def records(asker: Asker, **body) -> list[dict]:
    """All of them by a scan, oldest first."""
    found, filters = [], {}
    while True:
        page = asker(
            "POST", LIST, json.dumps({"isScan": True, "sortDirection": "asc", "filters": filters, **body}).encode()
        ).json
        found += page["data"]
        if not page["hasNext"]:
            return found
        filters = page["nextQueryFilters"]


def again(asker: Asker, **body) -> tuple[int, int]:
    examined = changed = 0
    body = body if "filters" in body else {**body, "everything": True}
    while True:
        reply = asker("POST", AGAIN, json.dumps(body).encode())
        assert reply.status == 200, reply.body
        examined, changed = examined + reply.json["examined"], changed + reply.json["changed"]
        if not reply.json["hasNext"]:
            return examined, changed
        body = {"limit": body.get("limit"), "filters": reply.json["nextQueryFilters"]}


def seeded(asker: Asker) -> int:
    """Records with and without an agent and an address, some of them at the same moment; one known by its source's event. How many are new."""
    lines = [
        {"_id": f"a{n}", "timestamp": n // 3, "appId": 1, "device": {"clientIP": f"1.2.3.{n % 7}", "userAgent": FIREFOX}, "rawDataJson": {"n": n}}
        if n % 2 else {"_id": f"a{n}", "timestamp": n // 3, "appId": 1}
        for n in range(COUNT)
    ]  # fmt: skip
    stored = asker("POST", f"{STORE}?source=mdca", "\n".join(map(json.dumps, lines)).encode()).json["stored"]
    event = {"id": "e1", "eventTime": "2024-01-01T00:00:00Z", "eventID": "e1", "eventName": "GetObject", "eventVersion": "1", "eventSource": "s3.amazonaws.com",
             "awsRegion": "us-east-1", "userIdentity": {"type": "Root"}, "recipientAccountId": "1", "sourceIPAddress": "1.2.3.4", "userAgent": "curl/8"}  # fmt: skip
    return stored + asker("POST", f"{STORE}?source=cloudtrail", json.dumps(event).encode()).json["stored"]


def bare(record: dict) -> dict:
    return {key: value for key, value in record.items() if key not in ("enrichment", "userAgent", "location")}


@pytest.mark.slow
def test_what_is_known_now_takes_the_place_of_what_was_known(opened, tmp_path):
    file = mmdb.written(tmp_path / "city.mmdb", {"1.2.3.0/24": {"country": {"iso_code": "DE"}}})
    with opened() as house:
        asker = Asker(house.app, house.local_key)
        assert seeded(asker) == COUNT + 1
        before = records(asker)
        assert again(asker) == (COUNT + 1, 0)
    with opened(places=str(file)) as house:
        asker = Asker(house.app, house.local_key)
        assert again(asker, limit=500) == (COUNT + 1, COUNT // 2 + 1)
        assert again(asker) == (COUNT + 1, 0)
        after = records(asker)
        assert list(map(bare, after)) == list(map(bare, before)), "the same records, in the same order"
        located = [each for each in after if each.get("location", {}).get("countryCode") == "DE"]
        assert len(located) == COUNT // 2 + 1
        total = asker("POST", LIST, b'{"filters": {"location.country": {"eq": "DE"}}}').json["total"]
        assert total == len(located)
    with opened(agents="off") as house:
        asker = Asker(house.app, house.local_key)
        assert again(asker) == (COUNT + 1, COUNT // 2 + 1)
        assert records(asker) == list(map(bare, before)), "as their sources said them"
        assert asker("POST", LIST, b"{}").json["total"] == COUNT + 1


def test_an_event_is_known_by_what_its_source_said(opened):
    with opened() as house:
        asker = Asker(house.app, house.local_key)
        seeded(asker)
    with opened(agents="off") as house:
        asker = Asker(house.app, house.local_key)
        again(asker)
        assert seeded(asker) == 0
        assert asker("POST", LIST, b"{}").json["total"] == COUNT + 1


OKTA_CLIENT = {"id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown", "displayName": "Provisioner"}
OKTA = {"uuid": "u1", "published": "2026-03-02T10:00:00Z", "eventType": "app.oauth2.token.grant", "actor": OKTA_CLIENT}
BY_UNKNOWN = {"_id": "0_10980_u1", "timestamp": 1_772_445_600_000, "appId": 10980, "user": {"userName": "unknown"}, "rawDataJson": OKTA}  # fmt: skip


def test_who_did_it_is_derived_again_unless_that_would_end_a_legal_hold(opened):
    hold = {"name": "h", "action": "hold", "filters": {"user.username": {"eq": ["unknown"]}}}
    with opened() as house:
        asker = Asker(house.app, house.local_key)
        assert asker("POST", f"{STORE}?source=mdca", json.dumps(BY_UNKNOWN).encode()).json["stored"] == 1
        held = asker("POST", "/api/ext/v1/retention", json.dumps(hold).encode()).json["id"]
        assert again(asker) == (1, 0)
        assert records(asker)[0]["user"] == {"userName": "unknown"}
        assert asker("DELETE", f"/api/ext/v1/retention/{held}").status == 200
        assert again(asker) == (1, 1)
        (record,) = records(asker)
        assert record["user"] == {"userName": "Provisioner"}
        assert record["enrichment"]["raw event"]["user"] == {"userName": "unknown"}
        found = {name: asker("POST", LIST, json.dumps({"filters": {"user.username": {"eq": [name]}}}).encode()).json["total"]
                 for name in ("unknown", "Provisioner")}  # fmt: skip
        assert found == {"unknown": 0, "Provisioner": 1}


def test_only_what_is_asked_for_and_only_with_the_scope(opened):
    with opened() as house:
        seeded(Asker(house.app, house.local_key))
    with opened(agents="off") as house:
        asker = Asker(house.app, house.local_key)
        examined, changed = again(asker, filters={"ip.address": {"eq": "1.2.3.1"}})
        assert examined == changed == len([n for n in range(1, COUNT, 2) if n % 7 == 1])
        reader, _ = house.services.tokens.create("reader", tenant="default", scopes=("Investigation.read",))
        assert Asker(house.app, reader)("POST", AGAIN).status == 403
        assert asker("POST", AGAIN, b'{"filters": {"no": {}}}').status == 400
