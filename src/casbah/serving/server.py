"""The listening socket, and the server that answers on it."""

import asyncio
import gc
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from casbah.base.shared import SharedNumbers
from casbah.errors import BadSettingError, OperatorError
from casbah.serving.connections import ConnectionLimits, Connections
from casbah.serving.http1 import StrictHttp
from casbah.settings import SETTINGS, Settings

_log = logging.getLogger("casbah.serving")
SECONDS_TO_FINISH = 30
_MAX_HANDSHAKES = 256
"""TLS handshakes of one process at a time."""

_SECONDS_TO_OTHERS, _SECONDS_TO_RECOVER = 0.005, 1.0
_GC_THRESHOLDS = (20_000, 50, 100)
_SWITCH_SECONDS = 0.0002
"""Seconds until a waiting thread gets Python's global lock. The engine releases and reacquires the lock for every record, so
with the default of 0.005 one record could wait as long as a whole page takes.
"""


class AddressTakenError(OperatorError):
    """The listening address is in use or not available."""


def listening(settings: Settings) -> socket.socket:
    """A socket that already listens, so that clients can connect before the server runs. Raises AddressTakenError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2_048)
    except OSError as error:
        raise AddressTakenError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; choose another with --port"
        ) from None


def address(listener: socket.socket, *, secure: bool = False) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def checked(settings: Settings) -> None:
    """Raise BadSettingError unless the certificate and key can be loaded."""
    if settings.tls_certificate is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (ssl.SSLError, OSError) as error:
        row = SETTINGS["tls_certificate"]
        raise BadSettingError(
            row.variable, str(settings.tls_certificate), f"a certificate and its key: {error}"
        ) from None


def settle() -> None:
    """Tune Python for a process that only serves.

    Objects that exist once the server runs are long-lived, so the garbage collector need not traverse them repeatedly.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


class HttpServer(uvicorn.Server):
    """A server that leaves signal handling to its caller; uvicorn's own replaces the handlers while it runs.

    `tick` is called ten times a second.
    """

    def __init__(self, config: uvicorn.Config, tick: Callable[["HttpServer"], None], limited: Connections) -> None:
        super().__init__(config)
        self._tick = tick
        self._limited = limited
        self._handshakes: dict[asyncio.Task[Any], None] = {}
        self._acceptor: Acceptor | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def accept(self, acceptor: "Acceptor") -> None:
        """Take connections from `acceptor` once the server runs."""
        self._acceptor = acceptor

    @property
    def connections(self) -> int:
        """The number of connections, those included whose TLS handshake is not complete."""
        return len(self.server_state.connections) + len(self._handshakes)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._acceptor is not None:
            self._acceptor.start(self)

    async def on_tick(self, counter: int) -> bool:
        self._tick(self)
        self._limited.sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._acceptor is not None:
            self._acceptor.stop()
        if self.config.ssl is not None:
            for handshake in list(self._handshakes):
                handshake.cancel()
        elif self._handshakes:  # Not canceled: uvloop would close the connection, but never tell its protocol.
            await asyncio.wait(list(self._handshakes))
        await super().shutdown(sockets)

    def take(self, connection: socket.socket) -> None:
        """Serve an accepted connection."""
        protocol_class: Any = self.config.http_protocol_class
        protocol = partial(
            protocol_class, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        loop = asyncio.get_running_loop()
        if self.config.ssl is not None and len(self._handshakes) >= _MAX_HANDSHAKES:
            next(iter(self._handshakes)).cancel()  # The oldest makes room: its client may never complete it.
        handshake = loop.create_task(loop.connect_accepted_socket(protocol, connection, ssl=self.config.ssl))
        self._handshakes[handshake] = None
        handshake.add_done_callback(self._taken)

    def _taken(self, handshake: "asyncio.Task[Any]") -> None:
        self._handshakes.pop(handshake, None)
        if not handshake.cancelled() and (error := handshake.exception()) is not None:
            _log.debug("a connection failed before its first request: %s", error)


class Acceptor:
    """Accepts connections from a socket; where several processes do, all have about as many.

    The kernel wakes every process for a connection, and the first to accept gets it. One that has more connections than
    another waits a moment first.
    """

    def __init__(self, listener: socket.socket, connections: SharedNumbers, place: int) -> None:
        self._listener = listener
        self._connections = connections
        self._place = place
        self._waiting: asyncio.TimerHandle | None = None

    def start(self, server: HttpServer) -> None:
        """Begin, in the server's event loop."""
        self._listener.settimeout(0)
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._listener, self._offered)

    def stop(self) -> None:
        """Accept no more. Other processes still do, if they have the listener open."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _offered(self) -> None:
        mine = self._server.connections
        self._connections[self._place] = mine
        if mine > min(self._connections.all()):
            self._pause(_SECONDS_TO_OTHERS, self._accept)
        else:
            self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:  # Too many open files, most likely. Connections wait until some are closed.
            _log.warning("no connection can be accepted now: %s", error)
            self._pause(_SECONDS_TO_RECOVER, lambda: None)
            return
        self._server.take(connection)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        def go_on() -> None:
            self._waiting = None
            self._loop.add_reader(self._listener, self._offered)
            then()

        self._loop.remove_reader(self._listener)
        self._waiting = self._loop.call_later(seconds, go_on)


def _no_tick(_: HttpServer) -> None:
    pass


def server_of(
    app: ASGIApp,
    settings: Settings | None = None,
    *,
    tick: Callable[[HttpServer], None] = _no_tick,
    keep_alive: int = 5,
    connections: Connections | None = None,
) -> HttpServer:
    """A server of the application, not yet running, with the configured certificate, if any; `connections` limits its clients.

    It closes a connection on which nothing was asked for `keep_alive` seconds.
    """
    limited = connections or Connections(ConnectionLimits())
    certificate = None if settings is None else settings.tls_certificate
    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=None if settings is None or certificate is None else settings.tls_key,
        http=cast("type[asyncio.Protocol]", partial(StrictHttp, limited=limited)),
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # Our own setting lists the trusted proxies; see `http.trusted_proxies`.
        ws="none",
        workers=1,  # Otherwise it reads WEB_CONCURRENCY.
        log_config=None,
        timeout_keep_alive=keep_alive,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    return HttpServer(config, tick, limited)
