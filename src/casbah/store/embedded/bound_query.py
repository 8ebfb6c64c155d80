"""One predicate asked of one view: how many, which come first, how they lie in time.

The first of a broad query are found in a window at the end of time where they begin: as wide as should hold enough of them,
and wider where it does not. So the newest hundred of a million cost little more than the newest hundred of a thousand.
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
from casbah.store.embedded.count_shortcut import shortcut_count
from casbah.store.embedded.render import render
from casbah.store.embedded.rewrite import EVERYTHING, NOTHING, closed, every, rewritten, simplify
from casbah.store.embedded.searcher import Hit, PartitionSearcher

_COUNT_SIZE = 500
_VALUE_SIZE = 80
_BUCKET_SIZE = 120
_SPARE = 2
"""A window is chosen to hold so many times what is wanted, were the activities that match spread evenly."""

_NARROW = 3
"""A window pays if it holds less than this part of the view."""

_WIDER = 8
_MOST_SPANS = 256


@dataclass(frozen=True)
class BoundQuery:
    """A predicate and a view, both as they were, and until when there is time."""

    searcher: PartitionSearcher
    predicate: Predicate
    deadline: Deadline = NEVER

    def narrowed(self, further: Predicate) -> "BoundQuery":
        """The same with one more condition."""
        return BoundQuery(self.searcher, p.both(self.predicate, further), self.deadline)

    @cached_property
    def _resolved(self) -> Predicate:
        return self.searcher.resolved.get(self.predicate, lambda: rewritten(self.predicate, self.searcher), size=_size)

    def count(self) -> int:
        """How many activities match."""
        self.deadline.check()
        return _counted(self.searcher, self._resolved)

    def top(self, sort: Field, *, descending: bool, limit: int, offset: int = 0) -> list[Hit]:
        """The first `limit` activities in the order of a sort field, after `offset`."""
        there = min(limit, self.count() - offset)
        if there <= 0:
            return []
        asked, wanted = self._resolved, offset + there
        for window in self._windows(sort, wanted, descending=descending):
            self.deadline.check()
            within = every((asked, simplify(window, self.searcher.limits)))
            if within == NOTHING:
                continue
            found = self.searcher.search(
                render(within, self.searcher), sort.name, descending=descending, limit=there, offset=offset
            )
            if len(found) == there:
                return found
        query = render(asked, self.searcher)
        return self.searcher.search(query, sort.name, descending=descending, limit=there, offset=offset)

    def numbered(self, *, after: int, last: int, limit: int) -> list[Hit]:
        """The first activities in the order of storing, with numbers past `after` and up to `last`."""
        self.deadline.check()
        if self._resolved == NOTHING:
            return []
        return self.searcher.numbered(self.query, after=after, last=last, limit=limit)

    def stream(self, sort: Field, *, descending: bool) -> Iterator[Hit]:
        """Every activity that matches, in order."""
        if self._resolved == NOTHING:
            return iter(())
        return self.searcher.stream(self.query, sort.name, descending=descending)

    def moments(self, sort: Field, *, first: int, last: int, width: int) -> Mapping[int, int]:
        """How many activities match in each `width` ms from `first` to `last` that has any, by its start."""
        self.deadline.check()
        within = every((self._resolved, simplify(p.Range(sort, first, last), self.searcher.limits)))
        if within == NOTHING:
            return {}
        return self.searcher.moments.get(
            (within, sort.name, first, width),
            lambda: self.searcher.histogram(
                render(within, self.searcher), sort.name, offset=first % width, width=width
            ),
            size=lambda made: _BUCKET_SIZE * len(made) + _size(within),
        )

    def tally(self, field: Field, *, prefix: str, limit: int) -> Sequence[tuple[Value, int]]:
        """The values of a field that begin with `prefix` and how many activities that match have them, the most frequent
        first.
        """
        self.deadline.check()
        if self._resolved == NOTHING:
            return ()
        if field.kind is Kind.INT:
            found = self.searcher.numbers(field.name, self.query)
            return [(number, count) for number, count in found if str(number).startswith(prefix)]
        known = self._resolved == EVERYTHING and self.searcher.untouched
        return self.searcher.tally(field.name, None if known else self.query, prefix=prefix, limit=limit)

    @property
    def query(self) -> Engine:
        """What the engine is asked."""
        return render(self._resolved, self.searcher)

    def _windows(self, sort: Field, wanted: int, *, descending: bool) -> Iterator[p.Range]:
        """Windows in which `wanted` matching activities should lie, each wider than the one before; none if none pays."""
        held, count = self.searcher.held, max(self.count(), 1)
        need = wanted * _SPARE * held // count + 1
        while need * _NARROW < held:
            window = _window(self.searcher, _edge(self._resolved, self.searcher, sort), need, descending=descending)
            if window is not None:
                yield window
            need *= _WIDER


def _counted(searcher: PartitionSearcher, asked: Predicate) -> int:
    """How many activities match, remembered: a view does not change."""
    if asked in (EVERYTHING, NOTHING):
        return searcher.held if asked == EVERYTHING else 0
    return searcher.counts.get(asked, lambda: _count(searcher, asked), size=lambda _: _size(asked))


def _count(searcher: PartitionSearcher, asked: Predicate) -> int:
    known = shortcut_count(searcher, asked, lambda part: _counted(searcher, rewritten(part, searcher)))
    return searcher.matching(render(asked, searcher)) if known is None else known


def _size(asked: Predicate) -> int:
    """Bytes that a predicate takes in memory, roughly."""
    match asked:
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


def _edge(asked: Predicate, searcher: PartitionSearcher, sort: Field) -> p.Range:
    """Between which moments what is asked can lie: the view's limits, narrowed by the query's own."""
    first, last = searcher.limits[sort.name]
    for part in asked.parts if isinstance(asked, p.All) else (asked,):
        if isinstance(part, p.Range) and part.field == sort:
            low, high = closed(part)
            first, last = max(first, first if low is None else low), min(last, last if high is None else high)
    return p.Range(sort, first, last)


def _window(searcher: PartitionSearcher, edge: p.Range, need: int, *, descending: bool) -> p.Range | None:
    """The window from where the order begins that holds about `need` activities of the view, or None if it is not found."""
    spans = _walk(searcher, edge, s.COARSE_BITS, s.coarse(edge.field.name), need, descending=descending)
    if spans is None:
        return None
    last_one, size = spans
    if size > need * _SPARE:
        inner = _within(edge, last_one, s.COARSE_BITS)
        finer = _walk(searcher, inner, s.FINE_BITS, s.fine(edge.field.name), need, descending=descending)
        if finer is not None:
            return _until(edge.field, finer[0], s.FINE_BITS, descending=descending)
    return _until(edge.field, last_one, s.COARSE_BITS, descending=descending)


def _walk(
    searcher: PartitionSearcher, edge: p.Range, bits: int, column: str, need: int, *, descending: bool
) -> tuple[int, int] | None:
    """The span up to which at least `need` activities lie, and how many it has itself."""
    first, last = (edge.low or 0) >> bits, (edge.high or 0) >> bits
    spans = range(last, first - 1, -1) if descending else range(first, last + 1)
    found = 0
    for span in spans[:_MOST_SPANS]:
        size = searcher.freq(column, span)
        found += size
        if found >= need:
            return span, size
    return None


def _within(edge: p.Range, span: int, bits: int) -> p.Range:
    low, high = max(edge.low or 0, span << bits), min(edge.high or 0, ((span + 1) << bits) - 1)
    return p.Range(edge.field, low, high)


def _until(field: Field, span: int, bits: int, *, descending: bool) -> p.Range:
    return p.Range(field, low=span << bits) if descending else p.Range(field, high=((span + 1) << bits) - 1)
