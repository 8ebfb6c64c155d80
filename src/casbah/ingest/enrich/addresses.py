"""The addresses that a source gives, in canonical form. Anything else (a DNS name, `AWS Internal`) is left out."""

import re
from collections.abc import Iterable
from typing import Any

from casbah.activity.address import canonical

_MOST_TEXT = 100
_SEPARATOR = re.compile(r"\s*[,;]\s*")


def distinct(candidates: Iterable[Any]) -> tuple[str, ...]:
    """The addresses among `candidates`, in order, each once; a text may list several, separated by commas or semicolons."""
    texts = (candidate for candidate in candidates if type(candidate) is str)
    parts = (part for text in texts for part in _SEPARATOR.split(text.strip()) if len(part) < _MOST_TEXT)
    return tuple(dict.fromkeys(address for address in map(canonical, parts) if address is not None))
