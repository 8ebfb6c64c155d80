"""Delivers records as signed webhooks, or as CEF lines over syslog."""

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import httpcore

from casbah.outputs.export import cef
from casbah.outputs.push.config import PushTarget
from casbah.outputs.push.guard import Guarded, connected, trusting
from casbah.store.contract import Change

_SECONDS = 30.0
_AGAIN = frozenset({408, 425, 429})
_MAX_DATAGRAM = 65_000
_PRIORITY = 13 * 8 + 6
"""Facility 13 (log audit), severity 6 (informational): RFC 5424, 6.2.1."""


class DeliveryRefusedError(Exception):
    """The destination refused the activities permanently. The message says why."""


class RetryLaterError(Exception):
    """The destination does not accept the activities now, but may later."""


class Sink(Protocol):
    """Sends activities."""

    sure: bool
    """Whether the destination acknowledges delivery."""

    def send(self, changes: Sequence[Change]) -> None:
        """Send activities. Raises DeliveryRefusedError, or RetryLaterError: then send all of them again."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Webhook:
    """POSTs `{"data": [records]}`. `Casbah-Signature: t=<s>,v1=<hex>` is HMAC-SHA-256 of `<s>.<body>` with the shared secret;
    `Casbah-Delivery` stays the same when a delivery is repeated.
    """

    sure = True

    def __init__(self, name: str, entry: PushTarget, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._name, self._entry, self._key, self._clock = name, entry, key, clock
        context = trusting(entry.tls_ca)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context, network_backend=Guarded(private=entry.allow_private), max_connections=1
        )

    def send(self, changes: Sequence[Change]) -> None:
        body = b'{"data":[' + b",".join(change.record for change in changes) + b"]}"
        moment = int(self._clock())
        headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "User-Agent": "Casbah",
            "Casbah-Delivery": f"{self._name}-{changes[0].number}-{changes[-1].number}",
            "Casbah-Signature": f"t={moment},v1={signature(self._key, moment, body)}",
        }
        times = {"connect": _SECONDS, "read": _SECONDS, "write": _SECONDS, "pool": _SECONDS}
        try:
            answer = self._pool.request(
                "POST", self._entry.to, headers=headers, content=body, extensions={"timeout": times}
            )
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            raise RetryLaterError(str(error) or type(error).__name__) from error
        if answer.status // 100 == 2:  # noqa: PLR2004  a success
            return
        reason = f"answered {answer.status}"
        if answer.status >= 500 or answer.status in _AGAIN:  # noqa: PLR2004
            raise RetryLaterError(reason)
        raise DeliveryRefusedError(reason)

    def close(self) -> None:
        self._pool.close()


def signature(key: bytes, moment: int, body: bytes) -> str:
    """The value after `v1=` in `Casbah-Signature`."""
    return hmac.new(key, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()


class Syslog:
    """Sends lines: over UDP one per datagram (RFC 5426), over TCP and TLS framed by length or line ends (RFC 6587)."""

    sure = False

    def __init__(self, entry: PushTarget) -> None:
        self._entry = entry
        self._socket: socket.socket | None = None

    def send(self, changes: Sequence[Change]) -> None:
        messages = [self._message(json.loads(change.record)) for change in changes]
        try:
            wire = self._connected()
            if self._entry.target.scheme == "udp":
                for message in messages:
                    wire.send(message[:_MAX_DATAGRAM])
            else:
                wire.sendall(b"".join(map(self._framed, messages)))
        except OSError as error:
            self.close()
            raise RetryLaterError(str(error)) from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            target, private = self._entry.target, self._entry.allow_private
            host, port = target.hostname or "", target.port or 0
            kind = socket.SOCK_DGRAM if target.scheme == "udp" else socket.SOCK_STREAM
            connection = connected(host, port, private=private, kind=kind)
            if target.scheme == "tls":
                try:
                    connection = trusting(self._entry.tls_ca).wrap_socket(connection, server_hostname=host)
                except (ssl.SSLError, OSError):
                    connection.close()
                    raise
            self._socket = connection
        elif self._entry.target.scheme != "udp" and _has_ended(self._socket):
            raise ConnectionResetError("the destination closed the connection")
        return self._socket

    def _message(self, activity: dict[str, object]) -> bytes:
        host = self._entry.host or socket.gethostname()
        if self._entry.header == "agent":
            return cef.line(activity, portal=self._entry.portal, host=self._entry.host).encode()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        line = cef.line(activity, portal=self._entry.portal)
        return f"<{_PRIORITY}>1 {now} {host} casbah - - - {line}".encode()

    def _framed(self, message: bytes) -> bytes:
        return f"{len(message)} ".encode() + message if self._entry.framing == "octets" else message + b"\n"


def _has_ended(wire: socket.socket) -> bool:
    """Whether the destination closed the connection; a collector never sends anything."""
    wire.settimeout(0)
    try:
        return not wire.recv(1, 0 if isinstance(wire, ssl.SSLSocket) else socket.MSG_PEEK)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        wire.settimeout(_SECONDS)
