"""Makes a search the `filters` object of the API.

What plain filters cannot say (one operator twice, OR between filters, NOT of words) is said with `all`, `any` and `not`, which
Casbah's own routes take. Times relative to now stay relative where an operator for them exists (`gte_ndays`, `lte_ndays`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, Filter
from casbah.activity.query import GROUPS, where
from casbah.activity.record import decimal
from casbah.activity.search import grouping, known, moments
from casbah.activity.search.forms import (
    CALLED,
    CLOSED,
    NUMBERS,
    RELATIVE,
    SHAPES,
    SIGNS,
    TARGETS,
    YES_OR_NO,
    FieldTarget,
    Names,
    Shape,
    field_of,
)
from casbah.activity.search.grouping import Grouping
from casbah.activity.search.syntax import (
    Either,
    Every,
    Excluded,
    FieldCondition,
    Node,
    Quotation,
    SearchValue,
    ValuePiece,
    Word,
)
from casbah.errors import BadValueError, SearchError, nearest

Filters = dict[str, Any]
_ALL, _ANY, _NOT = GROUPS
_SHOWN = 5
_UNION = frozenset(OPERATORS) - {"deq"} - {row.name for row in OPERATORS.values() if row.complement_of}
"""Operators that hold for several values if they hold for one of them."""


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a search is read with: the time now (ms since the epoch), the zone of its times, and the names of values."""

    now: int
    zone: tzinfo
    names: Names


def filters_of_search(text: str, context: SearchContext) -> Filters:
    """The filters that a search without groups means. Raises SearchError."""
    return filters_of_tree(grouping.ungrouped(text), context)


def grouped_filters_of(text: str, context: SearchContext) -> tuple[Filters, Grouping]:
    """The filters and the groups that a search means. Raises SearchError."""
    node, groups = grouping.separated(text)
    return filters_of_tree(node, context), groups


def filters_of_tree(tree: Node, context: SearchContext) -> Filters:
    """The filters of a search that was read already. Raises SearchError."""
    return _Compiler(context).filters(tree)


