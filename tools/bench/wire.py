"""The least client that speaks HTTP/1.1 over one kept connection: what is measured is the server."""

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

_READ = 1 << 18
_NO_CONTENT = 204
_IDLE = 3
"""Seconds after which a connection is opened anew: servers close idle ones after five."""


class Connection:
    """One connection to a server. `headers` go with every request."""

    def __init__(self, url: str, headers: dict[str, str] | None = None, *, timeout: float = 600) -> None:
        self.url = url
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._lead = "".join(
            f"{name}: {value}\r\n" for name, value in {"Host": parts.netloc, **(headers or {})}.items()
        )
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._used = 0.0

    def ask(self, path: str, body: Any) -> bytes:
        """POST a JSON value; the body of the answer."""
        return self.send("POST", path, json.dumps(body).encode())

    def send(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """A request; the body of the answer. Raises OSError where its status is not 2xx."""
        return self.context(self.request(method, path, body, kind))

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
        """The bytes of a request."""
        head = f"{method} {path} HTTP/1.1\r\n{self._lead}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def context(self, request: bytes) -> bytes:
        """Send the bytes of a request."""
        if time.monotonic() - self._used > _IDLE:
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(request)
            status, body = _read(self._socket)
        except BaseException:
            self.close()
            raise
        self._used = time.monotonic()
        if not 200 <= status < 300:
            raise OSError(f"HTTP {status}: {body[:500]!r}")
        return body

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _read(connection: socket.socket) -> tuple[int, bytes]:
    text = b""
    while b"\r\n\r\n" not in text:
        text += _more(connection)
    head, _, rest = text.partition(b"\r\n\r\n")
    status = int(head[9:12])
    if status == _NO_CONTENT:
        return status, b""
    headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" in headers:
        return status, _counted(connection, rest, int(headers[b"content-length"]))
    return status, _chunked(connection, rest)


def _counted(connection: socket.socket, rest: bytes, size: int) -> bytes:
    parts, have = [rest], len(rest)
    while have < size:
        parts.append(_more(connection))
        have += len(parts[-1])
    return b"".join(parts)


def _chunked(connection: socket.socket, rest: bytes) -> bytes:
    found = []
    while True:
        while b"\r\n" not in rest:
            rest += _more(connection)
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16) + 2
        if len(rest) < size:
            rest = _counted(connection, rest, size)
        if size == 2:
            return b"".join(found)
        found.append(rest[: size - 2])
        rest = rest[size:]


def _more(connection: socket.socket) -> bytes:
    found = connection.recv(_READ)
    if not found:
        raise OSError("the server closed the connection")
    return found
