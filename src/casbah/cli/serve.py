"""casbah serve."""

import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import uvicorn

from casbah import compose
from casbah.base import logs
from casbah.base.shared import SharedFlag, SharedNumbers
from casbah.cli import options
from casbah.cli.migrate import migrate_first
from casbah.cli.server_file import announced
from casbah.serving.background import background
from casbah.serving.connections import Connections, limits_of, raise_file_limit
from casbah.serving.processes import several
from casbah.serving.server import Acceptor, address, checked, listening, server_of, settle
from casbah.serving.supervisor import supervised
from casbah.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def serve(
    *,
    host: Annotated[str | None, options.setting("host")] = None,
    port: Annotated[str | None, options.setting("port")] = None,
    store: options.Store = None,
    throttle: Annotated[str | None, options.setting("throttle")] = None,
    mimic: Annotated[str | None, options.setting("mimic")] = None,
    chosen: options.Chosen = None,
) -> None:
    """Serve the API until interrupted.

    Example: casbah serve --port 9000

    To test clients: casbah serve --mimic mdca --set throttle=off --set mimic_fail=502:0.1
    """
    overrides = {"host": host, "port": port, "store": store, "throttle": throttle, "mimic": mimic}
    settings = options.read_settings(**options.with_set(chosen or (), overrides))
    logs.set_up(level=settings.log_level, form=settings.log_format, of_requests=settings.log_requests)
    checked(settings)
    raise_file_limit()
    migrate_first(settings)
    with listening(settings) as listener:
        url = address(listener, secure=settings.tls_certificate is not None)
        if several(settings) and not compose.readable_only(settings):
            with supervised(settings, listener, url) as supervisor, _announced(settings, url, supervisor.key):
                supervisor.watch()
            return
        with compose.build(settings) as application:
            connections = Connections(limits_of(settings, processes=1), exempt=application.services.proxies)
            uvicorn_server = server_of(application.app, settings, connections=connections)
            uvicorn_server.accept(Acceptor(listener, SharedNumbers(1), 0))
            stopping = GracefulShutdown(uvicorn_server, application.services.leaving, drain=settings.drain)
            stopping.on_signals()
            with _announced(settings, url, application.local_key):
                settle()
                with background(application, url) as stops:
                    stopping.on_signals(*stops)
                    uvicorn_server.run(sockets=[])


@contextmanager
def _announced(settings: Settings, url: str, key: str) -> Iterator[None]:
    """Say where the server is: on stderr, and in the store for the owner's commands."""
    if compose.readable_only(settings):
        sys.stderr.write(f"casbah: serving {url} from {settings.store} (read-only: the folder cannot be written to)\n")
        yield
        return
    with announced(settings.store, url=url, key=key, certificate=settings.tls_certificate):
        sys.stderr.write(f"casbah: serving {url} from {settings.store}\n")
        if settings.store.stat().st_mode & _OTHERS:
            sys.stderr.write(f"casbah: other users have access to {settings.store}; run chmod 700 {settings.store}\n")
        yield


class GracefulShutdown:
    """Graceful shutdown: at SIGINT at once, at SIGTERM after reporting not ready for `drain` ms; running requests finish.

    A second signal ends the drain period, a third one aborts running requests.
    """

    def __init__(self, server: uvicorn.Server, leaving: SharedFlag, *, drain: int | None) -> None:
        self._server = server
        self._leaving = leaving
        self._seconds = (drain or 0) / 1_000

    def on_signals(self, *also: Callable[[], None]) -> None:
        """Install the signal handlers; each of `also` is called at once on a signal.

        They are also active before and after the server runs: no signal may be lost or end the process while the store is
        open.
        """

        def stop(number: int, _: object) -> None:
            for call in also:
                call()
            if self._server.should_exit:
                self._server.force_exit = True
            waits = number == signal.SIGTERM and self._seconds > 0 and not self._leaving.is_set()
            self._leaving.set()
            if waits:
                waiting = threading.Timer(self._seconds, self._end)
                waiting.daemon = True
                waiting.start()
            else:
                self._end()

        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, stop)

    def _end(self) -> None:
        self._server.should_exit = True
