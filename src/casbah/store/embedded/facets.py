"""The most frequent values of a field among the matching activities, with exact counts.

Each partition lists its own most frequent values, in one pass over its term dictionary, and the counts are added up. A value
that a partition did not list has at most the count of its last listed value there. If that leaves a value's rank undecided, its
missing counts are queried; if it leaves too many undecided, the partitions list more values.
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
_MAX_UNDECIDED = 200


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The values one partition listed, with counts, and the highest possible count of any other value."""

    query: BoundQuery
    counts: dict[Value, int]
    rest: int


def most_frequent(queries: Sequence[BoundQuery], field: Field, *, prefix: str, limit: int) -> list[FieldValue]:
    """At most `limit` values that start with `prefix`, most frequent first; ties in order of value."""
    reach = max(_NAMED, limit * _SPARE)
    while True:
        candidates = [_candidates(query, field, prefix, reach) for query in queries]
        values = _ranked(candidates, field, limit)
        if values is not None:
            return values
        reach *= _MORE


def _candidates(query: BoundQuery, field: Field, prefix: str, reach: int) -> _Candidates:
    listed = query.tally(field, prefix=prefix, limit=reach)
    rest = min(count for _, count in listed) if len(listed) >= reach else 0
    return _Candidates(query, {value: count for value, count in listed if field.counts(value)}, rest)


def _ranked(candidates: Sequence[_Candidates], field: Field, limit: int) -> list[FieldValue] | None:
    """The result, with a few more counts queried if needed; None if the candidates leave too much undecided."""
    lower_bounds: Counter[Value] = Counter()
    for part in candidates:
        lower_bounds.update(part.counts)
    unlisted = sum(part.rest for part in candidates)
    if not unlisted:
        return _first(lower_bounds.items(), limit)
    counts = sorted(lower_bounds.values(), reverse=True)
    if len(counts) < limit or counts[limit - 1] <= unlisted:
        return None
    enough = counts[limit - 1]
    undecided = [value for value in lower_bounds if _at_most(candidates, value) >= enough]
    if len(undecided) > max(_MAX_UNDECIDED, limit * _SPARE):
        return None
    return _first(((value, _counted(candidates, field, value)) for value in undecided), limit)


def _at_most(candidates: Sequence[_Candidates], value: Value) -> int:
    return sum(part.counts.get(value, part.rest) for part in candidates)


def _counted(candidates: Sequence[_Candidates], field: Field, value: Value) -> int:
    """The exact count. Queries the partitions that may have the value but did not list it."""
    one = p.Terms(field, (value,))
    return sum(
        part.query.narrowed(one).count() if part.rest and value not in part.counts else part.counts.get(value, 0)
        for part in candidates
    )


def _first(counts: Iterable[tuple[Value, int]], limit: int) -> list[FieldValue]:
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    return [FieldValue(value, count) for value, count in ordered[:limit]]
