"""Parses an untrusted request body to a Query, or raises. No other module sees what the client sent.

`parse` reads the parameters of a request and its filters. `continuation` gives the plain filters of the next page of a scan.
The rules are in docs/compatibility.md, sections 3 to 6.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from casbah.activity import predicate as p
from casbah.activity import value as v
from casbah.activity.fields import FIELDS, Field
from casbah.activity.language import Filter, Operator, filter_named, meaning, operator_named, positive
from casbah.activity.predicate import Predicate
from casbah.activity.value import Parsed, Takes
from casbah.errors import BadValueError, LimitExceededError, MalformedBodyError, describe

DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT = 100, 250
MIN_SCAN_LIMIT, MAX_SCAN_LIMIT = 500, 5_000
GROUPS = ("all", "any", "not")
MAX_DEPTH = 40
_SORT_FIELDS = ("date", "created")
_DIRECTIONS = ("desc", "asc")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one request."""

    filters: int = 64
    values: int = 1_000
    characters: int = 4_096


@dataclass(frozen=True, slots=True)
class Query:
    """A validated query."""

    predicate: Predicate
    sort: Field
    descending: bool
    skip: int
    limit: int


def parse(body: Mapping[str, Any], *, now: int, bounds: Bounds | None = None, groups: bool = False) -> Query:
    """The query in `body`; `now` is ms since the epoch, `groups` as for `where`. Raises RequestError and nothing else."""
    scan = is_scan(body)
    sort = choice_of(body, "sortField", _SORT_FIELDS)
    return Query(
        predicate=where(filters_of(body), now=now, bounds=bounds, groups=groups),
        sort=FIELDS[sort],
        descending=choice_of(body, "sortDirection", _DIRECTIONS) == "desc",
        skip=0 if scan else count_of(body, "skip"),
        limit=_scan_limit(count_of(body, "limit")) if scan else page_limit_of(body),
    )


def is_scan(body: Mapping[str, Any]) -> bool:
    """Whether a body asks for a page of a scan. Raises MalformedBodyError."""
    return flag_of(body, "isScan")


def filters_of(body: Mapping[str, Any]) -> Any:
    """The `filters` of a body, not validated; an empty object where they are absent."""
    filters = body.get("filters")
    return {} if filters is None or filters == "" else filters


def require_object(filters: Any) -> None:
    """Raises MalformedBodyError for filters that are not an object."""
    if not isinstance(filters, Mapping):
        raise MalformedBodyError(
            f"filters: expected an object {{filter: {{operator: value}}}}, got {describe(filters)}"
        )


def where(filters: Any, *, now: int, bounds: Bounds | None = None, groups: bool = False) -> Predicate:
    """The predicate of a `filters` object: all of its conditions. Raises RequestError.

    `groups`: beside filters, the object may have `all` and `any`, lists of such objects, and `not`, one such object.
    """
    limits = bounds or Bounds()
    if not groups:
        return p.both(*conditions(filters, now=now, bounds=limits))
    _check_groups(filters, limits)
    return _grouped(filters, now=now, bounds=limits)


def conditions(
    filters: Any, *, now: int, bounds: Bounds, named: Callable[[str], Filter] = filter_named
) -> Iterator[Predicate]:
    """The predicate of each operator of each filter, in order; `named` looks filters up. Raises RequestError."""
    require_object(filters)
    if len(filters) > bounds.filters:
        raise LimitExceededError(f"filters: at most {bounds.filters} filters in one request, got {len(filters)}")
    for name, operators in filters.items():
        row = named(name)
        if not isinstance(operators, Mapping):
            raise BadValueError(row.name, "", operators, 'an object {operator: value}, such as {"eq": [...]}')
        for operator_name, operand in operators.items():
            operator = operator_named(row, operator_name)
            yield _condition(row, operator, operand, now=now, bounds=bounds)


