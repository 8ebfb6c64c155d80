"""Bodies made ready for the store in processes beside this one, so that this one has its time for storing and answering.

A body of some size is parsed, normalised and prepared in one of a few processes, started when the first such body comes. It
comes back in pieces, so that one piece is stored while the next is made ready. Small bodies are not worth the way there,
and very large ones are taken here, for the sake of memory.
"""

import gc
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from casbah.activity.new_activity import NewActivity
from casbah.ingest.body import items
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.decompress import Limits
from casbah.ingest.detection import Detector
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.enrich.networks import IpRanges

Connectors = Callable[[], Mapping[str, Connector]]
Opened = Callable[[], Enrichment]
Prepare = Callable[[NewActivity], Any]

PIECE = 1_000
"""Items that come back together."""

_LEAST_BYTES, _MOST_BYTES = 200_000, 32_000_000
_GRACE = 5.0
"""Seconds that a process has to end by itself."""


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    line: Connection

    def stop(self) -> None:
        """End the process, whatever it does. Only for whoever may use its line."""
        self.line.close()
        self.process.kill()
        self.process.join(_GRACE)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What a process beside this one opens for itself."""

    connectors: Connectors
    enrichment: Opened
    prepare: Prepare


class PreparePool:
    """Makes bodies ready. What is called goes to other processes, so it is a function of a module, or of a plain value.

    `enrichment` opens what is known beside what sources say; here it is `known`, which is open already.
    """

    def __init__(
        self, processes: int, *, connectors: Connectors, prepare: Prepare, enrichment: Opened, known: Enrichment
    ) -> None:
        self._recipe = _Recipe(connectors, enrichment, prepare)
        self._connectors = Detector(connectors())
        self._enrichment = known
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        """Processes that have nothing to do, and a None for each that may still be started."""

        for _ in range(processes):
            self._free.put(None)
        self._changing = threading.Lock()
        self._running: list[_Worker] = []
        self._to_use = processes > 0
        self._closed = False

    def items(
        self, text: bytes, source: str | None, *, limits: Limits, ranges: IpRanges | None = None
    ) -> Iterator[Any]:
        """What a body holds, each with its line: refusals, and arrivals or what `prepare` makes of them; `ranges` are the
        tenant's.
        """
        done = 0
        if _LEAST_BYTES <= len(text) <= _MOST_BYTES and (worker := self._taken()) is not None:
            try:
                for piece in self._pieces(worker, (text, source, limits, ranges)):
                    yield from piece
                    done += len(piece)
            except (OSError, EOFError):  # Somebody killed it, for want of memory perhaps. The rest is done here.
                pass
            else:
                return
        enrichment = self._enrichment.knowing(ranges)
        found = items(text, source, connectors=self._connectors, limits=limits, enrichment=enrichment)
        yield from islice(found, done, None)

    def close(self) -> None:
        """End the processes. Whoever waits for one does its work here."""
        with self._changing:
            self._closed = True
            running = list(self._running)
        for worker in running:
            worker.process.kill()
        self._free.put(None)

    def _taken(self) -> _Worker | None:
        """A process for one body, once there is one; None if there are to be none."""
        if not self._to_use:
            return None
        worker = self._free.get()
        with self._changing:
            if self._closed:
                self._free.put(worker)
                return None
        return worker or self._started()

    def _started(self) -> _Worker:
        spawning = get_context("spawn")
        ours, theirs = spawning.Pipe()
        process = spawning.Process(target=_serve, args=(theirs, self._recipe), name="casbah-ingest", daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        with self._changing:
            self._running.append(worker)
            if self._closed:
                process.kill()
        return worker

    def _pieces(self, worker: _Worker, body: tuple[Any, ...]) -> Iterator[list[Any]]:
        """What a process makes of a body. Raises what it raised, OSError or EOFError if it has died."""
        whole = False
        try:
            worker.line.send(body)
            while True:
                piece, wrong = worker.line.recv()
                if piece:
                    yield piece
                    continue
                whole = True
                if wrong is not None:
                    raise wrong
                return
        finally:
            if whole:
                self._free.put(worker)
            else:
                self._lost(worker)

    def _lost(self, worker: _Worker) -> None:
        """A process that died, or whose answer nobody has heard to its end. The next body has a new one."""
        worker.stop()
        with self._changing:
            self._running.remove(worker)
        self._free.put(None)


def _serve(line: Connection, recipe: _Recipe) -> None:
    """Make bodies ready until the line is closed at the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever started us decides when we end.
    connectors, enrichment = Detector(recipe.connectors()), recipe.enrichment()
    # Parsed events have no cycles for the garbage collector to find, and it would look for them at every few hundred.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    while True:
        try:
            text, source, limits, ranges = line.recv()
        except EOFError:
            return
        known = enrichment.knowing(ranges)
        read = partial(items, text, source, connectors=connectors, limits=limits, enrichment=known)
        line.send((None, _sent(line, read, recipe.prepare)))


def _sent(
    line: Connection, found: Callable[[], Iterable[tuple[int, NewActivity | Refusal]]], prepare: Prepare
) -> Exception | None:
    """Send all of it in pieces; what went wrong with the body, if something did."""
    try:
        ready = ((number, item if isinstance(item, Refusal) else prepare(item)) for number, item in found())
        while piece := list(islice(ready, PIECE)):
            line.send((piece, None))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  it goes to whoever sent the body, and is raised there
        return error
    return None
