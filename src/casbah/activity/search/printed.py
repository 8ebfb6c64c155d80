"""Writes the `filters` object of the API as a search, which means exactly the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from casbah.activity import value as v
from casbah.activity.fields import Kind
from casbah.activity.language import Filter, Operator, filter_named, operator_named, positive
from casbah.activity.query import GROUPS
from casbah.activity.search import moments
from casbah.activity.search.compiled import SearchContext
from casbah.activity.search.forms import AFFIXES, BOUNDS, NAMED, SAME_AS, SHAPES, SIGNS, Shape, field_of
from casbah.activity.search.known import PARTS, is_part_of_value, is_unknown, named_with_part
from casbah.activity.search.syntax import is_bare, literal, quoted
from casbah.activity.text import word_runs

NOTHING = "-id:*"
"""A search that finds nothing: every activity has an id."""

_SIGN_OF = {operator: sign for sign, operator in SIGNS.items()}
_SHAPE_OF = {operator: shape for shape, operator in SHAPES.items()}
_BOUND_OF = {bound: name for name, bound in BOUNDS.items()}
_DAYS = {"gte_ndays": "gte", "lte_ndays": "lte"}


def conditions(filters: Mapping[str, Any], context: SearchContext) -> list[tuple[str, dict[str, Any]]]:
    """The conditions of valid filters, each as a search and as filters; all of them hold together."""
    printer = _Printer(context)
    return [(" ".join(printer.conditions(part)), part) for part in _separate(filters)]


def value_text(row: Filter, value: Any, context: SearchContext) -> str:
    """A whole value of a filter, as it is written after the field."""
    return _Printer(context).value(row, value)


def _separate(filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same filters with one condition each."""
    for name, value in filters.items():
        if name == "all":
            for part in value:
                yield from _separate(part)
        elif name in GROUPS:
            yield {name: value}
        else:
            yield from ({name: {operator: operands}} for operator, operands in value.items())


