"""Entities, their groups and their countries, against plain Python over the same records."""

import json
import random
from base64 import b64encode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casbah import compose, settings
from casbah.activity.fields import EntityKey, entity_key, entity_term
from casbah.http.routes import ROUTES
from casbah.store.opensearch.store import OpenSearchStore
from cluster import opening
from scenarios.inprocess import Asker
from searches import searches

ENTITIES, TAGS, LOCATIONS = "/api/v1/entities/", "/api/v1/user_tags/", "/api/v1/activities_locations/by_user/"
DAY = 86_400_000
Record = dict[str, Any]
Key = tuple[str, int | None, int | None]


def made(count: int = 500, seed: int = 5) -> list[Record]:
    """Activities of two dozen people, each with a name and an id in some app, of whom some are alike in all but the app."""
    dice = random.Random(seed)
    records = []
    for number in range(count):
        person = int(dice.expovariate(0.15))
        saas, inst = dice.choice([(11161, 0), (11161, 0), (11770, 3)])
        name = f"User-{person}@{'contoso.com' if person % 3 else 'fabrikam.com'}"
        record: Record = {
            "_id": f"a{number}",
            "timestamp": 1_700_000_000_000 + dice.randrange(90 * DAY) // 500 * 500,
            "appId": dice.choice([11161, 15600, 11770]),
            "instanceId": inst,
            "user": {"userName": name, "userTags": dice.sample(["g1", "g2", "g3"], person % 3)},
            "location": {"countryCode": dice.choice(["DE", "FR", "US"])} if person % 4 else {},
            "entityData": {"0": {"displayName": name, "id": {"id": name, "saas": saas, "inst": inst}}, "1": None},
        }
        if person % 5:
            record["resolvedActor"] = {"id": f"guid-{person}", "saasId": str(saas), "instanceId": str(inst), "name": f"Person {person}"}  # fmt: skip
        if person == 5:
            record["mainInfo"] = {
                "eventObjects": [{"id": "robot", "role": 2}, {"id": "target", "role": 1, "saasId": 1}]
            }
        if person > 7:
            record["user"]["orgUnit"] = f"/unit-{person % 2}"
        records.append(record)
    return records


RECORDS = made()


def keys_of(record: Record) -> set[Key]:
    """Those who performed it."""
    data = record["entityData"]["0"]["id"]
    keys: set[Key] = {(data["id"], data["saas"], data["inst"])}
    if actor := record.get("resolvedActor"):
        keys.add((actor["id"], int(actor["saasId"]), int(actor["instanceId"])))
    if "mainInfo" in record:
        keys.add(("robot", None, None))
    return keys


def doing(holds: Callable[[Record], bool]) -> set[Key]:
    return {key for record in RECORDS if holds(record) for key in keys_of(record)}


EVERYBODY = doing(lambda _: True)


def domain(record: Record) -> str:
    return record["user"]["userName"].partition("@")[2]


