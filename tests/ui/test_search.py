"""The search box: a search becomes filters, which are shown; what cannot be read is pointed at."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from casbah.activity.query import where
from casbah.compose import wall_clock
from casbah.ingest.apps import CASBAH
from ui.acts import address, chips, comes_to, filters_of, resize, settled, shows
from ui.conftest import TENANT


def expected(application: Any, filters: Any) -> int:
    others = {} if filters else {"service": {"neq": [CASBAH]}}
    predicate = where(filters | others, now=wall_clock(), groups=True)
    return application.services.store.tenant(TENANT).count(predicate)


@pytest.mark.parametrize(
    ("text", "filters", "shown", "words"),
    [
        ("country:DE", {"location.country": {"eq": ["DE"]}}, ["Country is Germany"], ""),
        (
            "user:a* -country:DE file",
            {
                "user.username": {"startswith": ["a"]},
                "location.country": {"neq": ["DE"]},
                "text": {"text": ["file"]},
            },
            ["User begins with a", "Country is not Germany"],
            "file",
        ),
        (
            "admin:yes OR country:DE,FR",
            {"any": [{"activity.type": {"eq": [True]}}, {"location.country": {"eq": ["DE", "FR"]}}]},
            ["(admin:yes OR country:DE,FR)"],
            "",
        ),
    ],
)
def test_a_search_becomes_filters_that_are_shown(
    opened: Callable[..., Any], stocked: Any, text: str, filters: Any, shown: list[str], words: str
) -> None:
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    box.fill(text)
    box.press("Enter")
    shows(page, expected(stocked[1], filters))
    assert chips(page) == shown
    assert box.input_value() == words


def test_a_group_is_edited_in_the_box(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    box.fill("admin:yes OR country:DE")
    box.press("Enter")
    page.get_by_role("button", name="(admin:yes OR country:DE)", exact=True).click()
    assert box.input_value() == "(admin:yes OR country:DE)"
    shows(page, expected(stocked[1], {}))
    box.press("Enter")
    page.get_by_role("button", name="Remove (admin:yes OR country:DE)").click()
    shows(page, expected(stocked[1], {}))


def test_a_search_in_the_address_becomes_filters(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/?time=all&q=" + quote("country:DE"))
    shows(page, expected(stocked[1], {"location.country": {"eq": ["DE"]}}))
    assert "q=" not in address(page)
    assert "filters=" in address(page)


@pytest.mark.parametrize(
    ("text", "part", "wrong"),
    [
        ("country:DE usr:ann", "usr", "there is no field 'usr'; did you mean 'user'?"),
        ("country:DE verb:donwload", "donwload", "no value is called 'donwload'; did you mean 'download'?"),
    ],
    ids=["a field", "a verb"],
)
@pytest.mark.parametrize("by", ["typed", "address"])
def test_a_search_that_cannot_be_read_is_pointed_at(
    opened: Callable[..., Any], stocked: Any, by: str, text: str, part: str, wrong: str
) -> None:
    page = opened("/?time=all&q=" + quote(text)) if by == "address" else opened()
    box = page.get_by_role("combobox", name="Search")
    if by == "typed":
        box.fill(text)
        box.press("Enter")
    page.get_by_text(wrong).wait_for()
    assert box.input_value() == text
    if by == "typed":
        assert box.evaluate("(box) => box.value.slice(box.selectionStart, box.selectionEnd)") == part
    shows(page, expected(stocked[1], {}))


def test_the_box_says_how_to_search(opened: Callable[..., Any]) -> None:
    page = opened()
    page.get_by_role("button", name="How to search").click()
    dialog = page.get_by_role("dialog", name="How to search")
    dialog.get_by_text("-country:DE").wait_for()
    for width in (390, 1024, 1360):
        resize(page, width)
        comes_to(lambda: dialog.evaluate("box => box.scrollWidth - box.clientWidth"), 0)


def suggestions(page: Any, **how: Any) -> Any:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option", **how)


def suggested(page: Any, text: str) -> None:
    """Type into the box, and wait for the suggestions for all of it: where keys come slowly, there are some for its beginning."""

    def is_of_all(answer: Any) -> bool:
        return answer.url.endswith("/search/complete") and answer.request.post_data_json["q"] == text

    with page.expect_response(is_of_all):
        page.get_by_role("combobox", name="Search").press_sequentially(text)
    settled(page)


def options(page: Any) -> list[list[str]]:
    """The suggestions: text, label and count of each, without empty ones."""
    suggestions(page).first.wait_for()
    return [item.inner_text().split("\n") for item in suggestions(page).all()]


def test_suggestions_have_exact_counts_and_are_chosen_with_the_keyboard(
    opened: Callable[..., Any], stocked: Any
) -> None:
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    suggested(page, "count")
    assert options(page)[0][0] == "country:"
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == suggestions(page, selected=True).get_attribute("id")
    page.keyboard.press("Enter")
    settled(page)
    country, _, count = options(page)[0]
    assert int(count.replace(",", "")) == expected(stocked[1], {"location.country": {"eq": [country]}})
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert box.input_value() == f"country:{country} "
    assert box.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    shows(page, expected(stocked[1], {"location.country": {"eq": [country]}}))


def test_counts_respect_the_filters_and_the_text(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/?time=all&filters=" + quote('{"activity.type":{"eq":[true]}}'))
    box = page.get_by_role("combobox", name="Search")
    suggested(page, "-country:DE app:")
    rest = {"activity.type": {"eq": [True]}, "location.country": {"neq": ["DE"]}}
    totals = [int(option[-1].replace(",", "")) for option in options(page) if len(option) > 2]
    assert max(totals) == expected(stocked[1], {**rest, "service": {"isset": [True]}})
    suggestions(page).first.click()
    shows(page, expected(stocked[1], {"activity.type": {"eq": [True]}}))
    assert box.input_value().startswith("-country:DE app:")


def test_suggestions_close_and_do_not_change_what_enter_does(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    suggested(page, "file")
    suggestions(page).first.wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("listbox", name="Suggestions").wait_for(state="hidden")
    assert box.input_value() == "file"
    page.keyboard.press("ArrowDown")
    suggestions(page).first.wait_for()
    page.keyboard.press("Enter")
    shows(page, expected(stocked[1], {"text": {"text": ["file"]}}))
    page.get_by_role("listbox", name="Suggestions").wait_for(state="hidden")


def test_a_mistake_is_shown_while_typing_goes_on(opened: Callable[..., Any]) -> None:
    page = opened()
    page.get_by_role("combobox", name="Search").press_sequentially("usr:ann country:")
    page.get_by_text("there is no field 'usr'; did you mean 'user'?").wait_for()


def test_the_mistake_that_enter_shows_stays(opened: Callable[..., Any]) -> None:
    """Suggestions for the text are due after Enter, and there are some."""
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    box.fill("usr:ann")
    box.press("Enter")
    message = page.get_by_text("there is no field 'usr'; did you mean 'user'?")
    message.wait_for()
    page.wait_for_timeout(500)
    settled(page)
    assert message.is_visible()


@pytest.mark.parametrize("typed", ["app:", "since:14d app:"])
def test_suggestions_are_counted_in_the_period(opened: Callable[..., Any], stocked: Any, typed: str) -> None:
    """A typed time takes the place of the period that is shown."""
    page = opened("/?time=7d")
    settled(page)
    suggested(page, typed)
    count = int(options(page)[0][-1].replace(",", ""))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, count)
    assert 0 < count < expected(stocked[1], {"service": filters_of(page)["service"]})


def saved(page: Any, name: str) -> dict[str, Any]:
    """Save the query under a name; what the page sends."""
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("textbox", name="Name").fill(name)
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/queries")) as sent:
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".toast", has_text=name).wait_for()
    body: dict[str, Any] = sent.value.post_data_json
    return {key: value for key, value in body.items() if key not in ("name", "shared")}


def test_a_saved_query_keeps_what_was_typed(opened: Callable[..., Any]) -> None:
    page = opened("/?filters=" + quote('{"activity.type":{"eq":[true]}}'))
    box = page.get_by_role("combobox", name="Search")
    for text in ("date:today", "app:okta OR country:DE"):
        box.fill(text)
        box.press("Enter")
        settled(page)
    kept = {
        "q": "date:today (app:okta OR country:DE)",
        "zone": "UTC",
        "filters": {"activity.type": {"eq": [True]}},
    }
    assert saved(page, "Today") == kept
    page.get_by_role("button", name="Remove Administrative activity is Administrative").click()
    page.wait_for_function("() => !location.search.includes('activity.type')")
    others = saved(page, "Changed")
    assert set(others) == {"filters"}
    assert set(others["filters"]) == {"date", "any"}


def test_positions_are_characters(opened: Callable[..., Any]) -> None:
    """A character beyond the basic plane is two units of a string in JavaScript, and one character in a message."""
    page = opened()
    box = page.get_by_role("combobox", name="Search")
    box.fill("😀 usr:ann")
    box.press("Enter")
    page.get_by_text("there is no field 'usr'").wait_for()
    assert box.evaluate("(box) => box.value.slice(box.selectionStart, box.selectionEnd)") == "usr"
    box.fill("😀 coun")
    box.press("ArrowDown")
    suggestions(page, name="country:").click()
    assert box.input_value() == "😀 country:"
