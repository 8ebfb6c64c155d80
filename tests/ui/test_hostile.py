"""Values that somebody wrote in order to do harm are text on the pages, and large ones do not make them slow."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from making import arrival
from scenarios.server import serving
from ui.acts import activity, at, settled
from ui.conftest import pages_of
from ui.test_site import STATIC

TENANT = TenantId("default")
APP = 666
SCRIPTS = (
    "<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    '"><svg onload=window.harmed=1>',
    "javascript:window.harmed=1",
    "{{constructor.constructor('window.harmed=1')()}}",
    "</textarea><script>window.harmed = 1</script>",
)
ODD = ("\u0000", "\ud800", "\ufeff", "\u2028", "%00%ff", "a\tb\nc", "😀" * 50, "=1+1", "__proto__", "constructor")
RTL = "\u202eevil\u202c \u2067abc\u2069 عربي"
"""Turns the direction of writing."""


def hostile(number: int, text: str) -> dict[str, Any]:
    return activity(
        f"hostile-{number}",
        appId=APP,
        appName=text,
        description=text,
        eventTypeName=text,
        user={"userName": text, "userTags": [text], "orgUnit": text},
        device={"clientIP": text, "userAgent": text, "tags": [text]},
        userAgent={"deviceType": text, "operatingSystem": {"name": text}, "browser": text, "tags": [text]},
        location={"countryCode": text, "city": text, "organizationSearchable": text, "ipTags": [text]},
        mainInfo={"rawOperationName": text, "eventObjects": [{"id": text, "name": text, "objType": 3, "role": 1}]},
        policies=[text],
        rawDataJson={text: {text: [text]}},
    )


@pytest.fixture(scope="module")
def harmful(stocked: Any) -> None:
    _, house = stocked
    many = {"eventObjects": [{"id": f"o{number}", "name": f"object {number}"} for number in range(10_000)]}
    records = [hostile(number, text) for number, text in enumerate((*SCRIPTS, RTL, *ODD))]
    records += [hostile(1_000, "x" * 1_000_000), activity("hostile-many", appId=APP, mainInfo=many)]
    house.services.store.tenant(TENANT).insert(map(arrival, records))


@pytest.mark.usefixtures("harmful")
def test_hostile_values_are_text(opened: Callable[..., Any]) -> None:
    page = opened(at({"service": {"eq": [APP]}}))
    settled(page)
    rows = page.locator(".log tbody a.open")
    for position in range(rows.count()):
        rows.nth(position).click()
        page.locator(".drawer .tree").wait_for()
        settled(page)
    assert page.evaluate("() => window.harmed") is None
    assert page.locator("main script, main img, main svg[onload], main iframe").count() == 0
    for text in SCRIPTS:
        assert page.locator(".log tbody td", has_text=text).count() > 0


@pytest.mark.parametrize("name", [{"first": "Okta"}, ["Okta"], 7, True], ids=["object", "list", "number", "flag"])
def test_an_app_whose_name_is_no_text_hides_no_activity(stocked: Any, opened: Callable[..., Any], name: object) -> None:
    _, house = stocked
    odd = activity(f"named-{type(name).__name__}", appId=APP, appName=name)
    house.services.store.tenant(TENANT).insert([arrival(odd)])
    page = opened(at({"activity.id": {"eq": [odd["_id"]]}}))
    settled(page)
    assert page.locator(".log tbody tr").count() == 1
    assert str(name)[:4].lower() in page.locator("td.of-app").inner_text().replace('"', "'").lower()


def test_a_failure_whose_operation_is_no_text_hides_no_activity(stocked: Any, opened: Callable[..., Any]) -> None:
    _, house = stocked
    odd = activity(
        "odd-operation", appId=APP, description="", verb="sign-in-failed", mainInfo={"rawOperationName": [7]}
    )
    house.services.store.tenant(TENANT).insert([arrival(odd)])
    page = opened(at({"activity.id": {"eq": [odd["_id"]]}}))
    settled(page)
    assert "[7]" in page.locator("td.of-activity").inner_text()


def test_an_object_that_names_its_methods_hides_no_activity(stocked: Any, opened: Callable[..., Any]) -> None:
    _, house = stocked
    methods = {"toString": 1, "valueOf": 1}
    odd = activity(
        "odd-methods",
        appId=APP,
        appName=methods,
        location={"countryCode": methods, "category": methods, "city": methods},
        user={"userName": methods, "userTags": [methods]},
        mainInfo={"rawOperationName": methods, "eventObjects": [{"id": methods, "name": methods, "objType": methods}]},
        rawDataJson={"a": methods},
    )
    house.services.store.tenant(TENANT).insert([arrival(odd)])
    page = opened(at({"activity.id": {"eq": [odd["_id"]]}}, open=odd["_id"]))
    page.locator(".drawer .tree").wait_for()
    settled(page)
    assert page.locator(".log tbody tr").count() == 1
    assert "toString: 1" in page.locator(".drawer .tree").inner_text().replace("\n", " ")


NESTED = {"a": [1]}
ADDRESS = "198.18.66.6"


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Any]]:
    """A server with one activity whose values are objects, except those that lead to pages about it."""
    names = ("description", "eventTypeName", "verb", "appName", "session", "failedUserData", "severity")
    odd = activity(
        "nested",
        appId=APP,
        **dict.fromkeys(names, NESTED),
        user={"userName": NESTED, "userTags": [NESTED], "orgUnit": NESTED},
        device={"clientIP": ADDRESS, "userAgent": NESTED, "tags": [NESTED], "countryCode": NESTED},
        userAgent={"deviceType": NESTED, "operatingSystem": {"name": NESTED}, "browser": NESTED, "tags": NESTED},
        location={
            "countryCode": NESTED, "city": NESTED, "organizationSearchable": NESTED, "latitude": 52.5, "longitude": 13.4
        },
        mainInfo={"rawOperationName": NESTED, "eventObjects": [{"id": NESTED, "name": NESTED, "objType": NESTED}]},
        changes=[{"name": NESTED, "old": NESTED, "new": [NESTED]}],
    )  # fmt: skip
    with serving(tmp_path_factory.mktemp("nested")) as (url, house):
        house.services.store.tenant(TENANT).insert([arrival(odd)])
        yield url, house


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (at({"activity.id": {"eq": ["nested"]}}, open="nested"), ".drawer .insight .counts"),
        ("/sources", f".page td:has-text('{APP}')"),
        (f"/apps/{APP}", f"h1:has-text('{APP}')"),
        (f"/addresses/{ADDRESS}", ".places li:has-text('52.5, 13.4')"),
    ],
    ids=["the log", "sources", "an app", "an address"],
)
def test_an_object_in_place_of_a_name_is_left_out(
    chromium: Any, nested: tuple[str, Any], path: str, shown: str
) -> None:
    with pages_of(chromium, *nested) as opened:
        page = opened("/exports")
        columns = re.findall(r'\{ id: "(\w+)"', (STATIC / "columns.js").read_text("utf-8"))
        page.evaluate("(columns) => localStorage.setItem('columns', JSON.stringify(columns))", columns)
        page.goto(path)
        settled(page)
        page.locator(shown).first.wait_for()
        assert page.get_by_role("alert").count() == 0
        assert "[object" not in page.content().lower()


@pytest.mark.usefixtures("harmful")
@pytest.mark.parametrize("name", ["hostile-1000", "hostile-many"])
def test_large_records_open_quickly(opened: Callable[..., Any], name: str) -> None:
    page = opened(at({"activity.id": {"eq": [name]}}, open=name))
    page.locator(".drawer .tree").wait_for()
    settled(page)
    assert page.locator("*").count() < 5_000
    assert page.evaluate("() => document.body.innerText.length") < 200_000


@pytest.mark.usefixtures("harmful")
@pytest.mark.parametrize("text", [*SCRIPTS, RTL])
def test_hostile_values_can_be_filtered_by(opened: Callable[..., Any], text: str) -> None:
    page = opened(at({"user.username": {"eq": [text]}}))
    settled(page)
    assert page.locator(".log tbody tr").count() == 1
    assert page.evaluate("() => window.harmed") is None
    assert text in page.locator(".chip-open b").inner_text()
