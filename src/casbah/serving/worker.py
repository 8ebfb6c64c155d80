"""A worker: accepts connections, answers what needs only reading, prepares what is to be stored, and sends the rest on."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import Connection

from casbah import compose
from casbah.errors import UnavailableError
from casbah.serving.connections import Connections, forwards, limits_of
from casbah.serving.internal import WriterClient
from casbah.serving.processes import Shared, begin, heart, stop_on_signal, wait_for_writer
from casbah.serving.proxy import Proxy
from casbah.serving.server import Acceptor, Server, server_of, settle

_log = logging.getLogger("casbah.serving")
_SECONDS_TO_TELL, _SECONDS_TO_KEEP_UP = 1.0, 10.0


def run(shared: Shared, place: int, listener: socket.socket, ready: Connection) -> None:
    """The main function of the worker at `place`, counted from 1."""
    begin(shared)
    wait_for_writer(shared)
    settings = shared.settings
    limits = limits_of(settings, processes=settings.workers)
    proxy = Proxy(
        shared.socket,
        shared.secret,
        shared.common.leaving,
        most=forwards(processes=settings.workers),
        most_body=max(settings.max_body, settings.max_ingest_body),
    )
    with (
        closing(WriterClient(shared.socket, shared.secret)) as writer,
        compose.worker(
            shared.settings,
            common=replace(shared.common, place=place),
            owner=writer,
            writer=proxy,
        ) as application,
    ):
        beat = heart(shared, place)

        def tick(server: Server) -> None:
            beat(server)
            shared.connections[place - 1] = server.connections

        connections = Connections(limits, exempt=application.services.proxies)
        server = server_of(application.app, shared.settings, tick=tick, connections=connections)
        stop_on_signal(server)
        server.accept(Acceptor(listener, shared.connections, place - 1))
        for seconds, call in (
            (_SECONDS_TO_TELL, Counts(application, writer).tell),
            (_SECONDS_TO_KEEP_UP, application.keep_up),
        ):
            threading.Thread(target=_regularly, args=(seconds, call), daemon=True).start()
        settle()
        ready.send(None)
        server.run(sockets=[])
        shared.connections[place - 1] = float("inf")  # Others need not wait for this one any more.


class Counts:
    """Tells the writer what this process has counted, when that has changed."""

    def __init__(self, application: compose.Application, writer: WriterClient) -> None:
        self._application = application
        self._writer = writer
        self._last: object = None

    def tell(self) -> None:
        counted = self._application.services.metrics.counted()
        if counted != self._last:
            self._writer.tell(os.getpid(), counted)
            self._last = counted


def _regularly(seconds: float, call: Callable[[], None]) -> None:
    waiting = threading.Event()
    while not waiting.wait(seconds):
        try:
            call()
        except UnavailableError:  # The writer is starting again.
            continue
        except Exception:  # noqa: BLE001  whatever it was, it is tried again
            _log.exception("a regular task of a worker failed")
