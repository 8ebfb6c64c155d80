"""What is being typed at a place of a search, and what else of the search must hold for it.

`typed_at` reads the place; `fields_like`, `forms_of` and `moments_of` say what may be typed there. The caller knows which
values there are, and counts activities: those for which `meaning` of a suggestion and `Typed.rest` hold.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, Catalog, Filter
from casbah.activity.search import grouping, syntax
from casbah.activity.search.compiled import Filters, SearchContext, filters_of_search, filters_of_tree
from casbah.activity.search.forms import (
    AFFIXES,
    BOUNDS,
    CLOSED,
    NUMBERS,
    ROLES,
    SHAPES,
    SIGNS,
    TARGETS,
    FieldTarget,
    Shape,
    field_of,
)
from casbah.activity.search.printed import value_text
from casbah.activity.search.syntax import Either, Every, Excluded, Node, Quotation, literal
from casbah.errors import SearchError

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*):")
_DAYS, _AGO = ("today", "yesterday"), ("24h", "7d", "30d", "90d")
_AROUND = (Shape.BEGINNING, Shape.MIDDLE, Shape.ENDING, Shape.BELOW)
_WHOLE = (*CLOSED, Kind.BOOL, Kind.MS)
_NEAR = 3


@dataclass(frozen=True, slots=True)
class Typed:
    """What is being typed: `text` is what there is of a word or of a value, without its sign, stars and quotes.

    `start` and `end` surround what a suggestion replaces. Without a `target`, it is a field or a word, or with `names_field`
    the field of `by:` or `distinct:`. `rest` are the filters that must hold, too: conditions of the same alternative, not
    those of another side of an OR.
    """

    start: int
    end: int
    text: str
    rest: Filters
    target: FieldTarget | None = None
    sign: str = ""
    has_star: bool = False
    is_range: bool = False
    names_field: bool = False

    @property
    def takes_values(self) -> bool:
        """Whether a whole value may follow what there is."""
        target = self.target
        if target is None or self.has_star:
            return False
        return not self.sign or (target.bound is None and SIGNS[self.sign] in target.row.operators)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that may stand at the place: a field, an operator or a value.

    After a field and a sign comes a value, so they are not complete. Not everything complete is `counted`: the end of a range
    means nothing without its beginning.
    """

    kind: str
    text: str
    label: str
    help: str = ""
    complete: bool = True
    counted: bool = True


def typed_at(text: str, cursor: int, context: SearchContext) -> Typed:
    """What is being typed before `cursor`. Raises SearchError if the rest of the search cannot be read."""
    start, _ = _item_before(text, cursor)
    start += text.startswith("-", start, cursor)
    named = _FIELD.match(text, start)
    target = TARGETS.get(named[1].lower()) if named else None
    rest = _rest(text, start, _end_of_item(text, start, cursor), context)
    is_group = named is not None and named[1].lower() in _GROUPS
    if named is None or cursor < named.end() or not (target or is_group):
        end = named.end() if named and cursor > start else _end_of_item(text, start, cursor)
        return Typed(start, cursor if cursor == start else end, text[start:cursor].split(":", maxsplit=1)[0], rest)
    return replace(_value_at(text, named.end(), cursor), rest=rest, target=target, names_field=is_group)


def fields_like(text: str) -> Iterator[Suggestion]:
    """The fields whose names begin with a text, then those that have it in their name or label; else the nearest."""
    wanted = text.casefold()
    beginning = [name for name in _FIELDS if name.casefold().startswith(wanted)]
    within = [name for name, row in _FIELDS.items() if wanted in name.casefold() or wanted in row.label.casefold()]
    names = dict.fromkeys([*beginning, *within]) or get_close_matches(wanted, list(_FIELDS), n=_NEAR)
    for name in names:
        yield Suggestion("field", f"{name}:", _FIELDS[name].label, _FIELDS[name].help, complete=False, counted=False)
    for name, (label, does) in _GROUPS.items():
        if name.startswith(wanted):
            yield Suggestion("field", f"{name}:", label, does, complete=False, counted=False)


def grouped_fields(text: str) -> Iterator[Suggestion]:
    """The fields that `by:` and `distinct:` take and that begin with a text."""
    for name in grouping.names():
        if name.casefold().startswith(text.casefold()):
            yield Suggestion("value", name, _FIELDS[name].label, counted=False)


def forms_of(typed: Typed) -> Iterator[Suggestion]:
    """The operators that may be written at the place: around what was typed, or before a value."""
    target = typed.target
    if target is None or target.bound is not None or typed.sign or typed.is_range:
        return
    row = target.row
    if typed.text:
        shapes = () if row.choices or row.field.kind in _WHOLE else _AROUND
        for shape in (one for one in shapes if SHAPES[one] in row.operators):
            before, after = AFFIXES[shape]
            yield Suggestion("operator", f"{before}{literal(typed.text)}{after}", _label(row, SHAPES[shape]))
    elif not typed.has_star:
        if "isset" in row.operators and target.role is None:
            yield Suggestion("operator", "*", _label(row, "isset"))
        signs = SIGNS.items() if row.field.kind in NUMBERS and not isinstance(row.choices, Catalog) else ()
        for sign, operator in signs:
            if operator in row.operators and operator not in ("eq", "deq"):
                yield Suggestion("operator", sign, _label(row, operator), complete=False, counted=False)


def moments_of(typed: Typed) -> Iterator[Suggestion]:
    """The times that may be written at the place. One relative to now is a moment, which only bounds take."""
    target = typed.target
    if target is None or target.row.field.kind is not Kind.MS or not typed.takes_values:
        return
    is_bound = target.bound is not None or typed.sign or typed.is_range
    for text in (*_DAYS, *(_AGO if is_bound else ())):
        if text.startswith(typed.text.removeprefix("-")):
            yield Suggestion("value", typed.sign + text, "", counted=not typed.is_range)


