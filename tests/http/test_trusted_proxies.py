"""The client's address and scheme behind reverse proxies: who is believed, and what follows from it."""

import json
from typing import Any

import httpx
import pytest

from casbah import compose, settings
from casbah.http.trusted_proxies import TrustedProxies
from scenarios.inprocess import Asker
from scenarios.server import serving

LIST, TOKENS, SESSION = "/api/v1/activities/", "/api/ext/v1/tokens", "/api/ext/v1/session"
TRUSTED = ("10.0.0.0/8", "2001:db8::5/128", "127.0.0.1/32")
FOR, PROTO = b"x-forwarded-for", b"x-forwarded-proto"


def seen(peer: str | None, *headers: tuple[bytes, bytes], trusted: tuple[str, ...] = TRUSTED) -> tuple[str | None, str]:
    scope: Any = {"type": "http", "scheme": "http", "client": peer and (peer, 5), "headers": list(headers)}
    TrustedProxies(trusted).apply(scope)
    return scope["client"] and scope["client"][0], scope["scheme"]


ADDRESSES = [
    pytest.param("10.1.1.1", ["192.0.2.1"], "192.0.2.1", id="one proxy, one client"),
    pytest.param("10.1.1.1", [], "10.1.1.1", id="a proxy that forwards no address"),
    pytest.param("10.1.1.1", [""], "10.1.1.1", id="an empty header"),
    pytest.param("10.1.1.1", ["203.0.113.9, 192.0.2.1"], "192.0.2.1", id="what the client wrote before it is ignored"),
    pytest.param("10.1.1.1", ["nonsense, 192.0.2.1"], "192.0.2.1", id="even where it is nonsense"),
    pytest.param("10.1.1.1", ["10.9.9.9, 192.0.2.1"], "192.0.2.1", id="even where it names a proxy"),
    pytest.param("10.1.1.1", ["192.0.2.1, 10.2.2.2,10.3.3.3"], "192.0.2.1", id="three proxies"),
    pytest.param("10.1.1.1", ["203.0.113.9", "192.0.2.1"], "192.0.2.1", id="a header for each proxy"),
    pytest.param("10.1.1.1", ["192.0.2.1,", " ,"], "192.0.2.1", id="empty elements"),
    pytest.param("10.1.1.1", ["10.4.4.4, 10.2.2.2"], "10.4.4.4", id="all of them trusted: the first"),
    pytest.param("10.1.1.1", ["192.0.2.1:4711"], "192.0.2.1", id="with a port"),
    pytest.param("10.1.1.1", ["[2001:db8::7]:4711"], "2001:db8::7", id="IPv6 with a port"),
    pytest.param("10.1.1.1", ["::ffff:192.0.2.1"], "192.0.2.1", id="a mapped address"),
    pytest.param("::ffff:10.1.1.1", ["192.0.2.1"], "192.0.2.1", id="a mapped proxy"),
    pytest.param("2001:db8::5", ["2001:DB8:0::7"], "2001:db8::7", id="IPv6"),
    pytest.param("192.0.2.9", ["203.0.113.9"], "192.0.2.9", id="not a trusted proxy"),
    pytest.param("192.0.2.9", ["10.1.1.1"], "192.0.2.9", id="not a trusted proxy that names one"),
    pytest.param("192.0.2.9", ["nonsense"], "192.0.2.9", id="not a trusted proxy, and nonsense"),
    pytest.param("2001:db8::6", ["203.0.113.9"], "2001:db8::6", id="the neighbour of one"),
    pytest.param(None, ["203.0.113.9"], None, id="no address at all"),
]


@pytest.mark.parametrize("peer, values, expected", ADDRESSES)
def test_the_last_address_that_is_no_trusted_proxys_is_the_clients(peer, values, expected):
    assert seen(peer, *((FOR, value.encode()) for value in values))[0] == expected


def test_nobody_is_trusted_by_default():
    assert settings.read({}).trusted_proxies == ()
    for peer in ("127.0.0.1", "::1", "10.1.1.1"):
        assert seen(peer, (FOR, b"192.0.2.1"), (PROTO, b"https"), trusted=()) == (peer, "http")


SCHEMES = [
    pytest.param("10.1.1.1", [b"https"], "https", id="https"),
    pytest.param("10.1.1.1", [b" HTTPS "], "https", id="in capitals"),
    pytest.param("10.1.1.1", [b"http"], "http", id="http"),
    pytest.param("10.1.1.1", [], "http", id="not said"),
    pytest.param("192.0.2.9", [b"https"], "http", id="not a trusted proxy"),
    pytest.param("192.0.2.9", [b"nonsense"], "http", id="not a trusted proxy, and nonsense"),
]


@pytest.mark.parametrize("peer, values, expected", SCHEMES)
def test_the_scheme_is_a_trusted_proxys_to_say(peer, values, expected):
    assert seen(peer, *((PROTO, value) for value in values))[1] == expected


