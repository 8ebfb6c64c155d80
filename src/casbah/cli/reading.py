"""Reads files in other processes, ahead of the caller, and shows the progress beside their names."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from datetime import tzinfo
from functools import partial
from pathlib import Path

from rich.progress import Progress

from casbah.cli.printable import plain
from casbah.cli.progress import progress_bar
from casbah.ingest.connectors import connectors
from casbah.ingest.decompress import InputLimits
from casbah.ingest.event_pages import STDIN, EventPage, files_of
from casbah.ingest.preparation import Preparation
from casbah.ingest.read_ahead import FilePiece, FileReader, pieces_of, read_ahead, size_of
from casbah.settings import Settings

_NAME = 40


def pieces_of_files(
    paths: Sequence[str],
    settings: Settings,
    source: str | None,
    *,
    zone: tzinfo | None = None,
    reserved: bool = False,
    preparation: Preparation | None = None,
) -> Generator[FilePiece, None, None]:
    """What is in files and folders, in order; close it if it is not read to its end. `zone` is that of times in CSV
    exports that have none; `reserved` allows acts of Casbah itself; see `FileReader` for `preparation`.

    Raises UnknownSourceError.
    """
    reader = FileReader(
        partial(connectors, settings.sources),
        source,
        InputLimits(line=settings.max_event),
        reserved=reserved,
        zone=zone,
        preparation=preparation,
    )
    if source is not None:
        reader.require_source()
    files_and_skipped = list(files_of(paths, unread=settings.store))
    files = [file for file in files_and_skipped if isinstance(file, str)]
    sizes = {file: size_of(file) for file in files}
    total = sum(sizes[file] for file in files)
    # With a preparation, no process parses what was read: it can read as well.
    processes = settings.ingest_processes and settings.ingest_processes + (preparation is not None)
    ahead = read_ahead(files, reader, processes, size=total)
    with progress_bar(in_bytes=True) as bar, closing(ahead) as read:
        progress = _Progress(bar, total)
        for file in files_and_skipped:
            if isinstance(file, str):
                progress.begin(file)
            for piece in pieces_of(file) if isinstance(file, EventPage) else next(read):
                yield piece
                progress.show(piece)
            progress.end(sizes[file] if isinstance(file, str) else 0)


class _Progress:
    """What is shown of reading: the file, events per second, and the bytes of all files."""

    def __init__(self, bar: Progress, size: int) -> None:
        self._bar, self._task = bar, bar.add_task("", total=size or None)
        self._begin, self._events, self._before = time.monotonic(), 0, 0

    def begin(self, file: str) -> None:
        """A file is next. One that is compressed is checked to its end before any of it is read."""
        self._bar.update(self._task, description=f"checking {_name(file)}")

    def show(self, piece: FilePiece) -> None:
        """A piece of a file has been taken."""
        self._events += len(piece.items)
        rate = self._events / max(time.monotonic() - self._begin, 0.001)
        description = f"{_name(piece.origin)}, {rate:,.0f} events/s"
        self._bar.update(self._task, completed=self._before + piece.position, description=description)

    def end(self, size: int) -> None:
        """A file of so many bytes has been read."""
        self._before += size


def _name(origin: str) -> str:
    return "stdin" if origin == STDIN else plain(Path(origin).name[:_NAME])
