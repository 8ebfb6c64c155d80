"""From paths, or the body of a request, to pages of events, each with the connector of the source that it is of."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from casbah.errors import UnknownSourceError
from casbah.ingest.contract import Connector, Recognised, Refusal
from casbah.ingest.decompress import InputStream, Limits, ReadingError, message_of, sources
from casbah.ingest.detection import Detector
from casbah.ingest.formats import Reader, events
from casbah.ingest.line_reader import LineReader
from casbah.ingest.replaying import reread

STDIN = "-"
_STDIN_ORIGIN = "stdin"
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class EventPage:
    """The events of one file or body, in order. Read `items` before asking for the next page: the file is
    closed then.

    `size` is how many bytes there are to read, if that is known, and `position()` how many were read:
    compressed ones, where the file is compressed. `skipped` is why nothing was read, where that is no error.
    """

    origin: str
    items: Iterator[Recognised | Refusal]
    size: int | None
    position: Callable[[], int]
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _ReadOptions:
    """How a page is read, apart from where it is."""

    detector: Detector
    named: Connector | None
    wrappers: frozenset[str]
    limits: Limits
    unread: Path | None = None


def pages(
    paths: Sequence[str],
    *,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    unread: Path | None = None,
) -> Iterator[EventPage]:
    """A page for each file: files, folders with all below them, members of archives, and `-` for standard
    input. Where a `source` is named, events of others are refused. What is in the folder `unread`, that of the store, is
    skipped, but for the rejects files there.
    """
    how = replace(_read_options(source, connectors, limits), unread=unread)
    return (page for path in paths for page in _pages(path, how))


def page_of(
    body: bytes | BinaryIO,
    *,
    origin: str,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> EventPage:
    """The page of one body. Of an archive only the first member is read: it is for files, not for bodies."""
    how = _read_options(source, connectors, limits)
    stream = BytesIO(body) if isinstance(body, bytes) else body
    size = len(body) if isinstance(body, bytes) else None
    try:
        for opened in sources(stream, origin=origin, size=size, limits=limits):
            return _page(opened, how)
    except ReadingError as error:
        return _unreadable(origin, error)
    return EventPage(origin, iter(()), size, lambda: 0)


def _read_options(source: str | None, connectors: Mapping[str, Connector], limits: Limits) -> _ReadOptions:
    if source is not None and source not in connectors:
        raise UnknownSourceError(source, tuple(connectors))
    return _ReadOptions(
        detector=Detector.of(connectors),
        named=None if source is None else connectors[source],
        wrappers=frozenset(connector.wrapper for connector in connectors.values() if connector.wrapper),
        limits=limits,
    )


def _pages(path: str, how: _ReadOptions) -> Iterator[EventPage]:
    if path == STDIN:
        yield from _file_pages(sys.stdin.buffer, _STDIN_ORIGIN, None, how)
        return
    for file in _files(path, how.unread):
        if isinstance(file, EventPage):
            yield file
            continue
        try:
            with Path(file).open("rb") as stream:
                yield from _file_pages(stream, file, _size(stream), how)
        except OSError as error:
            yield _unreadable(file, error)


def _files(path: str, unread: Path | None) -> Iterator[str | EventPage]:
    """The file itself, or the files below a folder in the order of their names; hidden ones are left out.

    A page takes the place of what is not read: a named pipe in a folder would wait for a writer for ever, and a link to a
    folder may lead back to where it is.
    """
    if unread is not None and _inside(path, unread):
        yield _skipped(path, _THE_STORES)
        return
    if not Path(path).is_dir():
        yield path
        return
    empty = True
    for folder, folders, names in os.walk(path):
        if unread is not None and _inside(folder, unread):
            folders.clear()
            empty = False
            yield _skipped(folder, _THE_STORES)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for link in (str(Path(folder, name)) for name in folders):
            if Path(link).is_symlink():
                yield _skipped(link, "a symbolic link to a folder is read only where it is named itself")
        for file in (str(Path(folder, name)) for name in sorted(names) if not name.startswith(".")):
            kind = _special(file)
            empty = empty and kind is not None
            yield file if kind is None else _skipped(file, f"{kind} is read only where it is named itself")
    if empty:
        yield _skipped(path, "no files in this folder")


_THE_STORES = "it belongs to the store, whose own files hold no logs"
_REJECTS = "rejects"


def _inside(path: str, store: Path) -> bool:
    """Whether a path is the store's folder or below it, links followed. What was refused before may be read again."""
    real, whole = Path(os.path.realpath(path)), Path(os.path.realpath(store))
    return real.is_relative_to(whole) and not real.is_relative_to(whole / _REJECTS)


def _special(file: str) -> str | None:
    """What a path is if it is no regular file; None too where that cannot be found out, since opening it says why."""
    try:
        mode = Path(file).stat().st_mode
    except OSError:
        return None
    return next((kind for is_kind, kind in _SPECIAL if is_kind(mode)), None)


_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _skipped(origin: str, reason: str) -> EventPage:
    return EventPage(origin, iter(()), None, lambda: 0, skipped=reason)


def _size(stream: BinaryIO) -> int | None:
    found = os.fstat(stream.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _file_pages(stream: BinaryIO, origin: str, size: int | None, how: _ReadOptions) -> Iterator[EventPage]:
    try:
        for opened in sources(stream, origin=origin, size=size, limits=how.limits):
            yield _page(opened, how)
    except ReadingError as error:
        yield _unreadable(origin, error)


def _unreadable(origin: str, error: BaseException) -> EventPage:
    return EventPage(origin, iter((Refusal(origin, 1, f"cannot be read: {message_of(error)}"),)), None, lambda: 0)


def _page(opened: InputStream, how: _ReadOptions) -> EventPage:
    reader = Reader(
        origin=opened.origin,
        wrappers=how.wrappers,
        recognised=lambda parsed: bool(how.detector.sources(parsed, how.named)),
    )
    items = reread(events(LineReader(opened.stream, most_line=how.limits.line), reader), reader, how.limits)
    return EventPage(opened.origin, map(how.detector.judge(how.named), items), opened.size, opened.position)