FILTERS: dict[str, tuple[dict[str, Any], set[Key]]] = {
    "none": ({}, EVERYBODY),
    "an app": ({"app": {"eq": 15600}}, doing(lambda r: r["appId"] == 15600)),
    "never an app": ({"app": {"neq": [15600, "11770"]}}, EVERYBODY - doing(lambda r: r["appId"] in (15600, 11770))),
    "two apps, not at once": (
        {"app": {"eq": 15600}, "instance": {"eq": [3]}},
        doing(lambda r: r["appId"] == 15600) & doing(lambda r: r["instanceId"] == 3),
    ),
    "a domain": ({"domain": {"eq": ["FABRIKAM.com"]}}, doing(lambda r: domain(r) == "fabrikam.com")),
    "not a domain": ({"domain": {"neq": "fabrikam.com"}}, EVERYBODY - doing(lambda r: domain(r) == "fabrikam.com")),
    "with an organization": ({"organization": {"isset": True}}, doing(lambda r: "orgUnit" in r["user"])),
    "without one": ({"organization": {"isset": False}}, EVERYBODY - doing(lambda r: "orgUnit" in r["user"])),
    "without one, again": ({"organization": {"isnotset": True}}, EVERYBODY - doing(lambda r: "orgUnit" in r["user"])),
    "a group": ({"userGroups": {"eq": ["g1"]}}, doing(lambda r: "g1" in r["user"]["userTags"])),
    "never in a group": ({"userGroups": {"neq": ["g1"]}}, EVERYBODY - doing(lambda r: "g1" in r["user"]["userTags"])),
    "a name": ({"user.username": {"eq": "user-2@CONTOSO.com"}}, doing(lambda r: r["user"]["userName"] == "User-2@contoso.com")),
    "a key": ({"entity": {"eq": {"id": "guid-2", "saas": 11161, "inst": 0}}}, {("guid-2", 11161, 0)}),
    "a key of all apps": ({"entity": {"eq": [{"id": "guid-2", "inst": 0}, {"id": "robot"}]}}, {("guid-2", 11161, 0), ("robot", None, None)}),
    "all but a key": ({"entity": {"neq": [{"id": "guid-2"}]}}, {key for key in EVERYBODY if key[0] != "guid-2"}),
    "keys that begin so": ({"entity": {"startswith": "guid-1"}}, {key for key in EVERYBODY if key[0].startswith("guid-1")}),
    "somebody else": ({"entity": {"eq": {"id": "target"}}}, set()),
    "no value": ({"app": {"eq": []}}, set()),
    "all but no value": ({"app": {"neq": []}}, EVERYBODY),
    "a key and an app": (
        {"entity": {"startswith": "guid-"}, "app": {"eq": 11770}, "domain": {"neq": ["fabrikam.com"]}},
        {key for key in doing(lambda r: r["appId"] == 11770) if key[0].startswith("guid-")} - doing(lambda r: domain(r) == "fabrikam.com"),
    ),
}  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "house" in metafunc.fixturenames:
        engines = ["embedded", *(["opensearch"] if metafunc.config.getoption("--cluster") else [])]
        metafunc.parametrize("house", engines, indirect=True, scope="module")


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[compose.Application]:
    """A server with the activities, on every engine."""
    with ExitStack() as stack:
        chosen = {"store": str(tmp_path_factory.mktemp("store")), "audit": "off"}
        if request.param == "opensearch":
            chosen["cluster"] = stack.enter_context(opening.place(request.getfixturevalue("nodes"))).address
        built = stack.enter_context(compose.build(settings.read({}, **chosen)))
        store(Asker(built.app, built.local_key))
        yield built


@pytest.fixture
def ask(house: compose.Application) -> Asker:
    return Asker(house.app, house.local_key)


def store(ask: Asker, records: list[Record] = RECORDS) -> None:
    lines = "\n".join(map(json.dumps, records)).encode()
    assert ask("POST", "/api/ext/v1/activities?source=mdca", lines).json["stored"] == len(records)


def post(ask: Asker, path: str, **body: Any) -> Any:
    answer = ask("POST", path, json.dumps(body).encode())
    assert answer.status == 200, answer.body
    return answer.json


def walk(ask: Asker, path: str, **body: Any) -> Iterator[dict[str, Any]]:
    skip, more = 0, True
    while more:
        page = post(ask, path, **{"limit": 7, "skip": skip, **body})
        assert (page["max"], page["moreThanTotal"]) == (7, False)
        yield from page["data"]
        skip, more = skip + 7, page["hasNext"]
        assert len(page["data"]) == 7 or not more
    assert page["total"] == skip - 7 + len(page["data"])


def key_in(entity: dict[str, Any]) -> Key:
    key = json.loads(entity["username"])
    return key["id"], key["saas"], key["inst"]


@pytest.mark.parametrize("filters, expected", FILTERS.values(), ids=FILTERS.keys())
def test_a_list_holds_each_entity_once(ask: Asker, filters: dict[str, Any], expected: set[Key]) -> None:
    listed = [key_in(entity) for entity in walk(ask, ENTITIES, filters=filters)]
    assert Counter(listed) == Counter(expected)
    assert [key_in(entity) for entity in walk(ask, ENTITIES, filters=filters, sortDirection="desc")] == listed[::-1]


