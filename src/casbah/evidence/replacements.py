"""Finds the last entry of an activity whose record was replaced, without holding all replacements in memory.

The rows of a log's file `replaced` are in the order of entries. Here they are in runs, sorted by activity: files
`<first>-<end>.run` of the rows from `first` up to `end`, with one row per activity, and at the end a row with their number.
Runs of like size are merged, so there are few. The newest rows are in memory. A run that is missing or damaged is made again:
all that it says follows from `replaced`.
"""

import hashlib
import heapq
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from struct import Struct
from threading import Lock
from typing import Final

from casbah.base.fsync import write_pieces
from casbah.errors import DamagedFileError

PAIR, ROW = Struct(">QQ"), Struct(">16s8s")
SUFFIX: Final = ".run"
_IN_MEMORY = 20_000
"""From so many rows on, the newest become a run."""

_NUMBER = 8
_END: Final = (1 << 64) - 1

Read = Callable[[int, int], bytes]
"""Reads the rows of `replaced` from one up to another. Raises DamagedFileError if they are too few."""


class _DamagedRunError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Run:
    first: int
    end: int
    file: Path
    content: mmap.mmap

    @property
    def rows(self) -> int:
        return len(self.content) // ROW.size - 1

    def row(self, place: int) -> tuple[int, int]:
        return _unpacked(self.content[place * ROW.size : (place + 1) * ROW.size])

    def index_of(self, number: int) -> int | None:
        low, high = 0, self.rows
        while low < high:
            middle = (low + high) // 2
            known, index = self.row(middle)
            if known == number:
                return index
            low, high = (middle + 1, high) if known < number else (low, middle)
        return None

    def __iter__(self) -> Iterator[bytes]:
        for place in range(self.rows):
            yield row(*self.row(place))


class LoggedReplacements:
    """Thread-safe. `count` rows of the log's file `replaced` are committed."""

    def __init__(self, folder: Path, read: Read, count: int) -> None:
        self._folder = folder
        self._read = read
        self._count = count
        self._lock = Lock()
        self._runs: list[_Run] | None = None
        self._newest: dict[int, int] = {}

    def index_of(self, number: int) -> int | None:
        """The leaf index of the last replacement of an activity, or None. Raises DamagedFileError."""
        with self._lock:
            try:
                return self._index_of(number)
            except _DamagedRunError:
                self._drop()
                return self._index_of(number)

    def extend(self, rows: bytes) -> None:
        """Take rows that were committed after the others."""
        with self._lock:
            start, self._count = self._count, self._count + len(rows) // ROW.size
            if self._runs is not None:
                self._newest.update(_pairs(rows, start, self._folder))
                if self._count - _end_of(self._runs) >= _IN_MEMORY:
                    self._close()  # They become a run when they are next asked for.

    def close(self) -> None:
        """Release the files."""
        with self._lock:
            self._close()

    def _index_of(self, number: int) -> int | None:
        if self._runs is None:
            self._runs = self._opened()
            self._grow(self._runs)
            first = _end_of(self._runs)
            self._newest = dict(_pairs(self._read(first, self._count), first, self._folder))
        if number in self._newest:
            return self._newest[number]
        indexes = (run.index_of(number) for run in reversed(self._runs))
        return next((index for index in indexes if index is not None), None)

    def _opened(self) -> list[_Run]:
        """The runs that follow each other from the first row on. Others are removed."""
        runs: list[_Run] = []
        files = {_range_of(file): file for file in self._folder.glob(f"*{SUFFIX}")}
        for (first, end), file in sorted(files.items(), key=lambda item: (item[0][0], -item[0][1])):
            fits = first == _end_of(runs) and first < end <= self._count
            if fits and (run := _open_run(file, first, end)):
                runs.append(run)
            else:
                file.unlink()
        return runs

    def _grow(self, runs: list[_Run]) -> None:
        """Make runs of the rows after them, until few are left."""
        while self._count - (first := _end_of(runs)) >= _IN_MEMORY:
            end = first + _IN_MEMORY
            content = self._read(first, end)
            pairs = dict(_pairs(content, first, self._folder))
            runs.append(self._write(first, end, (row(number, pairs[number]) for number in sorted(pairs))))
            while len(runs) > 1 and runs[-2].end - runs[-2].first <= runs[-1].end - runs[-1].first:
                self._merge(runs)

    def _merge(self, runs: list[_Run]) -> None:
        """Make one of the last two runs."""
        older, newer = runs[-2:]
        merged = self._write(older.first, newer.end, _last_of_each(heapq.merge(older, newer)))
        runs[-2:] = [merged]
        for run in (older, newer):
            run.content.close()
            run.file.unlink()

    def _write(self, first: int, end: int, rows: Iterator[bytes]) -> _Run:
        file = self._folder / f"{first}-{end}{SUFFIX}"
        write_pieces(file, _ended(rows))
        run = _open_run(file, first, end)
        if run is None:
            raise DamagedFileError(file, "it is not what was just written")
        return run

    def _drop(self) -> None:
        """Remove all runs; they are made again."""
        self._close()
        for file in self._folder.glob(f"*{SUFFIX}"):
            file.unlink()

    def _close(self) -> None:
        for run in self._runs or ():
            run.content.close()
        self._runs, self._newest = None, {}


def row(number: int, index: int) -> bytes:
    """A row: the number of an activity, the leaf index of the entry of its replacement, and a digest of the two."""
    pair = PAIR.pack(number, index)
    return ROW.pack(pair, _digest(pair))


def _end_of(runs: list[_Run]) -> int:
    """The number of rows that are in runs."""
    return runs[-1].end if runs else 0


def _pairs(rows: bytes, first: int, folder: Path) -> Iterator[tuple[int, int]]:
    """The numbers and leaf indexes in rows of `replaced`, of which `first` is the first. Raises DamagedFileError."""
    for place, (pair, digest) in enumerate(ROW.iter_unpack(rows), first):
        if digest != _digest(pair):
            raise DamagedFileError(folder / "replaced", f"row {place} does not match its digest")
        number, index = PAIR.unpack(pair)
        yield number, index


def _unpacked(packed: bytes) -> tuple[int, int]:
    pair, digest = ROW.unpack(packed)
    if digest != _digest(pair):
        raise _DamagedRunError
    number, index = PAIR.unpack(pair)
    return number, index


def _digest(pair: bytes) -> bytes:
    return hashlib.blake2b(pair, digest_size=ROW.size - PAIR.size).digest()


def _last_of_each(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Of sorted rows the last of each activity."""
    before = b""
    for packed in rows:
        if before and before[:_NUMBER] != packed[:_NUMBER]:
            yield before
        before = packed
    if before:
        yield before


def _ended(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Rows in pieces, and the row that ends a run."""
    count = 0
    while piece := list(islice(rows, _IN_MEMORY)):
        count += len(piece)
        yield b"".join(piece)
    yield row(_END, count)


def _range_of(file: Path) -> tuple[int, int]:
    first, _, end = file.stem.partition("-")
    return (int(first), int(end)) if first.isdigit() and end.isdigit() else (-1, -1)


def _open_run(file: Path, first: int, end: int) -> _Run | None:
    """A run, or None if it does not end as it should."""
    with file.open("rb") as opened:
        size = file.stat().st_size
        if size < ROW.size or size % ROW.size:
            return None
        run = _Run(first, end, file, mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ))
    try:
        if run.row(run.rows) == (_END, run.rows):
            return run
    except _DamagedRunError:
        pass
    run.content.close()
    return None
