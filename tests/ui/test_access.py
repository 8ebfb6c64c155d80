"""The pages are for everybody: axe-core finds nothing, in both themes, and they work from a phone to a wall."""

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from casbah.ui.site import VIEWS
from ui.acts import at, charted, settled, unfold

AXE = "4.14.1"
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
THEMES = ("light", "dark")


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """axe-core from the npm registry, kept between runs, and checked against its published digest."""
    folder = Path(request.config.cache.mkdir("axe"))  # type: ignore[union-attr]
    kept = folder / f"axe-core-{AXE}.tgz"
    if not kept.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm, which fetches axe-core")
        fetched = subprocess.run(
            [npm, "pack", f"axe-core@{AXE}", "--silent"], cwd=folder, capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            pytest.skip(f"npm could not fetch axe-core: {fetched.stderr.strip()[:200]}")
    content = kept.read_bytes()
    assert "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode() == INTEGRITY
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def violations(page: Any, axe: str) -> list[str]:
    """What axe-core finds wrong. It is run by the browser's own hand, for the policy lets in no script from elsewhere."""
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:200]}" for violation in found["violations"] for node in violation["nodes"]
    ]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("path", [*VIEWS, "/apps/11161", "/groups?q=by:user,ip+distinct:app"])
def test_axe_finds_nothing(opened: Callable[..., Any], axe: str, path: str, theme: str) -> None:
    page = opened(path, color_scheme=theme, bypass_csp=True)
    if path == "/":
        charted(page)
    else:
        page.locator(".page h1").wait_for()
        page.wait_for_load_state("networkidle")
    assert violations(page, axe) == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_in_what_opens(opened: Callable[..., Any], axe: str, theme: str) -> None:
    page = opened(at({"service": {"eq": [11161]}}), color_scheme=theme, bypass_csp=True)
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".insight .counts").first.wait_for()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    for button in ("More filters", "App", "View", "Queries"):
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".float").wait_for()
        page.wait_for_load_state("networkidle")
        assert violations(page, axe) == [], button
        page.keyboard.press("Escape")
    page.locator(".range").click()
    page.get_by_role("dialog", name="Period").wait_for()
    assert violations(page, axe) == []
    page.keyboard.press("Escape")
    for button in ("Save", "Export", "API"):
        page.get_by_role("button", name=button, exact=True).click()
        page.locator(".modal").wait_for()
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
    charted(page)
    wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert page.evaluate(wide)
    unfold(page)
    page.get_by_role("button", name="App", exact=True).click()
    box = page.locator(".float").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    page.locator(".float .option input").first.check()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelectorAll('.chip').length === 1")
    settled(page)
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence").wait_for()
    namespace = page.locator(".drawer").bounding_box()
    assert namespace["x"] >= 0
    assert page.evaluate(wide)
    page.get_by_role("button", name="Close the activity").click()
    page.locator(".drawer").wait_for(state="hidden")