class _Compiler:
    def __init__(self, context: SearchContext) -> None:
        self._context = context

    def filters(self, node: Node) -> Filters:
        match node:
            case Every(parts):
                return self._every(parts)
            case Either(parts):
                return _either([self.filters(part) for part in parts])
            case Excluded(part):
                return _negated(self.filters(part))
            case Word(text, _, star_after):
                return {"text": {"startswithsingle" if star_after else "text": [text]}}
            case Quotation(text, _, star_after):
                return {"text": {"startswithsingle" if star_after else "eq": [text]}}
            case FieldCondition():
                return self._condition(node)

    def _every(self, parts: Sequence[Node]) -> Filters:
        """Whole words are one value: every word, in any order."""
        words = [part.text for part in parts if isinstance(part, Word) and not part.star_after]
        others = [self.filters(part) for part in parts if not (isinstance(part, Word) and not part.star_after)]
        return joined([{"text": {"text": [" ".join(words)]}}, *others] if words else others)

    def _condition(self, node: FieldCondition) -> Filters:
        target = TARGETS[node.field.lower()]
        tests: dict[str, list[Any]] = {}
        alternatives: list[Filters] = []
        for value in node.values:
            if target.row.field.kind is Kind.MS:
                alternatives.append(self._checked(self._moment(target, value), target, value))
                continue
            for operator, operands in self._tests(target, value):
                _check_operator(target, operator, value)
                self._checked({target.row.name: {operator: operands}}, target, value)
                tests.setdefault(operator, []).extend(operands)
        modifier = [] if target.role is None else [{"role": target.role}]
        alternatives += [{target.row.name: {operator: [*operands, *modifier]}} for operator, operands in tests.items()]
        return _either(alternatives)

    def _checked(self, filters: Filters, target: FieldTarget, value: SearchValue) -> Filters:
        """The filters of one value, if it is valid."""
        try:
            where(filters, now=self._context.now, groups=True)
        except BadValueError as error:
            span, piece = value.span, value.piece
            may_begin = piece and not value.sign and "startswith" in target.row.operators
            hint = f"; for a beginning of it, write {piece.text}*" if piece and may_begin else ""
            message = f"{target.row.label}: expected {error.expected}{hint}"
            raise SearchError(message, position=span.start, length=span.end - span.start) from error
        return filters

    def _tests(self, target: FieldTarget, value: SearchValue) -> list[tuple[str, list[Any]]]:
        """The operators and their operands for one value, of which one must hold."""
        row, piece = target.row, value.piece
        if value.is_range:
            return [("range", [self._range(row, value)])]
        if piece is None:
            raise AssertionError("only a range has no first piece")
        if value.sign:
            return [self._signed(row, value.sign, piece)]
        if piece.star_after and not piece.quoted and not piece.text:
            return [("isset", [True])]
        shape, names = _shape(piece), self._context.names
        if shape in known.PARTS:
            return self._part(row, piece, shape)
        operands = self._operands(row, piece, shape)
        if shape is Shape.PLAIN and known.is_unknown(row, operands[0], names):
            raise _error_at(known.message(row, shape, piece.text, names), piece)
        return [(SHAPES[shape], operands)]

    def _part(self, row: Filter, piece: ValuePiece, shape: Shape) -> list[tuple[str, list[Any]]]:
        """A beginning, an end or a part: of values, and of names."""
        text, names, tests = piece.text, self._context.names, []
        if known.is_part_of_value(row, shape, text, names):
            tests.append((SHAPES[shape], self._operands(row, piece, shape)))
        named = known.named_with_part(row, shape, text, names)
        if named:
            tests.append(("eq", named))
        if not tests:
            raise _error_at(known.message(row, shape, text, names), piece)
        return tests

    def _signed(self, row: Filter, sign: str, piece: ValuePiece) -> tuple[str, list[Any]]:
        """The operator and the operands of one value after a sign. After `=`, stars have their meaning, too."""
        shape = _shape(piece)
        if shape is Shape.PLAIN:
            return SIGNS[sign], [_plain(row, piece.text)] if sign == "=" else self._operands(row, piece, shape)
        if sign != "=":
            raise _error_at(f"after {sign} comes a whole value; put a star that belongs to it in quotes", piece)
        if "startswith" not in row.operators:
            raise _error_at(f"{row.label}: after = comes a whole value", piece)
        if not piece.text:
            raise _error_at(f"after = comes a value, or a part of one; any value is {field_of(row)}:*", piece)
        return SHAPES[shape], [piece.text]

    def _operands(self, row: Filter, piece: ValuePiece, shape: Shape) -> list[Any]:
        kind, text = row.field.kind, piece.text
        if piece.suffix and kind is not Kind.ENTITY:
            raise _error_at(f"after a closing quote comes white space, a comma or a star, not {piece.suffix!r}", piece)
        if kind is Kind.ENTITY:
            return [_entity(piece)]
        if kind is Kind.BOOL:
            if text.lower() not in YES_OR_NO:
                raise _error_at(f"{row.label}: yes or no", piece)
            return [YES_OR_NO[text.lower()] == "true"]
        return [self._named(row, piece)] if shape is Shape.PLAIN else [text]

    def _named(self, row: Filter, piece: ValuePiece) -> Any:
        """The value of that name, or the text itself."""
        pairs = self._context.names(row.name)
        wanted = piece.text.casefold()
        if any(str(value).casefold() == wanted for value, _ in pairs if value is not None):
            return _plain(row, piece.text)
        values = {value for value, name in pairs if name.casefold() == wanted}
        if len(values) == 1:
            return values.pop()
        if values:
            raise _error_at(
                f"{piece.text!r} is the name of several values: {_listed(values)}; write one of these", piece
            )
        if row.field.kind not in CLOSED or _is_value(row, piece.text):
            return _plain(row, piece.text)
        return self._only_containing(row, piece)

    def _only_containing(self, row: Filter, piece: ValuePiece) -> Any:
        """The value whose name alone contains the text."""
        pairs = self._context.names(row.name)
        names = {name: value for value, name in pairs if piece.text.casefold() in name.casefold() and piece.text}
        if len(names) == 1:
            return next(iter(names.values()))
        if names:
            raise _error_at(
                f"{row.label}: {piece.text!r} may be {_listed(names)}; write the whole name in quotes, or a star", piece
            )
        known = [name for _, name in pairs]
        raise _error_at(f"{row.label}: no value is called {piece.text!r}{nearest(piece.text, known)}", piece)

    def _range(self, row: Filter, value: SearchValue) -> dict[str, Any]:
        if row.field.kind not in NUMBERS:
            span = value.span
            raise SearchError(
                f"{row.label} has no ranges, only numbers and times have; to find two dots, put the value in quotes",
                position=span.start,
                length=span.end - span.start,
            )
        ends = {"start": value.piece, "end": value.end}
        return {name: self._named(row, piece) for name, piece in ends.items() if piece is not None}

    def _moment(self, target: FieldTarget, value: SearchValue) -> Filters:
        """The condition of a time, or of a span between two."""
        name, bound, piece = target.row.name, target.bound, value.piece
        if bound is not None:
            if value.is_range or value.sign or piece is None or _shape(piece) is not Shape.PLAIN:
                raise SearchError(
                    f"expected {moments.EXPECTED}", position=value.span.start, length=value.span.end - value.span.start
                )
            return {name: self._bound(bound, piece)}
        if value.is_range:
            return self._span(name, value)
        if piece is None:
            raise AssertionError("only a range has no first piece")
        if piece.star_after and not piece.text and not piece.quoted:
            return {name: {"isset": [True]}}
        if not value.sign:
            span = self._read(piece)
            if isinstance(span, moments.Ago):
                raise _error_at(f"{piece.text!r} is a moment; write since:{piece.text} or until:{piece.text}", piece)
            if span.first == span.last:
                return {name: {"eq": [span.first]}}
            return {name: {"range": [{"start": span.first, "end": span.last}]}}
        if value.sign in ("<>", "="):
            raise _error_at(
                f"a time has no {value.sign}; write date:... for this time, -date:... for every other", piece
            )
        return {name: self._bound(SIGNS[value.sign], piece)}

    def _span(self, name: str, value: SearchValue) -> Filters:
        ends = [(operator, end) for operator, end in (("gte", value.piece), ("lte", value.end)) if end is not None]
        bounds = [self._bound(operator, end) for operator, end in ends]
        if [list(bound) for bound in bounds] == [["gte"], ["lte"]]:
            return {name: {"range": [{"start": bounds[0]["gte"][0], "end": bounds[1]["lte"][0]}]}}
        return joined([{name: bound} for bound in bounds])

    def _bound(self, operator: str, piece: ValuePiece) -> dict[str, Any]:
        """One bound: from the first millisecond of a written time on, until its last, after its last, before its first."""
        moment = self._read(piece)
        if isinstance(moment, moments.Ago):
            if operator in RELATIVE:
                return {RELATIVE[operator]: [moment.days]}
            return {operator: [self._context.now - moment.ms]}
        return {operator: [moment.first if operator in ("gte", "lt") else moment.last]}

    def _read(self, piece: ValuePiece) -> moments.Moments | moments.Ago:
        read = moments.read(piece.text, now=self._context.now, zone=self._context.zone)
        if read is None or _shape(piece) is not Shape.PLAIN or piece.suffix:
            raise _error_at(f"expected {moments.EXPECTED}", piece)
        return read


