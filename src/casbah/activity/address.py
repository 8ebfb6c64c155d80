"""IP addresses and networks: one canonical spelling, and a number that puts them in order."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]*)?")
_WITH_PORT = re.compile(r"((?:::ffff:)?[0-9]+(?:\.[0-9]+){3}):[0-9]+", re.IGNORECASE)
_MAPPED_BITS = 96
_REMEMBERED = 16_384
_MAPPED_FIRST, _MAPPED_LAST = 0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF


@lru_cache(maxsize=_REMEMBERED)
def canonical(text: str) -> str | None:
    """The canonical spelling of an address; port and brackets are stripped. None if it is not valid.

    `::ffff:1.2.3.4` is `1.2.3.4`; a zone such as `%eth0` is local to a host and dropped.
    """
    address = _address(text)
    return None if address is None else str(address)


@lru_cache(maxsize=_REMEMBERED)
def key(canonical_text: str) -> int:
    """The address as a 128-bit number; IPv4 addresses use their IPv4-mapped IPv6 number, so keys are unique."""
    return _key(ip_address(canonical_text))


@lru_cache(maxsize=_REMEMBERED)
def from_key(number: int) -> str:
    """The address of a key, in a form that every engine reads as 128 bits."""
    return exploded(number)


def exploded(number: int) -> str:
    """A 128-bit number as eight groups of four hex digits.

    `IPv6Address.exploded` is no help: since Python 3.13 it writes IPv4-mapped addresses with a dotted tail.
    """
    digits = f"{number:032x}"
    return ":".join(digits[start : start + 4] for start in range(0, 32, 4))


def spans(text: str) -> tuple[tuple[int, int], ...]:
    """First and last keys of each span that an address or a CIDR network covers; empty if it is neither.

    An IPv6 network covers no IPv4 address, so one that contains the IPv4-mapped block gives two spans.
    """
    parsed = _address(text) if "/" not in text else _network(text)
    if parsed is None:
        return ()
    if isinstance(parsed, IPv4Address | IPv6Address):
        return ((_key(parsed), _key(parsed)),)
    first, last = _key(parsed.network_address), _key(parsed.broadcast_address)
    if isinstance(parsed, IPv6Network) and first <= _MAPPED_FIRST and last >= _MAPPED_LAST:
        parts = ((first, _MAPPED_FIRST - 1), (_MAPPED_LAST + 1, last))
        return tuple((low, high) for low, high in parts if low <= high)
    return ((first, last),)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    bare = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(bare.group(1) if bare else text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _key(address: IPv4Address | IPv6Address) -> int:
    return int(address) | (_MAPPED_FIRST if isinstance(address, IPv4Address) else 0)
