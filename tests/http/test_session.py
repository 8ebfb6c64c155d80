"""Signing in to the pages: what a browser may do with a session, and what another site's page may not."""

import json
from http.cookies import SimpleCookie

import pytest

from casbah import compose, settings
from scenarios.inprocess import Asker, Reply

SESSION, LIST = "/api/ext/v1/session", "/api/v1/activities/"
OURS = {"host": "casbah.example", "origin": "http://casbah.example"}
HOUR = 3_600_000


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def house(tmp_path, clock):
    with compose.opened(settings.read({}, store=str(tmp_path)), clock=clock) as opened:
        yield opened


@pytest.fixture
def token(house):
    return house.services.tokens.create("reader", tenant="contoso", scopes=["Investigation.read"])[0]


@pytest.fixture
def stranger(house):
    return Asker(house.app, None)


def sign_in(stranger: Asker, token: str, **headers: str) -> Reply:
    return stranger("POST", SESSION, json.dumps({"token": token}).encode(), headers={**OURS, **headers})


def cookie(reply: Reply) -> dict[str, str]:
    held = SimpleCookie(reply.headers["set-cookie"])["casbah_session"]
    return {"cookie": f"casbah_session={held.value}"}


def test_a_token_is_exchanged_for_a_session(stranger, token):
    reply = sign_in(stranger, token)
    assert reply.status == 200
    said = reply.headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=strict", "path=/", "max-age=43200"))
    assert "secure" not in said
    assert token not in reply.headers["set-cookie"]
    assert token not in reply.body.decode()
    found = stranger("GET", SESSION, headers=cookie(reply))
    assert found.json == {"name": "reader", "tenant": "contoso", "scopes": ["Investigation.read"]}


def test_a_session_may_do_what_its_token_may(stranger, token):
    session = cookie(sign_in(stranger, token))
    assert stranger("GET", LIST, headers=session).status == 200
    assert stranger("POST", LIST, b"{}", headers={**session, **OURS}).status == 200
    refused = stranger("GET", "/api/ext/v1/tokens", headers=session)
    assert refused.status == 403


FOREIGN = [
    pytest.param({}, id="no browser's header"),
    pytest.param({"origin": "http://evil.example", "host": "casbah.example"}, id="another origin"),
    pytest.param({"origin": "http://casbah.example:8080", "host": "casbah.example"}, id="another port"),
    pytest.param({"origin": "null", "host": "casbah.example"}, id="no origin to speak of"),
    pytest.param({**OURS, "sec-fetch-site": "cross-site"}, id="cross-site"),
    pytest.param({**OURS, "sec-fetch-site": "same-site"}, id="a sibling of the same site"),
    pytest.param({"origin": "http://", "host": ""}, id="no host"),
    pytest.param({"origin": "http://[", "host": "["}, id="no address"),
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_sites_page_cannot_use_a_session(stranger, token, headers):
    session = cookie(sign_in(stranger, token))
    reply = stranger("POST", LIST, b"{}", headers={**session, **headers})
    assert reply.status == 403
    assert "a session counts only for requests of this server's own pages" in reply.json["detail"]
    assert stranger("DELETE", SESSION, headers={**session, **headers}).status == 403
    assert stranger("GET", SESSION, headers=session).status == 200


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_sites_page_cannot_sign_anybody_in(stranger, token, headers):
    body = json.dumps({"token": token}).encode()
    reply = stranger("POST", SESSION, body, headers=headers)
    assert reply.status == 403
    assert "set-cookie" not in reply.headers


def test_what_a_browser_says_of_the_site_counts_first(stranger, token):
    moved = {"host": "inner:8765", "origin": "https://casbah.example", "sec-fetch-site": "same-origin"}
    body = json.dumps({"token": token}).encode()
    assert stranger("POST", SESSION, body, headers=moved).status == 200


def test_credentials_in_a_header_win_over_a_session(stranger, house, token):
    session = cookie(sign_in(stranger, token))
    other, _ = house.services.tokens.create("other", tenant="fabrikam")
    found = stranger("GET", SESSION, headers={**session, "authorization": f"Token {other}"})
    assert found.json["tenant"] == "fabrikam"
    assert stranger("GET", SESSION, headers={**session, "authorization": "Token wrong"}).status == 401


def test_a_session_ends_with_its_time(stranger, token, clock):
    session = cookie(sign_in(stranger, token))
    clock.now += 12 * HOUR - 1
    assert stranger("GET", SESSION, headers=session).status == 200
    clock.now += 1
    assert stranger("GET", SESSION, headers=session).status == 401


def test_a_session_ends_with_its_token(stranger, house, token):
    session = cookie(sign_in(stranger, token))
    house.services.tokens.revoke("reader", governs=lambda _: True)
    assert stranger("GET", SESSION, headers=session).status == 401
    assert sign_in(stranger, token).status == 401


def test_signing_out_ends_it_everywhere(stranger, token):
    session = cookie(sign_in(stranger, token))
    other = cookie(sign_in(stranger, token))
    reply = stranger("DELETE", SESSION, headers={**session, **OURS})
    assert reply.status == 200
    assert "max-age=0" in reply.headers["set-cookie"].lower()
    assert stranger("GET", SESSION, headers=session).status == 401
    assert stranger("GET", SESSION, headers=other).status == 200


def test_sessions_outlive_the_process(tmp_path, clock):
    chosen = settings.read({}, store=str(tmp_path))
    with compose.opened(chosen, clock=clock) as house:
        token, _ = house.services.tokens.create("x", tenant="default")
        session = cookie(sign_in(Asker(house.app, None), token))
    with compose.opened(chosen, clock=clock) as house:
        assert Asker(house.app, None)("GET", SESSION, headers=session).status == 200


def test_only_a_hash_of_a_session_is_kept(tmp_path, stranger, token):
    session = cookie(sign_in(stranger, token))["cookie"].partition("=")[2]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("tokens.db*"))
    assert session.encode() not in kept


def test_the_cookie_is_for_tls_where_the_server_is(house, token):
    scope_says_https = {**OURS, "origin": "https://casbah.example"}
    seen = []

    async def app(scope, receive, send):
        async def watched(message):
            seen.append(message)
            await send(message)

        await house.app({**scope, "scheme": "https"}, receive, watched)

    reply = Asker(app, None)("POST", SESSION, json.dumps({"token": token}).encode(), headers=scope_says_https)
    assert "; secure" in reply.headers["set-cookie"].lower()


@pytest.mark.parametrize("body", [b"{}", b'{"token": 5}', b'{"token": ["x"]}'])
def test_no_token_is_no_sign_in(stranger, body):
    reply = stranger("POST", SESSION, body, headers=OURS)
    assert reply.status == 400
    assert reply.json["detail"].startswith("token: expected a token, got ")


@pytest.mark.parametrize("key", ["", "x" * 80, "x" * 1_000, "\u0000", "casbah_session"])
def test_a_wrong_token_is_no_sign_in(stranger, key):
    assert sign_in(stranger, key).status == 401


def test_sessions_can_be_turned_off(tmp_path):
    with compose.opened(settings.read({}, store=str(tmp_path), session="off")) as house:
        token, _ = house.services.tokens.create("x", tenant="default")
        assert sign_in(Asker(house.app, None), token).status == 401
