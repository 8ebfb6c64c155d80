"""Bulk ingest over HTTP. Events are acknowledged once all of them are on disk."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import chain, islice, takewhile
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.errors import (
    BodyTooLargeError,
    BusyError,
    MalformedBodyError,
    UnavailableError,
    UnknownParameterError,
    UnknownSourceError,
    describe,
)
from casbah.http.answers import Answer, Count, respond
from casbah.http.context import RequestContext
from casbah.http.encoding import EncodedBody
from casbah.http.request_body import read_body
from casbah.http.search_parameters import named_zone_of
from casbah.ingest import wire_encoding
from casbah.ingest.activity_builder import events_at
from casbah.ingest.contract import Event, Refusal
from casbah.ingest.decompress import HEAD, InputLimits, is_packed
from casbah.ingest.enrich.networks import IpRanges
from casbah.ingest.event_pages import page_of
from casbah.ingest.parse_pool import MAX_TEXT, Text
from casbah.store.contract import Inserted, PreparedByStore

log = logging.getLogger("casbah.http")

_SMALL = 16_384
"""Bodies up to this size (bytes) are parsed on the event loop, and no thread waits for their commit, which many share."""

_MAX_READ_AGAIN = 8 * 1_048_576
"""Bytes of a text that are read again for the events that the store refused."""

_MAX_UNDER_WAY = 1
"""Batches of one body that may wait for the store."""

SETTING = "CASBAH_MAX_INGEST_BODY"
"""The setting that limits an ingest body."""

_SOURCE, _ZONE = "source", "zone"
_PARAMETERS = (_SOURCE, _ZONE)
MAX_LISTED = 1_000
"""Refusals listed in an answer. A small compressed body may hold millions of lines, each shorter than its reason."""

ALL_REFUSED = 422
"""The status if every event of a body was refused."""


Duplicates = Annotated[Count, Meta(description="Stored before, so not again")]


class RefusedLine(Answer):
    line: Annotated[int, Meta(ge=1)]
    reason: str


class Stored(Answer):
    stored: Count
    duplicates: Duplicates
    refused: Sequence[RefusedLine]
    unlisted: Annotated[int, Meta(ge=1, description="Refusals beyond the 1,000 that are listed")] | UnsetType = UNSET
    duplicate_lines: Annotated[Sequence[int], Meta(description="For commands of Casbah only")] | UnsetType = UNSET


async def ingest(context: RequestContext) -> Annotated[Response, Stored]:
    _require_known_parameters(context)
    source, zone = read_source(context), named_zone_of(context.request.query_params)
    encodings = ", ".join(context.request.headers.getlist("content-encoding"))
    body = await read_body(context.request, limit=context.services.settings.max_ingest_body, setting=SETTING)
    result = await _store_small(context, body, source, zone, encodings) if len(body) <= _SMALL else None
    if result is None:
        result = await context.ingest(store_events, context, body, source, encodings, zone)
    all_refused = result.refused and not (result.stored or result.duplicates)
    return respond(result, ALL_REFUSED if all_refused else 200)


def _require_known_parameters(context: RequestContext) -> None:
    """Refuse unknown parameters: with a misspelt `source`, the source would silently be detected instead."""
    names = [name for name, _ in context.request.query_params.multi_items()]
    unknown = next((name for name in names if name not in _PARAMETERS), None)
    if unknown is not None:
        raise UnknownParameterError(unknown, _PARAMETERS)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise MalformedBodyError(f"{repeated}: sent {names.count(repeated)} times; send it once")


def read_source(context: RequestContext) -> str | None:
    """The source named by the request, or None. Raises UnknownSourceError.

    Only the owner's commands may send encoded new activities; from other callers, only raw events are trusted.
    """
    own = (wire_encoding.SOURCE,) if context.caller.owner else ()
    return named_source(context, context.request.query_params.get(_SOURCE), *own)


def named_source(context: RequestContext, name: object, *others: str) -> str | None:
    """A source by name, or None if blank. Raises UnknownSourceError or MalformedBodyError."""
    if name in (None, ""):
        return None
    if not isinstance(name, str):
        raise MalformedBodyError(f"source: expected the name of a source, got {describe(name)}")
    known = (*context.services.connectors, *others)
    if name not in known:
        raise UnknownSourceError(name, known)
    return name


def store_events(
    context: RequestContext, body: bytes, source: str | None, encodings: str = "", zone: tzinfo | None = None
) -> Stored:
    """Store the events of a body. Returns the answer of `ingest`."""
    encoded = EncodedBody(body, encodings)
    # All of it is decoded once before anything is stored: a damaged or truncated body stores nothing.
    size = encoded.size(limit=context.services.settings.max_ingest_body, setting=SETTING)
    _require_no_archive(encoded.opened().read(HEAD))
    memory = 0 if encoded.is_plain else size
    is_text = memory <= MAX_TEXT and context.services.memory.reserve(memory)
    try:
        text = encoded.text(limit=size, setting=SETTING) if is_text else encoded.opened
        items = _items(context, text, source, context.services.ranges.ranges(context.tenant_id), zone)
        batches = _batches(items, size=context.services.settings.batch)
        summary = _Summary(names_duplicates=source == wire_encoding.SOURCE)
        with nullcontext() if is_text else context.services.memory.one_at_a_time:
            for outcome in _stored(context, batches):
                summary.add(outcome, context)
            _keep_rejects(context, summary, text, source, zone)
    finally:
        if is_text:
            context.services.memory.release(memory)
    return summary.answer()


def refusals(context: RequestContext, text: bytes, source: str | None) -> list[Refusal]:
    """The events of a text that cannot be parsed. Stores nothing."""
    items = _items(context, text, source, context.services.ranges.ranges(context.tenant_id))
    return [item for _, item in items if isinstance(item, Refusal)]


def store_each(
    context: RequestContext, events: Iterable[tuple[bytes, str | None]], zone: tzinfo | None
) -> tuple[Inserted, Sequence[Sequence[str]]]:
    """Store events, each parsed separately with its own source, in one commit. `zone` is that of times in CSV exports that
    have none. Also returns each event's refusal reasons.
    """
    ranges = context.services.ranges.ranges(context.tenant_id)
    items: list[NewActivity | PreparedByStore] = []
    positions: list[int] = []
    reasons: list[list[str]] = []
    for position, (text, source) in enumerate(events):
        event_items = [item for _, item in _items(context, text, source, ranges, zone)]
        reasons.append(
            [item.reason for item in event_items if isinstance(item, Refusal)] if event_items else ["no event in it"]
        )
        activities = [item for item in event_items if not isinstance(item, Refusal)]
        items += activities
        positions += [position] * len(activities)
    context.services.metrics.refused(sum(map(len, reasons)))
    inserted = context.tenant.insert_soon(items).result()
    context.services.metrics.stored(inserted)
    for number, reason in inserted.refused:
        reasons[positions[number]].append(reason)
    return inserted, reasons


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result of storing one batch."""

    inserted: Inserted
    refused: Sequence[Refusal]
    """Refused before they reached the store."""

    by_store: Mapping[int, Refusal]
    """Refused by the store, by their place in the body; without their events."""

    repeated: Sequence[int]
    """The lines of duplicates."""


