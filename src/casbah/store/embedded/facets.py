"""The most frequent values of a field among what matches, with exact counts.

Each view gives its own most frequent values, from its dictionary in one pass. What several views say is added up; a value
that a view has not named has at most the count of the last one that it has. When that leaves a value's place open, its
counts are asked for; when too many places are open, the views name more.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from casbah.activity import predicate as p
from casbah.activity.fields import Field, Value
from casbah.store.contract import FieldValue
from casbah.store.embedded.bound_query import BoundQuery

_NAMED = 1_000
_MORE = 8
_SPARE = 4
_MOST_ASKED = 200


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What one view has named: counts by value, and the most that a value can have that it has not named."""

    asked: BoundQuery
    counts: dict[Value, int]
    rest: int


def most_frequent(asked: Sequence[BoundQuery], field: Field, *, prefix: str, limit: int) -> list[FieldValue]:
    """At most `limit` values that begin with `prefix`, the most frequent first, equals in the order of their values."""
    reach = max(_NAMED, limit * _SPARE)
    while True:
        named = [_named(each, field, prefix, reach) for each in asked]
        found = _settled(named, field, limit)
        if found is not None:
            return found
        reach *= _MORE


def _named(asked: BoundQuery, field: Field, prefix: str, reach: int) -> _Candidates:
    counts = dict(asked.tally(field, prefix=prefix, limit=reach))
    return _Candidates(asked, counts, min(counts.values()) if len(counts) >= reach else 0)


def _settled(named: Sequence[_Candidates], field: Field, limit: int) -> list[FieldValue] | None:
    """The answer, if what is named settles it, with a few more counts perhaps."""
    least: Counter[Value] = Counter()
    for each in named:
        least.update(each.counts)
    unnamed = sum(each.rest for each in named)
    if not unnamed:
        return _first(least.items(), limit)
    counts = sorted(least.values(), reverse=True)
    if len(counts) < limit or counts[limit - 1] <= unnamed:
        return None
    enough = counts[limit - 1]
    open_ones = [value for value in least if _at_most(named, value) >= enough]
    if len(open_ones) > max(_MOST_ASKED, limit * _SPARE):
        return None
    return _first(((value, _counted(named, field, value)) for value in open_ones), limit)


def _at_most(named: Sequence[_Candidates], value: Value) -> int:
    return sum(each.counts.get(value, each.rest) for each in named)


def _counted(named: Sequence[_Candidates], field: Field, value: Value) -> int:
    """The exact count: asked for where a view has not named the value and may have it."""
    one = p.Terms(field, (value,))
    return sum(
        each.asked.narrowed(one).count() if each.rest and value not in each.counts else each.counts.get(value, 0)
        for each in named
    )


def _first(found: Iterable[tuple[Value, int]], limit: int) -> list[FieldValue]:
    ordered = sorted(found, key=lambda each: (-each[1], each[0]))
    return [FieldValue(value, count) for value, count in ordered[:limit]]
