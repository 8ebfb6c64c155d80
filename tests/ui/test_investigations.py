"""Ten questions that an analyst asks, from the first page to the answer, with the keyboard alone."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import Application, wall_clock
from making import arrival
from ui.acts import activity, expected, filters_of, newest, press, settled, shows, tab_to, total

TENANT = TenantId("default")
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
ANONYMOUS = "000000030000000000000000"
MORE = "button:text-is('More filters')"
PANEL = ".float input[type=text]"
VERBS = {"FAILED_LOGIN": "sign-in-failed", "LOGIN": "sign-in", "DOWNLOAD_FILE": "download", "DELETE_OBJECT": "delete"}


@pytest.fixture(scope="module")
def house(stocked: tuple[str, Application]) -> Application:
    """With an attack amid the real activities: a stolen account, an anonymous address, downloads, and what came of it."""
    _, house = stocked
    now = wall_clock() // 1_000 * 1_000
    thief = {
        "user": {"userName": "mallory@contoso.com"},
        "device": {"clientIP": "198.51.100.66", "userAgent": "curl/8.9.1"},
        "location": {"countryCode": "NL", "category": 3, "ipTags": [ANONYMOUS]},
        "appId": 15600,
        "appName": "Microsoft OneDrive for Business",
    }
    alert = now - 20 * HOUR

    def act(name: str, minutes: int, category: str, operation: str, **keys: Any) -> dict[str, Any]:
        return activity(
            f"incident-{name}",
            timestamp=alert - minutes * 60_000,
            eventTypeName=f"EVENT_CATEGORY_{category}",
            verb=VERBS.get(category),
            description=f"{operation}: {name}",
            **{**thief, **keys},
            mainInfo={"rawOperationName": operation, "eventObjects": keys.get("objects", [])},
        )

    plan = [{"id": "plan-1", "name": "Acquisition plan.docx", "objType": 3, "role": 1}]
    made = [
        *(act(f"failed-{number}", 55 - number, "FAILED_LOGIN", "UserLoginFailed") for number in range(9)),
        act("login", 40, "LOGIN", "UserLoggedIn"),
        *(
            act(f"download-{number}", 30 - number, "DOWNLOAD_FILE", "FileDownloaded", objects=plan)
            for number in range(6)
        ),
        act("grant", 20, "UNSPECIFIED", "Add member to role", isAdminOperation=True),
        act("delete", 10, "DELETE_OBJECT", "FileDeleted", objects=plan),
        act("alert", 0, "LOGIN", "UserLoggedIn", alertIds=["5f0000000000000000000a1e"]),
    ]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    return house


def answers(page: Any, house: Application, filters: dict[str, Any]) -> None:
    """The page asks for what was meant, and its total is the plain meaning's."""
    found = expected(house, filters)
    assert found > 0
    shows(page, found)


def choose(page: Any, name: str, *typed: str) -> None:
    """Open the panel of a filter out of all, and type values into it."""
    press(page, MORE)
    page.keyboard.type(name)
    press(page, f".float button:has(code:text-is('{name}'))")
    page.locator(PANEL).wait_for()
    for each in typed:
        page.keyboard.type(each)
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelectorAll('.float .value').length > 0")
        tab_to(page, PANEL)
    page.keyboard.press("Escape")


def last(page: Any, time: str) -> None:
    press(page, f".time button[data-time='{time}']")
    page.locator(f".time button[data-time='{time}'][aria-pressed=true]").wait_for()


def test_who_downloaded_from_an_anonymous_address_last_week(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "ip.tags", "Anonymous proxy")
    choose(page, "activity.eventActionType", "Download file")
    last(page, "7d")
    found = filters_of(page)
    assert found == {
        "ip.tags": {"eq": [ANONYMOUS]},
        "activity.eventActionType": {"eq": ["event_category_download_file"]},
    }
    answers(page, house, {**found, "date": {"gte": newest(house) - 7 * DAY}})
    page.locator(".facet-value", has_text="mallory@contoso.com").wait_for()


