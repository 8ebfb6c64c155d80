"""Simplifies predicates, whatever is stored: `Everything` where every activity matches, `NOTHING` where none can.

Exact: a simplified predicate matches the same activities. It knows which values each kind of field can have and which fields
every activity has, and sees what conditions on one field come to together; of what is stored it knows nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from casbah.activity import predicate as p
from casbah.activity.fields import WEB, Field, Kind
from casbah.activity.predicate import Predicate
from casbah.activity.record import MAX_INT, MIN_INT, decimal

NOTHING = p.Any(())
"""No activity."""

Span = tuple[int, int]
"""Whole numbers from the first to the last, both included."""


def simplified(predicate: Predicate) -> Predicate:
    """A predicate that matches the same activities, with what is always or never true resolved."""
    match predicate:
        case p.All(parts):
            return _all([simplified(part) for part in parts])
        case p.Any(parts):
            return _any([simplified(part) for part in parts])
        case p.Not(part):
            return _not(simplified(part))
        case _:
            return _of_field(predicate)


def union(spans: Iterable[Span]) -> list[Span]:
    """The same numbers in the fewest spans, in order."""
    merged: list[Span] = []
    for low, high in sorted(span for span in spans if span[0] <= span[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged


def _all(parts: Sequence[Predicate]) -> Predicate:
    return NOTHING if NOTHING in parts else p.both(*parts)


def _any(parts: Sequence[Predicate]) -> Predicate:
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, p.Any) else (part,))]
    alternatives = dict.fromkeys(_united(flat))
    if p.Everything() in alternatives or any(
        isinstance(part, p.Not) and part.part in alternatives for part in alternatives
    ):
        return p.Everything()
    present = {part.field.name for part in alternatives if isinstance(part, p.Present)}
    return p.either(*(part for part in alternatives if isinstance(part, p.Present) or _field_of(part) not in present))


def _united(parts: Sequence[Predicate]) -> Iterator[Predicate]:
    """The parts, and `Present` for each numeric field whose conditions together cover every possible value."""
    spans: defaultdict[Field, list[Span]] = defaultdict(list)
    for part in parts:
        yield part
        if isinstance(part, p.Terms | p.Other | p.Range) and part.field.kind in _NUMBERS:
            spans[part.field] += _spans(part)
    for field, field_spans in spans.items():
        if union(field_spans) == [_NUMBERS[field.kind]]:
            yield _present(field)


def _not(part: Predicate) -> Predicate:
    if isinstance(part, p.Not):
        return part.part
    if part == p.Everything():
        return NOTHING
    return p.Everything() if part == NOTHING else p.Not(part)


def _of_field(part: Predicate) -> Predicate:
    match part:
        case p.Present(field):
            return _present(field)
        case p.Terms(field) | p.Other(field) | p.Range(field) if field.kind in _NUMBERS:
            return _of_spans(field, _spans(part), part)
        case p.Terms(field, values):
            possible = tuple(value for value in values if _possible(field.kind, str(value)))
            return p.Terms(field, possible) if possible else NOTHING
        case p.Other(field, values):
            possible = tuple(value for value in values if _possible(field.kind, str(value)))
            return p.Other(field, possible) if possible else _present(field)
        case p.Prefix(field, text) | p.Infix(field, text) | p.Suffix(field, text):
            return _of_text(field, text, part)
        case _:
            return part


def _present(field: Field) -> Predicate:
    return p.Everything() if field.always else p.Present(field)


def _field_of(part: Predicate) -> str | None:
    """The field of a part that holds only where the field has a value."""
    field = None if isinstance(part, p.Not) else getattr(part, "field", None)
    return None if field is None else str(field.name)


def _of_spans(field: Field, spans: Sequence[Span], as_it_was: Predicate) -> Predicate:
    if not spans:
        return NOTHING
    return _present(field) if spans == [_NUMBERS[field.kind]] else as_it_was


def _spans(part: p.Terms | p.Other | p.Range) -> list[Span]:
    """The spans of possible numbers of which the field must have one."""
    minimum, maximum = _NUMBERS[part.field.kind]
    spans: list[Span]
    match part:
        case p.Terms(_, values):
            spans = [(number, number) for number in map(_number, values)]
        case p.Other(_, values):
            edges = [
                minimum - 1,
                *sorted({number for number in map(_number, values) if minimum <= number <= maximum}),
                maximum + 1,
            ]
            spans = [(low + 1, high - 1) for low, high in pairwise(edges)]
        case p.Range(_, low, high, with_low, with_high):
            first = minimum if low is None else low + (not with_low)
            spans = [(first, maximum if high is None else high - (not with_high))]
    return union((max(low, minimum), min(high, maximum)) for low, high in spans)


def _number(value: str | int) -> int:
    return value if isinstance(value, int) else _FLAGS[value]


def _of_text(field: Field, text: str, as_it_was: Predicate) -> Predicate:
    if not text:
        return _present(field)
    if field.kind is Kind.IP and not _PART_OF_ADDRESS.fullmatch(text):
        return NOTHING
    if field.kind is Kind.URL and isinstance(as_it_was, p.Prefix):
        if all(beginning.startswith(text) for beginning in WEB):
            return _present(field)
        return as_it_was if any(text[: len(beginning)] == beginning[: len(text)] for beginning in WEB) else NOTHING
    return as_it_was


def _possible(kind: Kind, text: str) -> bool:
    """Whether a field of text of that kind can have a value."""
    if kind is Kind.URL:
        return text.startswith(WEB)
    if kind is not Kind.SOURCE or not text.startswith("t:"):
        return bool(text)
    number = decimal(text[2:])
    return number is not None and MIN_INT <= number <= MAX_INT


_FLAGS = {"false": 0, "true": 1}
_NUMBERS: dict[Kind, Span] = {
    Kind.INT: (MIN_INT, MAX_INT),
    Kind.BOOL: (0, 1),
    Kind.MS: (0, 2**43 - 1),
    Kind.ADDRESS: (0, 2**128 - 1),
}
"""The numbers that fields of these kinds can have, the two flags among them; of times, see `ingest.times.MAX_TIMESTAMP`."""

_PART_OF_ADDRESS = re.compile(r"[0-9a-f.:]+")
"""The characters of a canonical address."""
