"""Requests on a bad day: how long they wait, when they give up, and where credentials never go."""

import json
import logging
import random
from collections.abc import Callable

import httpx
import msgspec
import pytest

from casbah.ingest.pull.contract import ApiRefusedError, ApiUnreachableError
from casbah.ingest.pull.web import Web

NOW = 1_767_000_000_000
BASE = "https://api.example.com"


class Api:
    """Answers in order; remembers what was asked and how long was waited."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []
        client = httpx.Client(transport=httpx.MockTransport(self.answer))
        self.web = Web(
            client,
            BASE,
            authorize=lambda: {"Authorization": "Bearer hush"},
            clock=lambda: NOW,
            sleep=self.waited.append,
            dice=random.Random(1),
        )

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def good() -> httpx.Response:
    return httpx.Response(200, json=[1])


WAITS = [
    pytest.param({"Retry-After": "7"}, 7, id="seconds"),
    pytest.param({"Retry-After": "Mon, 29 Dec 2025 09:20:09 GMT"}, 9, id="a date"),
    pytest.param({"Retry-After": "Mon, 29 Dec 2025 09:00:00 GMT"}, 0, id="a date in the past"),
    pytest.param({"Retry-After": "999999"}, 3_600, id="longer than anybody would wait"),
    pytest.param({"X-Rate-Limit-Reset": str(NOW // 1_000 + 30)}, 30, id="Okta's reset"),
    pytest.param({"x-ratelimit-reset": str(NOW // 1_000 + 20)}, 20, id="GitHub's reset"),
]


@pytest.mark.parametrize("headers, seconds", WAITS)
def test_it_waits_as_long_as_it_is_told(headers: dict[str, str], seconds: float) -> None:
    api = Api(httpx.Response(429, headers=headers), good())
    assert api.web.get("/x").json() == [1]
    assert len(api.waited) == 1
    assert seconds <= api.waited[0] <= seconds + 1


def test_a_spent_rate_that_says_403_is_waited_for() -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW // 1_000 + 5)}
    api = Api(httpx.Response(403, headers=headers), good())
    assert api.web.get("/x").json() == [1]
    assert 5 <= api.waited[0] <= 6


BAD = [
    pytest.param(lambda: httpx.Response(500), "HTTP 500", id="500"),
    pytest.param(lambda: httpx.Response(200, content=b'[1, 2, {"a'), "DecodeError", id="a truncated body"),
    pytest.param(lambda: httpx.Response(200, content=b""), "DecodeError", id="no body"),
    pytest.param(lambda: httpx.ConnectError("no"), "ConnectError", id="no connection"),
    pytest.param(lambda: httpx.ReadTimeout("no"), "ReadTimeout", id="silence"),
]


@pytest.mark.parametrize("make, word", BAD)
def test_it_tries_again_ever_more_seldom_and_gives_up(
    make: Callable[[], httpx.Response | Exception], word: str
) -> None:
    api = Api(*(make() for _ in range(9)))
    with pytest.raises(ApiUnreachableError, match=word):
        api.web.get("/x")
    assert len(api.asked) == 8
    assert len(api.waited) == 7
    assert all(wait <= min(60, 2**turn) for turn, wait in enumerate(api.waited))
    assert len(set(api.waited)) > 1, "without chance, all would come back at once"


REFUSED = [
    (401, "check that the token is right"),
    (403, "may read audit logs"),
    (404, "check the address"),
    (400, "it says: what a mess"),
]


@pytest.mark.parametrize("status, words", REFUSED)
def test_a_refusal_is_not_tried_again_and_says_what_to_look_at(status: int, words: str) -> None:
    api = Api(httpx.Response(status, text="what a mess"))
    with pytest.raises(ApiRefusedError, match=words) as told:
        api.web.get("/x")
    assert (len(api.asked), told.value.status) == (1, status)
    assert "hush" not in str(told.value)


ELSEWHERE = [
    "https://evil.example/x",
    "http://api.example.com/x",
    "//evil.example/x",
    "https://api.example.com.evil.example/",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_credentials_go_nowhere_else(address: str) -> None:
    api = Api(good())
    with pytest.raises(ApiRefusedError, match="does not get our credentials"):
        api.web.get(address)
    assert api.asked == []


def test_a_redirect_is_not_followed() -> None:
    api = Api(httpx.Response(302, headers={"location": "https://evil.example/"}))
    with pytest.raises(ApiRefusedError):
        api.web.get("/x")
    assert len(api.asked) == 1


def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        caplog.at_level(logging.DEBUG, "httpx"),
    ):  # It is quiet once a server was set up.
        Api(httpx.Response(429), good()).web.get("/x", {"since": 1})
    assert caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(
            rb'[{"a": "\ud83d", "n": 1.10e2}, {}]', [rb'{"a": "\ud83d", "n": 1.10e2}', b"{}"], id="half of a pair"
        ),
        pytest.param(rb'[{"a": "\ud83d\ude00"}]', [rb'{"a": "\ud83d\ude00"}'], id="a pair"),
    ],
)
def test_an_event_keeps_its_bytes_whatever_it_holds(body: bytes, events: list[bytes]) -> None:
    api = Api(httpx.Response(200, content=body))
    answer = api.web.get("/x")
    assert [bytes(event) for event in answer.json(list[msgspec.Raw])] == events
    assert answer.json() == json.loads(body)
    assert api.waited == []
