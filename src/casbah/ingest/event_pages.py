"""Reads paths or a request body into pages of events, each event with the connector of its source."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from casbah.errors import UnknownSourceError
from casbah.ingest.contract import Connector, Event, Recognized, Refusal
from casbah.ingest.counted import Counted
from casbah.ingest.decompress import InputLimits, InputStream, ReadingError, input_streams, message_of
from casbah.ingest.detection import Detector
from casbah.ingest.formats import ReadContext, events, events_inside
from casbah.ingest.line_reader import LineReader
from casbah.ingest.rejects_reader import unwrap_rejects
from casbah.ingest.unsupported import DIGEST
from casbah.ingest.wrappers import LIST_KEYS, Inside, Room, opened, wrapper_of

STDIN = "-"
_STDIN_ORIGIN = "stdin"
_DEFAULT_LIMITS = InputLimits()


@dataclass(frozen=True, slots=True)
class EventPage:
    """The events of one file or body, in order. Read `items` before asking for the next page, which closes the file.

    `position()` is the number of bytes read of the file; of a compressed file or an archive, its compressed bytes.
    `skipped` is the reason nothing was read, if that is not an error.
    """

    origin: str
    items: Iterator[Recognized | Refusal]
    position: Callable[[], int]
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _ReadOptions:
    """How to read a page."""

    detector: Detector
    named: Connector | None
    wrappers: frozenset[str]
    limits: InputLimits
    zone: tzinfo | None


def pages(
    paths: Sequence[str],
    *,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: InputLimits = _DEFAULT_LIMITS,
    zone: tzinfo | None = None,
    unread: Path | None = None,
) -> Iterator[EventPage]:
    """A page for each file: files, folders recursively, members of archives, and `-` for standard input.

    If a `source` is named, events of other sources are refused. `zone` is that of times in CSV exports that have none; without
    it, they are refused. The folder `unread`, the store's own, is skipped except for
    its rejects files. Raises UnknownSourceError.
    """
    options = _read_options(source, connectors, limits, zone)
    return (page for file in files_of(paths, unread=unread) for page in _pages(file, options))


def files_of(paths: Sequence[str], *, unread: Path | None = None) -> Iterator["str | EventPage"]:
    """The files of paths as `pages` reads them. A page with a reason stands for what is skipped."""
    for path in paths:
        yield from (STDIN,) if path == STDIN else _files(path, unread)


def page_of(
    body: bytes | BinaryIO,
    *,
    origin: str,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: InputLimits = _DEFAULT_LIMITS,
    zone: tzinfo | None = None,
) -> EventPage:
    """The page of one body. Only the first member of an archive is read. Raises UnknownSourceError."""
    options = _read_options(source, connectors, limits, zone)
    counted = Counted(BytesIO(body) if isinstance(body, bytes) else body)
    try:
        return _page(next(input_streams(counted, origin=origin, limits=limits)), options, counted.tell)
    except ReadingError as error:
        return _unreadable(origin, error)


def _read_options(
    source: str | None, connectors: Mapping[str, Connector], limits: InputLimits, zone: tzinfo | None
) -> _ReadOptions:
    if source is not None and source not in connectors:
        raise UnknownSourceError(source, tuple(connectors))
    return _ReadOptions(
        detector=Detector.of(connectors),
        named=None if source is None else connectors[source],
        wrappers=LIST_KEYS | {connector.wrapper for connector in connectors.values() if connector.wrapper},
        limits=limits,
        zone=zone,
    )


def _pages(file: str | EventPage, options: _ReadOptions) -> Iterator[EventPage]:
    if isinstance(file, EventPage):
        yield file
        return
    if file == STDIN:
        yield from _stdin_pages(options)
        return
    try:
        with Path(file).open("rb") as stream:
            yield from _file_pages(stream, file, options)
    except OSError as error:
        yield _unreadable(file, error)


def _stdin_pages(options: _ReadOptions) -> Iterator[EventPage]:
    if sys.stdin is None:  # As in `casbah ingest - <&-`.
        yield _unreadable(_STDIN_ORIGIN, OSError("standard input is closed"))
    else:
        yield from _file_pages(sys.stdin.buffer, _STDIN_ORIGIN, options)


def _files(path: str, unread: Path | None) -> Iterator[str | EventPage]:
    """The file itself, or the files below a folder by name, without hidden ones.

    A page stands for what is not read: with a reason for what is skipped, since a named pipe in a folder would block until it
    has a writer, and a link to a folder may form a cycle; with a refusal for a folder that cannot be read.
    """
    if unread is not None and _is_inside(path, unread):
        yield _skipped(path, _THE_STORES)
        return
    if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir raises if the folder may not be searched
        yield path
        return
    empty = True
    hidden: list[str] = []
    errors: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=errors.append):
        if unread is not None and _is_inside(folder, unread):
            folders.clear()
            empty = False
            yield _skipped(folder, _THE_STORES)
            continue
        hidden += [str(Path(folder, name)) for name in (*folders, *names) if name.startswith(".")]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for link in (str(Path(folder, name)) for name in folders):
            if Path(link).is_symlink():
                yield _skipped(link, "a symbolic link to a folder is read only if named itself")
        for file in (_path_in(folder, name) for name in sorted(names) if not name.startswith(".")):
            kind = _special(file)
            empty = empty and kind is not None
            yield file if kind is None else _skipped(file, f"{kind} is read only if named itself")
    yield from (_unreadable(str(error.filename), error) for error in errors)
    yield from _not_read(path, hidden, empty=empty and not errors)


def _path_in(folder: str, name: str) -> str:
    """The path of a file in a folder. One that is called `-` is not standard input."""
    path = str(Path(folder, name))
    return f"./{path}" if path == STDIN else path


def _not_read(path: str, hidden: Sequence[str], *, empty: bool) -> Iterator[EventPage]:
    """A page that says which files below a folder are hidden, or that there are no files."""
    if hidden:
        shown = ", ".join(sorted(hidden)[:_MAX_HIDDEN]) + (", ..." if len(hidden) > _MAX_HIDDEN else "")
        yield _skipped(path, f"{len(hidden)} hidden, read only if named themselves: {shown}")
    elif empty:
        yield _skipped(path, "no files in this folder")


_MAX_HIDDEN = 3


_THE_STORES = "it belongs to the store, whose files are not logs"
_REJECTS = "rejects"


def _is_inside(path: str, store: Path) -> bool:
    """Whether a path is the store's folder or below it, links followed. Rejects files do not count: they can be re-read."""
    real, whole = Path(os.path.realpath(path)), Path(os.path.realpath(store))
    return real.is_relative_to(whole) and not real.is_relative_to(whole / _REJECTS)


