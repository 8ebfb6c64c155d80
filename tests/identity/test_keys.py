"""Where an issuer's keys come from, which of them count, how long they last, and how seldom they are asked for."""

import gzip
import json
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.errors import IssuerUnavailableError
from casbah.identity import keys
from casbah.identity.jwk import ALGORITHMS, BadKeySetError, signing_keys
from casbah.identity.keys import FAILURES, KEEP_MS, PAUSE_MS, PAUSE_WITHOUT_KEYS_MS, IssuerKeys
from identity.issuing import Server, encoded, key, key_set, public, serving
from making import NOW

REFRESH_S = 3_600
REFRESH_MS = REFRESH_S * 1_000


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        made.publish("rsa")
        yield made


@pytest.fixture
def kept(server: Server, clock: Clock) -> IssuerKeys:
    return IssuerKeys(lambda: keys.from_issuer(server.url), refresh=REFRESH_S, clock=clock)


def kids(kept: IssuerKeys, kid: str | None = "rsa", algorithm: str = "RS256") -> list[str | None]:
    return [each.kid for each in kept.fitting(algorithm, kid)]


# Which keys count.

FITS = [
    pytest.param("rsa", {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, id="RSA"),
    pytest.param("p256", {"ES256"}, id="P-256"),
    pytest.param("p384", {"ES384"}, id="P-384"),
    pytest.param("p521", {"ES512"}, id="P-521"),
    pytest.param("ed25519", {"EdDSA", "Ed25519"}, id="Ed25519"),
]


@pytest.mark.parametrize("kind, algorithms", FITS)
def test_a_key_fits_the_algorithms_of_its_type(kind, algorithms):
    assert signing_keys(key_set(public(kind)))[0].algorithms == algorithms


def test_every_algorithm_has_a_key_and_none_has_a_secret():
    assert {name for row in FITS for name in row.values[1]} == set(ALGORITHMS)
    assert not [name for name in ALGORITHMS if name == "none" or name.startswith("HS")]


@pytest.mark.parametrize("more", [{"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["verify", "sign"]}, {"x5t": 7, "x5c": "rubbish", "x5u": "nowhere", "ext": True}], ids=str)  # fmt: skip
def test_members_that_do_not_matter(more):
    assert len(signing_keys(key_set(public("rsa", **more)))) == 1


def test_a_key_s_own_algorithm_is_the_only_one_it_is_for():
    assert signing_keys(key_set(public("rsa", alg="PS384")))[0].algorithms == {"PS384"}


def number(bits: int) -> str:
    return encoded(((1 << bits) - 1).to_bytes((bits + 7) // 8))


# fmt: off
LEFT_OUT = [
    pytest.param({"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}, id="a secret"),
    pytest.param({"kty": "oct", "k": "c2VjcmV0", "alg": "RS256"}, id="a secret that says RS256"),
    pytest.param(public("rsa", use="enc"), id="for encryption"),
    pytest.param(public("rsa", use=["sig"]), id="a list as use"),
    pytest.param(public("rsa", key_ops=["encrypt"]), id="its operations do not include verify"),
    pytest.param(public("rsa", key_ops=[]), id="no operation"),
    pytest.param(public("rsa", key_ops="verify"), id="a string as operations"),
    pytest.param(public("rsa", alg="HS256"), id="an RSA key for HS256"),
    pytest.param(public("rsa", alg="RSA-OAEP"), id="an RSA key for encryption, by its alg"),
    pytest.param(public("rsa", alg="ES256"), id="an RSA key for ES256"),
    pytest.param(public("rsa", alg=7), id="a number as alg"),
    pytest.param(public("p256", alg="ES384"), id="P-256 for ES384"),
    pytest.param(public("p256", crv="P-384"), id="P-256 that says P-384"),
    pytest.param(public("p256", x=number(256)), id="a point off the curve"),
    pytest.param(public("p256", y=""), id="an empty coordinate"),
    pytest.param(public("k256"), id="a curve that is not accepted"),
    pytest.param(public("ed448"), id="Ed448"),
    pytest.param(public("ed25519", crv="X25519"), id="a key to agree on secrets"),
    pytest.param(public("ed25519", x="AAAA"), id="an Edwards key that is too short"),
    pytest.param(public("rsa", n=number(2_047)), id="an RSA key of 2047 bits"),
    pytest.param(public("rsa", n=encoded(bytes(300) + b"\x01")), id="a short RSA key with zeros before it"),
    pytest.param(public("rsa", n=number(8_193)), id="an RSA key of 8193 bits"),
    pytest.param(public("rsa", e="AQ"), id="an RSA exponent of 1"),
    pytest.param(public("rsa", e="Ag"), id="an even RSA exponent"),
    pytest.param(public("rsa", e=""), id="no RSA exponent"),
    pytest.param(public("rsa", n=7), id="a number as modulus"),
    pytest.param(public("rsa", n="é"), id="a modulus beyond ASCII"),
    pytest.param(public("rsa", n=public("rsa")["n"] + "=="), id="a modulus with padding"),
    pytest.param({"kty": "RSA", "kid": "rsa"}, id="no modulus"),
    pytest.param(public("rsa", kid=7), id="a number as kid"),
    pytest.param(public("rsa", kty="rsa"), id="kty in lower case"),
    pytest.param(public("rsa", kty=["RSA"]), id="a list as kty"),
    pytest.param(key("rsa").as_dict(private=True), id="a private key that is out"),
    pytest.param("rsa", id="a string"),
    pytest.param(None, id="null"),
]
# fmt: on


@pytest.mark.parametrize("jwk", LEFT_OUT)
def test_keys_that_do_not_count(jwk):
    assert [signing_key.kid for signing_key in signing_keys(key_set(jwk, public("p256")))] == ["p256"]
    with pytest.raises(BadKeySetError, match="no key that can sign"):
        signing_keys(key_set(jwk))


RUBBISH = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html>", id="a page"),
    pytest.param(b"\xff\xfe\x00", id="bytes"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"null", id="null"),
    pytest.param(b"{}", id="no keys"),
    pytest.param(b'{"keys": {}}', id="keys that are an object"),
    pytest.param(b'{"keys": null}', id="keys that are null"),
    pytest.param(key_set(), id="an empty list"),
    pytest.param(key_set(*[public("rsa")] * 1_001), id="more keys than an issuer has"),
    pytest.param(b'{"keys": ' + b"[" * 200_000, id="nested deeper than anybody reads"),
    pytest.param(json.dumps(public("rsa")).encode(), id="one key that is no set"),
]


@pytest.mark.parametrize("text", RUBBISH)
def test_rubbish_is_no_set_of_keys(text):
    with pytest.raises(BadKeySetError):
        signing_keys(text)


VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=2)


@given(jwk=st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "alg", "use", "kid", "key_ops"]), VALUE | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB"])))  # fmt: skip
def test_any_key_counts_or_is_left_out(jwk):
    assert [signing_key.kid for signing_key in signing_keys(key_set(jwk, public("p256")))][-1] == "p256"


# Where they come from.


@pytest.mark.parametrize("path", ["", "/", "/tenant/v2.0", "/tenant/v2.0/"])
def test_discovery(server, path):
    issuer = server.url + path
    document = {"issuer": issuer, "jwks_uri": f"{server.url}/keys"}
    server.pages[f"{path.rstrip('/')}/.well-known/openid-configuration"] = json.dumps(document).encode()
    assert [each.kid for each in keys.from_issuer(issuer)] == ["rsa"]
    assert server.asked == [f"{path.rstrip('/')}/.well-known/openid-configuration", "/keys"]


def sends(*, status: int = 200, headers: dict[str, str] | None = None, body: bytes = b""):
    def page(handler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return page


# fmt: off
UNDISCOVERED = [
    pytest.param({"issuer": "https://evil.contoso.com"}, "very same text", id="another issuer"),
    pytest.param({"issuer": "URL/"}, "very same text", id="the issuer with a slash more"),
    pytest.param({"issuer": None}, "very same text", id="no issuer"),
    pytest.param({"issuer": ["URL"]}, "very same text", id="a list of issuers"),
    pytest.param({"jwks_uri": None}, "jwks_uri", id="no address of keys"),
    pytest.param({"jwks_uri": 7}, "jwks_uri", id="a number as the address of keys"),
    pytest.param({"jwks_uri": ""}, "jwks_uri", id="an empty address of keys"),
    pytest.param({"jwks_uri": "/keys"}, "jwks_uri", id="an address of keys without a host"),
    pytest.param({"jwks_uri": "http://contoso.com/keys"}, "jwks_uri", id="keys elsewhere, not encrypted"),
    pytest.param({"jwks_uri": "http://127.0.0.1:1/keys"}, "jwks_uri", id="keys at another port of this machine"),
    pytest.param({"jwks_uri": "file:///etc/passwd"}, "jwks_uri", id="a file as the address of keys"),
    pytest.param({"jwks_uri": "https://[::1/keys"}, "jwks_uri", id="an address that is none"),
    pytest.param({"jwks_uri": "URL/nothing"}, "answered 404", id="no keys at their address"),
]
# fmt: on


@pytest.mark.parametrize("changed, why", UNDISCOVERED)
def test_discovery_that_leads_nowhere(server, changed, why):
    document = {"issuer": server.url, "jwks_uri": f"{server.url}/keys", **changed}
    text = json.dumps({name: value for name, value in document.items() if value is not None})
    server.pages["/.well-known/openid-configuration"] = text.replace("URL", server.url).encode()
    with pytest.raises(BadKeySetError, match=why):
        keys.from_issuer(server.url)
    assert server.fetches == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"[" * 200_000], ids=lambda body: repr(body[:8]))  # fmt: skip
def test_discovery_of_rubbish(server, body):
    server.pages["/.well-known/openid-configuration"] = body
    with pytest.raises(BadKeySetError, match="openid-configuration is not"):
        keys.from_issuer(server.url)


BAD_ANSWERS = [
    pytest.param(sends(status=500), "answered 500", id="a failure"),
    pytest.param(sends(status=302, headers={"Location": "/good"}), "answered 302", id="a redirect"),
    pytest.param(sends(status=301, headers={"Location": "http://contoso.com/keys"}), "answered 301", id="a redirect to another host"),
    pytest.param(sends(status=204), "answered 204", id="no content"),
    pytest.param(sends(body=b"[" * 1_048_577), "more than 1048576 bytes", id="more bytes than keys have"),
    pytest.param(sends(body=gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}), "not JSON", id="a bomb that was not asked for"),
    pytest.param(sends(body=b"{}", headers={"Content-Length": "9"}), None, id="less than was promised"),
    pytest.param(lambda handler: handler.wfile.write(b"rubbish\r\n\r\n"), None, id="not HTTP"),
    pytest.param(lambda _: None, None, id="nothing at all"),
]  # fmt: skip


@pytest.mark.parametrize("page, why", BAD_ANSWERS)
def test_answers_that_are_no_keys(server, page, why):
    server.pages |= {"/keys": page, "/good": key_set(public("rsa"))}
    with pytest.raises(FAILURES, match=why):
        keys.from_address(f"{server.url}/keys")
    assert server.asked == ["/keys"]


def test_nobody_there():
    with pytest.raises(FAILURES):
        keys.from_address("http://127.0.0.1:1/keys")


def test_a_silent_issuer_is_not_waited_for(server, monkeypatch):
    gone = threading.Event()
    monkeypatch.setattr(keys, "_SECONDS_A_STEP", 0.1)
    server.pages["/keys"] = lambda _: gone.wait(10)
    with pytest.raises(FAILURES):
        keys.from_address(f"{server.url}/keys")
    gone.set()


def test_an_issuer_that_trickles_is_not_waited_for(server, monkeypatch):
    def trickle(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b" ")
                time.sleep(0.02)
        except OSError:
            pass

    monkeypatch.setattr(keys, "_SECONDS", 0.2)
    server.pages["/keys"] = trickle
    with pytest.raises(BadKeySetError, match="took longer"):
        keys.from_address(f"{server.url}/keys")


def test_a_file(tmp_path):
    file = tmp_path / "keys.json"
    with pytest.raises(FAILURES):
        keys.from_file(file)
    with pytest.raises(FAILURES):
        keys.from_file(tmp_path)
    file.write_bytes(key_set(public("rsa")))
    assert [each.kid for each in keys.from_file(file)] == ["rsa"]
    file.write_bytes(key_set(public("rsa")) + b" " * 1_048_576)
    with pytest.raises(BadKeySetError, match=r"keys\.json is longer"):
        keys.from_file(file)
    file.write_bytes(b"{}")
    with pytest.raises(BadKeySetError, match=r"keys\.json is not a set of keys"):
        keys.from_file(file)


# How long they last.


def test_nothing_is_fetched_before_a_token_comes(server, kept):
    assert kept.may_wait("rsa")
    assert server.asked == []


def test_keys_are_kept_until_they_are_old(server, kept, clock):
    for after, fetches in ((0, 1), (1, 1), (REFRESH_MS - 1, 1), (REFRESH_MS, 2), (REFRESH_MS + 1, 2)):
        clock.now = NOW + after
        assert kids(kept) == ["rsa"]
        assert (server.fetches, kept.may_wait("rsa")) == (fetches, False)


def test_a_new_key_is_found_at_once_and_an_old_one_forgotten(server, kept, clock):
    kids(kept)
    clock.now += PAUSE_MS
    server.publish("other rsa")
    assert kids(kept) == ["rsa"], "nothing gave cause to ask"
    assert kept.may_wait("other rsa")
    assert kids(kept, "other rsa") == ["other rsa"]
    assert kids(kept) == []
    assert server.fetches == 2


def test_unknown_keys_are_asked_for_once_a_minute_at_most(server, kept, clock):
    kids(kept)
    for number_of in range(100):
        clock.now = NOW + number_of * 3_000
        assert kids(kept, f"unknown-{number_of}") == []
    assert server.fetches == 1 + 4  # 99 * 3 s are not quite five minutes.


def test_no_kid_is_no_cause_to_fetch(server, kept, clock):
    kids(kept)
    clock.now += PAUSE_MS
    assert not kept.may_wait(None)
    assert kids(kept, None) == ["rsa"]
    assert kids(kept, None, "ES256") == []
    assert server.fetches == 1


def test_old_keys_serve_while_the_issuer_is_away_and_no_longer_than_a_day(server, kept, clock, caplog):
    kids(kept)
    server.fail()
    for after in (REFRESH_MS, KEEP_MS // 2, KEEP_MS):
        clock.now = NOW + after
        with caplog.at_level(logging.WARNING, logger="casbah"):
            assert kids(kept) == ["rsa"]
        assert "could not be fetched: " in caplog.text
        assert "answered 404" in caplog.text
        caplog.clear()
    clock.now = NOW + KEEP_MS + 1
    with pytest.raises(IssuerUnavailableError):
        kids(kept)
    server.publish("rsa")
    clock.now += PAUSE_MS
    assert kids(kept) == ["rsa"]


def test_an_issuer_that_is_away_is_asked_once_a_minute(server, kept, clock):
    kids(kept)
    server.fail()
    before = len(server.asked)
    for second in range(120):
        clock.now = NOW + REFRESH_MS + second * 1_000
        kids(kept)
        kids(kept, "unknown")
    assert len(server.asked) - before == 2


def test_without_keys_nothing_can_be_said(server, kept, clock):
    server.fail()
    for after, asked in ((0, 1), (1, 1), (PAUSE_WITHOUT_KEYS_MS - 1, 1), (PAUSE_WITHOUT_KEYS_MS, 2)):
        clock.now = NOW + after
        with pytest.raises(IssuerUnavailableError) as unavailable:
            kids(kept)
        assert len(server.asked) == asked
    assert unavailable.value.status == 503
    assert unavailable.value.headers == {"Retry-After": str(PAUSE_WITHOUT_KEYS_MS // 1_000)}
    server.publish("rsa")
    clock.now += PAUSE_WITHOUT_KEYS_MS
    assert kids(kept) == ["rsa"]


@pytest.mark.parametrize(
    "page",
    [b"{}", key_set(), key_set(public("rsa", use="enc")), b"<html>"],
    ids=["no keys", "no key", "a key for something else", "a page"],
)
def test_rubbish_takes_no_keys_away(server, kept, clock, page):
    kids(kept)
    server.pages["/keys"] = page
    clock.now += REFRESH_MS
    assert kids(kept) == ["rsa"]
    assert server.fetches == 2


def test_a_clock_that_is_set_back_makes_keys_old(server, kept, clock):
    kids(kept)
    clock.now = NOW - 10 * KEEP_MS
    assert kids(kept) == ["rsa"]
    assert kids(kept) == ["rsa"]
    assert server.fetches == 2


def test_a_file_is_read_anew_as_an_address_is(tmp_path, clock):
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(public("rsa")))
    kept = IssuerKeys(lambda: keys.from_file(file), refresh=REFRESH_S, clock=clock)
    assert kids(kept) == ["rsa"]
    file.write_bytes(key_set(public("p256")))
    assert kids(kept, "p256", "ES256") == [], "read a moment ago"
    clock.now += PAUSE_MS
    assert kids(kept, "p256", "ES256") == ["p256"]
    file.unlink()
    clock.now += REFRESH_MS
    assert kids(kept, "p256", "ES256") == ["p256"]


# Threads.


def gathered(count: int, work) -> list:
    """What `work` gives, of so many threads at once."""
    found: list = []
    threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def slowly(seconds: float):
    def page(handler) -> None:
        time.sleep(seconds)
        sends(body=key_set(public("rsa"), public("p256")))(handler)

    return page


def test_one_thread_fetches_what_all_need(server, kept):
    server.pages["/keys"] = slowly(0.1)
    assert gathered(8, lambda: kids(kept)) == [["rsa"]] * 8
    assert server.fetches == 1


def test_a_new_key_is_good_for_all_who_ask_at_once(server, kept, clock):
    kids(kept)
    clock.now += PAUSE_MS
    server.pages["/keys"] = slowly(0.1)
    assert gathered(8, lambda: kids(kept, "p256", "ES256")) == [["p256"]] * 8
    assert server.fetches == 2


def test_who_has_keys_goes_on_while_another_fetches(server, kept, clock):
    asked, go = threading.Event(), threading.Event()

    def stalled(handler) -> None:
        asked.set()
        go.wait(10)
        sends(body=key_set(public("rsa")))(handler)

    kids(kept)
    clock.now += REFRESH_MS
    server.pages["/keys"] = stalled
    fetching = threading.Thread(target=lambda: kids(kept))
    fetching.start()
    assert asked.wait(10)
    assert not kept.may_wait("rsa")
    assert kept.may_wait("unknown"), "it may be what the other brings"
    assert kids(kept) == ["rsa"]
    assert fetching.is_alive()
    go.set()
    fetching.join()
    assert server.fetches == 2


def test_nobody_waits_for_another_for_ever(server, kept, monkeypatch):
    asked, go = threading.Event(), threading.Event()

    def stalled(handler) -> None:
        asked.set()
        go.wait(10)
        sends(body=key_set(public("rsa")))(handler)

    monkeypatch.setattr(keys, "_SECONDS_FOR_ANOTHER", 0.05)
    server.pages["/keys"] = stalled
    fetching = threading.Thread(target=lambda: kids(kept))
    fetching.start()
    assert asked.wait(10)
    with pytest.raises(IssuerUnavailableError):
        kids(kept)
    go.set()
    fetching.join()
    assert kids(kept) == ["rsa"]
