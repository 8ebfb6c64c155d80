"""What the pages cost: from opening the log to its first row, and from a changed filter to the rows, in a real browser."""

import json
import os
import secrets
import shutil
import statistics
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from tools.bench.wire import Connection

_VIEWS = 7
_MAX_FILTERS = 60
_TIMEOUT_MS = 60_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync")

_SINCE_OPENED = "() => document.querySelector('.log tbody tr, .log .rest p') ? performance.now() : null"
_AT_REST = "() => document.querySelector('.log') && !document.querySelector('[aria-busy]')"
_SINCE_ASKED = """([path, most]) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`no rows within ${most} ms: ${path}`)), most);
  const begun = performance.now();
  const table = document.querySelector('.log table');
  new MutationObserver((_, observer) => {
    if (table.hasAttribute('aria-busy')) return;
    observer.disconnect();
    requestAnimationFrame(() => resolve(performance.now() - begun));
  }).observe(table, {attributes: true, attributeFilter: ['aria-busy']});
  history.pushState(null, '', path);
  dispatchEvent(new PopStateEvent('popstate'));
})"""


def views(connection: Connection, bodies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """ms to the first row of the log, opened anew, and from each query of `bodies` to its rows.

    Raises RuntimeError where no browser is at hand.
    """
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        raise RuntimeError("no Chromium; `apt-get install chromium` brings one")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  who has no browser needs no Playwright

    name = f"bench of the pages {secrets.token_hex(4)}"  # Names are unique, and an interrupted run leaves its token.
    key = json.loads(connection.ask("/api/ext/v1/tokens", {"name": name, "scopes": ["Investigation.read"]}))["token"]
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*_QUIET, *root])
        try:
            context = browser.new_context(base_url=connection.url)
            context.set_default_timeout(_TIMEOUT_MS)
            page = context.new_page()
            page.goto(f"/#token={key}")
            page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
            page.locator("#who button").wait_for()
            opened = [_opened(context, page) for _ in range(_VIEWS)]
            filtered = [_filtered(page, filters) for filters in _chosen(bodies)]
        finally:
            browser.close()
    ordered = sorted(filtered)
    return {
        "opened": round(statistics.median(opened)),
        "filtered": len(ordered),
        "p50": round(statistics.median(ordered)),
        "p95": round(ordered[int(len(ordered) * 0.95)]),
        "most": round(ordered[-1]),
    }


def _opened(context: Any, before: Any) -> float:
    # Whoever opens the log does so for the first time, and not while the one before is still counting.
    before.wait_for_function(_AT_REST)
    page = context.new_page()
    page.goto("/")
    found: float = page.wait_for_function(_SINCE_OPENED).json_value()
    page.wait_for_function(_AT_REST)
    page.close()
    return found


def _filtered(page: Any, filters: dict[str, Any]) -> float:
    # The bars and the top values of the query before are there, so that nothing but this one is measured.
    page.wait_for_function(_AT_REST)
    found: float = page.evaluate(_SINCE_ASKED, [f"/?filters={quote(json.dumps(filters))}", _TIMEOUT_MS])
    return found


def _chosen(bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    # No two alike and none empty: the page asks nothing anew where its filters stay as they are.
    distinct = sorted({json.dumps(body["filters"], sort_keys=True) for body in bodies if body.get("filters")})
    return [json.loads(filters) for filters in distinct[:: max(1, len(distinct) // _MAX_FILTERS)]]