def _special(file: str) -> str | None:
    """The kind of a path that is not a regular file. None also if it cannot be determined: opening it reports the error."""
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
    return EventPage(origin, iter(()), lambda: 0, skipped=reason)


def _file_pages(stream: BinaryIO, origin: str, options: _ReadOptions) -> Iterator[EventPage]:
    counted = Counted(stream)
    try:
        for opened in input_streams(counted, origin=origin, limits=options.limits):
            if opened.skipped:
                yield _skipped(opened.origin, opened.skipped)
            else:
                yield _unless_digest(_page(opened, options, counted.tell))
    except ReadingError as error:
        yield _unreadable(origin, error)


def _unless_digest(page: EventPage) -> EventPage:
    """The page, or a skipped one if it holds nothing but a CloudTrail digest: every bucket with logs may have those."""
    first, second = next(page.items, None), None
    if isinstance(first, Refusal) and first.reason == DIGEST:
        second = next(page.items, None)
        if second is None:
            return _skipped(page.origin, DIGEST)
    return replace(page, items=chain(filter(None, (first, second)), page.items))


def _unreadable(origin: str, error: BaseException) -> EventPage:
    return EventPage(origin, iter((Refusal(origin, 1, f"cannot be read: {message_of(error)}"),)), lambda: 0)


def _page(stream: InputStream, options: _ReadOptions, position: Callable[[], int]) -> EventPage:
    context = ReadContext(
        origin=stream.origin,
        wrappers=options.wrappers,
        recognized=lambda parsed: bool(options.detector.connectors_of(parsed, options.named)),
        csv_forms=options.detector.csv_forms,
        zone=options.zone,
    )
    items = unwrap_rejects(
        events(LineReader(stream.stream, max_line=options.limits.line), context), context, options.limits
    )
    room = Room(options.limits.unpacked)
    judged = options.detector.judged(
        items, options.named, lambda event, known: _inside(event, context, options.limits, room, known=known)
    )
    return EventPage(stream.origin, judged, position)


def _inside(
    event: Event, context: ReadContext, limits: InputLimits, room: Room, *, known: bool
) -> Iterator[Inside] | None:
    wrapper = wrapper_of(event.parsed, known=known)
    if wrapper is None:
        return None
    return opened(wrapper, event, read=lambda text: events_inside(text, context, max_line=limits.line), room=room)
