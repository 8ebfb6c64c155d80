"""How many connections there may be, how long a head may take, and how slowly a body may come."""

import asyncio
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvloop

from casbah import compose, settings
from casbah.base.shared import SharedNumbers
from casbah.serving import connections as module
from casbah.serving.connections import ConnectionLimits, Connections, limits_of, raise_file_limit
from casbah.serving.server import Acceptor, address, listening, server_of

HALF = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
WHOLE = HALF + b"\r\n"


class Fake:
    """A connection that notes what is done to it."""

    def __init__(self, address: str, *, held_up: bool = False) -> None:
        self.address = address
        self.is_held_up = held_up
        self.end = ""

    def give_up(self, reason: str, /) -> None:
        self.end = reason

    def turn_away(self) -> None:
        self.end = "turned away"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    now = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def opened(connections: Connections, *addresses: str) -> list[Fake]:
    made = [Fake(address) for address in addresses]
    for connection in made:
        connections.opened(connection)
    return made


def test_past_the_limit_of_an_address_its_oldest_incomplete_head_goes() -> None:
    connections = Connections(ConnectionLimits(per_address=2))
    other, first, second, third = opened(connections, "b", "a", "a", "a")
    assert [bool(one.end) for one in (other, first, second, third)] == [False, True, False, False]
    assert "waited longest" in first.end


def test_past_the_limit_in_total_the_oldest_incomplete_head_of_all_goes() -> None:
    connections = Connections(ConnectionLimits(connections=2))
    busy, idle = opened(connections, "a", "b")
    connections.complete(busy)
    (new,) = opened(connections, "c")
    assert (busy.end, new.end) == ("", "")
    assert "waited longest" in idle.end


def test_a_new_one_is_turned_away_where_all_others_are_answered() -> None:
    connections = Connections(ConnectionLimits(connections=2))
    for connection in opened(connections, "a", "b"):
        connections.complete(connection)
    (new,) = opened(connections, "c")
    assert new.end == "turned away"
    (busy,) = opened(Connections(ConnectionLimits(connections=2)), "a")
    assert busy.end == ""


def test_closed_connections_count_no_more_and_leave_nothing() -> None:
    connections = Connections(ConnectionLimits(connections=1, per_address=1))
    for _ in range(3):
        (one,) = opened(connections, "a")
        connections.closed(one)
        connections.closed(one)
        assert one.end == ""
    left = (connections._all, connections._by_address, connections._heads, connections._bodies)
    assert not any(left)


def test_trusted_proxies_may_have_as_many_as_they_like() -> None:
    connections = Connections(ConnectionLimits(per_address=1), exempt=("proxy",))
    assert [one.end for one in opened(connections, "proxy", "proxy", "proxy")] == ["", "", ""]


def test_a_head_that_takes_too_long_is_given_up(clock: Callable[[float], None]) -> None:
    connections = Connections(ConnectionLimits(head_seconds=30))
    (slow,) = opened(connections, "a")
    clock(20)
    (later,) = opened(connections, "a")
    clock(10)
    connections.sweep()
    assert "CASBAH_HEAD_TIMEOUT" in slow.end
    assert later.end == ""


def test_a_body_that_comes_too_slowly_is_given_up_unless_we_are_what_is_slow(clock: Callable[[float], None]) -> None:
    connections = Connections(ConnectionLimits(body_rate=500))
    slow, quick, waiting = Fake("a"), Fake("a"), Fake("a", held_up=True)
    for connection, size in ((slow, 9_999), (quick, 10_000), (waiting, 0)):
        connections.opened(connection)
        connections.await_body(connection)
        connections.received(connection, size)
    clock(19)
    connections.sweep()
    assert slow.end == ""
    clock(1)
    connections.sweep()
    assert "CASBAH_BODY_RATE" in slow.end
    assert (quick.end, waiting.end) == ("", "")


def test_the_limits_of_a_worker_are_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2_300, 4_096))
    chosen = settings.read({}, max_connections_per_address="101", head_timeout="1500ms", body_rate="off")
    assert limits_of(chosen, processes=2) == ConnectionLimits(1_000, 51, 1.5, None)
    assert limits_of(settings.read({}, max_connections="10"), processes=2).connections == 5


