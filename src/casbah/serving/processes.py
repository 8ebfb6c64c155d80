"""Processes that answer questions beside the one that owns the store, from the same socket.

Python lets one thread of a process compute at a time, so that one process answers hardly more than one processor's worth of
requests, however many there are. All connections come to the owner. Once requests overlap it starts further processes, and
hands them connections between two requests: those that ask what needs nothing but reading, of somebody who is known. As soon
as such a connection asks for anything else, it comes back.

A process that dies is replaced; whoever had a connection there connects anew, as after any interruption.
"""

import asyncio
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from casbah.audit.trail import ALL
from casbah.compose import House
from casbah.errors import CasbahError
from casbah.serving.apart import Flags, Lines, run
from casbah.serving.bringing import store
from casbah.serving.passing import DoorHttp, Head, Line
from casbah.serving.server import SECONDS_TO_FINISH, Server, Take, server_of
from casbah.settings import SETTINGS, Settings
from casbah.shared import SharedFlag

_log = logging.getLogger("casbah.serving")
_SECONDS_TO_COUNT = 2.0
_SECONDS_BETWEEN = 5.0
"""Between two starts of processes where some have died."""


def server(settings: Settings, house: House) -> Server:
    """A server of a house, not yet running, and of as many processes as the settings say."""
    processes = Processes(settings, house)
    house.services.metrics.add(processes.counted)
    return server_of(house.app, settings, http=partial(DoorHttp, door=processes), company=processes)


def wanted(settings: Settings) -> int:
    """How many processes there may be beside the owner. None where something must be counted, or told, in one place."""
    mimics = any(
        getattr(settings, row.name) != row.read(row.default)
        for row in SETTINGS.values()
        if row.name.startswith("mimic")
    )
    one_place = settings.throttle is not None or settings.audit == ALL or mimics
    if one_place or settings.tls_certificate is not None or settings.cluster is not None or sys.platform != "linux":
        return 0
    return settings.search_processes


@dataclass(eq=False, slots=True)
class _Process:
    """One of them, and how many connections it has."""

    process: BaseProcess
    line: Line
    counted: Connection
    connections: int = 0

    def end(self) -> None:
        """End it, if it has not, and let go of what led to it."""
        self.process.kill()
        self.process.join()
        self.line.close()
        self.counted.close()


class Processes:
    """See `server.Company`, and `passing.Door`. At most `most` of them, started once requests overlap."""

    def __init__(self, settings: Settings, house: House) -> None:
        self._settings = settings
        self._house = house
        self._most = wanted(settings)
        self._flags = Flags(house.services.leaving, SharedFlag())
        self._take: Take | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: list[_Process] = []
        self._started_so_far: list[_Process] = []
        """Those that run, and those that will in a moment."""

        self._starting = False
        self._start_next = 0.0
        self._asking = threading.Lock()

    def begin(self, take: Take, /) -> None:
        """See `Company.begin`."""
        self._take, self._loop = take, asyncio.get_running_loop()

    def over(self) -> bool:
        """See `Company.over`."""
        return False

    def stop(self) -> None:
        """See `Company.stop`."""
        self._flags.stopping.set()

    def end(self) -> None:
        """See `Company.end`."""
        until = time.monotonic() + SECONDS_TO_FINISH
        for each in self._started_so_far:
            each.process.join(max(0.1, until - time.monotonic()))
            each.end()

    def passed_on(self, head: Head, address: str, connection: int, data: bytes, *, busy: Callable[[], bool]) -> bool:
        """See `Door.passed_on`."""
        if not self._most or (not self._running and not busy()) or self._flags.stopping.is_set():
            return False
        if not self._house.apart(head.method, head.target):
            return False
        if not self._house.services.door.known(head.authorization.decode("latin-1"), address=address):
            return False
        if len(self._running) < self._most:
            self._start()
        if not self._running:
            return False
        to = min(self._running, key=lambda each: each.connections)
        passed = to.line.offer(connection, data)
        to.connections += passed
        return passed

    def counted(self) -> Sequence[Any]:
        """What each of them has counted, see `Metrics.counted`. Any thread may ask; one that does not answer is left out."""
        found = []
        with self._asking:
            for each in list(self._running):
                try:
                    each.counted.send("counted")
                    if each.counted.poll(_SECONDS_TO_COUNT):
                        found.append(each.counted.recv())
                except (OSError, EOFError):
                    continue
        return found

    def _start(self) -> None:
        """Start as many as there may be, in a thread of its own: it takes a second."""
        if self._starting or time.monotonic() < self._start_next:
            return
        self._starting = True
        threading.Thread(target=self._started, name="casbah-start", daemon=True).start()

    def _started(self) -> None:
        """See `_start`."""
        made: list[_Process] = []
        try:
            made = [self._made() for _ in range(self._most - len(self._running))]
            for each in made:
                each.counted.recv()
        except (OSError, EOFError) as wrong:
            _log.warning("processes that answer beside this one could not be started, so it answers alone: %s", wrong)
            self._most = 0
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._join, made)

    def _made(self) -> _Process:
        spawning = get_context("spawn")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        state, their_state = spawning.Pipe()
        brought, their_brought = spawning.Pipe()
        counted, their_counted = spawning.Pipe()
        lines = Lines(theirs, their_state, their_brought, their_counted)
        process = spawning.Process(
            target=run,
            args=(self._settings, self._house.followed, self._flags, lines),
            name="casbah-apart",
            daemon=True,
        )
        process.start()
        for each in (theirs, their_state, their_brought, their_counted):
            each.close()
        made = _Process(process, Line(ours), counted)
        self._started_so_far.append(made)
        threading.Thread(target=self._tell, args=(state,), name="casbah-state", daemon=True).start()
        insert = self._house.services.store.insert_soon
        threading.Thread(target=store, args=(brought, insert), name="casbah-brought", daemon=True).start()
        return made

    def _join(self, made: Sequence[_Process]) -> None:
        """In the loop: they are ready."""
        self._starting = False
        self._start_next = time.monotonic() + _SECONDS_BETWEEN
        for each in made:
            self._running.append(each)
            each.line.heard(partial(self._heard, each), partial(self._lost, each))

    def _heard(self, process: _Process, each: tuple[socket.socket, bytes] | None) -> None:
        process.connections -= 1
        if each is not None and self._take is not None:
            self._take(*each)

    def _lost(self, process: _Process) -> None:
        self._running.remove(process)
        if not self._flags.stopping.is_set():
            self._started_so_far.remove(process)
            threading.Thread(target=self._bury, args=(process,), name="casbah-end", daemon=True).start()

    def _bury(self, process: _Process) -> None:
        with self._asking:
            process.end()
        _log.warning("a process that answered beside this one has ended (%s)", process.process.exitcode)

    def _tell(self, line: Connection) -> None:
        """Say how tenants' periods stand whenever a process asks, until it is gone."""
        while True:
            try:
                line.send(self._state(line.recv()))
            except (OSError, EOFError):
                line.close()
                return

    def _state(self, tenant: str) -> tuple[bool, Any]:
        owner: Any = self._house.owner  # There where anything follows.
        try:
            return True, owner.state(tenant)
        except CasbahError as wrong:
            return False, wrong
