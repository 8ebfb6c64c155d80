"""User-defined IP address ranges: the addresses of an office, a VPN or a cloud provider, with a category and tags.

Categories and their meaning are MDCA's (https://learn.microsoft.com/defender-cloud-apps/ip-tags). Ranges may be nested, and
the narrowest wins; a prefix must not be in two ranges.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from casbah.activity.address import canonical

CATEGORIES = ("NONE", "CORPORATE", "ADMINISTRATIVE", "RISKY", "VPN", "CLOUD_PROXY_NETWORK_IP", "OTHER")
"""The `location.categoryValue` of categories 0 to 6. 0 and 5 are from real records, the rest by analogy."""

_MAPPED_BITS = 96
_REMEMBERED = 65_536
_Tables = Sequence[tuple[int, Mapping[int, "IpRange"]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRange:
    """A range: `cidrs` are addresses and networks, `category` is 1 to 6, `tags` are ids.

    `organization` and `location` (keys of a record's `location`) take precedence over the location files.
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
    """A tenant's ranges. `version` changes with every change of them, so that comparing it is enough."""

    tenant: str
    version: int
    ranges: tuple[IpRange, ...] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A prefix that is in two ranges."""

    cidr: str
    first: IpRange
    second: IpRange

    def __str__(self) -> str:
        return f"{self.cidr} is in the range {self.first.name!r} already, and cannot be in {self.second.name!r} too"


class OverlapError(ValueError):
    """Ranges overlap."""

    def __init__(self, overlaps: Sequence[Overlap]) -> None:
        super().__init__("; ".join(map(str, overlaps)))


class Networks:
    """Looks up addresses in ranges. Raises OverlapError, and ValueError for an invalid network."""

    def __init__(self, ranges: Iterable[IpRange]) -> None:
        self._ranges = tuple(ranges)
        overlaps = overlap(self._ranges)
        if overlaps:
            raise OverlapError(overlaps)
        self._by_version: Mapping[int, _Tables] = {4: _tables(self._ranges, 4), 6: _tables(self._ranges, 6)}
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)
        """The narrowest range that contains an address (in canonical form), or None."""

    def __len__(self) -> int:
        return len(self._ranges)

    def _of(self, address: str) -> IpRange | None:
        parsed = ip_address(address)
        number = int(parsed)
        for shift, ranges in self._by_version[parsed.version]:
            ip_range = ranges.get(number >> shift)
            if ip_range is not None:
                return ip_range
        return None


def network(text: str) -> IPv4Network | IPv6Network:
    """Parse an address or CIDR network; host bits are dropped, as in MDCA. Raises ValueError.

    `::ffff:1.2.3.0/120` becomes 1.2.3.0/24, just as `::ffff:1.2.3.4` is 1.2.3.4 in records.
    """
    address = canonical(text.strip()) if "/" not in text else text.strip()
    try:
        parsed = ip_network(address or "", strict=False)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is neither an address nor a network such as 192.0.2.0/24") from None
    if isinstance(parsed, IPv6Network) and parsed.prefixlen >= _MAPPED_BITS:
        mapped = parsed.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, parsed.prefixlen - _MAPPED_BITS))
    return parsed


def overlap(ranges: Iterable[IpRange]) -> list[Overlap]:
    """Prefixes that are in two ranges, in the order of the second. A range may repeat its own prefix."""
    holders: dict[IPv4Network | IPv6Network, IpRange] = {}
    overlaps = []
    for ip_range, prefix in _prefixes(ranges):
        holder = holders.setdefault(prefix, ip_range)
        if holder is not ip_range:
            overlaps.append(Overlap(str(prefix), holder, ip_range))
    return overlaps


def _prefixes(ranges: Iterable[IpRange]) -> Iterator[tuple[IpRange, IPv4Network | IPv6Network]]:
    for ip_range in ranges:
        for cidr in ip_range.cidrs:
            yield ip_range, network(cidr)


def _tables(ranges: Iterable[IpRange], version: int) -> _Tables:
    """The ranges by the shift that turns an address into a prefix, narrowest networks first."""
    tables: dict[int, dict[int, IpRange]] = {}
    for ip_range, prefix in _prefixes(ranges):
        if prefix.version == version:
            shift = prefix.max_prefixlen - prefix.prefixlen
            tables.setdefault(shift, {})[int(prefix.network_address) >> shift] = ip_range
    return sorted(tables.items(), key=lambda item: item[0])