class _Printer:
    def __init__(self, context: SearchContext) -> None:
        self._context = context

    def conditions(self, filters: Mapping[str, Any]) -> Iterator[str]:
        """One text per condition; all of them hold together."""
        for name, value in filters.items():
            match name:
                case "all":
                    for part in value:
                        yield from self.conditions(part)
                case "any":
                    yield _either([self._group(part) for part in value])
                case "not":
                    yield _negated(self._group(value))
                case _:
                    row = filter_named(name)
                    for operator, operands in value.items():
                        yield from self._condition(row, operator_named(row, operator), _listed(operands))

    def _group(self, filters: Mapping[str, Any]) -> str:
        """The search of filters as one item: in parentheses if it has several conditions."""
        texts = list(self.conditions(filters))
        if not texts:
            return f"({NOTHING} OR id:*)"
        return texts[0] if len(texts) == 1 else f"({' '.join(texts)})"

    def _condition(self, row: Filter, operator: Operator, operands: list[Any]) -> Iterator[str]:
        negated = operator.complement_of is not None
        plain = positive(operator).name
        values = [value for value in operands if not _is_modifier(row, value)]
        if not values and plain == "deq":
            plain, values = "isset", [True]
        if not values:
            if not negated:
                yield NOTHING
            return
        role = next((value.get("role") for value in operands if _is_modifier(row, value)), None)
        text = self._positive(row, plain, values, None if role is None else v.whole(role))
        yield _negated(text) if negated else text

    def _positive(self, row: Filter, operator: str, values: list[Any], role: int | None) -> str:
        if row.field.kind is Kind.WORDS:
            return _either([_words(operator, value) for value in values])
        field = field_of(row, role)
        if operator == "isset":
            return _either([f"{field}:*" if v.flag(value) == "true" else f"-{field}:*" for value in values])
        if row.field.kind is Kind.MS:
            return self._moments(row, field, operator, values)
        operator = SAME_AS.get(operator, operator)
        return f"{field}:" + ",".join(self._value(row, operator, value) for value in values)

    def _value(self, row: Filter, operator: str, value: Any) -> str:
        if operator == "range":
            return "..".join(
                "" if value.get(end) is None else self._called(row, value[end]) for end in ("start", "end")
            )
        if operator in _SHAPE_OF and operator != "eq":
            shape = _SHAPE_OF[operator]
            before, after = AFFIXES[shape]
            sign = "=" if shape in PARTS and self._finds_names(row, shape, str(value)) else ""
            return sign + before + self._text(row, value.rstrip("/") if operator == "descendantof" else value) + after
        return self.value(row, value) if operator == "eq" else _SIGN_OF[operator] + self._called(row, value)

    def _finds_names(self, row: Filter, shape: Shape, text: str) -> bool:
        """Whether a part without `=` means anything but the values that have it."""
        names = self._context.names
        return not is_part_of_value(row, shape, text, names) or bool(named_with_part(row, shape, text, names))

    def value(self, row: Filter, value: Any) -> str:
        """A whole value: by its name, if it has one of its own."""
        text = self._called(row, value)
        return f"={text}" if is_unknown(row, value, self._context.names) and not text.startswith("=") else text

    def _called(self, row: Filter, value: Any) -> str:
        pairs = self._context.names(row.name)
        if row.field.kind in NAMED:
            names = [name for known, name in pairs if known is not None and _same(known, value)]
            if len(names) == 1 and sum(name.casefold() == names[0].casefold() for _, name in pairs) == 1:
                return literal(names[0])
        text = self._text(row, value)
        is_name = any(name.casefold() == str(value).casefold() for _, name in pairs)
        is_known = any(known is not None and _same(known, value) for known, _ in pairs)
        return "=" + text if is_name and not is_known else text

    def _text(self, row: Filter, value: Any) -> str:
        if value is None or (row.nullable and value == "null"):
            return "null"
        if row.field.kind is Kind.BOOL:
            return "yes" if v.flag(value) == "true" else "no"
        if isinstance(value, Mapping):
            parts = ["" if value.get(key) is None else str(v.whole(value[key])) for key in ("saas", "inst")]
            suffix = "/".join(parts).rstrip("/")
            text = str(value["id"])
            return f"{quoted(text)}/{suffix}" if suffix else literal(text)
        return literal(str(int(value)) if isinstance(value, float) else str(value))

    def _moments(self, row: Filter, field: str, operator: str, values: Sequence[Any]) -> str:
        bound = _DAYS.get(operator, operator)
        name = _BOUND_OF.get((row.name, bound))
        texts = [self._moment(operator, value) for value in values]
        if name is not None:
            return f"{name}:" + ",".join(texts)
        sign = "" if bound in ("eq", "range") else _SIGN_OF[bound]
        return f"{field}:" + ",".join(sign + text for text in texts)

    def _moment(self, operator: str, value: Any) -> str:
        zone, now = self._context.zone, self._context.now
        match operator:
            case "gte_ndays" | "lte_ndays":
                days = float(value) if isinstance(value, str) else value
                ms = v.days_ago(value, now=now)
                relative = moments.ago(days)
                return relative or self._moment(_DAYS[operator], ms)
            case "range":
                ends = (("start", moments.first), ("end", moments.last))
                return "..".join(
                    "" if value.get(end) is None else write(v.whole(value[end]), zone) for end, write in ends
                )
            case "gte" | "lt":
                return moments.first(v.whole(value), zone)
            case "lte" | "gt":
                return moments.last(v.whole(value), zone)
            case _:
                return moments.exactly(v.whole(value), zone)


def _words(operator: str, value: str) -> str:
    """A value of the free text filter as one item."""
    if operator == "text":
        items = [item for token in value.split() for item in _every_word(token)]
        return NOTHING if not items else items[0] if len(items) == 1 else f"({' '.join(items)})"
    if not word_runs(value):
        return NOTHING
    return quoted(value) + ("*" if operator == "startswithsingle" else "")


def _every_word(token: str) -> Iterator[str]:
    """A word without white space as the search takes it: itself, or else the words in it."""
    runs = word_runs(token)
    if runs and is_bare(token) and token[0].isalnum() and ":" not in token and token not in ("OR", "AND"):
        yield token
        return
    yield from ("".join(run) for run in runs)


def _either(items: Sequence[str]) -> str:
    """Any of these items, as one item."""
    distinct = list(dict.fromkeys(items))
    if not distinct:
        return NOTHING
    return distinct[0] if len(distinct) == 1 else f"({' OR '.join(distinct)})"


def _negated(item: str) -> str:
    """The complement of an item; a word that stands alone is put in parentheses, since `-word` is no NOT."""
    if item.startswith("-"):
        return item[1:]
    head = item.split(":", 1)[0]
    is_condition = ":" in item and head.replace(".", "").isalnum() and not item.startswith(("(", '"'))
    return f"-{item}" if is_condition or item.startswith(("(", '"')) else f"-({item})"


def _is_modifier(row: Filter, value: Any) -> bool:
    return bool(row.by_role) and isinstance(value, Mapping)


def _same(known: Any, value: Any) -> bool:
    return str(known).casefold() == str(value).casefold()


def _listed(operands: Any) -> list[Any]:
    return list(operands) if isinstance(operands, list) else [operands]
