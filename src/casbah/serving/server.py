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
from typing import Any, Protocol, cast

import uvicorn
from starlette.types import ASGIApp

from casbah.errors import BadSettingError, OperatorError
from casbah.serving.http1 import PlainHttp
from casbah.settings import SETTINGS, Settings

_log = logging.getLogger("casbah.serving")
SECONDS_TO_FINISH = 30
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


class Company(Protocol):
    """The other processes that serve the same socket, as seen by the server in one of them."""

    def begin(self, take: "Take", /) -> None:
        """The server has started. Pass it connections with `take`."""

    def over(self) -> bool:
        """Whether the server must stop. Called ten times per second."""

    def stop(self) -> None:
        """The server is stopping, and finishes running requests."""

    def end(self, forced: Callable[[], bool], /) -> None:
        """The server has stopped. Waits for the other processes, unless `forced`."""


Take = Callable[[socket.socket, bytes], None]
"""Takes over a connection, of which these bytes have already been read."""


class Alone:
    """See `Company`: a server without other processes."""

    def begin(self, _: Take, /) -> None:
        """See `Company.begin`."""

    def over(self) -> bool:
        return False

    def stop(self) -> None:
        """See `Company.stop`."""

    def end(self, _: Callable[[], bool], /) -> None:
        """See `Company.end`."""


_ALONE = Alone()


class Server(uvicorn.Server):
    """A server that leaves signal handling to its caller; uvicorn's own replaces the handlers while it runs."""

    def __init__(self, config: uvicorn.Config, company: Company) -> None:
        super().__init__(config)
        self._company = company
        self._stopping = False
        self._taking: set[asyncio.Task[Any]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._company.begin(self._take)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._company.over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping = True
        self._company.stop()
        await super().shutdown(sockets)
        await asyncio.to_thread(self._company.end, lambda: self.force_exit)

    def _take(self, connection: socket.socket, first: bytes) -> None:
        if self._stopping:
            connection.close()
            return
        protocol_class: Any = self.config.http_protocol_class
        protocol = partial(
            protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            first=first,
        )
        loop = asyncio.get_running_loop()
        taking = loop.create_task(loop.connect_accepted_socket(protocol, connection))
        self._taking.add(taking)
        taking.add_done_callback(self._taken)

    def _taken(self, taking: "asyncio.Task[Any]") -> None:
        self._taking.discard(taking)
        if not taking.cancelled() and (error := taking.exception()) is not None:
            _log.warning("lost a connection that another process handed over: %s", error)


def server_of(
    app: ASGIApp,
    settings: Settings | None = None,
    *,
    http: Callable[..., asyncio.Protocol] = PlainHttp,
    company: Company = _ALONE,
) -> Server:
    """A server of the application, not yet running, with the configured certificate, if any."""
    certificate = None if settings is None else settings.tls_certificate
    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=None if settings is None or certificate is None else settings.tls_key,
        http=cast("type[asyncio.Protocol]", http),
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # Our own setting lists the trusted proxies; see `http.proxies`.
        ws="none",
        workers=1,  # Otherwise it reads WEB_CONCURRENCY.
        log_config=None,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    return Server(config, company)