def test_everything_an_address_did_in_the_hour_before_an_alert(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "activity.alertId", "5f0000000000000000000a1e")
    settled(page)
    press(page, ".log tbody a.open")
    page.locator(".drawer .sentence").wait_for()
    press(page, ".drawer a:text-is('Same IP address')")
    page.wait_for_function("() => location.search.includes('range')")
    settled(page)
    at = json.loads(house.services.store.tenant(TENANT).fetch("incident-alert"))["timestamp"]
    press(page, ".time .range")
    for end, moment in (("From", at - HOUR), ("Until", at + SECOND)):
        tab_to(page, f".float label:has-text('{end}') input")
        page.locator(f".float label:has-text('{end}') input").fill(
            page.evaluate("ms => new Date(ms).toISOString().slice(0, 19)", moment)
        )
    press(page, ".float button:text-is('Apply')")
    window = filters_of(page)["date"]["range"][0]
    assert window == {"start": at - HOUR, "end": at + SECOND}
    answers(page, house, {"ip.address": {"eq": "198.51.100.66"}, "date": {"range": window}})
    assert total(page) == 19


def test_whose_sign_ins_failed_most_last_month(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    press(page, "button:text-is('Queries')")
    press(page, ".menu .item:has-text('Failed sign-in')")
    last(page, "30d")
    settled(page)
    failed = {"verb": {"eq": ["sign-in-failed"]}}
    answers(page, house, {**failed, "date": {"gte": newest(house) - 30 * DAY}})
    press(page, ".facets .facet-value")
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 2")
    assert "user.username" in filters_of(page)


def test_what_administrators_did_outside_an_app(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    press(page, "button:text-is('Queries')")
    press(page, ".menu .item:has-text('Admin activities')")
    settled(page)
    press(page, "button.add:text-is('App')")
    page.locator(PANEL).wait_for()
    page.keyboard.press("Shift+Tab")
    assert page.locator(".float select").evaluate("element => element === document.activeElement")
    page.keyboard.press("ArrowDown")
    tab_to(page, PANEL)
    page.keyboard.type("Amazon Web Services")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.wait_for_function("() => location.search.includes('neq')")
    answers(page, house, {"activity.type": {"eq": [True]}, "service": {"neq": [11599]}})


def test_who_touched_a_file(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "fileSelector", "Acquisition plan.docx")
    answers(page, house, {"fileSelector": {"eq": ["acquisition plan.docx"]}})
    assert total(page) == 7


def test_words_anywhere_in_an_activity(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    tab_to(page, ".bar [role=combobox]")
    page.keyboard.type("acquisition plan")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('text')")
    answers(page, house, {"text": {"text": ["acquisition plan"]}})


def test_which_countries_a_user_signed_in_from(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "user.username", "mallory@contoso.com")
    choose(page, "activity.eventActionType", "Login")
    answers(page, house, {"user.username": {"eq": "mallory@contoso.com"}, "activity.eventActionType": {"eq": "EVENT_CATEGORY_LOGIN"}})  # fmt: skip
    page.locator(".facet", has_text="Country").locator(".facet-value", has_text="Netherlands").wait_for()


def test_what_came_from_risky_addresses_with_a_program(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "ip.category", "Risky")
    choose(page, "userAgent.userAgent", "curl")
    filters = {"ip.category": {"eq": [3]}, "userAgent.userAgent": {"contains": ["curl"]}}
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 2")
    asked = filters_of(page)
    answers(page, house, asked)
    assert asked["ip.category"] == filters["ip.category"]


def test_what_a_network_did(opened: Callable[..., Any], house: Application) -> None:
    page = opened()
    choose(page, "ip.address", "198.51.100.0/24")
    answers(page, house, {"ip.address": {"eq": ["198.51.100.0/24"]}})


@pytest.mark.usefixtures("house")
def test_an_activity_by_its_id_and_then_the_users_next_steps(opened: Callable[..., Any]) -> None:
    page = opened()
    choose(page, "activity.id", "incident-login")
    settled(page)
    press(page, ".log tbody a.open")
    page.locator(".drawer .sentence").wait_for()
    press(page, ".drawer a:text-is('Same user')")
    page.wait_for_function("() => location.search.includes('range')")
    page.keyboard.press("Escape")
    settled(page)
    assert total(page) == 19
    press(page, ".log thead button")
    page.wait_for_function("() => location.search.includes('direction=asc')")
    settled(page)
    press(page, ".log tbody a.open", "ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(".drawer h2").inner_text() == "UserLoginFailed: failed-1"
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")
