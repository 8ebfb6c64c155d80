"""The pages are for everybody: axe-core finds nothing, in both themes, and they work from a phone to a wall."""

from collections.abc import Callable
from typing import Any

import pytest

from casbah.ui.site import VIEWS
from ui.acts import at, at_rest, settled, unfold, violations

THEMES = ("light", "dark")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", [*VIEWS, "/apps/11161", "/groups?q=by:user,ip+distinct:app"])
def test_axe_finds_nothing(opened: Callable[..., Any], axe: str, path: str, theme: str) -> None:
    page = opened(path, color_scheme=theme, bypass_csp=True)
    page.locator("h1").wait_for()
    settled(page)
    assert violations(page, axe) == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_what_opens(opened: Callable[..., Any], axe: str, theme: str) -> None:
    # Activities that other tests left have no user.
    filters = {"service": {"eq": [11161]}, "user.username": {"isset": [True]}}
    page = opened(at(filters), color_scheme=theme, bypass_csp=True)
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".insight .counts").first.wait_for()
    settled(page)
    at_rest(page)
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    for button in ("More filters", "App", "View", "Queries"):
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".float").wait_for()
        settled(page)
        assert violations(page, axe) == [], button
        page.keyboard.press("Escape")
    page.locator(".range").click()
    page.get_by_role("dialog", name="Period").wait_for()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    for button in ("Save", "Export", "API"):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("dialog").wait_for()
        assert violations(page, axe) == [], button
        page.keyboard.press("Escape")


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_at_the_door(opened: Callable[..., Any], axe: str, theme: str) -> None:
    page = opened(signed_in=False, color_scheme=theme, bypass_csp=True)
    page.get_by_label("Token").wait_for()
    assert violations(page, axe) == []


SIZES = [
    pytest.param({"width": 360, "height": 740}, id="a phone"),
    pytest.param({"width": 1024, "height": 768}, id="a tablet"),
    pytest.param({"width": 3840, "height": 2160}, id="a wall"),
]


@pytest.mark.parametrize("size", SIZES)
def test_the_page_works_at_any_size(opened: Callable[..., Any], size: dict[str, int]) -> None:
    page = opened(viewport=size)
    settled(page)
    wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)
    unfold(page)
    page.get_by_role("button", name="App", exact=True).click()
    settled(page)
    box = page.locator(".float").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    page.locator(".float .option input").first.check()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence").wait_for()
    at_rest(page)
    namespace = page.locator(".drawer").bounding_box()
    assert namespace["x"] >= 0
    assert page.evaluate(wide)
    page.get_by_role("button", name="Close the activity").click()
    page.locator(".drawer").wait_for(state="hidden")