def _stored(context: RequestContext, batches: Iterable["_Batch"]) -> Iterator[_Outcome]:
    """The outcome of each batch. Storing overlaps with parsing the next batch; `_MAX_UNDER_WAY` bounds memory."""
    under_way: deque[Callable[[], _Outcome]] = deque()
    for batch in batches:
        under_way.append(_storing(context, batch))
        while len(under_way) > _MAX_UNDER_WAY:
            yield under_way.popleft()()
    while under_way:
        yield under_way.popleft()()


def _storing(context: RequestContext, batch: "_Batch") -> Callable[[], _Outcome]:
    inserting = context.tenant.insert_soon(batch.new_activities())
    return lambda: batch.outcome(inserting.result())


async def _store_small(
    context: RequestContext, body: bytes, source: str | None, zone: tzinfo | None, encodings: str
) -> Stored | None:
    """Store a small body's events. None if it is large after decompression, is not plain lines of JSON, or the tenant is not
    open, so that a thread must open it.
    """
    try:
        text = _plain(body, encodings, limit=min(_SMALL, context.services.settings.max_ingest_body))
    except BodyTooLargeError:
        return None
    if not _is_lines_of_json(text):  # Recovering from errors takes too long for the event loop.
        return None
    if context.services.store.opening(context.tenant_id) is not None:
        return None
    book = context.services.ranges
    ranges = await context.brief(book, book.ranges, context.tenant_id)
    batch = _Batch(enumerate(_items(context, text, source, ranges, zone)))
    inserted = await asyncio.wrap_future(context.tenant.insert_soon(batch.new_activities()))
    summary = _Summary(names_duplicates=source == wire_encoding.SOURCE)
    summary.add(batch.outcome(inserted), context)
    if summary.listed:
        try:
            await context.quick(_keep_rejects, context, summary, text, source, zone)
        except BusyError as error:  # The events are stored; the answer names each refusal.
            log.warning("%d refused events are not kept: %s", summary.listed, error)
    return summary.answer()


