"""Reads untrusted events: keys are case-insensitive, and a value of the wrong type counts as absent."""

from collections.abc import Iterator, Mapping
from typing import Any

from casbah.base import jsontext

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
    for key in keys:
        value = text(fields.get(key))
        if value:
            return value
    return ""


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


def plain(value: Any) -> str:
    """The text of a property: a JSON text or list of texts without its quotes and brackets."""
    if type(value) is str:
        inner = opened(value) if value[:1] in ("[", '"') else value
        return value if inner is None or inner == value else plain(inner)
    if type(value) is list and not any(type(item) in (dict, list) for item in value):
        return "; ".join(filter(None, map(plain, value)))
    return text(value) if type(value) in (int, str) else jsontext.dump(value).decode() if value is not None else ""


def opened(value: Any) -> Any:
    """The value, parsed if it is JSON text of a list, an object or a text."""
    if type(value) is not str or value[:1] not in ("[", "{", '"'):
        return value
    try:
        return jsontext.parse(value.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJsonError:
        return None


_TRUTHS: Mapping[str, bool] = {"true": True, "false": False}