def test_the_filters_tell_entities_apart() -> None:
    assert len({frozenset(expected) for _, expected in FILTERS.values()}) > 12


def test_a_page_takes_at_most_one_search_more_per_entity(house: compose.Application, ask: Asker) -> None:
    """On a cluster none: all of them are one search."""
    post(ask, ENTITIES, limit=1)  # From here on, counts are cached.
    taken = []
    for limit in (1, 20):
        with searches() as names:
            assert len(post(ask, ENTITIES, limit=limit)["data"]) == limit
        taken.append(Counter(names))
    more = {} if isinstance(house.services.store, OpenSearchStore) else {"search": 19}
    assert taken[1] - taken[0] == more


def test_an_entity_is_what_its_latest_activity_says(ask: Asker) -> None:
    for entity in walk(ask, ENTITIES):
        key = key_in(entity)
        newest = max(record["timestamp"] for record in RECORDS if key in keys_of(record))
        (*_, record) = [r for r in RECORDS if key in keys_of(r) and r["timestamp"] == newest]
        user = {"userName": None, "userTags": []} if key[0] == "robot" else record["user"]
        names = {record["entityData"]["0"]["id"]["id"]: record["user"]["userName"], "robot": "robot"}
        assert entity == {
            "_id": urlsafe_b64encode(entity["username"].encode()).decode().rstrip("="),
            "id": key[0],
            "username": f'{{"id": "{key[0]}", "saas": {json.dumps(key[1])}, "inst": {json.dumps(key[2])}}}',
            "ii": "||robot" if key[0] == "robot" else f"{key[1]}|{key[2]}|{key[0]}",
            "displayName": names.get(key[0]) or record["resolvedActor"]["name"],
            "email": user["userName"],
            "domain": user["userName"] and domain(record),
            "organization": user.get("orgUnit"),
            "userGroups": [{"_id": tag, "id": tag, "name": tag} for tag in user["userTags"]],
            "appData": key[1] and {"appId": key[1], "name": {11161: "Office 365", 11770: "Google Workspace"}[key[1]], "saas": key[1], "instance": key[2]},
            "lastSeen": entity["lastSeen"],
            "status": 0,
            **dict.fromkeys(("type", "isAdmin", "isExternal", "threatScore")),
            "threatScoreHistory": [],
        }  # fmt: skip
        assert datetime.fromisoformat(entity["lastSeen"]).timestamp() * 1_000 == newest


def test_only_the_users_own_accounts_have_what_an_activity_says_of_its_user(tmp_path: Any) -> None:
    record = {
        "_id": "m1",
        "timestamp": 1_700_000_000_000,
        "appId": 11161,
        "user": {"userName": "Admin@contoso.com", "orgUnit": "/it", "userTags": ["gAdmin"]},
        "resolvedActor": {"id": "guid-admin", "saasId": "11161", "instanceId": "0", "name": "Admin"},
        "resolvedActorAccount": {"id": "account-admin", "saasId": "15600", "instanceId": "0"},
        "entityData": {
            "0": {"displayName": "Victim Person", "id": {"id": "victim@fabrikam.com", "saas": 11161, "inst": 0}},
            "2": {"displayName": "Admin", "id": {"id": "admin@CONTOSO.com", "saas": 11161, "inst": 0}},
        },
    }
    with compose.build(settings.read({}, store=str(tmp_path), audit="off")) as built:
        ask = Asker(built.app, built.local_key)
        assert ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record).encode()).json["stored"] == 1
        listed = {entity["id"]: entity for entity in walk(ask, ENTITIES)}
        in_domain = {entity["id"] for entity in walk(ask, ENTITIES, filters={"domain": {"eq": "contoso.com"}})}
    said = {
        key: (row["email"], row["domain"], row["organization"], [tag["id"] for tag in row["userGroups"]])
        for key, row in listed.items()
    }
    theirs = ("Admin@contoso.com", "contoso.com", "/it", ["gAdmin"])
    assert said == {
        "victim@fabrikam.com": (None, None, None, []),
        **dict.fromkeys(("guid-admin", "account-admin", "admin@CONTOSO.com"), theirs),
    }
    assert listed["victim@fabrikam.com"]["displayName"] == "Victim Person"
    assert in_domain == set(said)


