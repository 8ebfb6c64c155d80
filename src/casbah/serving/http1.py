"""HTTP/1.1 on a connection, read strictly."""

import json
import re
from collections.abc import Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

_MOST_HEAD = 1_048_576
_MOST_FIELDS = 10_000
_MOST_TARGET = 65_535
_BAD_REQUEST, _TARGET_TOO_LONG, _HEAD_TOO_LARGE, _NOT_IMPLEMENTED = 400, 414, 431, 501
_ONCE = (b"host", b"authorization", b"cookie", b"casbah-tenant", b"content-type", b"origin", b"sec-fetch-site")
"""Headers that a request has at most once: of two, a proxy could judge by one and the application by the other."""

_VALID_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?", re.ASCII)
"""RFC 9112, 3.2; one of http and https is not empty (RFC 9110, 4.2.1)."""

_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")

_VERSION = "the version of HTTP is not supported; send HTTP/1.1 or HTTP/1.0"
_UNKNOWN_VERSION = "0.0"

Fields = Sequence[tuple[bytes, bytes]]


class PlainHttp(HttpToolsProtocol):
    """HTTP/1.1 and nothing else, with bounds to what a request may hold in memory, and errors in the shape of all others.

    Whoever offers another protocol is answered in this one (RFC 9110, 7.8). Java's client and `curl --http2` offer HTTP/2 with
    their first request. The parser takes the offer for an agreement and stops after the head, so that uvicorn loses the body
    (https://github.com/Kludex/uvicorn/issues/2722): filters would match everything. Here a new parser begins with the same
    head, without the offer.
    """

    _unread = 0
    """Bytes since the request began or since its body last went on: a head, the size of a chunk, a trailer."""
    _in_request = False
    _in_head = False
    _problem = (_BAD_REQUEST, "")
    _refusal: bytes | None = None

    @property
    def under_way(self) -> bool:
        """Whether something is being answered."""
        asked: Any = self.cycle  # None before the first request, whatever its annotation says.
        return asked is not None and not asked.response_complete

    @property
    def between_requests(self) -> bool:
        """Whether all that was asked has been answered, and nothing of a next request has been read."""
        waiting = self._in_request or bool(self.pipeline) or self._refusal is not None
        return not self.under_way and not waiting and not self.transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        self._problem = (
            _BAD_REQUEST,
            "not a request of HTTP/1.1: its first line, a header or its length cannot be read",
        )
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError:
            self._refuse(*self._problem)
            return
        if self._in_head and self._is_line_without_version(data):
            self._refuse(_BAD_REQUEST, _VERSION)
            return
        self._unread += len(data)
        if self._in_request and self._unread > _MOST_HEAD:
            self._refuse(_HEAD_TOO_LARGE, f"the head of the request is larger than {_MOST_HEAD} bytes")

    def on_message_begin(self) -> None:
        """A request begins; its head is counted from the read on in which it does."""
        self._unread, self._in_request, self._in_head = 0, True, True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. One behind the body never joins the head (RFC 9110, 6.5.1): it could say who is asking."""
        if not self._in_head:
            return
        if len(self.headers) == _MOST_FIELDS:
            self._problem = (_HEAD_TOO_LARGE, f"the head of the request has more than {_MOST_FIELDS} fields")
            raise ValueError(self._problem)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; nothing is answered while the parser is about to stop."""
        self._in_head = False
        if len(self.url) > _MOST_TARGET:
            # The parser of targets keeps places in 16 bits, and refuses longer ones without saying why.
            self._problem = (
                _TARGET_TOO_LONG,
                f"the target of the request is longer than {_MOST_TARGET} bytes; send a body",
            )
            raise ValueError(self._problem)
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no proxy")
        if (authority := _AUTHORITY.match(self.url)) is not None:
            self._replace_host(authority.group(1))
        if (fault := _fault(self.parser.get_http_version(), self.headers)) is not None:
            self._problem = fault
            raise ValueError(fault)
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def shutdown(self) -> None:
        """The server stops: what is answered without end, or waits for something to happen, is to end now."""
        if self.cycle is not None:
            self.cycle.scope.setdefault("state", {})["leaving"] = True
        super().shutdown()

    def on_body(self, body: bytes) -> None:
        """The body goes on; how much of it there may be is for the application to say."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there, unless the parser is about to stop."""
        self._in_request = False
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answer the next, or say what is wrong with what came behind the last."""
        if self._refusal is not None and not self.pipeline:
            self.transport.write(self._refusal)
            self.transport.close()
        super().on_response_complete()

    def _parse(self, data: memoryview) -> None:
        """Parse all of it, with a new parser after every offer of another protocol."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                again = self._head_without_offer()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As uvicorn has it.
                self.parser.feed_data(again)
                data = data[offered.args[0] :]
            else:
                return

    def _is_line_without_version(self, data: bytes) -> bool:
        """Whether a connection begins with a whole request of HTTP/0.9, which ends with its line: nothing else will come."""
        return bool(self.url) and data.endswith(b"\n") and self.parser.get_http_version() == _UNKNOWN_VERSION

    def _replace_host(self, authority: bytes) -> None:
        """The host that an absolute target names counts, and not the header (RFC 9112, 3.2.2)."""
        self.headers[:] = [(name, authority if name == b"host" else value) for name, value in self.headers]

    def _head_without_offer(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = (b"%b: %b" % header for header in self.headers if header[0] != b"upgrade")
        return b"\r\n".join((line, *kept, b"", b""))

    def _refuse(self, status: int, detail: str) -> None:
        """Say what is wrong in the way of `http.problems`, and close: where a request ends that cannot be read nobody knows.

        Requests before it that are whole are answered first, and no answer that has begun is interrupted by another.
        """
        text = json.dumps({"detail": detail}).encode()
        default = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self._refusal = STATUS_LINE[status] + default + headers + text
        asked: Any = self.cycle  # None before the first request, whatever its annotation says.
        queued = bool(self.pipeline)
        broken = asked is not None and asked.more_body and not asked.response_complete
        if queued and broken:
            self.pipeline.popleft()
        if queued or not (asked is None or asked.response_complete or broken):
            return
        if not (broken and asked.response_started):
            self.transport.write(self._refusal)
        self.transport.close()


def _fault(version: str, headers: Fields) -> tuple[int, str] | None:
    """What is wrong with a head that can be read: status and text."""
    names = [name for name, _ in headers]
    if version not in ("1.0", "1.1"):
        return _BAD_REQUEST, _VERSION
    repeated = next((name for name in _ONCE if names.count(name) > 1), None)
    if repeated is not None:
        return _BAD_REQUEST, f"the header {repeated.decode().title()} is repeated; send it once"
    return _host_fault(version, headers) or _coding_fault(version, headers)


def _host_fault(version: str, headers: Fields) -> tuple[int, str] | None:
    host = next((value for name, value in headers if name == b"host"), None)
    if host is None and version == "1.1":
        return _BAD_REQUEST, "the header Host is missing; a request of HTTP/1.1 names the host that it is for"
    if host is not None and not _VALID_HOST.fullmatch(host):
        return _BAD_REQUEST, "the header Host is not a host name or an address, with a port or without"
    return None


def _coding_fault(version: str, headers: Fields) -> tuple[int, str] | None:
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and version == "1.0":  # RFC 9112, 6.1
        return _BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding; send Content-Length"
    if any(coding != b"chunked" for coding in codings):
        return _NOT_IMPLEMENTED, "the header Transfer-Encoding names another coding than chunked"
    return None
