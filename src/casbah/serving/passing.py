"""Connections that change hands between the processes of a server, each with what has been read of it.

A connection is handed on between two requests, so that each request is read and answered by one process alone. The kernel
carries the socket from one to the other (`unix(7)`, SCM_RIGHTS); the client notices nothing.
"""

import asyncio
import fcntl
import logging
import os
import re
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, cast

from casbah.serving.http1 import PlainHttp

_log = logging.getLogger("casbah.serving")
_MOST_OFFERED, _MOST_PACKET = 262_144, 60_000
"""Bytes of one packet: as many as are read of a connection at once, and what no kernel finds too much."""

_MOST_HEAD = 16_384
_MOST_HELD = 262_144
_SECONDS_TO_DRAIN, _MOST_SECONDS = 0.005, 0.5
_LAST, _MORE, _GONE = b".", b"+", b"-"
_FIRST_LINE = re.compile(rb"(GET|POST) (/[!-~]*) HTTP/1\.1\r\n")
_BEARER = b"\r\nauthorization:"
_PRINTABLE = re.compile(rb"[ -~]+")
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d{1,9})\r\n", re.IGNORECASE)
_ELSE = (b"transfer-encoding", b"\r\nupgrade:", b"\r\nexpect:", b"\r\ncookie:", b"\r\ncasbah-tenant:")
_END = b"\r\n\r\n"


class Head(NamedTuple):
    """The head of a request that is as plain as can be: its size, that of the body behind it, and who asks for what."""

    method: str
    target: bytes
    authorization: bytes
    size: int
    body: int


def head_of(data: bytes) -> Head | None:
    """The head that `data` begins with; None where it is not whole, or where anything about it is out of the ordinary.

    What this takes for the end of a request the parser must take for it as well, so whatever they might read differently is
    refused: lines that end otherwise, lengths that are repeated or not in digits, chunked bodies.
    """
    line = _FIRST_LINE.match(data)
    size = data.find(_END) + len(_END)
    if line is None or not len(_END) <= size <= _MOST_HEAD:
        return None
    head = data[: size - 2]  # With the end of its last line, so that every field stands between two ends.
    lower = head.lower()
    if head.count(b"\n") != head.count(b"\r\n") or head.count(b"\r") != head.count(b"\r\n") or b"\r\n " in head:
        return None
    lengths, bearers = lower.count(b"content-length"), lower.count(b"authorization")
    at, length = lower.find(_BEARER), _LENGTH.search(head)
    if at < 0 or bearers != 1 or lengths != (length is not None) or any(field in lower for field in _ELSE):
        return None
    bearer = head[at + len(_BEARER) : head.index(b"\r\n", at + 1)].strip(b" \t")
    if not _PRINTABLE.fullmatch(bearer):
        return None
    method, target = line.groups()
    return Head(method.decode(), target, bearer, size, int(length.group(1)) if length else 0)