def spelled(key: Key) -> Iterator[str]:
    """A key in base64, as clients and the documentation write it."""
    compact = json.dumps(dict(zip(("id", "saas", "inst"), key, strict=True)), separators=(",", ":")).encode()
    yield b64encode(compact).decode().replace("/", "%2F")
    yield urlsafe_b64encode(compact).decode()
    yield urlsafe_b64encode(compact).decode().rstrip("=")
    yield b64encode(compact.replace(b":", b" : ")).decode().replace("=", "%3D")


def test_every_listed_entity_is_fetched_by_its_id_and_by_its_key(ask: Asker) -> None:
    for entity in walk(ask, ENTITIES):
        for name in (entity["_id"], *spelled(key_in(entity))):
            answer = ask("GET", f"{ENTITIES}{name}/", b"{}")
            assert (answer.status, answer.json) == (200, entity), name


def test_a_key_without_its_app_is_that_of_who_acted_last(ask: Asker) -> None:
    name = b64encode(b'{"id":"guid-2"}').decode()
    newest = max((r for r in RECORDS if "guid-2" in {key[0] for key in keys_of(r)}), key=lambda r: r["timestamp"])
    assert key_in(ask("GET", f"{ENTITIES}{name}/").json) in keys_of(newest)


@pytest.mark.parametrize(
    "name",
    ["x", "5f01dc3d229037823e3b9e92", "%FF", b64encode(b"[1]").decode(), b64encode(b"{}").decode(), b64encode(b'{"id": "nobody"}').decode(),
     b64encode(b'{"id": "target"}').decode(), b64encode(b'{"id": "guid-2", "saas": 7}').decode(), b64encode(b'{"id": "guid-2", "x": 7}').decode(),
     b64encode(b"[" * 100_000).decode()],
)  # fmt: skip
def test_a_key_that_nobody_has(ask: Asker, name: str) -> None:
    answer = ask("GET", f"{ENTITIES}{name}/")
    assert (answer.status, answer.json) == (404, {"detail": "Not found."})


def test_countries_are_counted_exactly(ask: Asker) -> None:
    for key in EVERYBODY:
        theirs = [r for r in RECORDS if key in keys_of(r) and r["location"]]
        counts = Counter(r["location"]["countryCode"] for r in theirs)
        last = {r["location"]["countryCode"]: r["timestamp"] for r in sorted(theirs, key=lambda r: r["timestamp"])}
        rows = [[country, total, last[country]] for country, total in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]  # fmt: skip
        # A key without its app is that of all apps; only one is, and it is in no other.
        answer = ask("GET", f"{LOCATIONS}?username={next(spelled(key))}/")
        assert (answer.status, answer.json) == (
            200,
            {"data": rows, "hasNext": False, "total": len(rows), "moreThanTotal": False},
        )


def test_countries_of_a_name(ask: Asker) -> None:
    theirs = [r for r in RECORDS if r["user"]["userName"] == "User-2@contoso.com"]
    for name in ("USER-2@contoso.com", "user-2@contoso.com/"):
        answer = ask("GET", f"{LOCATIONS}?username={name}").json
        assert sum(row[1] for row in answer["data"]) == len(theirs) > 0


def test_a_plus_of_base64_that_was_not_escaped_is_read(tmp_path: Any) -> None:
    record = RECORDS[0] | {
        "resolvedActor": {"id": "a>>>>?b~~~", "saasId": "1", "instanceId": "0"},
        "location": {"countryCode": "DE"},
    }
    with compose.build(settings.read({}, store=str(tmp_path), audit="off")) as built:
        ask = Asker(built.app, built.local_key)
        ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record).encode())
        name = b64encode(b'{"id":"a>>>>?b~~~","saas":1,"inst":0}').decode()
        assert "+" in name
        assert [row[0] for row in ask("GET", f"{LOCATIONS}?username={name}/").json["data"]] == ["DE"]


