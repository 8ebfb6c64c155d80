"""The pages for pushes, exports, retention, holds, deletion, refused events and the audit trail; keys; and unknown paths."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from casbah.activity.tenant import TenantId
from casbah.ingest.apps import CASBAH
from casbah.outputs.push.build import pushers
from casbah.outputs.push.config import PushTarget
from casbah.outputs.push.deliver import RetryLaterError
from casbah.outputs.push.pusher import Outbox
from making import arrival
from ui.acts import activity, at, expected, press, settled, shows, total

TENANT = TenantId("default")
APP = 6_161


@pytest.fixture(scope="module", autouse=True)
def some(stocked: Any) -> None:
    made = [activity(f"doomed-{number}", appId=APP) for number in range(5)]
    stocked[1].services.store.tenant(TENANT).insert(map(arrival, made))


def test_a_deletion_is_counted_and_confirmed(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/deletion")
    box = page.get_by_label("Activities, as a search")
    for text, message in (("app:1 OR country:DE", "OR, and one field twice"), ("ap:1", "no field")):
        box.fill(text)
        box.press("Enter")
        page.get_by_role("alert").get_by_text(message).wait_for()
    box.fill(f"app:{APP}")
    box.press("Enter")
    page.get_by_text("5 activities would be deleted; 0 on hold").wait_for()
    filters = {"service": {"eq": [APP]}}
    assert expected(stocked[1], filters) == 5
    page.get_by_role("button", name="Delete 5 activities").click()
    typed = page.get_by_role("dialog").get_by_role("textbox")
    typed.fill("4")
    typed.press("Enter")
    settled(page)
    assert page.get_by_role("dialog").is_visible()
    typed.fill("5")
    typed.press("Enter")
    page.get_by_text("Deleted 5 activities.").wait_for()
    assert expected(stocked[1], filters) == 0


def texts(page: Any, table: str, cells: str) -> list[str]:
    found: list[str] = page.get_by_role("table", name=table).locator(cells).all_inner_texts()
    return found


def test_a_hold_and_a_rule_are_made_and_removed(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/retention")
    for kind, fields in (("hold", {}), ("rule", {"Delete after days": "90"})):
        page.get_by_role("button", name=f"New {kind}").click()
        dialog = page.get_by_role("dialog")
        for name, text in ({"Name": f"Case {kind}", "Activities, as a search": "country:DE"} | fields).items():
            dialog.get_by_label(name).fill(text)
        dialog.get_by_role("button", name="Save", exact=True).click()
        page.get_by_role("link", name=f"Case {kind}").wait_for()
    headers = {"Authorization": f"Token {stocked[1].local_key}"}
    stored = httpx.get(f"{stocked[0]}/api/ext/v1/retention", headers=headers).json()["data"]
    assert [(rule["action"], rule["days"]) for rule in stored] == [("hold", None), ("delete", 90)]
    assert texts(page, "Holds", "th") == ["Name", "Activities", "Owner", "Changed", "Actions"]
    assert texts(page, "Retention rules", "th") == ["Name", "Activities", "Deleted", "Owner", "Changed", "Actions"]
    assert texts(page, "Retention rules", "td")[2] == "after 90 days"
    assert len(texts(page, "Holds", "td")) == len(texts(page, "Holds", "th"))
    for kind in ("hold", "rule"):
        page.get_by_role("button", name=f"Remove Case {kind}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
        page.get_by_role("link", name=f"Case {kind}").wait_for(state="detached")


def test_numbers_end_below_each_other_and_below_their_title(opened: Callable[..., Any]) -> None:
    page = opened("/sources")
    cells = page.get_by_role("table", name="Apps").locator("tr > :nth-child(2)")
    cells.nth(1).wait_for()
    assert set(cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell).textAlign)")) == {"right"}


def test_tokens_have_permissions(opened: Callable[..., Any]) -> None:
    page = opened("/tokens")
    page.get_by_role("columnheader", name="Permissions").wait_for()


def test_a_range_has_the_name_of_its_country(opened: Callable[..., Any], stocked: Any) -> None:
    url, house = stocked
    branch = {
        "name": "Branch in Lyon",
        "category": 1,
        "subnets": ["198.18.61.0/24"],
        "location": {"city": "Lyon", "countryCode": "FR"},
    }
    headers = {"Authorization": f"Token {house.local_key}"}
    httpx.post(f"{url}/api/v1/subnet/create_rule/", json=branch, headers=headers).raise_for_status()
    page = opened("/ranges")
    page.get_by_role("row", name="Branch in Lyon").get_by_text("Lyon, France").wait_for()
    page.get_by_role("button", name="Delete Branch in Lyon").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("cell", name="Branch in Lyon", exact=True).wait_for(state="detached")


def test_refused_events_are_shown_and_removed(opened: Callable[..., Any], stocked: Any) -> None:
    url, house = stocked
    key, _ = house.services.tokens.create("shipper", tenant=TENANT.name, scopes=["Ingest.write"])
    httpx.post(f"{url}/api/ext/v1/activities", content=b"{broken\n", headers={"Authorization": f"Token {key}"})
    page = opened("/rejects")
    page.locator(".page td", has_text="broken").first.wait_for()
    page.get_by_role("button", name=re.compile("^Remove the event")).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("No rejects: no events were refused.").wait_for()


def test_the_reason_of_a_reject_is_short_and_its_whole_on_demand(opened: Callable[..., Any], stocked: Any) -> None:
    url, house = stocked
    key, _ = house.services.tokens.create("unknown shipper", tenant=TENANT.name, scopes=["Ingest.write"])
    event = b'{"of": "no source at all"}'
    httpx.post(f"{url}/api/ext/v1/activities", content=event, headers={"Authorization": f"Token {key}"})
    page = opened("/rejects")
    row = page.locator(".page tbody tr", has_text="no source at all").first
    row.wait_for()
    assert "not named" in row.inner_text()
    assert "cloudtrail" not in row.inner_text()
    row.get_by_text("source not recognized", exact=True).click()
    row.get_by_text("cloudtrail").wait_for()
    # Other tests find none.
    row.get_by_role("button", name=re.compile("^Remove the event")).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    page.get_by_text("No rejects: no events were refused.").wait_for()


@pytest.mark.parametrize("path", ["/pushes", "/rejects"])
def test_a_page_says_which_permission_it_needs(opened: Callable[..., Any], stocked: Any, path: str) -> None:
    page = opened(path, signed_in=False)
    key, _ = stocked[1].services.tokens.create(f"reader of {path}", tenant=TENANT.name, scopes=["Investigation.read"])
    page.get_by_label("Token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("This page needs a token with the permission Admin.manage.").wait_for()


def test_pushes_have_a_page(opened: Callable[..., Any], stocked: Any, tmp_path: Path) -> None:
    _, house = stocked
    away = {"soar": PushTarget(kind="syslog", to="tcp://127.0.0.1:1", allow_private=True)}
    page = opened("/pushes")
    page.get_by_text("No pushes configured.").wait_for()
    with closing(Outbox(tmp_path)) as outbox:
        (pusher,) = pushers(away, store=house.writer.store, outbox=outbox, clock=house.services.clock).values()
        house.writer.pushes.show([pusher])
        with pytest.raises(RetryLaterError) as caught:
            pusher.step()
        pusher.failed(str(caught.value))
        page.reload()
        row = page.locator(".page tr", has=page.get_by_role("cell", name="tcp://127.0.0.1:1"))
        row.get_by_text("refused").wait_for()
        row.get_by_role("cell", name="soar").wait_for()
        house.writer.pushes.show(())


def test_acts_have_a_page_and_are_not_in_the_log_unless_asked(opened: Callable[..., Any], stocked: Any) -> None:
    _, house = stocked
    act = activity("own-act", appId=CASBAH, description="Make snapshot", timestamp=house.services.clock())
    house.services.store.tenant(TENANT).insert([arrival(act)])
    acts = {"service": {"eq": [CASBAH]}}
    page = opened()
    shows(page, expected(house, {}))
    assert page.locator(".log tbody tr", has_text="snapshot").count() == 0
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Audit trail").click()
    page.locator(".page td", has_text=re.compile("snapshot", re.IGNORECASE)).first.wait_for()
    page.get_by_role("link", name="Show them in the log").click()
    assert total(page) == expected(house, acts) > 0


def test_exports_have_a_page(opened: Callable[..., Any]) -> None:
    page = opened(at({"location.country": {"eq": ["DE"]}}))
    settled(page)
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download():
        page.locator(".modal .item", has_text="CSV").click()
    page.goto("/exports")
    with page.expect_download():
        page.get_by_role("link", name=re.compile("^Download csv of")).first.click()
    settled(page)
    rows = page.locator(".page tbody tr").count()
    page.get_by_role("button", name=re.compile("^Delete csv of")).first.click()
    page.wait_for_function("rows => document.querySelectorAll('.page tbody tr').length < rows", arg=rows)


def test_an_unknown_path_is_a_page(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/nothing")
    page.get_by_role("heading", name="No such page").wait_for()
    page.get_by_role("link", name="Go to the activities").click()
    assert total(page) > 0
    accepts = {"Accept": "text/html,application/xhtml+xml"}
    answer = httpx.get(f"{stocked[0]}/nothing", headers=accepts)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Content-Security-Policy" in answer.headers
    assert httpx.get(f"{stocked[0]}/nothing").headers["content-type"] == "application/json"
    assert httpx.get(f"{stocked[0]}/api/v1/nothing", headers=accepts).status_code == 401


def test_a_key_right_after_a_dialog_is_not_lost(opened: Callable[..., Any]) -> None:
    """The dialog is gone, and the page has not been drawn since: the focus is still where it was in the dialog."""
    page = opened()
    settled(page)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    at_once = """() => {
      document.querySelector("dialog").close();
      document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
      return document.activeElement.closest("tr")?.rowIndex;
    }"""
    assert page.evaluate(at_once) == 1


def test_escape_closes_what_has_nothing_to_focus(opened: Callable[..., Any]) -> None:
    """Such as a list that is still being loaded."""
    page = opened()
    settled(page)
    page.route("**/queries", lambda _: None)
    for name in ("Queries", "How to search"):
        page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("dialog", name=name).wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("dialog", name=name).wait_for(state="detached")
        assert page.get_by_role("button", name=name, exact=True).evaluate("node => node === document.activeElement")


def test_keys(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").get_by_text("Next activity").wait_for()
    page.keyboard.press("Escape")
    focused = "() => document.activeElement.closest('tr')?.rowIndex"
    for key, row in (("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate(focused) == row
    page.keyboard.press("Enter")
    page.locator(".drawer .sentence").wait_for()
    page.keyboard.press("j")
    page.wait_for_function("() => document.querySelector('tr.marked')?.rowIndex === 2")
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")
    page.keyboard.press("t")
    page.get_by_role("dialog", name="Period").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("j?/")
    assert page.get_by_role("combobox", name="Search").input_value() == "j?/"


def test_the_pages_of_the_menu_by_the_keyboard(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    press(page, ".menu-button")
    press(page, ".float a:text-is('Rejects')")
    page.get_by_role("heading", name="Rejects").wait_for()
