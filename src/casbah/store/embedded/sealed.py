"""Records with their salts and in the order of storing, as the transparency log reads them."""

import heapq
from collections.abc import Sequence
from itertools import islice
from operator import attrgetter

import tantivy
from tantivy import Query as Engine

from casbah.store.embedded import schema as s
from casbah.store.embedded.record_codec import added_of, salt_of
from casbah.store.embedded.searcher import Hit, PartitionSearcher, decoded, stored_of
from casbah.store.sealed import SealedRecord, SealedRecords

_NUMBERS = 1_000
_number = attrgetter("seq")


def stored(searchers: Sequence[PartitionSearcher], *, after: int, last: int, limit: int) -> SealedRecords:
    """The first records of activities with sequence numbers above `after` and up to `last`, in order."""
    queries = [(searcher, Engine.all_query()) for searcher in searchers if searcher.held]
    return _first("seq", queries, after=after, last=last, limit=limit)


def replaced(searchers: Sequence[PartitionSearcher], *, after: int, last: int, limit: int) -> SealedRecords:
    """The first records that replaced others, last stored under numbers above `after` and up to `last`, in order."""
    queries = [
        (searcher, Engine.term_query(searcher.schema, "twin", s.CHANGED))
        for searcher in searchers
        if searcher.held and searcher.freq("twin", s.CHANGED)
    ]
    return _first("stored", queries, after=after, last=last, limit=limit)


def one(searchers: Sequence[PartitionSearcher], activity_id: str) -> SealedRecord | None:
    """The record with this id, or None."""
    column, term = s.identity(activity_id)
    for searcher in reversed(searchers):
        if searcher.freq(column, term):
            query = Engine.term_query(searcher.schema, column, term)
            if hits := searcher.numbered_by("seq", query, after=0, last=s.MAX_SEQ, limit=1):
                return _read(hits)[0]
    return None


def _first(
    column: str, queries: Sequence[tuple[PartitionSearcher, Engine]], *, after: int, last: int, limit: int
) -> SealedRecords:
    """The first matches of all partitions by a column of numbers.

    So many numbers are looked at that all partitions together have hardly more matches than wanted; more where they are few.
    """
    hits: list[Hit] = []
    width = max(limit, _NUMBERS)
    while queries and after < last and len(hits) < limit:
        end, wanted = min(last, after + width), limit - len(hits)
        streams = [
            searcher.numbered_by(column, query, after=after, last=end, limit=wanted) for searcher, query in queries
        ]
        hits += islice(heapq.merge(*streams, key=_number), wanted)
        after, width = end, width * 2
    return SealedRecords(_read(hits), hits[-1].seq if len(hits) == limit else last)


def _read(hits: Sequence[Hit]) -> list[SealedRecord]:
    """The records of the hits, in order. Raises DamagedRecordError."""
    if not hits:
        return []
    packed = stored_of(hits)
    names = (f"partition {hit.searcher.number}, number {hit.seq}" for hit in hits)
    records = decoded(hits[0].searcher.codec, packed, names)
    numbers: list[tuple[int, int]] = [(0, 0)] * len(hits)
    for searcher in {hit.searcher.name: hit.searcher for hit in hits}.values():
        places = [place for place, hit in enumerate(hits) if hit.searcher is searcher]
        addresses: list[tantivy.DocAddress] = [hits[place].address for place in places]
        first, again = (searcher.tantivy_searcher.fast_field_values(name, addresses) for name in ("seq", "stored"))
        for place, number, latest in zip(places, first, again, strict=True):
            numbers[place] = int(number or 0), int(latest or 0)
    return [
        SealedRecord(*both, salt_of(data), added_of(data), record)
        for both, data, record in zip(numbers, packed, records, strict=True)
    ]
