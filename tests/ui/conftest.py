"""The pages in a real browser: Debian's Chromium, driven by Playwright, over a server with real activities."""

import base64
import hashlib
import io
import os
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import Application, wall_clock
from casbah.demo.load import generated_activities, sample_activities
from scenarios.server import serving
from ui.acts import COUNTED

MADE_UP = 3_000
TENANT = TenantId("default")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = "4.14.1"
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
WIDE = {"width": 1360, "height": 900}


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Application]]:
    """The URL and the house of a server with real activities, and made-up ones of the last months."""
    found = [*sample_activities(), *generated_activities(MADE_UP, until_ms=wall_clock())]
    with serving(tmp_path_factory.mktemp("ui")) as (url, house):
        house.services.store.tenant(TENANT).insert(found)
        yield url, house


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser; the tests are skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright; `make setup` installs it")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("needs Chromium: `apt-get install chromium`")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *root])
        yield browser
        browser.close()


LATE = {"requests": 0}
"""How many milliseconds late a page sends its requests, at least; `--late-requests` says."""


def pytest_configure(config: pytest.Config) -> None:
    """Take the delay from the command line: pages are opened far from any fixture."""
    LATE["requests"] = config.getoption("--late-requests", default=0)


def context_of(browser: Any, **given: Any) -> Any:
    """A context of its own, whose pages count what they have asked and is not answered yet (`ui.acts.settled`)."""
    context = browser.new_context(**given)
    context.set_default_timeout(60_000)
    context.add_init_script(COUNTED % LATE["requests"])
    return context


@dataclass
class Watched:
    """What befell a page: requests that left the host, errors of scripts, and what the policy forbade."""

    host: str
    left: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        """Note everything that a page does from now on."""
        page.on("request", self._asked)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", self._said)

    def _asked(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.netloc != self.host and address.scheme not in ("blob", "data"):
            self.left.append(request.url)

    def _said(self, message: Any) -> None:
        # Chromium writes of every answer from 400 on, which may be what a test is after.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.wrong.append(message.text)


@pytest.fixture
def opened(chromium: Any, stocked: tuple[str, Application]) -> Iterator[Callable[..., Any]]:
    """Opens pages, signed in, at a path; at the end nothing may have left the host, and no script may have failed."""
    url, house = stocked
    with pages_of(chromium, url, house) as opener:
        yield opener


@contextmanager
def pages_of(chromium: Any, url: str, house: Application) -> Iterator[Callable[..., Any]]:
    """Opens pages of a server, signed in; at the end nothing may have left the host, and no script may have failed."""
    watched, contexts = Watched(urlsplit(url).netloc), []
    key, _ = house.services.tokens.create(f"analyst {secrets.token_hex(3)}", tenant=TENANT.name)

    def opener(path: str = "/?time=all", *, signed_in: bool = True, **given: Any) -> Any:
        context = context_of(chromium, base_url=url, **{"viewport": WIDE, "timezone_id": "UTC", **given})
        contexts.append(context)
        page = context.new_page()
        watched.watch(page)
        page.goto(f"{path}#token={key}" if signed_in else path)
        if signed_in:
            page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
            page.locator("#who button").wait_for()
        return page

    try:
        yield opener
        assert watched.left == []
        assert watched.wrong == []
    finally:
        for each in contexts:
            each.close()


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
