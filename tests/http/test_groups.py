"""Groups on the wire, against grouping in plain Python."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.http.test_facets import made

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from making import NOW, arrival
from scenarios.inprocess import Asker
from searches import searches

GROUPS, SEARCH, EXPLAIN = "/api/ext/v1/search/groups", "/api/ext/v1/search", "/api/ext/v1/search/explain"
DAY = 86_400_000
Record = dict[str, Any]
CATEGORIES = {"FileDownloaded": "EVENT_CATEGORY_DOWNLOAD_FILE", "UserLoggedIn": "EVENT_CATEGORY_LOGIN"}
SITE = "0000ca5b-0000-4000-a000-000000000001"


def as_microsoft(item: Record, at: int) -> Record:
    """The record with the names of its event, and with a file, as Microsoft 365 has them."""
    category = CATEGORIES[operation(item)]
    file = {"ListItemUniqueId": f"0000ca5b-0000-4000-b000-{at % 20:012}", "Site": SITE}
    return item | {"eventTypeName": category, "eventTypeValue": "EVENT_O365_GENERIC", "rawDataJson": file}


def operation(item: Record) -> str:
    return str(item["mainInfo"]["rawOperationName"])


RECORDS = [as_microsoft(item, at) for at, item in enumerate(made())]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store")))) as application:
        application.services.store.tenant(TenantId("default")).insert(map(arrival, RECORDS))
        yield Asker(application.app, application.local_key)


def asked(ask: Asker, path: str = GROUPS, **body: Any) -> Any:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 200, reply.body
    return reply.json


def refused(ask: Asker, path: str = GROUPS, **body: Any) -> str:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status == 400, reply.body
    return str(reply.json["detail"])


def user(item: Record) -> str:
    return str(item["user"]["userName"]).lower()


def address(item: Record) -> str:
    return str(item["device"]["clientIP"])


def since(days: int, records: list[Record] = RECORDS) -> list[Record]:
    return [item for item in records if item["timestamp"] >= NOW - days * DAY]


def written(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize(
    "body",
    [
        {"q": "by:ip distinct:user country:DE"},
        {"q": "country:DE", "by": ["ip.address"], "distinct": ["user.username"]},
        {"filters": {"location.country": {"eq": "DE"}}, "by": "ip.address", "distinct": "user.username"},
        {"q": "by:ip country:DE", "distinct": ["user.username"]},
    ],
)
def test_addresses_with_the_most_users_come_first(ask: Asker, body: dict[str, Any]) -> None:
    matching = [item for item in RECORDS if item["location"]["countryCode"] == "DE"]
    expected = []
    for name in {address(item) for item in matching}:
        items = [item for item in matching if address(item) == name]
        times = [item["timestamp"] for item in items]
        users = len({user(item) for item in items})
        expected.append(
            {"values": [name], "total": len(items), "distinct": [users], "first": min(times), "last": max(times)}
        )
    expected.sort(key=lambda row: (-row["distinct"][0], -row["total"], row["values"]))
    assert asked(ask, **body) == {
        "by": ["ip.address"],
        "distinct": ["user.username"],
        "groups": expected,
        "count": len(expected),
        "total": len(matching),
    }


def test_two_filters_make_a_group_of_each_pair(ask: Asker) -> None:
    counts = Counter((address(item), user(item)) for item in RECORDS)
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    answer = asked(ask, q="by:ip,user", limit=20)
    assert [(tuple(row["values"]), row["total"]) for row in answer["groups"]] == expected[:20]
    assert answer["count"] == len(expected)


@pytest.mark.parametrize(
    ("field", "of"),
    [
        ("action", lambda item: operation(item).lower()),
        ("category", lambda item: item["eventTypeName"].lower()),
        ("fileid", lambda item: item["rawDataJson"]["ListItemUniqueId"]),
    ],
)
def test_what_has_several_names_is_counted_once(ask: Asker, field: str, of: Callable[[Record], str]) -> None:
    answer = asked(ask, q=f"by:{field}")
    assert {row["values"][0]: row["total"] for row in answer["groups"]} == Counter(map(of, RECORDS))
    users = {name: len({of(item) for item in RECORDS if user(item) == name}) for name in set(map(user, RECORDS))}
    answer = asked(ask, q=f"by:user distinct:{field}", limit=100)
    assert {row["values"][0]: row["distinct"][0] for row in answer["groups"]} == users


@pytest.mark.parametrize(("order", "key"), [("total", "total"), ("first", "first"), ("last", "last")])
def test_groups_are_ordered(ask: Asker, order: str, key: str) -> None:
    values = [row[key] for row in asked(ask, q="by:user distinct:ip", order=order)["groups"]]
    assert values == sorted(values, reverse=True)


def test_what_is_new_and_what_stopped(ask: Asker) -> None:
    first, last = NOW - 4 * DAY, NOW - 2 * DAY - 1
    now = Counter(user(item) for item in RECORDS if first <= item["timestamp"] <= last)
    before = Counter(user(item) for item in RECORDS if first - 2 * DAY <= item["timestamp"] < first)
    answer = asked(ask, q=f"by:user date:{written(first)}..{written(last)}", previous=True)
    assert {row["values"][0]: (row["total"], row["previous"]) for row in answer["groups"]} == {
        name: (total, before[name]) for name, total in now.items()
    }
    assert answer["previous"] == {"first": first - 2 * DAY, "last": first - 1, "total": before.total()}
    assert answer["newCount"] == len(now.keys() - before.keys()) > 0
    gone = sorted(
        ((name, total) for name, total in before.items() if name not in now), key=lambda item: (-item[1], item)
    )
    assert [(row["values"][0], row["previous"]) for row in answer["stopped"]] == gone
    assert answer["stoppedCount"] == len(gone) > 0


def test_the_period_before_has_the_other_conditions(ask: Asker) -> None:
    search = f"by:user country:DE date:>={written(NOW - 9 * DAY)} date:<{written(NOW - 4 * DAY)}"
    answer = asked(ask, q=search, previous=True)
    first = NOW - 14 * DAY
    expected = [item for item in RECORDS if first <= item["timestamp"] < NOW - 9 * DAY]
    assert answer["previous"] == {
        "first": first,
        "last": NOW - 9 * DAY - 1,
        "total": sum(item["location"]["countryCode"] == "DE" for item in expected),
    }


def test_a_search_without_a_beginning_has_no_period_before(ask: Asker) -> None:
    answer = asked(ask, q="by:user", previous=True)
    assert answer["previous"] is None
    assert "stopped" not in answer
    assert all("previous" not in row for row in answer["groups"])


def test_groups_are_counted_in_spans_of_time(ask: Asker) -> None:
    first, last = NOW - 30 * DAY, NOW - 1
    answer = asked(ask, q=f"by:ip date:{written(first)}..{written(last)}", spans=10)
    assert answer["layout"] == {"first": first, "last": last, "width": 3 * DAY}
    for row in answer["groups"]:
        counts = Counter(
            first + (item["timestamp"] - first) // (3 * DAY) * 3 * DAY
            for item in RECORDS
            if first <= item["timestamp"] <= last and address(item) == row["values"][0]
        )
        assert row["spans"] == [{"start": start, "total": counts[start]} for start in sorted(counts)]


def test_spans_take_no_search_more_however_many_groups_are_shown(ask: Asker) -> None:
    body: dict[str, Any] = {"q": f"by:ip,user date:>={written(NOW - 30 * DAY)}", "previous": True}
    asked(ask, **body)  # From here on, counts are cached.
    taken = []
    for more in ({"limit": 1}, {"limit": 1, "spans": 24}, {"limit": 100, "spans": 24}):
        with searches() as names:
            answer = asked(ask, **body, **more)
        taken.append(names)
    assert len(answer["groups"]) > 20
    assert taken[0] == taken[1] == taken[2]


def test_spans_without_a_period_cover_what_is_there(ask: Asker) -> None:
    answer = asked(ask, q="by:user", spans=7)
    times = [item["timestamp"] for item in RECORDS]
    assert (answer["layout"]["first"], answer["layout"]["last"]) == (min(times), max(times))
    assert all(sum(span["total"] for span in row["spans"]) == row["total"] for row in answer["groups"])
    assert "layout" not in asked(ask, q="by:user country:=XX", spans=7)


def test_values_are_as_eq_takes_them(ask: Asker) -> None:
    for name in ("entity", "activity.type", "service", "source", "user.tags"):
        for row in asked(ask, by=[name], limit=3)["groups"]:
            assert asked(ask, SEARCH, filters={name: {"eq": row["values"]}})["total"] == row["total"], name


def test_too_many_activities_are_refused_with_the_setting(tmp_path: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), max_grouped="299")) as application:
        application.services.store.tenant(TenantId("default")).insert(map(arrival, RECORDS))
        ask = Asker(application.app, application.local_key)
        reason = "at most 299 activities can be grouped, and 300 match; narrow the search or its time"
        assert refused(ask, q="by:ip") == f"by: {reason} (setting CASBAH_MAX_GROUPED)"
        assert asked(ask, q="by:ip country:DE")["total"] < 299


def test_what_cannot_be_grouped_is_refused(ask: Asker) -> None:
    assert "by: at most 2 filters, got 3" in refused(ask, by=["service", "verb", "ip.address"])
    assert "by: at most 2 filters, got 3" in refused(ask, q="by:app,verb", by=["ip.address"])
    assert "the values of filter 'date' cannot be counted" in refused(ask, by=["date"])
    assert "by: expected a list of filters" in refused(ask, by=5)
    assert "distinct: expected a list of filters" in refused(ask, by="service", distinct=[])


def test_an_explanation_names_the_groups(ask: Asker) -> None:
    answer = asked(ask, EXPLAIN, q="distinct:user.username BY:ip country:DE")
    assert answer["text"] == "country:Germany by:ip distinct:user" or answer["text"] == "country:DE by:ip distinct:user"
    assert (answer["by"], answer["distinct"]) == (["ip.address"], ["user.username"])
    assert [part["text"] for part in answer["conditions"]] == [answer["text"].split()[0]]
    assert asked(ask, EXPLAIN, q=answer["text"]) == answer
    assert "by" not in asked(ask, EXPLAIN, q="country:DE")


@pytest.mark.parametrize("path", [SEARCH, "/api/ext/v1/facets", "/api/ext/v1/histogram", "/api/ext/v1/changes"])
def test_other_routes_say_where_groups_are(ask: Asker, path: str) -> None:
    assert refused(ask, path, q="country:DE by:ip") == (
        "search, character 12: by: makes groups, which /api/ext/v1/search/groups answers"
    )