class Line:
    """One end of a line between two processes: packets, and sockets with them. For an event loop alone; it never waits."""

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(0)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * _MOST_OFFERED)
        self._end = end
        self._begun = b""
        self._unsent: deque[tuple[bytes, int | None]] = deque()
        self._waits = False

    def offer(self, connection: int, data: bytes) -> bool:
        """Hand a connection over, if there is room for it at once."""
        return len(data) < _MOST_OFFERED and not self._unsent and self._sent(_LAST + data, connection)

    def give(self, connection: int, data: bytes) -> None:
        """Hand a connection over, later if need be. Raises OSError where there is no number left to keep it by until then."""
        if self.offer(connection, data):
            return
        kept = os.dup(connection)
        while len(data) > _MOST_PACKET:
            self._queue(_MORE + data[:_MOST_PACKET], None)
            data = data[_MOST_PACKET:]
        self._queue(_LAST + data, kept)

    def gone(self) -> None:
        """Say that a connection that was handed over is closed."""
        self._queue(_GONE, None)

    def heard(self, take: Callable[[tuple[socket.socket, bytes] | None], Any], ended: Callable[[], None]) -> None:
        """From now on call `take` with what comes (see `taken`), and `ended` once the other process has."""
        loop = asyncio.get_running_loop()

        def come() -> None:
            try:
                for one in self.taken():
                    take(one)
            except EOFError:
                loop.remove_reader(self._end)
                ended()

        loop.add_reader(self._end, come)

    def taken(self) -> Iterator[tuple[socket.socket, bytes] | None]:
        """The connections that were handed over since, and None for each that is closed or was lost on the way.

        Raises EOFError.
        """
        while True:
            try:
                packet, sockets, _, _ = socket.recv_fds(self._end, _MOST_OFFERED, 1)
            except BlockingIOError:
                return
            except OSError:
                raise EOFError from None
            if not packet:
                raise EOFError
            kind, data = packet[:1], packet[1:]
            if kind == _GONE:
                yield None
            elif kind == _MORE:
                self._begun += data
            else:
                first, self._begun = self._begun + data, b""
                if not sockets:
                    _log.warning("a connection is lost on its way between processes: this one has too many files open")
                    yield None
                    continue
                connection = socket.socket(fileno=sockets[0])
                fcntl.fcntl(connection, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
                yield connection, first

    def close(self) -> None:
        """Hang up. Nobody listens any more."""
        self._end.close()
        for _, connection in self._unsent:
            if connection is not None:
                os.close(connection)
        self._unsent.clear()

    def _queue(self, packet: bytes, connection: int | None) -> None:
        self._unsent.append((packet, connection))
        if not self._waits:
            self._send()

    def _send(self) -> None:
        self._waits = False
        while self._unsent:
            packet, connection = self._unsent[0]
            if not self._sent(packet, connection):
                asyncio.get_running_loop().call_later(_SECONDS_TO_DRAIN, self._send)
                self._waits = True
                return
            self._unsent.popleft()
            if connection is not None:
                os.close(connection)

    def _sent(self, packet: bytes, connection: int | None) -> bool:
        try:
            socket.send_fds(self._end, [packet], [] if connection is None else [connection])
        except BlockingIOError:
            return False
        except OSError:  # The other process has died. The reader of the line notices.
            return connection is None
        return True


class Front(Protocol):
    """What decides, in the process that all connections come to, which of them others continue."""

    def passed_on(self, head: Head, connection: int, data: bytes, *, busy: Callable[[], bool]) -> bool:
        """Whether another process has the connection now; `busy` says whether others wait for an answer."""


class Back(Protocol):
    """The way back from a process that answers only some requests."""

    def gone(self) -> None:
        """A connection is closed."""

    def give(self, connection: int, data: bytes) -> None:
        """What comes next is for another process."""


class HandedHttp(PlainHttp):
    """A connection of which another process may have read something: `first`."""

    def __init__(self, *arguments: Any, first: bytes = b"", **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._first = first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn has it.
        """Begin, with what has been read."""
        super().connection_made(transport)
        first, self._first = self._first, b""
        if first:
            self.data_received(first)


class DoorHttp(HandedHttp):
    """A connection at the process that all come to."""

    def __init__(self, *arguments: Any, authenticator: Front, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._authenticator = authenticator

    def data_received(self, data: bytes) -> None:
        """Hand the connection on if somebody else is to answer what comes next; else parse it."""
        if not self.between_requests or (head := head_of(data)) is None or not self._passed_on(head, data):
            super().data_received(data)

    def _passed_on(self, head: Head, data: bytes) -> bool:
        passed = self._authenticator.passed_on(head, _number_of(self.transport), data, busy=self._others_wait)
        if passed:  # Closing our descriptor does not affect the client: another process has one.
            self.transport.abort()
        return passed

    def _others_wait(self) -> bool:
        others = (connection for connection in self.connections if connection is not self)
        return any(isinstance(connection, PlainHttp) and connection.under_way for connection in others)


class ApartHttp(HandedHttp):
    """A connection at a process that answers only requests that are `mine`, of the caller of the first."""

    def __init__(self, *arguments: Any, back: Back, mine: Callable[[Head], bool], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._back: Back | None = back
        self._mine = mine
        self._bearer: bytes | None = None
        self._under_way = False
        self._to_come = 0
        """Bytes of the body that have not been read yet."""

        self._held = b""
        """What has been read behind the request under way."""

        self._pause = _SECONDS_TO_DRAIN

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so."""
        super().connection_lost(exc)
        if self._back is not None:
            self._back.gone()

    def data_received(self, data: bytes) -> None:
        """Parse what belongs to the request under way, and keep what comes behind it."""
        if not self._under_way:
            self._next(data)
            return
        body, behind = data[: self._to_come], data[self._to_come :]
        self._to_come -= len(body)
        self._held += behind
        if len(self._held) > _MOST_HELD:
            self.flow.pause_reading()
        if body:
            super().data_received(body)
            self._settle()

    def on_response_complete(self) -> None:
        """Continue with what has been read behind the request."""
        super().on_response_complete()
        self._settle()

    def _settle(self) -> None:
        cycle: Any = self.cycle  # None before the first request, whatever its annotation says.
        if self._to_come or cycle is None or not cycle.response_complete:
            return
        self._under_way = False
        if self._held and not self.transport.is_closing():
            held, self._held = self._held, b""
            self._next(held)

    def _next(self, data: bytes) -> None:
        """A request begins."""
        head = head_of(data)
        if head is None or not self._is_mine(head):
            self._give_back(data)
            return
        end = head.size + head.body
        self._under_way, self._to_come, self._held = True, max(0, end - len(data)), data[end:]
        super().data_received(data[:end])

    def _is_mine(self, head: Head) -> bool:
        if self._bearer is None:
            self._bearer = head.authorization
        return head.authorization == self._bearer and self._mine(head)

    def _give_back(self, data: bytes) -> None:
        """Hand the connection back, once all of the last answer is on its way."""
        self._unset_keepalive_if_required()
        if self.transport.is_closing() or self._back is None:
            return
        if self.transport.get_write_buffer_size():
            self._later(data)
            return
        try:
            self._back.give(_number_of(self.transport), data)
        except OSError:  # No number is left to keep it by.
            self._later(data)
            return
        self._back = None
        self.transport.abort()

    def _later(self, data: bytes) -> None:
        """Try again in a while, a longer one each time: a slow reader may take forever."""
        self._under_way, self._held = True, data
        self.loop.call_later(self._pause, self._give_held_back)
        self._pause = min(2 * self._pause, _MOST_SECONDS)

    def _give_held_back(self) -> None:
        held, self._held = self._held, b""
        self._give_back(held)


def _number_of(transport: asyncio.Transport) -> int:
    return cast("socket.socket", transport.get_extra_info("socket")).fileno()
