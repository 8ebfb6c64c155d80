"""One predicate on one partition: counts, first hits, histograms.

The first hits of a broad query are searched in a time window at the start of the sort order, wide enough to probably hold them,
and wider if it does not. So the newest hundred of a million cost little more than the newest hundred of a thousand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tantivy import Query as Engine

from casbah.activity import predicate as p
from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.store.embedded import schema as s
from casbah.store.embedded.count_shortcut import estimated_count, shortcut_count
from casbah.store.embedded.render import render
from casbah.store.embedded.rewrite import EVERYTHING, NOTHING, every, rewritten, simplify
from casbah.store.embedded.searcher import Hit, PartitionSearcher

_COUNT_SIZE = 500
_VALUE_SIZE = 80
_BUCKET_SIZE = 120
_SPARE = 2
"""A window should hold this many times the wanted hits, assuming that matches are spread evenly."""

_NARROW = 3
"""A window pays off if it holds less than this fraction (1/n) of the partition."""

_WIDER = 8
_MAX_SPANS = 256


@dataclass(frozen=True)
class BoundQuery:
    """A predicate, the partition searcher to run it on, and a deadline."""

    searcher: PartitionSearcher
    predicate: Predicate
    deadline: Deadline = NEVER

    def narrowed(self, further: Predicate) -> "BoundQuery":
        """The query with one more condition."""
        return BoundQuery(self.searcher, p.both(self.predicate, further), self.deadline)

    @cached_property
    def _resolved(self) -> Predicate:
        return self.searcher.resolved.get(self.predicate, lambda: rewritten(self.predicate, self.searcher), size=_size)

    def count(self) -> int:
        """How many activities match."""
        self.deadline.check()
        return _counted(self.searcher, self._resolved)

    def top(self, sort: Field, *, descending: bool, limit: int, offset: int = 0) -> list[Hit]:
        """The first `limit` activities after `offset`, in the order of a sort field."""
        available = min(limit, self.count() - offset)
        if available <= 0:
            return []
        predicate, wanted = self._resolved, offset + available
        for window in self._windows(sort, wanted, descending=descending):
            self.deadline.check()
            within = every((predicate, simplify(window, self.searcher.limits)))
            if within == NOTHING:
                continue
            hits = self.searcher.search(
                render(within, self.searcher), sort.name, descending=descending, limit=available, offset=offset
            )
            if len(hits) == available:
                return hits
        query = render(predicate, self.searcher)
        return self.searcher.search(query, sort.name, descending=descending, limit=available, offset=offset)

    def newest(self, field: Field, value: Value) -> Hit | None:
        """The newest match that has a value. Does not count the matches, as `top` does."""
        self.deadline.check()
        own = p.Terms(field, (value,))
        if self._resolved == NOTHING or not estimated_count(self.searcher, own):
            return None
        query = render(every((self._resolved, own)), self.searcher)
        return next(iter(self.searcher.search(query, "date", descending=True, limit=1)), None)

    def numbered(self, *, after: int, last: int, limit: int) -> list[Hit]:
        """The first activities in sequence order, with numbers above `after` and up to `last`."""
        self.deadline.check()
        if self._resolved == NOTHING:
            return []
        return self.searcher.numbered(self.query, after=after, last=last, limit=limit)

    def stream(self, sort: Field, *, descending: bool) -> Iterator[Hit]:
        """Every matching activity, in order."""
        if self._resolved == NOTHING:
            return iter(())
        return self.searcher.stream(self.query, sort.name, descending=descending)

    def moments(self, sort: Field, *, first: int, last: int, width: int) -> Mapping[int, int]:
        """Counts of the non-empty buckets of `width` ms from `first` to `last`, by their start."""
        self.deadline.check()
        within = every((self._resolved, simplify(p.Range(sort, first, last), self.searcher.limits)))
        if within == NOTHING:
            return {}
        return self.searcher.moments.get(
            (within, sort.name, first, width),
            lambda: self.searcher.histogram(
                render(within, self.searcher), sort.name, offset=first % width, width=width
            ),
            size=lambda buckets: _BUCKET_SIZE * len(buckets) + _size(within),
        )

    def tally(self, field: Field, *, prefix: str, limit: int | None) -> Sequence[tuple[Value, int]]:
        """The values of a field that start with `prefix`, with their counts among the matches, most frequent first."""
        self.deadline.check()
        if self._resolved == NOTHING:
            return ()
        if field.kind is Kind.INT:
            counts = self.searcher.numbers(field.name, self.query)
            return [(number, count) for number, count in counts if str(number).startswith(prefix)]
        known = self._resolved == EVERYTHING and self.searcher.untouched
        return self.searcher.tally(field.name, None if known else self.query, prefix=prefix, limit=limit)

    def date_keys(self) -> list[int]:
        """The date keys of all matches, oldest first."""
        return self.searcher.date_keys(self.query, limit=self.count())

    @cached_property
    def _date_keys(self) -> frozenset[int]:
        return frozenset(self.date_keys())

    def postings(self, field: Field, *, prefix: str) -> Iterator[tuple[Value, Sequence[int]]]:
        """The values of a field that count and start with `prefix`, with the date keys of the matches that have each, oldest
        first.
        """
        for value, total, keys in self._postings(field, prefix):
            yield value, keys if len(keys) == total else [key for key in keys if key in self._date_keys]

    def column(self, field: Field, *, prefix: str, places: Mapping[int, int]) -> list[tuple[Value, ...]]:
        """The values of a field that count and start with `prefix`, per match by its place; `places` are those of date keys."""
        column: list[tuple[Value, ...]] = [()] * len(places)
        for value, _, keys in self._postings(field, prefix):
            alone = (value,)
            for place in map(places.get, keys):
                if place is not None:
                    column[place] = column[place] + alone if column[place] else alone
        return column

    def _postings(self, field: Field, prefix: str) -> Iterator[tuple[Value, int, list[int]]]:
        """Each value, the number of matches that have it, and their date keys, or these among those of other activities."""
        query = self.query
        for value, total in self.tally(field, prefix=prefix, limit=None):
            if field.counts(value):
                self.deadline.check()
                yield value, total, self.searcher.date_keys_of(field.name, value, query, total=total)

    @property
    def query(self) -> Engine:
        """The tantivy query."""
        return render(self._resolved, self.searcher)

    def _windows(self, sort: Field, wanted: int, *, descending: bool) -> Iterator[p.Range]:
        """Ever wider windows that should hold `wanted` matches, as long as a window pays off."""
        held, count = self.searcher.held, max(self.count(), 1)
        need = wanted * _SPARE * held // count + 1
        while need * _NARROW < held:
            window = _window(self.searcher, _edge(self._resolved, self.searcher, sort), need, descending=descending)
            if window is not None:
                yield window
            need *= _WIDER


def _counted(searcher: PartitionSearcher, predicate: Predicate) -> int:
    """The number of matches. Cached, since a searcher's view does not change."""
    if predicate in (EVERYTHING, NOTHING):
        return searcher.held if predicate == EVERYTHING else 0
    return searcher.counts.get(predicate, lambda: _count(searcher, predicate), size=lambda _: _size(predicate))


