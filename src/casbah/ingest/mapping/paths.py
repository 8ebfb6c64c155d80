"""Where a value stands in an event: a path such as `actor.email`, read from left to right.

    actor.email               a key of a key; letter case does not count
    target[].id               of every element of a list
    target[0].id              of one element
    parameters[name=doc_id].value     of the elements whose `name` is `doc_id`
    entity.*.id               of every key, whatever its name
    "a.b".c                   a key with a dot in it

A text that holds JSON is opened on the way, and the suffixes that Log Analytics gives its columns (`_dynamic`, ` [UTC]`)
do not count, so that an export reads like the API's own answer.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from casbah.ingest import jsontext
from casbah.ingest.contract import UnusableEventError

_STEP = re.compile(
    r"""
      (?:^|\.) (?: "(?P<quoted>[^"]+)" | (?P<any>\*)(?=[.\[]|$) | (?P<key>[^.\[\]"*][^.\[\]"]*) )
    | \[ (?: (?P<each>) | (?P<index>\d{1,6}) | (?P<where>[^=\[\]]+)=(?P<equals>[^\[\]]*) ) \]
    """,
    re.VERBOSE,
)
_SUFFIXES = (" [utc]", "_dynamic")
_MOST_OPENED = 250_000
_JSON = ("{", "[")

Step = Callable[[Any], Iterator[Any]]


class BadPathError(ValueError):
    """Not a path; the message says why."""


class Path:
    """A path, ready to be followed."""

    __slots__ = ("_keys", "_steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._steps = tuple(_steps(text))
        keys = tuple(step for step in self._steps if isinstance(step, _Key))
        self._keys = keys if len(keys) == len(self._steps) else ()

    def all(self, event: Any) -> list[Any]:
        """Every value there, in order; absent ones and nulls left out."""
        if self._keys:
            found = self._under(event)
            return [] if found is None else [found]
        found = [event]
        for step in self._steps:
            found = [inner for each in found for inner in step(each) if inner is not None]
        return found

    @property
    def top(self) -> str:
        """The top-level key that an event must have for a value here, as `plain` gives it; "" if any will do."""
        first = self._steps[0]
        return first.name if isinstance(first, _Key) else ""

    def _under(self, value: Any) -> Any:
        """The value under keys alone, which most paths are made of."""
        for key in self._keys:
            inner = value if type(value) is dict else opened(value)
            if type(inner) is not dict:
                return None
            value = key.of(inner)
        return value


def forget() -> None:
    """Drop what is cached of the previous event: to be called with each new one, for an event may be large."""
    _FOLDED.clear()


def fold(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event with its top-level keys in lower case, with and without suffix; of several the first that has a value.
    Drops what is cached of the previous event.
    """
    forget()
    folded = _folded(event)
    _FOLDED[id(folded)] = folded, folded
    return folded


def opened(value: Any) -> Any:
    """The value, or what it says in JSON if it is a text that does."""
    if type(value) is not str or not value.startswith(_JSON) or len(value) > _MOST_OPENED:
        return value
    return _parsed(value)


@lru_cache(maxsize=32)
def _parsed(text: str) -> Any:
    """Several paths lead through the same text."""
    try:
        return jsontext.parse(text.encode("utf-8", "surrogatepass"))
    except UnusableEventError:
        return text


def _steps(text: str) -> Iterator[Step]:
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or found.end() == at:
            raise BadPathError(f"{text!r} is no path: after {text[:at]!r} comes neither a key nor [...]")
        yield _step(found)
        at = found.end()
    if not at:
        raise BadPathError("a path is empty")


def _step(found: re.Match[str]) -> Step:
    said = found.groupdict()
    if (key := said["quoted"] or said["key"]) is not None:
        return _Key(key)
    if said["any"]:
        return _every_key
    if said["each"] is not None:
        return _each
    if said["index"] is not None:
        return _At(int(said["index"]))
    return _Where(said["where"], said["equals"])


class _Key:
    """The value under a key."""

    __slots__ = ("_key", "_lower")

    def __init__(self, key: str) -> None:
        self._key = key
        self._lower = key.lower()

    @property
    def name(self) -> str:
        """The key as `plain` gives it."""
        return plain(self._key)

    def __call__(self, value: Any) -> Iterator[Any]:
        inner = opened(value)
        if type(inner) is dict:
            yield self.of(inner)

    def of(self, inner: Mapping[str, Any]) -> Any:
        """The first that has a value: as it is written here, in any letter case, and with a suffix."""
        value = inner.get(self._key)
        if value is None:
            value = inner.get(self._lower)
        return _folded(inner).get(self._lower) if value is None else value


class _At:
    """One element."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def __call__(self, value: Any) -> Iterator[Any]:
        inner = opened(value)
        if type(inner) is list and self._index < len(inner):
            yield inner[self._index]


class _Where:
    """The elements that have a value under a key."""

    __slots__ = ("_equals", "_key")

    def __init__(self, key: str, equals: str) -> None:
        self._key = _Key(key)
        self._equals = equals.lower()

    def __call__(self, value: Any) -> Iterator[Any]:
        for each in _each(value):
            said = self._key.of(each) if type(each) is dict else None
            if type(said) is str and said.lower() == self._equals:
                yield each


def _each(value: Any) -> Iterator[Any]:
    inner = opened(value)
    return iter(inner) if type(inner) is list else iter(())


def _every_key(value: Any) -> Iterator[Any]:
    inner = opened(value)
    return iter(inner.values()) if type(inner) is dict else iter(())


def _folded(inner: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of an object by key in lower case, with and without suffix; remembered while its event is read."""
    known = _FOLDED.get(id(inner))
    if known is not None and known[0] is inner:
        return known[1]
    if len(_FOLDED) > _MOST_FOLDED:
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
    _FOLDED[id(inner)] = inner, folded
    return folded


_FOLDED: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
"""By identity, which is an object's own as long as it is kept here."""

_MOST_FOLDED = 64


def plain(key: str) -> str:
    """A key in lower case, without a suffix."""
    lower = key.lower()
    return next((lower.removesuffix(suffix) for suffix in _SUFFIXES if lower.endswith(suffix)), lower)
