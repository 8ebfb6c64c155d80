"""The addresses that a source gives, in canonical form; what is no address (a DNS name, `AWS Internal`) is no
value.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d*)?")
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+")
_MOST_TEXT = 100


@lru_cache(maxsize=65_536)
def address(text: str) -> str:
    """The canonical spelling without port and brackets; `::ffff:1.2.3.4` is `1.2.3.4`; "" if it is no
    address.
    """
    stripped = text.strip()
    bare = _BRACKETED.fullmatch(stripped) or _WITH_PORT.fullmatch(stripped)
    try:
        found = ip_address(bare.group(1) if bare else stripped)
    except ValueError:
        return ""
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found)))


def distinct(candidates: Iterable[Any]) -> tuple[str, ...]:
    """The addresses among `candidates`, in order, each once; a text may list several, parted by commas."""
    found: dict[str, None] = {}
    for candidate in candidates:
        if type(candidate) is not str or not candidate:
            continue
        for part in candidate.split(",") if "," in candidate else (candidate,):
            canonical = address(part) if len(part) < _MOST_TEXT else ""
            if canonical:
                found[canonical] = None
    return tuple(found)
