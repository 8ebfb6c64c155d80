"""A link that signs in: it asks first, and never replaces a session by itself."""

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from casbah.compose import Application
from ui.acts import address

READ = ["Investigation.read"]


@pytest.fixture
def stranger(stocked: tuple[str, Application]) -> tuple[str, str]:
    """The name and the key of a token that somebody else made."""
    name = f"stranger {secrets.token_hex(3)}"
    return name, stocked[1].services.tokens.create(name, tenant="fabrikam", scopes=READ)[0]


def who(page: Any) -> str:
    return str(page.locator("#who").inner_text())


def follow(page: Any, key: str) -> Any:
    """Follow a link to the pages, from elsewhere; the dialog."""
    page.goto("about:blank")
    page.goto(f"/#token={key}")
    return page.get_by_role("dialog", name="Sign in by a link?")


def test_the_first_link_asks_and_says_where_and_as_whom(
    opened: Callable[..., Any], stocked: Any, stranger: tuple[str, str]
) -> None:
    page = opened(signed_in=False)
    dialog = follow(page, stranger[1])
    dialog.wait_for()
    said = dialog.inner_text()
    assert urlsplit(stocked[0]).netloc in said
    assert f"“{stranger[0]}” of the tenant “fabrikam”" in said
    assert "That session ends" not in said
    assert "token" not in address(page)
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert who(page) == ""
    follow(page, stranger[1]).get_by_role("button", name="Sign in").click()
    page.locator("#who button").wait_for()
    assert who(page).startswith(f"{stranger[0]} · fabrikam")


@pytest.mark.parametrize("leave", ["Cancel", "Escape"])
def test_a_link_replaces_no_session_without_asking(
    opened: Callable[..., Any], stranger: tuple[str, str], leave: str
) -> None:
    page = opened()
    mine = who(page)
    dialog = follow(page, stranger[1])
    dialog.get_by_text("That session ends.").wait_for()
    if leave == "Cancel":
        dialog.get_by_role("button", name="Cancel").click()
    else:
        page.keyboard.press("Escape")
    page.locator("#who button").wait_for()
    assert who(page) == mine
    page.reload()
    page.locator("#who button").wait_for()
    assert who(page) == mine


def test_enter_is_not_consent(opened: Callable[..., Any], stranger: tuple[str, str]) -> None:
    page = opened()
    mine = who(page)
    follow(page, stranger[1]).wait_for()
    page.keyboard.press("Enter")
    page.locator("#who button").wait_for()
    assert who(page) == mine


@pytest.mark.parametrize("key", ["0" * 80, "%", "%E2%80%AE"], ids=["unknown", "half an escape", "no key"])
def test_a_link_with_a_bad_token_leaves_the_session(opened: Callable[..., Any], key: str) -> None:
    page = opened()
    mine = who(page)
    page.goto("about:blank")
    page.goto(f"/#token={key}")
    page.locator(".toast.bad").wait_for()
    page.locator("#who button").wait_for()
    assert (who(page), "token" in address(page)) == (mine, False)
