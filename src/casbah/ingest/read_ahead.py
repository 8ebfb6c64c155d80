"""Reads files in other processes, ahead of who takes their activities, and returns what is in them in the order of the files.

Activities are encoded for a server, or prepared for a store that this process owns. Each process reads every n-th file. It
stays `_AHEAD` messages ahead, so that a large file is read while its beginning is stored; what is in small files shares
messages. Processes take a second to start, so few bytes are read in this process, and so are files that no other can open, such
as pipes.
"""

import gc
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, fields
from datetime import tzinfo
from functools import cached_property
from itertools import chain, cycle, islice
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from casbah.activity.new_activity import NewActivity
from casbah.ingest import wire_encoding
from casbah.ingest.activity_builder import with_lines
from casbah.ingest.contract import Connector, Recognized, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.detection import Detector
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import STDIN, EventPage, pages
from casbah.ingest.preparation import Preparation
from casbah.store.contract import PreparedByStore

_MIN_BYTES = 1 << 20
"""Bytes of the files that are worth starting processes for."""

_PIECE, _PIECE_BYTES = 1_000, 2_000_000
_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Encoded:
    """A new activity as a line of `wire_encoding`."""

    line: bytes
    timestamp: int

    @classmethod
    def of(cls, new: NewActivity) -> Self:
        """The activity, encoded."""
        return cls(wire_encoding.pack(new), new.timestamp)

    @property
    def record(self) -> bytes:
        """The activity's record."""
        return wire_encoding.unpack(self.line).record


def size_of_item(item: Encoded | PreparedByStore | Refusal) -> int:
    """The bytes of an item, about."""
    match item:
        case Refusal():
            return len(item.raw)
        case Encoded():
            return len(item.line)
        case _:
            return len(item.record)


@dataclass(frozen=True, slots=True)
class FilePiece:
    """Some of the items of a file or archive member, each with its line; a page has at least one piece.

    `sources` counts the events in it by source; `position` is the number of bytes of the file that have been read, of a
    compressed file or an archive its compressed bytes. `skipped` is the reason nothing was read, if that is not an error.
    """

    origin: str
    begins: bool
    items: Sequence[tuple[int, Encoded | PreparedByStore | Refusal]] = ()
    sources: Mapping[str, int] = field(default_factory=dict)
    position: int = 0
    skipped: str = ""


@dataclass(frozen=True)
class FileReader:
    """Reads files into pieces. It can be pickled; each process builds its own connectors. `reserved` allows acts of Casbah
    itself; `zone` is that of times in CSV exports that have none. With a `preparation`, activities are enriched and
    prepared; otherwise they are encoded.
    """

    connectors: Callable[[], Mapping[str, Connector]]
    source: str | None = None
    limits: InputLimits = field(default_factory=InputLimits)
    reserved: bool = False
    zone: tzinfo | None = None
    preparation: Preparation | None = None

    def pieces(self, path: str) -> Iterator[FilePiece]:
        """The pieces of a file, or of standard input. Raises UnknownSourceError."""
        for page in pages([path], connectors=self._detector, source=self.source, limits=self.limits, zone=self.zone):
            yield from pieces_of(page, self._encode, self._enrichment, reserved=self.reserved)

    def require_source(self) -> None:
        """Raises UnknownSourceError."""
        pages((), connectors=self._detector, source=self.source)

    def __getstate__(self) -> dict[str, object]:
        return {member.name: getattr(self, member.name) for member in fields(self)}

    @cached_property
    def _detector(self) -> Detector:
        return Detector.of(self.connectors())

    @cached_property
    def _enrichment(self) -> Enrichment | None:
        return self.preparation.opened() if self.preparation else None

    def _encode(self, new: NewActivity) -> Encoded | PreparedByStore:
        return self.preparation.prepare(new) if self.preparation else Encoded.of(new)


Sent = FilePiece | Exception | None
"""What a process sends for a file: its pieces, then None, or the exception that reading it raised."""


def read_ahead(
    files: Sequence[str], reader: FileReader, processes: int, *, size: int
) -> Generator[Iterator[FilePiece], None, None]:
    """The pieces of each file, in the order of `files`, which have `size` bytes in all. Read those of one before asking for the
    next.

    A process that dies, perhaps for lack of memory, is replaced by this one. Raises what `reader` raises.
    """
    theirs = [file for file in files if _opens_again(file)] if size >= _MIN_BYTES else []
    processes = min(processes, len(theirs))
    with ExitStack() as running:
        others = [_Process(reader, theirs[first::processes]) for first in range(processes)]
        for other in others:
            running.callback(other.stop)
        in_order, shared = cycle(others), frozenset(theirs if others else ())
        for file in files:
            yield next(in_order).pieces(file) if file in shared else reader.pieces(file)


