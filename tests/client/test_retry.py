"""Which requests are sent again, after how long, and what is raised in the end."""

import asyncio
import contextlib
import logging
import pickle
import socket
import ssl
import threading
import traceback
from email.utils import formatdate

import httpx
import pytest

from casbah.client import (
    AsyncCasbah,
    AuthenticationError,
    BadRequestError,
    Casbah,
    ClientError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    Retry,
    ServerError,
    ThrottledError,
    UnreachableError,
    UsageError,
)
from client.scripted import NOW, ONE_PAGE, TOKEN

RECORD = {"_id": "a", "timestamp": 1}


def said(status, headers=None, **body):
    return lambda: httpx.Response(status, headers=headers, json=body)


def cut():
    return httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"data": [{"_id"')


def a_page():
    return httpx.Response(200, json=ONE_PAGE)


def made(replies):
    return [reply if isinstance(reply, type) else reply() for reply in replies]


AVAILABLE = "Request was throttled. Expected available in 9 seconds."
HOUR_AGO = formatdate(NOW - 3_600, usegmt=True)
SKEWED = {"Retry-After": formatdate(NOW - 3_595, usegmt=True), "Date": HOUR_AGO}

WAITS = [
    pytest.param([said(429, {"Retry-After": "7"}, detail=AVAILABLE)], [7], id="seconds in Retry-After"),
    pytest.param([said(429, {"Retry-After": formatdate(NOW + 12, usegmt=True)})], [12], id="a date in Retry-After"),
    pytest.param([said(429, SKEWED)], [5], id="a date, on a server whose clock is an hour behind"),
    pytest.param([said(429, detail=AVAILABLE)], [9], id="seconds in the text"),
    pytest.param([said(429, {"Retry-After": "soon"}, detail=AVAILABLE)], [9], id="an unreadable Retry-After"),
    pytest.param([said(429, {"Retry-After": "0"}), said(429)], [0.5, 1], id="nothing said: back-off"),
    pytest.param([said(429, {"Retry-After": HOUR_AGO})], [0.5], id="a date gone by: back-off"),
    pytest.param([said(502), said(503), said(504)], [0.5, 1, 2], id="gateways that fail"),
    pytest.param([said(503, {"Retry-After": "3"}), said(503)], [3, 1], id="503 with Retry-After"),
    pytest.param([httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout], [0.5, 1, 2], id="no connection"),
    pytest.param([httpx.ReadTimeout, httpx.ReadError, httpx.WriteError], [0.5, 1, 2], id="a connection lost"),
    pytest.param([httpx.RemoteProtocolError, cut, httpx.DecodingError], [0.5, 1, 2], id="an answer cut short"),
    pytest.param([said(429, {"Retry-After": "20"})] * 15, [20] * 15, id="throttled tries are not counted"),
]


@pytest.mark.parametrize(("troubles", "waits"), WAITS)
def test_a_read_is_sent_again(script, troubles, waits):
    played = script(*made([*troubles, a_page]))
    assert played.run(lambda it: it.list()).data == []
    assert played.waits == waits
    assert len({(asked.url, asked.content) for asked in played.asked}) == 1


@pytest.mark.parametrize(
    ("use", "answer"),
    [
        pytest.param(lambda it: it.list(), ONE_PAGE, id="list"),
        pytest.param(lambda it: it.count(), {"total": 5}, id="count"),
        pytest.param(lambda it: it.fetch("a"), RECORD, id="fetch"),
        pytest.param(lambda it: it.metadata(), {"filters": []}, id="metadata"),
    ],
)
def test_every_read_is_sent_again(script, use, answer):
    played = script(*made([said(502), httpx.ReadTimeout, said(200, **answer)]))
    played.run(use)
    assert len(played.asked) == 3


SAFE = [
    pytest.param([said(429, {"Retry-After": "2"})], [2], id="throttled"),
    pytest.param([httpx.ConnectError, httpx.ConnectTimeout], [0.5, 1], id="no connection"),
]


@pytest.mark.parametrize(("troubles", "waits"), SAFE)
def test_feedback_is_sent_again_where_it_was_surely_not_taken(script, troubles, waits):
    played = script(*made([*troubles, said(200)]))
    assert played.run(lambda it: it.feedback("a", text="x")) is None
    assert played.waits == waits


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        pytest.param(said(503, {"Retry-After": "1"}), ServerError, id="503"),
        pytest.param(said(502), ServerError, id="502"),
        pytest.param(said(504), ServerError, id="504"),
        pytest.param(httpx.ReadTimeout, UnreachableError, id="no answer in time"),
        pytest.param(httpx.WriteError, UnreachableError, id="a connection lost while sending"),
        pytest.param(httpx.RemoteProtocolError, UnreachableError, id="an answer cut short"),
    ],
)
def test_feedback_is_not_sent_again_where_it_may_have_been_taken(script, trouble, error):
    played = script(*made([trouble]))
    with pytest.raises(error, match="the server may have stored it"):
        played.run(lambda it: it.feedback("a", text="x"))
    assert played.waits == []


