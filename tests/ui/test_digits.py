"""Numbers that JavaScript would round keep their digits wherever the pages show, copy or send them."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from ui.acts import activity, address, at, settled, total

TENANT = TenantId("default")
EXACT = "digits"
pytestmark = pytest.mark.usefixtures("exact")
APP, INSTANCE, OBJECT = "9007199254740993", "18014398509481985", "822106502566256641"
RATIO, BIG, WHOLE = "0.1234567890123456789", "12345678901234567890123", "1.0"

TEXTS = [
    *(
        APP,
        f"-{APP}",
        OBJECT,
        RATIO,
        BIG,
        WHOLE,
        "0",
        "-0",
        "-1.5",
        "1e400",
        "1E+2",
        "1e-7",
        "0.1",
        "100000000000000000000000",
    ),
    f'[1,2.50,{{"a":{APP}}},[],{{}},null,true]',
    f'{{"__proto__":{APP},"constructor":{{"__proto__":[{WHOLE}]}}}}',
    f'{{"{APP}":"{APP}","a":"{WHOLE} \\" {WHOLE}","b":"\\\\","c":{BIG}}}',
    f'"[{APP}, {WHOLE}]"',
    '"\\ud800"',
]
BROKEN = ["", "01", "1.", "-", ".5", "01.50", f'"{APP}', f"[{APP},]", f"{APP} {APP}", "{1.0:1}"]


@pytest.fixture(scope="module")
def exact(stocked: Any) -> None:
    """An activity with many such numbers, whose text is stored as it is, and another one of the same user."""
    _, house = stocked
    made = activity(
        EXACT,
        appId=int(APP),
        instanceId=int(INSTANCE),
        timestamp=wall_clock() - 60_000,
        description=int(BIG),
        user={"userName": "digits@contoso.example"},
        mainInfo={"eventObjects": [{"id": int(OBJECT), "name": int(OBJECT)}]},
        rawDataJson={"id": int(OBJECT), "big": int(BIG), "ratio": "RATIO", "whole": "WHOLE"},
    )
    raw = json.dumps(made).replace('"RATIO"', RATIO).replace('"WHOLE"', WHOLE).encode()
    plain = activity(
        "no-digits", appId=int(APP) - 1, timestamp=wall_clock() - 60_000, user={"userName": "digits@contoso.example"}
    )
    house.services.store.tenant(TENANT).insert([arrival(made, raw=raw), arrival(plain)])


def search_of(page: Any) -> str:
    """The text of the filters in the address."""
    return parse_qs(urlsplit(address(page)).query).get("filters", ["{}"])[0]


def asks(page: Any, wanted: str) -> None:
    """The address, the chip and the answer are those of just this number."""
    page.wait_for_function(
        "wanted => new URLSearchParams(location.search).get('filters')?.includes(wanted)", arg=wanted
    )
    assert re.search(rf'[\[:"]{wanted}[\]}},"]', search_of(page))
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('.chip-open')].some(chip => chip.textContent.includes(wanted))",
        arg=wanted,
    )
    assert total(page) == 1


def test_the_reader_keeps_every_digit(opened: Callable[..., Any]) -> None:
    page = opened()
    script = """async (texts) => {
      const json = await import("/ui/json.js");
      return texts.map((text) => json.stringify(json.parse(text)));
    }"""
    assert page.evaluate(script, TEXTS) == TEXTS


def test_the_reader_refuses_what_is_not_json(opened: Callable[..., Any]) -> None:
    page = opened()
    script = """async (texts) => {
      const json = await import("/ui/json.js");
      return texts.filter((text) => { try { return [json.parse(text)]; } catch (error) { return !(error instanceof SyntaxError); } });
    }"""
    assert page.evaluate(script, BROKEN) == []


def test_the_table_and_the_drawer_show_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at({"activity.id": {"eq": [EXACT]}}, open=EXACT))
    page.locator(".drawer .tree").wait_for()
    settled(page)
    cells = page.locator(".log tbody td").all_inner_texts()
    assert APP in cells
    assert BIG in cells
    for place, digits in (
        ("h2", [BIG]),
        (".sentence", [APP]),
        (".facts", [APP, INSTANCE]),
        (".objects", [OBJECT]),
        (".insight", [APP]),
    ):
        text = "\n".join(page.locator(f".drawer {place}").all_inner_texts())
        assert [number for number in digits if number not in text] == [], place
    wanted = {f"appId: {APP}", f"id: {OBJECT}", f"big: {BIG}", f"ratio: {RATIO}", f"whole: {WHOLE}"}
    leaves = page.locator(".tree-leaf").all_inner_texts()
    assert wanted - {leaf.strip() for leaf in leaves} == set()


@pytest.mark.parametrize("digits", [OBJECT, RATIO, BIG])
def test_the_search_in_the_record_finds_every_digit(opened: Callable[..., Any], digits: str) -> None:
    page = opened(at({"activity.id": {"eq": [EXACT]}}, open=EXACT))
    search = page.get_by_label("Search in the record")
    search.fill(digits)
    assert page.locator(".tree-number", has_text=digits).count() > 0
    search.fill(digits[:-1] + str((int(digits[-1]) + 1) % 10))
    page.get_by_text("No match in this record.").wait_for()


def test_copies_have_every_digit(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened(at({"activity.id": {"eq": [EXACT]}}, open=EXACT))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy JSON", exact=True).click()
    page.get_by_text("JSON copied").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    stored = stocked[1].services.store.tenant(TENANT).fetch(EXACT)
    assert RATIO in copied
    assert json.loads(copied, parse_float=str) == json.loads(stored, parse_float=str)


NEAR = {"user.username": {"eq": ["digits@contoso.example"]}}


def test_a_click_on_a_top_value_asks_for_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at(NEAR))
    page.locator(".facet-value", has_text=APP).click()
    asks(page, APP)


def test_a_click_in_the_legend_asks_for_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at(NEAR, by="service"))
    page.locator(".legend .key", has_text=APP).click()
    asks(page, APP)


def test_insights_lead_to_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at(NEAR, open=EXACT))
    page.locator(".frequent li", has_text=APP).locator("a").click()
    asks(page, APP)


@pytest.mark.parametrize(
    "name, digits",
    [("App", APP), ("App instance", INSTANCE), ("Activity object", OBJECT)],
)
def test_filters_from_the_drawer_have_every_digit(opened: Callable[..., Any], name: str, digits: str) -> None:
    page = opened(at(NEAR, open=EXACT))
    with page.expect_request(
        lambda request: request.url.endswith("/api/ext/v1/search") and digits in (request.post_data or "")
    ):
        page.get_by_role("button", name=f"Filter by {name} {digits}", exact=True).click()
    asks(page, digits)


def test_excluding_has_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at(NEAR, open=EXACT))
    page.get_by_role("button", name=f"Exclude App {APP}", exact=True).click()
    page.wait_for_function("wanted => location.search.includes(wanted)", arg=APP)
    settled(page)
    assert json.loads(search_of(page))["service"] == {"neq": [int(APP)]}
    assert page.locator(".log tbody tr").evaluate_all("rows => rows.map(row => row.dataset.id)") == ["no-digits"]


def test_a_typed_number_has_every_digit(opened: Callable[..., Any]) -> None:
    page = opened(at(NEAR))
    settled(page)
    page.get_by_role("button", name="App", exact=True).click()
    page.locator(".float input[type=text]").fill(APP)
    page.locator(".float input[type=text]").press("Enter")
    asks(page, APP)


@pytest.mark.parametrize("operator", ["gte", "range"])
def test_a_typed_bound_has_every_digit(opened: Callable[..., Any], operator: str) -> None:
    page = opened(at(NEAR))
    settled(page)
    page.get_by_role("button", name="App", exact=True).click()
    page.locator(".float select").select_option(operator)
    box = page.locator(".float input[type=number]").first
    box.fill(APP)
    box.press("Tab")
    asks(page, APP)


def test_the_api_request_and_saved_queries_have_every_digit(opened: Callable[..., Any]) -> None:
    filters = {**NEAR, "service": {"eq": [int(APP)]}}
    page = opened(at(filters))
    assert total(page) == 1
    page.get_by_role("button", name="API", exact=True).click()
    request = page.get_by_role("dialog").locator("pre")
    request.first.wait_for()
    assert request.count() == 2
    for shown in request.all_inner_texts():
        assert APP in shown
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Name").fill("Digits")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    page.get_by_text("Saved “Digits”").wait_for()
    for name in ("Digits", f"Activities where User is digits@contoso.example, and App is {APP}"):
        page.goto("/")
        settled(page)
        page.get_by_role("button", name="Queries", exact=True).click()
        page.locator(".menu").get_by_role("button", name=name, exact=True).click()
        asks(page, APP)
    with page.expect_request(lambda request: request.url.endswith("/exports") and APP in (request.post_data or "")):
        page.get_by_role("button", name="Export", exact=True).click()
        with page.expect_download() as waiting:
            page.locator(".modal .item", has_text="NDJSON").click()
    assert APP in waiting.value.path().read_text()