def _shape(piece: ValuePiece) -> Shape:
    if piece.below:
        return Shape.BELOW
    if piece.star_before:
        return Shape.MIDDLE if piece.star_after else Shape.ENDING
    return Shape.BEGINNING if piece.star_after else Shape.PLAIN


def _check_operator(target: FieldTarget, operator: str, value: SearchValue) -> None:
    row, span = target.row, value.span
    if operator == "isset" and target.role is not None:
        raise SearchError("write a group, or its beginning (x*)", position=span.start, length=span.end - span.start)
    if operator in row.operators:
        return
    raise SearchError(
        f"{row.label} does not take {CALLED[operator]}; it takes {_takes(row)}",
        position=span.start,
        length=span.end - span.start,
    )


def _takes(row: Filter) -> str:
    return ", ".join(text for operator, text in CALLED.items() if operator in row.operators)


def _entity(piece: ValuePiece) -> Any:
    """An entity: its id, with the app and the instance after the quotes if there are any."""
    if not piece.suffix:
        return {"id": piece.text}
    app, _, instance = piece.suffix.removeprefix("/").partition("/")
    parts = {name: decimal(text) for name, text in (("saas", app), ("inst", instance)) if text}
    if None in parts.values():
        raise _error_at('after the id of an entity come numbers: "id"/app/instance', piece)
    return {"id": piece.text, **parts}


