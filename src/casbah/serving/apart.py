"""A process that answers questions beside the one that owns the store: same application, same engine, a store that follows."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from casbah import compose, logs
from casbah.activity.tenant import TenantId
from casbah.serving.bringing import Brought
from casbah.serving.passing import ApartHttp, Head, Line
from casbah.serving.server import Take, server_of, settle
from casbah.settings import Settings
from casbah.shared import SharedFlag
from casbah.store.contract import Inserted

_log = logging.getLogger("casbah.serving")
_TICKS = 100
"""Ten seconds."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What leads to the owner: connections; questions how the store stands; activities; and what is asked of this process."""

    connections: socket.socket
    state: Connection
    brought: Connection
    counted: Connection


@dataclass(frozen=True, slots=True)
class Flags:
    """What all processes of a server see at once: that it is told to stop, and that it stops now."""

    leaving: SharedFlag
    stopping: SharedFlag


def run(settings: Settings, followed: Any, flags: Flags, lines: Lines) -> None:
    """The main function of a process: answer until the owner stops or is gone. `followed` is the owner's
    `Application.followed`.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # The parent process decides when we end.
        signal.signal(number, signal.SIG_IGN)
    logs.set_up(level=settings.log_level, form=settings.log_format, of_requests=settings.log_requests)
    with compose.following(settings, followed, _Owner(lines), leaving=flags.leaving) as application:
        company = _Company(lines, flags, application)
        http = partial(ApartHttp, back=company.line, mine=partial(_mine, application.apart))
        server = server_of(application.app, settings, http=http, company=company)
        settle()
        server.run(sockets=[])


def _mine(apart: Callable[[str, bytes], bool], head: Head) -> bool:
    return apart(head.method, head.target)


class _Owner:
    """See `store.embedded.following.Owner`: in another process. Any thread may ask."""

    def __init__(self, lines: Lines) -> None:
        self._state = lines.state
        self._asking = threading.Lock()
        self._brought = Brought(lines.brought)

    def state(self, tenant: str, /) -> Any:
        with self._asking:
            try:
                self._state.send(tenant)
                good, answer = self._state.recv()
            except (OSError, EOFError):
                _gone()
        if not good:
            raise answer
        return answer

    def tenant(self, tenant_id: TenantId, /) -> "_OwnerTenant":
        return _OwnerTenant(tenant_id.name, self._brought)


@dataclass(frozen=True, slots=True)
class _OwnerTenant:
    """See `store.embedded.following.OwnerTenant`: in another process."""

    name: str
    brought: Brought

    def insert_soon(self, entries: Sequence[Any], /) -> Future[Inserted]:
        return self.brought.add(self.name, entries)


class _Company:
    """See `server.Company`: the owner."""

    def __init__(self, lines: Lines, flags: Flags, application: compose.Application) -> None:
        self.line = Line(lines.connections)
        self._counted = lines.counted
        self._flags = flags
        self._application = application
        self._ticks = 0
        self._keeping_up = threading.Thread()

    def begin(self, take: Take, /) -> None:
        self.line.heard(partial(self._taken, take), _gone)
        threading.Thread(target=self._tell, name="casbah-counted", daemon=True).start()

    def over(self) -> bool:
        self._ticks += 1
        if self._ticks % _TICKS == 0 and not self._keeping_up.is_alive():  # Releases files that compaction removed.
            self._keeping_up = threading.Thread(target=self._keep_up, name="casbah-keep-up", daemon=True)
            self._keeping_up.start()
        return self._flags.stopping.is_set()

    def stop(self) -> None:
        """See `Company.stop`."""

    def end(self, _: Callable[[], bool], /) -> None:
        """See `Company.end`."""

    def _taken(self, take: Take, handed: tuple[socket.socket, bytes] | None) -> None:
        if handed is None:
            self.line.gone()
        else:
            take(*handed)

    def _keep_up(self) -> None:
        try:
            self._application.keep_up()
        except Exception:  # noqa: BLE001  whatever it was, it is tried again in ten seconds
            _log.exception("what has changed in the store could not be looked at")

    def _tell(self) -> None:
        """Say what has been counted whenever the owner asks, until it is gone."""
        try:
            self._counted.send("ready")
            while True:
                self._counted.recv()
                self._counted.send(self._application.services.metrics.counted())
        except (OSError, EOFError):
            _gone()


def _gone() -> NoReturn:
    """The owner has ended, however it did: there is nobody left to say what is stored."""
    with suppress(OSError):
        logging.shutdown()
    os._exit(0)
