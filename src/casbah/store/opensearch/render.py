"""Renders a predicate as an OpenSearch query. `activity.matching` defines what a predicate means.

Everything is a filter: nothing is scored.
"""

from collections.abc import Callable, Sequence
from typing import Any

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.activity.record import MAX_INT, MIN_INT
from casbah.store.opensearch.document import term
from casbah.store.opensearch.templates import CHUNK, pieces, size_of

Query = dict[str, Any]
Resolve = Callable[[Field, Query, Callable[[str], bool]], Sequence[str]]
"""Lists the terms of a field that satisfy a test, among the activities that match a query."""

_EVERYTHING: Query = {"match_all": {}}
_NOTHING: Query = {"match_none": {}}
_MAX_EXPANSIONS = 1_000_000
_MAX_ADDRESS = 2**128 - 1
_MAX_PATTERN, _SHORT = 200, 50
"""The cluster compiles a pattern to an automaton, and refuses one of some thousand characters."""


def escape(text: str) -> str:
    """A pattern that matches exactly `text`. The only place where a value becomes part of a pattern."""
    return "".join(f"\\{char}" if char in "\\*?" else char for char in text)


def render(predicate: Predicate, resolve: Resolve) -> Query:
    """The query for `predicate`."""
    return _Renderer(resolve).render(predicate)


def _all_of(queries: Sequence[Query]) -> Query:
    return {"bool": {"filter": list(queries)}} if queries else _EVERYTHING


def _any_of(queries: Sequence[Query]) -> Query:
    if not queries:
        return _NOTHING
    return queries[0] if len(queries) == 1 else {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _except(query: Query, among: Query = _EVERYTHING) -> Query:
    return {"bool": {"filter": [among], "must_not": [query]}}


class _Renderer:
    """One method per kind of node."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def render(self, predicate: Predicate) -> Query:  # noqa: C901, PLR0911, PLR0912  one case a node
        match predicate:
            case p.Everything():
                return _EVERYTHING
            case p.All(parts):
                return _all_of([self.render(part) for part in parts])
            case p.Any(parts):
                return _any_of([self.render(part) for part in parts])
            case p.Not(part):
                return _except(self.render(part))
            case p.Terms(field, values):
                return _one_of(field, values)
            case p.Other():
                return _other(predicate)
            case p.Range():
                return _range(predicate)
            case p.Prefix():
                return self._prefix(predicate)
            case p.Infix():
                return self._infix(predicate)
            case p.Suffix():
                return self._suffix(predicate)
            case p.Present(field):
                return _present(field)
            case p.Words(words):
                return _all_of([_word(word) for word in dict.fromkeys(words)])
            case p.Phrase():
                return _phrase(predicate)

    def _prefix(self, node: p.Prefix) -> Query:
        if not node.text:
            return _present(node.field)
        if len(node.text) <= _MAX_PATTERN:
            return {"prefix": {node.field.name: node.text}}
        part = self._prefix(p.Prefix(node.field, node.text[:_SHORT]))
        return _one_of(node.field, self._resolve(node.field, part, lambda term: term.startswith(node.text)))

    def _infix(self, node: p.Infix) -> Query:
        if len(node.text) <= _MAX_PATTERN:
            return _pattern(node.field, node.text, before="*", after="*")
        part = self._infix(p.Infix(node.field, node.text[:_SHORT]))
        return _one_of(node.field, self._resolve(node.field, part, lambda term: node.text in term))

    def _suffix(self, node: p.Suffix) -> Query:
        if len(node.text) <= _MAX_PATTERN:
            return _pattern(node.field, node.text, before="*")
        part = self._suffix(p.Suffix(node.field, node.text[-_SHORT:]))
        return _one_of(node.field, self._resolve(node.field, part, lambda term: term.endswith(node.text)))


def _one_of(field: Field, values: Sequence[Value]) -> Query:
    held = _terms(field, values)
    return {"terms": {field.name: held}} if held else _NOTHING


def _terms(field: Field, values: Sequence[Value]) -> list[Value]:
    """The values as terms, without those that no column can hold."""
    held = (value for value in values if not isinstance(value, int) or MIN_INT <= value <= MAX_INT)
    return [term(field, value) for value in dict.fromkeys(held)]


def _other(node: p.Other) -> Query:
    """Has a value not in `values`: it has one value, not among these, or several, not all of them among these."""
    field, size = node.field, size_of(node.field.name)
    known = _terms(field, node.values)
    if not known:
        return _present(field)
    several = {"exists": {"field": size}}
    all_known = {"terms_set": {field.name: {"terms": known, "minimum_should_match_field": size}}}
    single = {"bool": {"filter": [_present(field)], "must_not": [several, _one_of(field, node.values)]}}
    return _any_of([single, _except(all_known, among=several)])


def _range(node: p.Range) -> Query:
    """Bounds are clamped to what the column can hold; an empty range matches nothing."""
    low = None if node.low is None else node.low + (not node.with_low)
    high = None if node.high is None else node.high - (not node.with_high)
    minimum, maximum = (0, _MAX_ADDRESS) if node.field.kind is Kind.ADDRESS else (MIN_INT, MAX_INT)
    first, last = max(minimum if low is None else low, minimum), min(maximum if high is None else high, maximum)
    if first > last:
        return _NOTHING
    return {"range": {node.field.name: {"gte": term(node.field, first), "lte": term(node.field, last)}}}


def _present(field: Field) -> Query:
    return {"exists": {"field": field.name}}


def _pattern(field: Field, text: str, *, before: str = "", after: str = "") -> Query:
    if not text:
        return _present(field)
    return {"wildcard": {field.name: {"value": f"{before}{escape(text)}{after}"}}}


def _word(word: str) -> Query:
    return _in_a_row(pieces(word))


def _phrase(node: p.Phrase) -> Query:
    row = [piece for word in node.words for piece in pieces(word)]
    if not node.open_ended:
        return _in_a_row(row)
    if len(row) == 1:
        return {"prefix": {_WORD: row[0]}}
    return {"match_phrase_prefix": {_WORD: {"query": " ".join(row), "max_expansions": _MAX_EXPANSIONS}}}


def _in_a_row(row: Sequence[str]) -> Query:
    return {"term": {_WORD: row[0]}} if len(row) == 1 else {"match_phrase": {_WORD: {"query": " ".join(row)}}}


_WORD = FIELDS["word"].name

if CHUNK > 255 // 2:
    raise AssertionError("a piece of characters beyond the first plane would be split")
