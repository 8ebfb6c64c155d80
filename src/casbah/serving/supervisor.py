"""The supervisor: starts the writer and the workers of a server, replaces those that die or hang, and stops them in order.

It serves nothing itself and opens no store, so that little can go wrong in it. It has one thread, so it can fork: the others
begin with all modules imported, and share their memory. If it ends, however it does, the kernel ends the others.
"""

import gc
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection as pipes
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from casbah.base.backoff import Backoff
from casbah.errors import OperatorError
from casbah.serving import worker, writer
from casbah.serving.processes import STOPPING, WRITER, shared
from casbah.serving.server import SECONDS_TO_FINISH
from casbah.settings import Settings

_log = logging.getLogger("casbah.serving")
_STEP = 0.5
_SHORT_LIFE, _BACKOFF = 10.0, Backoff(1.0, 60.0, jitter=0.0)
"""Seconds. A process that lived shorter than that is started again after a pause, a longer one each time."""

_STARTS = 9
"""How many more timeouts a process has to start: opening a large store takes a while."""

_MARGIN = 5.0
"""Seconds that a process has to end, after those for requests under way."""

_SIGNALS_TO_FORCE, _MAX_SIGNALS = 3, 64
_MAX_PATH = 80
"""Bytes of the runtime folder's path: with a name of ours and the socket's in it, it has to stay below 108 (unix(7))."""

_PAUSED = 5.0
"""Seconds between two looks after which the whole server must have been paused, as a container or a laptop is."""

_RUNTIME = "RUNTIME_DIRECTORY"
"""What systemd calls a service's runtime folder (systemd.exec(5)). A user's own, XDG_RUNTIME_DIR, is deleted at logout."""


class ProcessEndedError(OperatorError):
    """A process of the server ended while it was starting."""


class _Slot:
    """One process, and those that replace it."""

    def __init__(self, name: str, main: Callable[..., None], arguments: tuple[object, ...]) -> None:
        self.name = name
        self._main = main
        self._arguments = arguments
        self.process: BaseProcess | None = None
        self.ready: Connection | None = None
        self.short_lives = 0
        self.since = 0.0
        self.next = 0.0

    def start(self) -> None:
        """Start a process. Raises OSError."""
        self.since = time.monotonic()
        context = get_context("fork")
        self.ready, theirs = context.Pipe(duplex=False)
        process = context.Process(target=self._main, args=(*self._arguments, theirs), name=f"casbah {self.name}")
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # The new process must not handle them as this one does.
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
            theirs.close()
        self.process = process

    def check_ready(self) -> None:
        """Take note that it is ready. Raises the error that keeps it from that."""
        if self.ready is None:
            return
        try:
            error = self.ready.recv()
        except EOFError:
            raise ProcessEndedError(f"the {self.name} ended while it was starting; its log says why") from None
        if error is not None:
            raise error

    def kill(self) -> None:
        """End its process at once, if it has one."""
        if self.process is not None:
            self.process.kill()
            self.process.join()

    def end(self) -> None:
        """Note that its process has ended, and when it may be started again."""
        now = time.monotonic()
        long = now - self.since > _SHORT_LIFE
        self.short_lives = 0 if long else self.short_lives + 1
        self.next = now + _BACKOFF.pause(self.short_lives)
        code = None if self.process is None else self.process.exitcode
        _log.warning("the %s has ended (%s) and is started again", self.name, self._failure() or code)
        if self.ready is not None:
            self.ready.close()
        self.process = self.ready = None

    def _failure(self) -> object:
        """The error that has kept the process from starting, if it reported one."""
        with suppress(Exception):  # Whatever cannot be read says no more than the exit code.
            return self.ready.recv() if self.ready is not None and self.ready.poll() else None
        return None


