"""Signing in to the pages at an issuer, in a real browser: the button, the way there, and the way back."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from casbah.compose import wall_clock
from identity import issuing
from identity.issuing import AUDIENCE, Server, claims, token
from scenarios.server import serving
from ui.acts import address
from ui.conftest import Watched, context_of


@pytest.fixture
def issuer() -> Iterator[Server]:
    """An issuer that knows the one who asks, and sends them back with a code at once."""
    with issuing.serving() as server:
        server.publish("rsa")
        now = wall_clock() // 1_000
        given = {"iss": server.url, "iat": now, "nbf": now - 10, "exp": now + 600}
        answer = {"access_token": token(claims(**given)), "token_type": "Bearer"}
        server.pages["/token"] = json.dumps(answer).encode()
        server.pages["/authorize"] = lambda request: _back(request, code="c1")
        yield server


def _back(request: BaseHTTPRequestHandler, **said: str) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
    request.send_response(302)
    request.send_header("Location", f"{asked['redirect_uri']}?{urlencode({**said, 'state': asked['state']})}")
    request.send_header("Content-Length", "0")
    request.end_headers()


@pytest.fixture
def page(chromium: Any, issuer: Server, tmp_path: Path) -> Iterator[Any]:
    chosen = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_client": "pages"}
    with serving(tmp_path, **chosen) as (url, _):
        watched = Watched(urlsplit(url).netloc)
        context = context_of(chromium, base_url=url)
        opened = context.new_page()
        watched.watch(opened)
        yield opened
        context.close()
        assert watched.wrong == []
        assert {urlsplit(each).netloc for each in watched.left} == {urlsplit(issuer.url).netloc}


def test_the_button_leads_to_the_issuer_and_back_to_where_one_was(page: Any, issuer: Server) -> None:
    where = "/?filters=" + json.dumps({"service": {"eq": [11161]}})
    page.goto(where)
    page.get_by_role("link", name=f"Sign in at {urlsplit(issuer.url).netloc}").click()
    page.locator("#who button").wait_for()
    assert page.locator("#who").inner_text().startswith("ann@contoso.com · contoso")
    assert page.locator(".chip").count() == 1
    assert "token" not in address(page)
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_whom_the_issuer_refuses_is_told_so(page: Any, issuer: Server) -> None:
    issuer.pages["/authorize"] = lambda request: _back(request, error="access_denied")
    page.goto("/")
    page.get_by_role("link", name="Sign in at").click()
    page.locator(".toast", has_text="Sign-in was refused").wait_for()
    page.get_by_label("Token").wait_for()
    assert "#" not in address(page)
