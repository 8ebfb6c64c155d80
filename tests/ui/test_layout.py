"""No element of any page is wider than its parent, however long the values are, and no button or cell breaks inside a short word."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from casbah.ui.site import VIEWS
from making import arrival
from ui.acts import activity, at, at_rest, resize, settled, unfold

TENANT = TenantId("default")
pytestmark = pytest.mark.usefixtures("lengthy")
APP = 4_242
AMAZON = 11_599
WIDTHS = (1440, 1024, 768, 390)
WORD = "Mozilla/5.0" + "+LongestProductNameWithoutAnySpace" * 12
AGENT = f"{WORD} (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) " * 3
FILE = "Quarterly_" * 40 + "report.xlsx"
USER = "a.very.long.user.name." * 8 + "@subsidiary.of.a.subsidiary.contoso.example"

SCROLLING = {
    ".scroll": "a table scrolls sideways where its columns do not fit",
    "input, select, textarea": "a long typed text scrolls within its box",
}
"""What is meant to scroll sideways, and why."""
CUT = {
    ".log td": "a cell shows one line; its tooltip and the drawer show the whole value",
    ".cut": "one line; its tooltip or what it opens shows the whole value",
    ".chip-open": "one line; the panel that it opens shows the whole values",
    ".option .grow": "one line; its tooltip shows the whole value",
}
"""What is meant to be cut with an ellipsis, and where the whole is."""

TOO_WIDE = """(allowed) => {
  const found = [];
  const name = (node) => `${node.localName}.${node.className} in ${node.parentElement.localName}.${node.parentElement.className}`;
  for (const node of document.body.querySelectorAll("*")) {
    if (node.closest("svg, .unseen, .skip, option, noscript") || !node.getClientRects().length) continue;
    const { display, position } = getComputedStyle(node);
    const [own, around] = [node.getBoundingClientRect(), node.parentElement.getBoundingClientRect()];
    if (position === "fixed" || position === "absolute") {
      if (own.right > innerWidth + 1 || own.left < -1) found.push(`${name(node)}: outside of the window`);
    } else if (!node.parentElement.matches(allowed) && (own.right > around.right + 1 || own.left < around.left - 1)) {
      found.push(`${name(node)}: ${own.left} to ${own.right} in ${around.left} to ${around.right}`);
    }
    if (!node.matches(allowed) && display !== "inline" && display !== "contents" && node.scrollWidth > node.clientWidth + 1) {
      found.push(`${name(node)}: ${node.scrollWidth} of text in ${node.clientWidth}`);
    }
  }
  return found;
}"""
BROKEN = """() => {
  const found = [];
  for (const place of document.querySelectorAll("button, .button, td")) {
    const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const { 0: word, index } of texts.currentNode.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
        const range = document.createRange();
        range.setStart(texts.currentNode, index);
        range.setEnd(texts.currentNode, index + word.length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (lines.size > 1 && word.length < 20) found.push(`${place.textContent}: ${word}`);
      }
    }
  }
  return found;
}"""


def fits(page: Any) -> None:
    """Nothing on the page is too wide for its place."""
    at_rest(page)
    assert "\n".join(page.evaluate(TOO_WIDE, ", ".join([*SCROLLING, *CUT]))) == ""
    assert "\n".join(page.evaluate(BROKEN)) == ""
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture(scope="module")
def lengthy(stocked: Any) -> None:
    """Activities, a token, a range and a saved query whose every text is long."""
    _, house = stocked
    now = wall_clock()
    made = [
        activity(
            f"long-{number}",
            timestamp=now - number * 60_000,
            appId=APP,
            appName="An App With Quite A Long Name Of Its Own, Enterprise Edition for Government",
            description=f"Add member to role. {AGENT}",
            user={"userName": USER, "orgUnit": USER, "userTags": [WORD]},
            device={"clientIP": "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "userAgent": f"{AGENT}{number}"},
            userAgent={"deviceType": "DESKTOP", "browser": WORD, "operatingSystem": {"name": WORD}},
            location={"countryCode": "GB", "city": WORD, "organizationSearchable": f"{WORD}{number}"},
            mainInfo={
                "rawOperationName": WORD,
                "eventObjects": [{"id": FILE, "name": FILE, "objType": 3, "serviceObjectType": WORD}],
            },
            rawDataJson={WORD: {WORD: AGENT, "digits": int("9" * 400)}},
        )
        for number in range(6)
    ]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    house.services.tokens.create("service-account-" + "x" * 60, tenant=TENANT.name)


def test_the_log_and_what_it_opens(opened: Callable[..., Any]) -> None:
    page = opened(at({"service": {"eq": [APP]}, "user.username": {"neq": [WORD, AGENT]}}))
    settled(page)
    everywhere(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".insight .frequent").first.wait_for()
    settled(page)
    everywhere(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="View", exact=True).click()
    for column in page.locator(".float .option input[type=checkbox]").all():
        column.check()
    page.keyboard.press("Escape")
    everywhere(page)


@pytest.mark.parametrize("button", ["More filters", "App", "User", "View", "Queries"])
def test_panels(opened: Callable[..., Any], button: str) -> None:
    page = opened(at({"user.username": {"eq": [USER, AGENT]}}))
    settled(page)
    for width in WIDTHS:
        resize(page, width)
        unfold(page)
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".float").wait_for()
        settled(page)
        fits(page)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("button", ["Save", "Export", "API"])
def test_dialogs(opened: Callable[..., Any], button: str) -> None:
    page = opened(at({"user.username": {"eq": [USER, AGENT]}, "service": {"eq": [APP]}}))
    settled(page)
    if button == "Export":
        page.get_by_role("button", name="Export", exact=True).click()
        with page.expect_download():
            page.locator(".modal .item", has_text="CSV").click()
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").wait_for()
    settled(page)
    everywhere(page)


@pytest.mark.parametrize("path", [*VIEWS[1:], "/groups?q=by:user,ip+distinct:app,country", "/nothing"])
def test_pages(opened: Callable[..., Any], path: str) -> None:
    page = opened(path)
    page.get_by_role("heading", level=1).wait_for()
    if path == "/ranges":
        page.get_by_role("button", name="New IP range").click()
        page.get_by_label("Name").fill("Branch_office_" * 12)
        page.get_by_label("Networks").fill("2001:db8:85a3:1:2:8a2e:370:7334/128")
        page.get_by_label("Tags").fill("Branch_office_" * 6)
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator(".toast", has_text="Saved").wait_for()
    settled(page)
    if path in ("/sources", "/ranges", "/tokens"):
        assert page.locator(".page table").count() > 0
    everywhere(page)
    for label in ("^Change", "^Delete", "^Revoke", "^New"):
        for act in page.get_by_role("button", name=re.compile(label)).all()[:1]:
            act.click()
            page.get_by_role("dialog").wait_for()
            everywhere(page)
            page.keyboard.press("Escape")


def test_the_sign_in_form(opened: Callable[..., Any]) -> None:
    page = opened(signed_in=False)
    page.get_by_label("Token").wait_for()
    everywhere(page)


def everywhere(page: Any) -> None:
    """What is shown fits at every width, folded and unfolded."""
    for width in WIDTHS:
        resize(page, width)
        fits(page)
    if page.locator("dialog[open]").count() == 0 and page.locator(".unfold").is_visible():
        unfold(page)
        fits(page)


def test_columns_fit_and_the_header_stays(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    for width in (1440, 1024):
        resize(page, width)
        for name in ("Date", "User", "App", "Activity", "IP address", "Country", "Device"):
            box = page.locator(".log th", has_text=name).first.bounding_box()
            assert box["width"] > 60, (width, name)
            assert box["x"] + box["width"] <= width
        page.mouse.wheel(0, 1_500)
        page.wait_for_function("() => scrollY > 1000")
        tops = [page.locator(place).first.bounding_box()["y"] for place in (".top", ".time", ".log th")]
        assert tops == sorted(tops)
        assert tops[0] >= 0
        assert tops[-1] < 120
        page.evaluate("() => scrollTo(0, 0)")
        page.wait_for_function("() => scrollY === 0")


def test_a_phone_shows_the_first_activity_without_scrolling(opened: Callable[..., Any]) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    settled(page)
    card = page.locator(".log tbody tr").first.bounding_box()
    assert card["y"] + card["height"] < 844 / 2
    assert card["width"] > 350


def test_the_cards_of_a_phone_are_aligned(opened: Callable[..., Any], stocked: Any) -> None:
    """Whatever an activity lacks."""
    bare = activity("bare", timestamp=wall_clock() - 7 * 60_000, device={"clientIP": "192.0.2.17"}, appId=APP)
    stocked[1].services.store.tenant(TENANT).insert([arrival(bare)])
    page = opened(viewport={"width": 390, "height": 844})
    settled(page)
    ends = page.locator(".log td:is(.of-time, .of-address)").evaluate_all(
        "cells => cells.filter(c => c.textContent).map(c => Math.round(c.getBoundingClientRect().right))"
    )
    assert len(set(ends)) == 1


def test_a_phone_has_space_around_an_activity(opened: Callable[..., Any]) -> None:
    page = opened(viewport={"width": 390, "height": 844})
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence").wait_for()
    at_rest(page)
    text, drawer = page.locator(".drawer .sentence").bounding_box(), page.locator(".drawer").bounding_box()
    assert drawer["x"] >= 0
    assert text["x"] >= 16


@pytest.mark.parametrize(("width", "beside"), [(1440, True), (1280, True), (1024, False)])
def test_the_drawer_is_beside_the_table_where_there_is_space(
    opened: Callable[..., Any], width: int, beside: bool
) -> None:
    page = opened(viewport={"width": width, "height": 900})
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence").wait_for()
    at_rest(page)
    table, drawer = page.locator(".scroll").first.bounding_box(), page.locator(".drawer").bounding_box()
    assert (table["x"] + table["width"] <= drawer["x"]) == beside
    assert drawer["x"] + drawer["width"] <= width


BORDERS = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (text) => {
    const [red, green, blue] = text.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
  };
  return [...document.querySelectorAll("button, input, select")].filter((node) => node.getClientRects().length)
    .filter((node) => parseFloat(getComputedStyle(node).borderTopWidth) > 0 && !node.disabled)
    .map((node) => [light(getComputedStyle(node).borderTopColor), light(ground(node.parentElement)), node.outerHTML])
    .map(([one, other, text]) => [(Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05), text])
    .filter(([ratio]) => ratio < 3);
}"""
SMALL = """() => [...document.querySelectorAll("main button, main select, main input, .log a.open, header a, header button")]
  .filter((node) => node.getClientRects().length && !["checkbox", "radio"].includes(node.type))
  .filter((node) => node.getBoundingClientRect().height < 24 || node.getBoundingClientRect().width < 24)
  .map((node) => node.outerHTML)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", VIEWS)
def test_borders_are_seen_and_targets_are_large(opened: Callable[..., Any], path: str, theme: str) -> None:
    page = opened(path, color_scheme=theme)
    page.get_by_role("heading", level=1).wait_for()
    settled(page)
    assert page.evaluate(BORDERS) == []
    assert page.evaluate(SMALL) == []


def test_failures_and_administration_are_marked(opened: Callable[..., Any], stocked: Any) -> None:
    made = [
        activity(
            "marked-failed", appId=4_243, mainInfo={"rawOperationName": "x", "activityResult": {"isSuccess": False}}
        ),
        activity("marked-admin", appId=4_243, isAdminOperation=True, location={"category": 3}),
    ]
    stocked[1].services.store.tenant(TENANT).insert(map(arrival, made))
    page = opened(at({"service": {"eq": [4_243]}}))
    settled(page)
    assert page.locator("tr[data-id=marked-failed] .badge").all_inner_texts() == ["Failed"]
    assert page.locator("tr[data-id=marked-admin] .badge").all_inner_texts() == ["Admin", "Risky"]
    assert page.locator("tr.failed").count() == 1


APP_COLORS = """() => {
  const color = (node) => getComputedStyle(node).backgroundColor;
  const legend = [...document.querySelectorAll(".legend button")].map((key) => [key.querySelector(".cut").textContent, color(key.firstChild)]);
  const rows = [...document.querySelectorAll(".log td.of-app:has(.app-icon)")].map((cell) => [cell.title, color(cell.firstChild)]);
  return [Object.fromEntries(legend), Object.fromEntries(rows)];
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_app_has_one_color_in_the_table_and_in_each_chart(opened: Callable[..., Any], theme: str) -> None:
    page = opened(color_scheme=theme)
    colors: dict[str, set[str]] = {}
    for verb in ("sign-in", "view", "download"):
        page.goto(at({"verb": {"eq": [verb]}}))
        settled(page)
        legend, rows = page.evaluate(APP_COLORS)
        assert set(legend) & set(rows)
        assert len(set(legend.values())) == len(legend)
        for name, color in [*legend.items(), *rows.items()]:
            colors.setdefault(name, set()).add(color)
    assert [name for name, found in colors.items() if len(found) > 1] == []


@pytest.mark.parametrize("drawer", [False, True])
def test_dates_and_addresses_are_shown_whole(opened: Callable[..., Any], drawer: bool) -> None:
    """Of an app with real activities only: those of other tests may have anything as an address."""
    page = opened(at({"service": {"eq": [AMAZON]}}), viewport={"width": 1440, "height": 900})
    settled(page)
    if drawer:
        page.locator(".log tbody a.open").first.click()
        page.locator(".drawer .sentence").wait_for()
        at_rest(page)
    cells = page.locator(".log td:is(.of-time, .of-address)")
    cut = cells.evaluate_all("cells => cells.filter(c => c.scrollWidth > c.clientWidth).map(c => c.title)")
    # An IPv6 address is shown as far as there is space.
    assert [text for text in cut if text.count(":") < 3] == []


def test_a_failure_is_said_once_with_its_reason(opened: Callable[..., Any], stocked: Any) -> None:
    reason = "Failed log on (Failure message: Invalid password.)"
    made = activity("reasoned", appId=4_244, description=reason, verb="sign-in-failed")
    stocked[1].services.store.tenant(TENANT).insert([arrival(made)])
    page = opened(at({"service": {"eq": [4_244]}}))
    settled(page)
    cell = page.locator("tr[data-id=reasoned] .of-activity")
    assert cell.inner_text() == "FailedSign-in: Invalid password."
    assert cell.get_attribute("title") == "Failed sign-in: Invalid password."
