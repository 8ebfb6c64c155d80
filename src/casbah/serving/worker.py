"""A worker: accepts connections, answers reads, parses ingest bodies, and sends all other requests to the writer."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from casbah import compose
from casbah.errors import UnavailableError
from casbah.serving.connections import Connections, forwards, limits_of
from casbah.serving.internal import WriterClient
from casbah.serving.processes import SharedByProcesses, begin, heart, stop_on_signal, wait_for_writer
from casbah.serving.server import Acceptor, HttpServer, server_of, settle
from casbah.serving.writer_proxy import WriterProxy

_log = logging.getLogger("casbah.serving")
_SECONDS_TO_TELL, _SECONDS_TO_TELL_AGAIN, _SECONDS_TO_KEEP_UP = 1.0, 10.0, 10.0


def run(shared: SharedByProcesses, place: int, listener: socket.socket, ready: Connection) -> None:
    """The main function of the worker at `place`, counted from 1."""
    begin(shared)
    wait_for_writer(shared)
    settings = shared.settings
    limits = limits_of(settings, processes=settings.workers)
    writer_proxy = WriterProxy(
        shared.socket,
        shared.secret,
        shared.common.leaving,
        maximum=forwards(processes=settings.workers),
        max_body=max(settings.max_body, settings.max_ingest_body),
    )
    with (
        closing(WriterClient(shared.socket, shared.secret)) as writer_client,
        compose.worker(
            shared.settings,
            common=replace(shared.common, place=place),
            owner=writer_client,
            writer_proxy=writer_proxy,
        ) as application,
    ):
        beat = heart(shared, place)

        def tick(server: HttpServer) -> None:
            beat(server)
            shared.connections[place - 1] = server.connections

        connections = Connections(limits, exempt=application.services.proxies)
        server = server_of(application.app, shared.settings, tick=tick, connections=connections)
        stop_on_signal(server)
        server.accept(Acceptor(listener, shared.connections, place - 1))
        for seconds, call in (
            (_SECONDS_TO_TELL, CountReporter(application.services.metrics.counted, writer_client).tell),
            (_SECONDS_TO_KEEP_UP, application.keep_up),
        ):
            threading.Thread(target=_regularly, args=(seconds, call), daemon=True).start()
        settle()
        ready.send(None)
        server.run(sockets=[])
        shared.connections[place - 1] = float("inf")  # Others need not wait for this one any more.


class CountReporter:
    """Tells the writer what this process has counted: when that changes, and now and then, as a new writer knows nothing."""

    def __init__(self, counted: Callable[[], Sequence[Any]], writer: WriterClient) -> None:
        self._counted = counted
        self._writer = writer
        self._last: object = None
        self._last_time = 0.0

    def tell(self) -> None:
        counted = self._counted()
        now = time.monotonic()
        if counted != self._last or now - self._last_time >= _SECONDS_TO_TELL_AGAIN:
            self._writer.tell(os.getpid(), counted)
            self._last, self._last_time = counted, now


def _regularly(seconds: float, call: Callable[[], None]) -> None:
    waiting = threading.Event()
    while not waiting.wait(seconds):
        try:
            call()
        except UnavailableError:  # The writer is starting again.
            continue
        except Exception:  # noqa: BLE001  whatever it was, it is tried again
            _log.exception("a regular task of a worker failed")
