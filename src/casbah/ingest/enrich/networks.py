"""IP address ranges that the user names: what is known of the addresses of an office, a VPN, a cloud provider.

Categories and their meaning are MDCA's (https://learn.microsoft.com/defender-cloud-apps/ip-tags). Ranges may lie within
each other, and the narrowest counts; the same prefix stands in one range alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from casbah.activity.address import canonical

CATEGORIES = ("NONE", "CORPORATE", "ADMINISTRATIVE", "RISKY", "VPN", "CLOUD_PROXY_NETWORK_IP", "OTHER")
"""What records call the categories 0 to 6: `location.categoryValue`. 0 and 5 occur in real records, the rest follow them."""

_MAPPED_BITS = 96
_REMEMBERED = 65_536
_Tables = Sequence[tuple[int, Mapping[int, "IpRange"]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRange:
    """A range: `cidrs` are addresses and networks, `category` is 1 to 6, `tags` are ids.

    `organization` and `location` (in the keys of a record's `location`) take the place of what files say of its addresses.
    """

    id: str
    name: str
    cidrs: tuple[str, ...]
    category: int
    tags: tuple[str, ...] = ()
    organization: str = ""
    location: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IpRanges:
    """A tenant's ranges; `version` is another one whenever they are others, so that who knows it need not look at them."""

    tenant: str
    version: int
    ranges: tuple[IpRange, ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two ranges that both hold a prefix."""

    cidr: str
    first: IpRange
    second: IpRange

    def __str__(self) -> str:
        return f"{self.cidr} is in the range {self.first.name!r} already, and cannot be in {self.second.name!r} too"


class OverlapError(ValueError):
    """Ranges that cannot stand beside each other."""

    def __init__(self, found: Sequence[Overlap]) -> None:
        super().__init__("; ".join(map(str, found)))
        self.found = tuple(found)


class Networks:
    """All ranges, ready to be asked. Raises OverlapError, and ValueError for what is no network."""

    def __init__(self, ranges: Iterable[IpRange]) -> None:
        self._ranges = tuple(ranges)
        found = overlap(self._ranges)
        if found:
            raise OverlapError(found)
        self._by_version: Mapping[int, _Tables] = {4: _tables(self._ranges, 4), 6: _tables(self._ranges, 6)}
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)
        """The range that holds an address in canonical form; the narrowest, or None."""

    def __len__(self) -> int:
        return len(self._ranges)

    def _of(self, address: str) -> IpRange | None:
        parsed = ip_address(address)
        number = int(parsed)
        for shift, ranges in self._by_version[parsed.version]:
            found = ranges.get(number >> shift)
            if found is not None:
                return found
        return None


def network(text: str) -> IPv4Network | IPv6Network:
    """The network that an address or CIDR text means; bits of a host are dropped, as MDCA does. Raises ValueError.

    `::ffff:1.2.3.0/120` is 1.2.3.0/24, as in records `::ffff:1.2.3.4` is 1.2.3.4.
    """
    address = canonical(text.strip()) if "/" not in text else text.strip()
    try:
        found = ip_network(address or "", strict=False)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is neither an address nor a network such as 192.0.2.0/24") from None
    if isinstance(found, IPv6Network) and found.prefixlen >= _MAPPED_BITS:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, found.prefixlen - _MAPPED_BITS))
    return found


def overlap(ranges: Iterable[IpRange]) -> list[Overlap]:
    """Prefixes that stand in two ranges, in the order of the second. A range may name a prefix of its own twice."""
    holders: dict[IPv4Network | IPv6Network, IpRange] = {}
    found = []
    for each, prefix in _prefixes(ranges):
        holder = holders.setdefault(prefix, each)
        if holder is not each:
            found.append(Overlap(str(prefix), holder, each))
    return found


def _prefixes(ranges: Iterable[IpRange]) -> Iterator[tuple[IpRange, IPv4Network | IPv6Network]]:
    for ip_range in ranges:
        for cidr in ip_range.cidrs:
            yield ip_range, network(cidr)


def _tables(ranges: Iterable[IpRange], version: int) -> _Tables:
    """By how far an address is shifted to be compared, the least, which is the narrowest network, first."""
    found: dict[int, dict[int, IpRange]] = {}
    for each, prefix in _prefixes(ranges):
        if prefix.version == version:
            shift = prefix.max_prefixlen - prefix.prefixlen
            found.setdefault(shift, {})[int(prefix.network_address) >> shift] = each
    return sorted(found.items(), key=lambda item: item[0])
