"""The time picker and the chart: the default period, outliers, zooming and back, and the zone of every time."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import Application, wall_clock
from making import arrival
from ui.acts import activity, address, at, expected, filters_of, press, settled, shows, tab_to, total

TENANT = TenantId("default")
HOUR, DAY = 3_600_000, 86_400_000
APP = 5_151
MANY = 700


@pytest.fixture(scope="module")
def house(stocked: tuple[str, Application]) -> Application:
    """With an app of 700 activities in an hour, one of 1970 and one of 2248."""
    _, house = stocked
    now = wall_clock() - DAY
    moments = [1, *(now + number for number in range(MANY)), 2**43 - 1]
    made = [activity(f"time-{position}", appId=APP, timestamp=ms) for position, ms in enumerate(moments)]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    return house


def period(days: int) -> dict[str, Any]:
    """The usual period: the newest activity is not over a day old."""
    return {"date": {"range": {"start": wall_clock() - days * DAY, "end": wall_clock() + DAY}}}


def test_the_log_begins_with_the_last_30_days(opened: Callable[..., Any], house: Application) -> None:
    page = opened("/")
    shows(page, expected(house, period(30)))
    assert page.locator("[data-time='30d']").get_attribute("aria-pressed") == "true"
    for name, days in (("24 h", 1), ("7 d", 7)):
        page.get_by_role("button", name=name, exact=True).click()
        shows(page, expected(house, period(days)))
    page.get_by_role("button", name="All", exact=True).click()
    shows(page, expected(house, {}))
    assert address(page).endswith("/?time=all")


PERIODS = [
    pytest.param({"gte_ndays": [7]}, "in the last 7 days", id="days"),
    pytest.param({"gte_ndays": 0.5}, "in the last 12 hours", id="hours"),
    pytest.param({"range": {"start": 0, "end": DAY}}, "1970-01-01 00:00 \u2013 1970-01-02 00:00", id="a range"),
    pytest.param({"gte": [DAY]}, "1970-01-02 00:00 \u2013 …", id="a bound"),
    pytest.param({"gte": [0], "lte": [DAY]}, "1970-01-01 00:00 \u2013 1970-01-02 00:00", id="two bounds"),
    pytest.param(
        {"gt": [DAY - 1], "lt": [2 * DAY + 1]}, "1970-01-02 00:00 \u2013 1970-01-03 00:00", id="bounds left out"
    ),
    pytest.param(
        {"range": {"start": 0, "end": 3 * DAY}, "gte": [DAY], "lte": [2 * DAY]},
        "1970-01-02 00:00 \u2013 1970-01-03 00:00",
        id="a range and bounds",
    ),
    pytest.param(
        {"gte": [DAY], "lte": [0]}, "is from 1970-01-02 00:00:00 UTC and is until 1970-01-01 00:00:00 UTC", id="nothing"
    ),
    pytest.param(
        {"range": [{"end": 0}, {"start": DAY}]},
        "is between … and 1970-01-01 00:00:00 UTC or 1970-01-02 00:00:00 UTC and …",
        id="several",
    ),
]


@pytest.mark.parametrize("date, words", PERIODS)
def test_the_picker_says_the_period(opened: Callable[..., Any], date: dict[str, Any], words: str) -> None:
    page = opened(at({"date": date}))
    settled(page)
    assert page.locator(".time .range").inner_text() == words
    assert page.locator(".time [aria-pressed=true]").count() == 0


def test_outliers_are_noted_at_the_edges_of_the_chart(opened: Callable[..., Any], house: Application) -> None:
    filters = {"service": {"eq": [APP]}}
    page = opened(at(filters))
    shows(page, MANY + 2)
    chart = page.get_by_role("img", name=f"{MANY} activities from")
    chart.wait_for()
    assert "week" not in page.locator(".edges").inner_text()
    page.get_by_role("button", name="1 later").wait_for()
    page.get_by_role("button", name="1 earlier").click()
    shows(page, 1)
    assert filters_of(page)["date"]["range"][0].keys() == {"end"}
    page.get_by_role("button", name="7 d", exact=True).click()
    shows(page, MANY)
    page.get_by_role("button", name="1 later").click()
    shows(page, MANY + 2)
    assert expected(house, filters) == MANY + 2


def test_zooming_in_and_out_and_back(opened: Callable[..., Any], house: Application) -> None:
    page = opened("/")
    everything = total(page)
    box = page.locator(".plot svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 50, steps=5)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('range')")
    shows(page, expected(house, filters_of(page)))
    (window,) = filters_of(page)["date"]["range"]
    page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Back", exact=True).wait_for(state="hidden")
    (wider,) = filters_of(page)["date"]["range"]
    assert wider["end"] - wider["start"] == pytest.approx(2 * (window["end"] - window["start"]), abs=2 * DAY)
    page.go_back()
    page.get_by_role("button", name="Back", exact=True).click()
    shows(page, everything)
    assert "?" not in address(page)
    for name, sign in (("Earlier", -1), ("Later", 1)):
        page.goto(at({"date": {"range": window}}))
        settled(page)
        page.get_by_role("button", name=name, exact=True).click()
        (moved,) = filters_of(page)["date"]["range"]
        assert (moved["start"] - window["start"]) * sign > 0


def test_a_typed_time_is_a_period_like_any_other(opened: Callable[..., Any], house: Application) -> None:
    page = opened("/")
    settled(page)
    day = wall_clock() // DAY * DAY
    first, last = (datetime.fromtimestamp((day - days * DAY) / 1_000, UTC).strftime("%Y-%m-%d") for days in (9, 8))
    search(page, f"since:{first} until:{last}")
    shows(page, expected(house, {"date": {"range": {"start": day - 9 * DAY, "end": day - 7 * DAY - 1}}}))
    assert page.locator(".time .range").inner_text() == f"{first} 00:00 \u2013 {last} 23:59"
    page.get_by_role("button", name="Later", exact=True).click()
    moved = {"date": {"range": [{"start": day - 7 * DAY - 1, "end": day - 5 * DAY - 2}]}}
    shows(page, expected(house, moved))
    assert filters_of(page) == moved
    page.get_by_role("button", name="Zoom out").click()
    (wider,) = filters_of(page)["date"]["range"]
    assert wider["end"] - wider["start"] == pytest.approx(4 * DAY, abs=10)


def test_a_typed_time_replaces_the_period(opened: Callable[..., Any], house: Application) -> None:
    """Also one of a single condition of an OR; a text in quotes is no time."""
    app = {"service": {"eq": [APP]}}
    page = opened(at({**app, "date": {"range": {"start": 0, "end": DAY}}}))
    shows(page, 1)
    search(page, '"since:2020-01-01"')
    assert filters_of(page)["date"] == {"range": {"start": 0, "end": DAY}}
    page.go_back()
    shows(page, 1)
    search(page, "since:2001-01-01")
    shows(page, MANY + 1)
    assert page.locator(".time .range").inner_text() == "2001-01-01 00:00 \u2013 …"
    page.get_by_role("button", name="Clear filters").click()
    shows(page, expected(house, {"date": {"gte": [978_307_200_000]}}))
    page.goto(at({**app, "date": {"range": {"start": 0, "end": DAY}}}))
    shows(page, 1)
    search(page, f"(app:{APP} since:2001-01-01) OR until:1971")
    shows(page, MANY + 2)


def search(page: Any, text: str) -> None:
    page.get_by_label("Search", exact=True).fill(text)
    page.keyboard.press("Enter")
    settled(page)


def test_two_bounds_by_the_keyboard(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    settled(page)
    start = wall_clock() // DAY * DAY - 20 * DAY
    press(page, ".time .range")
    for end, moment in (("From", start + DAY), ("Until", start)):
        tab_to(page, f".float label:has-text('{end}') input")
        text = datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        page.locator(f".float label:has-text('{end}') input").fill(text)
    page.keyboard.press("Enter")
    page.get_by_text("The period ends before it begins.").wait_for()
    tab_to(page, ".float label:has-text('Until') input")
    text = datetime.fromtimestamp((start + 3 * DAY) / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    page.locator(".float label:has-text('Until') input").fill(text)
    press(page, ".float button:text-is('Apply')")
    filters = {"date": {"range": [{"start": start + DAY, "end": start + 3 * DAY}]}}
    assert filters_of(page) == filters
    shows(page, expected(house, filters))


@pytest.mark.usefixtures("house")
def test_every_time_has_its_zone(opened: Callable[..., Any]) -> None:
    page = opened(at({"service": {"eq": [APP]}}), timezone_id="Asia/Tokyo")
    settled(page)
    assert page.locator(".log th").first.inner_text().startswith("Date (UTC)")
    page.get_by_role("button", name="Time zone: UTC").click()
    page.locator(".log th", has_text="Date (GMT+9)").wait_for()
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence", has_text="GMT+9").wait_for()


TICKS = [
    pytest.param(2 * 60_000, r"^(\d\d:\d\d:\d\d|\w+ \d+)$", id="minutes"),
    pytest.param(DAY, r"^(\d\d:00|\w+ \d+)$", id="a day"),
    pytest.param(30 * DAY, r"^[A-Z][a-z]{2} \d+$", id="a month"),
    pytest.param(300 * DAY, r"^[A-Z][a-z]{2}( 20\d\d)?$", id="a year"),
    pytest.param(20_000 * DAY, r"^\d{4}$", id="decades"),
]


@pytest.mark.parametrize("length, form", TICKS)
def test_the_axis_has_ticks_that_people_read(
    opened: Callable[..., Any], house: Application, length: int, form: str
) -> None:
    end = wall_clock()
    made = activity(f"ticks-{length}", appId=APP + 1, timestamp=end - length // 2)
    house.services.store.tenant(TENANT).insert([arrival(made)])
    page = opened(at({"service": {"eq": [APP + 1]}, "date": {"range": {"start": end - length, "end": end}}}))
    page.locator(".plot .tick").first.wait_for()
    texts = page.locator(".plot .tick").all_inner_texts()
    assert all(re.match(form, text) for text in texts), texts
    if length >= DAY:
        assert 2 <= len(texts) <= 14
    end_of_axis = page.locator(".plot .axis").evaluate("(axis) => axis.getBoundingClientRect().right")
    places = "nodes => nodes.map(node => node.getBoundingClientRect().toJSON())"
    marks, ticks = (page.locator(f".plot .{name}").evaluate_all(places) for name in ("mark", "tick"))
    for mark, tick, text in zip(marks, ticks, texts, strict=True):
        fits = mark["left"] + tick["width"] < end_of_axis
        assert abs(tick["left" if fits else "right"] - mark["left"]) < 1, text


def test_an_empty_period_offers_all_time(opened: Callable[..., Any], house: Application) -> None:
    filters = {"service": {"eq": [APP]}}
    page = opened(at({**filters, "date": {"range": {"start": DAY, "end": 2 * DAY}}}))
    page.get_by_text("No activities match in this period.").wait_for()
    settled(page)
    assert page.locator(".plot").inner_text() == "No activity in this period."
    assert "each bar" not in page.locator(".edges").inner_text()
    page.get_by_role("button", name="Search all time").click()
    shows(page, expected(house, filters))


def test_the_request_and_the_export_are_of_the_period(opened: Callable[..., Any], house: Application) -> None:
    page = opened("/?time=7d")
    count = total(page)
    assert 0 < count < expected(house, {})
    page.get_by_role("button", name="API", exact=True).click()
    assert '"range"' in page.locator(".modal pre").nth(1).inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export", exact=True).click()
    page.locator(".modal").get_by_text(f"{count:,} activities").wait_for()
    with page.expect_download() as waiting:
        page.locator(".modal .item", has_text="NDJSON").click()
    assert len(waiting.value.path().read_bytes().splitlines()) == count