def _plain(row: Filter, text: str) -> Any:
    if row.nullable and text == "null":
        return None
    number = decimal(text) if row.field.kind is Kind.INT else None
    return text if number is None else number


def _is_value(row: Filter, text: str) -> bool:
    if row.field.kind is Kind.INT:
        return decimal(text) is not None
    return decimal(text) is not None or text[:2] in ("t:", "s:")


def _listed(values: Iterable[Any]) -> str:
    shown = sorted(map(str, values))
    return ", ".join(shown[:_SHOWN]) + (" ..." if len(shown) > _SHOWN else "")


def _error_at(message: str, piece: ValuePiece) -> SearchError:
    return SearchError(message, position=piece.span.start, length=piece.span.end - piece.span.start)


def _negated(filters: Filters) -> Filters:
    """The exact complement: with the opposite operator if there is one condition and its operator has one."""
    single = _single(filters)
    if single is None:
        return filters[_NOT] if set(filters) == {_NOT} else {_NOT: filters}
    name, operator, operands = single
    opposite = next((row.name for row in OPERATORS.values() if row.complement_of == operator), None)
    if opposite is None or opposite not in FILTERS[name].operators:
        return {_NOT: filters}
    return {name: {opposite: operands}}


def _either(alternatives: Sequence[Filters]) -> Filters:
    """Any of them; conditions of one filter and operator are one condition with all of their values."""
    united: list[Filters] = []
    for filters in alternatives:
        single = _single(filters)
        known = next((one for one in united if single and _unites(_single(one), single)), None)
        if known is None or single is None:
            united.append(filters)
        else:
            name, operator, operands = single
            known[name] = {operator: [*known[name][operator], *operands]}
    return united[0] if len(united) == 1 else {_ANY: united}


def _unites(one: tuple[str, str, list[Any]] | None, other: tuple[str, str, list[Any]]) -> bool:
    if one is None or one[:2] != other[:2] or one[1] not in _UNION:
        return False
    return not any(isinstance(operand, dict) and "role" in operand for operand in (*one[2], *other[2]))


def _single(filters: Filters) -> tuple[str, str, list[Any]] | None:
    """The filter, operator and operands of filters with one condition."""
    if len(filters) != 1 or set(filters) & set(GROUPS):
        return None
    ((name, operators),) = filters.items()
    if len(operators) != 1:
        return None
    ((operator, operands),) = operators.items()
    return name, operator, operands


def joined(parts: Sequence[Mapping[str, Any]]) -> Filters:
    """All of them, in one object where no condition would hide another."""
    whole: Filters = {}
    rest: list[Mapping[str, Any]] = []
    for filters in parts:
        nested = filters.get(_ALL, [])
        plain = {name: value for name, value in filters.items() if name != _ALL}
        rest += nested
        if _fits(plain, whole):
            for name, value in plain.items():
                whole[name] = value if name in GROUPS else {**whole.get(name, {}), **value}
        else:
            rest.append(plain)
    return {**whole, _ALL: rest} if rest else whole


def _fits(filters: Filters, whole: Filters) -> bool:
    return all(
        name not in whole or (name not in GROUPS and not set(value) & set(whole[name]))
        for name, value in filters.items()
    )
