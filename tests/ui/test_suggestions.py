"""The box of a filter: Enter takes the suggestion that is highlighted, arrows choose another one."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from ui.acts import activity, chips, expected, filters_of, settled, shows

TENANT = TenantId("default")
pytestmark = pytest.mark.usefixtures("clerks")
BOX = ".float input[type=text]"
USERS = {"clerk-033@contoso.example": 3, "clerk-0441@contoso.example": 2, "clerk-0442@contoso.example": 1, "044": 4}


@pytest.fixture(scope="module")
def clerks(stocked: Any) -> None:
    _, house = stocked
    made = [
        activity(f"{user}-{number}", appId=4_444, timestamp=wall_clock() - number * 1_000, user={"userName": user})
        for user, total in USERS.items()
        for number in range(total)
    ]
    house.services.store.tenant(TENANT).insert(map(arrival, made))


@pytest.fixture
def panel(opened: Callable[..., Any]) -> Callable[[str], Any]:
    """Opens the panel of a filter."""

    def opener(name: str) -> Any:
        page = opened()
        settled(page)
        page.get_by_role("button", name=name, exact=True).click()
        page.locator(BOX).wait_for()
        return page

    return opener


def entered(page: Any) -> None:
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('filters')")


ENTERED = [
    pytest.param("User", "clerk-033", {"user.username": {"eq": ["clerk-033@contoso.example"]}}, id="the only one"),
    pytest.param("User", "clerk-044", {"user.username": {"eq": ["clerk-0441@contoso.example"]}}, id="the first"),
    pytest.param("User", "CLERK-033", {"user.username": {"eq": ["clerk-033@contoso.example"]}}, id="in capitals"),
    pytest.param("User", " 044 ", {"user.username": {"eq": ["044"]}}, id="just what is typed"),
    pytest.param("User", "t-033@", {"user.username": {"contains": ["t-033@"]}}, id="a part, where nothing begins so"),
    pytest.param("IP address", "203.0.113.0/30", {"ip.address": {"eq": ["203.0.113.0/30"]}}, id="a network"),
    pytest.param("Country", "germ", {"location.country": {"eq": ["DE"]}}, id="a part of a name"),
    pytest.param("App", "16384", {"service": {"eq": [16384]}}, id="a number that no activity has"),
]


@pytest.mark.parametrize("name, text, filters", ENTERED)
@pytest.mark.parametrize("slowly", [False, True], ids=["at once", "after the suggestions"])
def test_enter_takes_what_is_highlighted(
    panel: Callable[[str], Any], name: str, text: str, filters: dict[str, Any], slowly: bool
) -> None:
    page = panel(name)
    page.keyboard.type(text)
    if slowly:
        page.locator(".float .option.active").wait_for()
    entered(page)
    assert json.dumps(filters_of(page)).lower() == json.dumps(filters).lower()
    page.wait_for_function("box => document.querySelector(box)?.value === ''", arg=BOX)


def test_who_types_the_beginning_of_a_user_gets_the_users_activities(panel: Callable[[str], Any]) -> None:
    page = panel("User")
    page.keyboard.type("clerk-033")
    entered(page)
    shows(page, USERS["clerk-033@contoso.example"])
    assert chips(page) == ["User is clerk-033@contoso.example"]


def test_a_value_that_cannot_be_is_not_taken(opened: Callable[..., Any]) -> None:
    page = opened()
    settled(page)
    page.get_by_role("button", name="More filters").click()
    page.get_by_role("dialog", name="Filters").get_by_role("button", name="Verb verb").click()
    page.locator(BOX).fill("banana")
    page.keyboard.press("Enter")
    page.get_by_text("No such value.").wait_for()
    assert not filters_of(page)
    page.locator(BOX).fill("download")
    entered(page)
    assert filters_of(page) == {"verb": {"eq": ["download"]}}


def test_arrows_choose(panel: Callable[[str], Any]) -> None:
    page = panel("User")
    page.keyboard.type("clerk-044")
    options = page.locator(".float .option")
    options.get_by_text("contains “clerk-044”").wait_for()
    labels = [text.split("\n")[0] for text in options.all_inner_texts()]
    assert labels == [
        "clerk-0441@contoso.example",
        "clerk-0442@contoso.example",
        "is “clerk-044”",
        "contains “clerk-044”",
    ]
    highlighted = (
        "() => [...document.querySelectorAll('.float .option')].findIndex(option => option.matches('.active'))"
    )
    box = page.locator(BOX)
    for key, position in (
        ("ArrowDown", 1),
        ("ArrowDown", 2),
        ("ArrowDown", 3),
        ("ArrowDown", 3),
        ("ArrowUp", 2),
        ("ArrowUp", 1),
    ):
        page.keyboard.press(key)
        assert page.evaluate(highlighted) == position
        assert box.get_attribute("aria-activedescendant") == f"suggestion-{position}"
    entered(page)
    assert filters_of(page) == {"user.username": {"eq": ["clerk-0442@contoso.example"]}}


def test_a_part_can_be_asked_for_with_a_click(panel: Callable[[str], Any]) -> None:
    page = panel("User")
    page.keyboard.type("clerk-044")
    page.get_by_role("button", name="contains “clerk-044”").click()
    shows(page, 3)
    assert filters_of(page) == {"user.username": {"contains": ["clerk-044"]}}


def test_nothing_typed_and_nothing_chosen_is_not_taken(panel: Callable[[str], Any]) -> None:
    page = panel("User")
    page.locator(".float .option").first.wait_for()
    page.keyboard.press("Enter")
    assert page.locator(".float .option.active").count() == 0
    page.keyboard.press("ArrowDown")
    entered(page)
    assert len(filters_of(page)["user.username"]["eq"]) == 1


def test_what_is_typed_can_be_taken_without_suggestions(panel: Callable[[str], Any]) -> None:
    page = panel("User")
    settled(page)
    page.route("**/facets", lambda route: route.abort("connectionrefused"))
    page.keyboard.type("clerk-033")
    page.locator(".float .failure").wait_for()
    page.locator(".float").get_by_text("Cannot reach the server").wait_for()
    entered(page)
    assert filters_of(page) == {"user.username": {"eq": ["clerk-033"]}}


def test_suggestions_are_counted_in_the_period(opened: Callable[..., Any], stocked: Any) -> None:
    page = opened("/?time=7d")
    settled(page)
    page.get_by_role("button", name="App", exact=True).click()
    first = page.locator(".float .option").first
    count = int(first.locator(".quiet").inner_text().replace(",", ""))
    first.click()
    shows(page, count)
    assert 0 < count < expected(stocked[1], filters_of(page))
