"""The request sequences of public clients (docs/clients.md), over 10,000 activities of which 600 share one millisecond: each once.

Only what they ask is here, and what they require of an answer; none of their code. Exporters that page by 250 step by it whatever they
get; the one that works by keys wants both keys of a count, never more than it asked for, and the order that it asked for. One
sequence cannot be exact, by its own logic: it steps past the last millisecond of a full page.
"""

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from casbah import compose, settings
from scenarios.inprocess import Asker

ACTIVITIES, ARCHIVED = "/cas/api/v1/activities/", "/cas/api/v1/archived_activities/"
PAGE = 250
IN_ALL, IN_ONE_MS = 10_000, 600
FIRST = 1_700_000_000_000
CROWDED = FIRST + 800_000
LAST = FIRST + 9_500_000
USERS = 230
LOGIN, FAILED = "EVENT_CATEGORY_LOGIN", "EVENT_CATEGORY_FAILED_LOGIN"

Body = dict[str, Any]
Post = Callable[[str, Body], Body]
Exporter = Callable[[Post], Iterator[str]]


def made() -> Iterator[Body]:
    """Activities a second apart, and in the midst of them a crowd in one millisecond."""
    for number in range(IN_ALL):
        crowd = 800 <= number < 800 + IN_ONE_MS
        timestamp = CROWDED if crowd else FIRST + 1_000 * (number if number < 800 else number - IN_ONE_MS + 1)
        yield {
            "_id": f"a{number}",
            "timestamp": timestamp,
            "created": LAST + number // 100,
            "appId": 11161 + number % 3,
            "eventTypeName": LOGIN if number % 5 else FAILED if number % 2 else "EVENT_CATEGORY_BASIC",
            "isAdminOperation": number % 4 == 0,
            "user": {"userName": f"user-{number % USERS}@contoso.com"},
            "location": {"countryCode": "DE" if number % 3 else "FR"},
            "resolvedActor": {
                "id": f"guid-{number % USERS}",
                "saasId": "11161",
                "instanceId": "0",
                "name": f"User {number % USERS}",
            },
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Asks with the key that a client would have."""
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")), audit="off")) as house:
        ask = Asker(house.app, house.local_key)
        lines = "\n".join(map(json.dumps, made())).encode()
        assert ask("POST", "/api/ext/v1/activities?source=mdca", lines).json["stored"] == IN_ALL

        key, _ = house.services.tokens.create("collector", tenant="default", scopes=["Investigation.read"])
        yield Asker(house.app, key)


@pytest.fixture(scope="module")
def post(server: Asker) -> Post:
    def post(path: str, body: Body) -> Body:
        return asked(server, "POST", path, body)

    return post


def asked(server: Asker, method: str, path: str, body: Body | bytes = b"", **headers: str) -> Any:
    """The JSON of a good answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = server(method, path, content, headers={"content-type": "application/json", **headers})
    assert answer.status == 200, answer.body
    return answer.json


def ids(page: Body) -> list[str]:
    return [record["_id"] for record in page["data"]]


def by_skip(post: Post, page_size: int) -> Iterator[str]:
    """Steps by the page size that it asked for, not by what it got."""
    skip, more = 0, True
    while more:
        body = {"filters": {}, "limit": page_size, "skip": skip, "sortDirection": "desc", "sortField": "date"}
        page = post(ACTIVITIES, body | {"performAsyncTotal": True})
        yield from ids(page)
        skip, more = skip + page_size, page["hasNext"]


def by_skip_and_windows(post: Post) -> Iterator[str]:
    """Counts and lists windows of five minutes, and asks for threat scores beside each page."""
    for start in range(FIRST, LAST + 1, 300_000):
        filters = {"date": {"gte": start, "lte": start + 299_999}}
        expected, skip = post(f"{ACTIVITIES}count/", {"filters": filters}), 0
        assert expected["moreThanTotal"] is False
        while skip < expected["total"]:
            page = post(ACTIVITIES, {"filters": filters, "limit": PAGE, "skip": skip, "sortField": "date"})
            assert post(f"{ACTIVITIES}get_activities_threat_scores/", {"activityIds": ids(page)}) == {}
            yield from ids(page)
            skip += PAGE


def by_keys(
    post: Post, path: str, span: Callable[[int, int], Body], crowd: Callable[..., Iterator[str]]
) -> Iterator[str]:
    """Newest first: the oldest millisecond of a full page is asked for again, one that fills a page is paged by `created`."""
    expected, found, end = counted(post, path, {"date": span(FIRST, LAST)}), 0, LAST
    while end >= FIRST:
        body = {"filters": {"date": span(FIRST, end)}, "limit": PAGE, "skip": 0, "sortDirection": "desc"}
        page = post(path, body | {"sortField": "date", "performAsyncTotal": True})
        moments = [record["timestamp"] for record in page["data"]]
        assert len(moments) <= PAGE
        assert moments == sorted(moments, reverse=True)
        if not page["hasNext"]:
            whole, end = ids(page), FIRST - 1
        elif moments[0] == moments[-1]:
            whole, end = list(crowd(post, path, {"date": span(moments[0], moments[0])})), moments[0] - 1
        else:
            whole, end = [record["_id"] for record in page["data"] if record["timestamp"] > moments[-1]], moments[-1]
        found += len(whole)
        yield from whole
    assert found == expected


def crowd_by_created(post: Post, path: str, filters: Body) -> Iterator[str]:
    """By `created` as by `date` before: the oldest value of a page is asked for again."""
    bound: Body = {}
    while True:
        body = {"filters": {**filters, **bound}, "limit": PAGE, "sortField": "created", "sortDirection": "desc"}
        page = post(path, body)
        oldest = page["data"][-1]["created"]
        if not page["hasNext"]:
            yield from ids(page)
            return
        assert page["data"][0]["created"] > oldest
        yield from (record["_id"] for record in page["data"] if record["created"] > oldest)
        bound = {"created": {"lte": oldest}}


def crowd_by_skip(post: Post, path: str, filters: Body) -> Iterator[str]:
    """By skip, until there are as many as were counted, and once more in the other direction."""
    expected = counted(post, path, filters)
    sweeps = []
    for direction in ("desc", "asc"):
        found: list[str] = []
        while len(found) < expected:
            body = {"filters": filters, "limit": PAGE, "skip": len(found), "sortDirection": direction}
            page = post(path, body | {"sortField": "created"})
            assert page["data"]
            found += ids(page)
        sweeps.append(found)
    assert sweeps[0] == sweeps[1][::-1]
    yield from sweeps[0]


def counted(post: Post, path: str, filters: Body) -> int:
    count = post(f"{path}count/", {"filters": filters})
    assert count.keys() >= {"total", "moreThanTotal"}
    return count["total"]


def by_scan(post: Post, direction: str, following: Callable[[Body, Body], Body]) -> Iterator[str]:
    filters: Body | None = {}
    while filters is not None:
        page = post(ACTIVITIES, {"filters": filters, "isScan": True, "sortDirection": direction, "limit": 500})
        yield from ids(page)
        filters = following(filters, page) if page["hasNext"] else None


def by_what_came(post: Post, path: str, page_size: int, filters: Body | None = None) -> Iterator[str]:
    """As cloudapps-cli with --all."""
    skip, more = 0, True
    while more:
        page = post(path, {"filters": filters or {}, "skip": skip, "limit": page_size})
        yield from ids(page)
        skip, more = skip + len(page["data"]), page["hasNext"] and bool(page["data"])


def until_not_full(post: Post, path: str, filters: Body | None = None) -> Iterator[str]:
    """As the Python client: it looks at sizes alone."""
    skip, size = 0, 100
    while size == 100:
        page = post(path, {"filters": filters or {}, "limit": 100, "skip": skip})
        yield from ids(page)
        skip, size = skip + len(page["data"]), len(page["data"])


EXPORTERS: dict[str, Exporter] = {
    "skip += 250": lambda post: by_skip(post, 250),
    "skip += 100": lambda post: by_skip(post, 100),
    "windows, counted, by skip": by_skip_and_windows,
    "keys, crowds by created": lambda post: by_keys(
        post, ACTIVITIES, lambda start, end: {"gte": start, "lte": end}, crowd_by_created
    ),
    "keys under the older path, crowds by skip": lambda post: by_keys(
        post, ARCHIVED, lambda start, end: {"range": [{"start": start, "end": end}]}, crowd_by_skip
    ),
    "a scan, oldest first": lambda post: by_scan(post, "asc", lambda _, page: page["nextQueryFilters"]),
    "a scan, newest first": lambda post: by_scan(post, "desc", lambda _, page: page["nextQueryFilters"]),
    "a scan that copies date.lte": lambda post: by_scan(
        post, "desc", lambda _, page: {"date": {"lte": page["nextQueryFilters"]["date"]["lte"]}}
    ),
    "skip += what came, 250 at a time": lambda post: by_what_came(post, ACTIVITIES, 250),
    "skip += what came, until a page is not full": lambda post: until_not_full(post, "/api/v1/activities/"),
    "a scan from its last timestamp + 1": lambda post: by_scan(
        post, "asc", lambda _, page: {"date": {"gte": page["data"][-1]["timestamp"] + 1}}
    ),
}


@pytest.mark.parametrize("exporter", EXPORTERS.values(), ids=EXPORTERS.keys())
def test_an_exporter_gets_each_activity_once(post: Post, exporter: Exporter) -> None:
    exported = list(exporter(post))
    assert (len(exported), set(exported)) == (IN_ALL, {record["_id"] for record in made()})


def test_so_many_share_a_millisecond() -> None:
    assert sum(record["timestamp"] == CROWDED for record in made()) == IN_ONE_MS


def where(holds: Callable[[Body], bool]) -> set[str]:
    return {record["_id"] for record in made() if holds(record)}


def in_query(**parameters: Any) -> str:
    return "?" + urlencode(
        {name: json.dumps(each) if isinstance(each, dict) else each for name, each in parameters.items()}
    )


def test_the_connection_test_of_xsoar(server: Asker) -> None:
    """Alerts by GET with an empty object, then by POST as its fetch does; a wrong key is told by its words."""
    assert asked(server, "GET", "/api/v1/alerts/", {})["data"] == []
    assert asked(server, "POST", "/api/v1/alerts/", {"filters": {}, "limit": 1})["data"] == []
    since = {"filters": {"severity": {"eq": 2}, "date": {"gte": FIRST}}, "limit": 50}
    assert asked(server, "POST", "/api/v1/alerts/", since) == {"data": [], "hasNext": False, "max": 50, "total": 0, "moreThanTotal": False}  # fmt: skip
    refused = Asker(server.app, "0" * 64)("GET", "/api/v1/alerts/", b"{}")
    assert (refused.status, b"Invalid token" in refused.body) == (401, True)


def test_the_lists_of_xsoar(server: Asker) -> None:
    """Its commands send one page with a filter by GET; of users it reads displayName, lastSeen, email and username."""
    filters = {"service": {"eq": 11162}, "ip.category": {"neq": 3}}
    page = asked(server, "GET", "/api/v1/activities/", {"skip": 40, "limit": 50, "filters": filters})
    assert (len(page["data"]), page["total"]) == (50, len(where(lambda r: r["appId"] == 11162)))
    users = asked(server, "GET", "/api/v1/entities/", {"skip": 200, "limit": 100, "filters": {"app": {"eq": 11161}}})
    assert (len(users["data"]), users["total"], users["hasNext"]) == (30, USERS, False)
    one = {"filters": {"entity": {"eq": json.loads(users["data"][0]["username"])}}}
    assert asked(server, "GET", "/api/v1/activities/", one)["total"] in (IN_ALL // USERS, IN_ALL // USERS + 1)
    assert asked(server, "GET", "/api/v1/entities/", one)["data"] == users["data"][:1]


TYPES: dict[str, tuple[Body, set[str]]] = {
    "alerts": ({}, set()),
    "admin": ({"activity.type": {"eq": True}}, where(lambda r: r["isAdminOperation"])),
    "login": ({"activity.eventType": {"eq": [LOGIN, FAILED]}}, where(lambda r: r["eventTypeName"] in (LOGIN, FAILED))),
}


def collected(server: Asker, name: str, filters: Body, **more: str) -> list[str]:
    """As XSIAM's collector: oldest first by GET, each request from the last timestamp + 1."""
    path, after, found = "/api/v1/alerts" if name == "alerts" else "/api/v1/activities", FIRST, []
    while True:
        page = asked(
            server, "GET", path + in_query(sortDirection="asc", filters={**filters, "date": {"gte": after}}, **more)
        )
        found += ids(page)
        if not page["hasNext"]:
            return found
        after = page["data"][-1]["timestamp"] + 1


@pytest.mark.parametrize("name", TYPES)
def test_the_collector_of_xsiam_gets_each_once(server: Asker, name: str) -> None:
    """Its test is the first page of its first type, alerts."""
    filters, expected = TYPES[name]
    found = collected(server, name, filters, isScan="true", limit="500")
    assert (len(found), set(found)) == (len(expected), expected)


@pytest.mark.parametrize("name", ["admin", "login"])
def test_its_older_release_passes_over_a_crowd_by_itself(server: Asker, name: str) -> None:
    """Without isScan a page ends within the millisecond that many share; the rest of it is what is lost, and nothing else."""
    filters, expected = TYPES[name]
    found = collected(server, name, filters, limit="100")
    crowd = where(lambda r: r["timestamp"] == CROWDED)
    assert len(found) == len(set(found)) < len(expected)
    assert expected - set(found) < crowd


@pytest.mark.parametrize("label", ["application/json", "application/x-www-form-urlencoded"])
def test_the_sentinel_function_that_sends_json_labelled_as_a_form(server: Asker, label: str) -> None:
    """Timestamps as strings; all of `nextQueryFilters` comes back."""
    filters: Body | None = {"date": {"gte": str(FIRST), "lte": str(LAST)}, "service": {"eq": ["11163"]}}
    found: list[str] = []
    while filters:
        body = {"filters": filters, "isScan": True, "limit": "1000"}
        page = asked(server, "POST", ACTIVITIES, body, **{"content-type": label})
        found += ids(page)
        filters = page["nextQueryFilters"] if page["hasNext"] else None
    assert (len(found), set(found)) == (len(set(found)), where(lambda r: r["appId"] == 11163))


def test_the_sentinel_function_that_sends_forms(server: Asker) -> None:
    """`isScan=True`, floats, and of `nextQueryFilters` only `date.gte` and `date.lte`."""
    bounds: Body = {"gte": float(FIRST), "lte": float(LAST)}
    found, more = [], True
    while more:
        form = urlencode({"filters": json.dumps({"date": bounds}), "isScan": "True", "sortDirection": "desc"}).encode()
        page = asked(server, "POST", ACTIVITIES, form, **{"content-type": "application/x-www-form-urlencoded"})
        found += ids(page)
        more = page["hasNext"]
        if more:
            bounds = {name: page["nextQueryFilters"]["date"][name] for name in ("gte", "lte")}
    assert (len(found), set(found)) == (IN_ALL, where(lambda _: True))


def test_the_sentinel_playbook_of_a_user(server: Asker) -> None:
    """The key in base64, with a slash after it where it is a parameter; `token` in lower case."""
    key = b64encode(b'{"id":"guid-7","saas":11161,"inst":0}').decode()
    rows = asked(server, "GET", f"/cas/api/v1/activities_locations/by_user/?username={key}/")["data"]
    theirs = [record for record in made() if record["resolvedActor"]["id"] == "guid-7"]
    assert {row[0]: row[1] for row in rows} == Counter(record["location"]["countryCode"] for record in theirs)
    assert max(row[2] for row in rows) == max(record["timestamp"] for record in theirs)
    profile = asked(server, "GET", f"/cas/api/v1/entities/{key}/", authorization=f"token {server.key}")
    assert (profile["displayName"], profile["threatScore"], profile["threatScoreHistory"]) == ("User 7", None, [])


def test_cloudapps_cli(server: Asker, post: Post) -> None:
    """Filters of its options, `--all` of entities, one activity, IP ranges under their other path."""
    for filters, expected in (
        (
            {"user.username": {"eq": ["user-7@contoso.com"]}},
            where(lambda r: r["user"]["userName"].startswith("user-7@")),
        ),
        ({"location.country": {"eq": ["FR"]}}, where(lambda r: r["location"]["countryCode"] == "FR")),
        ({"text": {"text": "user-7"}}, where(lambda r: r["user"]["userName"].startswith("user-7@"))),
    ):
        found = list(by_what_came(post, "/api/v1/activities/", 100, filters))
        assert (len(found), set(found)) == (len(expected), expected)
    entities = list(by_what_came(post, "/api/v1/entities/", 100, {"domain": {"eq": ["contoso.com"]}}))
    assert len(entities) == len(set(entities)) == USERS
    assert asked(server, "GET", f"/api/v1/entities/{entities[0]}/")["_id"] == entities[0]
    assert asked(server, "GET", "/api/v1/activities/a17/")["_id"] == "a17"
    assert asked(server, "POST", "/api/subnet/", {"filters": {}, "skip": 0, "limit": 100})["data"] == []
    assert server("POST", "/api/v1/files/", b"{}").status == 404


def test_the_python_client(server: Asker, post: Post) -> None:
    """Its lists step by sizes; paths of entities come without a slash. A range that it creates is only listed, by mistake of its path."""
    found = list(until_not_full(post, "/api/v1/activities/", {"activity.type": {"eq": True}}))
    assert (len(found), set(found)) == (len(TYPES["admin"][1]), TYPES["admin"][1])
    entities = list(until_not_full(post, "/api/v1/entities"))
    assert len(entities) == len(set(entities)) == USERS
    by_name = post(
        "/api/v1/entities", {"filters": {"user.username": {"eq": "user-7@contoso.com"}}, "limit": 1, "skip": 0}
    )
    assert [entity["displayName"] for entity in by_name["data"]] == ["User 7"]
    assert post("/api/v1/alerts/", {"filters": {}, "limit": 100, "skip": 0})["data"] == []
    assert "does not provide cloud discovery" in server("GET", "/api/discovery/streams/").json["detail"]
    created = post("/api/v1/subnet", {"name": "office", "originalRange": "192.0.2.0/24"})
    assert created["data"] == post("/api/v1/subnet", {"filters": {}, "limit": 100, "skip": 0})["data"] == []
    assert server("PATCH", "/api/v1/subnet/5f1234567890abcdef123456", b"{}").status == 405
