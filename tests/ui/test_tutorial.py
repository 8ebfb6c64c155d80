"""The steps of docs/tutorial.md in the web UI, done one by one as the page says.

In a numbered step, **bold** is what to click: a link, a button, or else a row of the log that has the text. `Code` is typed into
the search box. *Italic* is what the page must show at the end of the step.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from casbah.compose import Application, wall_clock
from casbah.demo.load import generated_activities, story_activities
from scenarios.server import serving
from ui.acts import settled, total
from ui.conftest import TENANT, pages_of

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
COUNT = 3_000
DAY = 86_400_000
_STEP = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
_MARKED = re.compile(r"\*\*(.+?)\*\*|`(.+?)`|\*(.+?)\*")
_TOTAL = re.compile(r"([\d,]+) activities")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """A server with fewer activities than the demo, and its whole story."""
    end = wall_clock() // DAY * DAY
    with serving(tmp_path_factory.mktemp("tutorial")) as (url, application):
        tenant = application.services.store.tenant(TENANT)
        tenant.insert([*story_activities(until_ms=end), *generated_activities(COUNT, until_ms=end)])
        yield url, application


@pytest.fixture
def opened(chromium: Any, demo: tuple[str, Application]) -> Iterator[Callable[..., Any]]:
    with pages_of(chromium, *demo) as opener:
        yield opener


def steps() -> list[str]:
    section = PAGE.read_text(encoding="utf-8").partition("\n## In the web UI\n")[2].partition("\n## ")[0]
    return _STEP.findall(section)


def click(page: Any, name: str) -> None:
    """Click a link or button of that name, or else the row of the log that has it."""
    row = page.locator(".log tbody tr", has_text=name)
    control = page.get_by_role("link", name=name, exact=True).or_(page.get_by_role("button", name=name, exact=True))
    control.or_(row).first.wait_for()
    if control.count():
        control.first.click()
    else:
        row.first.locator("a.open").click()


def search(page: Any, text: str) -> None:
    box = page.locator(".bar [role=combobox]")
    box.fill(text)
    box.press("Enter")
    settled(page)
    assert page.locator(".chip").count() > 0


def shown(page: Any, text: str) -> None:
    """Wait until the page shows a text; a number of activities is the total of the log."""
    if (number := _TOTAL.fullmatch(text)) is not None:
        assert total(page) == int(number[1].replace(",", "")), text
    else:
        whole = rf"(?<![\d,.]){re.escape(text)}(?![\d,])"
        page.wait_for_function("text => new RegExp(text).test(document.body.innerText)", arg=whole)


def test_the_tutorial_finds_the_intrusion(opened: Callable[..., Any]) -> None:
    first, *others = steps()
    assert "**Sign in**" in first
    assert len(others) > 12
    page = opened("/")
    for step in others:
        marked = _MARKED.findall(step)
        for clicked, typed, _ in marked:
            if clicked:
                click(page, clicked)
            elif typed:
                search(page, typed)
        for *_, text in marked:
            if text:
                shown(page, text)
