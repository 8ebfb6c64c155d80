"""The pages of a user, an address, a session, a file and an app: each number is that of its query, and leads to it."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from ui.acts import activity, expected, settled
from ui.test_layout import everywhere

TENANT = TenantId("default")
DAY = 86_400_000
ANN, ADDRESS, FILE, APP = "ann/of@entities.example", "198.18.7.7", "plans/50% a?b#c.docx", 990_777
BERLIN = {"countryCode": "DE", "city": "Berlin", "latitude": 52.52, "longitude": 13.405}
LIMA = {"countryCode": "PE", "city": "Lima", "latitude": -12.05, "longitude": -77.04}
pytestmark = pytest.mark.usefixtures("history")


def entity(name: str) -> dict[str, Any]:
    return {"0": {"id": {"id": name, "saas": APP, "inst": 0}, "displayName": name}}


@pytest.fixture(scope="module")
def history(stocked: Any) -> None:
    """Twelve activities of Ann from Berlin, then one from Lima, where she has another name; the account is the same."""
    _, house = stocked
    now = wall_clock()
    common: dict[str, Any] = {"appId": APP, "appName": "Planner", "entityData": entity("account-1"), "verb": "view"}
    objects = [{"objType": 3, "role": 3, "part": "file", "id": FILE, "name": FILE}]
    earlier = [
        activity(f"entity-{number}", timestamp=now - (20 + 2 * number) * DAY, user={"userName": ANN}, location=BERLIN,
                 device={"clientIP": "198.18.7.1"}, session="s/1", mainInfo={"eventObjects": objects}, **common)
        for number in range(12)
    ]  # fmt: skip
    failed = {"eventObjects": objects, "activityResult": {"isSuccess": False}, "rawOperationName": "Download"}
    newest = activity(
        "entity-new", timestamp=now - DAY, user={"userName": ANN}, location=LIMA, device={"clientIP": ADDRESS},
        session="s/2", mainInfo=failed, **common | {"verb": "download"},
    )  # fmt: skip
    other = activity("entity-other", timestamp=now - 40 * DAY, user={"userName": "ann.other"}, **common)
    house.services.store.tenant(TENANT).insert(map(arrival, [*earlier, newest, other]))


def page_of(opened: Callable[..., Any], kind: str, value: str | int, query: str = "") -> Any:
    page = opened(f"/{kind}/{quote(str(value), safe='')}{query}")
    page.locator(".page h1").wait_for()
    settled(page)
    return page


def is_exact(page: Any, house: Any) -> int:
    """Every number that leads to a query is the plain count of that query's filters. Returns how many there are."""
    links = page.locator('.page a[href^="/?filters"]').evaluate_all(
        "links => links.map(l => [l.textContent, l.getAttribute('href')])"
    )
    numbers = [(text, href) for text, href in links if re.fullmatch(r"[\d,]+", text)]
    for text, href in numbers:
        filters = json.loads(parse_qs(urlsplit(href).query)["filters"][0])
        assert int(text.replace(",", "")) == expected(house, filters), filters
    return len(numbers)


@pytest.mark.parametrize(
    "kind, value", [("users", ANN), ("addresses", ADDRESS), ("sessions", "s/1"), ("files", FILE), ("apps", APP)]
)
def test_every_number_is_that_of_its_query(
    opened: Callable[..., Any], stocked: Any, kind: str, value: str | int
) -> None:
    page = page_of(opened, kind, value)
    assert page.locator(".failure").count() == 0
    assert is_exact(page, stocked[1]) > 8
    everywhere(page)


def rows(page: Any, caption: str) -> list[list[str]]:
    found = page.get_by_role("region", name=caption, exact=True).locator("tbody tr").all_inner_texts()
    return [re.split(r"\s*\t\s*", row.strip()) for row in found]


def test_what_is_new_is_told_from_what_was_there_before(opened: Callable[..., Any]) -> None:
    page = page_of(opened, "users", ANN)
    assert rows(page, "Country") == [["Peru", "1", "new"]]
    assert rows(page, "Verb") == [["Download", "1", "new"]]
    # Twelve in the 34 days before these 7.
    assert rows(page, "App") == [["Planner", "1", "2.5"]]
    page.get_by_role("link", name="30 days").click()
    page.wait_for_function("() => location.search === '?days=30'")
    page.get_by_role("cell", name="Germany").wait_for()
    settled(page)
    # The time before is shorter than 30 days.
    assert rows(page, "Country") == [["Germany", "6", "6.0"], ["Peru", "1", "new"]][::-1]


