"""Counting matches without a search, exactly or approximately.

The count of a term is in tantivy's dictionary, and the count of a negation is the total minus its part, so many totals are free
(`docs/performance.md`). The functions here take a rewritten predicate (`rewrite`) and look up terms only.
"""

from collections.abc import Callable

from casbah.activity import predicate as p
from casbah.activity.fields import COUNTED, FIELDS, Field
from casbah.activity.predicate import Predicate
from casbah.activity.record import MAX_INT, MIN_INT
from casbah.store.embedded import schema as s
from casbah.store.embedded.rewrite import EVERYTHING, NOTHING, every
from casbah.store.embedded.searcher import PartitionSearcher

Count = Callable[[Predicate], int]
_CHEAPER = 2
"""`A and not B` is counted as `A` minus `A and B` if B matches less than this fraction (1/n) of A."""


def shortcut_count(searcher: PartitionSearcher, predicate: Predicate, count: Count) -> int | None:
    """The exact number of matches, or None if it takes a search. `count` counts simpler predicates."""
    if predicate == EVERYTHING:
        return searcher.held
    if predicate == NOTHING:
        return 0
    if isinstance(predicate, p.Not):
        return searcher.held - count(predicate.part)
    return _from_terms(searcher, predicate, count) if searcher.untouched else None


def estimated_count(searcher: PartitionSearcher, predicate: Predicate) -> int:  # noqa: PLR0911  one case a node
    """An upper bound of the number of matches, except for time windows, which are estimated."""
    match predicate:
        case p.Terms(field) if field.kind in COUNTED:
            return min(searcher.held, _sum(searcher, predicate))
        case p.Present(field) | p.Other(field):
            return searcher.freq("has", field.name)
        case p.Range(field) if field.name in searcher.limits:
            return _estimated_window(searcher, predicate)
        case p.Words(words):
            return min(searcher.freq(_WORD, word) for word in words)
        case p.Phrase(words, open_ended) if len(words) > open_ended:
            return min(searcher.freq(_WORD, word) for word in (words[:-1] if open_ended else words))
        case p.All(parts):
            return min((estimated_count(searcher, part) for part in parts), default=searcher.held)
        case p.Any(parts):
            return min(searcher.held, sum(estimated_count(searcher, part) for part in parts))
        case p.Not(p.Terms(field) as part) if single(searcher, field):
            return searcher.held - _sum(searcher, part)
        case _:
            return searcher.held


def single(searcher: PartitionSearcher, field: Field) -> bool:
    """Whether every activity of the partition has at most one value in a field, so that counts of its terms add up."""
    return field.kind in COUNTED and not searcher.sizes(field.name)


def _from_terms(searcher: PartitionSearcher, predicate: Predicate, count: Count) -> int | None:  # noqa: PLR0911  one case a node
    match predicate:
        case p.Terms(field, values) if single(searcher, field) or (len(values) == 1 and field.kind in COUNTED):
            return _sum(searcher, predicate)
        case p.Other(field, values) if single(searcher, field):
            return searcher.freq("has", field.name) - _sum(searcher, p.Terms(field, values))
        case p.Present(field):
            return searcher.freq("has", field.name)
        case p.Prefix(field, text) if single(searcher, field):
            return searcher.freq_of_prefix(field.name, text)
        case p.Words((word,)) | p.Phrase((word,), False):
            return searcher.freq(_WORD, word)
        case p.Range(field) if field.name in s.SORTS:
            return _over_spans(searcher, predicate, count)
        case p.All(parts):
            return _less(searcher, parts, count)
        case _:
            return None


def _sum(searcher: PartitionSearcher, terms: p.Terms) -> int:
    return sum(
        searcher.freq(terms.field.name, value)
        for value in dict.fromkeys(terms.values)
        if not isinstance(value, int) or MIN_INT <= value <= MAX_INT
    )


def _less(searcher: PartitionSearcher, parts: tuple[Predicate, ...], count: Count) -> int | None:
    """`A and not B` as `A` minus `A and B`: fast if A follows from terms and B is rare."""
    negated = next((part for part in parts if isinstance(part, p.Not)), None)
    if negated is None:
        return None
    rest = every(part for part in parts if part is not negated)
    if estimated_count(searcher, negated.part) * _CHEAPER > estimated_count(searcher, rest):
        return None
    return count(rest) - count(every((rest, negated.part)))


def _over_spans(searcher: PartitionSearcher, window: p.Range, count: Count) -> int | None:
    """Whole spans from their terms; the partial spans at both ends by counting."""
    name, bits = window.field.name, s.COARSE_BITS
    minimum, maximum = searcher.limits[name]
    low, high = window.closed
    begin = minimum >> bits if low is None else -(-low >> bits)
    end = (maximum >> bits) + 1 if high is None else high + 1 >> bits
    if not 0 < end - begin <= _MAX_SPANS:
        return None
    rests = [
        p.Range(window.field, first, last)
        for first, last in ((low, (begin << bits) - 1), (end << bits, high))
        if first is not None and last is not None and first <= last
    ]
    return sum(searcher.freq(s.coarse(name), span) for span in range(begin, end)) + sum(map(count, rests))


def _estimated_window(searcher: PartitionSearcher, window: p.Range) -> int:
    """The estimate if activities were spread evenly over the partition's limits."""
    minimum, maximum = searcher.limits[window.field.name]
    low, high = window.closed
    first, last = max(minimum, minimum if low is None else low), min(maximum, maximum if high is None else high)
    return 0 if first > last else max(1, round(searcher.held * (last - first + 1) / (maximum - minimum + 1)))


_WORD = FIELDS["word"].name
_MAX_SPANS = 4_096
