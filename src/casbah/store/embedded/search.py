"""The ways to read a tenant's activities: pages, scans, counts, single records, over all its periods together."""

import heapq
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from casbah.activity import predicate as p
from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.store.contract import Change, Changes, FacetQuery, FieldValue, HistogramQuery, Page, ScanPage
from casbah.store.embedded.bound_query import BoundQuery
from casbah.store.embedded.facets import most_frequent
from casbah.store.embedded.searcher import Hit, PartitionSearcher, records_of

NEAR = 2_000
"""How far into a result the engine may skip by collecting; farther, whole spans of time are counted and passed over."""

_SPANS = 1_024
_CHUNK = 500


_GATHERING = threading.Lock()
"""Reading a record gives Python's lock away and takes it back, twice. Threads that do so at once pass it to and fro a few
hundred times a page and are slower than one; so they take turns at this, and at nothing else.
"""


class Search:
    """Reads what `searchers` shows: every period as it is now, oldest first."""

    def __init__(self, searchers: Callable[[], Sequence[PartitionSearcher]]) -> None:
        self._searchers = searchers

    def find(self, query: Query, deadline: Deadline = NEVER) -> Page:
        """A page with its exact total."""
        asked = self._asked(query.predicate, deadline, descending=query.descending)
        total = sum(each.count() for each in asked)
        if query.skip >= total:
            return Page([], total)
        by_date = query.sort.name == "date"
        hits = list(_page_by_date(query, asked)) if by_date else _page_merged(query, asked, query.skip)
        with _GATHERING:
            return Page(records_of(hits), total)

    def scan(self, query: Query, deadline: Deadline = NEVER) -> ScanPage:
        """One page of a scan; the activities of one ms are never split over two."""
        asked = self._asked(query.predicate, deadline, descending=query.descending)
        total = sum(each.count() for each in asked)
        hits = list(_first(query, asked, query.limit + 1))
        if len(hits) <= query.limit:
            return ScanPage(_in_chunks(hits), total, None)
        boundary = hits[-1].moment
        kept = [hit for hit in hits if hit.moment != boundary]
        if kept:
            return ScanPage(_in_chunks(kept), total, boundary)
        return _one_moment(query, asked, boundary, total)

    def count(self, predicate: Predicate, deadline: Deadline = NEVER) -> int:
        """How many activities match."""
        return sum(each.count() for each in self._asked(predicate, deadline))

    def top_values(self, wanted: FacetQuery, deadline: Deadline = NEVER) -> list[FieldValue]:
        """The most frequent values of a field."""
        asked = self._asked(wanted.predicate, deadline)
        return most_frequent(asked, wanted.field, prefix=wanted.prefix, limit=wanted.limit)

    def histogram(self, spans: HistogramQuery, deadline: Deadline = NEVER) -> dict[int, int]:
        """How many activities match in each span of time that has any, by its start."""
        found: Counter[int] = Counter()
        first, last, width = spans.first, spans.last, spans.width
        for each in self._asked(spans.predicate, deadline):
            found.update(each.moments(spans.field, first=first, last=last, width=width))
        return dict(sorted(found.items()))

    def changes(
        self, predicate: Predicate, *, after: int, last: int, limit: int, deadline: Deadline = NEVER
    ) -> Changes:
        """The first activities that were stored under numbers past `after` and up to `last`, in the order of storing."""
        if after >= last:
            return Changes([], after)
        asked = self._asked(predicate, deadline)
        streams = (each.numbered(after=after, last=last, limit=limit) for each in asked)
        hits = list(islice(heapq.merge(*streams, key=_place), limit))
        reached = hits[-1].seq if len(hits) == limit else last
        return Changes([Change(hit.seq, record) for hit, record in zip(hits, records_of(hits), strict=True)], reached)

    def fetch(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        found = (searcher.record(activity_id) for searcher in reversed(self._searchers()))
        return next((record for record in found if record is not None), None)

    def _asked(self, predicate: Predicate, deadline: Deadline = NEVER, *, descending: bool = True) -> list[BoundQuery]:
        """The predicate, asked of every period in the order of time."""
        searchers = self._searchers()
        return [
            BoundQuery(searcher, predicate, deadline)
            for searcher in (reversed(searchers) if descending else searchers)
            if searcher.held
        ]


def _page_by_date(query: Query, asked: Sequence[BoundQuery]) -> Iterator[Hit]:
    """Periods follow one another in time, so whole ones are passed over by their counts."""
    skip, wanted = query.skip, query.limit
    for each in asked:
        count = each.count()
        if skip >= count:
            skip -= count
            continue
        found = _page_merged(replace(query, limit=wanted), [each], skip)
        yield from found
        wanted -= len(found)
        skip = 0
        if wanted == 0:
            return


def _page_merged(query: Query, asked: Sequence[BoundQuery], skip: int) -> list[Hit]:
    """`query.limit` hits after `skip`, in the order of all views together."""
    if skip > NEAR:
        asked, skip = _passed_over(query, asked, skip)
    name, descending = query.sort.name, query.descending
    if len(asked) == 1:
        return asked[0].top(query.sort, descending=descending, limit=query.limit, offset=skip)
    wanted, first = query.limit + skip, 1 if descending else 0
    found: list[Hit] = []
    for each in sorted(asked, key=lambda each: each.searcher.limits[name][first], reverse=descending):
        if len(found) == wanted and not _reaches(each, found[-1].moment, name, descending=descending):
            break
        more = each.top(query.sort, descending=descending, limit=wanted)
        found = list(islice(heapq.merge(found, more, key=_place, reverse=descending), wanted))
    return found[skip:]


def _reaches(asked: BoundQuery, moment: int, name: str, *, descending: bool) -> bool:
    """Whether the view may hold something that comes before, or at, a moment in the order."""
    least, most = asked.searcher.limits[name]
    return most >= moment if descending else least <= moment


def _passed_over(query: Query, asked: Sequence[BoundQuery], skip: int) -> tuple[list[BoundQuery], int]:
    """The same asked without the spans of time that lie wholly within `skip`, and what is left to skip.

    Counting a span costs no ordering; three or four rounds of counting narrow any window down to one ms.
    """
    name = query.sort.name
    first = min(each.searcher.limits[name][0] for each in asked)
    last = max(each.searcher.limits[name][1] for each in asked)
    while skip > NEAR and first < last:
        width = -(-(last - first + 1) // _SPANS)
        spans: Counter[int] = Counter()
        for each in asked:
            spans.update(each.moments(query.sort, first=first, last=last, width=width))
        for start in sorted(spans, reverse=query.descending):
            if skip < spans[start]:
                first, last = max(first, start), min(last, start + width - 1)
                break
            skip -= spans[start]
    bound = p.Range(query.sort, high=last) if query.descending else p.Range(query.sort, low=first)
    return [each.narrowed(bound) for each in asked], skip


def _first(query: Query, asked: Sequence[BoundQuery], limit: int) -> Iterator[Hit]:
    """The first `limit` hits in order."""
    if query.sort.name != "date":
        yield from _page_merged(replace(query, limit=limit), asked, 0)
        return
    for each in asked:
        found = each.top(query.sort, descending=query.descending, limit=limit)
        yield from found
        limit -= len(found)
        if limit == 0:
            return


def _one_moment(query: Query, asked: Sequence[BoundQuery], moment: int, total: int) -> ScanPage:
    """A page that one ms fills: all of it, however large, and the boundary one ms past it."""
    here = p.Range(query.sort, moment, moment)
    streams = [each.narrowed(here).stream(query.sort, descending=query.descending) for each in asked]
    hits = heapq.merge(*streams, key=_place, reverse=query.descending)
    boundary = moment - 1 if query.descending else moment + 1
    beyond = p.Range(query.sort, high=boundary) if query.descending else p.Range(query.sort, low=boundary)
    more = any(each.narrowed(beyond).count() for each in asked)
    return ScanPage(_in_chunks(hits), total, boundary if more else None)


def _in_chunks(hits: Iterable[Hit]) -> Iterator[bytes]:
    """The records one after the other, read a good many at a time."""
    ahead = iter(hits)
    while chunk := list(islice(ahead, _CHUNK)):
        chunk[0].searcher.handed_out += len(chunk)
        yield from records_of(chunk)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.moment, hit.seq
