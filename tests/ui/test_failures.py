"""What the pages show where a request fails: which kind of failure it was, a way to try again, and no earlier numbers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from casbah.activity.tenant import TenantId
from making import arrival
from scenarios.server import serving
from ui.acts import activity, at, chips, settled, total
from ui.conftest import context_of

TENANT = TenantId("default")
API = "**/api/**"
OTHER = {"service": {"eq": [11161]}}


def refused(route: Any) -> None:
    route.abort("connectionrefused")


def answering(status: int, body: str) -> Callable[[Any], None]:
    return lambda route: route.fulfill(status=status, body=body)


KINDS = [
    pytest.param(refused, "Cannot reach the server", "", True, id="no connection"),
    pytest.param(answering(503, '{"detail": "the disk is full"}'), "Server error", "the disk is full", True, id="503"),
    pytest.param(answering(502, "<h1>Bad gateway</h1>"), "Server error", "the server answered 502", True, id="a proxy"),
    pytest.param(answering(200, "<h1>Log in</h1>"), "Server error", "the answer is not JSON", True, id="a login page"),
    pytest.param(answering(429, '{"detail": "too many"}'), "Request failed", "too many", True, id="429"),
    pytest.param(answering(400, '{"detail": "no such filter"}'), "Request failed", "no such filter", False, id="400"),
    pytest.param(answering(403, '{"detail": "not allowed"}'), "Request failed", "not allowed", False, id="403"),
]


@pytest.mark.parametrize("fails, heading, words, again", KINDS)
def test_a_failed_query_says_so_and_leaves_no_earlier_numbers(
    opened: Callable[..., Any], fails: Any, heading: str, words: str, again: bool
) -> None:
    page = opened()
    everything = total(page)
    value = page.locator(".facet-value").first
    page.route(API, fails)
    value.click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert heading in alert.inner_text()
    assert words in alert.inner_text()
    assert page.locator("h1.total").inner_text() == heading
    for stale in (".log tbody tr", ".plot svg", ".legend .key", ".facet-value"):
        assert page.locator(stale).count() == 0, stale
    assert f"{everything:,}" not in page.locator("main").inner_text()
    assert page.locator("main [aria-busy]").count() == 0
    retry = alert.get_by_role("button", name="Retry")
    assert retry.count() == again
    page.unroute(API)
    if again:
        retry.click()
        assert 0 < total(page) < everything
        assert page.locator(".facet-value").count() > 0
        assert page.locator(".plot svg").count() == 1
        assert page.get_by_role("alert").count() == 0


def test_a_search_in_the_address_that_fails_says_so_and_is_tried_again(opened: Callable[..., Any]) -> None:
    page = opened("/exports")
    settled(page)
    page.route("**/search/explain", answering(500, '{"detail": "internal error"}'))
    page.goto("/?time=all&q=country:DE")
    page.get_by_role("alert").get_by_text("internal error").wait_for()
    assert page.locator("h1.total").inner_text() == "Server error"
    assert page.locator(".toast").count() == 0
    page.unroute("**/search/explain")
    page.get_by_role("button", name="Retry").click()
    page.locator(".log tbody tr").first.wait_for()
    assert total(page) > 0
    assert chips(page) == ["Country is Germany"]
    assert page.get_by_role("alert").count() == 0


def test_earlier_numbers_are_marked_as_such_while_a_query_runs(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.route(API, lambda _: None)  # held until it is taken away
    page.locator(".facet-value").first.click()
    for part in ("h1.total", ".log table", ".histogram", ".facets"):
        page.locator(f"{part}[aria-busy=true]").wait_for()
        assert float(page.locator(part).evaluate("node => getComputedStyle(node).opacity")) < 1
    page.unroute(API)
    settled(page)
    assert page.locator("main [aria-busy]").count() == 0


def test_a_server_that_is_back_answers_again(chromium: Any, tmp_path: Path) -> None:
    """A real server, stopped, and started again on its port."""
    context = context_of(chromium)
    page = context.new_page()
    with serving(tmp_path) as (url, house):
        house.services.store.tenant(TENANT).insert([arrival(activity("one")), arrival(activity("two", appId=1))])
        key, _ = house.services.tokens.create("analyst", tenant=TENANT.name)
        page.goto(f"{url}/#token={key}")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.locator("#who button").wait_for()
        assert total(page) == 2
    page.locator(".facet-value", has_text="Office 365").click()
    page.locator("h1.total", has_text="Cannot reach the server").wait_for()
    assert page.locator(".facet-value, .log tbody tr, .plot svg").count() == 0
    with serving(tmp_path, port=str(urlsplit(url).port)):
        page.get_by_role("button", name="Retry").click()
        assert total(page) == 1
        assert page.locator(".facet-value").count() > 0
    context.close()


PARTS = [
    pytest.param("**/histogram", ".histogram", ".plot svg", id="the histogram"),
    pytest.param("**/facets", ".facets", ".facet-value", id="the top values"),
]


@pytest.mark.parametrize("path, place, there", PARTS)
def test_a_part_that_fails_is_emptied_and_tried_again(
    opened: Callable[..., Any], path: str, place: str, there: str
) -> None:
    page = opened()
    settled(page)
    page.route(path, refused)
    page.get_by_role("combobox", name="Search").fill("login")
    page.get_by_role("combobox", name="Search").press("Enter")
    alert = page.locator(place).get_by_role("alert")
    alert.get_by_text("Cannot reach the server").wait_for()
    assert page.locator(f"{place} :is({there})").count() == 0
    assert total(page) > 0
    page.unroute(path)
    alert.get_by_role("button", name="Retry").click()
    page.locator(there).first.wait_for()
    assert page.get_by_role("alert").count() == 0


def test_the_table_goes_on_after_a_failed_page(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.route("**/api/ext/v1/search", refused)
    page.locator(".rest").scroll_into_view_if_needed()
    alert = page.get_by_role("alert")
    alert.get_by_text("Cannot reach the server").wait_for()
    rows = page.locator(".log tbody tr").count()
    page.unroute("**/api/ext/v1/search")
    alert.get_by_role("button", name="Retry").click()
    page.wait_for_function("rows => document.querySelectorAll('.log tbody tr').length > rows", arg=rows)


def test_an_activity_that_cannot_be_fetched_is_tried_again(opened: Callable[..., Any], stocked: Any) -> None:
    stocked[1].services.store.tenant(TENANT).insert([arrival(activity("far-away"))])
    page = opened(at(OTHER))
    settled(page)
    page.route("**/far-away/", refused)
    page.goto(at({"activity.id": {"eq": ["nothing"]}}, open="far-away"))
    page.locator(".drawer").get_by_text("Cannot reach the server").wait_for()
    page.unroute("**/far-away/")
    page.locator(".drawer").get_by_role("button", name="Retry").click()
    page.locator(".drawer .tree").wait_for()


@pytest.mark.parametrize("path", ["/queries", "/sources", "/ranges", "/tokens"])
def test_every_page_offers_to_try_again(opened: Callable[..., Any], path: str) -> None:
    page = opened()
    settled(page)
    names = {"/queries": "Queries", "/sources": "Sources", "/ranges": "IP ranges", "/tokens": "Tokens"}
    page.route(API, refused)
    page.locator("#nav a", has_text=names[path]).click()
    alert = page.get_by_role("alert")
    alert.get_by_text("Cannot reach the server").wait_for()
    page.unroute(API)
    alert.get_by_role("button", name="Retry").click()
    page.locator(".page table, .page p.quiet").first.wait_for()
    page.wait_for_function("() => !document.querySelector('[role=alert]')")


def test_a_page_that_cannot_begin_is_tried_again(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.route(API, refused)
    page.reload()
    page.get_by_role("alert").get_by_text("Cannot reach the server").wait_for()
    page.unroute(API)
    page.get_by_role("button", name="Retry").click()
    assert total(page) > 0


def test_a_session_that_ended_asks_to_sign_in_again(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.route(API, answering(401, json.dumps({"detail": "Invalid token."})))
    page.locator(".facet-value").first.click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.get_by_role("alert").first.inner_text() == "Your session has ended. Sign in again."


def test_who_signs_out_is_not_told_that_the_session_ended(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert "session has ended" not in page.locator("main").inner_text()
