"""Countries by name or code, however a source writes them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache

from casbah.ingest.enrich.iso3166 import TABLE

_WORD = re.compile(r"[a-z0-9]+")
_DROPPED = str.maketrans("", "", ".'\u2019")
_MOST_TEXT = 200
_ALSO = {"UK": "GB", "EL": "GR"}
"""Not of the standard, but reserved beside it or used by the European Union."""


@lru_cache(maxsize=4_096)
def code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country by its code or name, in any case; None if it is no country."""
    asked = text.strip()
    if len(asked) > _MOST_TEXT:
        return None
    return _codes().get(asked.upper()) or _names().get(_plain(asked))


@cache
def names() -> Mapping[str, str]:
    """What every country is called, by code."""
    return {short: found[0] for short, _, found in _rows()}


@cache
def _codes() -> Mapping[str, str]:
    found = dict(_ALSO)
    for short, long, _ in _rows():
        found |= {short: short, long: short}
    return found


@cache
def _names() -> Mapping[str, str]:
    """By plain name. `Korea, Republic of` is also known as Republic of Korea."""
    found: dict[str, str] = {}
    for short, _, names in _rows():
        for name in names:
            first, _, last = name.partition(", ")
            found[_plain(name)] = found[_plain(f"{last} {first}")] = short
    return found


def _rows() -> Iterator[tuple[str, str, list[str]]]:
    for line in TABLE.splitlines():
        short, long, names = line.split(" ", 2)
        yield short, long, names.split(" | ")


def _plain(name: str) -> str:
    """Without what people leave out or write differently: case, accents, dots, `the`, `and`, St. for Saint."""
    letters = unicodedata.normalize("NFKD", name.casefold()).translate(_DROPPED)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = ("saint" if word == "st" else word for word in _WORD.findall(bare))
    return " ".join(word for word in words if word not in {"the", "and"})
