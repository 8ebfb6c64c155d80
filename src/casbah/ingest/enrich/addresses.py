"""Normalizes the addresses of a source. Anything else (a DNS name, `AWS Internal`) is dropped."""

import re
from collections.abc import Iterable
from typing import Any

from casbah.activity.address import canonical

_MAX_TEXT = 100
_SEPARATOR = re.compile(r"\s*[,;]\s*")


def distinct(candidates: Iterable[Any]) -> tuple[str, ...]:
    """The distinct addresses in `candidates`, in order. A string may hold several, separated by commas or semicolons."""
    texts = (candidate for candidate in candidates if type(candidate) is str)
    parts = (part for text in texts for part in _SEPARATOR.split(text.strip()) if len(part) < _MAX_TEXT)
    return tuple(dict.fromkeys(address for address in map(canonical, parts) if address is not None))
