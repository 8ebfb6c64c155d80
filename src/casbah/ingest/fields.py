"""Reads untrusted events: keys are case-insensitive, and a value of the wrong type counts as absent."""

from collections.abc import Iterator, Mapping
from typing import Any

Fields = Mapping[str, Any]
_MAX_DIGITS = 100


def folded(value: Any) -> Fields:
    """The object with its keys in lower case; of keys that collide, the first with a value. {} for everything else."""
    if type(value) is not dict:
        return {}
    lowered = {key.lower(): item for key, item in value.items()}
    if len(lowered) == len(value):
        return lowered
    first: dict[str, Any] = {}
    for key, item in value.items():
        if first.get(key.lower()) in (None, ""):
            first[key.lower()] = item
    return first


def text(value: Any) -> str:
    """A string, or an integer in decimal; "" for everything else."""
    if type(value) is str:
        return value
    return str(value) if type(value) is int and abs(value) < 10**_MAX_DIGITS else ""


def first_text(fields: Fields, *keys: str) -> str:
    """The text of the first of `keys` (in lower case) that has one, or ""."""
    return next((value for value in (text(fields.get(key)) for key in keys) if value), "")


def truth(value: Any) -> bool | None:
    """A boolean, or one written as text; None for everything else."""
    if type(value) is bool:
        return value
    return _TRUTHS.get(value.strip().lower()) if type(value) is str else None


def listed(value: Any) -> Iterator[Any]:
    """The elements of a list; nothing for everything else."""
    return iter(value) if type(value) is list else iter(())


def objects(value: Any) -> Iterator[Fields]:
    """The objects of a list, keys in lower case."""
    return (folded(item) for item in listed(value) if type(item) is dict)


_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
