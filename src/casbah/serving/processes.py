"""Processes that answer questions beside the one that owns the store, from the same socket.

Python lets one thread of a process compute at a time, so that one process answers hardly more than one processor's worth of
requests, however many there are. All connections come to the owner. Once requests overlap it starts further processes, and
hands them connections between two requests: those that ask what needs nothing but reading, of somebody who is known. As soon
as such a connection asks for anything else, it comes back.

A process that dies is replaced; its clients reconnect, as after any interruption.
"""

import asyncio
import logging
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from casbah.audit.trail import ALL
from casbah.compose import Application
from casbah.errors import CasbahError
from casbah.serving.apart import Flags, Lines, run
from casbah.serving.bringing import store
from casbah.serving.passing import DoorHttp, Head, Line
from casbah.serving.server import SECONDS_TO_FINISH, Server, Take, server_of
from casbah.settings import SETTINGS, Settings
from casbah.shared import SharedFlag

_log = logging.getLogger("casbah.serving")
_SECONDS_TO_COUNT = 2.0
_SECONDS_BETWEEN, _MOST_SECONDS_BETWEEN = 5.0, 300.0
"""Between two starts of processes where some have died, or did not start."""

_LARGE = 200_000
"""Bytes of a body that is worth another process to make it ready, though nobody else asks for anything."""

_STEP = 0.1
_OTHER_FILES = 200
_CALLS = "casbah_calls"
"""How many are under way: of one that has died, none."""


def server(settings: Settings, application: Application) -> Server:
    """A server of a house, not yet running, and of as many processes as the settings say."""
    if not wanted(settings):
        return server_of(application.app, settings)
    processes = Processes(settings, application)
    application.services.metrics.add(processes.counted)
    return server_of(application.app, settings, http=partial(DoorHttp, authenticator=processes), company=processes)


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


class _Process:
    """One of them, and how many connections it has. Raises OSError or RuntimeError where it cannot be started."""

    def __init__(self, settings: Settings, application: Application, flags: Flags) -> None:
        self._application = application
        self.connections = 0
        self._asking = threading.Lock()
        self._last: Sequence[Any] = ()
        spawning = get_context("spawn")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.line = Line(ours)
        state, their_state = spawning.Pipe()
        brought, their_brought = spawning.Pipe()
        self._counted, their_counted = spawning.Pipe()
        lines = Lines(theirs, their_state, their_brought, their_counted)
        arguments = (settings, application.followed, flags, lines)
        self.process = spawning.Process(target=run, args=arguments, name="casbah-apart", daemon=True)
        try:
            self.process.start()
        except BaseException:
            for end in (ours, state, brought, self._counted):
                end.close()
            raise
        finally:
            for end in (theirs, their_state, their_brought, their_counted):
                end.close()
        threading.Thread(target=self._tell, args=(state,), name="casbah-state", daemon=True).start()
        tenant = application.services.store.tenant
        threading.Thread(target=store, args=(brought, tenant), name="casbah-brought", daemon=True).start()

    def await_ready(self) -> None:
        """Wait until it can answer. Raises OSError or EOFError where it has ended instead."""
        self._counted.recv()

    def counted(self) -> Sequence[Any]:
        """What it has counted, see `Metrics.counted`; what it said last, where it says nothing now. Any thread may ask."""
        with self._asking, suppress(OSError, EOFError):
            while self._counted.poll():  # An answer that came too late.
                self._last = self._counted.recv()
            self._counted.send("counted")
            if self._counted.poll(_SECONDS_TO_COUNT):
                self._last = self._counted.recv()
        return self._last

    def end(self) -> None:
        """End it, if it has not, and close what led to it."""
        if self.process.pid is not None:
            self.process.kill()
            self.process.join()
        with self._asking:
            self.line.close()
            self._counted.close()

    def _tell(self, line: Connection) -> None:
        """Say how tenants' periods stand whenever it asks, until it is gone."""
        with closing(line), suppress(OSError, EOFError):
            while True:
                line.send(self._state(line.recv()))

    def _state(self, tenant: str) -> tuple[bool, Any]:
        owner: Any = self._application.owner  # There where anything follows.
        try:
            return True, owner.state(tenant)
        except CasbahError as error:
            return False, error
        except Exception as error:  # noqa: BLE001  reported to the asking process; others can still ask
            _log.exception("a tenant cannot be opened")
            return False, RuntimeError(f"the tenant cannot be opened: {error}")