@pytest.mark.parametrize(
    "answer",
    [
        cut,
        said(200),
        lambda: httpx.Response(204),
        lambda: httpx.Response(200, text="ok"),
        lambda: httpx.Response(200, json={"data": []}),
        lambda: httpx.Response(200, json={"data": ["a"]}),
    ],
)
def test_feedback_that_was_taken_is_taken_whatever_the_answer_holds(script, answer):
    assert script(answer()).run(lambda it: it.feedback("a", text="x")) is None


FAILURES = [
    pytest.param([said(400, detail="unknown filter 'x'")], BadRequestError, 400, "unknown filter 'x'", id="400"),
    pytest.param(
        [said(400, filters=[{"error": "This field is required"}], error=True)],
        BadRequestError,
        400,
        "answered 400: filters: This field is required; fix",
        id="MDCA's 400",
    ),
    pytest.param(
        [
            said(
                400,
                limit=[{"error": "limit: too many"}, {"code": 1}, 7],
                skip=[{"error": "no"}, {"error": "none"}],
                error=True,
            )
        ],
        BadRequestError,
        400,
        "answered 400: limit: too many; skip: no; skip: none; fix",
        id="MDCA's 400 for two fields",
    ),
    pytest.param([said(400, error=True)], BadRequestError, 400, "answered 400; fix", id="a 400 without texts"),
    pytest.param([said(405, detail="no")], BadRequestError, 405, "check the server's address", id="405"),
    pytest.param([said(413, detail="large")], BadRequestError, 413, "fewer values", id="413"),
    pytest.param([said(422)], BadRequestError, 422, "fix the request", id="another 4xx"),
    pytest.param([said(401, detail="Invalid token.")], AuthenticationError, 401, "casbah token create", id="401"),
    pytest.param([said(403)], PermissionDeniedError, 403, "Investigation.read", id="403"),
    pytest.param([said(404)], NotFoundError, 404, "check the id", id="404"),
    pytest.param([said(500)], ServerError, 500, "the server's log", id="500"),
    pytest.param([said(502)] * 6, ServerError, 502, r"\(6 times\)", id="502 again and again"),
    pytest.param([httpx.ConnectError] * 6, UnreachableError, None, "check that the server runs", id="no connection"),
    pytest.param([httpx.ReadTimeout] * 6, UnreachableError, None, "longer timeout", id="never an answer"),
    pytest.param([cut] * 6, ProtocolError, 200, "is not JSON", id="answers always cut short"),
    pytest.param(
        [said(429, {"Retry-After": "301"})], ThrottledError, 429, "send fewer requests", id="a wait past patience"
    ),
    pytest.param(
        [said(429, {"Retry-After": "20"})] * 16, ThrottledError, 429, r"\(16 times\)", id="patience at its end"
    ),
    pytest.param([said(302, {"Location": "/x"})], ProtocolError, 302, "sign-in page", id="a redirect"),
    pytest.param(
        [lambda: httpx.Response(200, html="<p>")], ProtocolError, 200, r"text/html.*not JSON", id="a web page"
    ),
    pytest.param([lambda: httpx.Response(200, json=[])], ProtocolError, 200, "not an object", id="a list"),
    pytest.param([said(200, data=5)], ProtocolError, None, "expected a page", id="an object that is no page"),
    pytest.param([said(200, data=[5], hasNext=False)], ProtocolError, None, "expected a page", id="no objects in it"),
    pytest.param([said(200, data=[])], ProtocolError, None, "expected a page", id="no hasNext"),
    pytest.param(
        [lambda: httpx.Response(400, content=b"\xff")], BadRequestError, 400, "answered 400;", id="a wordless 400"
    ),
    pytest.param([lambda: httpx.Response(400, json=[1])], BadRequestError, 400, r"\[1\]", id="an odd 400"),
    pytest.param([lambda: httpx.Response(400, text="a\x1b[1m\nb")], BadRequestError, 400, r"a \[1m b;", id="controls"),
]


