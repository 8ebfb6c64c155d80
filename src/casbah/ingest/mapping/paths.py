"""The path of a value in an event, such as `actor.email`.

    actor.email               a key of a key; case does not matter
    target[].id               of every element of a list
    target[0].id              of one element
    parameters[name=doc_id].value     of the elements whose `name` is `doc_id`
    entity.*.id               of every key, whatever its name
    "a.b".c                   a key with a dot in it

Strings that hold JSON are parsed along the path, and the column suffixes of Log Analytics (`_dynamic`, ` [UTC]`) are ignored,
so that an export reads like a response of the API. A row of a custom table of Log Analytics (`Type` ends with `_CL`) reads like
the object that it was made from: `actor_id_s` is at `actor.id`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from casbah.base import jsontext

_STEP = re.compile(
    r"""
      (?:^|\.) (?: "(?P<quoted>[^"]+)" | (?P<any>\*)(?=[.\[]|$) | (?P<key>[^.\[\]"*][^.\[\]"]*) )
    | \[ (?: (?P<each>) | (?P<index>\d{1,6}) | (?P<where>[^=\[\]]+)=(?P<equals>[^\[\]]*) ) \]
    """,
    re.VERBOSE,
)
_SUFFIXES = (" [utc]", "_dynamic")
_MAX_OPENED = 250_000
_JSON = ("{", "[")

Step = Callable[[Any], Iterator[Any]]


class BadPathError(ValueError):
    """Not a valid path. The message says why."""


class Path:
    """A compiled path. Raises BadPathError."""

    __slots__ = ("_keys", "_steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = tuple(_steps(text))
        keys = tuple(step for step in self._steps if isinstance(step, _Key))
        self._keys = keys if len(keys) == len(self._steps) else ()

    def all(self, event: Any) -> list[Any]:
        """Every value at the path, in order, without nulls."""
        if self._keys:
            value = self._under(event)
            return [] if value is None else [value]
        values = [event]
        for step in self._steps:
            values = [inner for value in values for inner in step(value) if inner is not None]
        return values

    @property
    def top(self) -> str:
        """The top-level key that an event needs to have a value here, in `plain` form; "" if any key may do."""
        first = self._steps[0]
        return first.name if isinstance(first, _Key) else ""

    def _under(self, value: Any) -> Any:
        """Fast path: the value of a path of keys only, as most are."""
        for key in self._keys:
            inner = value if type(value) is dict else opened(value)
            if type(inner) is not dict:
                return None
            value = key.of(inner)
        return value


def forget() -> None:
    """Drop the cache of the previous event, which may be large. Call for every new event."""
    _FOLDED.clear()


def fold(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event with its top-level keys in lower case, with and without suffix; of equal keys the first with a value. Drops
    the cache of the previous event.
    """
    forget()
    folded = _folded(event)
    _FOLDED[id(folded)] = folded, folded
    return folded


def opened(value: Any) -> Any:
    """The value, parsed if it is a string that holds a JSON object or list."""
    if type(value) is not str or not value.startswith(_JSON) or len(value) > _MAX_OPENED:
        return value
    return _parsed(value)


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    """Cached, because several paths lead through the same text."""
    try:
        return jsontext.parse(text.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJsonError:
        return text


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or match.end() == at:
            raise BadPathError(f"{text!r} is not a path: expected a key or [...] after {text[:at]!r}")
        yield _step(match)
        at = match.end()
    if not at:
        raise BadPathError("a path is empty")


def _step(match: re.Match[str]) -> Step:
    parts = match.groupdict()
    if (key := parts["quoted"] or parts["key"]) is not None:
        return _Key(key)
    if parts["any"]:
        return _every_key
    if parts["each"] is not None:
        return _elements
    if parts["index"] is not None:
        return _At(int(parts["index"]))
    return _Where(parts["where"], parts["equals"])


class _Key:
    """The value under a key."""

    __slots__ = ("_key", "_lower")

    def __init__(self, key: str) -> None:
        self._key = key
        self._lower = key.lower()

    @property
    def name(self) -> str:
        """The key in `plain` form."""
        return plain(self._key)

    def __call__(self, value: Any) -> Iterator[Any]:
        inner = opened(value)
        if type(inner) is dict:
            yield self.of(inner)

    def of(self, inner: Mapping[str, Any]) -> Any:
        """The first match with a value: the key as written, in any case, or with a suffix."""
        value = inner.get(self._key)
        if value is None:
            value = inner.get(self._lower)
        return _folded(inner).get(self._lower) if value is None else value


class _At:
    """One element of a list."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def __call__(self, value: Any) -> Iterator[Any]:
        inner = opened(value)
        if type(inner) is list and self._index < len(inner):
            yield inner[self._index]


class _Where:
    """The elements whose value under a key equals a text, ignoring case."""

    __slots__ = ("_equals", "_key")

    def __init__(self, key: str, equals: str) -> None:
        self._key = _Key(key)
        self._equals = equals.lower()

    def __call__(self, value: Any) -> Iterator[Any]:
        for element in _elements(value):
            text = self._key.of(element) if type(element) is dict else None
            if type(text) is str and text.lower() == self._equals:
                yield element


def _elements(value: Any) -> Iterator[Any]:
    inner = opened(value)
    return iter(inner) if type(inner) is list else iter(())


def _every_key(value: Any) -> Iterator[Any]:
    inner = opened(value)
    return iter(inner.values()) if type(inner) is dict else iter(())


def _folded(inner: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object's values by key in lower case, with and without suffix; cached while its event is read."""
    known = _FOLDED.get(id(inner))
    if known is not None and known[0] is inner:
        return known[1]
    if len(_FOLDED) > _MAX_FOLDED:
        _FOLDED.clear()
    folded = {key.lower(): value for key, value in inner.items()}
    if len(folded) < len(inner):
        folded = {}
        for key, value in inner.items():
            if folded.get(key.lower()) is None:
                folded[key.lower()] = value
    for key in [key for key in folded if key.endswith(_SUFFIXES)]:
        bare = plain(key)
        if folded.get(bare) is None:
            folded[bare] = folded[key]
    if _is_custom_row(folded):
        columns = _columns(folded)
        if _ways(columns) <= sum(map(len, columns)):
            folded |= _nested(columns)
    _FOLDED[id(inner)] = inner, folded
    return folded


_CUSTOM_TABLE = "_cl"
_COLUMN = re.compile(r"(.+)_[sdbtg]")
_MAX_COLUMNS = 500
"""Of a table of Log Analytics."""

_MAX_UNDERSCORES = 6


def _is_custom_row(folded: Mapping[str, Any]) -> bool:
    """Whether an object is a row of a custom table, whose columns end with a letter for their type."""
    table = folded.get("type")
    return type(table) is str and table.lower().endswith(_CUSTOM_TABLE) and len(folded) <= 2 * _MAX_COLUMNS


def _columns(folded: Mapping[str, Any]) -> dict[str, Any]:
    """The values by column, without the letter. An empty text stands for a missing value."""
    matches = ((_COLUMN.fullmatch(key), value) for key, value in folded.items() if value not in (None, ""))
    return {match[1]: value for match, value in matches if match}


def _ways(columns: Mapping[str, Any]) -> int:
    """The number of paths at which the values of nested columns are found. Of real tables it is far less than the number of
    characters in their columns, which bounds the work for others.
    """
    return sum(2**count for count in (name.count("_") for name in columns) if count <= _MAX_UNDERSCORES)


def _nested(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns, also as objects in each other. An underscore may separate keys or be part of one, so `created_by_login`
    is itself, `by_login` of `created`, and `login` of `created_by`.
    """
    inner: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in columns.items():
        if name.count("_") <= _MAX_UNDERSCORES:
            for match in _UNDERSCORE.finditer(name):
                inner[name[: match.start()]][name[match.end() :]] = value
    return {**{key: _nested(values) for key, values in inner.items()}, **columns}


_UNDERSCORE = re.compile("(?<=.)_(?=.)")


_FOLDED: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
"""By id(), which is unique while the object is kept here."""

_MAX_FOLDED = 64


def plain(key: str) -> str:
    """A key in lower case, without a suffix."""
    lower = key.lower()
    return next((lower.removesuffix(suffix) for suffix in _SUFFIXES if lower.endswith(suffix)), lower)