class Processes:
    """See `server.Company`, and `passing.Front`. At most `wanted` of them, started once requests overlap."""

    def __init__(self, settings: Settings, application: Application) -> None:
        self._settings = settings
        self._application = application
        self._most = wanted(settings)
        self._flags = Flags(application.services.leaving, SharedFlag())
        self._take: Take | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: list[_Process] = []
        self._all: list[_Process] = []
        """Those, and those that will run in a moment."""

        self._dead: list[Sequence[Any]] = []
        """What those had counted that died."""

        self._starting = False
        self._start_next = 0.0
        self._pause = _SECONDS_BETWEEN
        self._room = max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _OTHER_FILES)
        """How many connections one may have: as many as it may have files open, but for others."""

    def begin(self, take: Take, /) -> None:
        self._take, self._loop = take, asyncio.get_running_loop()

    def over(self) -> bool:
        return False

    def stop(self) -> None:
        self._flags.stopping.set()

    def end(self, forced: Callable[[], bool], /) -> None:
        until = time.monotonic() + SECONDS_TO_FINISH
        for process in list(self._all):
            while process.process.is_alive() and time.monotonic() < until and not forced():
                process.process.join(_STEP)
            process.end()

    def passed_on(self, head: Head, connection: int, data: bytes, *, busy: Callable[[], bool]) -> bool:
        if self._flags.stopping.is_set() or not self._application.apart(head.method, head.target):
            return False
        if not self._application.services.authenticator.known(head.authorization.decode("latin-1")):
            return False
        if len(self._running) < self._most and (self._running or head.body >= _LARGE or busy()):
            self._start()
        free = [process for process in self._running if process.connections < self._room]
        if not free:
            return False
        to = min(free, key=lambda process: process.connections)
        passed = to.line.offer(connection, data)
        to.connections += passed
        return passed

    def counted(self) -> Sequence[Any]:
        """What each of them has counted, see `Metrics.counted`. Any thread may ask."""
        return [*self._dead, *(process.counted() for process in list(self._running))]

    def _start(self) -> None:
        """Start as many as there may be, in a thread of its own: it takes a second each."""
        if self._starting or time.monotonic() < self._start_next:
            return
        self._starting = True
        try:
            threading.Thread(target=self._started, name="casbah-start", daemon=True).start()
        except RuntimeError as error:
            self._begun((), str(error))

    def _started(self) -> None:
        """See `_start`. They join together: connections stay where they went first."""
        started: list[_Process] = []
        problem = ""
        try:
            for _ in range(self._most - len(self._running)):
                started.append(_Process(self._settings, self._application, self._flags))
                self._all.append(started[-1])
            for process in started:
                process.await_ready()
        except (OSError, EOFError, RuntimeError) as why:
            problem = str(why) or "one has ended at once"
        if problem or self._flags.stopping.is_set():
            for process in started:
                self._remove(process)
            started = []
        self._in_loop(partial(self._begun, started, problem))

    def _in_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # It has ended; so have they, or will at once.
                self._loop.call_soon_threadsafe(call)

    def _begun(self, started: Sequence[_Process], problem: str = "") -> None:
        """These are ready; if something went wrong, it is tried again after a while, a longer one each time."""
        self._starting = False
        self._start_next = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _MOST_SECONDS_BETWEEN) if problem else _SECONDS_BETWEEN
        if problem:
            _log.warning("processes that are to answer beside this one could not be started: %s", problem)
        for process in started:
            self._running.append(process)
            process.line.heard(partial(self._heard, process), partial(self._lost, process))

    def _heard(self, process: _Process, handed: tuple[socket.socket, bytes] | None) -> None:
        process.connections -= 1
        if handed is not None and self._take is not None:
            self._take(*handed)

    def _lost(self, process: _Process) -> None:
        if self._flags.stopping.is_set():
            return
        self._running.remove(process)
        threading.Thread(target=self._remove, args=(process,), name="casbah-end", daemon=True).start()

    def _remove(self, process: _Process) -> None:
        self._dead.append([sample for sample in process.counted() if sample[0] != _CALLS])
        process.end()
        self._all.remove(process)
        if not self._flags.stopping.is_set() and process.process.exitcode is not None:
            _log.warning("a process that answered beside this one has ended (%s)", process.process.exitcode)