class Supervisor:
    """The processes of one server. Call it from the main thread alone."""

    def __init__(self, settings: Settings, listener: socket.socket, url: str, folder: Path) -> None:
        self._shared = shared(settings, folder)
        self._timeout = settings.worker_timeout
        self._drain = (settings.drain or 0) / 1_000
        self._listener = listener
        self._slots = [_Slot("process that stores", writer.run, (self._shared, url, listener))]
        for place in range(1, settings.workers + 1):
            self._slots.append(_Slot(f"worker {place}", worker.run, (self._shared, place, listener)))
        self._wake, self._woken = socket.socketpair()
        self._wake.settimeout(0)
        self._signals: list[int] = []
        self._looked_at = math.inf

    @property
    def key(self) -> str:
        """The key of the owner of the data directory."""
        return self._shared.common.local_key

    def start(self) -> None:
        """Start all processes and wait until they answer, or a signal comes. Raises what keeps the writer from that."""
        gc.collect()
        gc.freeze()  # What is imported stays as it is: processes then keep sharing its memory.
        try:
            for slot in self._slots:
                slot.start()
            for slot in self._slots:
                while not self._signals and slot.ready is not None and not slot.ready.poll():
                    self._wait([slot.ready.fileno()], _STEP)
                if self._signals:
                    return
                slot.check_ready()
        except BaseException:
            self.kill()
            raise

    def on_signals(self) -> None:
        """Install the handlers: SIGINT stops at once, SIGTERM after the drain period; a second signal ends the wait."""

        def note(number: int, _: object) -> None:
            self._signals.append(number)
            with suppress(BlockingIOError):
                self._wake.send(b".")

        for number in STOPPING:
            signal.signal(number, note)

    def watch(self) -> None:
        """Replace processes that die or hang, until a signal says to stop; then stop all."""
        while not self._signals:
            sentinels = [slot.process.sentinel for slot in self._slots if slot.process is not None]
            self._wait(sentinels, _STEP)
            if not self._signals:
                self._replace()
        self._stop()

    def kill(self) -> None:
        """End all processes at once."""
        for slot in self._slots:
            slot.kill()

    def _replace(self) -> None:
        now = time.monotonic()
        paused, self._looked_at = now - self._looked_at > _PAUSED, now
        for place, slot in enumerate(self._slots):
            if slot.process is not None:
                if not paused:  # All processes were, and have not had time to react.
                    self._kill_hanging(place, slot, now)
                if slot.process.exitcode is None:
                    continue
                slot.end()
                if place > WRITER:
                    self._shared.connections[place - 1] = math.inf  # Others need not wait for it to accept.
            if now >= slot.next:
                self._shared.heartbeats[place] = 0
                try:
                    slot.start()
                except OSError as error:
                    _log.warning("the %s cannot be started now: %s", slot.name, error)
                    slot.next = now + _BACKOFF.pause(1)

    def _kill_hanging(self, place: int, slot: _Slot, now: float) -> None:
        if self._timeout is None or slot.process is None:
            return
        if place == WRITER and self._shared.heartbeats[place] and not Path(self._shared.socket).exists():
            _log.warning("the socket of the %s was deleted; it is killed and makes a new one", slot.name)
            slot.kill()
            return
        timeout = self._timeout / 1_000
        beat = self._shared.heartbeats[place] or slot.since + _STARTS * timeout
        if now - beat < timeout:
            return
        _log.warning("the %s has not reacted for %.0f s and is killed", slot.name, now - beat)
        slot.kill()

    def _stop(self) -> None:
        """Stop the workers, then the writer, which they need until they have answered their last requests."""
        self._shared.common.leaving.set()
        if self._signals[0] == signal.SIGTERM:
            self._wait_for_another_signal(self._drain)
        self._listener.close()  # What has not been accepted can go elsewhere.
        for slots in (self._slots[WRITER + 1 :], self._slots[: WRITER + 1]):
            for slot in slots:
                if slot.process is not None:
                    slot.process.terminate()
            until = time.monotonic() + SECONDS_TO_FINISH + _MARGIN
            for slot in slots:
                while (
                    slot.process is not None
                    and slot.process.is_alive()
                    and time.monotonic() < until
                    and len(self._signals) < _SIGNALS_TO_FORCE
                ):
                    self._wait([slot.process.sentinel], _STEP)
        self.kill()

    def _wait(self, sentinels: Sequence[int], seconds: float) -> None:
        """Wait until a process ends or a signal comes, but no longer than `seconds`."""
        if self._woken in pipes.wait([*sentinels, self._woken], seconds):
            self._woken.recv(_MAX_SIGNALS)

    def _wait_for_another_signal(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._signals[1:] and (left := until - time.monotonic()) > 0:
            self._wait([], min(left, _STEP))


def _runtime_folder() -> str | None:
    """Where to make the folder of the socket; None for the usual temporary folder."""
    place = os.environ.get(_RUNTIME, "")
    if place and len(os.fsencode(place)) <= _MAX_PATH and os.access(place, os.W_OK | os.X_OK):
        return place
    return None if len(os.fsencode(gettempdir())) <= _MAX_PATH else "/tmp"  # noqa: S108  the folder made there is private


@contextmanager
def supervised(settings: Settings, listener: socket.socket, url: str) -> Iterator[Supervisor]:
    """A server of several processes that answers on `listener`; ended on exit."""
    with TemporaryDirectory(prefix="casbah-", dir=_runtime_folder()) as folder:
        supervisor = Supervisor(settings, listener, url, Path(folder))
        supervisor.on_signals()
        try:
            supervisor.start()
            yield supervisor
        finally:
            supervisor.kill()
