"""One tenant's activities: periods of time in a folder, one writer at a time, readers beside it."""

import heapq
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from casbah.activity import predicate as p
from casbah.activity.arrival import Arrival
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.store.contract import Inserted, Page, ScanPage
from casbah.store.embedded import schema as s
from casbah.store.embedded.period import Hit, Period, View
from casbah.store.embedded.splice import with_additions
from casbah.store.embedded.stamp import NO_STAMP, FullMomentError, Stamp, Stamps
from casbah.store.embedded.writer import Writers

NEAR = 10_000
"""How far into a result the engine may skip by collecting; farther, whole spans of time are counted and passed over."""

_SPANS = 1_024


@dataclass(frozen=True, slots=True)
class Fresh:
    """Something to store: the arrival under the id to store it by, its twin terms, and its stamp once it has one."""

    arrival: Arrival
    twins: tuple[str, ...]
    stamp: Stamp = NO_STAMP


class Tenant:
    """The activities of one tenant."""

    def __init__(self, folder: Path, *, writers: Writers, clock: Callable[[], int]) -> None:
        self._folder = folder / "periods"
        self._writers = writers
        self._writing = threading.Lock()
        self._periods = {number: Period(self._folder / name, number) for number, name in _numbered(self._folder)}
        self._stamps = Stamps(clock, self._views())

    def insert(self, arrivals: Sequence[Arrival]) -> Inserted:
        """Store what is new. Returns when all of it is synced to disk."""
        with self._writing:
            fresh = list(self._fresh(arrivals))
            refused: list[tuple[int, str]] = []
            groups: defaultdict[int, list[Fresh]] = defaultdict(list)
            for position, each in fresh:
                period = self._period(s.period_of(each.arrival.timestamp))
                try:
                    stamp = self._stamps.next(each.arrival.created, period.view)
                except FullMomentError as full:
                    refused.append((position, str(full)))
                else:
                    groups[period.number].append(replace(each, stamp=stamp))
            for number, group in groups.items():
                self._writers.write(self._period(number), map(_document, group))
        return Inserted(len(fresh) - len(refused), len(arrivals) - len(fresh), tuple(refused))

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
        return sum(view.count(predicate) for view in self._views())

    def fetch(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        found = (view.record(activity_id) for view in reversed(self._views()))
        return next((record for record in found if record is not None), None)

    def _views(self) -> list[View]:
        """Every period as it is now, oldest first."""
        return [self._periods[number].view for number in sorted(self._periods)]

    def _ordered(self, query: Query) -> list[View]:
        views = self._views()
        return views[::-1] if query.descending else views

    def _period(self, number: int) -> Period:
        if number not in self._periods:
            self._periods = {**self._periods, number: Period(self._folder / f"{number:04d}", number)}
        return self._periods[number]

    def _fresh(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[int, Fresh]]:
        """The arrivals that are not stored yet, by their position."""
        known = _Known(self._views())
        for position, arrival in enumerate(arrivals):
            twin = s.twin(arrival)
            if twin is not None and known.add("twin", twin):
                continue
            named = _named(arrival, known)
            if named is not None:
                column, term = s.identity(named.id)
                yield position, Fresh(named, tuple(filter(None, (twin, term if column == "twin" else None))))


class _Known:
    """Which terms are taken, in the store or earlier in the same batch."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views[::-1]
        self._batch: set[tuple[str, str]] = set()

    def add(self, column: str, term: str) -> bool:
        """Whether the term was taken already; from now on it is."""
        if (column, term) in self._batch or any(view.has(column, term) for view in self._views):
            return True
        self._batch.add((column, term))
        return False


def _document(fresh: Fresh) -> str:
    """The document of one activity. Documents are made one at a time: the engine indexes one while the next is made."""
    arrival, stamp = fresh.arrival, fresh.stamp
    added = {"_id": arrival.id, "uid": arrival.id, "created": stamp.created}
    missing: dict[str, Any] = {key: value for key, value in added.items() if key in arrival.adds}
    record = with_additions(arrival.record, missing)
    return s.document(record, {**missing, **arrival.activity}, twins=fresh.twins, seq=stamp.seq, tie=stamp.tie)


def _named(arrival: Arrival, known: _Known) -> Arrival | None:
    """The arrival under an id that is free: its own, else its own and its body's digest; None if it is a duplicate."""
    if not known.add(*s.identity(arrival.id)):
        return arrival
    if arrival.digest is None:
        return None
    renamed = replace(arrival, id=f"{arrival.id}~{arrival.digest[:8]}")
    return None if known.add(*s.identity(renamed.id)) else renamed


def _numbered(folder: Path) -> Iterator[tuple[int, str]]:
    if folder.is_dir():
        yield from sorted((int(each.name), each.name) for each in folder.iterdir() if each.name.isdigit())


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
