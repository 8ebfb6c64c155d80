"""A condition on activities as a value, and the base of the classes in `where`.

`where` is generated from the table of filters: a class per shape of filter, a method per operator. This module has their
base class, and the readers that convert Python values to wire values or reject them.
"""

import copy
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, TypeVar

from casbah.client.errors import UsageError
from casbah.errors import describe

Moment = int | datetime
Address = str | IPv4Address | IPv4Network | IPv6Address | IPv6Network
Entity = str | int | Mapping[str, str | int]
Value = TypeVar("Value")
Span = tuple[Value | None, Value | None]

_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ENTITY_KEYS = {"id", "saas", "inst"}


class Condition(Mapping[str, Any]):
    """A condition on activities: an immutable mapping with the content of the wire's `filters` object.

    `a & b` requires both. A request can hold each operator of a filter only once, so `&` raises UsageError for a second.
    """

    __slots__ = ("_filters",)

    def __init__(self, filters: Mapping[str, Any]) -> None:
        self._filters = wire_filters(filters)

    def to_dict(self) -> dict[str, Any]:
        """A copy of the `filters` object."""
        return copy.deepcopy(self._filters)

    def __getitem__(self, name: str) -> Any:
        return copy.deepcopy(self._filters[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._filters)

    def __len__(self) -> int:
        return len(self._filters)

    def __repr__(self) -> str:
        return f"Condition({self._filters!r})"

    def __and__(self, other: Mapping[str, Any]) -> "Condition":
        joined, more = self.to_dict(), wire_filters(other)
        for name, operators in more.items():
            known = joined.setdefault(name, {})
            for operator in operators:
                if operator.lower() in {existing.lower() for existing in known}:
                    raise UsageError(_TWICE.format(name=name, operator=operator))
            known.update(operators)
        return Condition(joined)

    def __rand__(self, other: Mapping[str, Any]) -> "Condition":
        return Condition(other) & self


_TWICE = (
    "filter {name!r}, operator {operator!r} is on both sides of &; a request holds each operator of a filter once, "
    "and ORs its values: pass them to one call if any of them may match, or send two requests"
)


def wire_filters(filters: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy of `filters` as plain JSON values. Raises UsageError if it is not `{filter: {operator: value}}`."""
    if not isinstance(filters, Mapping | None):
        raise UsageError(f"filters: expected a condition of `where`, or a mapping, got {describe(filters)}")
    try:
        copied: dict[str, Any] = json.loads(json.dumps(dict(filters or {}), allow_nan=False, default=_plain))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"filters: not JSON: {error}") from None
    for name, operators in copied.items():
        if not isinstance(operators, dict):
            raise UsageError(
                f"filter {name!r}: expected an object {{operator: value}}, such as {{'eq': [...]}}, got {describe(operators)}"
            )
    return copied


def _plain(value: Any) -> Any:
    """JSON objects for mappings other than dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


class ExpectedError(Exception):
    """Internal: what a reader expected."""


Reader = Callable[[Any], Any]


class Filter:
    """One filter. Its subclasses have a method per operator; each returns a Condition."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<filter {self._name}>"

    def _one(self, operator: str, read: Reader, value: Any) -> Condition:
        return self._condition(operator, self._read(operator, read, value))

    def _many(
        self, operator: str, read: Reader, values: Iterable[Any], *, nullable: bool = False, role: int | None = None
    ) -> Condition:
        items = [None if nullable and value is None else self._read(operator, read, value) for value in values]
        modifiers = [] if role is None else [{"role": self._read(operator, whole, role)}]
        return self._condition(operator, [*items, *modifiers])

    def _spans(self, operator: str, read: Reader, spans: Sequence[Any], ends: Any) -> Condition:
        """Ranges from pairs. `ends` is the range passed by keyword; it counts if it is set or no pair is."""
        ranges = [*spans, ends] if not spans or ends != (None, None) else spans
        return self._condition(operator, [self._span(operator, read, pair) for pair in ranges])

    def _span(self, operator: str, read: Reader, ends: Any) -> dict[str, Any]:
        if not isinstance(ends, tuple) or len(ends) != len(("start", "end")) or ends == (None, None):
            raise UsageError(f"filter {self._name!r}, operator {operator!r}: give start=, end=, or both")
        named = zip(("start", "end"), ends, strict=True)
        return {name: self._read(operator, read, end) for name, end in named if end is not None}

    def _read(self, operator: str, read: Reader, value: Any) -> Any:
        try:
            return read(value)
        except ExpectedError as error:
            message = f"filter {self._name!r}, operator {operator!r}: expected {error}, got {describe(value)}"
            raise UsageError(message) from None

    def _condition(self, operator: str, value: Any) -> Condition:
        return Condition({self._name: {operator: value}})


def whole(value: Any) -> int:
    if type(value) is not int:
        raise ExpectedError("an integer")
    return value


def flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ExpectedError("True or False")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ExpectedError("a string")
    return value


def identity(value: Any) -> str | int:
    if type(value) is not int and not isinstance(value, str):
        raise ExpectedError("an id (a string or an integer)")
    return value


def address(value: Any) -> str:
    if not isinstance(value, Address):
        raise ExpectedError("an address or a network, as a string or an object of the module ipaddress")
    return str(value)


def moment(value: Any) -> int:
    """Milliseconds since the epoch. Microseconds are truncated, as in records."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ExpectedError(
                "a datetime with a time zone, such as datetime.now(UTC) (a naive one means another moment on each machine)"
            )
        return (value - _EPOCH) // _MILLISECOND
    if type(value) is not int:
        raise ExpectedError("a datetime with a time zone, or milliseconds since the epoch as an integer")
    return value


def days(value: Any) -> int | float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ExpectedError("a number of days")
    number: int | float = value
    return number


def entity(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "id" not in value or set(value) - _ENTITY_KEYS:
            raise ExpectedError("an entity {id, saas, inst}; saas and inst are optional")
        return {key: identity(part) for key, part in value.items() if part is not None}
    return identity(value)


def entities(values: Sequence[Any], *, id: Any, saas: Any, inst: Any) -> tuple[Any, ...]:  # noqa: A002  the wire's word
    """The values, and the entity passed as keyword arguments, if any."""
    parts = {key: part for key, part in (("id", id), ("saas", saas), ("inst", inst)) if part is not None}
    return (*values, parts) if parts else tuple(values)


def source(value: Any) -> str | int:
    if type(value) is int or (isinstance(value, str) and value):
        return value
    raise ExpectedError('a source type such as 2, a stream such as "s:<id>", or both ("s:<id>,t:2")')


def sources(values: Sequence[Any], *, type: Any, stream: Any) -> tuple[Any, ...]:  # noqa: A002  the wire's word
    """The values, and the source passed as keyword arguments, whose parts must both match. Raises UsageError."""
    if stream is not None and (not stream or "," in stream):
        raise UsageError(f"filter 'source': expected a stream's id without a comma, got {stream!r}")
    parts = [f"{letter}:{part}" for letter, part in (("s", stream), ("t", type)) if part is not None]
    return (*values, ",".join(parts)) if parts else tuple(values)