def _is_lines_of_json(text: bytes) -> bool:
    try:
        for line in text.splitlines():
            jsontext.parse(line or b"null")
    except jsontext.InvalidJsonError:
        return False
    return True


def _keep_rejects(
    context: RequestContext, summary: "_Summary", text: Text, source: str | None, zone: tzinfo | None
) -> None:
    """Keep refused events, except those of the owner's commands, which write their own rejects file.

    The answer lists or counts the refusals anyway, so failing to keep them does not fail the request.
    """
    if not summary.listed or context.caller.owner:
        return
    try:
        sent_events = _with_events(context, text, source, zone, summary.by_store)
        refused = sorted((*summary.refused, *sent_events), key=lambda refusal: refusal.line)
        kept = context.services.rejects.keep(
            refused, source=source, sender=context.caller.name, tenant_id=context.tenant_id
        )
    except UnavailableError as error:
        log.warning("%d refused events are not kept: %s", summary.listed, error)
        return
    count = len(refused) + summary.unlisted
    if kept < count:
        log.warning("%d of %d refused events exceed the limits for kept rejects (docs/sources.md)", count - kept, count)


def _with_events(
    context: RequestContext, text: Text, source: str | None, zone: tzinfo | None, by_store: Mapping[int, Refusal]
) -> list[Refusal]:
    """One refusal per event that the store refused, with the event. The text is read again: what is stored needs no copy of its
    event. That ends after `_MAX_READ_AGAIN`, as the sender waits for it; of events beyond, only the reasons are kept.
    """
    if not by_store:
        return []
    stream, known = text if isinstance(text, bytes) else text(), context.services.connectors
    page = page_of(stream, origin="body", connectors=known, source=source, limits=_limits(context), zone=zone)
    items = takewhile(lambda _: page.position() <= _MAX_READ_AGAIN, page.items)
    events: list[tuple[Event, dict[str, None]]] = []
    beyond = dict(by_store)
    for place, event in events_at(items, by_store):
        if not events or events[-1][0] is not event:
            events.append((event, {}))
        events[-1][1][beyond.pop(place).reason] = None
    return [*(event.refused("; ".join(reasons)) for event, reasons in events), *dict.fromkeys(beyond.values())]


def _items(
    context: RequestContext, text: Text, source: str | None, ranges: IpRanges, zone: tzinfo | None = None
) -> Iterable[tuple[int, Any]]:
    """The activities and refusals of a text, each with its line number."""
    return context.services.parse_pool.items(text, source, limits=_limits(context), zone=zone, ranges=ranges)