def test_pages_are_as_small_as_the_emulated_servers(tmp_path: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), audit="off", mimic_page_limit="100")) as built:
        lines = [{**RECORDS[0], "_id": f"p{n}", "user": {"userName": f"p{n}@contoso.com", "userTags": [f"g{n}"]},
                  "resolvedActor": {"id": f"p{n}", "saasId": "1", "instanceId": "0"}} for n in range(120)]  # fmt: skip
        ask = Asker(built.app, built.local_key)
        ask("POST", "/api/ext/v1/activities?source=mdca", "\n".join(map(json.dumps, lines)).encode())
        key, _ = built.services.tokens.create("reader", tenant="default", scopes=["Investigation.read"])
        for path in (ENTITIES, TAGS):
            page = post(Asker(built.app, key), path, limit=250)
            assert (len(page["data"]), page["max"], page["hasNext"]) == (100, 100, True)


def test_groups_are_those_that_activities_name(ask: Asker) -> None:
    named = sorted({tag for record in RECORDS for tag in record["user"]["userTags"]})
    assert [tag["_id"] for tag in walk(ask, TAGS, filters={})] == named
    assert [tag["name"] for tag in walk(ask, TAGS, sortField="name", sortDirection="desc")] == named[::-1]
    page = post(ask, TAGS, limit=1, skip=1)
    assert (page["data"][0]["id"], page["hasNext"], page["total"]) == (named[1], True, 3)


def test_another_tenant_has_none_of_it(house: compose.Application) -> None:
    key, _ = house.services.tokens.create("theirs", tenant="theirs", scopes=["Investigation.read"])
    ask = Asker(house.app, key)
    assert post(ask, ENTITIES)["total"] == post(ask, TAGS)["total"] == 0
    name = next(spelled(("guid-2", 11161, 0)))
    assert ask("GET", f"{ENTITIES}{name}/").status == 404
    assert ask("GET", f"{LOCATIONS}?username={name}/").json["data"] == []
    assert ask("GET", "/api/v1/autocomplete/activity-types/").json["records"]["items"] == []


def test_what_a_limited_server_does_not_show_made_no_entity(tmp_path: Any) -> None:
    """A window in time is what a caller may see of activities, and so of whoever performed them."""
    with compose.build(settings.read({}, store=str(tmp_path), audit="off", mimic_window="30d")) as built:
        store(Asker(built.app, built.local_key))
        key, _ = built.services.tokens.create("reader", tenant="default", scopes=["Investigation.read"])
        ask = Asker(built.app, key)
        assert post(ask, ENTITIES)["total"] == post(ask, TAGS)["total"] == 0
        name = next(spelled(("guid-2", 11161, 0)))
        assert ask("GET", f"{ENTITIES}{name}/").status == 404
        assert ask("GET", f"{LOCATIONS}?username={name}").json["data"] == []
        assert post(Asker(built.app, built.local_key), ENTITIES)["total"] == len(EVERYBODY)


def test_past_the_limit_those_with_the_most_activities_are_listed(tmp_path: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), audit="off", max_distinct="5")) as built:
        ask = Asker(built.app, built.local_key)
        store(ask)
        counts = Counter(key for record in RECORDS for key in keys_of(record))
        fifth = sorted(counts.values(), reverse=True)[4]
        page = post(ask, ENTITIES)
        assert (page["total"], page["moreThanTotal"], page["hasNext"]) == (5, True, False)
        assert all(counts[key_in(entity)] >= fifth for entity in page["data"])
        exact = post(ask, ENTITIES, filters={"entity": {"eq": {"id": "guid-2"}}})
        assert (exact["total"], exact["moreThanTotal"]) == (2, False)
        refused = ask("POST", ENTITIES, b'{"filters": {"app": {"neq": 11161}}}')
        assert (refused.status, refused.json["detail"]) == (
            400,
            "filters: a negation excludes more than 5 entities (setting CASBAH_MAX_DISTINCT)",
        )


OPERATIONS = [(11161, "act0"), (11161, "act1"), (11161, "act2"), (11770, "act0"), (15600, "act0"), (15600, "act1"), (20892, "act0")]  # fmt: skip


