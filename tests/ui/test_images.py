"""The pictures of the documents: the story of the demo's data at a fixed time (docs/tutorial.md). `make images` writes them."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from casbah.compose import Application
from casbah.demo.load import generated_activities, story_activities
from casbah.demo.names import give_names
from scenarios.server import serving
from ui.acts import at, at_rest, settled
from ui.conftest import TENANT, pages_of

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COUNT = 10_000
END = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000)
SIZE = {"width": 1_400, "height": 860}
SHOWN = {
    "log": [".histogram rect", ".facet-value", ".log tbody tr", ".chip"],
    "drawer": [".drawer .sentence", ".drawer table", ".log tbody tr"],
    "address": [".page .compared table", ".page .plot rect", ".page .keys"],
}
INTRUDER = "203.0.113.240"
PATHS = {
    "log": at({"user.username": {"eq": ["finance-021@contoso.example"]}}, time="30d"),
    "drawer": at({"ip.address": {"eq": [INTRUDER]}, "verb": {"neq": ["sign-in-failed", "download", "view"]}}),
    "address": f"/addresses/{INTRUDER}",
}
OPENED = "New-InboxRule"
"""The activity that the picture of the drawer shows."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """A server with the demo's data."""
    with serving(tmp_path_factory.mktemp("images")) as (url, house):
        tenant = house.services.store.tenant(TENANT)
        tenant.insert([*story_activities(until_ms=END), *generated_activities(COUNT, until_ms=END)])
        give_names(house.services.names, TENANT, now=END)
        yield url, house


@pytest.fixture
def opened(chromium: Any, demo: tuple[str, Application]) -> Iterator[Callable[..., Any]]:
    with pages_of(chromium, *demo) as opener:
        yield opener


def complete(page: Any) -> None:
    """Wait until the page shows all of itself."""
    page.locator(".log, .page table").first.wait_for()
    settled(page)
    at_rest(page)
    assert page.locator("[aria-busy]").count() == 0
    assert not re.search("Counting …|Loading …", page.locator("body").inner_text())


@pytest.mark.parametrize("name", SHOWN)
def test_pictures_of_the_documents(opened: Callable[..., Any], pytestconfig: Any, tmp_path: Path, name: str) -> None:
    page = opened(PATHS[name], viewport=SIZE, color_scheme="dark" if name == "drawer" else "light")
    complete(page)
    if name == "drawer":
        page.locator(".log tbody tr", has_text=OPENED).locator("a.open").click()
        page.locator(".drawer .sentence").wait_for()
        page.locator(".insight .spark").first.wait_for(state="attached")
        complete(page)
    page.mouse.move(0, 0)
    for selector in SHOWN[name]:
        assert page.locator(selector).first.is_visible(), selector
    made = (IMAGES if pytestconfig.getoption("--images") else tmp_path) / f"{name}.png"
    page.screenshot(path=made)
    assert size(made) == size(IMAGES / f"{name}.png") == (SIZE["width"], SIZE["height"])


def size(image: Path) -> tuple[int, int]:
    """The width and the height in the header of a PNG."""
    header = image.read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    return int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
