"""Rewrites a predicate for one partition: conditions decided by its limits are dropped, patterns become the terms they match.

The result is cheaper to count, estimate and search, and equivalent for the activities of that partition.
"""

from collections.abc import Iterable, Mapping

from casbah.activity import predicate as p
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.store.embedded.schema import BACKWARDS
from casbah.store.embedded.searcher import PartitionSearcher

NOTHING = p.Any(())
EVERYTHING = p.Everything()

_MAX_PREFIXED = 64
"""Up to this many terms with a prefix are queried one by one; beyond, tantivy finds the range in its dictionary."""

_OPPOSITE = {"true": "false", "false": "true"}


def rewritten(predicate: Predicate, searcher: PartitionSearcher) -> Predicate:
    """An equivalent predicate for the partition of this searcher."""
    return _Rewriter(searcher).resolve(simplify(predicate, searcher.limits))


def simplify(predicate: Predicate, limits: Mapping[str, tuple[int, int]]) -> Predicate:
    """An equivalent predicate for records whose fields lie within `limits` (least and most, by field name)."""
    match predicate:
        case p.All(parts):
            return every(simplify(part, limits) for part in parts)
        case p.Any(parts):
            return some(simplify(part, limits) for part in parts)
        case p.Not(part):
            return without(simplify(part, limits))
        case p.Range(field) if field.name in limits:
            return _pruned_range(predicate, *limits[field.name])
        case _:
            return predicate


def every(parts: Iterable[Predicate]) -> Predicate:
    """The simplified conjunction."""
    kept = [part for part in parts if part != EVERYTHING]
    return NOTHING if NOTHING in kept else p.both(*kept)


def some(parts: Iterable[Predicate]) -> Predicate:
    """The simplified disjunction; terms of the same field are merged."""
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
    """The simplified negation."""
    if part == NOTHING:
        return EVERYTHING
    if part == EVERYTHING:
        return NOTHING
    return part.part if isinstance(part, p.Not) else p.Not(part)


def _pruned_range(node: p.Range, minimum: int, maximum: int) -> Predicate:
    low, high = node.closed
    if (low is not None and low > maximum) or (high is not None and high < minimum):
        return NOTHING
    low = None if low is not None and low <= minimum else low
    high = None if high is not None and high >= maximum else high
    return EVERYTHING if low is None and high is None else p.Range(node.field, low, high)


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

    def _sparser(self, node: p.Terms, value: str) -> Predicate:
        """Every activity has exactly one of the two values, so query the rarer one, negated if need be."""
        other = _OPPOSITE.get(value)
        name = node.field.name
        if other is None or self._searcher.freq(name, other) >= self._searcher.freq(name, value):
            return node
        return p.Not(p.Terms(node.field, (other,)))

    def _pattern(self, node: p.Prefix | p.Infix | p.Suffix) -> Predicate:
        """The terms that match, or the node itself if they cannot be listed."""
        if not node.text:
            return p.Present(node.field)
        if node.field.kind is Kind.WORDS:
            return node
        terms = self._prefixed(node) if isinstance(node, p.Prefix) else self._listed(node)
        if terms is None:
            return node
        return p.Terms(node.field, tuple(terms)) if terms else NOTHING

    def _prefixed(self, node: p.Prefix) -> list[str] | None:
        return self._searcher.terms(node.field.name, node.text, maximum=_MAX_PREFIXED)

    def _listed(self, node: p.Infix | p.Suffix) -> list[str] | None:
        term_dictionary = self._searcher.term_dictionary(node.field.name)
        if term_dictionary is None:
            return None
        return term_dictionary.matching(node.text, ends=isinstance(node, p.Suffix))