def _count(searcher: PartitionSearcher, predicate: Predicate) -> int:
    known = shortcut_count(searcher, predicate, lambda part: _counted(searcher, rewritten(part, searcher)))
    return searcher.matching(render(predicate, searcher)) if known is None else known


def _size(predicate: Predicate) -> int:
    """The approximate size of a predicate in memory, in bytes."""
    match predicate:
        case p.All(parts) | p.Any(parts):
            return _COUNT_SIZE + sum(map(_size, parts))
        case p.Not(part):
            return _COUNT_SIZE + _size(part)
        case p.Terms(_, values) | p.Other(_, values) | p.Words(values) | p.Phrase(values):
            return _COUNT_SIZE + sum(_VALUE_SIZE + (len(value) if isinstance(value, str) else 0) for value in values)
        case p.Prefix(_, text) | p.Infix(_, text) | p.Suffix(_, text):
            return _COUNT_SIZE + len(text)
        case _:
            return _COUNT_SIZE


def _edge(predicate: Predicate, searcher: PartitionSearcher, sort: Field) -> p.Range:
    """The time range that can hold matches: the partition's limits, narrowed by the query's own."""
    first, last = searcher.limits[sort.name]
    for part in predicate.parts if isinstance(predicate, p.All) else (predicate,):
        if isinstance(part, p.Range) and part.field == sort:
            low, high = part.closed
            first, last = max(first, first if low is None else low), min(last, last if high is None else high)
    return p.Range(sort, first, last)


def _window(searcher: PartitionSearcher, edge: p.Range, need: int, *, descending: bool) -> p.Range | None:
    """The window at the start of the order that holds about `need` activities of the partition, or None."""
    reached = _first_spans(searcher, edge, s.COARSE_BITS, s.coarse(edge.field.name), need, descending=descending)
    if reached is None:
        return None
    last_span, size = reached
    if size > need * _SPARE:
        inner = _within(edge, last_span, s.COARSE_BITS)
        finer = _first_spans(searcher, inner, s.FINE_BITS, s.fine(edge.field.name), need, descending=descending)
        if finer is not None:
            return _until(edge.field, finer[0], s.FINE_BITS, descending=descending)
    return _until(edge.field, last_span, s.COARSE_BITS, descending=descending)


def _first_spans(
    searcher: PartitionSearcher, edge: p.Range, bits: int, column: str, need: int, *, descending: bool
) -> tuple[int, int] | None:
    """The span at which the running count reaches `need`, and its own count; None if too many spans."""
    first, last = (edge.low or 0) >> bits, (edge.high or 0) >> bits
    spans = range(last, first - 1, -1) if descending else range(first, last + 1)
    total = 0
    for span in spans[:_MAX_SPANS]:
        size = searcher.freq(column, span)
        total += size
        if total >= need:
            return span, size
    return None


def _within(edge: p.Range, span: int, bits: int) -> p.Range:
    low, high = max(edge.low or 0, span << bits), min(edge.high or 0, ((span + 1) << bits) - 1)
    return p.Range(edge.field, low, high)


def _until(field: Field, span: int, bits: int, *, descending: bool) -> p.Range:
    return p.Range(field, low=span << bits) if descending else p.Range(field, high=((span + 1) << bits) - 1)
