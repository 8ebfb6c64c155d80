"""Failed authentications are counted by address; a good key is never refused because of them."""

import json

import pytest

from casbah import compose, settings
from casbah.errors import ThrottledError
from casbah.identity.failed_sign_ins import FailedSignIns
from casbah.setting_parsers import Rate
from identity.issuing import AUDIENCE, ISSUER, key_set, public, token
from making import NOW
from scenarios.inprocess import Asker

LIST, SESSION = "/api/v1/activities/", "/api/ext/v1/session"


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_so_many_and_then_none_until_the_first_is_forgotten() -> None:
    clock = Clock()
    attempts = FailedSignIns(Rate(3, 60), clock=clock)
    for clock.now in (0, 1_000, 2_000):
        attempts.failed("a")
    for _ in range(5):
        with pytest.raises(ThrottledError) as refused:
            attempts.failed("a")
        assert refused.value.headers["Retry-After"] == "58"
    attempts.failed("b")
    clock.now = 60_000
    attempts.failed("a")
    with pytest.raises(ThrottledError):
        attempts.failed("a")


def test_a_clock_that_is_set_back_keeps_nobody_out() -> None:
    clock = Clock()
    clock.now = 10**12
    attempts = FailedSignIns(Rate(1, 60), clock=clock)
    attempts.failed("a")
    clock.now = 0
    attempts.failed("a")


def test_exempt_addresses_are_not_counted() -> None:
    attempts = FailedSignIns(Rate(1, 60), clock=Clock(), exempt=("proxy",))
    for _ in range(10):
        attempts.failed("proxy")
    attempts.failed("a")
    with pytest.raises(ThrottledError):
        attempts.failed("a")


def test_no_more_is_remembered_than_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casbah.identity.failed_sign_ins._MOST", 10)
    attempts = FailedSignIns(Rate(1, 60), clock=Clock())
    for number in range(100):
        attempts.failed(str(number))
    assert len(attempts._failed) == 10


OWN_PAGE = {"sec-fetch-site": "same-origin", "origin": "http://localhost", "host": "localhost"}


def tried(app, count: int) -> list[int]:
    return [Asker(app, f"{number:080d}")("GET", LIST).status for number in range(count)]


def signed_in(app, key: str) -> int:
    return Asker(app, None)("POST", SESSION, json.dumps({"token": key}).encode(), headers=OWN_PAGE).status


def test_bad_keys_get_429_past_the_limit_and_good_ones_never(tmp_path) -> None:
    chosen = settings.read({}, store=str(tmp_path), bad_keys="60/hour")
    with compose.build(chosen) as house:
        key, _ = house.services.tokens.create("dashboard", tenant="default")
        other, _ = house.services.tokens.create("revoked", tenant="default")
        house.services.tokens.revoke("revoked", governs=lambda _: True)
    with compose.build(chosen) as house:  # Restarted: nothing is remembered of who was good.
        assert tried(house.app, 64) == [401] * 60 + [429] * 4
        assert Asker(house.app, key)("GET", LIST).status == 200
        assert signed_in(house.app, key) == 200
        assert Asker(house.app, house.local_key)("GET", LIST).status == 200
        assert Asker(house.app, other)("GET", LIST).status == 429
        refused = Asker(house.app, "0" * 80)("GET", LIST)
        assert 0 < int(refused.headers["retry-after"]) <= 3_600
        assert refused.json["detail"].startswith("Request was throttled.")
        assert signed_in(house.app, "0" * 80) == 429
        assert Asker(house.app, None)("GET", LIST).status == 401  # No key is not a bad one.


def test_bad_sign_ins_and_bad_keys_count_together(tmp_path) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), bad_keys="4/hour")) as house:
        assert [signed_in(house.app, "0" * 80) for _ in range(2)] == [401] * 2
        assert Asker(house.app, "0" * 80)("GET", "/metrics").status == 401
        assert tried(house.app, 3) == [401, 429, 429]


def test_a_good_jwt_is_let_in_whatever_others_send(tmp_path) -> None:
    (tmp_path / "jwks.json").write_bytes(key_set(public("rsa")))
    given = {
        "oidc_issuer": ISSUER,
        "oidc_audience": AUDIENCE,
        "oidc_jwks": str(tmp_path / "jwks.json"),
        "bad_keys": "5/hour",
    }
    clock = Clock()
    clock.now = NOW
    with compose.build(settings.read({}, store=str(tmp_path / "store"), **given), clock=clock) as house:

        def status(text: str) -> int:
            return Asker(house.app, None)("GET", LIST, headers={"authorization": f"Bearer {text}"}).status

        forged = token(kind="other rsa")
        assert [status(forged) for _ in range(7)] == [401] * 5 + [429] * 2
        assert status(token()) == 200


def test_a_bad_key_counts_at_any_path_below_the_api(tmp_path) -> None:
    """A path that is not there, and a method that a path does not take, are no way to try keys."""
    asked = [("GET", "/api/v1/saasdb/"), ("HEAD", "/cas/api/x"), ("PUT", LIST), ("OPTIONS", "/api"), ("GET", "/cas")]
    with compose.build(settings.read({}, store=str(tmp_path), bad_keys="5/hour")) as house:
        key, _ = house.services.tokens.create("late", tenant="default")
        tried = [Asker(house.app, f"{number:080d}")(*request).status for number, request in enumerate(asked * 2)]
        assert tried == [401] * 5 + [429] * 5
        assert Asker(house.app, key)("GET", "/api/v1/saasdb/").status == 404, "a good key is not kept out"
        assert Asker(house.app, f"{0:080d}")("GET", "/nowhere").status == 404


def test_a_good_key_is_told_what_is_there(tmp_path) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), throttle="1/hour")) as house:
        key, _ = house.services.tokens.create("known", tenant="default")
        ask = Asker(house.app, key)
        assert [ask("GET", path).status for path in ("/api/v1/saasdb/", "/api", "/cas/x")] == [404] * 3
        refused = ask("PUT", LIST)
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, POST")
        assert [ask("GET", LIST).status for _ in range(2)] == [200, 429], "what is refused there counts for nothing"
        assert ask("PUT", LIST).status == 405


def test_it_can_be_left_out(tmp_path) -> None:
    with compose.build(settings.read({}, store=str(tmp_path), bad_keys="off")) as house:
        assert {Asker(house.app, f"{each:080d}")("GET", LIST).status for each in range(100)} == {401}
