"""Connections that change hands: byte for byte the answers of a server that is one process, however requests are cut and joined."""

import random
import re
import socket
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.serving.passing import Line, head_of
from making import record
from serving.conftest import serving, start

AUTHORIZED = b"Authorization: Token <key>"
LIST = b"/api/v1/activities/"
VARYING = re.compile(rb"(?m)^(date|x-request-id): .*\r\n", re.IGNORECASE)


def request(line: bytes, *headers: bytes, body: bytes = b"", length: bool = True, bearer: bytes = AUTHORIZED) -> bytes:
    framed = (b"Content-Length: %d" % len(body),) if body and length else ()
    lines = (line + b" HTTP/1.1", b"Host: localhost", *((bearer,) if bearer else ()), *headers, *framed, b"", b"")
    return b"\r\n".join(lines) + body


def listing(body: bytes, *headers: bytes) -> bytes:
    return request(b"POST " + LIST, *headers, body=body)


PLAIN = (
    listing(b'{"limit": 3}'),
    listing(b'{"limit": 100, "skip": 5}'),
    listing(b'{"isScan": true, "limit": 30}'),
    listing(b'{"filters": {"service": {"eq": 11161}}}', b"Content-Type: application/json"),
    listing(b'{"filters": {"nonsense": {"eq": 1}}}'),
    listing(b'{"limit": '),
    listing(b'{"limit": 1, "padding": "' + b"x" * 200_000 + b'"}'),
    request(b"GET " + LIST),
    request(b"GET " + LIST + b"?limit=2&skip=1"),
    request(b"GET /api/v1/activities/activity-7/"),
    request(b"GET /api/v1/activities/nobody"),
    request(b"POST /api/v1/activities/count/", body=b"{}"),
    request(b"POST /api/ext/v1/histogram", body=b"{}"),
    request(b"post " + LIST, body=b"{}").replace(b"post", b"POST", 1),
)
ODD = (
    request(b"GET /api/ext/v1/session"),
    request(b"GET /livez", bearer=b""),
    request(b"GET /nowhere"),
    request(b"PUT " + LIST, body=b"{}"),
    request(b"GET " + LIST, bearer=b""),
    request(b"GET " + LIST, bearer=b"Authorization: Token " + b"0" * 80),
    request(b"GET " + LIST, b"Cookie: a=b"),
    request(
        b"POST " + LIST, b"Transfer-Encoding: chunked", body=b'7\r\n{"limit\r\n5\r\n": 2}\r\n0\r\n\r\n', length=False
    ),
    request(b"POST " + LIST, b"content-length:   2", body=b"{}", length=False),
    request(b"GET " + LIST, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"),
    request(b"GET " + LIST, b"X-Note: content-length: 5"),
    request(b"GET /api/v1/activities/activity%2D7/"),
    request(b"HEAD " + LIST),
)
BROKEN = (
    request(b"GET " + LIST).replace(b"\r\n", b"\n"),
    request(b"POST " + LIST, b"Content-Length: 3", b"Content-Length: 2", body=b"{}", length=False),
    request(b"POST " + LIST, b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"{}", length=False),
    request(b"GET " + LIST, b"Content-Length : 2", body=b"{}", length=False),
    request(b"GET " + LIST, b" folded: header"),
    b"nonsense\r\n\r\n",
)
LAST = request(b"GET /api/v1/activities/activity-3/", b"Connection: close")


def answers(url: str, key: str, requests: bytes, cuts: list[int]) -> bytes:
    """All that comes back on one connection, without what is different every time."""
    parts = urlsplit(url)
    text = requests.replace(b"<key>", key.encode())
    found = []
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
                connection.sendall(text[begin:end])
                time.sleep(0.002)
        except OSError:  # It has said what it had to say.
            pass
        try:
            while more := connection.recv(65_536):
                found.append(more)
        except ConnectionResetError:
            pass
    return VARYING.sub(b"", b"".join(found))


def _difference(some: bytes, other: bytes) -> tuple[bytes, bytes]:
    place = next((n for n, (a, b) in enumerate(zip(some, other, strict=False)) if a != b), min(len(some), len(other)))
    return some[max(0, place - 150) : place + 50], other[max(0, place - 150) : place + 50]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    with serving(folder / "several") as several, serving(folder / "one", search_processes="0") as one:
        start(several)
        for each in (several, one):
            with each.client() as http:
                http.post("/api/v1/activities/", json={})
        yield several, one


def test_every_sequence_is_answered_as_by_one_process(both):
    several, one = both
    for seed in range(60):
        dice = random.Random(seed)
        wanted = dice.choices((*PLAIN, *PLAIN, *ODD), k=dice.randint(1, 6))
        if dice.random() < 0.2:
            wanted.append(dice.choice(BROKEN))
        if dice.random() < 0.3:
            new = b'{"_id": "new-%d", "timestamp": 1760000000000, "created": 1760000000000, "appId": 1}' % seed
            wanted.insert(dice.randrange(len(wanted)), request(b"POST /api/ext/v1/activities?source=mdca", body=new))
        text = b"".join((listing(b"{}"), *wanted, LAST))
        cuts = sorted(dice.sample(range(1, len(text)), dice.randint(0, 8)))
        found = [answers(each.url, each.key, text, cuts) for each in (several, one)]
        assert found[0] == found[1], _difference(*found)
    several.await_passed(0)  # Every connection is accounted for.


@pytest.mark.parametrize("raw", PLAIN)
def test_what_is_plain_is_read(raw):
    head = head_of(raw)
    assert head is not None
    assert len(raw) == head.size + head.body
    assert head.authorization == b"Token <key>"


@pytest.mark.parametrize("raw", [*BROKEN, *(each for each in ODD if b"session" not in each)])
def test_what_is_not_plain_is_left_to_the_parser(raw):
    head = head_of(raw)
    assert head is None or head.target in (b"/nowhere", LIST, b"/api/v1/activities/activity%2D7/")


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_part_of_a_head_is_a_head(junk, size):
    raw = request(b"POST " + LIST, b"X-Junk: " + junk.replace(b"\r", b"").replace(b"\n", b""), body=b"{}")
    end = raw.index(b"\r\n\r\n") + 4
    assert head_of(raw[: min(size, end - 1)]) is None


def test_a_body_larger_than_a_packet_comes_back_whole(both):
    """An ingest of some size on a connection that another process has: it is read there, and goes back with its socket."""
    several, one = both
    records = b"\n".join(b'{"_id": "large-%d", "timestamp": 1760000000000, "created": 1760000000000, "appId": 1, "x": "%s"}' % (n, b"y" * 1_000) for n in range(400))  # fmt: skip
    text = listing(b"{}") + request(b"POST /api/ext/v1/activities?source=mdca", body=records) + LAST
    found = [answers(each.url, each.key, text, []) for each in (several, one)]
    assert found[0] == found[1]
    assert b'"stored":400' in found[0]


def test_a_client_that_reads_slowly_gets_all_of_it(served):
    """What is not yet on its way when the next request goes elsewhere is not lost."""
    served.store(*(record(1_000 + n, timestamp=1_700_000_000_000 + n, text="z" * 90_000) for n in range(100)))
    parts = urlsplit(served.url)
    asked = [listing(b'{"limit": 100, "sortDirection": "asc"}'), request(b"GET /api/ext/v1/session"), LAST]
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(listing(b'{"limit": 1}').replace(b"<key>", served.key.encode()))
        time.sleep(0.1)
        connection.sendall(b"".join(asked).replace(b"<key>", served.key.encode()))
        time.sleep(0.5)
        found = b""
        while more := connection.recv(65_536):
            found += more
    assert found.count(b"HTTP/1.1 200 OK") == 4
    assert found.count(b"z" * 90_000) == 100


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: a" + b" " * 200_000 + b"\x80",
        b"X-Long: " + b"x" * 20_000,
        b"Authorization: a\x80",
        b"Authorization:",
    ],
)
def test_what_is_long_or_no_text_is_left_to_the_parser(header):
    assert head_of(request(b"GET " + LIST, header, bearer=b"")) is None


def test_a_connection_that_is_lost_on_its_way_is_told_of():
    """The kernel drops the socket where a process has as many files open as it may."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other, socket.socket() as connection:
        line = Line(other)
        one.send(b".first")
        socket.send_fds(one, [b"+sec"], [])
        socket.send_fds(one, [b".ond"], [connection.fileno()])
        one.send(b"-")
        found = list(line.taken())
        assert [each and each[1] for each in found] == [None, b"second", None]
        found[1][0].close()
        one.close()
        with pytest.raises(EOFError):
            list(line.taken())
