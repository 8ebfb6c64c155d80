"""The addresses that a source gives, in canonical form; what is none (a DNS name, `AWS Internal`) is no value."""

from collections.abc import Iterable
from typing import Any

from casbah.activity.address import canonical

_MOST_TEXT = 100


def distinct(candidates: Iterable[Any]) -> tuple[str, ...]:
    """The addresses among `candidates`, in order, each once; a text may list several, parted by commas."""
    parts = (part for each in candidates if type(each) is str for part in each.split(",") if len(part) < _MOST_TEXT)
    return tuple(dict.fromkeys(found for found in map(canonical, map(str.strip, parts)) if found is not None))
