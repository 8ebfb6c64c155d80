"""The queries that `casbah compare` sends: every filter with every operator, with values that are stored.

The store counts values in their compared form, in lower case. Another server may not fold case, so they are sent as a record
spells them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.language import FILTERS, OPERATORS, Filter, Operator, filter_named, positive
from casbah.activity.record import part, strings
from casbah.activity.text import folded
from casbah.activity.value import MS_PER_DAY, Takes
from casbah.ingest.apps import CASBAH

Filters = Mapping[str, Mapping[str, Any]]
Values = Mapping[str, Sequence[Any]]
"""Values of filters by name, without those of which nothing is stored."""

_WORDS = 2
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Scope:
    """The activities that are compared: from `start` to `end` (ms, both included), without Casbah's own acts, and those that
    match `own`, the filters of the command line, only.
    """

    start: int
    end: int
    own: Filters

    @property
    def filters(self) -> Filters:
        result: Filters = self.own
        for name, operator, operand in (
            ("date", "gte", self.start),
            ("date", "lte", self.end),
            ("service", "neq", [CASBAH]),
        ):
            result = narrowed(result, name, operator, operand) or result
        return result

    @property
    def days(self) -> int:
        return (self.end - self.start) // MS_PER_DAY


@dataclass(frozen=True, slots=True)
class ComparedQuery:
    """One query. `filter`, `operator` and `operand` are the condition that it tests, if it tests one."""

    filters: Filters
    filter: str = ""
    operator: str = ""
    operand: Any = None
    sort: str = "date"
    descending: bool = True
    scan: bool = False

    @property
    def name(self) -> str:
        """What it tests, such as `service eq [11161]`."""
        if self.filter:
            return f"{self.filter} {self.operator} {json.dumps(self.operand, ensure_ascii=False)}"
        way = "scan" if self.scan else "list"
        return f"{way} by {self.sort}, {'newest' if self.descending else 'oldest'} first"

    @property
    def body(self) -> dict[str, Any]:
        """The body of its request, for one page."""
        direction = "desc" if self.descending else "asc"
        body = {"filters": self.filters, "sortField": self.sort, "sortDirection": direction}
        return body | ({"isScan": True} if self.scan else {"limit": _PAGE})


def orders(scope: Scope) -> Iterator[ComparedQuery]:
    """Everything in the scope: listed and scanned, in each order."""
    for scan in (False, True):
        for sort in ("date", "created"):
            for descending in (True, False):
                yield ComparedQuery(scope.filters, sort=sort, descending=descending, scan=scan)


def parts(scope: Scope) -> Iterator[ComparedQuery]:
    """Each condition of the command line alone, if there are several: to tell which of them makes a difference."""
    alone = Scope(scope.start, scope.end, {})
    own = [(name, *item) for name, operators in scope.own.items() for item in operators.items()]
    for name, operator, operand in own if len(own) > 1 else ():
        yield from _query(alone, name, operator, operand)


def conditions(scope: Scope, values: Values, *, undocumented: bool) -> Iterator[ComparedQuery]:
    """A query for each filter of which a value is stored and each of its operators: those that MDCA documents, or all."""
    for row in FILTERS.values():
        known = values.get(row.name)
        for name in _sent(row, undocumented=undocumented) if known else ():
            for operand in _operands(row, OPERATORS[name], known or (), scope):
                yield from _query(scope, row.name, name, operand)


def untested(queries: Iterable[ComparedQuery], *, undocumented: bool) -> list[str]:
    """The filters that could be sent, but that none of the queries tests."""
    tested = {query.filter for query in queries}
    return [row.name for row in FILTERS.values() if _sent(row, undocumented=undocumented) and row.name not in tested]


def narrowed(filters: Filters, name: str, operator: str, operand: Any) -> Filters | None:
    """The filters with one more condition; None where the filter has that operator already, which cannot hold both."""
    name = filter_named(name).name
    operators = filters.get(name, {})
    if operator not in operators:
        return {**filters, name: {**operators, operator: operand}}
    known = operators[operator]
    if OPERATORS[operator].complement_of is None or not isinstance(known, list) or not isinstance(operand, list):
        return None
    return {**filters, name: {**operators, operator: [*known, *operand]}}  # None of these, and none of those.


def spelled(value: Any, record: Mapping[str, Any]) -> Any:
    """A value as it is spelled in a record that has it; the value itself if the record has it in no string of its own."""
    if isinstance(value, dict):
        performer = part(part(record, "entityData").get("0"), "id")
        return performer if performer.get("id") == value["id"] else value
    return next((text for text in strings(record) if folded(text) == value), value) if isinstance(value, str) else value


def values_in(record: Mapping[str, Any]) -> Values:
    """The values of a record for the filters whose values the store does not count."""
    words = str(record.get("description") or "").split()
    values = {
        "activity.id": record.get("_id"),
        "date": record.get("timestamp"),
        "created": record.get("created"),
        "text": " ".join(words[:_WORDS]),
    }
    return {name: [value] for name, value in values.items() if value}


def _sent(row: Filter, *, undocumented: bool) -> Sequence[str]:
    """The operators that a filter is sent with."""
    return row.operators if undocumented else [name.lower() for name in row.documented]


def _query(scope: Scope, name: str, operator: str, operand: Any) -> Iterator[ComparedQuery]:
    filters = narrowed(scope.own, name, operator, operand)
    if filters is not None:
        yield ComparedQuery(Scope(scope.start, scope.end, filters).filters, name, operator, operand)


def _operands(row: Filter, operator: Operator, values: Sequence[Any], scope: Scope) -> Iterator[Any]:
    """What an operator is sent with: its operand, and "no value" where the filter knows that."""
    takes = positive(operator).takes
    yield _OF_TAKES[takes](positive(operator), values, scope)
    if row.nullable and takes is Takes.VALUES:
        yield [None]


def _text(operator: Operator, values: Sequence[Any], _: Scope) -> list[str]:
    value = values[0]["id"] if isinstance(values[0], dict) else values[0]
    return [_PART_OF.get(operator.name, _beginning)(str(value))]


def _beginning(text: str) -> str:
    return text[: (len(text) + 1) // 2]


_PART_OF: Mapping[str, Callable[[str], str]] = {
    "contains": lambda text: text[len(text) // 4 : len(text) // 4 + (len(text) + 1) // 2],
    "endswith": lambda text: text[len(text) // 2 :],
    "descendantof": lambda text: text,
    "text": lambda text: text,
}
"""The part of a stored text that an operator is sent with; the other operators get its beginning."""

_OF_TAKES: Mapping[Takes, Callable[[Operator, Sequence[Any], Scope], Any]] = {
    Takes.VALUES: lambda _, values, __: list(values),
    Takes.TEXTS: _text,
    Takes.FLAGS: lambda *_: True,
    Takes.NUMBERS: lambda _, values, __: values[0],
    Takes.RANGES: lambda _, values, __: [{"start": values[0], "end": values[0] + MS_PER_DAY}],
    Takes.DAYS: lambda _, __, scope: max(1, scope.days // 2),
}
