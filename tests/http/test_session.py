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
    with compose.build(settings.read({}, store=str(tmp_path)), clock=clock) as opened:
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
    pytest.param({"origin": "https://casbah.example", "host": "casbah.example"}, id="another scheme"),
    pytest.param(
        {"origin": "https://casbah.example:80", "host": "casbah.example"}, id="another scheme on the same port"
    ),
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
    assert "sessions are accepted only from this server's own pages" in reply.json["detail"]
    assert stranger("DELETE", SESSION, headers={**session, **headers}).status == 403
    assert stranger("GET", SESSION, headers=session).status == 200


@pytest.mark.slow
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
    with compose.build(chosen, clock=clock) as house:
        token, _ = house.services.tokens.create("x", tenant="default")
        session = cookie(sign_in(Asker(house.app, None), token))
    with compose.build(chosen, clock=clock) as house:
        assert Asker(house.app, None)("GET", SESSION, headers=session).status == 200


def test_only_a_hash_of_a_session_is_kept(tmp_path, stranger, token):
    session = cookie(sign_in(stranger, token))["cookie"].partition("=")[2]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("tokens.db*"))
    assert session.encode() not in kept


SECURE = {"host": "casbah.example", "origin": "https://casbah.example"}


def over_tls(house, *, proxied: bool = False) -> Asker:
    """A browser that speaks TLS: to the server, or to a proxy that says so."""

    async def app(scope, receive, send):
        more = {"headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]} if proxied else {"scheme": "https"}
        await house.app({**scope, **more}, receive, send)

    return Asker(app, None)


@pytest.fixture(params=[False, True], ids=["to the server", "to a trusted proxy"])
def browser(request, tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path), trusted_proxies="127.0.0.1")) as house:
        token, _ = house.services.tokens.create("reader", tenant="contoso")
        yield over_tls(house, proxied=request.param), Asker(house.app, None), token


def test_over_tls_the_cookie_is_of_this_host_alone(browser):
    secure, plain, token = browser
    reply = sign_in(secure, token, **SECURE)
    name, _, rest = reply.headers["set-cookie"].partition("=")
    value, _, attributes = rest.partition("; ")
    assert name == "__Host-casbah_session"
    assert set(attributes.lower().split("; ")) == {"path=/", "secure", "httponly", "samesite=strict", "max-age=43200"}
    prefixed, bare = {"cookie": f"__Host-casbah_session={value}"}, {"cookie": f"casbah_session={value}"}
    assert secure("GET", SESSION, headers=prefixed).status == 200
    assert secure("GET", SESSION, headers=bare).status == 401
    assert plain("GET", SESSION, headers=prefixed).status == 401
    assert plain("GET", SESSION, headers=bare).status == 200
    planted = {"cookie": f"casbah_session=planted; {prefixed['cookie']}"}
    assert secure("GET", SESSION, headers=planted).status == 200


def test_signing_out_over_tls_takes_that_cookie_back(browser):
    secure, _, token = browser
    value = sign_in(secure, token, **SECURE).headers["set-cookie"].partition("=")[2].partition(";")[0]
    session = {"cookie": f"__Host-casbah_session={value}"}
    assert secure("POST", LIST, b"{}", headers={**session, **SECURE}).status == 200
    said = secure("DELETE", SESSION, headers={**session, **SECURE}).headers["set-cookie"].lower()
    assert said.startswith("__host-casbah_session=")
    assert all(word in said for word in ("max-age=0", "path=/", "; secure", "httponly"))
    assert "domain" not in said
    assert secure("GET", SESSION, headers=session).status == 401


def test_a_proxy_that_is_not_trusted_makes_no_tls(stranger, token):
    reply = sign_in(stranger, token, **{"x-forwarded-proto": "https"})
    assert reply.headers["set-cookie"].startswith("casbah_session=")
    assert "secure" not in reply.headers["set-cookie"].lower()


ORIGINS = [
    pytest.param("https://casbah.example", "casbah.example", 200, id="the same"),
    pytest.param("https://casbah.example", "casbah.example:443", 200, id="the default port named"),
    pytest.param("https://casbah.example:443", "CASBAH.example", 200, id="and the other way round"),
    pytest.param("https://casbah.example:8443", "casbah.example:8443", 200, id="another port on both sides"),
    pytest.param("http://casbah.example", "casbah.example", 403, id="without TLS"),
    pytest.param("http://casbah.example:443", "casbah.example:443", 403, id="without TLS, the port of TLS"),
    pytest.param("https://casbah.example:80", "casbah.example", 403, id="the default port without TLS"),
    pytest.param("ftp://casbah.example", "casbah.example", 403, id="another scheme"),
    pytest.param("//casbah.example", "casbah.example", 403, id="no scheme"),
    pytest.param("casbah.example", "casbah.example", 403, id="a host alone"),
    pytest.param("https://casbah.example.evil.example", "casbah.example", 403, id="a longer name"),
    pytest.param("https://x@casbah.example", "casbah.example", 403, id="a user"),
]


@pytest.mark.slow
@pytest.mark.parametrize("origin, host, status", ORIGINS)
def test_scheme_host_and_port_of_the_origin_are_compared(browser, origin, host, status):
    secure, _, token = browser
    body = json.dumps({"token": token}).encode()
    assert secure("POST", SESSION, body, headers={"origin": origin, "host": host}).status == status


@pytest.mark.parametrize("body", [b"{}", b'{"token": 5}', b'{"token": ["x"]}'])
def test_no_token_is_no_sign_in(stranger, body):
    reply = stranger("POST", SESSION, body, headers=OURS)
    assert reply.status == 400
    assert reply.json["detail"].startswith("token: expected a token, got ")


@pytest.mark.parametrize("key", ["", "x" * 80, "x" * 1_000, "\u0000", "casbah_session"])
def test_a_wrong_token_is_no_sign_in(stranger, key):
    assert sign_in(stranger, key).status == 401


def test_sessions_can_be_turned_off(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path), session="off")) as house:
        token, _ = house.services.tokens.create("x", tenant="default")
        assert sign_in(Asker(house.app, None), token).status == 401
