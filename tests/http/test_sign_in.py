"""Signing in to the pages at an issuer: who comes back with a good code has a session, and nobody else."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from casbah import compose, settings
from casbah.compose import Application
from casbah.identity.sign_in import PENDING_MS
from identity.issuing import AUDIENCE, Server, claims, serving, token
from making import NOW
from scenarios.inprocess import Asker, Reply

SESSION = "/api/ext/v1/session"
HOST = {"host": "casbah.example"}
SECRET = "s&cret %"


@dataclass
class Issuer:
    """An issuer that knows one code, and what it is asked for it."""

    server: Server
    answer: dict[str, Any] | None = None
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)

    def give(self, request: BaseHTTPRequestHandler) -> None:
        form = parse_qs(request.rfile.read(int(request.headers["Content-Length"])).decode())
        self.asked.append({name: values[0] for name, values in form.items()})
        self.credentials.append(request.headers.get("Authorization", ""))
        body = json.dumps(self.answer).encode()
        request.send_response(self.status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as server:
        made = Issuer(server)
        server.publish("rsa")
        server.pages["/token"] = made.give
        made.answer = {"access_token": token(claims(iss=server.url)), "token_type": "Bearer"}
        yield made


@dataclass
class Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Any, issuer: Issuer, clock: Clock) -> Iterator[Application]:
    chosen = settings.read(
        {},
        store=str(tmp_path),
        oidc_issuer=issuer.server.url,
        oidc_audience=AUDIENCE,
        oidc_client="casbah client",
        oidc_secret=SECRET,
        oidc_scopes="api://casbah/Investigation.read",
    )
    with compose.build(chosen, clock=clock) as opened:
        yield opened


@pytest.fixture
def browser(house: Application) -> Asker:
    return Asker(house.app, None)


def begun(browser: Asker, then: str = "/") -> tuple[dict[str, str], dict[str, str]]:
    """What the issuer is asked, and the cookie that the browser keeps."""
    reply = browser("GET", f"{SESSION}/begin?then={quote(then, safe='')}", headers=HOST)
    assert reply.status == 302
    asked = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}
    return asked, {"cookie": f"casbah_sign_in={SimpleCookie(reply.headers['set-cookie'])['casbah_sign_in'].value}"}


def back(browser: Asker, cookie: dict[str, str], **asked: str) -> Reply:
    return browser("GET", f"{SESSION}/return?{urlencode(asked)}", headers={**HOST, **cookie})


def cookies(reply: Reply) -> str:
    """The first of the cookies that an answer sets; the test's client keeps but the last of a name's headers."""
    return reply.headers.get("set-cookie", "")


def test_the_way_to_the_issuer_is_as_the_standards_have_it(browser: Asker, issuer: Issuer) -> None:
    reply = browser("GET", f"{SESSION}/begin", headers=HOST)
    where = urlsplit(reply.headers["location"])
    asked, _ = begun(browser)
    assert f"{where.scheme}://{where.netloc}{where.path}" == f"{issuer.server.url}/authorize"
    assert asked["response_type"] == "code"
    assert asked["client_id"] == "casbah client"
    assert asked["redirect_uri"] == f"http://casbah.example{SESSION}/return"
    assert asked["scope"] == "openid api://casbah/Investigation.read"
    assert asked["code_challenge_method"] == "S256"
    assert all(len(asked[each]) >= 43 for each in ("state", "code_challenge"))
    said = cookies(reply).lower()
    assert all(each in said for each in ("httponly", "samesite=lax", "path=/api/ext/v1/session", "max-age=600"))


def test_who_comes_back_with_a_good_code_is_signed_in(house: Application, browser: Asker, issuer: Issuer) -> None:
    asked, cookie = begun(browser, "/?filters=%7B%7D&open=x")
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            seen.extend((name.decode(), value.decode()) for name, value in message.get("headers", ()))
            await send(message)

        await house.app(scope, receive, noted)

    reply = back(Asker(app, None), cookie, code="a+b", state=asked["state"], iss=issuer.server.url)
    assert (reply.status, reply.headers["location"]) == (303, "/?filters=%7B%7D&open=x")
    (exchanged,) = issuer.asked
    challenge = base64.urlsafe_b64encode(hashlib.sha256(exchanged["code_verifier"].encode()).digest())
    assert challenge.rstrip(b"=").decode() == asked["code_challenge"]
    assert (exchanged["code"], exchanged["redirect_uri"]) == ("a+b", asked["redirect_uri"])
    basic = base64.b64decode(issuer.credentials[0].removeprefix("Basic ")).decode()
    assert basic == "casbah+client:s%26cret+%25"
    set_cookies = SimpleCookie()
    for name, value in seen:
        if name == "set-cookie":
            set_cookies.load(value)
    assert set_cookies["casbah_session"]["samesite"] == "strict"
    assert set_cookies["casbah_sign_in"]["max-age"] == "0"
    session = {"cookie": f"casbah_session={set_cookies['casbah_session'].value}"}
    assert browser("GET", SESSION, headers=session).json == {
        "name": "ann@contoso.com",
        "tenant": "contoso",
        "scopes": ["Investigation.read"],
    }
    assert browser("GET", "/api/ext/v1/tokens", headers=session).status == 403


def test_over_tls_at_a_proxy_the_way_there_and_back_is_tls(tmp_path: Any, issuer: Issuer) -> None:
    given = {
        "oidc_issuer": issuer.server.url,
        "oidc_audience": AUDIENCE,
        "oidc_client": "casbah",
        "trusted_proxies": "127.0.0.1",
    }
    headers = {**HOST, "x-forwarded-proto": "https"}
    with compose.build(settings.read({}, store=str(tmp_path), **given), clock=Clock()) as house:
        browser = Asker(house.app, None)
        reply = browser("GET", f"{SESSION}/begin", headers=headers)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["location"]).query).items()}
        assert asked["redirect_uri"] == f"https://casbah.example{SESSION}/return"
        name, _, rest = cookies(reply).partition("=")
        assert name == "__Host-casbah_sign_in"
        assert all(
            each in rest.lower() for each in ("; path=/;", "; secure", "httponly", "samesite=lax", "max-age=600")
        )
        value, back_with = rest.partition(";")[0], f"{SESSION}/return?code=c&state={asked['state']}"
        assert refused(browser("GET", back_with, headers={**headers, "cookie": f"casbah_sign_in={value}"}))
        found = browser("GET", back_with, headers={**headers, "cookie": f"{name}={value}"})
        assert (found.status, found.headers["location"]) == (303, "/")
        assert found.headers["set-cookie"].startswith('__Host-casbah_sign_in=""; HttpOnly; Max-Age=0; Path=/;')


def refused(reply: Reply, why: str = "refused") -> bool:
    return (reply.status, reply.headers["location"]) == (303, f"/#sign-in={why}") and "casbah_session" not in str(
        reply.headers
    )


def test_a_state_is_good_once_and_for_the_browser_that_began(browser: Asker, issuer: Issuer, clock: Clock) -> None:
    asked, cookie = begun(browser)
    other, other_cookie = begun(browser)
    assert refused(back(browser, {}, code="c", state=asked["state"]))
    assert refused(back(browser, other_cookie, code="c", state=asked["state"]))
    assert refused(back(browser, {"cookie": "casbah_sign_in="}, code="c", state=""))
    assert refused(back(browser, {"cookie": "casbah_sign_in=x"}, code="c", state="x"))
    assert refused(back(browser, {"cookie": "casbah_sign_in=\u00e9"}, code="c", state="\u00e9"))
    assert issuer.asked == []
    assert back(browser, cookie, code="c", state=asked["state"]).headers["location"] == "/"
    assert refused(back(browser, cookie, code="c", state=asked["state"]))
    clock.now += PENDING_MS
    assert refused(back(browser, other_cookie, code="c", state=other["state"]))


def test_what_another_issuer_answers_is_not_taken_to_this_one(browser: Asker, issuer: Issuer) -> None:
    asked, cookie = begun(browser)
    assert refused(back(browser, cookie, code="c", state=asked["state"], iss="https://evil.example"))
    assert issuer.asked == []


def test_what_the_issuer_refuses_is_told_on_the_page(browser: Asker, issuer: Issuer) -> None:
    asked, cookie = begun(browser)
    assert refused(back(browser, cookie, error="access_denied", state=asked["state"]))
    assert issuer.asked == []


BAD: list[Any] = [
    pytest.param({}, id="no token"),
    pytest.param({"access_token": 5}, id="a number"),
    pytest.param({"access_token": "opaque"}, id="no JWT"),
    pytest.param([], id="no object"),
    pytest.param({"access_token": {"aud": "api://other"}}, id="for somebody else"),
    pytest.param({"access_token": {"exp": NOW // 1_000 - 3_600}}, id="expired"),
    pytest.param({"access_token": {"tid": None}}, id="of no tenant"),
    pytest.param({"access_token": {"iss": "https://evil.example"}}, id="of another issuer"),
]


@pytest.mark.parametrize("answer", BAD)
def test_a_token_that_is_not_good_lets_nobody_in(browser: Asker, issuer: Issuer, answer: Any) -> None:
    given = answer.get("access_token") if isinstance(answer, dict) else None
    bad = {"access_token": token(claims(**{"iss": issuer.server.url, **given}))} if isinstance(given, dict) else answer
    issuer.answer = bad
    asked, cookie = begun(browser)
    assert refused(back(browser, cookie, code="c", state=asked["state"]))


def test_an_issuer_that_is_away_is_told_on_the_page(browser: Asker, issuer: Issuer) -> None:
    asked, cookie = begun(browser)
    issuer.status = 500
    assert refused(back(browser, cookie, code="c", state=asked["state"]), "away")
    issuer.server.fail()
    assert begun(browser)[0]["state"]  # what is known of it lasts for a while


def test_an_issuer_that_was_never_there_is_a_503(tmp_path: Any) -> None:
    with serving() as server:
        chosen = settings.read(
            {}, store=str(tmp_path), oidc_issuer=server.url, oidc_audience=AUDIENCE, oidc_client="casbah"
        )
        with compose.build(chosen) as house:
            reply = Asker(house.app, None)("GET", f"{SESSION}/begin", headers=HOST)
    assert reply.status == 503
    assert "retry-after" in reply.headers


ELSEWHERE = [
    "//evil.example",
    "https://evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "evil",
    "/\r\nx: y",
    "/\t/evil.example",
    "",
]


@pytest.mark.parametrize("then", ELSEWHERE)
def test_nobody_is_sent_elsewhere_in_the_end(browser: Asker, then: str) -> None:
    asked, cookie = begun(browser, then)
    assert back(browser, cookie, code="c", state=asked["state"]).headers["location"] == "/"


@pytest.mark.slow
def test_the_pages_know_how_to_sign_in(browser: Asker, issuer: Issuer, tmp_path: Any) -> None:
    assert browser("GET", f"{SESSION}/ways").json == {"token": True, "issuer": issuer.server.url}
    for given, ways in (({}, {"token": True, "issuer": None}), ({"session": "off"}, {"token": False, "issuer": None})):
        with compose.build(settings.read({}, store=str(tmp_path / "other"), **given)) as house:
            ask = Asker(house.app, None)
            assert ask("GET", f"{SESSION}/ways").json == ways
            assert ask("GET", f"{SESSION}/begin").status == ask("GET", f"{SESSION}/return").status == 404


def test_only_so_many_are_waited_for(browser: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casbah.identity.sign_in._MAX_PENDING", 3)
    first, cookie = begun(browser)
    for _ in range(3):
        begun(browser)
    assert refused(back(browser, cookie, code="c", state=first["state"]))
    last, cookie = begun(browser)
    assert back(browser, cookie, code="c", state=last["state"]).headers["location"] == "/"


def test_the_secret_may_stand_in_a_file_and_is_never_shown(tmp_path: Any) -> None:
    file = tmp_path / "secret"
    file.write_text("hidden\n")
    chosen = settings.read({}, oidc_secret=f"@{file}")
    assert chosen.oidc_secret == "hidden"
    assert "hidden" not in repr(chosen)
