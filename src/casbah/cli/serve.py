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
        str | None, typer.Option(help="Be as narrow as another server, to test clients against: mdca (CASBAH_MIMIC).")
    ] = None,
    chosen: options.Chosen = None,
) -> None:
    """Serve the API until interrupted.

    Example: casbah serve --port 9000

    To test clients against: casbah serve --mimic mdca --set throttle=off --set mimic_fail=502:0.1
    """
    given = {"host": host, "port": port, "store": store, "throttle": throttle, "mimic": mimic}
    settings = options.chosen(**options.named(chosen or (), given))
    logs.set_up(level=settings.log_level, form=settings.log_format, of_requests=settings.log_requests)
    checked(settings)
    with compose.build(settings) as house, listening(settings) as listener:
        url, answering = address(listener, secure=settings.tls_certificate is not None), server(settings, house)
        stopping = Stopping(answering, house.services.leaving, drain=settings.drain)
        stopping.on_signals()
        with ExitStack() as stack:
            reading = compose.readable_only(settings)
            if not reading:
                stack.enter_context(
                    announced(settings.store, url=url, key=house.local_key, certificate=settings.tls_certificate)
                )
            more = " (read-only: the folder cannot be written to)" if reading else ""
            sys.stderr.write(f"casbah: serving {url} from {settings.store}{more}\n")
            if not reading and settings.store.stat().st_mode & _OTHERS:
                sys.stderr.write(f"casbah: others may look into {settings.store}; chmod 700 {settings.store}\n")
            settle()
            if not reading:
                house.services.retention.begin()
            doing = house.services.settings
            with pushing(doing, house), pulling(doing, url, house.local_key) as stop:
                stopping.on_signals(stop)
                answering.run(sockets=[listener])


@contextmanager
def pushing(settings: Settings, house: compose.Application) -> Iterator[None]:
    """Send on what is stored while the server runs, if a file says where."""
    entries = push_config.read(settings.push) if settings.push else {}
    if not entries:
        yield
        return
    with closing(Outbox(settings.store)) as letters:
        pushers = push.pushers(entries, store=house.services.store, letters=letters, clock=house.services.clock)
        with closing(Pushing(pushers, letters)) as running:
            running.start()
            sys.stderr.write(f"casbah: sending to {', '.join(entries)}\n")
            yield


@contextmanager
def pulling(settings: Settings, url: str, key: str) -> Iterator[Callable[[], None]]:
    """Pull, if a file says what, while the server runs: its pullers send what they fetch as any client would.

    Gives what stops them: they are to stop before the server does.
    """
    entries = read(settings.pull) if settings.pull else {}
    with ExitStack() as stack:
        jobs, stop = [], _nothing
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


def _nothing() -> None:
    pass


class Stopping:
    """How a server ends: at SIGINT, or at SIGTERM once it has said for `drain` ms that it is about to, requests under way
    finished. A second signal ends the waiting, a third one does not wait for requests either.
    """

    def __init__(self, server: uvicorn.Server, leaving: SharedFlag, *, drain: int | None) -> None:
        self._server = server
        self._leaving = leaving
        self._seconds = (drain or 0) / 1_000

    def on_signals(self, also: Callable[[], None] = _nothing) -> None:
        """Heed signals from now on; whatever else is to stop stops at once.

        Also before the server runs and after it: none may be lost, and none may end the process while the store is open.
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

        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, stop)

    def _end(self) -> None:
        self._server.should_exit = True
