"""Requests byte for byte, as rare and careless clients write them, through the server's own parser."""

import json
import socket
import time
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit

import pytest

from scenarios.inprocess import Asker
from scenarios.server import serving

LIST = b"/api/v1/activities/"
INGEST = b"/api/ext/v1/activities?source=mdca"
FORM = b"Content-Type: application/x-www-form-urlencoded"
MULTIPART = b"Content-Type: multipart/form-data; boundary=XX"
BODY_LIMIT = 1_048_576
LARGEST_TARGET = 65_535
UNREADABLE = {"detail": "not a valid HTTP/1.1 request: malformed request line, header or length"}
TOO_LARGE = {"detail": "request body is larger than 1048576 bytes (setting CASBAH_MAX_BODY)"}
KEY = b"<key>"
"""Stands for the owner's key, which is not known when the tables below are made."""


def request(line: bytes, *headers: bytes, body: bytes = b"", token: bytes = b"Authorization: Token <key>") -> bytes:
    """A request; `body` has its length announced unless a header says that it comes in chunks."""
    framed = (
        (b"Content-Length: %d" % len(body),)
        if body and not any(b"chunked" in header.lower() for header in headers)
        else ()
    )
    lines = (line, b"Host: localhost", *((token,) if token else ()), *headers, *framed, b"", b"")
    return b"\r\n".join(lines) + body


def post(body: bytes, *headers: bytes) -> bytes:
    return request(b"POST " + LIST + b" HTTP/1.1", *headers, body=body)


def get(query: bytes = b"", *headers: bytes, body: bytes = b"", **more: bytes) -> bytes:
    return request(b"GET " + LIST + query + b" HTTP/1.1", *headers, body=body, **more)


