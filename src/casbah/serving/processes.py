"""What the processes of one server have in common: how they are started, watched and told to stop."""

import ctypes
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path

from casbah.base import logs
from casbah.base.shared import SharedFlag, SharedNumbers
from casbah.operations.audit.trail import ALL
from casbah.services import Common
from casbah.serving.server import HttpServer
from casbah.settings import Settings

_STEP = 0.02
_SECRET_BYTES = 32
_PR_SET_PDEATHSIG = 1
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 1 << 20
STOPPING = (signal.SIGTERM, signal.SIGINT)
WRITER = 0
"""The place of the writer among the processes; workers follow."""


@dataclass(frozen=True, slots=True)
class SharedByProcesses:
    """What each process of a server gets.

    `folder` holds the writer's socket, and `secret` shows it who sends a request. `heartbeats` are when each process last
    reacted (monotonic, s; 0: it is starting), and `connections` how many each worker has.
    """

    settings: Settings
    folder: Path
    secret: str
    common: Common
    heartbeats: SharedNumbers
    connections: SharedNumbers
    writer_ready: SharedFlag

    @property
    def socket(self) -> str:
        """The path of the writer's Unix socket."""
        return str(self.folder / "writer.sock")


def shared(settings: Settings, folder: Path) -> SharedByProcesses:
    """What the processes of a new server share. `folder` is one that only this user can open."""
    return SharedByProcesses(
        settings=settings,
        folder=folder,
        secret=secrets.token_hex(_SECRET_BYTES),
        common=Common(bodies=SharedNumbers(1 + settings.workers)),
        heartbeats=SharedNumbers(1 + settings.workers),
        connections=SharedNumbers(settings.workers),
        writer_ready=SharedFlag(),
    )


def several(settings: Settings) -> bool:
    """Whether a server has several processes. One alone counts what is counted in one place, or emulates another server."""
    one_place = settings.throttle is not None or settings.audit == ALL or settings.emulates
    return settings.workers > 1 and not one_place and sys.platform == "linux"


def begin(shared: SharedByProcesses) -> None:
    """Set up a process of a server: it ends with the one that has started it, however that ends."""
    _end_with_parent()
    _return_large_blocks()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Until there is something to finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The supervisor decides when to stop.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    chosen = shared.settings
    logs.set_up(level=chosen.log_level, form=chosen.log_format, of_requests=chosen.log_requests)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # Each process would say that it begins and ends.


def heart(shared: SharedByProcesses, place: int) -> Callable[[HttpServer], None]:
    """What a server calls at every tick to show that it reacts."""

    def beat(_: HttpServer) -> None:
        shared.heartbeats[place] = time.monotonic()

    return beat


def stop_on_signal(server: HttpServer) -> None:
    """SIGTERM has the server finish the requests under way."""

    def stop(_: int, __: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)


def wait_for_writer(shared: SharedByProcesses) -> None:
    """Wait until the writer has opened the store for the first time."""
    while not shared.writer_ready.is_set():
        time.sleep(_STEP)


def _return_large_blocks() -> None:
    """Have malloc return each large block to the system once it is freed (mallopt(3), M_MMAP_THRESHOLD).

    By default glibc raises the size from which it does so up to 32 MB. Then every thread that has read a large event keeps
    that much memory. Without glibc, nothing changes.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def _end_with_parent() -> None:
    """Have the kernel end this process when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    parent = parent_process()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is None or os.getppid() != parent.pid:  # It ended before that.
        os.kill(os.getpid(), signal.SIGKILL)