@contextmanager
def serving(folder: Path, **chosen: str) -> Iterator[Any]:
    read = settings.read({}, store=str(folder), port="0", host="0.0.0.0", **chosen)
    with compose.build(read) as application, listening(read) as listener:
        connections = Connections(limits_of(read, processes=1))
        server = server_of(application.app, read, connections=connections)
        server.accept(Acceptor(listener, SharedNumbers(1), 0))
        thread = Thread(target=server.run, kwargs={"sockets": []})
        thread.start()
        try:
            yield urlsplit(address(listener)).port, application.local_key
        finally:
            server.should_exit = True
            thread.join(30)


def connected(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    received = b""
    while data := connection.recv(65_536):
        received += data
    return received


def test_two_thousand_half_sent_heads_from_one_address_are_no_matter_to_another(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8_192:
        pytest.skip(f"this process may open {hard} files only")
    raise_file_limit()
    try:
        with serving(tmp_path, max_connections_per_address="300") as (port, _), ExitStack() as stack:
            for number in range(2_000):
                half = stack.enter_context(connected(port))
                half.sendall(HALF)
                if number % 100 == 99:
                    with connected(port, "127.0.0.2") as other:
                        other.sendall(WHOLE)
                        assert other.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_half_sent_head_is_answered_408_and_a_silent_connection_is_closed(tmp_path: Path) -> None:
    with serving(tmp_path, head_timeout="3s") as (port, _), connected(port) as half, connected(port) as silent:
        half.sendall(HALF)
        text = answer(half)
        assert text.startswith(b"HTTP/1.1 408")
        assert b"CASBAH_HEAD_TIMEOUT" in text
        assert answer(silent) == b""


@pytest.mark.slow
def test_a_slow_body_is_answered_408(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW", 1.0)
    head = "POST /api/v1/activities/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
    with serving(tmp_path) as (port, key), connected(port) as slow, connected(port) as refused:
        slow.sendall(f"{head}Authorization: Token {key}\r\n\r\n{{".encode())
        refused.sendall(f"{head}\r\n{{".encode())
        text = answer(slow)
        assert text.startswith(b"HTTP/1.1 408")
        assert b"CASBAH_BODY_RATE" in text
        text = answer(refused)
        assert (text[:12], text.count(b"HTTP/1.1")) == (b"HTTP/1.1 401", 1)


def test_connections_that_never_complete_their_tls_handshake_make_room(
    tmp_path: Path, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("casbah.serving.server._MAX_HANDSHAKES", 20)
    chain, key = certificate
    with serving(tmp_path, tls_certificate=str(chain), tls_key=str(key)) as (port, _), ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(connected(port))
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(connected(port)) as client:
            client.sendall(WHOLE)
            assert client.recv(100).startswith(b"HTTP/1.1 200")


EARLY = b"POST /api/v1/activities/ HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.parametrize(
    "first, after",
    [
        pytest.param(EARLY, b"0123456789", id="a body that comes after its answer"),
        pytest.param(WHOLE + HALF, b"X", id="half of the next head"),
    ],
)
def test_no_connection_waits_for_ever_after_an_answer(tmp_path: Path, first: bytes, after: bytes) -> None:
    with serving(tmp_path, head_timeout="2s") as (port, _), connected(port) as client:
        client.sendall(first)
        assert client.recv(1_000).startswith(b"HTTP/1.1")
        with suppress(ConnectionError):  # Ended before it was all sent.
            client.sendall(after)
            answer(client)  # The end of the connection; without one the socket's own timeout is raised.


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    pass


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("iterations", [0, 1, 2, 3])
def test_a_connection_accepted_just_before_the_end_does_not_delay_it(loop: Any, iterations: int) -> None:
    server = server_of(_nothing)
    ours, theirs = socket.socketpair()

    async def scenario() -> None:
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup([])
        server.take(ours)
        for _ in range(iterations):
            await asyncio.sleep(0)
        await asyncio.wait_for(server.shutdown([]), 10)
        await asyncio.sleep(0)

    with theirs, asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
        theirs.settimeout(10)
        assert theirs.recv(1) == b""
    assert server.connections == 0
