"""From a predicate to a tantivy query, word for word: what the floor asks. Casbah's own rendering knows shorter ways.

It reads the columns that the store's schema has for the fields of the language, and `has`, which names those with a value.
"""

from collections.abc import Iterable

import tantivy
from tantivy import FieldType, Occur
from tantivy import Query as Engine

from casbah.activity import predicate as p
from casbah.activity.address import from_key
from casbah.activity.fields import Kind
from casbah.activity.predicate import Predicate

_ANYTHING = "(?s:.)*"
_FEW_EXPANSIONS = 50
_INTS = (-(2**63), 2**63 - 1)
_ADDRESSES = (0, 2**128 - 1)


class Bare:
    """What renders for one index."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher) -> None:
        self._schema = schema
        self._searcher = searcher

    def render(self, predicate: Predicate) -> Engine:  # noqa: C901, PLR0911, PLR0912  one case a node
        """The query that finds what `predicate` means."""
        match predicate:
            case p.Everything():
                return Engine.all_query()
            case p.All(parts):
                return _each(Occur.Must, map(self.render, parts)) if parts else Engine.all_query()
            case p.Any(parts):
                return _each(Occur.Should, map(self.render, parts)) if parts else Engine.empty_query()
            case p.Not(part):
                return Engine.boolean_query([(Occur.Must, Engine.all_query()), (Occur.MustNot, self.render(part))])
            case p.Terms(field, values) if field.kind is Kind.MS:
                return _each(Occur.Should, (self._range(p.Range(field, int(value), int(value))) for value in values))
            case p.Terms(field, values):
                return (
                    Engine.term_set_query(self._schema, field.name, list(values))
                    if len(values) != 1
                    else self._term(field.name, values[0])
                )
            case p.Other():
                raise NotImplementedError("the query set asks no `deq`")
            case p.Range():
                return self._range(predicate)
            case p.Prefix(field, text):
                return self._pattern(field.name, f"{_escaped(text)}{_ANYTHING}")
            case p.Infix(field, text):
                return self._pattern(field.name, f"{_ANYTHING}{_escaped(text)}{_ANYTHING}")
            case p.Suffix(field, text):
                return self._pattern(field.name, f"{_ANYTHING}{_escaped(text)}")
            case p.Present(field):
                return self._term("has", field.name)
            case p.Words(words):
                return _each(Occur.Must, (self._term("word", word) for word in dict.fromkeys(words)))
            case p.Phrase(words, False):
                return self._phrase(words)
            case p.Phrase(words):
                return self._open_phrase(words)

    def _range(self, node: p.Range) -> Engine:
        address = node.field.kind is Kind.ADDRESS
        minimum, maximum = _ADDRESSES if address else _INTS
        low = minimum if node.low is None else node.low + (not node.with_low)
        high = maximum if node.high is None else node.high - (not node.with_high)
        kind = FieldType.IpAddr if address else FieldType.Integer
        ends = (from_key(low), from_key(high)) if address else (low, high)
        return Engine.range_query(self._schema, node.field.name, kind, *ends)

    def _term(self, name: str, value: str | int) -> Engine:
        return Engine.term_query(self._schema, name, value)

    def _pattern(self, name: str, pattern: str) -> Engine:
        return Engine.regex_query(self._schema, name, pattern)

    def _phrase(self, words: tuple[str, ...]) -> Engine:
        return (
            self._term("word", words[0]) if len(words) == 1 else Engine.phrase_query(self._schema, "word", list(words))
        )

    def _open_phrase(self, words: tuple[str, ...]) -> Engine:
        """The engine's own stops at 50 expansions without saying so; where there are more, each is asked for."""
        endings = [term for term, _ in self._searcher.terms_with_prefix("word", words[-1])]
        if len(words) > 1 and len(endings) <= _FEW_EXPANSIONS:
            return Engine.phrase_prefix_query(self._schema, "word", list(words))
        return _each(Occur.Should, (self._phrase((*words[:-1], ending)) for ending in endings))


def _each(occur: Occur, queries: Iterable[Engine]) -> Engine:
    return Engine.boolean_query([(occur, query) for query in queries])


def _escaped(text: str) -> str:
    return "".join(char if char.isalnum() else f"\\x{{{ord(char):x}}}" for char in text)
