"""The activity log in a browser: filters, the table, the drawer, and the address that says it all."""

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS
from casbah.activity.tenant import TenantId
from casbah.ingest.apps import CASBAH
from making import arrival
from ui.acts import activity, address, at, chips, expected, filters_of, ids, settled, shows, total, unfold

TENANT = TenantId("default")
DAY = 86_400_000
MONTH = 30 * DAY


def test_the_log_shows_the_newest_first_with_an_exact_total(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened()
    url, house = stocked
    shows(page, expected(house, {}))
    headers = {"Authorization": f"Token {house.local_key}"}
    newest = httpx.post(
        f"{url}/api/v1/activities/", json={"limit": 100, "filters": {"service": {"neq": [CASBAH]}}}, headers=headers
    ).json()["data"]
    assert ids(page)[:100] == [each["_id"] for each in newest]
    assert page.title() == "All activities · Casbah"


def test_paging_goes_on_where_the_table_ends_while_events_arrive(opened: Callable[..., Any], stocked: Any) -> None:
    _, house = stocked
    filters = {"service": {"eq": [77]}}
    stamp = 1_700_000_000_000
    # Many of one moment, so that pages end within it.
    first = [activity(f"p{number}", appId=77, timestamp=stamp + number // 40) for number in range(330)]
    house.services.store.tenant(TENANT).insert(map(arrival, first))
    page = opened(at(filters))
    assert total(page) == 330
    late = [activity(f"q{number}", appId=77, timestamp=stamp + 1_000 + number) for number in range(7)]
    house.services.store.tenant(TENANT).insert(map(arrival, late))
    page.wait_for_function(
        "() => { document.querySelector('.rest').scrollIntoView(); "
        "return document.querySelectorAll('.log tbody tr').length >= 330 }"
    )
    shown = ids(page)
    assert len(shown) == len(set(shown)) == 330
    assert set(shown) == {each["_id"] for each in first}
    assert total(page) == 330
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("button", name="7 new").click()
    shows(page, 337)
    assert ids(page)[0] == "q6"


# One value for each filter, found in the data where it has some; and what else is needed to say it in the panel.
def sample(stocked: Any, name: str) -> Any:
    if name == "activity.id":
        return "97134000_15600_97ee2049-893e-4c9d-a312-08d82b46faf7"
    url, house = stocked
    headers = {"Authorization": f"Token {house.local_key}"}
    found = httpx.post(f"{url}/api/ext/v1/facets", json={"facets": [name], "limit": 1}, headers=headers).json()
    values = found["facets"][0]["values"]
    return values[0]["value"] if values else "5f01dbbc68df27c17aa6ca81"


def test_every_filter_is_set_and_cleared(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened()
    everything = total(page)
    for name, row in FILTERS.items():
        page.get_by_role("button", name="More filters").click()
        page.get_by_role("dialog", name="Filters").locator(
            "button", has=page.locator(f"code:text-is('{name}')")
        ).click()
        panel = page.locator(".float")
        if row.field.kind is Kind.MS:
            panel.get_by_role("button", name="Last 30 days").click()
        elif row.field.kind is Kind.WORDS:
            panel.locator("input[type=text]").fill("login")
            panel.locator("input[type=text]").press("Enter")
        else:
            value = sample(stocked, name)
            text = (
                json.dumps(value)
                if isinstance(value, dict)
                else str(value).lower()
                if isinstance(value, bool)
                else str(value)
            )
            panel.locator("input[type=text]").fill(text)
            panel.locator("input[type=text]").press("Enter")
        page.wait_for_function("() => location.search.includes('filters')")
        page.keyboard.press("Escape")
        filters = filters_of(page)
        assert list(filters) == [name]
        assert len(chips(page)) + ("text" in filters.get("text", {})) + (name == "date") == 1
        settled(page)
        if row.field.kind is not Kind.MS:
            shows(page, expected(stocked[1], filters))
        page.get_by_role("button", name="All" if name == "date" else "Clear filters", exact=True).click()
        page.wait_for_function("() => location.search === '?time=all'")
        shows(page, everything)


SENTENCES = [
    pytest.param({"service": {"eq": [11161]}}, "App is Office 365", id="an app by its name"),
    pytest.param({"location.country": {"neq": ["DE", "fr"]}}, "Country is not Germany or France", id="countries"),
    pytest.param({"user.orgUnit": {"isset": [False]}}, "Organizational unit is not known", id="nothing known"),
    pytest.param({"activity.takenAction": {"eq": [None]}}, "Action taken is No action", id="no value"),
    pytest.param({"text": {"eq": "log in"}}, "Free text has the phrase log in", id="a phrase"),
    pytest.param(
        {"created": {"range": {"start": 0, "end": 1_000}}},
        "Stored is between 1970-01-01 00:00:00 UTC and 1970-01-01 00:00:01 UTC",
        id="a range",
    ),
    pytest.param({"user.username": {"eq": ["a", "b", "c", "d"]}}, "User is a, b or 2 others", id="many"),
    pytest.param({"ip.category": {"gte": [3]}}, "IP category is at least Risky", id="a bound"),
]


@pytest.mark.parametrize("filters, sentence", SENTENCES)
def test_chips_read_as_a_sentence(opened: Callable[..., Any], filters: dict[str, Any], sentence: str) -> None:
    page = opened(at(filters))
    settled(page)
    assert chips(page) == [sentence]


def test_a_query_that_the_server_refuses_says_why(opened: Callable[..., Any]) -> None:
    page = opened(at({"user.usrname": {"eq": ["x"]}}))
    assert "did you mean 'user.username'" in page.get_by_role("alert").inner_text()


def test_a_link_reopened_is_the_same_view(opened: Callable[..., Any], stocked: Any) -> None:
    filters = {"activity.eventActionType": {"eq": ["EVENT_CATEGORY_LOGIN"]}, "location.country": {"isset": [True]}}
    page = opened(at(filters, direction="asc", by="location.country"))
    settled(page)
    page.locator(".log tbody a.open").nth(2).click()
    page.locator(".drawer h2").wait_for()
    other = opened(address(page).removeprefix(stocked[0]))
    other.locator(".drawer h2").wait_for()
    for each in (page, other):
        settled(each)
    assert ids(page) == ids(other)
    assert (total(page), chips(page)) == (total(other), chips(other))
    assert page.locator(".drawer .sentence").inner_text() == other.locator(".drawer .sentence").inner_text()
    assert page.locator(".legend").inner_text() == other.locator(".legend").inner_text()


def test_back_and_forward_go_through_the_states(opened: Callable[..., Any]) -> None:
    page = opened()
    everything = total(page)
    page.locator(".facet-value").first.click()
    page.wait_for_function("() => location.search.includes('filters')")
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")
    page.go_back()
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 0")
    shows(page, everything)
    page.go_forward()
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")


def test_top_values_are_excluded_by_the_keyboard(opened: Callable[..., Any], stocked: Any) -> None:
    """As wide as the rows were without the button."""
    page = opened(at({}), viewport={"width": 1024, "height": 900})
    settled(page)
    unfold(page)
    row = page.locator(".facet", has_text="Verb").locator(".facet-row").first
    inside = (
        "row => { const facet = row.closest('.facet').getBoundingClientRect(), own = row.getBoundingClientRect(), last = row.lastChild.getBoundingClientRect();"
        " return own.right <= facet.right && last.right <= own.right && last.width >= 24 && last.height >= 24 }"
    )
    assert row.evaluate(inside)
    name = row.locator(".cut").inner_text()
    row.locator(".facet-value").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    settled(page)
    assert chips(page) == [f"Verb is not {name}"]
    shows(page, expected(stocked[1], filters_of(page)))
    assert page.get_by_role("button", name=f"Exclude Verb {name}", exact=True).count() == 0


def test_another_search_begins_at_the_top(opened: Callable[..., Any]) -> None:
    """More rows and an opened activity do not move the page."""
    page = opened(at({}), viewport={"width": 1360, "height": 600})
    settled(page)
    bottom = "() => { scrollTo(0, document.body.scrollHeight); return document.querySelectorAll('.log tbody tr').length > 150 }"
    page.wait_for_function(bottom)
    settled(page)
    before = page.evaluate("() => scrollY")
    assert before > 1_000
    page.locator(".log tbody tr").nth(120).locator("td.of-app").click()
    page.locator(".drawer .sentence").wait_for()
    assert page.evaluate("() => scrollY") > 1_000
    page.keyboard.press("Escape")
    page.evaluate("() => scrollTo(0, 2000)")
    page.get_by_role("button", name="30 d", exact=True).click()
    settled(page)
    assert page.evaluate("() => scrollY") == 0
    page.wait_for_function(bottom)
    settled(page)
    page.evaluate("() => scrollTo(0, 1500)")
    page.get_by_label("Search", exact=True).evaluate("box => box.focus({ preventScroll: true })")
    page.keyboard.insert_text("-country:DE")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")
    settled(page)
    assert page.evaluate("() => scrollY") == 0


def test_a_bar_of_the_histogram_becomes_the_date_filter(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened(at({"date": {"gte_ndays": [30]}}))
    settled(page)
    box = page.locator(".plot svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 50, steps=5)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('range')")
    settled(page)
    filters = filters_of(page)
    (window,) = filters["date"]["range"]
    assert list(filters["date"]) == ["range"]
    assert DAY < window["end"] - window["start"] < MONTH
    shows(page, expected(stocked[1], filters))


def test_the_drawer_says_what_happened_and_filters_by_every_field(opened: Callable[..., Any]) -> None:
    page = opened(at({"activity.eventActionType": {"eq": ["EVENT_CATEGORY_DOWNLOAD_FILE"]}}))
    settled(page)
    page.locator(".log tbody a.open").first.click()
    namespace = page.locator(".drawer")
    namespace.locator("h2").wait_for()
    user = namespace.locator(".sentence b").first.inner_text()
    namespace.get_by_role("button", name=f"Filter by User {user}").click()
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 2")
    assert filters_of(page)["user.username"]["eq"] == [user]
    namespace.get_by_role("button", name=re.compile("^Exclude App (?!instance)")).click()
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 3")
    assert "neq" in filters_of(page)["service"]
    namespace.get_by_role("link", name="Same user").click()
    page.wait_for_function("() => location.search.includes('range')")
    assert set(filters_of(page)) == {"user.username", "date"}


def test_feedback_is_given_and_shown(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.locator(".log tbody a.open").nth(5).click()
    page.get_by_label("Feedback").locator("textarea").fill("That was our own scanner <b>")
    page.get_by_role("button", name="Give feedback").click()
    page.locator(".feedback li", has_text="That was our own scanner <b>").wait_for()


def test_insights_lead_to_the_queries_behind_them(opened: Callable[..., Any], stocked: Any) -> None:
    # Activities that other tests left have no user.
    page = opened(at({"date": {"gte_ndays": [3]}, "user.username": {"isset": [True]}, "service": {"neq": [CASBAH]}}))
    settled(page)
    page.locator(".log tbody a.open").first.click()
    link = page.locator(".insight .counts a").first
    link.wait_for()
    number = int(link.inner_text().replace(",", ""))
    link.click()
    shows(page, number)
    assert number == expected(stocked[1], filters_of(page)) > 0


def test_a_saved_query_is_offered_again(opened: Callable[..., Any]) -> None:
    page = opened(at({"service": {"eq": [11161]}}))
    settled(page)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("textbox", name="Name").fill("Office <script>")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    page.locator(".toast").wait_for()
    page.goto("/")
    settled(page)
    page.get_by_role("button", name="Queries", exact=True).click()
    page.locator(".menu h3", has_text="Suggested").wait_for()
    page.locator(".menu .item", has_text="Office <script>").click()
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")
    assert filters_of(page) == {"service": {"eq": [11161]}}


@pytest.mark.parametrize("form", ["CSV", "NDJSON", "Parquet"])
def test_an_export_holds_all_that_matches(opened: Callable[..., Any], stocked: Any, form: str) -> None:
    filters = {"location.country": {"eq": ["US"]}}
    page = opened(at(filters))
    settled(page)
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download() as waiting:
        page.locator(".modal .item", has_text=form).click()
    content = waiting.value.path().read_bytes()
    rows = (
        parquet.read_table(BytesIO(content)).num_rows
        if form == "Parquet"
        else len(content.splitlines()) - (form == "CSV")
    )
    assert rows == expected(stocked[1], filters) > 10


def test_an_export_can_be_fetched_again_and_deleted(opened: Callable[..., Any]) -> None:
    page = opened(at({"location.country": {"eq": ["DE"]}}))
    settled(page)
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download():
        page.locator(".modal .item", has_text="NDJSON").click()
    page.get_by_role("button", name="Export", exact=True).click()
    page.get_by_role("link", name="Earlier exports").click()
    with page.expect_download() as again:
        page.get_by_role("link", name=re.compile("^Download ndjson of")).first.click()
    assert again.value.suggested_filename.endswith(".ndjson")
    deletions = page.get_by_role("button", name=re.compile("^Delete ndjson of"))
    before = deletions.count()
    deletions.first.click()
    page.wait_for_function(
        "before => document.querySelectorAll('.page button[aria-label^=\"Delete ndjson\"]').length < before",
        arg=before,
    )


def test_a_view_says_its_request(opened: Callable[..., Any], stocked: Any) -> None:
    filters = {"service": {"eq": [11161]}, "text": {"text": ["it's"]}}
    page = opened(at(filters))
    settled(page)
    page.get_by_role("button", name="API", exact=True).click()
    shown = page.locator(".modal pre").nth(1).inner_text()
    assert json.loads(shown)["filters"] == filters
    curl = page.locator(".modal pre").first.inner_text()
    assert curl.startswith(f'curl -s -H "Authorization: Token $TOKEN" {stocked[0]}/api/v1/activities/')


def test_columns_and_density_are_chosen_and_kept(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.get_by_role("button", name="View", exact=True).click()
    page.get_by_label("User agent").check()
    page.get_by_label("Dense").check()
    page.keyboard.press("Escape")
    page.reload()
    settled(page)
    assert "User agent" in page.locator(".log th").all_inner_texts()
    assert page.locator(".log table.dense").count() == 1


def test_who_is_not_signed_in_sees_the_form_and_nothing_else(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened(signed_in=False)
    page.get_by_label("Token").fill("0" * 80)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("That token is unknown, expired or revoked.").wait_for()
    key, token = stocked[1].services.tokens.create("visitor", tenant=TENANT.name, scopes=["Investigation.read"])
    page.get_by_label("Token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    assert total(page) > 0
    assert "Tokens" not in page.locator("#nav").inner_text()
    settled(page)
    stocked[1].services.tokens.revoke(token.id, governs=lambda _: True)
    page.locator(".facet-value").first.click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_the_key_does_not_stay_in_the_address(opened: Callable[..., Any]) -> None:
    page = opened()
    assert "token" not in address(page)
    assert page.evaluate("() => document.cookie") == ""


def test_signing_out(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    page.reload()
    page.get_by_role("heading", name="Sign in").wait_for()