def test_places_names_and_sentences(opened: Callable[..., Any]) -> None:
    page = page_of(opened, "users", ANN)
    dots = page.locator(".map .dot").evaluate_all("dots => dots.map(d => [d.title, d.style.left, d.style.top])")
    at = {title: (round(float(left[:-1]), 1), round(float(top[:-1]), 1)) for title, left, top in dots}
    assert at == {"Berlin, Germany: 12 activities": (53.7, 25.0), "Lima, Peru: 1 activity": (28.6, 68.0)}
    assert page.get_by_role("link", name="ann.other").get_attribute("href") == "/users/ann.other"
    sentences = page.locator(".sentences li").all_inner_texts()
    assert f"failed to download {FILE} in Planner from {ADDRESS} (Lima, Peru) · failed" in sentences[0]
    assert len(sentences) == 13
    page.locator(".sentences li a", has_text=FILE).first.click()
    page.wait_for_function("file => location.pathname === `/files/${encodeURIComponent(file)}`", arg=FILE)
    page.get_by_role("heading", level=1, name=FILE).wait_for()


def test_the_drawer_leads_to_the_pages(opened: Callable[..., Any]) -> None:
    page = opened("/?open=entity-new")
    page.locator(".drawer .sentence a", has_text=ADDRESS).click()
    page.get_by_role("heading", level=1, name=f"IP address {ADDRESS}").wait_for()
    page.go_back()
    page.locator(".drawer .sentence").wait_for()


def test_an_address_is_tagged_in_place(opened: Callable[..., Any], stocked: Any) -> None:
    page = page_of(opened, "addresses", ADDRESS)
    page.get_by_role("button", name="Risky").click()
    page.locator("button[aria-pressed=true]", has_text="Risky").wait_for()
    page.get_by_role("button", name="VPN").click()
    page.locator("button[aria-pressed=true]", has_text="VPN").wait_for()
    ranges = [stored.definition for stored in stocked[1].services.ranges.all(TENANT)]
    assert [(one.category, one.networks) for one in ranges if one.name == ADDRESS] == [(4, (ADDRESS,))]
    page.get_by_role("button", name="Apply to stored activities").click()
    page.get_by_text("Applied to its stored activities").wait_for()
    assert expected(stocked[1], {"ip.category": {"eq": [4]}, "ip.address": {"eq": [ADDRESS]}}) == 1
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("Removed").wait_for()
    assert ADDRESS not in [stored.definition.name for stored in stocked[1].services.ranges.all(TENANT)]


def test_a_page_of_what_is_all_new_says_so_once(opened: Callable[..., Any]) -> None:
    page = page_of(opened, "addresses", ADDRESS)
    page.get_by_text("all of it is new.").wait_for()
    assert page.get_by_text("new", exact=True).count() == 0
    assert rows(page, "User") == [[ANN, "1"]]


def test_values_are_spelled_as_their_source_does_and_all_are_listed(opened: Callable[..., Any], stocked: Any) -> None:
    agents = [f"Planner/{number} (Desktop)" for number in range(11)]
    made = [
        activity(f"agent-{number}", timestamp=wall_clock(), device={"clientIP": "198.18.7.8", "userAgent": agent})
        for number, agent in enumerate(agents)
    ]
    stocked[1].services.store.tenant(TENANT).insert(map(arrival, made))
    page = page_of(opened, "addresses", "198.18.7.8")
    assert len(rows(page, "User agent")) == 8
    page.get_by_role("button", name="3 more").click()
    page.get_by_role("button", name="3 more").wait_for(state="detached")
    assert sorted(name for name, _ in rows(page, "User agent")) == sorted(agents)


def test_what_has_no_activities_says_so(opened: Callable[..., Any]) -> None:
    page = page_of(opened, "users", "nobody/%2e")
    assert "No activities." in page.locator(".page").inner_text()
