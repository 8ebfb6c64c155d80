"""How a worker passes requests and activities on to the writer, and what the writer believes."""

import asyncio
import gc
import logging
import pickle
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from casbah import compose, settings
from casbah.base.shared import SharedFlag
from casbah.errors import BodyTooLargeError, UnwritableError
from casbah.services import Common
from casbah.serving import internal as module
from casbah.serving.internal import COUNTS, INSERT, STATE, WriterClient, WriterGoneError, internal
from casbah.serving.writer_proxy import WriterProxy, _Client, _headers, _target
from scenarios.inprocess import Asker

SECRET = "the secret"
PEER, SCHEME = (b"casbah-internal-peer", b"2001:db8::7 4711"), (b"casbah-internal-scheme", b"https")
PROVEN = (b"casbah-internal-proxy", SECRET.encode())


def scope_of(path: str = "/x", *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "client": ("192.0.2.1", 5),
        "headers": list(headers),
        **more,
    }


def respond(app: Any, scope: dict[str, Any], body: bytes = b"") -> list[dict[str, Any]]:
    """What an application sends."""
    sent: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    "path, query, target",
    [
        (b"/a/b", b"", b"/a/b"),
        (b"/a%2Fb%20c", b"x=%E4&y=+", b"/a%2Fb%20c?x=%E4&y=+"),
        (b"//a//", b"?", b"//a//??"),
        (b"/a?b", b"b", b"/a?b"),
        (b"/\xc3\xa4 b", b"\xff\x00#", b"/%C3%A4%20b?%FF%00#"),
        (b"/%zz%", b"%", b"/%zz%?%"),
    ],
)
def test_a_target_is_passed_on_as_it_was_sent(path: bytes, query: bytes, target: bytes) -> None:
    assert _target(scope_of(raw_path=path, query_string=query)) == target


def test_headers_of_the_connection_and_forged_ones_are_not_passed_on() -> None:
    scope = scope_of(
        "/x",
        (b"host", b"a"),
        (b"connection", b"close"),
        (b"Upgrade", b"h2c"),
        (b"expect", b"100-continue"),
        (b"transfer-encoding", b"chunked"),
        (b"casbah-internal-peer", b"10.6.6.6 1"),
        (b"Casbah-Internal-Proxy", b"x"),
        (b"casbah-internal-call", b"x"),
        (b"x-twice", b" 1\t"),
        (b"x-twice", b"2"),
    )
    assert _headers(scope, b"s") == [
        (b"host", b"a"),
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"transfer-encoding", b"chunked"),
        (b"casbah-internal-proxy", b"s"),
        (b"casbah-internal-peer", b"192.0.2.1 5"),
        (b"casbah-internal-scheme", b"http"),
    ]


@pytest.mark.parametrize(
    "path, route",
    [
        pytest.param("/api/v1/activities/7/feedback", "/api/v1/activities/{pk}/feedback", id="a route of the writer"),
        pytest.param("/nowhere", "none", id="no route"),
        pytest.param("/api/v1/activities", "/api/v1/activities", id="a failed sign-in, which the writer counts"),
    ],
)
@pytest.mark.parametrize("maximum, detail", [(9, "starting again"), (0, "too many requests")])
def test_what_is_answered_in_place_of_the_writer_is_counted_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, route: str, maximum: int, detail: str
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr("casbah.http.app.of_request", lambda **line: lines.append(line))
    proxy = WriterProxy(str(tmp_path / "none.sock"), SECRET, SharedFlag(), maximum=maximum, max_body=99)
    chosen, common = settings.read({}, store=str(tmp_path / "store")), Common()
    with (
        closing(WriterClient(str(tmp_path / "none.sock"), SECRET)) as client,
        compose.worker(chosen, common=common, owner=client, writer_proxy=proxy) as worker,
    ):
        reply = Asker(worker.app, "bad")("POST", path)
        counted = worker.services.metrics.shown().decode()
    assert (reply.status, reply.headers["cache-control"]) == (503, "no-store")
    assert int(reply.headers["retry-after"]) > 0
    assert detail in reply.json["detail"]
    assert [(line["route"], line["status"], line["id"]) for line in lines] == [
        (route, 503, reply.headers["x-request-id"])
    ]
    assert f'casbah_requests_total{{method="POST",route="{route}",status="503"}} 1.0' in counted


@pytest.mark.parametrize("header", [(b"transfer-encoding", b"chunked"), (b"content-length", b"100")])
def test_a_body_of_any_encoding_is_bounded(header: tuple[bytes, bytes]) -> None:
    async def read(*chunks: bytes) -> bytes:
        left = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]

        async def receive() -> dict[str, Any]:
            return left.pop(0) if left else {"type": "http.request", "body": b"", "more_body": False}

        stream = _Client(receive, pytest.fail, max_body=100).body([header])  # type: ignore[arg-type]
        assert stream is not None
        return b"".join([chunk async for chunk in stream])

    assert len(asyncio.run(read(b"x" * 60, b"x" * 40))) == 100
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read(b"x" * 60, b"x" * 41))


