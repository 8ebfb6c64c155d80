"""From a predicate to OpenSearch's query DSL, over the fields of `tools.bench.columns`; see `tools.bench.peers.opensearch` for their types.

Everything is a filter: nothing is scored.
"""

from typing import Any

from casbah.activity import predicate as p
from casbah.activity.address import from_key
from casbah.activity.fields import Kind
from casbah.activity.predicate import Predicate
from tools.bench.columns import COLUMNS, Column

Query = dict[str, Any]
WILD = ("user_agent", "organization", "action_type", "operation", "url")
"""Asked for parts of values: they have a second field, `wild`, of the wildcard type, which keeps n-grams."""


def render(predicate: Predicate) -> Query:  # noqa: C901, PLR0911, PLR0912  one case a node
    """The query that finds what `predicate` means."""
    match predicate:
        case p.Everything():
            return {"match_all": {}}
        case p.All(parts):
            return {"bool": {"filter": [render(each) for each in parts]}} if parts else {"match_all": {}}
        case p.Any(parts):
            return {"bool": {"should": [render(each) for each in parts], "minimum_should_match": 1}} if parts else _NONE
        case p.Not(part):
            return {"bool": {"must_not": [render(part)]}}
        case p.Terms(field, values):
            return {"terms": {field.name: _typed(field.name, values)}} if values else _NONE
        case p.Other():
            return _other(predicate)
        case p.Range(field):
            said = from_key if field.kind is Kind.ADDRESS else int
            low, high = ("gte" if predicate.with_low else "gt"), ("lte" if predicate.with_high else "lt")
            ends = ((low, predicate.low), (high, predicate.high))
            return {"range": {field.name: {name: said(bound) for name, bound in ends if bound is not None}}}
        case p.Prefix(field, text):
            return {"prefix": {field.name: text}}
        case p.Infix(field, text):
            return _wild(field.name, f"*{_escaped(text)}*")
        case p.Suffix(field, text):
            return _wild(field.name, f"*{_escaped(text)}")
        case p.Present(field):
            return {"exists": {"field": field.name}}
        case p.Words(words):
            return {"match": {"word": {"query": " ".join(words), "operator": "and"}}}
        case p.Phrase(words, open_ended):
            return _phrase(" ".join(words), open_ended=open_ended)


_NONE: Query = {"match_none": {}}
_MAX_EXPANSIONS = 1_000_000


def _typed(name: str, values: tuple[Any, ...]) -> list[Any]:
    return [value == "true" for value in values] if COLUMNS[name] is Column.FLAG else list(values)


def _other(node: p.Other) -> Query:
    """Only for fields with one value, where it is: has a value, and none of these."""
    if COLUMNS[node.field.name] is Column.LIST:
        raise NotImplementedError("the query set asks no `deq` of lists")
    none = {"bool": {"must_not": [render(p.Terms(node.field, node.values))]}}
    return {"bool": {"filter": [{"exists": {"field": node.field.name}}, none]}}


def _wild(name: str, pattern: str) -> Query:
    return {"wildcard": {f"{name}.wild" if name in WILD else name: {"value": pattern}}}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _phrase(text: str, *, open_ended: bool) -> Query:
    if open_ended:
        return {"match_phrase_prefix": {"word": {"query": text, "max_expansions": _MAX_EXPANSIONS}}}
    return {"match_phrase": {"word": {"query": text}}}
