"""casbah serve."""

import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Annotated

import httpx
import typer
import uvicorn

from casbah import compose, logs
from casbah.cli import options
from casbah.cli.connection import announced, trusted
from casbah.identity.authenticator import TENANT_HEADER
from casbah.pull.config import read
from casbah.pull.running import Job, Pulling
from casbah.pull.sinks import sink
from casbah.push import build as push
from casbah.push import config as push_config
from casbah.push.pusher import Outbox, Pushing
from casbah.serving.processes import server
from casbah.serving.server import address, checked, listening, settle
from casbah.settings import Settings
from casbah.shared import SharedFlag

_SECONDS = 600.0
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="The address to listen on (CASBAH_HOST).")] = None,
    port: Annotated[str | None, typer.Option(help="The port; 0 takes any free one (CASBAH_PORT).")] = None,
    store: options.Store = None,
    throttle: Annotated[
        str | None, typer.Option(help="Requests a tenant may make, such as 30/minute (CASBAH_THROTTLE).")
    ] = None,
    mimic: Annotated[
        str | None, typer.Option(help="Have the limits of another server, to test clients: mdca (CASBAH_MIMIC).")
    ] = None,
    chosen: options.Chosen = None,
) -> None:
    """Serve the API until interrupted.

    Example: casbah serve --port 9000

    To test clients: casbah serve --mimic mdca --set throttle=off --set mimic_fail=502:0.1
    """
    overrides = {"host": host, "port": port, "store": store, "throttle": throttle, "mimic": mimic}
    settings = options.chosen(**options.named(chosen or (), overrides))
    logs.set_up(level=settings.log_level, form=settings.log_format, of_requests=settings.log_requests)
    checked(settings)
    with compose.build(settings) as application, listening(settings) as listener:
        url, uvicorn_server = (
            address(listener, secure=settings.tls_certificate is not None),
            server(settings, application),
        )
        stopping = Stopping(uvicorn_server, application.services.leaving, drain=settings.drain)
        stopping.on_signals()
        with ExitStack() as stack:
            read_only = compose.readable_only(settings)
            if not read_only:
                stack.enter_context(
                    announced(settings.store, url=url, key=application.local_key, certificate=settings.tls_certificate)
                )
            note = " (read-only: the folder cannot be written to)" if read_only else ""
            sys.stderr.write(f"casbah: serving {url} from {settings.store}{note}\n")
            if not read_only and settings.store.stat().st_mode & _OTHERS:
                sys.stderr.write(
                    f"casbah: other users have access to {settings.store}; run chmod 700 {settings.store}\n"
                )
            settle()
            if not read_only:
                application.services.retention.begin()
            effective = application.services.settings
            with pushing(effective, application), pulling(effective, url, application.local_key) as stop:
                stopping.on_signals(stop)
                uvicorn_server.run(sockets=[listener])


@contextmanager
def pushing(settings: Settings, application: compose.Application) -> Iterator[None]:
    """Push stored activities to the configured destinations, if any, while the server runs."""
    entries = push_config.read(settings.push) if settings.push else {}
    if not entries:
        yield
        return
    with closing(Outbox(settings.store)) as outbox:
        pushers = push.pushers(
            entries, store=application.services.store, outbox=outbox, clock=application.services.clock
        )
        with closing(Pushing(pushers, outbox)) as running:
            running.start()
            sys.stderr.write(f"casbah: sending to {', '.join(entries)}\n")
            yield


@contextmanager
def pulling(settings: Settings, url: str, key: str) -> Iterator[Callable[[], None]]:
    """Pull from the configured sources, if any, while the server runs. Pullers send activities to it like any client.

    Yields a function that stops them; call it before the server stops.
    """
    entries = read(settings.pull) if settings.pull else {}
    with ExitStack() as stack:
        jobs, stop = [], _do_nothing
        for name, entry in entries.items():
            headers = {"Authorization": f"Token {key}", TENANT_HEADER: entry.into}
            verify = trusted(settings.tls_certificate)
            client = stack.enter_context(
                httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False, verify=verify)
            )
            jobs.append(Job(name, entry, sink(client.request, name=name, rejects=settings.store / "rejects")))
        if jobs:
            running = stack.enter_context(closing(Pulling(jobs, folder=settings.store, clock=compose.wall_clock)))
            stop = running.stop
            running.start()
            sys.stderr.write(f"casbah: pulling {', '.join(entries)}\n")
        yield stop


def _do_nothing() -> None:
    pass


class Stopping:
    """Graceful shutdown: at SIGINT at once, at SIGTERM after reporting not ready for `drain` ms; running requests finish.

    A second signal ends the drain period, a third one aborts running requests.
    """

    def __init__(self, server: uvicorn.Server, leaving: SharedFlag, *, drain: int | None) -> None:
        self._server = server
        self._leaving = leaving
        self._seconds = (drain or 0) / 1_000

    def on_signals(self, also: Callable[[], None] = _do_nothing) -> None:
        """Install the signal handlers; `also` is called at once on a signal.

        They are also active before and after the server runs: no signal may be lost or end the process while the store is
        open.
        """

        def stop(number: int, _: object) -> None:
            also()
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
