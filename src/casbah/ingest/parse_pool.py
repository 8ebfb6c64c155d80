"""A pool of processes that parse ingest bodies, to keep the main process free for storing and answering.

A parser reads a body into new activities, and prepares each for the store; parsers start with the first body that needs one.
Results come back in chunks, so that one chunk is stored while the next is parsed. Small bodies are not worth the transfer; very
large ones are parsed in the main process to save memory.
"""

import gc
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, BinaryIO

from casbah.activity.new_activity import NewActivity
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.detection import Detector
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.enrich.networks import IpRanges
from casbah.ingest.ingest_body import items
from casbah.ingest.preparation import Preparation, Prepare

Connectors = Callable[[], Mapping[str, Connector]]

PIECE = 1_000
"""Items per chunk of results."""

_MIN_BYTES, MAX_TEXT = 200_000, 32_000_000
"""Bytes of the bodies that a parser reads."""

Text = bytes | Callable[[], BinaryIO]
"""A body's text, or what opens it as a stream."""

_GRACE = 5.0
"""Seconds to wait for a killed process."""


@dataclass(frozen=True, slots=True)
class _Parser:
    process: BaseProcess
    connection: Connection

    def stop(self) -> None:
        """Kill the process. Call only while holding the parser: this closes its connection."""
        self.connection.close()
        self.process.kill()
        self.process.join(_GRACE)


@dataclass(frozen=True, slots=True)
class _ParserSetup:
    """What a parser needs to set itself up."""

    connectors: Connectors
    preparation: Preparation


class ParsePool:
    """Parses bodies in other processes, the parsers. The callables must be picklable.

    `connectors` and `preparation` load and open what a parser needs; `loaded` and `known` are those of this process.
    """

    def __init__(
        self,
        processes: int,
        *,
        connectors: Connectors,
        preparation: Preparation,
        known: Enrichment,
        loaded: Mapping[str, Connector],
    ) -> None:
        self.preparation = preparation
        self._setup = _ParserSetup(connectors, preparation)
        self._connectors = Detector(loaded)
        self._enrichment = known
        self._free: queue.LifoQueue[_Parser | None] = queue.LifoQueue()
        """Idle parsers, and a None for each that may still be started."""

        for _ in range(processes):
            self._free.put(None)
        self._changing = threading.Lock()
        self._running: list[_Parser] = []
        self._enabled = processes > 0
        self._closed = False

    def items(
        self,
        text: Text,
        source: str | None,
        *,
        limits: InputLimits,
        zone: tzinfo | None = None,
        ranges: IpRanges | None = None,
    ) -> Iterator[Any]:
        """The items of a body, each with its line: refusals, new activities, and results of `prepare`; `zone` is that of times
        in CSV exports that have none, `ranges` are the tenant's. Raises MalformedBodyError.
        """
        done = 0
        if isinstance(text, bytes) and _MIN_BYTES <= len(text) <= MAX_TEXT and (parser := self._parser()) is not None:
            try:
                for piece in self._pieces(parser, (text, source, limits, zone, ranges)):
                    yield from piece
                    done += len(piece)
            except (OSError, EOFError):  # The parser was killed, perhaps for lack of memory: do the rest here.
                pass
            else:
                return
        enrichment = self._enrichment.knowing(ranges)
        stream = text if isinstance(text, bytes) else text()
        remaining = items(stream, source, connectors=self._connectors, limits=limits, zone=zone, enrichment=enrichment)
        yield from islice(remaining, done, None)

    def close(self) -> None:
        """Kill the parsers. Requests waiting for one parse their bodies in this process."""
        with self._changing:
            self._closed = True
            running = list(self._running)
        for parser in running:
            parser.process.kill()
        self._free.put(None)

    def _parser(self) -> _Parser | None:
        """Wait for a parser for one body; None if the pool is closed or has no parsers."""
        if not self._enabled:
            return None
        parser = self._free.get()
        with self._changing:
            if self._closed:
                self._free.put(parser)
                return None
        return parser or self._start()

    def _start(self) -> _Parser:
        spawning = get_context("spawn")
        ours, theirs = spawning.Pipe()
        process = spawning.Process(target=_serve, args=(theirs, self._setup), name="casbah-ingest", daemon=True)
        process.start()
        theirs.close()
        parser = _Parser(process, ours)
        with self._changing:
            self._running.append(parser)
            if self._closed:
                process.kill()
        return parser

    def _pieces(self, parser: _Parser, body: tuple[Any, ...]) -> Iterator[list[Any]]:
        """A parser's results for a body. Raises the parser's exception; OSError or EOFError if it died."""
        whole = False
        try:
            parser.connection.send(body)
            while True:
                piece, error = parser.connection.recv()
                if piece:
                    yield piece
                    continue
                whole = True
                if error is not None:
                    raise error
                return
        finally:
            if whole:
                self._free.put(parser)
            else:
                self._discard(parser)

    def _discard(self, parser: _Parser) -> None:
        """Discard a parser that died or whose results were not read to the end. The next body gets a new one."""
        parser.stop()
        with self._changing:
            self._running.remove(parser)
        self._free.put(None)


def _serve(connection: Connection, setup: _ParserSetup) -> None:
    """Parse bodies until the other end closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent process decides when to stop.
    connectors, enrichment = Detector(setup.connectors()), setup.preparation.opened()
    # Parsed events have no reference cycles, but the default thresholds would collect after every few hundred.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    while True:
        try:
            text, source, limits, zone, ranges = connection.recv()
        except EOFError:
            return
        known = enrichment.knowing(ranges)
        read = partial(items, text, source, connectors=connectors, limits=limits, zone=zone, enrichment=known)
        connection.send((None, _send_items(connection, read, setup.preparation.prepare)))


def _send_items(
    connection: Connection, read: Callable[[], Iterable[tuple[int, NewActivity | Refusal]]], prepare: Prepare
) -> Exception | None:
    """Send all items in chunks. Returns the exception that the body caused, if any."""
    try:
        ready = ((number, item if isinstance(item, Refusal) else prepare(item)) for number, item in read())
        while piece := list(islice(ready, PIECE)):
            connection.send((piece, None))
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  sent to the parent process, which raises it
        return error
    return None