@pytest.mark.parametrize(("replies", "error", "status", "message"), FAILURES)
def test_what_is_raised_in_the_end(script, replies, error, status, message):
    played = script(*made(replies))
    with pytest.raises(error, match=message) as caught:
        played.run(lambda it: it.list())
    assert played.replies == []
    assert type(caught.value) is error
    assert caught.value.status == status
    assert str(caught.value).startswith(("POST /api/v1/activities/: ", "expected a page"))
    assert vars(pickle.loads(pickle.dumps(caught.value))) == vars(caught.value)  # noqa: S301  our own


@pytest.fixture
def untrusted(certificate):
    """The URL of a server whose certificate nobody trusts, and the addresses that connected to it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    connected = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):  # The listener is closed.
                while True:
                    connection, address = listener.accept()
                    connected.append(address)
                    with connection, contextlib.suppress(OSError):
                        context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", connected
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_certificate_that_is_not_trusted_is_not_tried_again(untrusted):
    url, connected = untrusted

    async def list_awaiting():
        async with AsyncCasbah(url, token=TOKEN) as casbah:
            await casbah.activities.list()

    with Casbah(url, token=TOKEN) as casbah:
        for use in (casbah.activities.list, lambda: asyncio.run(list_awaiting())):
            with pytest.raises(UnreachableError, match=r"self.signed certificate .*; let this machine trust"):
                use()
    assert len(connected) == 2


def test_a_throttle_says_for_how_long(script):
    with pytest.raises(ThrottledError) as caught:
        script(said(429, {"Retry-After": "3600"})()).run(lambda it: it.list())
    assert caught.value.seconds == 3_600


@pytest.mark.parametrize("use", [lambda it: it.count(), lambda it: it.fetch("a")], ids=["count", "fetch"])
def test_an_answer_of_another_route_is_found_out(script, use):
    with pytest.raises(ProtocolError, match="expected"):
        script(httpx.Response(200, json={"data": [], "hasNext": False})).run(use)


LEAKS = [
    pytest.param([lambda: httpx.Response(400, json={"detail": f"odd header: Token {TOKEN}"})], id="in a detail"),
    pytest.param([lambda: httpx.Response(502, text=f"> Authorization: Token {TOKEN}")] * 6, id="in a proxy's page"),
    pytest.param([httpx.ConnectError] * 6, id="no connection"),
    pytest.param([said(401, detail="Invalid token.")], id="refused"),
]


@pytest.mark.parametrize("replies", LEAKS)
def test_the_token_is_never_shown(script, replies, caplog):
    caplog.set_level(logging.DEBUG)
    seen = []
    with pytest.raises(ClientError) as caught:
        script(*made(replies)).run(lambda it: seen.append(repr(it)) or it.list())
    error = caught.value
    shown = [*seen, repr(error), str(vars(error)), caplog.text, *traceback.format_exception(error)]
    assert not [text for text in shown if TOKEN in text]


def test_back_off_is_full_jitter():
    asked = []
    retry = Retry(first=0.5, longest=3, uniform=lambda low, high: asked.append((low, high)) or high / 2)
    assert [retry.pause(number) for number in (1, 2, 3, 4, 5, 5_000)] == [0.25, 0.5, 1, 1.5, 1.5, 1.5]
    assert {low for low, _ in asked} == {0}
    assert all(0 <= Retry().pause(3) <= 2 for _ in range(100))


@pytest.mark.parametrize("given", [{"attempts": 0}, {"first": -1}, {"longest": float("nan")}, {"patience": -0.1}])
def test_a_policy_that_makes_no_sense_is_refused(given):
    with pytest.raises(UsageError, match="Retry: attempts is 1 or more"):
        Retry(**given)
