"""One tenant's activities: periods of time in a folder, one way in, and readers beside it."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from casbah.activity import predicate as p
from casbah.activity.arrival import Arrival
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.store.contract import Inserted, Page, ScanPage
from casbah.store.embedded.intake import Intake
from casbah.store.embedded.period import Hit, View
from casbah.store.embedded.periods import Periods
from casbah.store.embedded.stamp import Stamps
from casbah.store.embedded.writer import Writers

NEAR = 10_000
"""How far into a result the engine may skip by collecting; farther, whole spans of time are counted and passed over."""

_SPANS = 1_024


class Tenant:
    """The activities of one tenant."""

    def __init__(self, folder: Path, *, writers: Writers, clock: Callable[[], int]) -> None:
        self._periods = Periods(folder / "periods")
        self._intake = Intake(self._periods, writers=writers, stamps=Stamps(clock, self._periods.views()))

    def insert(self, arrivals: Sequence[Arrival]) -> Inserted:
        """Store what is new. Returns when all of it is synced to disk."""
        return self._intake.insert(arrivals)

    def find(self, query: Query) -> Page:
        """A page with its exact total."""
        views = self._ordered(query)
        counts = [view.count(query.predicate) for view in views]
        total = sum(counts)
        if query.skip >= total:
            return Page([], total)
        by_date = query.sort.name == "date"
        hits = _page_by_date(query, views, counts) if by_date else _page_merged(query, views, query.skip)
        return Page([hit.record() for hit in hits], total)

    def scan(self, query: Query) -> ScanPage:
        """One page of a scan; the activities of one ms are never split over two."""
        views = self._ordered(query)
        total = sum(view.count(query.predicate) for view in views)
        hits = list(_first(query, views, query.limit + 1))
        if len(hits) <= query.limit:
            return ScanPage((hit.record() for hit in hits), total, None)
        boundary = hits[-1].moment
        kept = [hit for hit in hits if hit.moment != boundary]
        if kept:
            return ScanPage((hit.record() for hit in kept), total, boundary)
        return _one_moment(query, views, boundary, total)

    def count(self, predicate: Predicate) -> int:
        """How many activities match."""
        return sum(view.count(predicate) for view in self._periods.views())

    def fetch(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        found = (view.record(activity_id) for view in reversed(self._periods.views()))
        return next((record for record in found if record is not None), None)

    def _ordered(self, query: Query) -> list[View]:
        views = self._periods.views()
        return views[::-1] if query.descending else views


def _page_by_date(query: Query, views: Sequence[View], counts: Sequence[int]) -> Iterator[Hit]:
    """Periods follow one another in time, so whole ones are passed over by their counts."""
    skip, wanted = query.skip, query.limit
    for view, count in zip(views, counts, strict=True):
        if skip >= count:
            skip -= count
            continue
        found = list(_page_merged(replace(query, limit=wanted), [view], skip))
        yield from found
        wanted -= len(found)
        skip = 0
        if wanted == 0:
            return


def _page_merged(query: Query, views: Sequence[View], skip: int) -> Iterator[Hit]:
    """`query.limit` hits after `skip`, in the order of all views together."""
    predicate, skip = _passed_over(query, views, skip) if skip > NEAR else (query.predicate, skip)
    if len(views) == 1:
        return iter(_top(query, predicate, views[0], limit=query.limit, offset=skip))
    found = [_top(query, predicate, view, limit=query.limit + skip) for view in views]
    merged = heapq.merge(*found, key=_place, reverse=query.descending)
    return iter([hit for rank, hit in enumerate(merged) if rank >= skip][: query.limit])


def _passed_over(query: Query, views: Sequence[View], skip: int) -> tuple[Predicate, int]:
    """The predicate without the spans of time that lie wholly within `skip`, and what is left to skip.

    Counting a span costs no ordering; three or four rounds of counting narrow any window down to one ms.
    """
    name = query.sort.name
    first, last = _window(views, name)
    while skip > NEAR and first < last:
        width = -(-(last - first + 1) // _SPANS)
        spans: Counter[int] = Counter()
        for view in views:
            spans.update(dict(view.moments(query.predicate, name, first=first, last=last, width=width)))
        for start in sorted(spans, reverse=query.descending):
            if skip < spans[start]:
                first, last = max(first, start), min(last, start + width - 1)
                break
            skip -= spans[start]
    bound = p.Range(query.sort, high=last) if query.descending else p.Range(query.sort, low=first)
    return p.both(query.predicate, bound), skip


def _window(views: Sequence[View], name: str) -> tuple[int, int]:
    if name == "date":
        return min(view.bounds[name][0] for view in views), max(view.bounds[name][1] for view in views)
    return 0, max((view.most(name) or 0 for view in views), default=0)


def _top(query: Query, predicate: Predicate, view: View, *, limit: int, offset: int = 0) -> list[Hit]:
    return view.top(predicate, query.sort.name, descending=query.descending, limit=limit, offset=offset)


def _first(query: Query, views: Sequence[View], limit: int) -> Iterator[Hit]:
    """The first `limit` hits in order."""
    if query.sort.name != "date":
        yield from _page_merged(replace(query, limit=limit), views, 0)
        return
    for view in views:
        found = _top(query, query.predicate, view, limit=limit)
        yield from found
        limit -= len(found)
        if limit == 0:
            return


def _one_moment(query: Query, views: Sequence[View], moment: int, total: int) -> ScanPage:
    """A page that one ms fills: all of it, however large, and the boundary one ms past it."""
    at = p.both(query.predicate, p.Range(query.sort, moment, moment))
    streams = [view.stream(at, query.sort.name, descending=query.descending) for view in views]
    hits = heapq.merge(*streams, key=_place, reverse=query.descending)
    boundary = moment - 1 if query.descending else moment + 1
    beyond = p.Range(query.sort, high=boundary) if query.descending else p.Range(query.sort, low=boundary)
    more = any(view.count(p.both(query.predicate, beyond)) for view in views)
    return ScanPage((hit.record() for hit in hits), total, boundary if more else None)


def _place(hit: Hit) -> tuple[int, int]:
    return hit.moment, hit.seq
