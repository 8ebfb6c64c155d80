"""Groups of matching activities with the same values of fields, counted exactly.

The index says which activities have a value, not which values an activity has. Where one field makes the groups, the postings
of each value are a group, and per partition the postings of the distinct fields give each match its values. Where two fields
make them, the matches get places in order of date, and the postings of every value are written into one column per field; then
the columns are read side by side. This takes time for every value and memory for every match. What is kept of a match is its
date, in each of its groups, so that groups are counted over time without another search.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product

from casbah.activity.fields import Field, Value
from casbah.store.contract import GroupQuery, ValueGroup
from casbah.store.embedded import schema as s
from casbah.store.embedded.bound_query import BoundQuery

_Values = tuple[Value, ...]


class DatedGroups(list[ValueGroup]):
    """See `Groups`. `dates` are those of each group's activities, in order."""

    def __init__(
        self, dates: Mapping[_Values, Sequence[int]], distinct: Mapping[_Values, Sequence[set[Value]]]
    ) -> None:
        super().__init__(
            ValueGroup(values, len(own), tuple(map(len, distinct.get(values, ()))), own[0], own[-1])
            for values, own in sorted(dates.items(), key=lambda item: item[0])
        )
        self._dates = dates

    def histograms(self, groups: Sequence[ValueGroup], /, *, first: int, last: int, width: int) -> list[dict[int, int]]:
        return [_histogram(self._dates[group.values], first, last, width) for group in groups]


def grouped(queries: Sequence[BoundQuery], query: GroupQuery) -> DatedGroups:
    """Every group, in order of its values. `queries` are in order of time."""
    dates: defaultdict[_Values, array[int]] = defaultdict(partial(array, "q"))
    distinct: defaultdict[_Values, tuple[set[Value], ...]] = defaultdict(lambda: tuple(set() for _ in query.distinct))
    add = _add_of_one_field if len(query.by) == 1 else _add
    for bound in queries:
        add(bound, query, dates, distinct)
    return DatedGroups(dates, distinct)


def _add_of_one_field(
    bound: BoundQuery,
    query: GroupQuery,
    dates: Mapping[_Values, "array[int]"],
    distinct: Mapping[_Values, Sequence[set[Value]]],
) -> None:
    """Add the matches of one partition. `dict` and `set` do what is done for every match: a loop takes much longer."""
    columns = [_ValuesByKey(bound, field, prefix) for field, prefix in query.distinct]
    for field, prefix in query.by:
        for value, keys in bound.postings(field, prefix=prefix):
            dates[value,].extend(s.dates_of(keys, bound.searcher.number))
            for values, column in zip(distinct[value,], columns, strict=True) if columns else ():
                column.add_to(values, keys)


class _ValuesByKey:
    """The values of a field that the matches of a partition have, by date key."""

    def __init__(self, bound: BoundQuery, field: Field, prefix: str) -> None:
        self._last: dict[int, Value] = {}
        """The last one of each match."""

        self._others: defaultdict[int, list[Value]] = defaultdict(list)
        """All before the last, of matches that have several."""

        for value, keys in bound.postings(field, prefix=prefix):
            for key in self._last.keys() & keys:
                self._others[key].append(self._last[key])
            self._last.update(dict.fromkeys(keys, value))

    def add_to(self, values: set[Value], keys: Sequence[int]) -> None:
        """Add the values of matches to a set."""
        values.update(map(self._last.__getitem__, filter(self._last.__contains__, keys)))
        for key in self._others.keys() & keys if self._others else ():
            values.update(self._others[key])


def _add(
    bound: BoundQuery,
    query: GroupQuery,
    dates: Mapping[_Values, "array[int]"],
    distinct: Mapping[_Values, Sequence[set[Value]]],
) -> None:
    """Add the matches of one partition, with its columns side by side."""
    keys = bound.date_keys()
    places = {key: place for place, key in enumerate(keys)}
    by, counted = (
        [bound.column(field, prefix=prefix, places=places) for field, prefix in fields]
        for fields in (query.by, query.distinct)
    )
    for place, date in enumerate(s.dates_of(keys, bound.searcher.number)):
        for values in product(*(column[place] for column in by)):
            dates[values].append(date)
            if counted:
                for known, column in zip(distinct[values], counted, strict=True):
                    known.update(column[place])


def totals_of(queries: Sequence[BoundQuery], query: GroupQuery) -> Mapping[_Values, int]:
    """The number of activities of each group. Those of one field are in its term dictionary, which is read in one pass."""
    if len(query.by) > 1:
        return {group.values: group.total for group in grouped(queries, query)}
    totals: Counter[_Values] = Counter()
    for bound in queries:
        for field, prefix in query.by:
            counted = bound.tally(field, prefix=prefix, limit=None)
            totals.update({(value,): count for value, count in counted if field.counts(value)})
    return totals


def _histogram(dates: Sequence[int], first: int, last: int, width: int) -> dict[int, int]:
    """The counts of the non-empty buckets, in order, by their first ms; `dates` are in order."""
    within = dates[bisect_left(dates, first) : bisect_right(dates, last)]
    return dict(Counter(date - (date - first) % width for date in within))
