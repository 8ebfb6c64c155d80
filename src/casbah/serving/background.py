"""What runs in the background of a server, in the process that owns the store: retention, pulls and pushes."""

import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from casbah import compose
from casbah.identity.authenticator import TENANT_HEADER
from casbah.pull.config import read
from casbah.pull.running import Job, Pulling
from casbah.pull.sinks import sink
from casbah.push import build as push
from casbah.push import config as push_config
from casbah.push.pusher import Outbox, Pushing
from casbah.settings import Settings

_SECONDS = 600.0


@contextmanager
def background(application: compose.Application, url: str) -> Iterator[Callable[[], None]]:
    """Run everything while the server at `url` runs. Yields a function that stops pulls; call it before the server stops."""
    settings = application.services.settings
    if not compose.readable_only(settings):
        application.writer.retention.begin()
    with pushing(settings, application), pulling(settings, url, application.local_key) as stop:
        yield stop


@contextmanager
def pushing(settings: Settings, application: compose.Application) -> Iterator[None]:
    """Push stored activities to the configured destinations, if any, while the server runs."""
    entries = push_config.read(settings.push) if settings.push else {}
    if not entries:
        yield
        return
    with closing(Outbox(settings.store)) as outbox:
        pushers = push.pushers(entries, store=application.writer.store, outbox=outbox, clock=application.services.clock)
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


def trusted(certificate: str | Path | None) -> ssl.SSLContext | bool:
    """TLS verification: exactly that certificate, for any host name, as the server is on the same machine."""
    if certificate is None:
        return True
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _do_nothing() -> None:
    pass