class Application:
    """Notes the scopes that it is called with."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, _: Any, send: Any) -> None:
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Tenant:
    """Stores batches, or raises what is among them."""

    def insert_soon(self, entries: list[Any]) -> Future[Any]:
        outcome: Future[Any] = Future()
        error = next((entry for entry in entries if isinstance(entry, Exception)), None)
        if isinstance(error, UnwritableError):
            raise error
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(("stored", *entries))
        return outcome


class Store:
    def tenant(self, _: object) -> Tenant:
        return Tenant()


def writer(application: Application, counts: dict[int, Any] | None = None) -> Any:
    def state(tenant: str) -> str:
        if tenant == "damaged":
            raise ValueError("a bug")
        return f"state of {tenant}"

    return internal(
        application, Store(), state=state, counts={} if counts is None else counts, secret=SECRET, workers=1
    )  # type: ignore[arg-type]


def test_the_writer_believes_the_address_of_a_worker_alone() -> None:
    application = Application()
    for proof in ((PROVEN,), ((PROVEN[0], b"x"),), ((PROVEN[0], b""),), ()):
        respond(writer(application), scope_of("/x", (b"host", b"a"), PEER, SCHEME, *proof))
    seen = [(scope["client"], scope["scheme"]) for scope in application.scopes]
    assert seen == [(("2001:db8::7", 4711), "https"), *[(("192.0.2.1", 5), "http")] * 3]
    assert all(scope["headers"] == [(b"host", b"a")] for scope in application.scopes)


class Explosive:
    """Fails the test if anyone unpickles it."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("unpickled",))


@pytest.mark.parametrize("path", [INSERT, STATE, COUNTS])
@pytest.mark.parametrize("headers", [(), ((b"casbah-internal-call", b"x"),), (PROVEN, PEER, SCHEME)])
def test_a_pickle_is_read_only_with_the_secret(path: str, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    application = Application()
    sent = respond(writer(application), scope_of(path, *headers), pickle.dumps(Explosive()))
    assert (sent[0]["status"], len(application.scopes)) == (404, 1)


def call(path: str, question: object, counts: dict[int, Any] | None = None) -> Any:
    scope = scope_of(path, (b"casbah-internal-call", SECRET.encode()))
    start, body = respond(writer(Application(), counts), scope, pickle.dumps(question))
    assert start["status"] == 200
    return pickle.loads(body["body"])  # noqa: S301  it comes from the test itself


def test_each_batch_has_an_outcome_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    batches = [
        ("a", [1]),
        ("b", [UnwritableError()]),
        ("c", [ValueError("a bug")]),
        ("no valid name!", [2]),
        ("d", [3]),
    ]
    with caplog.at_level(logging.ERROR):
        first, unwritable, bug, unnamed, last = call(INSERT, batches)
    assert (first, last) == ((("stored", 1), None), (("stored", 3), None))
    assert isinstance(unwritable[1], UnwritableError)
    assert str(unwritable[1]) == str(UnwritableError())
    assert isinstance(bug[1], RuntimeError)
    assert "ValueError: a bug" in str(bug[1])
    assert unnamed[0] is None
    assert unnamed[1] is not None
    logged = [str(entry.exc_info[1]) for entry in caplog.records if entry.exc_info]
    assert "a bug" in logged
    assert len(logged) == 1, "a full disk is no bug"


def test_calls_for_a_state_and_of_counts() -> None:
    counts: dict[int, Any] = {}
    assert call(STATE, "x") == ("state of x", None)
    nothing, error = call(STATE, "damaged")
    assert (nothing, str(error)) == (None, "ValueError: a bug")
    call(COUNTS, (7, ["counted"]), counts)
    assert counts == {7: ["counted"]}


def test_each_insert_gets_its_own_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_MAX_TOGETHER", 2)
    client, calls = WriterClient(str(tmp_path / "none.sock"), SECRET), []

    def ask(path: str, batches: list[Any]) -> Any:
        calls.append(len(batches))
        assert path == INSERT
        return [(None, UnwritableError()) if name == "bad" else (("stored", name), None) for name, _ in batches]

    monkeypatch.setattr(client, "_ask", ask)
    names = ["a", "bad", "b", "c", "bad", "d"]
    waiting = [client.insert_soon((name, [name])) for name in names]
    for name, stored in zip(names, waiting, strict=True):
        if name == "bad":
            with pytest.raises(UnwritableError):
                stored.result(10)
        else:
            assert stored.result(10) == ("stored", name)
    client.close()
    assert sum(calls) == len(names)
    assert max(calls) <= 2


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_without_a_writer_every_insert_is_told_so(tmp_path: Path) -> None:
    client = WriterClient(str(tmp_path / "none.sock"), SECRET)
    for stored in [client.insert_soon(("a", [])) for _ in range(5)]:
        with pytest.raises(WriterGoneError):
            stored.result(10)
    with pytest.raises(WriterGoneError):
        client.state("a")
    client.close()
    del stored
    gc.collect()  # httpcore leaves a socket that could not connect to the garbage collector.
