"""Listening, and the server that answers there."""

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
_SELDOM = (20_000, 50, 100)
_TURN = 0.0002
"""Seconds after which a thread that wants Python's lock gets it. The engine gives the lock away and takes it back for every
record that it hands out, and the usual 0.005 is as long as a whole page takes.
"""


class AddressTakenError(OperatorError):
    """The address cannot be listened on."""


def listening(settings: Settings) -> socket.socket:
    """A socket that listens already: whoever connects from now on is answered once the server runs."""
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
    """Whether certificate and key can be used. Raises BadSettingError."""
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
    """Set Python up for a process that does nothing but serve.

    What is in memory once a server runs stays there, so the garbage collector need not walk through it again and again.
    """
    sys.setswitchinterval(_TURN)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_SELDOM)


class Company(Protocol):
    """The other processes that answer on the same socket, as the server of one of them sees them."""

    def begin(self, take: "Take", /) -> None:
        """The server runs; `take` is for connections that are handed to it."""

    def over(self) -> bool:
        """Whether it is to stop. Asked ten times a second."""

    def stop(self) -> None:
        """The server stops, and finishes what is under way."""

    def end(self, forced: Callable[[], bool], /) -> None:
        """It has; waits for the others, unless it is `forced` not to."""


Take = Callable[[socket.socket, bytes], None]
"""Go on with a connection, of which these bytes have been read."""


class Alone:
    """See `Company`: there is none."""

    def begin(self, _: Take, /) -> None:
        """See `Company.begin`."""

    def over(self) -> bool:
        """See `Company.over`."""
        return False

    def stop(self) -> None:
        """See `Company.stop`."""

    def end(self, _: Callable[[], bool], /) -> None:
        """See `Company.end`."""


_ALONE = Alone()


class Server(uvicorn.Server):
    """One that leaves signals to whoever runs it: uvicorn's own would take their handlers away while it runs."""

    def __init__(self, config: uvicorn.Config, company: Company) -> None:
        super().__init__(config)
        self._company = company
        self._over = False
        self._taking: set[asyncio.Task[Any]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See `uvicorn.Server.capture_signals`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        await super().startup(sockets)
        self._company.begin(self._take)

    async def on_tick(self, counter: int) -> bool:
        """See `uvicorn.Server.on_tick`."""
        return await super().on_tick(counter) or self._company.over()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server.shutdown`."""
        self._over = True
        self._company.stop()
        await super().shutdown(sockets)
        await asyncio.to_thread(self._company.end, lambda: self.force_exit)

    def _take(self, connection: socket.socket, first: bytes) -> None:
        if self._over:
            connection.close()
            return
        made: Any = self.config.http_protocol_class
        protocol = partial(
            made,
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
        if not taking.cancelled() and (wrong := taking.exception()) is not None:
            _log.warning("a connection is lost that another process has handed over: %s", wrong)


def server_of(
    app: ASGIApp,
    settings: Settings | None = None,
    *,
    http: Callable[..., asyncio.Protocol] = PlainHttp,
    company: Company = _ALONE,
) -> Server:
    """A server of the application, not yet running; with the certificate that the settings name, if they do."""
    certificate = None if settings is None else settings.tls_certificate
    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=None if settings is None or certificate is None else settings.tls_key,
        http=cast("type[asyncio.Protocol]", http),
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # Which proxies are trusted is a setting of ours; see `http.proxies`.
        ws="none",
        workers=1,  # Else it reads WEB_CONCURRENCY.
        log_config=None,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    return Server(config, company)
