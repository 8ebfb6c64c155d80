"""Characters that hide or that turn the direction of writing are seen as codes, everywhere; a copy is the original."""

import json
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from ui.acts import activity, at, comes_to, settled

TENANT = TenantId("default")
APP = 5_252
HIDDEN = (
    *(
        "\u0000",
        "\u001b",
        "\r",
        "\u007f",
        "\u0085",
        "\u00ad",
        "\u061c",
        "\u180e",
        "\u200b",
        "\u200c",
        "\u200d",
        "\u200e",
        "\u200f",
    ),
    *(
        "\u2028",
        "\u2029",
        "\u202a",
        "\u202b",
        "\u202c",
        "\u202d",
        "\u202e",
        "\u2060",
        "\u2066",
        "\u2067",
        "\u2068",
        "\u2069",
    ),
    *("\ufeff", "\ufff9", "\U000e0041"),
)
NAME = "inv\u202egnp.exe\u202c\u200b\u2069.\u00ad"
SEEN = "inv⟨U+202E⟩gnp.exe⟨U+202C⟩⟨U+200B⟩⟨U+2069⟩.⟨U+00AD⟩"
HEBREW = "\u05e9\u05dc\u05d5\u05dd"
CATEGORIES = {"Cc", "Cf", "Zl", "Zp", "Cs"}
"""The rule, as the command line has it, too; newline and tab are no part of it."""

# What is seen of an element: the code in place of each hidden character, which is in a box of its own.
SEEN_IN = """node => {
  const seen = (part) => part.nodeType === Node.TEXT_NODE ? part.data
    : part.matches(".hidden-character") ? JSON.parse(getComputedStyle(part, "::before").content)
    : [...part.childNodes].map(seen).join("");
  return seen(node);
}"""
# Everything on a page that shows a hidden character as it is.
UNMARKED = """(rule) => {
  const hidden = new RegExp(rule, "u");
  const found = [];
  const look = (text, place) => hidden.test(text) && found.push(`${place}: ${JSON.stringify(text).slice(0, 200)}`);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { parentElement: parent, data } = texts.currentNode;
    if (!parent.matches(".hidden-character, textarea")) look(data, parent.className || parent.localName);
  }
  // Around right-to-left text in a title, the pages themselves put an isolate.
  const bare = (text) => text.replaceAll(/\\u2068([^\\u2068\\u2069]*)\\u2069/g, "$1");
  for (const node of document.querySelectorAll("*")) {
    for (const name of ["title", "aria-label", "placeholder", "alt", "label"]) {
      if (node.hasAttribute(name)) look(bare(node.getAttribute(name)), name);
    }
  }
  look(bare(document.title), "document.title");
  return found;
}"""
RULE = "(?![\\n\\t])[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}]"


def nothing_hides(page: Any) -> None:
    """No text and no tooltip of the page has a hidden character as it is."""
    assert page.evaluate(UNMARKED, RULE) == []


@pytest.fixture(scope="module")
def tricky(stocked: Any) -> None:
    """Activities, a saved query and a range with hidden characters in every text."""
    _, house = stocked
    now = wall_clock()

    def made(number: int, text: str) -> dict[str, Any]:
        return activity(
            f"hidden-{number}",
            timestamp=now - number * 1_000,
            appId=APP,
            appName=text,
            description=text,
            eventTypeName=text,
            user={"userName": text, "orgUnit": text, "userTags": [text]},
            device={"clientIP": text, "userAgent": text, "tags": [text]},
            userAgent={"deviceType": text, "browser": text, "operatingSystem": {"name": text}, "tags": [text]},
            location={"countryCode": text, "city": text, "organizationSearchable": text, "ipTags": [text]},
            mainInfo={
                "rawOperationName": text,
                "eventObjects": [{"id": text, "name": text, "objType": 3, "serviceObjectType": text}],
            },
            policies=[text],
            rawDataJson={text: {text: [text]}},
        )

    texts = [NAME, HEBREW, *(f"a{character}b" for character in HIDDEN)]
    house.services.store.tenant(TENANT).insert(map(arrival, (made(number, text) for number, text in enumerate(texts))))


