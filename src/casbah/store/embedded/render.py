"""Renders a predicate as a tantivy query.

`activity.matching` defines what a predicate means; this module only picks the cheaper of equivalent queries.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from tantivy import FieldType, Occur
from tantivy import Query as Engine

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.activity.record import MAX_INT, MIN_INT
from casbah.store.embedded import schema as s
from casbah.store.embedded.count_shortcut import estimated_count
from casbah.store.embedded.searcher import PartitionSearcher

_FEW_EXPANSIONS = 50
_ANYTHING = "(?s:.)*"
_MAX_PATTERN_BYTES = 200
"""Tantivy refuses patterns of more than some 500 bytes; half of that compiles quickly."""
_SHORT = 50
_MAX_SINGLY = 32
"""Up to this many terms are looked up one by one; for a larger set tantivy scans its dictionary."""

_MAX_ADDRESS = 2**128 - 1

# The approximate cost of a time window in microseconds. As a column scan: _COLUMN per activity of the partition, but at most
# _LOOK per candidate. As span terms: _SPANS, plus _SPAN per activity in the window.
_COLUMN, _LOOK, _SPAN, _SPANS = 0.004, 1.0, 0.008, 20.0
_LEVELS = ((s.coarse, s.COARSE_BITS), (s.fine, s.FINE_BITS))


def escape(text: str) -> str:
    """A pattern that matches exactly `text`. The only place where a value becomes part of a pattern."""
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in text)


def render(predicate: Predicate, searcher: PartitionSearcher) -> Engine:
    """The tantivy query for `predicate`; the searcher knows the partition's terms."""
    return _Renderer(searcher).render(predicate)


def _fits(text: str) -> bool:
    return len(text.encode()) <= _MAX_PATTERN_BYTES


def _all_of(queries: Iterable[Engine]) -> Engine:
    return Engine.boolean_query([(Occur.Must, query) for query in queries])


def _any_of(queries: Iterable[Engine]) -> Engine:
    return Engine.boolean_query([(Occur.Should, query) for query in queries])


def _except(query: Engine, among: Engine | None = None) -> Engine:
    return Engine.boolean_query([(Occur.Must, among or Engine.all_query()), (Occur.MustNot, query)])


