"""Resolves the country names and codes that sources use."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from importlib.resources import files

_WORD = re.compile(r"[a-z0-9]+")
_DROPPED = str.maketrans("", "", ".'\u2019")
_MAX_TEXT = 200
_ALSO = {"UK": "GB", "EL": "GR"}
"""Not in the standard, but reserved by it or used by the European Union."""


@lru_cache(maxsize=4_096)
def code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code for a country's code or name, in any case; None if it is unknown."""
    stripped = text.strip()
    if len(stripped) > _MAX_TEXT:
        return None
    return _codes().get(stripped.upper()) or _names().get(_plain(stripped))


@cache
def names() -> Mapping[str, str]:
    """The name of every country by alpha-2 code."""
    return {short: known[0] for short, _, known in ROWS}


@cache
def _codes() -> Mapping[str, str]:
    codes = dict(_ALSO)
    for short, long, _ in ROWS:
        codes |= {short: short, long: short}
    return codes


@cache
def _names() -> Mapping[str, str]:
    """Codes by plain name. `Korea, Republic of` is also listed as Republic of Korea."""
    codes: dict[str, str] = {}
    for short, _, names in ROWS:
        for name in names:
            first, _, last = name.partition(", ")
            codes[_plain(name)] = codes[_plain(f"{last} {first}")] = short
    return codes


def _read() -> Iterator[tuple[str, str, list[str]]]:
    for line in (files("casbah.ingest.enrich") / "iso3166.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            short, long, names = line.split(maxsplit=2)
            yield short, long, names.split(" | ")


def _plain(name: str) -> str:
    """The name without common variations: case, accents, dots, `the`, `and`, St. for Saint."""
    letters = unicodedata.normalize("NFKD", name.casefold()).translate(_DROPPED)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = ("saint" if word == "st" else word for word in _WORD.findall(bare))
    return " ".join(word for word in words if word not in {"the", "and"})


ROWS = tuple(_read())
"""Alpha-2 code, alpha-3 code and names of every country. Read at import, so that no request waits for the file."""
