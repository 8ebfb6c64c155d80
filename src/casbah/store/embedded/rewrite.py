"""A predicate said in what one view holds: what the view's limits answer is dropped, patterns become the terms they match.

What is left is cheaper to count, to estimate and to search, and means the same for this view's activities.
"""

from collections.abc import Iterable, Mapping

from casbah.activity import predicate as p
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.store.embedded.schema import BACKWARDS
from casbah.store.embedded.searcher import PartitionSearcher

NOTHING = p.Any(())
EVERYTHING = p.Everything()

_MOST_PREFIXED = 64
"""So many terms with a prefix are asked for one by one; of more, the engine finds the range in its dictionary itself."""

_OPPOSITE = {"true": "false", "false": "true"}


def rewritten(predicate: Predicate, searcher: PartitionSearcher) -> Predicate:
    """The same predicate, for this view."""
    return _Rewriter(searcher).resolve(simplify(predicate, searcher.limits))


def simplify(predicate: Predicate, limits: Mapping[str, tuple[int, int]]) -> Predicate:
    """The same predicate for records whose fields lie within `limits` (least and most, by field name)."""
    match predicate:
        case p.All(parts):
            return every(simplify(each, limits) for each in parts)
        case p.Any(parts):
            return some(simplify(each, limits) for each in parts)
        case p.Not(part):
            return without(simplify(part, limits))
        case p.Range(field) if field.name in limits:
            return _pruned_range(predicate, *limits[field.name])
        case _:
            return predicate


def every(parts: Iterable[Predicate]) -> Predicate:
    """All of them, as short as it can be said."""
    kept = [part for part in parts if part != EVERYTHING]
    return NOTHING if NOTHING in kept else p.both(*kept)


def some(parts: Iterable[Predicate]) -> Predicate:
    """Any of them, as short as it can be said: terms of one field together."""
    kept: list[Predicate] = []
    terms: dict[Field, dict[Value, None]] = {}
    for part in parts:
        if part == EVERYTHING:
            return EVERYTHING
        if isinstance(part, p.Terms):
            terms.setdefault(part.field, {}).update(dict.fromkeys(part.values))
        elif part != NOTHING:
            kept.append(part)
    together = [p.Terms(field, tuple(values)) for field, values in terms.items() if values]
    return p.either(*together, *kept)


def without(part: Predicate) -> Predicate:
    """The complement, as short as it can be said."""
    if part == NOTHING:
        return EVERYTHING
    if part == EVERYTHING:
        return NOTHING
    return part.part if isinstance(part, p.Not) else p.Not(part)


def closed(asked: p.Range) -> tuple[int | None, int | None]:
    """The bounds of a range as numbers that are included."""
    low = asked.low if asked.low is None or asked.with_low else asked.low + 1
    high = asked.high if asked.high is None or asked.with_high else asked.high - 1
    return low, high


def _pruned_range(asked: p.Range, least: int, most: int) -> Predicate:
    low, high = closed(asked)
    if (low is not None and low > most) or (high is not None and high < least):
        return NOTHING
    low = None if low is not None and low <= least else low
    high = None if high is not None and high >= most else high
    return EVERYTHING if low is None and high is None else p.Range(asked.field, low, high)


class _Rewriter:
    def __init__(self, searcher: PartitionSearcher) -> None:
        self._searcher = searcher

    def resolve(self, predicate: Predicate) -> Predicate:  # noqa: PLR0911  one case a node
        match predicate:
            case p.All(parts):
                return every(map(self.resolve, parts))
            case p.Any(parts):
                return some(map(self.resolve, parts))
            case p.Not(part):
                return without(self.resolve(part))
            case p.Terms(field, values) if not values:
                return NOTHING
            case p.Terms(field, (value,)) if field.kind is Kind.BOOL:
                return self._sparser(predicate, str(value))
            case p.Suffix(field, text) if text and field.name in BACKWARDS:
                return self._pattern(p.Prefix(BACKWARDS[field.name], text[::-1]))
            case p.Prefix() | p.Infix() | p.Suffix():
                return self._pattern(predicate)
            case _:
                return predicate

    def _sparser(self, asked: p.Terms, value: str) -> Predicate:
        """Every activity has exactly one of the two: the one that fewer have is cheaper, and says the other as well."""
        other = _OPPOSITE.get(value)
        name = asked.field.name
        if other is None or self._searcher.freq(name, other) >= self._searcher.freq(name, value):
            return asked
        return p.Not(p.Terms(asked.field, (other,)))

    def _pattern(self, asked: p.Prefix | p.Infix | p.Suffix) -> Predicate:
        """The terms that match, where they can be listed."""
        if not asked.text:
            return p.Present(asked.field)
        if asked.field.kind is Kind.WORDS:
            return asked
        found = self._prefixed(asked) if isinstance(asked, p.Prefix) else self._listed(asked)
        if found is None:
            return asked
        return p.Terms(asked.field, tuple(found)) if found else NOTHING

    def _prefixed(self, asked: p.Prefix) -> list[str] | None:
        return self._searcher.terms(asked.field.name, asked.text, most=_MOST_PREFIXED)

    def _listed(self, asked: p.Infix | p.Suffix) -> list[str] | None:
        term_dictionary = self._searcher.term_dictionary(asked.field.name)
        if term_dictionary is None:
            return None
        return term_dictionary.matching(asked.text, ends=isinstance(asked, p.Suffix))