class _Renderer:
    """One method per kind of node."""

    def __init__(self, searcher: PartitionSearcher) -> None:
        self._searcher = searcher
        self._schema = searcher.schema
        self._tantivy_searcher = searcher.tantivy_searcher

    def render(self, predicate: Predicate) -> Engine:  # noqa: C901, PLR0911, PLR0912  one case a node
        match predicate:
            case p.Everything():
                return Engine.all_query()
            case p.All(parts):
                return _all_of(self._parts(parts)) if parts else Engine.all_query()
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

    def _parts(self, parts: Sequence[Predicate]) -> Iterator[Engine]:
        """The parts of a conjunction. The rarest one bounds how many candidates a time window must check."""
        windows = [part for part in parts if isinstance(part, p.Range) and part.field.name in self._searcher.limits]
        others = [part for part in parts if part not in windows]
        yield from map(self.render, others)
        candidates = (
            min((estimated_count(self._searcher, part) for part in others), default=self._searcher.held)
            if windows
            else 0
        )
        for window in windows:
            yield self._window(window, candidates=candidates)

    def _terms(self, node: p.Terms) -> Engine:
        if node.field.kind is Kind.MS:  # Timestamps are columns without an inverted index.
            numbers = [value for value in node.values if isinstance(value, int)]
            return _any_of(self._range(p.Range(node.field, number, number)) for number in numbers)
        return self._one_of(node.field, node.values)

    def _other(self, node: p.Other) -> Engine:
        """Has a value not in `values`: it has a value but none of these, or n values of which fewer than n are these."""
        known = tuple(dict.fromkeys(node.values))
        present = self._present(node.field)
        cases = [_except(self._one_of(node.field, known), among=present)] if known else [present]
        cases += [self._more_than(node.field, known, size) for size in self._searcher.sizes(node.field.name)]
        return _any_of(cases)

    def _range(self, node: p.Range) -> Engine:
        if node.field.name in self._searcher.limits:
            return self._window(node, candidates=self._searcher.held)
        return self._column(node)

    def _window(self, node: p.Range, *, candidates: int) -> Engine:
        """A time window, as whichever query is cheaper given the number of candidates."""
        held, within = self._searcher.held, estimated_count(self._searcher, node)
        if _SPANS + within * _SPAN > min(candidates * _LOOK, held * _COLUMN):
            return self._column(node)
        minimum, maximum = self._searcher.limits[node.field.name]
        low, high = node.closed
        bits = s.COARSE_BITS
        first = minimum >> bits << bits if low is None else max(low, minimum >> bits << bits)
        last = ((maximum >> bits) + 1 << bits) - 1 if high is None else min(high, ((maximum >> bits) + 1 << bits) - 1)
        return _any_of(self._spans(node.field, first, last, _LEVELS)) if first <= last else Engine.empty_query()

    def _spans(
        self, field: Field, first: int, last: int, levels: Sequence[tuple[Callable[[str], str], int]]
    ) -> Iterator[Engine]:
        """Whole spans as terms, the rest at both ends as finer spans, and the last ms from the column."""
        if not levels:
            yield from self._moments(field, first, last)
            return
        (column, bits), *finer = levels
        begin, end = -(-first >> bits), last + 1 >> bits
        if begin >= end:
            yield from self._spans(field, first, last, finer)
            return
        yield Engine.range_query(
            self._schema, column(field.name), FieldType.Integer, begin, end - 1, use_inverted_index=True
        )
        for start, stop in ((first, (begin << bits) - 1), (end << bits, last)):
            if start <= stop:
                yield from self._spans(field, start, stop, finer)

    def _moments(self, field: Field, first: int, last: int) -> Iterator[Engine]:
        """A range shorter than two fine spans."""
        for span in range(first >> s.FINE_BITS, (last >> s.FINE_BITS) + 1):
            among = Engine.term_query(self._schema, s.fine(field.name), span)
            yield _all_of((among, self._column(p.Range(field, first, last))))

    def _column(self, node: p.Range) -> Engine:
        low, high = node.closed
        address = node.field.kind is Kind.ADDRESS
        minimum, maximum = (0, _MAX_ADDRESS) if address else (MIN_INT, MAX_INT)
        first, last = (
            max(low if low is not None else minimum, minimum),
            min(high if high is not None else maximum, maximum),
        )
        if first > last:
            return Engine.empty_query()
        kind = FieldType.IpAddr if address else FieldType.Integer
        ends = (s.column_value(node.field, first), s.column_value(node.field, last))
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
        """The terms of a field that start with `prefix` and match, optionally only of the activities in `among`."""
        terms = self._tantivy_searcher.terms_with_prefix(field.name, prefix, filter_query=among)
        return tuple(term for term, count in terms if count and matches(term))

    def _present(self, field: Field) -> Engine:
        return Engine.term_query(self._schema, "has", field.name)

    def _phrase(self, node: p.Phrase) -> Engine:
        if not node.open_ended:
            return self._exact_phrase(node.words)
        if len(node.words) == 1:
            return self._prefix(p.Prefix(_WORD, node.words[0]))
        return self._open_phrase(node.words)

    def _open_phrase(self, words: tuple[str, ...]) -> Engine:
        """Tantivy's phrase prefix silently stops at 50 expansions; beyond that, query each that occurs beside the others."""
        *preceding, start = words
        if len(self._tantivy_searcher.terms_with_prefix(_WORD.name, start)) <= _FEW_EXPANSIONS:
            return Engine.phrase_prefix_query(self._schema, _WORD.name, list(words))
        endings = self._terms_where(_WORD, prefix=start, among=self._exact_phrase(tuple(preceding)))
        return _any_of(self._exact_phrase((*preceding, ending)) for ending in endings)

    def _exact_phrase(self, words: tuple[str, ...]) -> Engine:
        if len(words) == 1:
            return self._word(words[0])
        return Engine.phrase_query(self._schema, _WORD.name, list(words))

    def _word(self, word: str) -> Engine:
        return Engine.term_query(self._schema, _WORD.name, word)

    def _one_of(self, field: Field, values: Sequence[Value]) -> Engine:
        held = [value for value in values if not isinstance(value, int) or MIN_INT <= value <= MAX_INT]
        if len(held) > _MAX_SINGLY:
            return Engine.term_set_query(self._schema, field.name, held)
        queries = [Engine.term_query(self._schema, field.name, value) for value in held]
        return queries[0] if len(queries) == 1 else _any_of(queries) if queries else Engine.empty_query()

    def _more_than(self, field: Field, known: tuple[Value, ...], size: int) -> Engine:
        """Has exactly `size` values, not all of them in `known`."""
        sized = Engine.term_query(self._schema, "has", s.counted(field.name, size))
        if size > len(known):
            return sized
        queries = [(Occur.Should, Engine.term_query(self._schema, field.name, value)) for value in known]
        return _except(Engine.boolean_query(queries, minimum_number_should_match=size), among=sized)

    def _pattern(self, field: Field, text: str, *, before: str = "", after: str = "") -> Engine:
        if not text:
            return self._present(field)
        return Engine.regex_query(self._schema, field.name, f"{before}{escape(text)}{after}")


_WORD = FIELDS["word"]
