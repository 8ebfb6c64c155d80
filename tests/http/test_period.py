"""The period of a search on the wire: its bounds, or those until the newest activity, and the filters within them."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.ingest.apps import CASBAH
from making import NOW, arrival, record
from scenarios.inprocess import Asker

PERIOD, SEARCH = "/api/ext/v1/search/period", "/api/ext/v1/search"
DAY = 86_400_000
NEWEST = NOW - 100 * DAY


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """A server of activities of a hundred days ago, one that is dated next month, and an act of Casbah's own."""
    moments = [NEWEST, NEWEST - DAY, NEWEST - 8 * DAY, NOW + 30 * DAY]
    rows = [record(number, timestamp=ms, appId=11161) for number, ms in enumerate(moments)]
    own = record(9, timestamp=NOW - 5, appId=CASBAH)
    with compose.build(settings.read({}, store=str(tmp_path_factory.mktemp("store"))), clock=lambda: NOW) as house:
        house.services.store.tenant(TenantId("default")).insert(map(arrival, [*rows, own]))
        ask = Asker(house.app, house.local_key)

        def answer(path: str, **body: Any) -> Any:
            reply = ask("POST", path, json.dumps(body).encode())
            assert reply.status == 200, reply.body
            return reply.json

        yield answer


@pytest.mark.parametrize("time, days, count", [("24h", 1, 2), ("7d", 7, 2), ("2w", 14, 3)])
def test_a_time_ends_with_the_newest_activity(serving: Callable[..., Any], time: str, days: int, count: int) -> None:
    others = {"service": {"neq": [CASBAH]}}
    period = serving(PERIOD, time=time, filters=others)
    start, end = NEWEST - days * DAY, NOW + DAY
    assert period == {
        "filters": {**others, "date": {"range": [{"start": start, "end": end}]}},
        "start": start,
        "end": end,
        "first": start,
        "last": NEWEST,
        "isPlain": True,
    }
    assert serving(SEARCH, filters=period["filters"])["total"] == count


BOUNDS = [
    pytest.param({}, (None, None), (None, None), id="all time"),
    pytest.param({"gte": [NOW - 200 * DAY]}, (NOW - 200 * DAY, None), (NOW - 200 * DAY, NEWEST), id="a beginning"),
    pytest.param({"gte": NOW - 2 * DAY}, (NOW - 2 * DAY, None), (NOW - 2 * DAY, NOW - 2 * DAY), id="after the newest"),
    pytest.param({"lt": [NOW]}, (None, NOW - 1), (None, NEWEST), id="an end"),
    pytest.param({"eq": [DAY]}, (DAY, DAY), (DAY, DAY), id="a moment"),
    pytest.param({"gt": 4, "gte": [3], "lt": [9]}, (5, 8), (5, 8), id="several"),
    pytest.param({"range": {"start": 0, "end": DAY}}, (0, DAY), (0, DAY), id="both"),
    pytest.param({"gte_ndays": [7], "lte_ndays": 1}, (NOW - 7 * DAY, NOW - DAY), (NOW - 7 * DAY, NOW - 7 * DAY), id="days"),
]  # fmt: skip


@pytest.mark.parametrize("date, bounds, chart", BOUNDS)
def test_the_bounds_of_a_date(serving: Callable[..., Any], date: Any, bounds: Any, chart: Any) -> None:
    period = serving(PERIOD, time="7d" if date else "", filters={"date": date} if date else {})
    assert ((period["start"], period["end"]), (period["first"], period["last"])) == (bounds, chart)
    assert period["isPlain"]
    within = {key: ms for key, ms in zip(("start", "end"), bounds, strict=True) if ms is not None}
    assert period["filters"] == ({"date": {"range": [within]}} if within else {})


@pytest.mark.parametrize(
    "date", [{"range": [{"end": 0}, {"start": DAY}]}, {"neq": [0]}, {"gte": [2], "lte": [1]}, {"gte": []}]
)
def test_what_is_no_range_has_no_bounds(serving: Callable[..., Any], date: Any) -> None:
    period = serving(PERIOD, filters={"date": date}, time="7d")
    assert [period[key] for key in ("start", "end", "first", "last", "isPlain")] == [None] * 4 + [False]
    assert period["filters"] == {"date": date}


def test_a_search_has_a_period_and_days_become_moments_in_groups_too(serving: Callable[..., Any]) -> None:
    period = serving(PERIOD, q="since:2026-01-01", filters={"any": [{"created": {"gte_ndays": 1}}]}, zone="+01:00")
    assert period["start"] == 1_767_222_000_000
    assert period["filters"]["any"] == [{"created": {"gte": NOW - DAY}}]


def test_a_time_ends_now_if_the_newest_activity_is_of_today(tmp_path: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path)), clock=lambda: NOW) as house:
        rows = [record(1, timestamp=NOW - DAY + 1), record(2, timestamp=NOW - DAY)]
        house.services.store.tenant(TenantId("default")).insert(map(arrival, rows))
        reply = Asker(house.app, house.local_key)("POST", PERIOD, b'{"time": "2h"}')
        assert (reply.json["start"], reply.json["last"]) == (NOW - 2 * DAY // 24, NOW)
        later = record(3, timestamp=NOW + DAY // 2)
        house.services.store.tenant(TenantId("default")).insert([arrival(later)])
        reply = Asker(house.app, house.local_key)("POST", PERIOD, b'{"time": "2h"}')
    assert (reply.json["start"], reply.json["last"]) == (NOW - 2 * DAY // 24, NOW + DAY // 2)


def test_without_activities_a_time_ends_now(tmp_path: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path)), clock=lambda: NOW) as house:
        reply = Asker(house.app, house.local_key)("POST", PERIOD, b'{"time": "1d"}')
    assert (reply.json["start"], reply.json["last"]) == (NOW - DAY, NOW)


@pytest.mark.parametrize("time", ["now", "-24h", "today", "7", "7 d", 7, "2026-01-01", ["7d"]])
def test_another_time_is_refused(tmp_path: Any, time: Any) -> None:
    with compose.build(settings.read({}, store=str(tmp_path))) as house:
        reply = Asker(house.app, house.local_key)("POST", PERIOD, json.dumps({"time": time}).encode())
    assert reply.status == 400
    assert "time: expected a length such as 24h or 30d" in reply.json["detail"]
