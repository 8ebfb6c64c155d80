"""The writer: the process that owns the store. It answers workers over a Unix socket and runs what runs in the background."""

import os
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from casbah import compose
from casbah.errors import CasbahError
from casbah.serving.background import background
from casbah.serving.internal import internal
from casbah.serving.processes import WRITER, SharedByProcesses, begin, heart, stop_on_signal
from casbah.serving.server import HttpServer, server_of, settle

_BACKLOG = 2_048
_CALLS = "casbah_calls"
_SECONDS_KEPT = 60
"""Longer than a worker keeps a connection, so that it is never closed just as a request is sent on it."""


def run(shared: SharedByProcesses, url: str, listener: socket.socket, ready: Connection) -> None:
    """The main function of the writer, which accepts nothing from `listener`.

    It reports to `ready`: None once it answers, or the error that keeps it from that.
    """
    begin(shared)
    listener.close()
    try:
        with compose.writer(shared.settings, common=shared.common) as application:
            _serve(shared, application, url, ready)
    except (CasbahError, OSError) as error:
        if shared.heartbeats[WRITER]:
            raise
        ready.send(error)


def _serve(shared: SharedByProcesses, application: compose.WriterApplication, url: str, ready: Connection) -> None:
    store, counts = application.writer.store, dict[int, Sequence[Any]]()
    application.services.metrics.add(lambda: [_of_process(process, counts[process]) for process in list(counts)])
    with closing(_listening(shared.socket)) as listener, background(application, url) as stops:
        beat, stopping = heart(shared, WRITER), False

        def tick(server: HttpServer) -> None:
            nonlocal stopping
            beat(server)
            if shared.common.leaving.is_set() and not stopping:
                stopping = True
                for stop in stops:
                    stop()

        server = server_of(
            internal(
                application.app,
                store,
                state=application.state,
                counts=counts,
                secret=shared.secret,
                workers=shared.settings.workers,
            ),
            tick=tick,
            keep_alive=_SECONDS_KEPT,
        )
        server.config.date_header = False  # Workers add theirs.
        stop_on_signal(server)
        settle()
        shared.heartbeats[WRITER] = 0
        shared.writer_ready.set()
        ready.send(None)
        server.run(sockets=[listener])


def _of_process(process: int, counted: Sequence[Any]) -> Sequence[Any]:
    """What a worker has counted. One that has ended has no calls under way."""
    return counted if Path(f"/proc/{process}").exists() else [sample for sample in counted if sample[0] != _CALLS]


def _listening(path: str) -> socket.socket:
    """A Unix socket that only this user can connect to."""
    with suppress(FileNotFoundError):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(_BACKLOG)
    return listener