@pytest.mark.parametrize(
    "limit, listed",
    [("3", OPERATIONS[3:6]), ("4", [OPERATIONS[0], *OPERATIONS[3:6]]), ("7", OPERATIONS)],
    ids=["ends with an app", "ends within an app", "all"],
)
def test_operations_of_all_apps_together_have_one_limit(
    tmp_path: Any, limit: str, listed: list[tuple[int, str]]
) -> None:
    """Those of the apps with the most activities are listed, so that a query per app ends after some apps."""
    apps = [(15600, 9, 2), (11770, 7, 1), (11161, 4, 3), (20892, 3, 1)]
    records: list[Record] = [
        {
            "_id": f"{app}-{number}",
            "timestamp": 1_700_000_000_000,
            "appId": app,
            "mainInfo": {"rawOperationName": f"act{number % kinds}"},
        }
        for app, count, kinds in apps
        for number in range(count)
    ]
    records += [{"_id": f"plain{number}", "timestamp": 1_700_000_000_000, "appId": 12260} for number in range(10)]
    with compose.build(settings.read({}, store=str(tmp_path), audit="off", max_distinct=limit)) as built:
        ask = Asker(built.app, built.local_key)
        store(ask, records)
        answer = ask("GET", "/api/v1/autocomplete/activity-types/").json["records"]
    assert [(item["appId"], item["category"]) for item in answer["items"]] == listed
    assert answer["moreThanTotal"] is (listed is not OPERATIONS)


@pytest.mark.parametrize(
    "path, body, words",
    [
        (ENTITIES, {"filters": {"isAdmin": {"eq": True}}}, "filter 'isAdmin' cannot be answered from activities; these can: entity, "),
        (ENTITIES, {"filters": {"status": {"eq": 2}}}, "filter 'status' cannot be answered from activities"),
        (ENTITIES, {"filters": {"ap": {"eq": 2}}}, "unknown filter 'ap'; did you mean 'app'?"),
        (ENTITIES, {"filters": {"app": {"eq": "Box"}}}, "filter 'app', operator 'eq': expected an integer"),
        (ENTITIES, {"filters": {"app": {"contains": 1}}}, "filter 'app' does not take operator 'contains'"),
        (ENTITIES, {"filters": {"app": 7}}, "filter 'app'"),
        (ENTITIES, {"filters": {"userGroups": {"eq": ["g1", {"role": 2}]}}}, "filter 'userGroups', operator 'eq': expected an id"),
        (ENTITIES, {"filters": {"entity": {"eq": {"id": "a", "saas": "Box"}}}}, "filter 'entity', operator 'eq': expected an integer (or its decimal string) as `saas` of an entity, got object"),
        (ENTITIES, {"filters": []}, "filters: expected an object"),
        (ENTITIES, {"sortField": "date"}, "sortField: expected id, got string 'date'"),
        (ENTITIES, {"limit": -1}, "limit: expected 0 or more, got -1"),
        (TAGS, {"filters": {"app": {"eq": 1}}}, "filters: user groups take no filters; leave `filters` out"),
        (TAGS, {"sortField": "date"}, "sortField: expected name, got"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_in_words(ask: Asker, path: str, body: Any, words: str) -> None:
    answer = ask("POST", path, json.dumps(body).encode())
    assert answer.status == 400
    assert answer.json["detail"].startswith(words)


def test_a_missing_name(ask: Asker) -> None:
    assert ask("GET", LOCATIONS).json == {"detail": "username: expected an entity's key in base64, or a name, got null"}


def test_workers_answer_all_of_it() -> None:
    """They need a replica alone."""
    ours = {"list_entities", "fetch_entity", "list_user_tags", "list_locations", "list_activity_types", "list_alerts", "count_alerts"}  # fmt: skip
    assert {route.operation for route in ROUTES if not route.needs_writer} >= ours


PARTS = st.none() | st.integers()


@given(st.text(), PARTS, PARTS)
@example("-", None, 0)
@example("1:0", -5, None)
def test_a_term_is_read_as_it_was_made(name: str, saas: int | None, instance: int | None) -> None:
    texts = [None if part is None else str(part) for part in (saas, instance)]
    assert entity_key(entity_term(name, *texts)) == EntityKey(name, saas, instance)
