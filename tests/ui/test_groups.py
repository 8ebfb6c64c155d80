"""The page of groups: a password spray and a mass download are one click away, and a click on a group narrows the log to it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from scenarios.server import serving
from ui.acts import activity, address, at, filters_of, settled, total
from ui.conftest import pages_of

TENANT = TenantId("default")
HOUR = 3_600_000
SPRAYED, SPRAYER = 60, "198.18.77.1"
DOWNLOADED, DOWNLOADER = 90, "exporter@contoso.example"


@pytest.fixture(scope="module", autouse=True)
def _attacks(stocked: Any) -> None:
    _, house = stocked
    now = wall_clock()
    sprayed = [
        activity(
            f"spray-{number}",
            timestamp=now - number * HOUR,
            verb="sign-in-failed",
            user={"userName": f"victim-{number}@contoso.example"},
            device={"clientIP": SPRAYER},
        )
        for number in range(SPRAYED)
    ]
    downloaded = [
        activity(
            f"download-{number}",
            timestamp=now - number * HOUR,
            verb="download",
            user={"userName": DOWNLOADER},
            mainInfo={"eventObjects": [{"objType": 3, "id": f"file-{number}", "name": f"file-{number}.docx"}]},
        )
        for number in range(DOWNLOADED)
    ]
    newcomer = activity("newcomer", timestamp=now - 5 * HOUR, appId=4_245)
    house.services.store.tenant(TENANT).insert(map(arrival, [*sprayed, *downloaded, newcomer]))


def rows(page: Any, name: str = "Groups") -> list[list[str]]:
    """The texts of the cells of a table."""
    settled(page)
    table = page.get_by_role("table", name=name)
    table.wait_for()
    lines = table.locator("tbody tr").all()
    return [[cell.inner_text() for cell in line.locator("td").all()] for line in lines[:3]]


def headers(page: Any) -> list[str]:
    settled(page)
    return page.get_by_role("table", name="Groups").locator("th").all_inner_texts()


def test_a_password_spray_is_one_click_away(opened: Callable[..., Any]) -> None:
    page = opened("/groups")
    page.get_by_role("link", name="Password spray").click()
    assert rows(page)[0][:4] == [SPRAYER, str(SPRAYED), str(SPRAYED), "new"]
    assert headers(page)[:4] == ["IP address", "Users ↓", "Activities", "Previous 30 d"]
    page.get_by_role("link", name=SPRAYER).click()
    assert total(page) == SPRAYED
    assert filters_of(page)["ip.address"] == {"eq": [SPRAYER]}
    page.go_back()
    assert rows(page)[0][0] == SPRAYER
    page.get_by_role("link", name=SPRAYER).click()
    page.get_by_role("link", name="IP address page").click()
    page.get_by_role("heading", name=f"IP address {SPRAYER}").wait_for()


def test_a_mass_download_is_one_click_away(opened: Callable[..., Any]) -> None:
    page = opened("/groups")
    page.get_by_role("link", name="Mass download").click()
    assert rows(page)[0][:4] == [DOWNLOADER, str(DOWNLOADED), str(DOWNLOADED), "new"]
    page.get_by_role("link", name=DOWNLOADER).click()
    assert total(page) == DOWNLOADED


def test_the_page_opens_with_the_users_of_the_period_of_the_log(opened: Callable[..., Any]) -> None:
    page = opened("/exports")
    page.goto("/groups")
    assert len(rows(page)) == 3
    assert page.get_by_label("Search with by:").input_value() == "by:user -app:Casbah since:30d"
    page.locator("[aria-label=Time] [aria-pressed=true]", has_text="30 d").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Exports").wait_for()


def test_the_page_opens_with_the_last_days_of_an_old_log(chromium: Any, tmp_path: Path) -> None:
    with serving(tmp_path) as (url, house):
        old = activity("old", timestamp=wall_clock() - 365 * 24 * HOUR, user={"userName": DOWNLOADER})
        house.services.store.tenant(TENANT).insert([arrival(old)])
        with pages_of(chromium, url, house) as opened:
            page = opened("/groups")
            page.get_by_text("1 group of 1 activity", exact=False).wait_for()
            page.locator("[aria-label=Time] [aria-pressed=true]", has_text="30 d").wait_for()
            page.get_by_role("link", name="New apps").click()
            settled(page)
            page.get_by_text("1 group of 1 activity", exact=False).wait_for()
            searched = page.get_by_label("Search with by:").input_value()
            page.get_by_role("link", name="Activities", exact=True).click()
            assert total(page) == 1
            start, _ = page.locator(".time .range").inner_text().split(" \u2013 ")
            assert searched == f"by:app distinct:user since:{start.replace(' ', 'T')}"


def test_a_search_with_by_leads_to_its_groups(opened: Callable[..., Any]) -> None:
    page = opened()
    page.get_by_label("Search", exact=True).fill(f"ip:{SPRAYER} by:user,ip")
    page.keyboard.press("Enter")
    assert len(rows(page)[0]) == 6
    page.get_by_text(f"{SPRAYED} groups of {SPRAYED} activities", exact=False).wait_for()
    assert page.get_by_label("Search with by:").input_value() == f"ip:{SPRAYER} by:user,ip"


@pytest.mark.parametrize("by", ["typed", "address"])
def test_the_groups_of_a_search_are_those_of_the_period_and_the_filters(opened: Callable[..., Any], by: str) -> None:
    """A search in the address is replaced, so that Back leaves the groups."""
    date, q = {"range": [{"start": wall_clock() - 20 * HOUR + HOUR // 2}]}, "by:ip"
    path = at({"date": date, "user.username": {"startswith": ["victim-"]}})
    page = opened(path if by == "typed" else "/exports")
    if by == "typed":
        total(page)
        page.get_by_label("Search", exact=True).fill(q)
        page.keyboard.press("Enter")
    else:
        page.goto(f"{path}&q={quote(q)}")
    assert rows(page)[0][:2] == [SPRAYER, "20"]
    assert "user:victim-* " in page.get_by_label("Search with by:").input_value()
    page.go_back()
    page.get_by_role("heading", name="20 activities" if by == "typed" else "Exports").wait_for()


def test_groups_keep_times_as_they_were_typed(opened: Callable[..., Any]) -> None:
    page = opened("/")
    page.get_by_label("Search", exact=True).fill(f"ip:{SPRAYER} since:20h by:ip")
    page.keyboard.press("Enter")
    page.get_by_text("1 group of", exact=False).wait_for()
    assert page.get_by_label("Search with by:").input_value() == f"ip:{SPRAYER} since:20h by:ip"


@pytest.mark.parametrize(
    ("filters", "searched"),
    [({}, "-app:Casbah by:ip since:7d"), ({"ip.address": {"eq": [SPRAYER]}}, f"ip:{SPRAYER} by:ip since:7d")],
    ids=["of everything", "of a search"],
)
def test_top_values_lead_to_groups(opened: Callable[..., Any], filters: dict[str, Any], searched: str) -> None:
    page = opened(at(filters, time="7d"))
    count = total(page)
    page.get_by_role("button", name="Group by IP address").click()
    assert rows(page)[0]
    assert page.get_by_label("Search with by:").input_value() == searched
    page.get_by_role("button", name="7 d", exact=True, pressed=True).wait_for()
    if filters:
        page.get_by_text(f"1 group of {count} activities, ", exact=False).wait_for()
    page.go_back()
    assert total(page) == count


def test_the_period_of_groups_is_that_of_the_log(opened: Callable[..., Any]) -> None:
    page = opened("/?time=7d")
    settled(page)
    days = [moment.split()[0] for moment in page.locator(".time .range").inner_text().split(" \u2013 ")]
    page.goto("/groups?q=by:user+since:7d")
    text = page.locator(".groups .total").inner_text()
    assert re.findall(r"\d{4}-\d\d-\d\d", text) == days


def test_the_period_of_groups_is_a_click(opened: Callable[..., Any]) -> None:
    """The times of a search are replaced; what is in quotes stays."""
    quoted = f'ip:{SPRAYER} "since:1h" since:2h by:user'
    page = opened(f"/groups?q={quote(quoted)}")
    box = page.get_by_label("Search with by:")
    page.get_by_text("No activities match.").wait_for()
    for name, since in (("24 h", "since:24h"), ("7 d", "since:7d"), ("All", "")):
        page.get_by_role("button", name=name, exact=True).click()
        page.locator("[aria-label=Time] [aria-pressed=true]", has_text=name).wait_for()
        assert box.input_value() == f'ip:{SPRAYER} "since:1h" by:user {since}'.strip()
    page.go_back()
    page.locator("[aria-label=Time] [aria-pressed=true]", has_text="7 d").wait_for()
    timed = f"ip:{SPRAYER} until:2000-01-01T10:00 by:user"
    page.goto(f"/groups?q={quote(timed)}")
    page.get_by_text("No activities match.").wait_for()
    page.get_by_role("button", name="7 d", exact=True).click()
    page.get_by_text(f"{SPRAYED} groups of {SPRAYED} activities", exact=False).wait_for()


def test_another_period_keeps_the_order(opened: Callable[..., Any]) -> None:
    page = opened("/groups?q=by:app+distinct:user+since:30d&order=first")
    settled(page)
    page.get_by_role("button", name="7 d", exact=True).click()
    page.get_by_role("button", name="7 d", exact=True, pressed=True).wait_for()
    settled(page)
    page.locator("th[aria-sort=descending]", has_text="First").wait_for()
    assert "order=first" in address(page)


def test_new_apps_are_first(opened: Callable[..., Any]) -> None:
    page = opened("/groups")
    page.get_by_role("link", name="New apps").click()
    page.locator("th[aria-sort=descending]", has_text="First").wait_for()
    settled(page)
    table = page.get_by_role("table", name="Groups")
    texts = table.locator("tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(c => c.textContent))")
    new = [text[3] == "new" for text in texts]
    assert new == sorted(new, reverse=True)
    assert ["4245", "0", "1", "new"] in [text[:4] for text in texts]


def test_a_phone_shows_what_decides(opened: Callable[..., Any]) -> None:
    page = opened("/groups", viewport={"width": 390, "height": 844})
    page.get_by_role("link", name="Password spray").click()
    decisive = page.get_by_role("columnheader", name="Users")
    decisive.wait_for()
    box = decisive.bounding_box()
    assert box["x"] + box["width"] <= 390


def test_what_is_typed_while_the_page_loads_is_kept(opened: Callable[..., Any]) -> None:
    page = opened()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/search/period*", hold, times=1)
    with page.expect_request("**/search/period*"):
        page.get_by_role("link", name="Group by").first.click()
    box = page.get_by_label("Search with by:")
    box.fill("by:app")
    held[0].continue_()
    assert rows(page)
    assert box.input_value() == "by:app"


def test_what_stopped_is_listed(opened: Callable[..., Any]) -> None:
    page = opened("/groups")
    page.get_by_label("Search with by:").fill(f"ip:{SPRAYER} by:user since:20h")
    page.keyboard.press("Enter")
    assert rows(page, "No longer active")[0][1:] == ["1"]


def test_a_search_that_cannot_be_read_is_pointed_at(opened: Callable[..., Any]) -> None:
    page = opened("/groups?q=by:usr")
    page.get_by_text("did you mean 'user'?", exact=False).wait_for()


def test_a_search_without_matches_says_so(opened: Callable[..., Any]) -> None:
    page = opened("/groups?q=by:user+user:nobody-at-all")
    page.get_by_text("No activities match.", exact=False).wait_for()