def _check_groups(filters: Any, bounds: Bounds) -> None:
    """Refuse groups that are too deep, or have too many filters in all."""
    level, count = [filters], 0
    for _ in range(MAX_DEPTH):
        if not level:
            return
        objects = [item for item in level if isinstance(item, Mapping)]
        count += sum(len(item) for item in objects)
        if count > bounds.filters:
            raise LimitExceededError(f"filters: at most {bounds.filters} filters in one request, groups included")
        level = [part for item in objects for name in GROUPS if name in item for part in _listed(item[name])]
    raise LimitExceededError(f"filters: all, any and not are nested at most {MAX_DEPTH} deep")


def _grouped(filters: Any, *, now: int, bounds: Bounds) -> Predicate:
    if not isinstance(filters, Mapping):
        return p.both(*conditions(filters, now=now, bounds=bounds))
    plain = {name: value for name, value in filters.items() if name not in GROUPS}
    groups = (_group(name, filters[name], now=now, bounds=bounds) for name in GROUPS if name in filters)
    return p.both(*conditions(plain, now=now, bounds=bounds), *groups)


def _group(name: str, value: Any, *, now: int, bounds: Bounds) -> Predicate:
    """The predicate of `all`, `any` or `not`."""
    if name == "not":
        return p.Not(_grouped(value, now=now, bounds=bounds))
    if not isinstance(value, list) or not value:
        raise MalformedBodyError(f"{name}: expected a list of filters objects, at least one, got {describe(value)}")
    parts = [_grouped(part, now=now, bounds=bounds) for part in value]
    return p.both(*parts) if name == "all" else p.either(*parts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def continuation(filters: Mapping[str, Any], query: Query, boundary: int, *, now: int) -> dict[str, Any]:
    """The filters of the next page of a scan: the same, from `boundary` (ms, included) on, with one window in time.

    `query` was parsed from `filters` at `now`.
    """
    following = frozen(filters, now=now)
    _merge(following, query.sort.name, "lte" if query.descending else "gte", boundary)
    return following


def _condition(row: Filter, operator: Operator, operand: Any, *, now: int, bounds: Bounds) -> Predicate:
    values = operand if isinstance(operand, list) else [operand]
    if len(values) > bounds.values:
        raise LimitExceededError(
            f"filter {row.name!r}, operator {operator.name!r}: at most {bounds.values} values, got {len(values)}"
        )
    takes = positive(operator).takes
    fields, plain = _by_role(row, operator, values, takes)
    parsed = [_value(row, operator, value, now=now, bounds=bounds) for value in plain]
    return meaning(operator, fields, parsed)


def _value(row: Filter, operator: Operator, value: Any, *, now: int, bounds: Bounds) -> Parsed:
    texts = value.values() if isinstance(value, Mapping) else (value,)
    if any(isinstance(text, str) and len(text) > bounds.characters for text in texts):
        raise LimitExceededError(
            f"filter {row.name!r}, operator {operator.name!r}: a value has at most {bounds.characters} characters"
        )
    try:
        return v.parse(value, positive(operator).takes, row.field.kind, now=now, nullable=row.nullable)
    except v.WrongValueError as error:
        raise BadValueError(row.name, operator.name, value, str(error)) from None


def _by_role(row: Filter, operator: Operator, values: list[Any], takes: Takes) -> tuple[tuple[Field, ...], list[Any]]:
    """The fields that a `{"role": n}` modifier among the values chooses, and the values without it."""
    roles = dict(row.by_role)
    if not roles or takes not in (Takes.VALUES, Takes.TEXTS):
        return (row.field,), values
    modifiers = [value for value in values if isinstance(value, Mapping)]
    plain = [value for value in values if not isinstance(value, Mapping)]
    if not modifiers:
        return (row.field,), plain
    if len(modifiers) > 1 or not plain:
        raise BadValueError(row.name, operator.name, values, "values, and at most one modifier beside them")
    role = modifiers[0].get("role")
    if role is None:
        return (row.field,), plain
    try:
        return roles[v.whole(role)], plain
    except (KeyError, v.WrongValueError):
        raise BadValueError(row.name, operator.name, role, f"a role out of {sorted(roles)}") from None


def frozen(filters: Mapping[str, Any], *, now: int) -> dict[str, Any]:
    """The same filters with moments for days before now, those inside of groups included."""
    copy: dict[str, Any] = {}
    for name, value in filters.items():
        if name not in GROUPS:
            copy[name] = dict(value)
            _freeze(copy[name], now=now)
        else:
            copy[name] = (
                [frozen(part, now=now) for part in value] if isinstance(value, list) else frozen(value, now=now)
            )
    return copy


def _freeze(operators: dict[str, Any], *, now: int) -> None:
    """`gte_ndays` and `lte_ndays` become the moments they meant on the first page."""
    for spelling in [name for name in operators if name.lower() in _FROZEN]:
        operand = operators.pop(spelling)
        moments = [v.days_ago(item, now=now) for item in (operand if isinstance(operand, list) else [operand])]
        operator = _FROZEN[spelling.lower()]
        if moments:
            _merge_into(operators, operator, (min if operator == "gte" else max)(moments))
        else:
            operators["range"] = []


def _merge(filters: dict[str, dict[str, Any]], name: str, operator: str, moment: int) -> None:
    _merge_into(filters.setdefault(name, {}), operator, moment)


def _merge_into(operators: dict[str, Any], operator: str, moment: int) -> None:
    """Replace the bound of `operator` by the tighter of it and `moment`. Several values are ORed: the loosest counts."""
    loose, tight = (min, max) if operator == "gte" else (max, min)
    for spelling in [name for name in operators if name.lower() == operator]:
        operand = operators.pop(spelling)
        values = [v.whole(item) for item in (operand if isinstance(operand, list) else [operand])]
        if not values:
            operators["range"] = []
            continue
        moment = tight(moment, loose(values))
    operators[operator] = moment


_FROZEN = {"gte_ndays": "gte", "lte_ndays": "lte"}


def flag_of(body: Mapping[str, Any], name: str) -> bool:
    """A parameter that is true or false; false where it is absent. Raises MalformedBodyError."""
    value = body.get(name)
    if value is None or value == "":
        return False
    try:
        return v.flag(value) == "true"
    except v.WrongValueError as error:
        raise MalformedBodyError(f"{name}: expected {error}, got {describe(value)}") from None


def count_of(body: Mapping[str, Any], name: str) -> int:
    """A parameter that counts something: 0 or more, 0 where it is absent. Raises MalformedBodyError."""
    count = whole_of(body, name) or 0
    if count < 0:
        raise MalformedBodyError(f"{name}: expected 0 or more, got {count}")
    return count


def page_limit_of(body: Mapping[str, Any]) -> int:
    """The page size of a list. Raises MalformedBodyError."""
    return limit_of(body, usual=DEFAULT_PAGE_LIMIT, most=MAX_PAGE_LIMIT)


def limit_of(body: Mapping[str, Any], name: str = "limit", *, usual: int, most: int) -> int:
    """How many an answer may have: the usual number where it is absent or 0, `most` at most. Raises MalformedBodyError."""
    return min(count_of(body, name) or usual, most)


def whole_of(body: Mapping[str, Any], name: str) -> int | None:
    """A parameter that is an integer, None where it is absent. Raises MalformedBodyError."""
    operand = body.get(name)
    if operand is None or operand == "":
        return None
    try:
        return v.whole(operand)
    except v.WrongValueError as error:
        raise MalformedBodyError(f"{name}: expected {error}, got {describe(operand)}") from None


def choice_of(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = body.get(name)
    if value is None or value == "":
        return choices[0]
    lowered = value.lower() if isinstance(value, str) else None
    if lowered not in choices:
        expected = f"one of {', '.join(choices)}" if choices[1:] else choices[0]
        raise MalformedBodyError(f"{name}: expected {expected}, got {describe(value)}")
    return lowered


def _scan_limit(requested: int) -> int:
    return max(MIN_SCAN_LIMIT, min(requested, MAX_SCAN_LIMIT))
