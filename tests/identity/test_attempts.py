"""Bad keys are counted by address; who showed a good one there is not kept out by others."""

import json

import pytest

from casbah import compose, settings
from casbah.errors import ThrottledError
from casbah.identity.attempts import Attempts
from casbah.settings import Rate
from scenarios.inprocess import Asker

LIST = "/api/v1/activities/"


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def test_so_many_and_then_none_until_the_first_is_forgotten() -> None:
    clock = Clock()
    attempts = Attempts(Rate(3, 60), clock=clock)
    attempts.good("a", b"known")
    for clock.now in (0, 1_000, 2_000):
        attempts.check("a", b"x")
        attempts.failed("a")
    with pytest.raises(ThrottledError) as refused:
        attempts.check("a", b"x")
    assert refused.value.headers["Retry-After"] == "58"
    attempts.check("a", b"known")
    attempts.check("b", b"x")
    clock.now = 60_000
    attempts.check("a", b"x")


def test_a_clock_that_is_set_back_keeps_nobody_out() -> None:
    clock = Clock()
    clock.now = 10**12
    attempts = Attempts(Rate(1, 60), clock=clock)
    attempts.failed("a")
    clock.now = 0
    attempts.check("a", b"x")


def test_no_more_is_remembered_than_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("casbah.identity.attempts._MOST", 10)
    attempts = Attempts(Rate(1, 60), clock=Clock())
    for each in range(100):
        attempts.failed(str(each))
        attempts.good(str(each), b"x")
    assert (len(attempts._failed), len(attempts._good)) == (10, 10)


def test_on_the_wire(tmp_path) -> None:
    with compose.opened(settings.read({}, store=str(tmp_path), bad_keys="5/hour")) as house:
        key, _ = house.services.tokens.create("known", tenant="default")
        late, _ = house.services.tokens.create("late", tenant="default")
        assert Asker(house.app, key)("GET", LIST).status == 200
        tried = [Asker(house.app, f"{each:080d}")("GET", LIST).status for each in range(8)]
        assert tried == [401] * 5 + [429] * 3
        assert Asker(house.app, late)("GET", LIST).status == 429
        assert Asker(house.app, key)("GET", LIST).status == 200
        assert Asker(house.app, house.local_key)("GET", LIST).status == 200
        asked = json.dumps({"token": late}).encode()
        own = {"sec-fetch-site": "same-origin", "origin": "http://localhost", "host": "localhost"}
        assert Asker(house.app, None)("POST", "/api/ext/v1/session", asked, headers=own).status == 429


def test_it_can_be_left_out(tmp_path) -> None:
    with compose.opened(settings.read({}, store=str(tmp_path), bad_keys="off")) as house:
        assert {Asker(house.app, f"{each:080d}")("GET", LIST).status for each in range(100)} == {401}
