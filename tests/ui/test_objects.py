"""The drawer shows what was done to what: objects by their part, each once, what was changed, and the session."""

from collections.abc import Callable
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.compose import wall_clock
from making import arrival
from ui.acts import activity, at

NAME = "role-granted"
ACCOUNT = {"role": 5, "part": "target", "name": "sam@contoso.example"}


@pytest.fixture(scope="module")
def granted(stocked: Any) -> None:
    """An activity with two objects of one account, a role, and what was changed."""
    _, house = stocked
    objects = [
        {"objType": 1, "role": 3, "part": "role", "id": "62e9", "name": "Global Administrator"},
        {"objType": 21, "id": "sam@contoso.example", **ACCOUNT},
        {"objType": 2, "id": "8f3e", **ACCOUNT},
    ]
    changes = [
        {"name": "Role.DisplayName", "old": "Reader", "new": "Global Administrator"},
        {"name": "Added", "new": "1"},
    ]
    made = activity(
        NAME, timestamp=wall_clock() - 60_000, mainInfo={"eventObjects": objects}, changes=changes, session="s1", sessionIds=["t1"]
    )  # fmt: skip
    house.services.store.tenant(TenantId("default")).insert([arrival(made)])


@pytest.mark.usefixtures("granted")
def test_the_drawer_shows_objects_by_part_changes_and_session(opened: Callable[..., Any]) -> None:
    page = opened(at({"activity.id": {"eq": [NAME]}}, open=NAME))
    page.locator(".drawer .sentence").wait_for()
    objects = page.locator("section[aria-label=Objects] li span.grow").all_inner_texts()
    assert [text.split() for text in objects] == [
        ["target", "sam@contoso.example"],
        ["role", "Global", "Administrator"],
    ]
    rows = page.locator("section[aria-label=Changes] tr")
    assert [row.split("\t") for row in rows.all_inner_texts()] == [
        ["Property", "Old", "New"],
        ["Role.DisplayName", "Reader", "Global Administrator"],
        ["Added", "not stated", "1"],
    ]
    who = page.locator("section[aria-label=Who]")
    assert [who.get_by_text(name, exact=True).count() for name in ("s1", "t1")] == [1, 1]
    page.get_by_role("button", name="Filter by Session t1").click()
    page.wait_for_function("() => new URLSearchParams(location.search).get('filters')?.includes('session')")


def test_old_values_have_no_column_if_none_is_stated(opened: Callable[..., Any], stocked: Any) -> None:
    _, house = stocked
    changes = [{"name": "ForwardTo", "new": "eve@litware.example"}, {"name": "MarkAsRead", "new": "True"}]
    made = activity("only-new", timestamp=wall_clock() - 60_000, changes=changes)
    house.services.store.tenant(TenantId("default")).insert([arrival(made)])
    page = opened(at({"activity.id": {"eq": ["only-new"]}}, open="only-new"))
    page.locator(".drawer .sentence", has_text="ForwardTo: eve@litware.example, MarkAsRead: True").wait_for()
    rows = page.locator("section[aria-label=Changes] tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [
        ["Property", "New"],
        ["ForwardTo", "eve@litware.example"],
        ["MarkAsRead", "True"],
    ]
