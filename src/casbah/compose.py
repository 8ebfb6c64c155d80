"""Settings to a running house: the only module that knows every room."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

from starlette.types import ASGIApp

from casbah.connectors import connectors
from casbah.http.app import application
from casbah.http.exchange import Services
from casbah.http.quirks import Quirks
from casbah.identity.door import Door, new_local_key
from casbah.identity.throttle import Throttle
from casbah.identity.token import Tokens, digest
from casbah.settings import Settings, read
from casbah.store.embedded.store import EmbeddedStore


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class House:
    """Everything, open. `local_key` speaks for whoever owns the data directory."""

    services: Services
    app: ASGIApp
    local_key: str


@contextmanager
def opened(settings: Settings, *, clock: Callable[[], int] = wall_clock) -> Iterator[House]:
    """The house of a data directory, closed at the end. Raises StoreLockedError or StoreFormatError."""
    # It warns of each form that it cannot read, so that any caller could fill the log; the caller is told with a 400.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    store = EmbeddedStore(settings.store, clock=clock, writer_memory=settings.writer_memory)
    tokens = Tokens(settings.store, clock=clock)
    key = new_local_key()
    dice = Random()  # noqa: S311  chance for the tests of clients, no secret
    services = Services(
        settings=settings,
        store=store,
        tokens=tokens,
        door=Door(tokens, digest(key)),
        throttle=Throttle(settings.throttle, clock=clock),
        quirks=Quirks(settings, clock=clock, dice=dice),
        plain=Quirks(read({}), clock=clock, dice=dice),
        connectors=connectors(),
        clock=clock,
    )
    try:
        yield House(services, application(services), key)
    finally:
        tokens.close()
        store.close()