def _limits(context: RequestContext) -> InputLimits:
    chosen = context.services.settings
    return InputLimits(unpacked=chosen.max_ingest_body, line=chosen.max_event)


@dataclass(slots=True)
class _Summary:
    """The accumulated results of a body's batches."""

    stored: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)
    by_store: dict[int, Refusal] = field(default_factory=dict)
    """With `refused`, the first `MAX_LISTED` of them; all for the owner."""

    unlisted: int = 0
    names_duplicates: bool = False
    repeated: list[int] = field(default_factory=list)

    def add(self, outcome: _Outcome, context: RequestContext) -> None:
        """Add a batch's outcome, here and to the metrics."""
        context.services.metrics.stored(outcome.inserted)
        context.services.metrics.refused(len(outcome.refused))
        self.stored += outcome.inserted.stored
        self.duplicates += outcome.inserted.duplicates
        if self.names_duplicates:
            self.repeated += outcome.repeated
        # The owner's commands write every refusal to their own file.
        maximum, before = sys.maxsize if context.caller.owner else MAX_LISTED, self.listed
        self.refused += outcome.refused[: maximum - before]
        self.by_store |= islice(outcome.by_store.items(), maximum - self.listed)
        self.unlisted += len(outcome.refused) + len(outcome.by_store) - (self.listed - before)

    @property
    def listed(self) -> int:
        """How many refusals the answer lists."""
        return len(self.refused) + len(self.by_store)

    def answer(self) -> Stored:
        """The answer for the sender."""
        refused = sorted((*self.refused, *self.by_store.values()), key=lambda refusal: refusal.line)
        listed = [RefusedLine(refusal.line, refusal.reason) for refusal in refused]
        duplicate_lines = self.repeated if self.names_duplicates else UNSET
        return Stored(self.stored, self.duplicates, listed, self.unlisted or UNSET, duplicate_lines)


class _Batch:
    """A batch of items with their places and lines. Yields activities lazily, and remembers only the place and line of each
    for `outcome`: a parsed activity takes many times the memory of its record.
    """

    def __init__(self, items: Iterable[tuple[int, tuple[int, NewActivity | PreparedByStore | Refusal]]]) -> None:
        self._items = items
        self._sent: list[tuple[int, int]] = []
        self._refused: list[Refusal] = []

    def new_activities(self) -> Iterator[NewActivity | PreparedByStore]:
        """The activities to store. Refusals are collected on the way."""
        for place, (line, item) in self._items:
            if isinstance(item, Refusal):
                self._refused.append(item)
            else:
                self._sent.append((place, line))
                yield item

    def outcome(self, inserted: Inserted) -> _Outcome:
        """The outcome, after the store has inserted or refused the activities."""
        by_store = {
            place: Refusal("body", line, reason)
            for position, reason in inserted.refused
            for place, line in (self._sent[position],)
        }
        repeated = [self._sent[position][1] for position in inserted.repeated]
        return _Outcome(inserted, self._refused, by_store, repeated)


def _batches(items: Iterable[tuple[int, NewActivity | PreparedByStore | Refusal]], *, size: int) -> Iterator[_Batch]:
    """The items in batches. Exhaust each before taking the next."""
    placed = enumerate(items)
    for first in placed:
        yield _Batch(chain((first,), islice(placed, size - 1)))


def _plain(body: bytes, encodings: str, *, limit: int) -> bytes:
    """The decompressed events. Raises as EncodedBody does, and MalformedBodyError for an archive."""
    text = EncodedBody(body, encodings).text(limit=limit, setting=SETTING)
    _require_no_archive(text)
    return text


def _require_no_archive(start: bytes) -> None:
    if is_packed(start):
        raise MalformedBodyError("body: an archive; send the events themselves, compressed once or not at all")
