"""Searches on the wire: the same activities as plain Python finds, on every route that takes them."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from making import NOW, arrival, record
from scenarios.inprocess import Asker

SEARCH, EXPLAIN = "/api/ext/v1/search", "/api/ext/v1/search/explain"
DAY = 86_400_000
Record = dict[str, Any]


def made(count: int = 300) -> list[Record]:
    dice = random.Random(5)
    return [
        record(
            number,
            timestamp=NOW - dice.randrange(30 * DAY),
            appId=dice.choice([11161, 10980]),
            user={"userName": dice.choice(["ann", "annette", "bob"]) + "@contoso.example"},
            location={"countryCode": dice.choice(["DE", "FR", "US"])},
            mainInfo={"rawOperationName": dice.choice(["FileDownloaded", "FileDeleted", "UserLoggedIn"])},
            device={"clientIP": f"203.0.113.{dice.randrange(9)}"},
            isAdminOperation=dice.random() < 0.2,
            description=dice.choice(["invoice 2026", "invoices", "2026 invoice", "report"]),
        )
        for number in range(count)
    ]


RECORDS = made()
SEARCHES: list[tuple[str, Callable[[Record], bool]]] = [
    ("", lambda _: True),
    ("user:ann*", lambda r: r["user"]["userName"].startswith("ann")),
    ("-user:ann*", lambda r: not r["user"]["userName"].startswith("ann")),
    ("country:DE,germany,fr", lambda r: r["location"]["countryCode"] in ("DE", "FR")),
    ("app:okta -country:DE", lambda r: r["appId"] == 10980 and r["location"]["countryCode"] != "DE"),
    ("invoice 2026", lambda r: r["description"] in ("invoice 2026", "2026 invoice")),
    ('"invoice 2026"', lambda r: r["description"] == "invoice 2026"),
    ('-"invoice 2026"', lambda r: r["description"] != "invoice 2026"),
    ("invo*", lambda r: r["description"] != "report"),
    ("user:bob* OR ip:203.0.113.0/30", lambda r: r["user"]["userName"][0] == "b" or r["device"]["clientIP"][-1] in "0123"),
    ("user:*nn* user:*ette*", lambda r: "ette" in r["user"]["userName"]),
    ("action:*file* -(admin:yes country:US)", lambda r: "File" in r["mainInfo"]["rawOperationName"]
        and not (r["isAdminOperation"] and r["location"]["countryCode"] == "US")),
    (f"date:{NOW - 7 * DAY}..{NOW - DAY}", lambda r: NOW - 7 * DAY <= r["timestamp"] <= NOW - DAY),
]  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")))) as application:
        application.services.store.tenant(TenantId("default")).insert(map(arrival, RECORDS))
        yield Asker(application.app, application.local_key)


def answer(ask: Asker, path: str, **body: Any) -> Any:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 200, reply.json
    return reply.json


@pytest.mark.parametrize(("text", "holds"), SEARCHES)
def test_a_search_finds_what_plain_python_finds(ask: Asker, text: str, holds: Callable[[Record], bool]) -> None:
    wanted = {r["_id"] for r in RECORDS if holds(r)}
    page = answer(ask, SEARCH, q=text, limit=250)
    assert page["total"] == len(wanted)
    assert {r["_id"] for r in page["data"]} <= wanted
    assert answer(ask, "/api/ext/v1/facets", q=text, facets=["service"])["total"] == len(wanted)
    assert answer(ask, "/api/ext/v1/histogram", q=text)["total"] == len(wanted)
    changes = answer(ask, "/api/ext/v1/changes", q=text, limit=5_000)["data"]
    assert {r["_id"] for r in changes} == wanted


@pytest.mark.parametrize(("text", "holds"), SEARCHES)
def test_a_scan_of_a_search_continues_by_its_filters(ask: Asker, text: str, holds: Callable[[Record], bool]) -> None:
    seen: list[str] = []
    body: dict[str, Any] = {"q": text}
    while True:
        page = answer(ask, SEARCH, isScan=True, limit=1, **body)
        seen += [r["_id"] for r in page["data"]]
        if not page["hasNext"]:
            break
        body = {"filters": page["nextQueryFilters"]}
    assert sorted(seen) == sorted(r["_id"] for r in RECORDS if holds(r))


@pytest.mark.parametrize(("text", "holds"), SEARCHES)
def test_what_a_search_means_is_explained_as_filters_and_as_a_search(
    ask: Asker, text: str, holds: Callable[[Record], bool]
) -> None:
    meant = answer(ask, EXPLAIN, q=text)
    wanted = sum(map(holds, RECORDS))
    assert answer(ask, SEARCH, q=meant["text"])["total"] == wanted
    assert answer(ask, SEARCH, filters=meant["filters"])["total"] == wanted
    assert (
        answer(ask, SEARCH, filters={"all": [part["filters"] for part in meant["conditions"]] or [{}]})["total"]
        == wanted
    )
    assert answer(ask, EXPLAIN, filters=meant["filters"])["text"] == meant["text"]


def test_a_search_and_filters_must_both_hold(ask: Asker) -> None:
    both = answer(
        ask, SEARCH, q="user:ann*", filters={"user.username": {"startswith": "annette"}, "service": {"eq": 11161}}
    )
    assert both["total"] == sum(r["user"]["userName"].startswith("annette") and r["appId"] == 11161 for r in RECORDS)


def test_times_are_those_of_the_zone(ask: Asker) -> None:
    meant = answer(ask, EXPLAIN, q="since:2026-11-28", zone="+01:00")
    assert meant["filters"] == {"date": {"gte": [1_795_820_400_000]}}
    assert meant["text"] == "since:2026-11-28"
    refusal = ask("POST", SEARCH, b'{"q": "since:today", "zone": "Mars"}')
    assert (refusal.status, refusal.json["detail"][:5]) == (400, "zone:")


@pytest.mark.parametrize("zone", ["Mars", "-66:35", "+24:00", {}, [], 0, False])
@pytest.mark.parametrize("search", [{}, {"q": "since:today"}])
@pytest.mark.parametrize("route", [SEARCH, EXPLAIN])
def test_a_zone_that_is_none_is_refused(ask: Asker, route: str, search: dict[str, str], zone: Any) -> None:
    refusal = ask("POST", route, json.dumps({**search, "zone": zone}).encode())
    assert (refusal.status, refusal.json["detail"][:5]) == (400, "zone:")


@pytest.mark.parametrize(
    "filters", [{"text": 5}, {"text": None}, {"all": 5}, {"any": {}}, {"not": 1}, {"x": 42}, 7, []]
)
def test_filters_beside_a_search_are_checked(ask: Asker, filters: Any) -> None:
    refusal = ask("POST", SEARCH, json.dumps({"q": "text since:today", "filters": filters}).encode())
    assert refusal.status == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"q": "usr:ann"}, "search, character 1: there is no field 'usr'; did you mean 'user'?"),
        ({"q": 5}, "q: expected a search as text, got integer 5"),
        ({"q": "x" * 5_000}, "q: at most 4096 characters, got 5000"),
        ({"filters": {"any": []}}, "any: expected a list of filters objects, at least one, got list"),
        ({"filters": {"any": {}}}, "any: expected a list of filters objects, at least one, got object"),
        ({"filters": {"not": 5}}, "filters: expected an object"),
        ({"filters": {"all": [{"x": {}}]}}, "unknown filter 'x'"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_reason(ask: Asker, body: dict[str, Any], message: str) -> None:
    reply = ask("POST", SEARCH, json.dumps(body).encode())
    assert reply.status == 400
    assert message in reply.json["detail"]


def test_groups_have_limits(ask: Asker) -> None:
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"not": deep}
    many = {"any": [{"service": {"eq": number}} for number in range(70)]}
    for filters in (deep, many):
        reply = ask("POST", SEARCH, json.dumps({"filters": filters}).encode())
        assert (reply.status, reply.json["detail"][:8]) == (400, "filters:")


def test_the_activities_api_itself_takes_no_groups(ask: Asker) -> None:
    """MDCA's API has none, and a client must not get used to them."""
    for path in ("/api/v1/activities", "/api/v1/activities/count"):
        reply = ask("POST", path, b'{"filters": {"any": [{"service": {"eq": 1}}]}}')
        assert (reply.status, reply.json["detail"][:20]) == (400, "unknown filter 'any'")
    assert answer(ask, "/api/v1/activities", q="user:nobody")["total"] == len(RECORDS)
