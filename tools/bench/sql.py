"""From a predicate to an SQL condition, over the columns of `tools.bench.columns`. What differs between databases is a Dialect."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from casbah.activity import predicate as p
from casbah.activity.fields import Kind
from casbah.activity.predicate import Predicate
from tools.bench.columns import COLUMNS, JOINED, SEPARATOR, Column


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and the parameters of its placeholders, in order."""

    text: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says what differs. Each takes a column (and a text), and gives a condition."""

    mark: str
    one_of: Callable[[str, list[Any]], Condition]
    """The value in the column is one of several."""
    shares: Callable[[str, list[Any]], Condition]
    """The list in the column and this one have a value in common."""
    within: Callable[[str, list[Any]], Condition]
    """Every value of the list in the column is in this one."""
    begins: Callable[[str, str], Condition]
    holds: Callable[[str, str], Condition]
    ends: Callable[[str, str], Condition]
    some: Callable[[str, Callable[[str], Condition]], Condition]
    """Some value of the list in the column satisfies the condition on a value of that name."""
    words: Callable[[tuple[str, ...]], Condition]
    phrase: Callable[[tuple[str, ...], bool], Condition]
    address: Callable[[int], Any]
    """An address' key as the parameter that the database compares."""
    present: Callable[[str], Condition] = lambda name: Condition(f"{name} IS NOT NULL")
    """The column has a value."""


NOTHING, EVERYTHING = Condition("FALSE"), Condition("TRUE")


def render(predicate: Predicate, dialect: Dialect) -> Condition:  # noqa: C901, PLR0911, PLR0912  one case a node
    """The condition that finds what `predicate` means."""
    match predicate:
        case p.Everything():
            return EVERYTHING
        case p.All(parts):
            return _joined(" AND ", (render(each, dialect) for each in parts)) if parts else EVERYTHING
        case p.Any(parts):
            return _joined(" OR ", (render(each, dialect) for each in parts)) if parts else NOTHING
        case p.Not(part):
            inner = render(part, dialect)
            return Condition(f"({inner.text}) IS NOT TRUE", inner.values)
        case p.Terms(field, values):
            return _terms(field.name, _typed(field.name, values), dialect) if values else NOTHING
        case p.Other(field, values):
            return _other(field.name, _typed(field.name, values), dialect)
        case p.Range():
            return _range(predicate, dialect)
        case p.Prefix(field, text):
            return _part(field.name, SEPARATOR + text, dialect, lambda name: dialect.begins(name, text))
        case p.Infix(field, text):
            return _part(field.name, text, dialect, lambda name: dialect.holds(name, text))
        case p.Suffix(field, text):
            return _part(field.name, text + SEPARATOR, dialect, lambda name: dialect.ends(name, text))
        case p.Present(field):
            return dialect.present(field.name)
        case p.Words(words):
            return dialect.words(words)
        case p.Phrase(words, open_ended):
            return dialect.phrase(words, open_ended)


def spaced_words(words: Iterable[str], mark: str) -> Condition:
    """Every word occurs, where a column `word` holds them spaced."""
    return _joined(" AND ", (Condition(f"contains(word, {mark})", (f" {word} ",)) for word in dict.fromkeys(words)))


def spaced_phrase(words: tuple[str, ...], mark: str, *, open_ended: bool) -> Condition:
    """The words stand next to each other, where a column `word` holds them spaced."""
    return Condition(f"contains(word, {mark})", (f" {' '.join(words)}{'' if open_ended else ' '}",))


def _typed(name: str, values: Iterable[Any]) -> list[Any]:
    return [value == "true" for value in values] if COLUMNS[name] is Column.FLAG else list(values)


def _terms(name: str, values: list[Any], dialect: Dialect) -> Condition:
    if COLUMNS[name] is Column.LIST:
        return dialect.shares(name, values)
    return dialect.one_of(name, values) if len(values) > 1 else Condition(f"{name} = {dialect.mark}", tuple(values))


def _other(name: str, values: list[Any], dialect: Dialect) -> Condition:
    present = dialect.present(name)
    if not values:
        return present
    known = dialect.within(name, values) if COLUMNS[name] is Column.LIST else _terms(name, values, dialect)
    return _joined(" AND ", (present, Condition(f"({known.text}) IS NOT TRUE", known.values)))


def _range(node: p.Range, dialect: Dialect) -> Condition:
    if COLUMNS[node.field.name] is not Column.NETWORK:
        return _between(node.field.name, node, dialect)
    rest = dialect.some("ip_rest", lambda name: _between(name, node, dialect))
    several = _joined(" AND ", (dialect.present("ip_rest"), rest))
    return _joined(" OR ", (_between("ip_first", node, dialect), several))


def _between(name: str, node: p.Range, dialect: Dialect) -> Condition:
    said = dialect.address if node.field.kind is Kind.ADDRESS else int
    low, high = (">=" if node.with_low else ">"), ("<=" if node.with_high else "<")
    ends = [(sign, bound) for sign, bound in ((low, node.low), (high, node.high)) if bound is not None]
    bounds = [Condition(f"{name} {sign} {dialect.mark}", (said(bound),)) for sign, bound in ends]
    return _joined(" AND ", bounds) if bounds else dialect.present(name)


def _part(name: str, text: str, dialect: Dialect, plain: Callable[[str], Condition]) -> Condition:
    """A part of a value: of the only one, of one in the joined text, or of some one in the list."""
    if COLUMNS[name] is not Column.LIST:
        return plain(name)
    if name in JOINED:
        return dialect.holds(f"{name}_text", text)
    return dialect.some(name, plain)


def _joined(word: str, parts: Iterable[Condition]) -> Condition:
    found = list(parts)
    if len(found) == 1:
        return found[0]
    return Condition(f"({word.join(part.text for part in found)})", tuple(v for part in found for v in part.values))
