"""What somebody does on the pages, in the words of the pages."""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from casbah.activity.matching import matches
from casbah.activity.query import parse
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.ingest.apps import CASBAH
from making import record

DAY = 86_400_000
_MAX_TABS = 150
_PATIENCE = 15.0


def activity(name: str, **keys: Any) -> dict[str, Any]:
    """A small whole record of that id."""
    return record(0, _id=name, uid=name, **keys)


def at(filters: dict[str, Any], **more: str) -> str:
    """The path of a query, over all time unless its filters say a date."""
    asked = [
        f"filters={quote(json.dumps(filters))}",
        *(f"{key}={quote(value)}" for key, value in ({"time": "all"} | more).items()),
    ]
    return f"/?{'&'.join(asked)}"


def address(page: Any) -> str:
    """The address as the page itself knows it: what Playwright keeps is told of a change later."""
    return str(page.evaluate("() => location.href"))


def filters_of(page: Any) -> dict[str, Any]:
    """The filters that the address says."""
    found: dict[str, Any] = json.loads(parse_qs(urlsplit(address(page)).query).get("filters", ["{}"])[0])
    return found


COUNTED = """(late => {
  const { setTimeout } = window;
  window.unanswered = 0;
  for (const [place, name] of [[window, "fetch"], [Response.prototype, "text"]]) {
    const whole = place[name];
    place[name] = async function (...given) {
      window.unanswered += 1;
      try {
        if (late && name === "fetch") await new Promise((go) => setTimeout(go, late * (1 + Math.random())));
        return await whole.apply(this, given);
      } finally {
        setTimeout(() => { window.unanswered -= 1; });
      }
    };
  }
})(%d)"""
"""Counts requests from when they begin until what awaits their answer has run: it is told of the answer before any timer.

Each is sent so many to twice as many milliseconds late (`--late-requests`): what a test reads too early is then seen always.
"""


def settled(page: Any) -> None:
    """Wait until all that the page asked is answered and drawn, so that nothing is replaced, and what is absent is not to come.

    What a timer will ask is not waited for: suggestions some moments after the last key, and new activities.
    """
    page.wait_for_function("() => window.unanswered === 0")


def total(page: Any) -> int:
    """The exact total that the page shows."""
    settled(page)
    text = page.locator("h1.total").inner_text()
    found = re.match(r"[\d,]+", text)
    assert found, text
    return int(found.group().replace(",", ""))


def ids(page: Any) -> list[str]:
    """The ids of the rows, in order."""
    return page.locator(".log tbody tr").evaluate_all("rows => rows.map(row => row.dataset.id)")


def chips(page: Any) -> list[str]:
    """What the chips say."""
    return [re.sub(r"\s+", " ", text).strip() for text in page.locator(".chip-open").all_inner_texts()]


def expected(house: Application, filters: dict[str, Any]) -> int:
    """How many match of all that is stored, by the plain meaning of the filters; without any, Casbah's own acts do not."""
    others = {} if set(filters) - {"date"} else {"service": {"neq": [CASBAH]}}
    asked = parse({"filters": filters | others}, now=house.services.clock())
    scan = parse({"isScan": True, "limit": 5_000}, now=house.services.clock())
    page = house.services.store.tenant(TenantId("default")).scan(scan)
    assert page.boundary is None
    return sum(matches(asked.predicate, json.loads(each)) for each in page.records)


def newest(house: Application) -> int:
    """The time of the newest activity not later than tomorrow, with which the usual periods end."""
    now = house.services.clock()
    filters = {"date": {"lte": now + DAY}, "service": {"neq": [CASBAH]}}
    query = parse({"limit": 1, "filters": filters}, now=now)
    (record,) = house.services.store.tenant(TenantId("default")).find(query).records
    return int(json.loads(record)["timestamp"])


def shows(page: Any, wanted: int) -> None:
    """Wait until the page is settled with that total."""
    page.wait_for_function(
        "wanted => document.querySelector('h1.total')?.textContent.replaceAll(',', '').split(' ')[0] === wanted"
        " && window.unanswered === 0",
        arg=str(wanted),
    )


def comes_to(read: Callable[[], Any], wanted: Any) -> None:
    """Wait until something reads as wanted that no request of the page announces."""
    until = time.monotonic() + _PATIENCE
    while (found := read()) != wanted and time.monotonic() < until:
        time.sleep(0.05)
    assert found == wanted


def resize(page: Any, width: int, height: int = 900) -> None:
    """Give the window a size, and wait until the page has it."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("width => innerWidth === width", arg=width)


def at_rest(page: Any) -> None:
    """Wait until nothing moves, such as the drawer, which slides in."""
    page.evaluate("() => Promise.allSettled(document.getAnimations().map(animation => animation.finished))")


def unfold(page: Any) -> None:
    """Show what narrow screens fold away."""
    button = page.locator(".unfold[aria-expanded=false]")
    if button.is_visible():
        button.click()


def tab_to(page: Any, selector: str) -> None:
    """Go with the Tab key alone until what is meant has the focus."""
    target = page.locator(selector).first
    target.wait_for()
    settled(page)  # An answer takes away what has the focus, and adds rows to tab through.
    for _ in range(_MAX_TABS):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not to be reached by the keyboard")


def press(page: Any, selector: str, key: str = "Enter") -> None:
    """Reach something by the keyboard and press a key on it."""
    tab_to(page, selector)
    page.keyboard.press(key)


def violations(page: Any, axe: str) -> list[str]:
    """What axe-core finds wrong. It is run by the browser's own hand, for the policy lets in no script from elsewhere."""
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:200]}" for violation in found["violations"] for node in violation["nodes"]
    ]
