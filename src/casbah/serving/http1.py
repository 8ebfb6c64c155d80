"""A strict HTTP/1.1 protocol."""

import asyncio
import json
import re
import socket
from collections.abc import Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from casbah.serving.connections import Connections

_MAX_HEAD = 1_048_576
_MAX_FIELDS = 10_000
_MAX_TARGET = 65_535
_BAD_REQUEST, _TIMEOUT, _TARGET_TOO_LONG, _HEAD_TOO_LARGE, _NOT_IMPLEMENTED, _UNAVAILABLE = 400, 408, 414, 431, 501, 503
_ONCE = (b"host", b"authorization", b"cookie", b"casbah-tenant", b"content-type", b"origin", b"sec-fetch-site")
"""Headers that may not be repeated: a proxy could check one value while the application uses the other."""

_VALID_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?", re.ASCII)
"""RFC 9112, 3.2; with http and https it is not empty (RFC 9110, 4.2.1)."""

_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")

_HEAD = b"HTTP/"
_VERSION = "unsupported HTTP version; send HTTP/1.1 or HTTP/1.0"
_UNKNOWN_VERSION = "0.0"

Fields = Sequence[tuple[bytes, bytes]]


class StrictHttp(HttpToolsProtocol):
    """Only HTTP/1.1, with bounded memory per request and errors as JSON.

    An `Upgrade` to another protocol is ignored (RFC 9110, 7.8). Java's client and `curl --http2` offer HTTP/2 with their
    first request. The parser takes the offer as accepted and stops after the head, so that uvicorn loses the body
    (https://github.com/Kludex/uvicorn/issues/2722): filters would match everything. Here, a new parser starts with the same
    head, without the offer.
    """

    def __init__(self, *arguments: Any, limited: Connections, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._limited = limited

    _unread = 0
    """Bytes since the request or its last piece of body: a head, a chunk size, a trailer."""
    _in_request = False
    _in_head = False
    _problem = (_BAD_REQUEST, "")
    _refusal: bytes | None = None

    @property
    def under_way(self) -> bool:
        """Whether a request is being answered."""
        cycle: Any = self.cycle  # None before the first request, despite its annotation.
        return cycle is not None and not cycle.response_complete

    @property
    def address(self) -> str:
        """The address of the other end; empty for a Unix socket."""
        return self.client[0] if self.client else ""

    @property
    def is_held_up(self) -> bool:
        """Whether the application does not read, or has not asked for the body yet."""
        cycle: Any = self.cycle
        return self.flow.read_paused or bool(self.pipeline) or (cycle is not None and cycle.waiting_for_100_continue)

    def give_up(self, reason: str, /) -> None:
        """Close the connection, whose request is not complete; with a response if any of it was received."""
        if self._in_head or (self._in_request and self.under_way):
            self._refuse(_TIMEOUT, reason)
        else:
            self.transport.close()

    def turn_away(self) -> None:
        """Close the connection: there are too many."""
        self._refuse(_UNAVAILABLE, "this server has too many connections; try again later")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn has it.
        """Count the connection."""
        super().connection_made(_JoiningTransport(transport, self.loop))  # type: ignore[arg-type]
        self._limited.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self._limited.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        self._problem = (
            _BAD_REQUEST,
            "not a valid HTTP/1.1 request: malformed request line, header or length",
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
        if self._in_request and self._unread > _MAX_HEAD:
            self._refuse(_HEAD_TOO_LARGE, f"the head of the request is larger than {_MAX_HEAD} bytes")

    def eof_received(self) -> bool:  # type: ignore[override]  # As asyncio has it.
        """The client sends no more: whether to keep the connection until all complete requests are answered (RFC 9112, 9.6).

        A browser that gives up closes the whole connection, which looks the same, and never closes half of it; nor does another
        process of this server. So their requests end at once, and a search that nobody waits for stops.
        """
        last: Any = self.pipeline[0][0] if self.pipeline else self.cycle
        if not self.under_way or self._in_request or self.transport.get_extra_info("sslcontext"):  # TLS closes both.
            return False
        if _is_browsers(last.scope["headers"]) or self.transport.get_extra_info("socket").family == socket.AF_UNIX:
            return False
        last.keep_alive = False
        return True

    def on_message_begin(self) -> None:
        """A request begins. Its head's size counts from the read in which it began."""
        self._unread, self._in_request, self._in_head = 0, True, True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field. Trailers never join the head (RFC 9110, 6.5.1): they could change who the caller is."""
        if not self._in_head:
            return
        if len(self.headers) == _MAX_FIELDS:
            self._problem = (_HEAD_TOO_LARGE, f"the head of the request has more than {_MAX_FIELDS} fields")
            raise ValueError(self._problem)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete. If the parser is about to stop for an upgrade, the request is not started yet."""
        self._in_head = False
        if len(self.url) > _MAX_TARGET:
            # The target parser has 16-bit offsets, and refuses longer targets without a reason.
            self._problem = (
                _TARGET_TOO_LONG,
                f"the target of the request is longer than {_MAX_TARGET} bytes; send a body",
            )
            raise ValueError(self._problem)
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("no proxy")
        if not self.url.startswith(b"/") and (authority := _AUTHORITY.match(self.url)) is not None:
            self._replace_host(authority.group(1))
        if (fault := _fault(self.parser.get_http_version(), self.headers)) is not None:
            self._problem = fault
            raise ValueError(fault)
        self._limited.await_body(self)
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def shutdown(self) -> None:
        """The server is stopping: endless and waiting responses must end now."""
        if self.cycle is not None:
            self.cycle.scope.setdefault("state", {})["leaving"] = True
        super().shutdown()

    def on_body(self, body: bytes) -> None:
        """More of the body. The application limits its size."""
        self._unread = 0
        self._limited.received(self, len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete, unless the parser is about to stop for an upgrade."""
        self._in_request = False
        self._limited.complete(self)
        if not self.parser.should_upgrade():
            super().on_message_complete()
        self._await_head()

    def on_response_complete(self) -> None:
        """Answer the next request, or send the pending refusal after the last response."""
        if self._refusal is not None and not self.pipeline:
            self.transport.write(self._refusal)
            self.transport.close()
        super().on_response_complete()
        self._await_head()

    def _await_head(self) -> None:
        """Expect the next request, or the rest of its head, if there is nothing to answer."""
        if not self.under_way and (self._in_head or not self._in_request):
            self._limited.await_head(self)

    def _parse(self, data: memoryview) -> None:
        """Parse all data, with a new parser after every offered upgrade."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                again = self._head_without_offer()
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # As in uvicorn.
                self.parser.feed_data(again)
                data = data[offered.args[0] :]
            else:
                return

    def _is_line_without_version(self, data: bytes) -> bool:
        """Whether the data is a whole HTTP/0.9 request, which is one line, so nothing else will come."""
        return bool(self.url) and data.endswith(b"\n") and self.parser.get_http_version() == _UNKNOWN_VERSION

    def _replace_host(self, authority: bytes) -> None:
        """The host of an absolute target overrides the Host header (RFC 9112, 3.2.2)."""
        self.headers[:] = [(name, authority if name == b"host" else value) for name, value in self.headers]

    def _head_without_offer(self) -> bytes:
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = (b"%b: %b" % header for header in self.headers if header[0] != b"upgrade")
        return b"\r\n".join((line, *kept, b"", b""))

    def _refuse(self, status: int, detail: str) -> None:
        """Send an error as `http.error_answers` does, and close, since the end of an unreadable request is unknown.

        Complete requests before it are answered first, and a response that has begun is never interrupted.
        """
        text = json.dumps({"detail": detail}).encode()
        default = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        headers = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(text)
        self._refusal = STATUS_LINE[status] + default + headers + text
        cycle: Any = self.cycle  # None before the first request, despite its annotation.
        queued = bool(self.pipeline)
        broken = cycle is not None and cycle.more_body and not cycle.response_complete
        if queued and broken:
            self.pipeline.popleft()
        if queued or not (cycle is None or cycle.response_complete or broken):
            return
        if not (broken and cycle.response_started):
            self.transport.write(self._refusal)
        self.transport.close()


class _JoiningTransport:
    """A transport that sends the head of a response and the body that follows at once, so that the client wakes up once.

    What begins like a head waits for what is written next, but no longer than this step of the event loop. They become one
    piece, since asyncio's `writelines`, in some versions of Python, tries forever to send an empty body.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes, after those that wait."""
        if self._waiting:
            first, self._waiting = self._waiting, b""
            self._transport.write(first + data)
        elif data.startswith(_HEAD):
            self._waiting = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Close the connection once all bytes are sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        first, self._waiting = self._waiting, b""
        if first and not self._transport.is_closing():  # The connection may have been lost meanwhile.
            self._transport.write(first)


def _is_browsers(headers: Fields) -> bool:
    return any(name == b"sec-fetch-site" for name, _ in headers)


def _fault(version: str, headers: Fields) -> tuple[int, str] | None:
    """The status and text of the error in a well-formed head, or None."""
    values = dict(headers)
    if version not in ("1.0", "1.1"):
        return _BAD_REQUEST, _VERSION
    if len(values) < len(headers):
        names = [name for name, _ in headers]
        repeated = next((name for name in _ONCE if names.count(name) > 1), None)
        if repeated is not None:
            return _BAD_REQUEST, f"the header {repeated.decode().title()} is repeated; send it once"
    return _host_fault(version, values.get(b"host")) or _coding_fault(version, headers)


def _host_fault(version: str, host: bytes | None) -> tuple[int, str] | None:
    if host is None and version == "1.1":
        return _BAD_REQUEST, "the header Host is missing; HTTP/1.1 requires it"
    if host is not None and not _VALID_HOST.fullmatch(host):
        return _BAD_REQUEST, "the header Host is not a host name or address with an optional port"
    return None


def _coding_fault(version: str, headers: Fields) -> tuple[int, str] | None:
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    if codings and version == "1.0":  # RFC 9112, 6.1
        return _BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding; send Content-Length"
    if any(coding != b"chunked" for coding in codings):
        return _NOT_IMPLEMENTED, "the header Transfer-Encoding supports only chunked"
    return None
