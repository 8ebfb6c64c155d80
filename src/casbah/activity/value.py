"""Parses wire values: from untrusted JSON to operator operands, or an error that says what was expected."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from casbah.activity import address
from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, Field, Kind, entity_term, source_stream, source_type
from casbah.activity.record import decimal
from casbah.activity.text import exact, folded, sound

MS_PER_DAY = 86_400_000
MAX_DAYS = 1_000_000_000
_DAYS = re.compile(r"-?[0-9]{1,4096}(\.[0-9]{1,4096})?")


class Takes(Enum):
    """What an operator takes; VALUES are of the field's own kind."""

    VALUES = "values"
    TEXTS = "texts"
    FLAGS = "flags"
    NUMBERS = "numbers"
    RANGES = "ranges"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Missing:
    """`null`: the field has no value."""


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses by their keys, from the first of each span to its last."""

    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Together:
    """Terms that must all hold: a source type and a stream in one value."""

    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a range; None is open."""

    start: int | None
    end: int | None


Parsed = str | int | Missing | Network | Together | Ends


class WrongValueError(Exception):
    """Internal to the parser: the message says what was expected."""


def predicate_of(value: Parsed, field: Field) -> p.Predicate:
    """The `eq` predicate of a value that is not a plain term."""
    match value:
        case Missing():
            return p.Not(p.Present(field))
        case Network(spans):
            return p.either(*(p.Range(FIELDS["ip_key"], low, high) for low, high in spans))
        case Together(terms):
            return p.both(*(p.Terms(field, (term,)) for term in terms))
        case _:
            raise AssertionError(f"{value!r} is a plain term")


def text_of(value: Parsed) -> str:
    """The text that `Takes.TEXTS` gave."""
    if not isinstance(value, str):
        raise AssertionError(f"{value!r} is not text")
    return value


def number_of(value: Parsed) -> int:
    """The number that `Takes.NUMBERS` or `Takes.DAYS` gave."""
    if not isinstance(value, int):
        raise AssertionError(f"{value!r} is not a number")
    return value


def ends_of(value: Parsed) -> tuple[int | None, int | None]:
    """The two ends that `Takes.RANGES` gave."""
    if not isinstance(value, Ends):
        raise AssertionError(f"{value!r} is not a range")
    return value.start, value.end


def parse(value: Any, takes: Takes, kind: Kind, *, now: int, nullable: bool = False) -> Parsed:
    """One value of an operator that takes `takes` on a field of `kind`; `now` is ms since the epoch.

    Raises WrongValueError saying what was expected.
    """
    if takes is Takes.VALUES:
        return _missing(value) if nullable and value in (None, "null") else _OF_KIND[kind](value)
    if takes is Takes.TEXTS:
        return _prefix_of_kind(value, kind)
    if takes is Takes.DAYS:
        return days_ago(value, now=now)
    return _OF_TAKES[takes](value)


def days_ago(value: Any, *, now: int) -> int:
    """The time `value` days before `now`, in ms. Raises WrongValueError."""
    days = float(value) if isinstance(value, str) and _DAYS.fullmatch(value) else value
    if type(days) not in (int, float) or not abs(days) <= MAX_DAYS:  # NaN is not, either
        raise WrongValueError(f"a number of days, at most {MAX_DAYS:,}")
    return now - int(days * MS_PER_DAY)


def whole(value: Any) -> int:
    """An integer: as such, as a whole float, or as a decimal string. It may lie beyond what a field can hold."""
    if type(value) is float and value.is_integer():
        value = int(value)
    elif isinstance(value, str):
        value = decimal(value)
    if type(value) is not int:
        raise WrongValueError("an integer (or its decimal string)")
    return value


def flag(value: Any) -> str:
    """A boolean, or its name."""
    name = str(value).lower() if isinstance(value, bool | str) else None
    if name not in ("true", "false"):
        raise WrongValueError("true or false")
    return name


def _missing(_: Any) -> Missing:
    return Missing()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError("a string")
    return folded(value)


def _id(value: Any) -> str:
    if type(value) is int:
        return str(value) if abs(value) < 10**4000 else ""
    if not isinstance(value, str):
        raise WrongValueError("an id (a string or an integer)")
    return exact(value)


def _ip(value: Any) -> Network:
    spans = address.spans(value) if isinstance(value, str) else ()
    if not spans:
        raise WrongValueError("an IP address or a network in CIDR form")
    return Network(spans)


def _source(value: Any) -> str | Together:
    if type(value) is int:
        return source_type(value)
    if isinstance(value, str):
        terms = _source_terms(sound(value))
        if terms:
            return terms[0] if len(terms) == 1 else Together(terms)
    raise WrongValueError('a source type (2, "2" or "t:2"), a stream ("s:<id>"), or both ("s:<id>,t:2")')


def _source_terms(text: str) -> tuple[str, ...]:
    """The terms of a requested source; empty if it is not valid. A stream's id cannot contain a comma here."""
    if decimal(text) is not None:
        return (source_type(int(text)),)
    parts = [_source_term(part) for part in text.split(",")]
    kinds = {term[0] for term in parts if term is not None}
    return tuple(term for term in parts if term is not None) if len(kinds) == len(parts) else ()


def _source_term(part: str) -> str | None:
    if part.startswith("s:") and part != "s:":
        return source_stream(part[2:])
    number = decimal(part[2:]) if part.startswith("t:") else None
    return None if number is None else source_type(number)


def _entity(value: Any) -> str:
    if isinstance(value, str) or type(value) is int:
        return entity_term(_id(value), None, None)
    if not isinstance(value, dict) or set(value) - {"id", "saas", "inst"} or value.get("id") is None:
        raise WrongValueError("an entity {id, saas?, inst?}, or its id")
    saas, instance = (_number_in(value, key) for key in ("saas", "inst"))
    return entity_term(_id(value["id"]), saas, instance)


def _number_in(value: dict[str, Any], key: str) -> str | None:
    try:
        return None if value.get(key) is None else str(whole(value[key]))
    except WrongValueError as error:
        raise WrongValueError(f"{error} as `{key}` of an entity") from None


def _prefix_of_kind(value: Any, kind: Kind) -> str:
    if kind is Kind.ENTITY:
        return _entity(value)
    if kind is Kind.ID:
        return _id(value)
    if kind is Kind.WORDS:
        return sound(_string(value))
    return _text(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValueError("a string")
    return value


def _flag_number(value: Any) -> int:
    return int(flag(value) == "true")


def _range(value: Any) -> Ends:
    if not isinstance(value, dict) or set(value) - {"start", "end"}:
        raise WrongValueError("a range {start, end}")
    start, end = (None if value.get(key) is None else whole(value[key]) for key in ("start", "end"))
    if start is None and end is None:
        raise WrongValueError("a range {start, end} with at least one end")
    return Ends(start, end)


_OF_KIND: dict[Kind, Callable[[Any], Parsed]] = {
    Kind.INT: whole,
    Kind.BOOL: flag,
    Kind.ENUMERATION: _text,
    Kind.ID: _id,
    Kind.TEXT: _text,
    Kind.PATH: _text,
    Kind.URL: _text,
    Kind.IP: _ip,
    Kind.MS: whole,
    Kind.WORDS: _string,
    Kind.ENTITY: _entity,
    Kind.SOURCE: _source,
}

_OF_TAKES: dict[Takes, Callable[[Any], Parsed]] = {
    Takes.FLAGS: _flag_number,
    Takes.NUMBERS: whole,
    Takes.RANGES: _range,
}
