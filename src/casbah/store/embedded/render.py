"""From a predicate to a tantivy query. It writes and decides nothing: what a predicate means is `activity.matching`'s.

`prune` first drops what a period's own bounds already answer (all of a period is newer than ..., none of it is ...).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

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

    def render(self, predicate: Predicate) -> Engine:
        writer: Callable[[Any], Engine] = getattr(self, f"_{type(predicate).__name__.lower()}")
        return writer(predicate)

    def _everything(self, _: p.Everything) -> Engine:
        return Engine.all_query()

    def _all(self, node: p.All) -> Engine:
        return _all_of(map(self.render, node.parts)) if node.parts else Engine.all_query()

    def _any(self, node: p.Any) -> Engine:
        return _any_of(map(self.render, node.parts)) if node.parts else Engine.empty_query()

    def _not(self, node: p.Not) -> Engine:
        return _except(self.render(node.part))

    def _terms(self, node: p.Terms) -> Engine:
        if node.field.kind is Kind.MS:  # Moments are columns without an inverted index.
            numbers = [value for value in node.values if isinstance(value, int)]
            return self._any(p.Any(tuple(p.Range(node.field, number, number) for number in numbers)))
        return self._one_of(node.field, node.values)

    def _other(self, node: p.Other) -> Engine:
        """A value besides `values`: has one but none of these; or has n, of which fewer than n are these."""
        known = tuple(dict.fromkeys(node.values))
        present = self._present(p.Present(node.field))
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
        return self._pattern(node.field, node.text, after="(?s:.)*")

    def _infix(self, node: p.Infix) -> Engine:
        return self._pattern(node.field, node.text, before="(?s:.)*", after="(?s:.)*")

    def _suffix(self, node: p.Suffix) -> Engine:
        return self._pattern(node.field, node.text, before="(?s:.)*")

    def _present(self, node: p.Present) -> Engine:
        return Engine.term_query(self._schema, "has", node.field.name)

    def _words(self, node: p.Words) -> Engine:
        return _all_of(self._word(word) for word in dict.fromkeys(node.words))

    def _phrase(self, node: p.Phrase) -> Engine:
        if not node.open_ended:
            return self._exact_phrase(node.words)
        if len(node.words) == 1:
            return self._pattern(_WORD, node.words[0], after="(?s:.)*")
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

    def _one_of(self, field: Field, values: tuple[Value, ...]) -> Engine:
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
            return self._present(p.Present(field))
        return Engine.regex_query(self._schema, field.name, f"{before}{escape(text)}{after}")


_WORD = FIELDS["word"]
