"""Bulk ingest over the wire: events in, acknowledged once all of them are on disk."""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain, islice
from typing import Any

from starlette.responses import Response

from casbah.activity.arrival import Arrival
from casbah.errors import BodyTooLargeError, MalformedBodyError, UnknownSourceError
from casbah.http.body import read_body
from casbah.http.encoding import decoded
from casbah.http.exchange import Exchange, json_response
from casbah.ingest import envelope
from casbah.ingest.beside import PIECE
from casbah.ingest.contract import Refusal
from casbah.ingest.enrich.networks import Ranges
from casbah.ingest.opening import Limits
from casbah.store.contract import Inserted, Prepared

_SMALL = 16_384
"""A body of a few events is parsed at once, and no thread waits for the disk with it: many of them share a commit."""

_MOST_UNDER_WAY = 10
"""Batches of one body that may wait to be stored."""

_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd")
SETTING = "CASBAH_MAX_INGEST_BODY"
"""What bounds an ingest body."""

UNUSABLE = 422
"""The status where no event of a body was stored or is stored already."""


async def ingest(exchange: Exchange) -> Response:
    """Store what the body holds: `{"stored", "duplicates", "refused": [{"line", "reason"}]}`.

    Where nothing in it could be used the status is 422, because shippers look at nothing else.
    """
    source = read_source(exchange)
    encodings = ", ".join(exchange.request.headers.getlist("content-encoding"))
    body = await read_body(exchange.request, limit=exchange.services.settings.max_ingest_body, setting=SETTING)
    result = await _store_small(exchange, body, source, encodings) if len(body) <= _SMALL else None
    if result is None:
        result = await exchange.ingest(store_events, exchange, body, source, encodings)
    unusable = result["refused"] and not (result["stored"] or result["duplicates"])
    return json_response(result, status=UNUSABLE if unusable else 200)


def read_source(exchange: Exchange) -> str | None:
    """The source that the events are said to come from, if one is said. Raises UnknownSourceError."""
    source = exchange.request.query_params.get("source") or None
    known = (*exchange.services.connectors, envelope.SOURCE)
    if source is not None and source not in known:
        raise UnknownSourceError(source, known)
    return source


def store_events(exchange: Exchange, body: bytes, source: str | None, encodings: str = "") -> dict[str, Any]:
    """Store what a body holds, and say what became of it."""
    text = _plain(body, encodings, limit=exchange.services.settings.max_ingest_body)
    items = _items(exchange, text, source, exchange.services.ranges.ranges(exchange.scope))
    batches = _batches(items, size=min(exchange.services.settings.batch, PIECE))
    return _said(exchange, list(_stored(exchange, batches)))


def refusals(exchange: Exchange, text: bytes, source: str | None) -> list[Refusal]:
    """The events of a text that reading it refuses. Stores nothing."""
    items = _items(exchange, text, source, exchange.services.ranges.ranges(exchange.scope))
    return [item for item in items if isinstance(item, Refusal)]


def _stored(exchange: Exchange, batches: Iterable["_Batch"]) -> Iterator[tuple["_Batch", Inserted]]:
    """Each batch with what became of it. One is stored while the next is made ready, but only so many wait in memory."""
    under_way: deque[tuple[_Batch, Future[Inserted]]] = deque()
    for batch in batches:
        under_way.append((batch, exchange.store.insert_soon(list(batch.arrivals()), exchange.scope)))
        while len(under_way) > _MOST_UNDER_WAY:
            first, stored = under_way.popleft()
            yield first, stored.result()
    for batch, stored in under_way:
        yield batch, stored.result()


async def _store_small(exchange: Exchange, body: bytes, source: str | None, encodings: str) -> dict[str, Any] | None:
    """Store a small body's events; None where it is not small once it is decompressed."""
    try:
        text = _plain(body, encodings, limit=min(_SMALL, exchange.services.settings.max_ingest_body))
    except BodyTooLargeError:
        return None
    book = exchange.services.ranges
    ranges = await exchange.brief(book, book.ranges, exchange.scope)
    batch = _Batch(enumerate(_items(exchange, text, source, ranges), 1))
    stored = exchange.store.insert_soon(list(batch.arrivals()), exchange.scope)
    return _said(exchange, [(batch, await asyncio.wrap_future(stored))])


def _items(exchange: Exchange, text: bytes, source: str | None, ranges: Ranges) -> Iterable[Any]:
    chosen = exchange.services.settings
    limits = Limits(unpacked=chosen.max_ingest_body, line=chosen.max_event)
    return exchange.services.beside.items(text, source, limits=limits, ranges=ranges)


def _said(exchange: Exchange, batches: Sequence[tuple["_Batch", Inserted]]) -> dict[str, Any]:
    """What became of the events, for whoever sent them."""
    refused: list[dict[str, Any]] = []
    for batch, done in batches:
        exchange.services.metrics.stored(done)
        exchange.services.metrics.refused(len(batch.refused))
        refused += [{"line": each.line, "reason": each.reason} for each in batch.refused]
        refused += [{"line": batch.lines[position], "reason": reason} for position, reason in done.refused]
    return {
        "stored": sum(done.stored for _, done in batches),
        "duplicates": sum(done.duplicates for _, done in batches),
        "refused": sorted(refused, key=lambda each: each["line"]),
    }


class _Batch:
    """Some of the items, handed on one at a time as they are made; afterwards it knows where each stood."""

    def __init__(self, numbered: Iterable[tuple[int, Arrival | Prepared | Refusal]]) -> None:
        self._numbered = numbered
        self.lines: list[int] = []
        self.refused: list[Refusal] = []

    def arrivals(self) -> Iterator[Arrival | Prepared]:
        for line, item in self._numbered:
            if isinstance(item, Refusal):
                self.refused.append(item)
            else:
                self.lines.append(line)
                yield item


def _batches(items: Iterable[Arrival | Prepared | Refusal], *, size: int) -> Iterator[_Batch]:
    """The items in batches; each is to be used up before the next."""
    numbered = enumerate(items, 1)
    for first in numbered:
        yield _Batch(chain((first,), islice(numbered, size - 1)))


def _plain(body: bytes, encodings: str, *, limit: int) -> bytes:
    """The events as text. Raises as `decoded` does."""
    text = decoded(body, encodings, limit=limit, setting=SETTING)
    if text.startswith(_ARCHIVES):
        raise MalformedBodyError("body: an archive; send the events themselves, compressed once or not at all")
    return text
