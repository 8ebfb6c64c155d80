"""Names that people give: in place on the page of a user, on their own page, and wherever the values are shown or typed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from making import arrival
from ui.acts import activity, at, chips, settled, shows

TENANT = TenantId("default")
USER, GROUP, APP = "u1f77@names.example", "0a1b2c3d4e5f60718293a4b5", 7_117


@pytest.fixture
def house(stocked: Any) -> Iterator[Any]:
    """With two activities of a user and a group, who have no names; nor afterwards."""
    _, house = stocked
    made = [
        activity(f"named-{number}", appId=APP, user={"userName": USER, "userTags": [GROUP]}, instanceId=417)
        for number in range(2)
    ]
    house.services.store.tenant(TENANT).insert(map(arrival, made))
    yield house
    for given in house.services.names.all(TENANT):
        house.services.names.give(given.filter, given.value, "", TENANT)


def names_of(house: Any) -> dict[Any, str]:
    return {given.value: given.name for given in house.services.names.all(TENANT)}


def test_a_user_is_named_on_their_page_and_called_so_everywhere(opened: Callable[..., Any], house: Any) -> None:
    page = opened(f"/users/{USER}")
    page.get_by_role("button", name="Give a name").click()
    page.get_by_label("Name", exact=True).fill("Ann of Sales")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Known as Ann of Sales").wait_for()
    assert names_of(house) == {USER: "Ann of Sales"}
    page.goto(at({"service": {"eq": [APP]}, "user.username": {"eq": [USER]}}))
    settled(page)
    assert "User is Ann of Sales" in chips(page)
    assert page.locator(".log td.of-user").all_inner_texts() == ["Ann of Sales"] * 2
    page.locator(".facet-value", has_text="Ann of Sales").wait_for()
    page.locator(".log tbody a.open").first.click()
    page.locator(".drawer .sentence", has_text="Ann of Sales").wait_for()


@pytest.mark.parametrize("text", ['user:"ann of sales"', f"user:{USER}"])
def test_a_search_takes_the_name_and_the_value(opened: Callable[..., Any], house: Any, text: str) -> None:
    house.services.names.give("user.username", USER, "Ann of Sales", TENANT)
    page = opened()
    settled(page)
    page.get_by_label("Search", exact=True).fill(text)
    page.keyboard.press("Enter")
    shows(page, 2)
    assert chips(page) == ["User is Ann of Sales"]


def test_a_name_is_suggested_while_typing(opened: Callable[..., Any], house: Any) -> None:
    house.services.names.give("user.username", USER, "Ann of Sales", TENANT)
    page = opened()
    settled(page)
    page.get_by_role("button", name="User", exact=True).click()
    page.locator(".float input[type=text]").fill("of sal")
    page.locator(".float .option.active", has_text="Ann of Sales").wait_for()
    page.keyboard.press("Enter")
    shows(page, 2)


def test_groups_and_app_instances_are_named_on_the_page_of_names(opened: Callable[..., Any], house: Any) -> None:
    page = opened("/names")
    for field, value, name in (("User groups", GROUP, "Finance"), ("App instance", "417", "Production")):
        page.get_by_role("button", name="New name").click()
        page.locator("dialog select").select_option(label=field)
        page.get_by_label("Value, as activities have it").fill(value)
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("td", has_text=name).first.wait_for()
    assert names_of(house) == {GROUP: "Finance", 417: "Production"}
    page.get_by_role("link", name=GROUP).click()
    shows(page, 2)
    assert chips(page) == ["User groups is Finance"]
    page.goto(at({"instance": {"eq": [417]}}))
    shows(page, 2)
    assert chips(page) == ["App instance is Production"]
    page.goto("/names")
    page.get_by_role("button", name="Remove Finance").click()
    page.locator("td", has_text="Finance").first.wait_for(state="detached")
    page.get_by_role("button", name="Change Production").click()
    page.get_by_label("Name", exact=True).fill("Testing")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("td", has_text="Testing").first.wait_for()
    assert names_of(house) == {417: "Testing"}


def test_who_may_only_read_sees_names_and_gives_none(opened: Callable[..., Any], house: Any) -> None:
    house.services.names.give("user.username", USER, "Ann of Sales", TENANT)
    key, _ = house.services.tokens.create("reader of names", tenant=TENANT.name, scopes=["Investigation.read"])
    page = opened("/names", signed_in=False)
    page.get_by_label("Token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("td", has_text="Ann of Sales").first.wait_for()
    assert page.locator(".page button").count() == 0