class Proxied:
    """Asks an application as from an address."""

    def __init__(self, house: compose.Application, peer: str = "127.0.0.1") -> None:
        self.application, self.peer = house, peer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.application.app({**scope, "client": (self.peer, 5)}, receive, send)

    def ask(self, key: str | None, *given: Any, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Asker(self, key)(*given, headers=named)


@pytest.fixture
def house(tmp_path):
    given = {"trusted_proxies": "127.0.0.1, 10.0.0.0/8", "bad_keys": "3/hour", "audit": "changes"}
    with compose.build(settings.read({}, store=str(tmp_path), **given)) as opened:
        yield opened


MALFORMED = [
    pytest.param({"x_forwarded_for": "unknown"}, "X-Forwarded-For", id="no address"),
    pytest.param({"x_forwarded_for": "192.0.2.1, 999.0.0.1"}, "X-Forwarded-For", id="an address that is none"),
    pytest.param({"x_forwarded_for": "192.0.2.1;10.0.0.1"}, "X-Forwarded-For", id="another separator"),
    pytest.param({"x_forwarded_proto": "ftp"}, "X-Forwarded-Proto", id="another scheme"),
    pytest.param({"x_forwarded_proto": "https, http"}, "X-Forwarded-Proto", id="two schemes"),
    pytest.param({"x_forwarded_proto": ""}, "X-Forwarded-Proto", id="an empty scheme"),
]


@pytest.mark.parametrize("headers, name", MALFORMED)
def test_what_a_trusted_proxy_says_must_be_readable(house, headers, name):
    reply = Proxied(house).ask(house.local_key, "GET", LIST, **headers)
    assert (reply.status, name in reply.json["detail"]) == (400, True)
    assert Proxied(house, "192.0.2.9").ask(house.local_key, "GET", LIST, **headers).status == 200


def tried(client: Proxied, count: int, **headers: str) -> list[int]:
    return [client.ask("0" * 80, "GET", LIST, **headers).status for _ in range(count)]


def test_bad_keys_count_for_the_address_that_a_trusted_proxy_forwards(house):
    proxy = Proxied(house, "10.1.1.1")
    assert tried(proxy, 5, x_forwarded_for="192.0.2.1") == [401] * 3 + [429] * 2
    assert tried(proxy, 1, x_forwarded_for="203.0.113.9, 192.0.2.1") == [429]
    assert tried(proxy, 5, x_forwarded_for="192.0.2.2") == [401] * 3 + [429] * 2
    assert tried(Proxied(house, "192.0.2.2"), 1) == [429]
    assert tried(proxy, 9) == [401] * 9
    assert tried(proxy, 9, x_forwarded_for="10.2.2.2") == [401] * 9


def test_a_forged_address_changes_nothing(house):
    stranger = Proxied(house, "198.51.100.1")
    statuses = [tried(stranger, 1, x_forwarded_for=f"192.0.2.{number}")[0] for number in range(20)]
    assert statuses == [401] * 3 + [429] * 17


@pytest.mark.parametrize("peer, address", [("10.1.1.1", "192.0.2.1"), ("198.51.100.1", "198.51.100.1")])
def test_the_trail_has_the_same_address(house, peer, address):
    made = Proxied(house, peer).ask(house.local_key, "POST", TOKENS, b'{"name": "x"}', x_forwarded_for="192.0.2.1")
    assert made.status == 201
    (act,) = Asker(house.app, house.local_key)("GET", LIST).json["data"]
    assert act["device"]["clientIP"] == address


@pytest.mark.parametrize("peer, address", [("10.1.1.1", "192.0.2.1"), ("198.51.100.1", "198.51.100.1")])
def test_the_log_has_the_same_address(house, monkeypatch, peer, address):
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr("casbah.http.app.of_request", lambda **line: lines.append(line))
    assert tried(Proxied(house, peer), 1, x_forwarded_for="203.0.113.9, 192.0.2.1") == [401]
    assert [line["address"] for line in lines] == [address]


def test_over_a_socket_nobody_is_believed_unless_the_setting_says_so(tmp_path, monkeypatch):
    """The server library believes 127.0.0.1, or whom this variable names, unless it is told not to."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    for trusted, address, secure in (("", "127.0.0.1", False), ("127.0.0.1", "192.0.2.1", True)):
        given = {"trusted_proxies": trusted, "audit": "changes"}
        headers = {
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-proto": "https",
            "forwarded": "for=192.0.2.7;proto=https",
        }
        with (
            serving(tmp_path / (trusted or "none"), **given) as (url, running),
            httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
        ):
            client.headers["authorization"] = f"Token {running.local_key}"
            assert client.post(TOKENS, content=json.dumps({"name": "x"})).status_code == 201
            reply = client.get(LIST)
            assert reply.json()["data"][0]["device"]["clientIP"] == address
            assert ("strict-transport-security" in reply.headers) == secure
