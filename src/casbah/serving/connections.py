"""Limits on the connections of one process: how many there are, how long a head may take, and how slowly a body may come.

Anyone who reaches the port can open connections and send nothing, or next to nothing. Without limits that uses up the open
files of the process, and nobody else gets in.
"""

import resource
import time
from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

from casbah.settings import Settings

_WINDOW = 20.0
"""Seconds over which the rate of a body is measured, as in Apache's mod_reqtimeout."""

_OTHER_FILES = 300
"""Open files that are not connections of clients: of the store, key-value stores, logs."""

_MIN_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """None stands for no limit. `body_rate` is in bytes per second."""

    connections: int | None = None
    per_address: int | None = None
    head_seconds: float | None = None
    body_rate: int | None = None


class Connection(Protocol):
    """What `Connections` needs of a connection."""

    @property
    def address(self) -> str:
        """The address of the other end."""
        ...

    @property
    def is_held_up(self) -> bool:
        """Whether this process does not read at the moment, so that a slow body is not the client's fault."""
        ...

    def give_up(self, reason: str, /) -> None:
        """Close the connection, whose request is not complete, and say why if the client has sent any of it."""

    def turn_away(self) -> None:
        """Close the connection, on which nothing has been sent yet, because there are too many."""


@dataclass(slots=True)
class _Body:
    since: float
    size: int = 0


class Connections:
    """The connections of one process. For its event loop alone; the clock gives seconds, and `exempt` are trusted proxies."""

    def __init__(self, limits: ConnectionLimits, *, exempt: Container[str] = ()) -> None:
        self._limits = limits
        self._exempt = exempt
        self._all: set[Connection] = set()
        self._by_address: defaultdict[str, dict[Connection, None]] = defaultdict(dict)
        self._heads: dict[Connection, float] = {}
        """Connections without a complete head, and since when; oldest first."""

        self._bodies: dict[Connection, _Body] = {}
        self._next_sweep = 0.0

    def opened(self, connection: Connection) -> None:
        """Count a new connection. Past a limit, the oldest one without a complete head makes room, else the new one."""
        self._all.add(connection)
        same = self._by_address[connection.address]
        same[connection] = None
        self.await_head(connection)
        limits, exempt = self._limits, connection.address in self._exempt
        if limits.per_address is not None and not exempt and len(same) > limits.per_address:
            oldest = next(candidate for candidate in self._heads if candidate in same)
        elif limits.connections is not None and len(self._all) > limits.connections:
            oldest = next(iter(self._heads))
        else:
            return
        self._forget(oldest)
        if oldest is connection:
            oldest.turn_away()
        else:
            oldest.give_up("too many connections; this one had waited longest for the rest of a request")

    def closed(self, connection: Connection) -> None:
        """Count a connection no more."""
        self._forget(connection)

    def await_head(self, connection: Connection) -> None:
        """Expect a request on a connection from now on."""
        self._heads.pop(connection, None)
        self._heads[connection] = time.monotonic()

    def await_body(self, connection: Connection) -> None:
        """The head is complete: expect a body."""
        self._heads.pop(connection, None)
        self._bodies[connection] = _Body(time.monotonic())

    def received(self, connection: Connection, size: int) -> None:
        """Count bytes of a body."""
        if (body := self._bodies.get(connection)) is not None:
            body.size += size

    def complete(self, connection: Connection) -> None:
        """The request is complete."""
        self._heads.pop(connection, None)
        self._bodies.pop(connection, None)

    def sweep(self) -> None:
        """Give up connections that are too slow. Call it often; it looks once a second."""
        now = time.monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + 1
        self._give_up_heads(now)
        self._give_up_bodies(now)

    def _give_up_heads(self, now: float) -> None:
        seconds = self._limits.head_seconds
        while seconds is not None and self._heads:
            oldest = next(iter(self._heads))
            if now - self._heads[oldest] < seconds:
                return
            del self._heads[oldest]
            oldest.give_up(
                f"the head of the request was not complete after {seconds:g} s (setting CASBAH_HEAD_TIMEOUT)"
            )

    def _give_up_bodies(self, now: float) -> None:
        rate = self._limits.body_rate
        if rate is None:
            return
        over = [(connection, body) for connection, body in self._bodies.items() if now - body.since >= _WINDOW]
        for connection, body in over:
            if body.size < rate * (now - body.since) and not connection.is_held_up:
                del self._bodies[connection]
                connection.give_up(f"the body came more slowly than {rate} bytes per second (setting CASBAH_BODY_RATE)")
            else:
                body.since, body.size = now, 0

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._heads.pop(connection, None)
        self._bodies.pop(connection, None)
        same = self._by_address.get(connection.address)
        if same is not None:
            same.pop(connection, None)
            if not same:
                del self._by_address[connection.address]


def limits_of(settings: Settings, *, processes: int) -> ConnectionLimits:
    """The limits of one of so many processes. A worker may need another file for each connection, to the writer."""
    files = max(_MIN_CONNECTIONS, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES) // 2)
    return ConnectionLimits(
        connections=min(files, _share(settings.max_connections, processes) or files),
        per_address=_share(settings.max_connections_per_address, processes),
        head_seconds=None if settings.head_timeout is None else settings.head_timeout / 1_000,
        body_rate=settings.body_rate,
    )


def forwards(*, processes: int) -> int:
    """How many requests each of so many workers may send on at a time: the writer has a file open for each."""
    return max(_MIN_CONNECTIONS, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES) // processes)


def raise_file_limit() -> None:
    """Let this process open as many files as it may: the default is low for programs that cannot cope with more."""
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))


def _share(limit: int | None, processes: int) -> int | None:
    return None if limit is None else -(-limit // processes)
