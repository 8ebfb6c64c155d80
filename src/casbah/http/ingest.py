"""Bulk ingest over the wire: events in, acknowledged once all of them are on disk."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

from starlette.responses import Response

from casbah.activity.arrival import Arrival
from casbah.activity.record import identifier, integer
from casbah.errors import BodyTooLargeError, MalformedBodyError, UnknownSourceError
from casbah.http.body import read_body
from casbah.http.exchange import Exchange, json_response
from casbah.ingest import envelope
from casbah.ingest.contract import Refusal
from casbah.ingest.opening import Limits
from casbah.ingest.pipeline import arrivals
from casbah.ingest.reading import page_of
from casbah.ingest.times import within_bounds

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_ADDED = ("_id", "uid", "created")
SETTING = "CASBAH_MAX_INGEST_BODY"
"""What bounds an ingest body."""


async def ingest(exchange: Exchange) -> Response:
    """Store what the body holds: `{"stored", "duplicates", "refused": [{"line", "reason"}]}`."""
    source = read_source(exchange)
    body = await read_body(exchange.request, limit=exchange.services.settings.max_ingest_body, setting=SETTING)
    return json_response(await exchange.off_loop(store_events, exchange, body, source))


def read_source(exchange: Exchange) -> str | None:
    """The source that the events are said to come from, if one is said. Raises UnknownSourceError."""
    source = exchange.request.query_params.get("source") or None
    known = (*exchange.services.connectors, envelope.SOURCE)
    if source is not None and source not in known:
        raise UnknownSourceError(source, known)
    return source


def store_events(exchange: Exchange, body: bytes, source: str | None) -> dict[str, Any]:
    """Store what a body holds, and say what became of it."""
    text = _plain(body, limit=exchange.services.settings.max_ingest_body)
    items = _envelopes(text) if source == envelope.SOURCE else _events(exchange, text, source)
    stored = duplicates = 0
    refused: list[dict[str, Any]] = []
    numbered = enumerate(items, 1)
    while batch := list(islice(numbered, exchange.services.settings.batch)):
        fresh = [(line, item) for line, item in batch if isinstance(item, Arrival)]
        refused += [{"line": item.line, "reason": item.reason} for _, item in batch if isinstance(item, Refusal)]
        done = exchange.store.insert([item for _, item in fresh], exchange.scope)
        stored += done.stored
        duplicates += done.duplicates
        refused += [{"line": fresh[position][0], "reason": reason} for position, reason in done.refused]
    return {"stored": stored, "duplicates": duplicates, "refused": sorted(refused, key=lambda each: each["line"])}


def _events(exchange: Exchange, text: bytes, source: str | None) -> Iterator[Arrival | Refusal]:
    chosen = exchange.services.settings
    limits = Limits(unpacked=chosen.max_ingest_body, document=chosen.max_ingest_body, line=chosen.max_event)
    page = page_of(text, origin="body", connectors=exchange.services.connectors, source=source, limits=limits)
    if page.connector is None:
        return (item for item in page.items if isinstance(item, Refusal))
    return arrivals(page.items, page.connector)


def _envelopes(text: bytes) -> Iterable[Arrival | Refusal]:
    for line in text.splitlines():
        try:
            arrival = envelope.unpack(line)
        except ValueError as wrong:
            raise MalformedBodyError(f"source {envelope.SOURCE}: {wrong}") from None
        if not _is_whole(arrival):
            raise MalformedBodyError(
                f"source {envelope.SOURCE}: a line says of its record what the record does not say"
            )
        yield arrival


def _is_whole(arrival: Arrival) -> bool:
    """Whether the record has what the arrival says of it, and what it lacks is named: anybody may send an envelope."""
    activity = arrival.activity
    moments = [(arrival.timestamp, activity.get("timestamp"))]
    if arrival.created is not None:
        moments.append((arrival.created, activity.get("created")))
    lacking = {key for key in _ADDED if key not in activity}
    return (
        all(within_bounds(said) and integer(held) == said for said, held in moments)
        and set(arrival.adds) == lacking
        and (arrival.created is None) == ("created" in lacking)
        and ("_id" in lacking or identifier(activity["_id"]) == arrival.id)
    )


def _plain(body: bytes, *, limit: int) -> bytes:
    """The body without its gzip, if it has one; bounded, because a small body may hold a very large one."""
    text = _unzipped(body, limit=limit) if body.startswith(_GZIP) else body
    if text.startswith((_GZIP, _ZIP)):
        raise MalformedBodyError("body: an archive; send the events themselves, gzipped once or not at all")
    return text


def _unzipped(body: bytes, *, limit: int) -> bytes:
    source: BinaryIO = BytesIO(body)
    try:
        with gzip.open(source) as opened:
            text = opened.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise MalformedBodyError("body: begins as gzip but cannot be decompressed") from None
    if len(text) > limit:
        raise BodyTooLargeError(limit, SETTING)
    return text
