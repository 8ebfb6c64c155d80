"""The search box: a search becomes filters, which are shown; what cannot be read is pointed at."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from casbah.activity.query import where
from casbah.compose import wall_clock
from ui.conftest import TENANT


def total(page: Any) -> int:
    return int(page.locator("h1.total").inner_text().split()[0].replace(",", ""))


def chips(page: Any) -> list[str]:
    return page.locator(".chip-open").all_inner_texts()


def shows(page: Any, count: int) -> None:
    page.wait_for_function(
        "wanted => document.querySelector('h1.total')?.innerText.split(' ')[0].replaceAll(',', '') === String(wanted)"
        " && !document.querySelector('h1.total').hasAttribute('aria-busy')",
        arg=count,
    )


def expected(application: Any, filters: Any) -> int:
    predicate = where(filters, now=wall_clock(), groups=True)
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
    box = page.get_by_role("searchbox", name="Search")
    box.fill(text)
    box.press("Enter")
    shows(page, expected(stocked[1], filters))
    page.wait_for_function("() => ![...document.querySelectorAll('.chip-open')].some((one) => one.innerText === '…')")
    assert chips(page) == shown
    assert box.input_value() == words


def test_a_group_is_edited_in_the_box(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened()
    box = page.get_by_role("searchbox", name="Search")
    box.fill("admin:yes OR country:DE")
    box.press("Enter")
    page.get_by_role("button", name="(admin:yes OR country:DE)", exact=True).click()
    assert box.input_value() == "(admin:yes OR country:DE)"
    shows(page, expected(stocked[1], {}))
    box.press("Enter")
    page.get_by_role("button", name="Remove (admin:yes OR country:DE)").click()
    shows(page, expected(stocked[1], {}))


def test_a_search_in_the_address_becomes_filters(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/?q=" + quote("country:DE"))
    shows(page, expected(stocked[1], {"location.country": {"eq": ["DE"]}}))
    assert "q=" not in page.url
    assert "filters=" in page.url


@pytest.mark.parametrize("by", ["typed", "address"])
def test_a_search_that_cannot_be_read_is_pointed_at(opened: Callable[..., Any], stocked: Any, by: str) -> None:
    text = "country:DE usr:ann"
    page = opened("/?q=" + quote(text)) if by == "address" else opened()
    box = page.get_by_role("searchbox", name="Search")
    if by == "typed":
        box.fill(text)
        box.press("Enter")
    message = page.get_by_text("there is no field 'usr'; did you mean 'user'?")
    message.wait_for()
    assert box.input_value() == text
    if by == "typed":
        assert box.evaluate("(box) => box.value.slice(box.selectionStart, box.selectionEnd)") == "usr"
    shows(page, expected(stocked[1], {}))


def test_the_box_says_how_to_search(opened: Callable[..., Any]) -> None:
    page = opened()
    page.get_by_role("button", name="How to search").click()
    page.get_by_role("dialog", name="How to search").get_by_text("-country:DE").wait_for()
