"""What runs in the background of a server, in the process that owns the store, such as retention, pulls and pushes."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import httpx

from casbah import compose
from casbah.identity.permissions import TENANT_HEADER
from casbah.ingest.pull.config import read
from casbah.ingest.pull.running import Job, Pulling
from casbah.ingest.pull.sinks import sink
from casbah.outputs.push import build as push
from casbah.outputs.push import config as push_config
from casbah.outputs.push.pusher import Outbox, Pushing
from casbah.serving.local_tls import trusted
from casbah.settings import Settings

_SECONDS = 600.0


@contextmanager
def background(application: compose.Application, url: str) -> Iterator[Sequence[Callable[[], None]]]:
    """Run everything while the server at `url` runs. Yields what to call before the server stops: it stops pulls."""
    settings = application.services.settings
    if not compose.readable_only(settings):
        application.writer.retention.begin()
    if (scrub := application.writer.scrub) is not None:
        scrub.begin()
    if (logs := application.writer.logs) is not None:
        logs.begin()
    with pushing(settings, application), pulling(settings, url, application.local_key) as stops:
        yield stops


@contextmanager
def pushing(settings: Settings, application: compose.Application) -> Iterator[None]:
    """Push stored activities to the configured destinations, if any, while the server runs."""
    entries = push_config.read(settings.push) if settings.push else {}
    if not entries:
        yield
        return
    with closing(Outbox(settings.store)) as outbox:
        pushers = push.pushers(entries, store=application.writer.store, outbox=outbox, clock=application.services.clock)
        with closing(Pushing(pushers)) as running:
            application.writer.pushes.show(list(pushers.values()))
            running.start()
            sys.stderr.write(f"casbah: sending to {', '.join(entries)}\n")
            yield


@contextmanager
def pulling(settings: Settings, url: str, key: str) -> Iterator[Sequence[Callable[[], None]]]:
    """Pull from the configured sources, if any, while the server runs. Pullers send activities to it like any client.

    Yields what to call before the server stops: it stops them.
    """
    entries = read(settings.pull) if settings.pull else {}
    with ExitStack() as stack:
        jobs: list[Job] = []
        for name, entry in entries.items():
            headers = {"Authorization": f"Token {key}", TENANT_HEADER: entry.into}
            verify = trusted(settings.tls_certificate)
            client = stack.enter_context(
                httpx.Client(base_url=url, headers=headers, timeout=_SECONDS, trust_env=False, verify=verify)
            )
            jobs.append(Job(name, entry, sink(client.request, name=name, rejects=settings.store / "rejects")))
        stops: list[Callable[[], None]] = []
        if jobs:
            running = stack.enter_context(closing(Pulling(jobs, folder=settings.store, clock=compose.wall_clock)))
            stops.append(running.stop)
            running.start()
            sys.stderr.write(f"casbah: pulling {', '.join(entries)}\n")
        yield stops