def test_the_rule_is_that_of_the_categories(opened: Callable[..., Any]) -> None:
    """For every character that Python's Unicode knows, joiners included: there is no exception but newline and tab."""
    page = opened()
    script = """async (points) => {
      const { hasHidden } = await import("/ui/visible.js");
      return points.filter((point) => hasHidden(`a${String.fromCodePoint(point)}b`));
    }"""
    known = [point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) not in ("Cn", "Co", "Lo")]
    hidden = [point for point in known if unicodedata.category(chr(point)) in CATEGORIES and chr(point) not in "\n\t"]
    assert page.evaluate(script, known) == hidden
    assert set(map(ord, HIDDEN)) < set(hidden)


@pytest.mark.usefixtures("tricky")
def test_the_table_shows_codes_and_copies_the_original(opened: Callable[..., Any]) -> None:
    page = opened(at({"activity.id": {"eq": ["hidden-0"]}}))
    settled(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cell = page.locator(".log tbody td").nth(1)
    assert cell.evaluate(SEEN_IN) == SEEN
    assert cell.get_attribute("title") == SEEN
    cell.evaluate("node => getSelection().selectAllChildren(node)")
    page.keyboard.press("Control+c")
    comes_to(lambda: page.evaluate("() => navigator.clipboard.readText()").strip(), NAME)


@pytest.mark.usefixtures("tricky")
def test_nothing_is_drawn_backwards(opened: Callable[..., Any]) -> None:
    """The letters behind an override are drawn from left to right, in their order."""
    page = opened(at({"activity.id": {"eq": ["hidden-0"]}}))
    settled(page)
    lefts = (
        page.locator(".log tbody td")
        .nth(1)
        .evaluate(
            """node => {
          const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), lefts = [];
          while (texts.nextNode()) {
            if (texts.currentNode.parentElement.matches(".hidden-character")) continue;
            for (let at = 0; at < texts.currentNode.length; at += 1) {
              const range = document.createRange();
              range.setStart(texts.currentNode, at);
              range.setEnd(texts.currentNode, at + 1);
              lefts.push(range.getBoundingClientRect().left);
            }
          }
          return lefts;
        }"""
        )
    )
    assert len(lefts) == len("invgnp.exe.")
    assert lefts == sorted(lefts)


@pytest.mark.usefixtures("tricky")
@pytest.mark.parametrize("columns", ["usual", "all"])
def test_nothing_hides_in_the_log(opened: Callable[..., Any], columns: str) -> None:
    page = opened(at({"service": {"eq": [APP]}}, by="user.username"))
    settled(page)
    if columns == "all":
        page.get_by_role("button", name="View", exact=True).click()
        for column in page.locator(".float .option input[type=checkbox]").all():
            column.check()
        page.keyboard.press("Escape")
    assert page.locator(".facet-value").count() > 0
    assert page.locator(".legend .key").count() > 0
    nothing_hides(page)
    assert page.locator(".log tbody .hidden-character").count() >= len(HIDDEN)


@pytest.mark.usefixtures("tricky")
@pytest.mark.parametrize("number", range(2 + len(HIDDEN)))
def test_nothing_hides_in_the_drawer(opened: Callable[..., Any], number: int) -> None:
    page = opened(at({"activity.id": {"eq": [f"hidden-{number}"]}}, open=f"hidden-{number}"))
    page.locator(".drawer .tree").wait_for()
    page.locator(".insight .counts").first.wait_for()
    settled(page)
    nothing_hides(page)
    if number == 0:
        for place in ("h2", ".sentence b", ".objects .grow", ".frequent .cut", ".facts dd .grow"):
            assert SEEN in page.locator(f".drawer {place}").first.evaluate(SEEN_IN), place
        page.get_by_label("Search in the record").fill(NAME)
        assert page.locator(".tree-string .hidden-character").count() > 0
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy JSON", exact=True).click()
        page.get_by_text("JSON copied").wait_for()
        assert json.loads(page.evaluate("() => navigator.clipboard.readText()"))["user"]["userName"] == NAME


@pytest.mark.usefixtures("tricky")
def test_nothing_hides_in_chips_panels_and_dialogs(opened: Callable[..., Any]) -> None:
    page = opened(at({"user.username": {"eq": [NAME, HEBREW]}, "text": {"text": [NAME]}, "service": {"eq": [APP]}}))
    settled(page)
    assert page.locator(".chip-open").first.evaluate(SEEN_IN) == f"User is {SEEN} or {HEBREW}"
    assert page.locator(".chip-open").nth(1).evaluate(SEEN_IN) == f"Free text has the words {SEEN}"
    assert (
        page.title()
        == f"Activities where User is {SEEN} or \u2068{HEBREW}\u2069, and Free text has the words {SEEN}, and App is {APP} · Casbah"
    )
    page.locator(".chip-open").first.click()
    page.locator(".float .option").first.wait_for()
    settled(page)
    nothing_hides(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save", exact=True).click()
    nothing_hides(page)
    page.get_by_label("Name").fill("Hidden")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.locator(".toast").wait_for()
    for button in ("Queries", "API", "Export"):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("dialog").wait_for()
        settled(page)
        nothing_hides(page)
        page.keyboard.press("Escape")


@pytest.mark.usefixtures("tricky")
def test_names_in_an_address_do_not_hide(opened: Callable[..., Any]) -> None:
    """A link can bring names of filters and of what the bars are divided by."""
    page = opened(at({NAME: {NAME: [NAME]}}, by=NAME))
    page.get_by_role("alert").wait_for()
    nothing_hides(page)


@pytest.mark.parametrize("path", ["/queries", "/sources", "/ranges", "/tokens"])
@pytest.mark.usefixtures("tricky")
def test_nothing_hides_on_the_pages(opened: Callable[..., Any], path: str) -> None:
    """Whatever the server says: its answers are given hidden characters here, for it may refuse them itself."""
    page = opened()
    settled(page)
    page.route("**/api/**", _with_hidden)
    page.locator(f"#nav a[href='{path}']").click()
    page.locator(".page table td .hidden-character").first.wait_for()
    settled(page)
    nothing_hides(page)
    for act in page.locator(".page td button").all()[:2]:
        act.click()
        page.get_by_role("dialog").wait_for()
        nothing_hides(page)
        page.keyboard.press("Escape")


PAGES = {
    "queries": {
        "data": [
            {
                "id": "1",
                "name": NAME,
                "filters": {"user.username": {"eq": [NAME]}},
                "owner": NAME,
                "own": True,
                "shared": True,
                "suggested": False,
                "help": "",
            }
        ]
    },
    "tokens": {
        "data": [
            {
                "id": "1",
                "name": NAME,
                "status": NAME,
                "tenant": NAME,
                "scopes": [NAME],
                "created": 1,
                "used": None,
                "expires": None,
            }
        ]
    },
    "subnet": {
        "data": [
            {
                "_id": "1",
                "name": NAME,
                "category": 1,
                "subnets": [{"originalString": NAME}],
                "tags": [{"name": NAME}],
                "organization": NAME,
                "location": {"city": NAME, "countryCode": NAME},
            }
        ]
    },
    "sources": {
        "data": [{"name": NAME, "title": NAME, "apps": [{"name": NAME}]}],
        "pulls": [
            {
                "name": NAME,
                "kind": NAME,
                "lag_ms": None,
                "last_success": None,
                "last_event": None,
                "stored": 1,
                "refused": 1,
                "gaps": [NAME],
                "error": NAME,
            }
        ],
    },
}


def _with_hidden(route: Any) -> None:
    name = route.request.url.rstrip("/").rpartition("/")[2]
    if name in PAGES:
        route.fulfill(status=200, json=PAGES[name])
    else:
        route.continue_()
