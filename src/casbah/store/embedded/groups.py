"""Groups of matching activities with the same values of fields, counted exactly.

The index says which activities have a value, not which values an activity has. So per partition, the matches get places in
order of date, and the postings of every value among them are written into one column per field; then the columns are read
side by side. This takes time for every value and memory for every match of one partition.
"""

from collections.abc import Sequence
from itertools import product

from casbah.activity.fields import Value
from casbah.store.contract import Group, GroupQuery
from casbah.store.embedded import schema as s
from casbah.store.embedded.bound_query import BoundQuery


class _Counts:
    """What is known of one group so far."""

    __slots__ = ("distinct", "first", "last", "total")

    def __init__(self, first: int, distinct: int) -> None:
        self.total = 0
        self.first = self.last = first
        self.distinct: tuple[set[Value], ...] = tuple(set() for _ in range(distinct))


def grouped(queries: Sequence[BoundQuery], query: GroupQuery) -> list[Group]:
    """Every group, in order of its values. `queries` are in order of time."""
    groups: dict[tuple[Value, ...], _Counts] = {}
    for bound in queries:
        _add(bound, query, groups)
    return [
        Group(values, counts.total, tuple(map(len, counts.distinct)), counts.first, counts.last)
        for values, counts in sorted(groups.items(), key=lambda item: item[0])
    ]


def _add(bound: BoundQuery, query: GroupQuery, groups: dict[tuple[Value, ...], _Counts]) -> None:
    """Count the matches of one partition."""
    keys = bound.date_keys()
    places = {key: place for place, key in enumerate(keys)}
    by, distinct = (
        [bound.column(field, prefix=prefix, places=places) for field, prefix in fields]
        for fields in (query.by, query.distinct)
    )
    for place, key in enumerate(keys):
        moment, _ = s.of_date_key(key, bound.searcher.number)
        for values in product(*(column[place] for column in by)):
            counts = groups.get(values)
            if counts is None:
                counts = groups[values] = _Counts(moment, len(distinct))
            counts.total += 1
            counts.last = moment
            for known, column in zip(counts.distinct, distinct, strict=True):
                known.update(column[place])
