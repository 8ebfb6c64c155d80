"""Read access to a tenant's activities across all partitions: pages, scans, counts, single records."""

import heapq
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

from casbah.activity import predicate as p
from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import Value
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.store.contract import (
    Change,
    Changes,
    FacetQuery,
    FieldValue,
    GroupQuery,
    HistogramQuery,
    LatestQuery,
    Page,
    ScanPage,
)
from casbah.store.embedded.bound_query import BoundQuery
from casbah.store.embedded.facets import most_frequent
from casbah.store.embedded.groups import DatedGroups, grouped, totals_of
from casbah.store.embedded.searcher import Hit, PartitionSearcher, records_of

NEAR = 2_000
"""Up to here, tantivy skips hits by collecting them; beyond, whole time spans are skipped by their counts."""

_SPANS = 1_024
_CHUNK = 500
_LONG = 0.02
"""Seconds of counting after which it is worth starting threads."""
_AT_ONCE = min(os.cpu_count() or 1, 8)


_GATHERING = threading.Lock()
"""Serializes reading the records of a page. Reading a record releases and reacquires the GIL twice, so several threads at once
would hand it back and forth hundreds of times per page and be slower than one."""


class Search:
    """Reads through `searchers`, which returns the current searcher of every partition, oldest first."""

    def __init__(self, searchers: Callable[[], Sequence[PartitionSearcher]]) -> None:
        self._searchers = searchers

    def find(self, query: Query, /, *, deadline: Deadline = NEVER) -> Page:
        """A page with its exact total."""
        queries = self._queries(query.predicate, deadline, descending=query.descending)
        total = _total(queries)
        if query.skip >= total:
            return Page([], total)
        by_date = query.sort.name == "date"
        hits = list(_page_by_date(query, queries)) if by_date else _page_merged(query, queries, query.skip)
        with _GATHERING:
            return Page(records_of(hits), total)

    def scan(self, query: Query, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """One page of a scan; the activities of one ms are never split across pages."""
        queries = self._queries(query.predicate, deadline, descending=query.descending)
        total = _total(queries)
        hits = list(_first(query, queries, query.limit + 1))
        if len(hits) <= query.limit:
            return ScanPage(_in_chunks(hits), total, None)
        boundary = hits[-1].moment
        kept = [hit for hit in hits if hit.moment != boundary]
        if kept:
            return ScanPage(_in_chunks(kept), total, boundary)
        return _one_moment(query, queries, boundary, total)

    def count(self, predicate: Predicate, /, *, deadline: Deadline = NEVER) -> int:
        """The number of matching activities."""
        return _total(self._queries(predicate, deadline))

    def top_values(self, query: FacetQuery, /, *, deadline: Deadline = NEVER) -> list[FieldValue]:
        """The most frequent values of a field."""
        queries = self._queries(query.predicate, deadline)
        return most_frequent(queries, query.field, prefix=query.prefix, limit=query.limit)

    def histogram(self, query: HistogramQuery, /, *, deadline: Deadline = NEVER) -> dict[int, int]:
        """Counts of the non-empty buckets, in order, by their first ms."""
        counts: Counter[int] = Counter()
        first, last, width = query.first, query.last, query.width
        for bound in self._queries(query.predicate, deadline):
            counts.update(bound.moments(query.field, first=first, last=last, width=width))
        return dict(sorted(counts.items()))

    def groups(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> DatedGroups:
        """Every group of matching activities with the same values."""
        return grouped(self._queries(query.predicate, deadline, descending=False), query)

    def totals(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> Mapping[tuple[Value, ...], int]:
        """The number of activities of each group."""
        return totals_of(self._queries(query.predicate, deadline, descending=False), query)

    def latest(self, query: LatestQuery, /, *, deadline: Deadline = NEVER) -> dict[Value, bytes]:
        """The newest matching activity with each value of a field."""
        hits: dict[Value, Hit] = {}
        for bound in self._queries(query.predicate, deadline):
            for value in [value for value in query.values if value not in hits]:
                hit = bound.newest(query.field, value)
                if hit is not None:
                    hits[value] = hit
        with _GATHERING:
            return dict(zip(hits, records_of(list(hits.values())), strict=True))

    def changes_up_to(
        self, predicate: Predicate, *, after: int, last: int, limit: int, deadline: Deadline = NEVER
    ) -> Changes:
        """The first matching activities with sequence numbers above `after` and up to `last`, in sequence order."""
        if after >= last:
            return Changes([], after)
        queries = self._queries(predicate, deadline)
        streams = (bound.numbered(after=after, last=last, limit=limit) for bound in queries)
        hits = list(islice(heapq.merge(*streams, key=_place), limit))
        reached = hits[-1].seq if len(hits) == limit else last
        return Changes([Change(hit.seq, record) for hit, record in zip(hits, records_of(hits), strict=True)], reached)

    def numbers(self, predicate: Predicate, *, last: int) -> list[int]:
        """The sequence numbers of the matching activities up to `last`, ascending."""
        matching = ((bound, count) for bound in self._queries(predicate) if (count := bound.count()))
        return sorted(hit.seq for bound, count in matching for hit in bound.numbered(after=0, last=last, limit=count))

    def fetch(self, activity_id: str, /) -> bytes | None:
        """The record with this id, or None."""
        records = (searcher.record(activity_id) for searcher in reversed(self._searchers()))
        return next((record for record in records if record is not None), None)

    def _queries(
        self, predicate: Predicate, deadline: Deadline = NEVER, *, descending: bool = True
    ) -> list[BoundQuery]:
        """The predicate bound to every non-empty partition, in order of time."""
        searchers = self._searchers()
        return [
            BoundQuery(searcher, predicate, deadline)
            for searcher in (reversed(searchers) if descending else searchers)
            if searcher.held
        ]


def _total(queries: Iterable[BoundQuery]) -> int:
    """The number of matches. If counting takes long, several partitions are counted at a time: tantivy releases the GIL."""
    begin = time.monotonic()
    rest = iter(queries)
    total = 0
    for bound in rest:
        total += bound.count()
        if time.monotonic() - begin > _LONG:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="casbah-count") as pool:
                total += sum(pool.map(BoundQuery.count, rest))
    return total


def _page_by_date(query: Query, queries: Sequence[BoundQuery]) -> Iterator[Hit]:
    """Partitions follow one another in time, so whole ones are skipped by their counts."""
    skip, wanted = query.skip, query.limit
    for bound in queries:
        count = bound.count()
        if skip >= count:
            skip -= count
            continue
        hits = _page_merged(replace(query, limit=wanted), [bound], skip)
        yield from hits
        wanted -= len(hits)
        skip = 0
        if wanted == 0:
            return


def _page_merged(query: Query, queries: Sequence[BoundQuery], skip: int) -> list[Hit]:
    """`query.limit` hits after `skip`, in the order of all partitions together."""
    if skip > NEAR:
        queries, skip = _skip_spans(query, queries, skip)
    name, descending = query.sort.name, query.descending
    if len(queries) == 1:
        return queries[0].top(query.sort, descending=descending, limit=query.limit, offset=skip)
    wanted, first = query.limit + skip, 1 if descending else 0
    hits: list[Hit] = []
    for bound in sorted(queries, key=lambda bound: bound.searcher.limits[name][first], reverse=descending):
        if len(hits) == wanted and not _reaches(bound, hits[-1].moment, name, descending=descending):
            break
        more = bound.top(query.sort, descending=descending, limit=wanted)
        hits = list(islice(heapq.merge(hits, more, key=_place, reverse=descending), wanted))
    return hits[skip:]


def _reaches(bound: BoundQuery, moment: int, name: str, *, descending: bool) -> bool:
    """Whether the partition may hold hits before or at a moment in the sort order."""
    minimum, maximum = bound.searcher.limits[name]
    return maximum >= moment if descending else minimum <= moment


def _skip_spans(query: Query, queries: Sequence[BoundQuery], skip: int) -> tuple[list[BoundQuery], int]:
    """The queries without the time spans that lie entirely within `skip`, and what remains to skip.

    Counting a span needs no sorting; three or four rounds of counting narrow any window down to one ms.
    """
    name = query.sort.name
    first = min(bound.searcher.limits[name][0] for bound in queries)
    last = max(bound.searcher.limits[name][1] for bound in queries)
    while skip > NEAR and first < last:
        width = -(-(last - first + 1) // _SPANS)
        spans: Counter[int] = Counter()
        for bound in queries:
            spans.update(bound.moments(query.sort, first=first, last=last, width=width))
        for start in sorted(spans, reverse=query.descending):
            if skip < spans[start]:
                first, last = max(first, start), min(last, start + width - 1)
                break
            skip -= spans[start]
    rest = p.Range(query.sort, high=last) if query.descending else p.Range(query.sort, low=first)
    return [bound.narrowed(rest) for bound in queries], skip


def _first(query: Query, queries: Sequence[BoundQuery], limit: int) -> Iterator[Hit]:
    """The first `limit` hits in order."""
    if query.sort.name != "date":
        yield from _page_merged(replace(query, limit=limit), queries, 0)
        return
    for bound in queries:
        hits = bound.top(query.sort, descending=query.descending, limit=limit)
        yield from hits
        limit -= len(hits)
        if limit == 0:
            return


def _one_moment(query: Query, queries: Sequence[BoundQuery], moment: int, total: int) -> ScanPage:
    """A page of all activities of one ms, however many; its boundary is one ms further."""
    here = p.Range(query.sort, moment, moment)
    streams = [bound.narrowed(here).stream(query.sort, descending=query.descending) for bound in queries]
    hits = heapq.merge(*streams, key=_place, reverse=query.descending)
    boundary = moment - 1 if query.descending else moment + 1
    beyond = p.Range(query.sort, high=boundary) if query.descending else p.Range(query.sort, low=boundary)
    more = any(bound.narrowed(beyond).count() for bound in queries)
    return ScanPage(_in_chunks(hits), total, boundary if more else None)


def _in_chunks(hits: Iterable[Hit]) -> Iterator[bytes]:
    """The records of the hits, read in chunks."""
    ahead = iter(hits)
    while chunk := list(islice(ahead, _CHUNK)):
        chunk[0].searcher.handed_out += len(chunk)
        yield from records_of(chunk)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.moment, hit.seq
