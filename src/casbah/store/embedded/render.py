"""From a predicate to a tantivy query. It writes and decides nothing: what a predicate means is `activity.matching`'s.

`prune` first drops what a period's own bounds already answer (all of a period is newer than ..., none of it is ...).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import tantivy
from tantivy import FieldType, Occur
from tantivy import Query as Engine

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.activity.record import LEAST_INT, MOST_INT
from casbah.store.embedded.schema import column_value, counted

NOTHING = p.Any(())
EVERYTHING = p.Everything()

_FEW_EXPANSIONS = 50
_ANYTHING = "(?s:.)*"
_MOST_PATTERN_BYTES = 200
"""The engine compiles a pattern of some 500 bytes, and refuses a longer one; half of that is quick, too."""
_SHORT = 50
_MOST_ADDRESS = 2**128 - 1


def escape(text: str) -> str:
    """A pattern that matches `text` and nothing else: the only place where a value becomes part of a pattern."""
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in text)


def prune(predicate: Predicate, bounds: Mapping[str, tuple[int, int]]) -> Predicate:
    """The same predicate for records whose fields lie within `bounds` (least and most, by field name)."""
    match predicate:
        case p.All(parts):
            kept = [part for part in (prune(each, bounds) for each in parts) if part != EVERYTHING]
            return NOTHING if NOTHING in kept else p.both(*kept)
        case p.Any(parts):
            kept = [part for part in (prune(each, bounds) for each in parts) if part != NOTHING]
            return EVERYTHING if EVERYTHING in kept else p.either(*kept)
        case p.Not(part):
            inner = prune(part, bounds)
            return EVERYTHING if inner == NOTHING else NOTHING if inner == EVERYTHING else p.Not(inner)
        case p.Range(field) if field.name in bounds:
            return _pruned_range(predicate, *bounds[field.name])
        case _:
            return predicate


def render(predicate: Predicate, schema: tantivy.Schema, searcher: tantivy.Searcher) -> Engine:
    """The tantivy query that finds what `predicate` means; the searcher tells which terms there are."""
    return _Renderer(schema, searcher).render(predicate)


def _pruned_range(asked: p.Range, least: int, most: int) -> Predicate:
    low, high = _closed(asked)
    if (low is not None and low > most) or (high is not None and high < least):
        return NOTHING
    low = None if low is not None and low <= least else low
    high = None if high is not None and high >= most else high
    return EVERYTHING if low is None and high is None else p.Range(asked.field, low, high)


def _closed(asked: p.Range) -> tuple[int | None, int | None]:
    """The bounds as numbers that are included."""
    low = asked.low if asked.low is None or asked.with_low else asked.low + 1
    high = asked.high if asked.high is None or asked.with_high else asked.high - 1
    return low, high


def _fits(text: str) -> bool:
    return len(text.encode()) <= _MOST_PATTERN_BYTES


def _all_of(queries: Iterable[Engine]) -> Engine:
    return Engine.boolean_query([(Occur.Must, query) for query in queries])


def _any_of(queries: Iterable[Engine]) -> Engine:
    return Engine.boolean_query([(Occur.Should, query) for query in queries])


def _except(query: Engine, among: Engine | None = None) -> Engine:
    return Engine.boolean_query([(Occur.Must, among or Engine.all_query()), (Occur.MustNot, query)])


class _Renderer:
    """One rendering: the schema and the searcher, and a method a node."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self._schema = schema
        self._searcher = searcher

    def render(self, predicate: Predicate) -> Engine:  # noqa: C901, PLR0911, PLR0912  one case a node
        match predicate:
            case p.Everything():
                return Engine.all_query()
            case p.All(parts):
                return _all_of(map(self.render, parts)) if parts else Engine.all_query()
            case p.Any(parts):
                return _any_of(map(self.render, parts)) if parts else Engine.empty_query()
            case p.Not(part):
                return _except(self.render(part))
            case p.Terms():
                return self._terms(predicate)
            case p.Other():
                return self._other(predicate)
            case p.Range():
                return self._range(predicate)
            case p.Prefix():
                return self._prefix(predicate)
            case p.Infix():
                return self._infix(predicate)
            case p.Suffix():
                return self._suffix(predicate)
            case p.Present(field):
                return self._present(field)
            case p.Words(words):
                return _all_of(self._word(word) for word in dict.fromkeys(words))
            case p.Phrase():
                return self._phrase(predicate)

    def _terms(self, node: p.Terms) -> Engine:
        if node.field.kind is Kind.MS:  # Moments are columns without an inverted index.
            numbers = [value for value in node.values if isinstance(value, int)]
            return _any_of(self._range(p.Range(node.field, number, number)) for number in numbers)
        return self._one_of(node.field, node.values)

    def _other(self, node: p.Other) -> Engine:
        """A value besides `values`: has one but none of these; or has n, of which fewer than n are these."""
        known = tuple(dict.fromkeys(node.values))
        present = self._present(node.field)
        cases = [_except(self._one_of(node.field, known), among=present)] if known else [present]
        cases += [self._more_than(node.field, known, size) for size in self._sizes(node.field)]
        return _any_of(cases)

    def _range(self, node: p.Range) -> Engine:
        low, high = _closed(node)
        address = node.field.kind is Kind.ADDRESS
        least, most = (0, _MOST_ADDRESS) if address else (LEAST_INT, MOST_INT)
        first, last = max(low if low is not None else least, least), min(high if high is not None else most, most)
        if first > last:
            return Engine.empty_query()
        kind = FieldType.IpAddr if address else FieldType.Integer
        ends = (column_value(node.field, first), column_value(node.field, last))
        return Engine.range_query(self._schema, node.field.name, kind, *ends)

    def _prefix(self, node: p.Prefix) -> Engine:
        if _fits(node.text):
            return self._pattern(node.field, node.text, after=_ANYTHING)
        return self._one_of(node.field, self._terms_where(node.field, prefix=node.text))

    def _infix(self, node: p.Infix) -> Engine:
        if _fits(node.text):
            return self._pattern(node.field, node.text, before=_ANYTHING, after=_ANYTHING)
        part = self._infix(p.Infix(node.field, node.text[:_SHORT]))
        return self._one_of(node.field, self._terms_where(node.field, lambda term: node.text in term, among=part))

    def _suffix(self, node: p.Suffix) -> Engine:
        if _fits(node.text):
            return self._pattern(node.field, node.text, before=_ANYTHING)
        part = self._suffix(p.Suffix(node.field, node.text[-_SHORT:]))
        return self._one_of(
            node.field, self._terms_where(node.field, lambda term: term.endswith(node.text), among=part)
        )

    def _terms_where(
        self,
        field: Field,
        matches: Callable[[str], bool] = lambda _: True,
        *,
        prefix: str = "",
        among: Engine | None = None,
    ) -> tuple[str, ...]:
        """The terms of a field that a pattern too long for the engine matches, `among` those of some activities."""
        found = self._searcher.terms_with_prefix(field.name, prefix, filter_query=among)
        return tuple(term for term, _ in found if matches(term))

    def _present(self, field: Field) -> Engine:
        return Engine.term_query(self._schema, "has", field.name)

    def _phrase(self, node: p.Phrase) -> Engine:
        if not node.open_ended:
            return self._exact_phrase(node.words)
        if len(node.words) == 1:
            return self._prefix(p.Prefix(_WORD, node.words[0]))
        return self._open_phrase(node.words)

    def _open_phrase(self, words: tuple[str, ...]) -> Engine:
        """The engine's own phrase prefix silently stops at 50 expansions; where there are more, each is asked for."""
        endings = [term for term, _ in self._searcher.terms_with_prefix(_WORD.name, words[-1])]
        if len(endings) <= _FEW_EXPANSIONS:
            return Engine.phrase_prefix_query(self._schema, _WORD.name, list(words))
        return _any_of(self._exact_phrase((*words[:-1], ending)) for ending in endings)

    def _exact_phrase(self, words: tuple[str, ...]) -> Engine:
        if len(words) == 1:
            return self._word(words[0])
        return Engine.phrase_query(self._schema, _WORD.name, list(words))

    def _word(self, word: str) -> Engine:
        return Engine.term_query(self._schema, _WORD.name, word)

    def _one_of(self, field: Field, values: Sequence[Value]) -> Engine:
        held = [value for value in values if not isinstance(value, int) or LEAST_INT <= value <= MOST_INT]
        if len(held) == 1:
            return Engine.term_query(self._schema, field.name, held[0])
        return Engine.term_set_query(self._schema, field.name, held) if held else Engine.empty_query()

    def _sizes(self, field: Field) -> list[int]:
        """How many values a record of this index can have in `field`, where it is more than one."""
        stem = counted(field, 0)[:-1]
        return sorted(int(term[len(stem) :]) for term, _ in self._searcher.terms_with_prefix("has", stem))

    def _more_than(self, field: Field, known: tuple[Value, ...], size: int) -> Engine:
        """Has exactly `size` values, not all of them among `known`."""
        sized = Engine.term_query(self._schema, "has", counted(field, size))
        if size > len(known):
            return sized
        each = [(Occur.Should, Engine.term_query(self._schema, field.name, value)) for value in known]
        return _except(Engine.boolean_query(each, minimum_number_should_match=size), among=sized)

    def _pattern(self, field: Field, text: str, *, before: str = "", after: str = "") -> Engine:
        if not text:
            return self._present(field)
        return Engine.regex_query(self._schema, field.name, f"{before}{escape(text)}{after}")


_WORD = FIELDS["word"]