def value_suggestion(typed: Typed, value: Any, label: str, context: SearchContext) -> Suggestion:
    """A value of the field as a suggestion."""
    if typed.target is None:
        raise AssertionError("only a field has values")
    text = value_text(typed.target.row, value, context)
    return Suggestion("value", typed.sign + text, label, counted=not typed.is_range)


def meaning(typed: Typed, suggestion: Suggestion, context: SearchContext) -> Filters:
    """The filters of a suggestion that is counted, written after the field that it is for."""
    if typed.target is None:
        raise AssertionError("only a condition has filters")
    target = typed.target
    bounds = {bound: name for name, bound in BOUNDS.items()}
    name = bounds[target.row.name, target.bound] if target.bound else field_of(target.row, target.role)
    return filters_of_search(f"{name}:{suggestion.text}", context)


def _fields() -> dict[str, Filter]:
    """The fields by the names that people write: short ones where there are any."""
    table = {
        name: row for row in FILTERS.values() if row.field.kind is not Kind.WORDS for name in row.short or (row.name,)
    }
    table |= {name: FILTERS[filter_name] for name, (filter_name, _) in BOUNDS.items()}
    return table | {name: FILTERS[filter_name] for (filter_name, _), name in ROLES.items()}


_FIELDS = _fields()
_GROUPS = {
    grouping.BY: ("Group", "Count by the values of one or two fields"),
    grouping.DISTINCT: ("Count distinct values", "Count the distinct values of fields in each group"),
}


def _label(row: Filter, operator: str) -> str:
    return dict(OPERATORS[operator].labels).get(row.field.kind, OPERATORS[operator].label)


def _item_before(text: str, cursor: int) -> tuple[int, int]:
    """Where the item that reaches to `cursor` begins, and how many groups are open there."""
    at = start = depth = inner = 0
    while at < cursor:
        char = text[at]
        end = _end_of_quoted(text, at)
        if end > cursor:
            break
        if char == '"':
            at = end
            continue
        at += 1
        if char.isspace():
            start, inner = at, 0
        elif char == "(" and text[start : at - 1] in ("", "-"):
            start, depth = at, depth + 1
        elif char == "(":
            inner += 1
        elif char == ")" and inner:
            inner -= 1
        elif char == ")":
            start, depth = at, depth - 1
    return start, depth


def _end_of_quoted(text: str, at: int) -> int:
    """The end of a quoted text that begins at `at`; beyond the text if it is not closed. `at` where none begins."""
    if not text.startswith('"', at):
        return at
    quoted = syntax.QUOTED.match(text, at)
    return quoted.end() if quoted else len(text) + 1


def _end_of_item(text: str, start: int, cursor: int, stops: str = "") -> int:
    """Where the item, or with `stops` the value, that begins at `start` and reaches beyond `cursor` ends."""
    at, depth = start, 0
    while at < len(text):
        end = _end_of_quoted(text, at)
        if end > len(text):
            return cursor
        if end > at:
            at = end
            continue
        char = text[at]
        depth += (char == "(") - (char == ")")
        if char.isspace() or depth < 0 or (char in stops and at >= cursor):
            break
        at += 1
    return max(at, cursor)


def _value_at(text: str, start: int, cursor: int) -> Typed:
    """The value that reaches to `cursor`, of those that begin at `start`."""
    at = start
    while at < cursor:
        end = _end_of_quoted(text, at)
        if end > cursor:
            break
        at = max(end, at + 1)
        if text[at - 1] == "," and end < at:
            start = at
    dots = text.find("..", start, cursor) if text[start : start + 1] != '"' else -1
    start = start if dots < 0 else dots + 2
    written = text[start:cursor]
    sign = next((sign for sign in syntax.SIGNS if written.startswith(sign)), "")
    bare = written.removeprefix(sign)
    has_star = bare.startswith("*") or (bare.endswith("*") and not bare.startswith('"'))
    inner = bare.strip("*")
    inner = syntax.unquoted(inner.strip('"')) if inner.startswith('"') else inner
    end = _end_of_item(text, start, cursor, stops=",")
    return Typed(start, end, inner, {}, sign=sign, has_star=has_star, is_range=dots >= 0)


def _rest(text: str, start: int, end: int, context: SearchContext) -> Filters:
    """The filters of what must hold beside the item between `start` and `end`, which gives its place to words in quotes."""
    stand_in = f' "{"x" * max(end - start - 2, 1)}" '
    whole = f"{text[:start]}{stand_in.lstrip()}{text[end:]}"
    _, depth = _item_before(whole, len(whole))
    try:
        tree = syntax.parse(whole + ")" * depth, grouping.FIELDS)
        others = Every(tuple(_others(tree, start) or ()))
        return filters_of_tree(grouping.without_groups(others), context)
    except SearchError as error:
        moved = len(whole) - len(text) if error.position > start else 0
        raise SearchError(error.message, position=error.position - moved, length=error.length) from error


def _others(node: Node, start: int) -> Sequence[Node] | None:
    """What must hold beside the part that begins at `start`; None if that is not below the node."""
    match node:
        case Quotation(_, span) if span.start == start:
            return []
        case Excluded(part):
            return _others(part, start)
        case Every(parts) | Either(parts):
            for part in parts:
                others = _others(part, start)
                if others is not None:
                    return [*others, *(other for other in parts if isinstance(node, Every) and other is not part)]
    return None
