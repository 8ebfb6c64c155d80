"""From paths, or the body of a request, to pages of events: each file is a page, and its source is told or
found by itself.
"""

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from casbah.activity.arrival import Arrival
from casbah.errors import UnknownSourceError
from casbah.ingest.contract import Connector, Draft, Event, Ready, Refusal
from casbah.ingest.feed import Feed
from casbah.ingest.opening import Limits, ReadingError, Source, said, sources
from casbah.ingest.shapes import Reader, events

STDIN = "-"
_SAMPLED_EVENTS = 50
_STDIN_ORIGIN = "stdin"
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Page:
    """The events of one file or body, in order. Read `items` before asking for the next page: the file is
    closed then.

    `size` is how many bytes there are to read, if that is known, and `position()` how many were read:
    compressed ones, where the file is compressed. `connector` is None where no source was told or recognised;
    then every item is a Refusal.
    """

    origin: str
    connector: Connector | None
    items: Iterator[Event | Refusal]
    size: int | None
    position: Callable[[], int]


def pages(
    paths: Sequence[str],
    *,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> Iterator[Page]:
    """A page for each file: files, folders with all below them, members of archives, and `-` for standard
    input.
    """
    told = _told(source, connectors)
    return (page for path in paths for page in _pages(path, connectors, told, limits))


def page_of(
    body: bytes | BinaryIO,
    *,
    origin: str,
    connectors: Mapping[str, Connector],
    source: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> Page:
    """The page of one body. Of an archive only the first member is read: it is for files, not for bodies."""
    told = _told(source, connectors)
    stream = BytesIO(body) if isinstance(body, bytes) else body
    size = len(body) if isinstance(body, bytes) else None
    try:
        for found in sources(stream, origin=origin, size=size, limits=limits):
            return _page(found, connectors, told, limits)
    except ReadingError as error:
        return _unreadable(origin, error)
    return Page(origin, told, iter(()), size, lambda: 0)


def _told(source: str | None, connectors: Mapping[str, Connector]) -> Connector | None:
    if source is not None and source not in connectors:
        raise UnknownSourceError(source, tuple(connectors))
    return None if source is None else connectors[source]


def _pages(path: str, connectors: Mapping[str, Connector], told: Connector | None, limits: Limits) -> Iterator[Page]:
    if path == STDIN:
        yield from _file_pages(sys.stdin.buffer, _STDIN_ORIGIN, None, connectors, told, limits)
        return
    for file in _files(path):
        try:
            with Path(file).open("rb") as stream:
                yield from _file_pages(stream, file, _size(stream), connectors, told, limits)
        except OSError as error:
            yield _unreadable(file, error)


def _files(path: str) -> Iterator[str]:
    """The file itself, or the files below a folder in the order of their names; hidden ones are left out."""
    if not Path(path).is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (str(Path(folder, name)) for name in sorted(names) if not name.startswith("."))


def _size(stream: BinaryIO) -> int | None:
    found = os.fstat(stream.fileno())
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _file_pages(
    stream: BinaryIO,
    origin: str,
    size: int | None,
    connectors: Mapping[str, Connector],
    told: Connector | None,
    limits: Limits,
) -> Iterator[Page]:
    try:
        for found in sources(stream, origin=origin, size=size, limits=limits):
            yield _page(found, connectors, told, limits)
    except ReadingError as error:
        yield _unreadable(origin, error)


def _unreadable(origin: str, error: BaseException) -> Page:
    return Page(origin, None, iter((Refusal(origin, 1, f"cannot be read: {said(error)}"),)), None, lambda: 0)


def _page(found: Source, connectors: Mapping[str, Connector], told: Connector | None, limits: Limits) -> Page:
    candidates = (told,) if told else tuple(connectors.values())
    reader = Reader(
        origin=found.origin,
        wrappers=frozenset(each.wrapper for each in connectors.values() if each.wrapper),
        recognised=lambda parsed: _recogniser(parsed, candidates) is not None,
        most_document=limits.document,
    )
    items = events(Feed(found.stream, most_line=limits.line), reader)
    if told is None:
        sample = list(islice(items, _SAMPLED_EVENTS))
        told = _detected(sample, candidates)
        items = chain(sample, items)
        told = None if told is None else replace(told, drafts=_Each(told, candidates))
        if told is None:
            items = map(_Unrecognised(tuple(connectors)), items)
    return Page(found.origin, told, items, found.size, found.position)


def _recogniser(parsed: Mapping[str, Any], candidates: Sequence[Connector]) -> Connector | None:
    """The first connector that knows the event."""
    lowered = {key.lower(): value for key, value in parsed.items()}
    return next((each for each in candidates if each.recognises(lowered)), None)


def _detected(sample: Sequence[Event | Refusal], candidates: Sequence[Connector]) -> Connector | None:
    """The connector that knows most of the first events, if at least half of them are known: some are often incomplete."""
    read = [each for each in sample if isinstance(each, Event)]
    known = [found for found in (_recogniser(each.parsed, candidates) for each in read) if found is not None]
    if not known:
        return None
    names = Counter(each.name for each in known)
    name, _ = names.most_common(1)[0]
    return next(each for each in known if each.name == name) if 2 * len(known) >= len(read) else None


@dataclass(frozen=True, slots=True)
class _Each:
    """Drafts of each event by the connector that knows it: a stream may carry the events of several sources. What none
    knows goes to the one that knows most.
    """

    most: Connector
    candidates: Sequence[Connector]

    def __call__(self, event: Event) -> Iterable[Draft | Ready | Arrival]:
        return (_recogniser(event.parsed, (self.most, *self.candidates)) or self.most).drafts(event)


@dataclass(frozen=True, slots=True)
class _Unrecognised:
    """Turns events into refusals that say which sources there are and how to name one."""

    known: tuple[str, ...]

    def __call__(self, item: Event | Refusal) -> Refusal:
        if isinstance(item, Refusal):
            return item
        reason = f"source not recognised; known: {', '.join(self.known)}; tell which with --source"
        return Refusal(item.origin, item.line, reason, item.raw)
