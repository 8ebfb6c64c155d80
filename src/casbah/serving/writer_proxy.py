"""Sends requests on from a worker to the writer, body and answer as streams."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from urllib.parse import quote_from_bytes

import httpcore
from starlette.types import Receive, Scope, Send

from casbah.base.shared import SharedFlag
from casbah.errors import BodyTooLargeError, BusyError, RequestError
from casbah.serving.internal import FAILURES, HOSTLESS, PEER, PREFIX, PROXY, SCHEME, WriterGoneError, writer_url

_log = logging.getLogger("casbah.serving")
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection", b"expect")
)
"""Headers that concern one connection (RFC 9110, 7.6.1); a worker has answered `Expect` itself."""

_PRINTABLE = bytes(range(0x21, 0x7F))
_SECONDS_KEPT = 10
_WRITER = httpcore.Origin(b"http", b"writer", 80)
_Headers = list[tuple[bytes, bytes]]


class BadHeaderError(RequestError):
    """A header that no request may have."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"not a valid HTTP/1.1 request: {fault}")


class _GoneError(Exception):
    """The client has closed the connection."""


class WriterProxy:
    """An ASGI application that the process behind a Unix socket answers. A connection there has one request at a time.

    Raises RequestError or UnavailableError, before it has sent anything, if that process cannot answer.
    """

    def __init__(self, socket: str, secret: str, leaving: SharedFlag, *, maximum: int, max_body: int) -> None:
        """At most `maximum` requests at a time, each with a body of at most `max_body` bytes."""
        self._maximum = maximum
        self._max_body = max_body
        self._under_way = 0
        self._leaving = leaving
        self._secret = secret.encode("ascii")
        self._socket = socket
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()
        """Connections that wait for a request. A pool of the library looks at all of them for each request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. The writer's answer ends when the client is gone."""
        if self._under_way >= self._maximum:
            raise BusyError
        self._under_way += 1
        try:
            await self._answer(scope, _Client(receive, send, max_body=self._max_body))
        finally:
            self._under_way -= 1

    async def _answer(self, scope: Scope, client: "_Client") -> None:
        forwarding = asyncio.create_task(self._forward(scope, client))
        watch = asyncio.create_task(client.gone())
        try:
            await asyncio.wait((forwarding, watch), return_when=asyncio.FIRST_COMPLETED)
            if client.answered:
                await forwarding  # It leaves its connection to the next request.
        finally:
            for task in (forwarding, watch):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await watch
            with suppress(asyncio.CancelledError, _GoneError):
                await forwarding

    async def _forward(self, scope: Scope, client: "_Client") -> None:
        url = writer_url(_target(scope))
        request = httpcore.Request(
            scope["method"], url, headers=_headers(scope, self._secret), content=client.body(scope["headers"])
        )
        connection = await self._connection()
        try:
            response = await connection.handle_async_request(request)
        except httpcore.LocalProtocolError as error:
            raise BadHeaderError(str(error)) from None
        except FAILURES as error:
            _log.warning("the writer does not answer: %s: %s", type(error).__name__, error)
            raise WriterGoneError from None
        try:
            closing = [(b"connection", b"close")] if self._leaving.is_set() else []
            await client.start(response.status, [*_without_hops(response.headers), *closing])
            async for chunk in response.aiter_stream():
                await client.more(chunk)
            await client.end()
        # The server then closes the connection: the client must not take this for the whole answer.
        except FAILURES as error:
            _log.warning("the writer broke off an answer: %s: %s", type(error).__name__, error)
        finally:
            await response.aclose()
        if connection.is_idle():
            self._idle.append(connection)
            while self._idle[0].has_expired():
                await self._idle.popleft().aclose()
                if not self._idle:
                    break

    async def _connection(self) -> httpcore.AsyncHTTPConnection:
        """An idle connection to the writer, or else a new one, which connects with its first request."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(_WRITER, uds=self._socket, keepalive_expiry=_SECONDS_KEPT)


class _Client:
    """The client's side of one request."""

    def __init__(self, receive: Receive, send: Send, *, max_body: int) -> None:
        self._max_body = max_body
        self._receive = receive
        self._send = send
        self._sent = asyncio.Event()
        self.answered = False
        """Whether the whole answer has been sent."""

    def body(self, headers: Iterable[tuple[bytes, bytes]]) -> AsyncIterator[bytes] | None:
        """The request's body; None if it has none."""
        names = dict(headers)
        if b"transfer-encoding" not in names and names.get(b"content-length", b"0") == b"0":
            self._sent.set()
            return None
        return self._stream()

    async def _stream(self) -> AsyncIterator[bytes]:
        more, size = True, 0
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise _GoneError
            if chunk := message.get("body", b""):
                size += len(chunk)
                if size > self._max_body:
                    raise BodyTooLargeError(self._max_body, "CASBAH_MAX_INGEST_BODY")
                yield chunk
            more = message.get("more_body", False)
        self._sent.set()

    async def gone(self) -> None:
        """Wait until the client has closed the connection, once its request has been read."""
        await self._sent.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: _Headers) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        self.answered = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _target(scope: Scope) -> bytes:
    """The target as sent; bytes that no target may have are percent-encoded, which means the same."""
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    target = path.partition(b"?")[0] + (b"?" + query if query else b"")
    return quote_from_bytes(target, safe=_PRINTABLE).encode("ascii")


def _headers(scope: Scope, secret: bytes) -> _Headers:
    address, port = scope.get("client") or ("", 0)
    ours = [
        (PROXY, secret),
        (PEER, f"{address} {port}".encode("ascii")),
        (SCHEME, scope["scheme"].encode("ascii")),
    ]
    chunked = (
        [(b"transfer-encoding", b"chunked")]
        if any(name == b"transfer-encoding" for name, _ in scope["headers"])
        else []
    )
    if not any(
        name == b"host" for name, _ in scope["headers"]
    ):  # HTTP/1.0 may lack it, the request to the writer may not.
        ours += [(b"host", b"-"), (HOSTLESS, b"1")]
    return [*_without_hops(scope["headers"]), *chunked, *ours]


def _without_hops(headers: Iterable[tuple[bytes, bytes]]) -> _Headers:
    return [
        (name, value.strip(b" \t"))  # Whitespace around a value is not part of it (RFC 9110, 5.5).
        for name, value in headers
        if name.lower() not in _HOP_BY_HOP and not name.lower().startswith(PREFIX)
    ]