class Wire:
    """One connection; reads answers one by one, so that what follows an answer stays for the next."""

    def __init__(self, connection: socket.socket, key: bytes) -> None:
        self.connection, self.key, self.waiting = connection, key, b""

    def send(self, *pieces: bytes) -> "Wire":
        for piece in pieces:
            self.connection.sendall(piece.replace(KEY, self.key))
        return self

    def head(self) -> tuple[int, dict[bytes, bytes]]:
        while b"\r\n\r\n" not in self.waiting:
            self.waiting += self.more()
        text, _, self.waiting = self.waiting.partition(b"\r\n\r\n")
        status, *lines = text.split(b"\r\n")
        pairs = (line.partition(b":") for line in lines)
        return int(status.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def answer(self) -> tuple[int, object]:
        """The status, and the body as JSON, or as it is where it is none."""
        status, headers = self.head()
        body = self.chunks() if b"chunked" in headers.get(b"transfer-encoding", b"") else self.exactly(int(headers[b"content-length"]))  # fmt: skip
        return status, json.loads(body) if headers[b"content-type"] == b"application/json" else body

    def chunks(self) -> bytes:
        found = []
        while not found or found[-1]:
            while b"\r\n" not in self.waiting:
                self.waiting += self.more()
            size, _, self.waiting = self.waiting.partition(b"\r\n")
            found.append(self.exactly(int(size, 16) + 2)[:-2])
        return b"".join(found)

    def exactly(self, size: int) -> bytes:
        while len(self.waiting) < size:
            self.waiting += self.more()
        found, self.waiting = self.waiting[:size], self.waiting[size:]
        return found

    def more(self) -> bytes:
        found = self.connection.recv(65_536)
        assert found, f"the connection closed after {self.waiting[:300]!r}"
        return found

    def is_closed(self) -> bool:
        return self.waiting == b"" and self.connection.recv(1) == b""


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    lines = [json.dumps({"_id": f"a{number}", "uid": f"a{number}", "timestamp": 1_000 * number, "appId": number % 3, "device": {"userAgent": f"é {number} + & 1"}}) for number in range(6)]  # fmt: skip
    with serving(tmp_path_factory.mktemp("store")) as (url, house):
        reference = Asker(house.app, house.local_key)
        assert reference("POST", INGEST.decode(), "\n".join(lines).encode()).json["stored"] == 6
        yield urlsplit(url), house.local_key.encode(), reference


@pytest.fixture
def connected(running):
    address, key, _ = running

    @contextmanager
    def connect():
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            yield Wire(connection, key)

    return connect


@pytest.fixture
def expected(running):
    """The page that a plain POST of the same parameters gets."""
    return lambda parameters: running[2]("POST", LIST.decode(), json.dumps(parameters).encode()).json


LIMIT, SERVICE = {"limit": 1}, {"filters": {"service": {"eq": 1}}}
AGENT = {"filters": {"userAgent.userAgent": {"eq": "é 4 + & 1"}}}
AGENT_TEXT = json.dumps(AGENT["filters"], ensure_ascii=False).encode()


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    return b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
BYTEWISE = b"".join(b"1\r\n%c\r\n" % each for each in b'{"limit": 1}')


def part(value: bytes, *, disposition: bytes = b'name="filters"', more: bytes = b"", boundary: bytes = b"XX") -> bytes:
    return b"--%b\r\nContent-Disposition: form-data; %b\r\n%b\r\n%b\r\n" % (boundary, disposition, more, value)


FILTERS = b'{"service": {"eq": 1}}'
END = b"--XX--\r\n"

READ = [
    # Framing.
    pytest.param(post(chunked(b'c\r\n{"limit": 1}\r\n'), CHUNKED), LIMIT, id="one chunk"),
    pytest.param(post(chunked(BYTEWISE), CHUNKED), LIMIT, id="chunks of one byte"),
    pytest.param(get(b"", CHUNKED, body=chunked(BYTEWISE)), LIMIT, id="chunks on GET"),
    pytest.param(post(chunked(b'00C\r\n{"limit": 1}\r\n'), b"transfer-encoding: Chunked"), LIMIT, id="a chunk's size with zeros, in capitals"),
    pytest.param(post(chunked(b'c;name=value;other="a; b"\r\n{"limit": 1}\r\n'), CHUNKED), LIMIT, id="chunk extensions"),
    pytest.param(post(chunked(b'c\r\n{"limit": 1}\r\n', trailer=b"Content-MD5: x\r\nExpires: 0\r\n"), CHUNKED, b"Trailer: Content-MD5"), LIMIT, id="trailers"),
    pytest.param(post(chunked(), CHUNKED), {}, id="no chunk but the last"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Content-Length: 0"), {}, id="a length of 0"),
    pytest.param(b"\r\n" + get(b"?limit=1"), LIMIT, id="an empty line before the request (RFC 9112, 2.2)"),
    pytest.param(get(b"?limit=1").replace(b"GET /", b"GET http://localhost:80/"), LIMIT, id="an absolute target, as for a proxy (RFC 9112, 3.2.2)"),
    pytest.param(get(b"?limit=1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), LIMIT, id="an offer of HTTP/2 without a body, as curl --http2 sends it"),
    pytest.param(post(b'{"limit": 1}', b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), LIMIT, id="an offer of HTTP/2 with a body, as Java's client sends it"),
    pytest.param(post(chunked(BYTEWISE), b"Connection: Upgrade", b"Upgrade: h2c", CHUNKED), LIMIT, id="the same in chunks"),
    pytest.param(get(b"?limit=1", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="), LIMIT, id="an offer of a web socket"),
    # Headers.
    pytest.param(get(b"?limit=1", token=b"Authorization:Token <key>"), LIMIT, id="no blank after the colon (wire.md, 2)"),
    pytest.param(get(b"?limit=1", token=b"authorization:   token   <key>  "), LIMIT, id="a scheme in small letters, more blanks"),
    pytest.param(get(b"?limit=1", token=b"AUTHORIZATION: TOKEN <key>"), LIMIT, id="a scheme in capitals"),
    pytest.param(get(b"?limit=1", token=b"Authorization: Bearer <key>"), LIMIT, id="Bearer and a key of ours"),
    pytest.param(get(b"?limit=1", b"X-Long: " + b"y" * 60_000), LIMIT, id="a header of 60,000 bytes"),
    pytest.param(get(b"?limit=1", *(b"X-%d: y" % number for number in range(1_000))), LIMIT, id="1,000 headers"),
    # JSON.
    pytest.param(post(b'\xef\xbb\xbf\r\n {"limit": 1}\r\n', b"Content-Type: application/json"), LIMIT, id="a byte order mark, blanks and line ends around JSON"),
    pytest.param(post(b'{"limit": 1}', b"Content-Type: application/json; charset=utf-16"), LIMIT, id="UTF-8 that is labelled UTF-16"),
    pytest.param(post(b'{"limit": 1}', b'Content-Type: text/json;charset="UTF-8"'), LIMIT, id="a type of its own and a quoted charset"),
    pytest.param(post(b'{"limit": 1}', b"Content-Type:"), LIMIT, id="an empty type"),
    pytest.param(post(b'{"limit": 1}', b"Content-Type: application/json", b"Content-Encoding: utf-8"), LIMIT, id="a content coding that is none"),
    pytest.param(post(b'{"limit": 5, "limit": 1}'), LIMIT, id="of a repeated JSON key the last one wins"),
    pytest.param(post(b'{"filters": null, "skip": null}'), {}, id="nulls"),
    pytest.param(post(b'{"limit": 1.0, "skip": "0", "isScan": "False"}'), LIMIT, id="a float, a string for a number, a string for a boolean"),
    pytest.param(post(b'{"filters": {"service": {"eq": "1"}}}'), SERVICE, id="a string for a number, in filters"),
    pytest.param(post(b'{"filters": ' + AGENT_TEXT + b"}"), AGENT, id="letters past ASCII as UTF-8"),
    pytest.param(post(b'{"filters": {"userAgent.userAgent": {"eq": "\\u00e9 4 + & 1"}}}'), AGENT, id="letters past ASCII as escapes"),
    # Forms and query strings.
    pytest.param(post(b"limit=5&limit=1", FORM), LIMIT, id="of a repeated field the last one wins"),
    pytest.param(get(b"?limit=5&limit=1"), LIMIT, id="of a repeated parameter the last one wins"),
    pytest.param(post(b"filters=" + quote(AGENT_TEXT).encode(), FORM), AGENT, id="a form with every blank as %20"),
    pytest.param(post(b"filters=" + quote(AGENT_TEXT).replace("%20", "+").encode(), FORM), AGENT, id="a form with every blank as +"),
    pytest.param(post(b"filters=" + quote(AGENT_TEXT).lower().replace("useragent.useragent", "userAgent.userAgent").encode(), FORM), AGENT, id="%c3 in small letters"),
    pytest.param(post(b"".join(b"%%%02x" % each for each in b"limit") + b"=%31", FORM), LIMIT, id="a form with every byte percent-encoded"),
    pytest.param(post(b"&&limit=1&", FORM + b"; charset=UTF-8"), LIMIT, id="ampersands too many"),
    pytest.param(get(b'?filters={"service":{"eq":1}}'), SERVICE, id="a query string that nobody encoded"),
    pytest.param(get(b"?limit=1#fragment"), LIMIT, id="a fragment"),
    # Multipart.
    pytest.param(post(part(FILTERS) + END, MULTIPART), SERVICE, id="multipart"),
    pytest.param(post(part(FILTERS, disposition=b'name="filters"; filename="filters.json"') + END, MULTIPART), SERVICE, id="a part with the name of a file"),
    pytest.param(post(part(FILTERS, more=b"Content-Type: application/json; charset=utf-8\r\nContent-Length: 22\r\n") + END, MULTIPART), SERVICE, id="a part with a type and a length of its own"),
    pytest.param(post(part(FILTERS, disposition=b"name=filters") + END, MULTIPART), SERVICE, id="a part with an unquoted name"),
    pytest.param(post(part(FILTERS, boundary=b"-a'b+_,./:=?") + b"---a'b+_,./:=?--", b"Content-Type: multipart/form-data; boundary=\"-a'b+_,./:=?\""), SERVICE, id="a quoted boundary of odd characters"),
    pytest.param(post(b"To whom it may concern\r\n" + part(FILTERS) + END + b"Faithfully yours", MULTIPART), SERVICE, id="a preamble and an epilogue"),
    pytest.param(post(part(FILTERS) + END, b"Content-Type: Multipart/Form-Data;charset=utf-8;Boundary=XX"), SERVICE, id="a label in other letters, with a charset"),
    pytest.param(post(part(FILTERS).replace(b"Content-Disposition", b"content-disposition") + END, MULTIPART), SERVICE, id="a part's header in small letters"),
    pytest.param(post(part(b"{}") + part(FILTERS) + END, MULTIPART), SERVICE, id="of a repeated part the last one wins"),
]  # fmt: skip


@pytest.mark.parametrize("asked, parameters", READ)
def test_what_rare_clients_send_is_read(connected, expected, asked, parameters):
    with connected() as wire:
        assert wire.send(asked).answer() == (200, expected(parameters))


@pytest.mark.parametrize("asked, parameters", READ)
def test_it_is_read_in_two_pieces_too_and_the_connection_stays(connected, expected, asked, parameters):
    with connected() as wire:
        wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        whole = asked.replace(KEY, wire.key)
        half = len(whole) // 2
        for _ in range(2):
            assert wire.send(whole[:half], whole[half:]).answer() == (200, expected(parameters))


GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00"
REFUSED = [
    pytest.param(post(GZIP, b"Content-Encoding: gzip", b"Content-Type: application/json"), "body: compressed; send it as it is", id="a compressed body"),
    pytest.param(post(GZIP, b"Content-Encoding: gzip", FORM), "body: compressed; send it as it is", id="a compressed form"),
    pytest.param(post('{"limit": 1}'.encode("utf-16"), b"Content-Type: application/json; charset=utf-16"), "body: expected a JSON object", id="UTF-16"),
    pytest.param(post(b'{"filters": {"userAgent.userAgent": {"eq": "\xe9"}}}'), "body: not UTF-8", id="Latin-1"),
    pytest.param(post(part(FILTERS), MULTIPART), "breaks off before its closing boundary", id="multipart that breaks off"),
    pytest.param(get(b"?limit=" + b"%FF"), "not UTF-8 after decoding", id="a query string that is not UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize("asked, text", REFUSED)
def test_what_cannot_be_read_is_refused_and_never_dropped(connected, asked, text):
    with connected() as wire:
        status, answer = wire.send(asked).answer()
    assert status == 400
    assert text in answer["detail"]


UNFRAMED = [
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Content-Length: 12", CHUNKED, body=b"0\r\n\r\n"), id="a length and chunks at once"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Content-Length: 2", b"Content-Length: 3"), id="two lengths"),
    pytest.param(post(b"x\r\n{}\r\n0\r\n\r\n", CHUNKED), id="a chunk's size that is no number"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Content-Length: -1"), id="a negative length"),
    pytest.param(b"GET " + LIST + b"?filters={ } HTTP/1.1\r\n\r\n", id="a blank in the target"),
    pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", id="a target past ASCII"),
    pytest.param(b"CONNECT localhost:80 HTTP/1.1\r\n\r\n", id="a tunnel, as through a proxy"),
    pytest.param(b"BREW / HTTP/1.1\r\n\r\n", id="a method that nobody knows"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
]  # fmt: skip


@pytest.mark.parametrize("asked", UNFRAMED)
def test_what_has_no_certain_end_is_refused_and_the_connection_closed(connected, asked):
    """Were it read, one of two servers in a row could take the rest for a request of its own."""
    with connected() as wire:
        assert wire.send(asked).answer() == (400, UNREADABLE)
        assert wire.is_closed()


GOOD = b"GET /livez HTTP/1.1"
HOST = b"Host: localhost"
ONE_HOST = "the header Host is not a host name or address with an optional port"
NO_HOST = "the header Host is missing; HTTP/1.1 requires it"
VERSION = "unsupported HTTP version; send HTTP/1.1 or HTTP/1.0"


def bare(*lines: bytes) -> bytes:
    return b"\r\n".join((*lines, b"", b""))


def repeated(name: str) -> str:
    return f"the header {name} is repeated; send it once"


FAULTY = [
    pytest.param(bare(GOOD), NO_HOST, id="no Host"),
    pytest.param(bare(GOOD, HOST, b"Host: other"), repeated("Host"), id="two Hosts"),
    pytest.param(bare(GOOD, HOST, HOST), repeated("Host"), id="the same Host twice"),
    pytest.param(bare(GOOD, HOST, b"hOST: localhost"), repeated("Host"), id="two Hosts in different letters"),
    pytest.param(bare(b"GET /livez HTTP/1.0", HOST, HOST), repeated("Host"), id="two Hosts in HTTP/1.0"),
    *(
        pytest.param(bare(GOOD, b"Host: " + host), ONE_HOST, id=f"the Host {host.decode('latin-1')!r}")
        for host in (b"", b" ", b"a b", b"a/b", b"a@b", b"user@a:80", b"a:80x", b"a:80:80", b"http://a", b"[::1", b"::1", b"[x]", b"a?b", b"a#b", b"a%2", b"a\\b", b"\xe9", b"a\tb", b":80", b"a, b")
    ),
    pytest.param(bare(b"GET /livez HTTP/1.0", b"Host: a b"), ONE_HOST, id="an invalid Host in HTTP/1.0"),
    pytest.param(bare(b"GET http://a@b/livez HTTP/1.1", HOST), ONE_HOST, id="an absolute target with a user"),
    pytest.param(bare(b"GET http://a/livez HTTP/1.1"), NO_HOST, id="an absolute target without Host"),
    pytest.param(get(b"", b"Authorization: Token <key>"), repeated("Authorization"), id="two keys"),
    pytest.param(get(b"", b"authorization: Basic YTpi"), repeated("Authorization"), id="two credentials of different schemes"),
    pytest.param(bare(GOOD, HOST, b"Cookie: a=b", b"Cookie: c=d"), repeated("Cookie"), id="two Cookies"),
    pytest.param(bare(GOOD, HOST, b"Casbah-Tenant: a", b"Casbah-Tenant: b"), repeated("Casbah-Tenant"), id="two tenants"),
    pytest.param(post(b"{}", b"Content-Type: text/json", FORM), repeated("Content-Type"), id="two types"),
    pytest.param(post(b"{}", b"Origin: http://a", b"Origin: http://b"), repeated("Origin"), id="two origins"),
    pytest.param(post(b"{}", b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site"), repeated("Sec-Fetch-Site"), id="two sites"),
    pytest.param(
        bare(b"POST /api/v1/activities/ HTTP/1.0", HOST, b"Transfer-Encoding: chunked"),
        "HTTP/1.0 has no Transfer-Encoding; send Content-Length",
        id="chunks in HTTP/1.0",
    ),
    pytest.param(bare(b"GET /livez"), VERSION, id="HTTP/0.9"),
    pytest.param(bare(b"GET /livez HTTP/0.9", HOST), VERSION, id="HTTP/0.9 by name"),
    pytest.param(bare(b"GET /livez HTTP/2.0", HOST), VERSION, id="HTTP/2.0"),
    pytest.param(bare(b"GET /livez HTTP/1.2", HOST), UNREADABLE["detail"], id="HTTP/1.2"),
    pytest.param(bare(b"GET /livez HTTP/3.0", HOST), UNREADABLE["detail"], id="HTTP/3.0"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", UNREADABLE["detail"], id="the preface of HTTP/2"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Content-Length: 2", b"Content-Length: 2", body=b""), UNREADABLE["detail"], id="the same length twice"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), UNREADABLE["detail"], id="chunks twice"),
    pytest.param(bare(GOOD, b"Connection: Upgrade", b"Upgrade: h2c"), NO_HOST, id="no Host and an offer of HTTP/2"),
]  # fmt: skip


@pytest.mark.parametrize("asked, detail", FAULTY)
@pytest.mark.parametrize("before", [0, 2])
def test_a_head_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed(connected, asked, detail, before):
    with connected() as wire:
        wire.send(request(GOOD) * before + asked)
        assert [wire.answer()[0] for _ in range(before)] == [200] * before
        assert wire.answer() == (400, {"detail": detail})
        assert wire.is_closed()


def test_a_line_without_a_version_is_refused_at_once_and_no_other_is(connected, expected):
    with connected() as wire:
        wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"\r\n", b"GET ", LIST, b"?limit=1", b" HTTP/1.1\r\n", b"Host: a\r\n", b"Authorization: Token <key>\r\n", b"\r\n"):  # fmt: skip
            wire.send(piece)
            time.sleep(0.02)
        assert wire.answer() == (200, expected(LIMIT))
    with connected() as wire:
        wire.send(b"GET /livez", b"\r", b"\n")
        assert wire.answer() == (400, {"detail": VERSION})
        assert wire.is_closed()


def test_a_refusal_says_when_and_that_the_connection_closes(connected):
    with connected() as wire:
        status, headers = wire.send(bare(GOOD)).head()
    assert (status, headers[b"connection"], headers[b"content-type"]) == (400, b"close", b"application/json")
    assert headers[b"date"].endswith(b"GMT")


def test_another_transfer_coding_is_not_implemented(connected):
    with connected() as wire:
        status, answer = wire.send(post(chunked(b"2\r\n{}\r\n"), b"Transfer-Encoding: gzip, chunked")).answer()
        assert (status, "chunked" in answer["detail"]) == (501, True)
        assert wire.is_closed()


HOSTS = [b"localhost", b"LOCALHOST:80", b"127.0.0.1:8765", b"[::1]", b"[::1]:80", b"[::ffff:1.2.3.4]", b"a_b.example.", b"xn--bcher-kva.example", b"a:"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_every_valid_host_is_taken(connected, host):
    with connected() as wire:
        assert wire.send(bare(GOOD, b"Host: " + host)).answer()[0] == 200


def test_http_1_0_needs_no_host(connected):
    with connected() as wire:
        assert wire.send(bare(b"GET /livez HTTP/1.0")).answer() == (200, {"status": "alive"})
        assert wire.is_closed()


def test_of_an_absolute_target_the_host_counts(connected):
    """RFC 9112, 3.2.2: a session of another host's page must not count because of the header beside it."""
    page = (b"Origin: http://evil.example", b"Host: evil.example", b"Cookie: casbah_session=x")
    with connected() as wire:
        assert wire.send(bare(b"POST http://casbah.example" + LIST + b" HTTP/1.1", *page)).answer()[0] == 403
        assert wire.send(bare(b"POST " + LIST + b" HTTP/1.1", *page)).answer()[0] == 401


HEADS = [
    pytest.param(b"X-Long: " + b"y" * 1_500_000, id="one header"),
    pytest.param(b"\r\n".join(b"X-%d: y" % number for number in range(150_000)), id="very many"),
    pytest.param(b"X" * 1_500_000, id="the name of a header"),
]


@pytest.mark.parametrize("headers", HEADS)
def test_a_head_that_does_not_end_is_refused_before_it_fills_the_memory(connected, headers):
    with connected() as wire:
        try:
            wire.send(get(b"", headers))
        except ConnectionError:
            return  # Closed while it was still sending, which is as good.
        with suppress(ConnectionError):
            assert wire.answer()[0] == 431


TRAILED = CHUNKED + b"\r\n\r\n2\r\n{}\r\n0"
UNBOUNDED = [
    pytest.param(b"X: a", b"\r\na:" * 400_000, id="fields in a head"),
    pytest.param(TRAILED, b"\r\na:" * 400_000, id="fields in a trailer"),
    pytest.param(TRAILED, b"\r\na:" + b"y" * 1_500_000, id="one field in a trailer"),
    pytest.param(CHUNKED, b"\r\n\r\n1;x=" + b"y" * 1_500_000, id="an extension of a chunk"),
]


@pytest.mark.parametrize("begun, endless", UNBOUNDED)
def test_what_is_no_body_is_bounded_wherever_it_stands(connected, begun, endless):
    """Small fields take thirty times their size in memory, and nobody has shown credentials yet."""
    with connected() as wire, suppress(ConnectionError):  # Closed while this was still sending, which is as good.
        wire.send(b"POST " + LIST + b" HTTP/1.1\r\nHost: a\r\n" + begun + endless)
        while found := wire.connection.recv(65_536):
            wire.waiting += found
        assert b"HTTP/1.1 431 " in wire.waiting


def test_a_head_has_a_limit_of_fields(connected, expected):
    with connected() as wire:
        assert wire.send(get(b"?limit=1", *[b"a:"] * 9_998)).answer() == (200, expected(LIMIT))
        refusal = {"detail": "the head of the request has more than 10000 fields"}
        assert wire.send(get(b"?limit=1", *[b"a:"] * 9_999)).answer() == (431, refusal)
        assert wire.is_closed()


@pytest.mark.parametrize("together", [True, False], ids=["in one piece", "in two pieces"])
def test_a_trailer_says_nothing_of_who_asks(connected, together):
    """A proxy that judges requests by their heads does not look behind their bodies."""
    trailer = b"Authorization: Token <key>\r\n"
    head, body = request(b"POST " + LIST + b" HTTP/1.1", CHUNKED, token=b""), chunked(BYTEWISE, trailer=trailer)
    with connected() as wire:
        assert wire.send(*((head + body,) if together else (head, body))).answer()[0] == 401


OFFER = (b"Connection: upgrade", b"Upgrade: h2c")


def test_any_number_of_offers_at_once_is_answered(connected, expected):
    asked = b"".join(get(b"?limit=1", b"X: " + b"y" * 2_000, *OFFER) for _ in range(100)) + get(b"?limit=1")
    with connected() as wire:
        wire.send(asked[:-20], asked[-20:])
        assert [wire.answer() for _ in range(101)] == [(200, expected(LIMIT))] * 101


def test_thousands_of_offers_in_one_read_do_not_break_the_server(connected):
    with connected() as wire:
        wire.send(request(b"GET /livez HTTP/1.1", *OFFER, token=b"") * 2_500)
        assert {wire.answer()[0] for _ in range(2_500)} == {200}


BEHIND = [
    pytest.param(b"GARBAGE\r\n\r\n", 400, id="no request"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", CHUNKED, body=b"x\r\n"), 400, id="a request whose body breaks"),
    pytest.param(get(b"?" + b"x" * 70_000), 414, id="a target that is too long"),
]  # fmt: skip


@pytest.mark.parametrize("behind, status", BEHIND)
@pytest.mark.parametrize("count", [1, 3])
def test_whole_requests_are_answered_before_what_is_behind_them_is_refused(connected, expected, behind, status, count):
    with connected() as wire:
        wire.send(get(b"?limit=1") * count + behind)
        assert [wire.answer() for _ in range(count)] == [(200, expected(LIMIT))] * count
        assert wire.answer()[0] == status
        assert wire.is_closed()


NOT_READ = [
    pytest.param(request(b"GET /api/v1/activities/a1/ HTTP/1.1", body=b"x" * 200_000), 200, id="fetch, which ignores a body"),
    pytest.param(request(b"GET /api/v1/activities/a1/ HTTP/1.1", CHUNKED, body=chunked(BYTEWISE)), 200, id="fetch, in chunks"),
    pytest.param(request(b"GET /livez HTTP/1.1", body=b"GET / HTTP/1.1\r\n\r\n"), 200, id="a body that looks like a request"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", body=b"x" * 200_000, token=b""), 401, id="no credentials"),
    pytest.param(request(b"POST /nowhere HTTP/1.1", body=b"x" * 200_000), 404, id="no route"),
    pytest.param(request(b"PUT " + LIST + b" HTTP/1.1", body=b"x" * 200_000), 405, id="another method"),
    pytest.param(post(b" " * (BODY_LIMIT + 1)), 413, id="too large, announced"),
    pytest.param(post(chunked(b"%x\r\n%b\r\n" % (BODY_LIMIT + 1, b" " * (BODY_LIMIT + 1))), CHUNKED), 413, id="too large, in chunks"),
    pytest.param(get(b"", body=b"{" + b" " * 100_000 + b"}"), 200, id="a GET with a body that is read"),
]  # fmt: skip


@pytest.mark.parametrize("asked, status", NOT_READ)
def test_a_body_that_nobody_reads_is_not_the_next_request(connected, expected, asked, status):
    with connected() as wire:
        for _ in range(2):
            assert wire.send(asked).answer()[0] == status
            assert wire.send(get(b"?limit=1")).answer() == (200, expected(LIMIT))


def test_requests_sent_at_once_are_answered_in_order(connected, expected):
    asked = [get(b"?limit=1"), post(b'{"limit": 2}'), get(b"", body=b'{"limit": 3}'), *(each.values[0] for each in NOT_READ[:4]), post(chunked(BYTEWISE), CHUNKED), post(b'{"limit": 4}', b"Connection: upgrade", b"Upgrade: h2c"), get(b"?isScan=true")]  # fmt: skip
    with connected() as wire:
        wire.send(b"".join(asked))
        got = [wire.answer() for _ in asked]
    assert got[:3] == [(200, expected({"limit": limit})) for limit in (1, 2, 3)]
    assert [status for status, _ in got[3:7]] == [200, 200, 200, 401]
    assert got[7:] == [(200, expected(LIMIT)), (200, expected({"limit": 4})), (200, expected({"isScan": True}))]


EXPECT = b"Expect: 100-continue"


@pytest.mark.parametrize("spelling", [EXPECT, b"expect: 100-Continue"])
def test_whoever_asks_for_leave_to_send_is_given_it(connected, expected, spelling):
    head, body = post(b'{"limit": 1}', spelling)[:-12], b'{"limit": 1}'
    with connected() as wire:
        assert wire.send(head).head()[0] == 100
        assert wire.send(body).answer() == (200, expected(LIMIT))
        assert wire.send(get(b"?limit=1")).answer() == (200, expected(LIMIT))


NO_LEAVE = [
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", EXPECT, b"Content-Length: 9000000"), 413, id="too large"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", EXPECT, b"Content-Length: 9000000", b"Connection: close"), 413, id="too large, and closing"),
    pytest.param(request(b"POST " + LIST + b" HTTP/1.1", EXPECT, b"Content-Length: 9000000", b"Connection: close", token=b""), 401, id="no credentials, and closing"),
    pytest.param(request(b"POST " + INGEST + b"x HTTP/1.1", EXPECT, b"Content-Length: 9000000", b"Connection: close"), 400, id="an unknown source, and closing"),
]  # fmt: skip


@pytest.mark.parametrize("asked, status", NO_LEAVE)
def test_whoever_asks_for_leave_in_vain_is_told_why_at_once(connected, asked, status):
    with connected() as wire:
        assert wire.send(asked).answer()[0] == status


OLD = [
    pytest.param(b"?limit=1", LIMIT, id="list"),
    pytest.param(b"?isScan=true", {"isScan": True}, id="scan"),
]


@pytest.mark.parametrize("query, parameters", OLD)
def test_http_1_0_gets_no_chunks_and_the_connection_closes(connected, expected, query, parameters):
    asked = b"GET " + LIST + query + b" HTTP/1.0\r\nAuthorization: Token <key>\r\n\r\n"
    with connected() as wire:
        status, headers = wire.send(asked).head()
        assert (status, b"transfer-encoding" in headers) == (200, False)
        assert json.loads(wire.exactly(int(headers[b"content-length"]))) == expected(parameters)
        assert wire.is_closed()


def test_http_1_0_with_a_body(connected, expected):
    with connected() as wire:
        asked = post(b'{"limit": 1}').replace(b"HTTP/1.1", b"HTTP/1.0")
        assert wire.send(asked).answer() == (200, expected(LIMIT))
        assert wire.is_closed()


def filled(size: int, begin: bytes, end: bytes) -> bytes:
    return begin + b"x" * (size - len(begin) - len(end)) + end


PADDING = part(b"%", disposition=b'name="x"').split(b"%")
ENCODED = [
    pytest.param(("POST", b"Content-Type: application/json", b'{"limit": 1, "x": "', b'"}'), id="POST with JSON"),
    pytest.param(("GET", b"Content-Type: application/json", b'{"limit": 1, "x": "', b'"}'), id="GET with JSON"),
    pytest.param(("POST", FORM, b'{"limit": 1, "x": "', b'"}'), id="JSON labelled as a form"),
    pytest.param(("POST", FORM, b"limit=1&x=", b""), id="form"),
    pytest.param(("POST", MULTIPART, part(b"1", disposition=b'name="limit"') + PADDING[0], PADDING[1] + END), id="multipart"),
]  # fmt: skip


@pytest.mark.parametrize("in_chunks", [False, True], ids=["announced", "in chunks"])
@pytest.mark.parametrize("encoding", ENCODED)
def test_the_limit_of_a_body_is_exact_in_every_encoding(connected, expected, encoding, in_chunks):
    method, label, begin, end = encoding
    for size, answer in ((BODY_LIMIT, (200, expected(LIMIT))), (BODY_LIMIT + 1, (413, TOO_LARGE))):
        body = filled(size, begin, end)
        headers = (label, CHUNKED) if in_chunks else (label,)
        framed = chunked(b"%x\r\n%b\r\n" % (size, body)) if in_chunks else body
        with connected() as wire:
            wire.send(request(method.encode() + b" " + LIST + b" HTTP/1.1", *headers, body=framed))
            assert wire.answer() == answer
            assert wire.send(get(b"?limit=1")).answer() == (200, expected(LIMIT))


def test_the_target_has_a_limit_and_past_it_no_parameter_is_lost(connected, expected):
    """httptools keeps where the parts of a target are in 16 bits; a longer one must be refused, not read in part."""
    for size, status in ((LARGEST_TARGET, 200), (LARGEST_TARGET + 1, 414), (2 * 65_536 + 60, 414), (1_000_000, 414)):
        query = filled(size - len(LIST), b"?x=", b"&limit=1")
        with connected() as wire:
            got = wire.send(get(query)).answer()
        assert got[0] == status
        assert got[1] == expected(LIMIT) if status == 200 else "longer than 65535 bytes" in got[1]["detail"]


def test_a_client_that_leaves_in_the_middle_harms_nobody(connected, expected):
    for asked in (post(b'{"limit": 1}')[:-3], post(chunked(BYTEWISE), CHUNKED)[:-9], get(b"?isScan=true")[:40], get(b"?isScan=true")):  # fmt: skip
        with connected() as wire:
            wire.send(asked)
    with connected() as wire:
        assert wire.send(get(b"?limit=1")).answer() == (200, expected(LIMIT))


HALF_CLOSED = [
    pytest.param(get(b"?limit=1"), id="list"),
    pytest.param(post(chunked(b"c\r\n" + b'{"limit": 1}' + b"\r\n"), CHUNKED), id="list, in chunks"),
    pytest.param(request(b"POST /api/v1/activities/count/ HTTP/1.1", body=b"{}"), id="count"),
    pytest.param(request(b"GET /readyz HTTP/1.1", token=b""), id="readiness"),
    pytest.param(request(b"GET /readyz HTTP/1.0", token=b""), id="HTTP/1.0"),
    pytest.param(
        request(b"POST " + INGEST + b" HTTP/1.1", body=b'{"_id": "a1", "uid": "a1", "timestamp": 1000, "appId": 1}'),
        id="ingest",
    ),
    pytest.param(request(b"POST /api/ext/v1/queries HTTP/1.1", body=b'{"name": "q", "filters": {}}'), id="a change"),
]


@pytest.mark.parametrize("asked", HALF_CLOSED)
def test_a_complete_request_is_answered_though_the_client_sends_no_more(connected, asked):
    with connected() as wire:
        wire.send(asked).connection.shutdown(socket.SHUT_WR)
        status, _ = wire.answer()
        assert status in (200, 201)
        assert wire.is_closed()


def test_all_complete_requests_are_answered_though_the_client_sends_no_more(connected, expected):
    with connected() as wire:
        wire.send(get(b"?limit=1") + get(b"?limit=2") + get(b"?limit=3")).connection.shutdown(socket.SHUT_WR)
        assert [wire.answer() for _ in range(3)] == [(200, expected({"limit": limit})) for limit in (1, 2, 3)]
        assert wire.is_closed()


def test_an_incomplete_request_is_not_answered_when_the_client_sends_no_more(connected):
    with connected() as wire:
        wire.send(request(b"POST " + INGEST + b" HTTP/1.1", body=b'{"_id": "half"}')[:-1]).connection.shutdown(
            socket.SHUT_WR
        )
        assert wire.is_closed()
    with connected() as wire:
        assert wire.send(request(b"GET /api/v1/activities/half/ HTTP/1.1")).answer()[0] == 404