def _opens_again(file: str) -> bool:
    """Whether any process that opens this file reads the same from its beginning: not a pipe, nor a descriptor of this one."""
    if file == STDIN or not Path(file).is_file():
        return False
    place = Path(file)
    while not place.absolute().is_relative_to("/dev") and not place.absolute().is_relative_to("/proc"):
        if not place.is_symlink():
            return True
        place = place.parent / place.readlink()
    return False


def size_of(file: str) -> int:
    """The bytes of a file; 0 if it cannot be read, which its pieces will say, and of standard input."""
    try:
        return 0 if file == STDIN else Path(file).stat().st_size
    except OSError:
        return 0


class _Process:
    """A process that reads these files, and this process's end of the connection to it."""

    def __init__(self, reader: FileReader, files: Sequence[str]) -> None:
        self._reader = reader
        spawning = get_context("spawn")
        self._connection, theirs = spawning.Pipe(duplex=False)
        self._process = spawning.Process(target=_serve, args=(theirs, reader, files), name="casbah-read", daemon=True)
        resource_tracker.ensure_running()  # `start` would do it, which unblocks signals.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Until the new process ignores it.
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._received = self._messages()

    def pieces(self, file: str) -> Iterator[FilePiece]:
        """The pieces of the next file, which must be this one."""
        done = 0
        for received in self._received:
            if received is None:
                return
            if isinstance(received, Exception):
                raise received
            done += 1
            yield received
        # The process has died, perhaps with an earlier file.
        yield from islice(self._reader.pieces(file), done, None)

    def _messages(self) -> Iterator[Sent]:
        with suppress(OSError, EOFError):
            while True:
                yield from self._connection.recv()

    def stop(self) -> None:
        self._process.kill()  # Before the connection closes: the process would print that it broke.
        self._process.join()
        self._connection.close()


def _serve(connection: Connection, reader: FileReader, files: Sequence[str]) -> None:
    """Send what there is of each file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent process decides when to stop.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # Parsed events have no reference cycles, but the default thresholds would collect after every few hundred.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    outbox: queue.Queue[Sequence[Sent]] = queue.Queue(_AHEAD)
    sending = threading.Thread(target=_send, args=(connection, outbox))
    sending.start()
    message: list[Sent] = []
    count = size = 0
    for item in chain.from_iterable(_sent(reader, file) for file in files):
        message.append(item)
        if isinstance(item, FilePiece):
            count += len(item.items)
            size += sum(size_of_item(one) for _, one in item.items)
        if count + len(message) >= _PIECE or size >= _PIECE_BYTES:
            outbox.put(message)
            message, count, size = [], 0, 0
    outbox.put(message)
    outbox.put(())
    sending.join()


def _sent(reader: FileReader, file: str) -> Iterator[Sent]:
    try:
        yield from reader.pieces(file)
    except Exception as error:  # noqa: BLE001  sent to the parent process, which raises it
        yield error
    else:
        yield None


def _send(connection: Connection, outbox: "queue.Queue[Sequence[Sent]]") -> None:
    """Send what is in the outbox. Ends this process if the parent process is gone, or must read what cannot be sent itself."""
    try:
        while message := outbox.get():
            connection.send(message)
    except Exception:  # noqa: BLE001  whatever it is, the main thread would wait for room in the outbox
        os._exit(1)


def pieces_of(
    page: EventPage,
    encode: Callable[[NewActivity], Encoded | PreparedByStore] = Encoded.of,
    enrichment: Enrichment | None = None,
    *,
    reserved: bool = False,
) -> Iterator[FilePiece]:
    """The pieces of a page, whose activities are enriched if there is an enrichment, and encoded."""
    sources: Counter[str] = Counter()
    items = with_lines(_counted(page.items, sources), enrichment, reserved=reserved)
    begins = True
    while (batch := _taken(items, encode)) or begins:
        yield FilePiece(page.origin, begins, batch, dict(sources), page.position(), page.skipped)
        sources.clear()
        begins = False


def _taken(
    items: Iterator[tuple[int, NewActivity | Refusal]], encode: Callable[[NewActivity], Encoded | PreparedByStore]
) -> list[tuple[int, Encoded | PreparedByStore | Refusal]]:
    """The next items, encoded: at most `_PIECE`, and no more once they have `_PIECE_BYTES`."""
    taken: list[tuple[int, Encoded | PreparedByStore | Refusal]] = []
    size = 0
    for line, item in islice(items, _PIECE):
        ready = item if isinstance(item, Refusal) else encode(item)
        taken.append((line, ready))
        size += size_of_item(ready)
        if size >= _PIECE_BYTES:
            break
    return taken


def _counted(items: Iterable[Recognized | Refusal], sources: Counter[str]) -> Iterator[Recognized | Refusal]:
    for item in items:
        if isinstance(item, Recognized):
            sources[item.connector.name] += 1
        yield item
