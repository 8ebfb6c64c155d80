"""The locations of made-up people: addresses reserved for documentation, each with a fixed place and organization.

Home and mobile addresses are in 192.0.2.0/24, 203.0.113.0/24 and 2001:db8::/32; offices have one public address in
198.51.100.0/24 and a private range; the end of each range holds cloud, VPN and risky addresses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

CORPORATE_TAG = "0000ca5b0000000000000001"
BRANCH_TAG = "0000ca5b0000000000000002"
ANONYMOUS_PROXY_TAG = "000000030000000000000000"
BOTNET_TAG = "0000000c0000000000000000"
TOR_TAG = "2dfa95cd7922d979d66fcff5"
AWS_TAG = "000000290000000000000000"
AZURE_TAG = "0000002a0000000000000000"
ZSCALER_TAG = "000000160000000000000000"

CATEGORIES = ("NONE", "CORPORATE", "ADMINISTRATIVE", "RISKY", "VPN", "CLOUD_PROXY_NETWORK_IP", "OTHER")
_V4_AT_HOME = 20
_V6_AT_HOME = 12
_HOME_ADDRESSES = 199


@dataclass(frozen=True, slots=True)
class Place:
    """A city with two access providers; `weight` is its share of people."""

    country: str
    city: str
    region: str
    latitude: float
    longitude: float
    providers: tuple[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses other than home and mobile ones."""

    kind: str
    addresses: tuple[str, ...]
    place: int | None
    organization: str
    category: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """An address, and the keys of a record that an address table would add."""

    text: str
    kind: str
    place: int | None
    facts: Mapping[str, Any]

    @property
    def risky(self) -> bool:
        return self.kind == "risky"


# fmt: off
PLACES = (
    Place("US", "Seattle",      "Washington",        47.6062, -122.3321, ("Cascade Cable", "Evergreen Wireless"),     22),
    Place("US", "New York",     "New York",          40.7128,  -74.0060, ("Hudson Fibre", "Evergreen Wireless"),      16),
    Place("GB", "London",       "England",           51.5074,   -0.1278, ("Thames Broadband", "Albion Mobile"),       14),
    Place("DE", "Berlin",       "Berlin",            52.5200,   13.4050, ("Spree Netz", "Nordfunk Mobil"),            12),
    Place("DE", "Munich",       "Bavaria",           48.1351,   11.5820, ("Isar Kabel", "Nordfunk Mobil"),             6),
    Place("NL", "Amsterdam",    "North Holland",     52.3676,    4.9041, ("Amstel Glasvezel", "Delta Mobiel"),         6),
    Place("FR", "Lyon",         "Auvergne-Rhone-Alpes", 45.7640,  4.8357, ("Rhone Fibre", "Hexagone Mobile"),          6),
    Place("ES", "Madrid",       "Madrid",            40.4168,   -3.7038, ("Meseta Fibra", "Iberia Movil"),             4),
    Place("PL", "Warsaw",       "Mazovia",           52.2297,   21.0122, ("Wisla Net", "Polonia Mobile"),              4),
    Place("SE", "Stockholm",    "Stockholm",         59.3293,   18.0686, ("Malaren Bredband", "Nord Mobil"),           3),
    Place("IL", "Tel Aviv",     "Tel Aviv",          32.0853,   34.7818, ("Yarkon Cables", "Levant Cellular"),         4),
    Place("IN", "Bengaluru",    "Karnataka",         12.9716,   77.5946, ("Deccan Broadband", "Monsoon Mobile"),      10),
    Place("JP", "Tokyo",        "Tokyo",             35.6762,  139.6503, ("Sumida Hikari", "Sakura Mobile"),           5),
    Place("SG", "Singapore",    "Singapore",          1.3521,  103.8198, ("Straits Fibre", "Merlion Mobile"),          4),
    Place("AU", "Sydney",       "New South Wales",  -33.8688,  151.2093, ("Harbour Broadband", "Outback Mobile"),      5),
    Place("BR", "Sao Paulo",    "Sao Paulo",        -23.5505,  -46.6333, ("Paulista Fibra", "Tropico Movel"),          5),
    Place("CA", "Toronto",      "Ontario",           43.6532,  -79.3832, ("Lakeshore Cable", "Maple Wireless"),        5),
    Place("ZA", "Cape Town",    "Western Cape",     -33.9249,   18.4241, ("Table Bay Fibre", "Protea Mobile"),         2),
    Place("MX", "Mexico City",  "Mexico City",       19.4326,  -99.1332, ("Anahuac Cable", "Azteca Movil"),            3),
    Place("UA", "Kyiv",         "Kyiv",              50.4501,   30.5234, ("Dnipro Net", "Karpaty Mobile"),             2),
)

NETWORKS = (
    Network("office",  ("198.51.100.1", "10.10.4.17", "10.10.7.203"),    0, "Contoso/Seattle",            1, (CORPORATE_TAG,)),
    Network("office",  ("198.51.100.2", "10.20.1.9", "10.20.8.77"),      2, "Contoso/London",             1, (CORPORATE_TAG,)),
    Network("office",  ("198.51.100.3", "10.30.2.44"),                   3, "Contoso/Berlin",             1, (CORPORATE_TAG, BRANCH_TAG)),
    Network("office",  ("198.51.100.4", "172.16.12.5", "172.16.3.90"),  11, "Contoso/Bengaluru",          1, (CORPORATE_TAG, BRANCH_TAG)),
    Network("office",  ("198.51.100.5", "192.168.40.21"),                1, "Fabrikam",                   1, (BRANCH_TAG,)),
    Network("admin",   ("198.51.100.10", "2001:db8:ad::10"),             0, "Contoso/Seattle/Operations", 2, (CORPORATE_TAG,)),
    Network("vpn",     ("198.51.100.200", "198.51.100.201"),             5, "Contoso/VPN",                4, (CORPORATE_TAG,)),
    Network("vpn",     ("198.51.100.210",),                              1, "Wayfarer VPN",               4, (ZSCALER_TAG,)),
    Network("cloud",   ("203.0.113.200", "203.0.113.201", "203.0.113.202"), 1, "Example Cloud/us-east",   5, (AWS_TAG,)),
    Network("cloud",   ("203.0.113.210", "2001:db8:c10d::53"),           5, "Example Cloud/eu-west",      5, (AZURE_TAG,)),
    Network("hosting", ("203.0.113.220", "203.0.113.221"),               4, "Isar Hosting",               6, ()),
    Network("risky",   ("192.0.2.230", "192.0.2.231"),                   9, "Relay Exit",                 3, (TOR_TAG, ANONYMOUS_PROXY_TAG)),
    Network("risky",   ("192.0.2.240", "2001:db8:bad::66"),             15, "Anonymous Transit",          3, (ANONYMOUS_PROXY_TAG,)),
    Network("risky",   ("192.0.2.250",),                                19, "Cheap Hosting",              3, (BOTNET_TAG,)),
)
# fmt: on

NOWHERE = Address("", "none", None, {})


@cache
def homes() -> Mapping[int, tuple[Address, ...]]:
    """The home and mobile addresses of each place."""
    return {number: tuple(_homes(number)) for number in range(len(PLACES))}


@cache
def networks() -> Mapping[str, tuple[Address, ...]]:
    """The other addresses by kind."""
    by_kind: dict[str, list[Address]] = {}
    for network in NETWORKS:
        by_kind.setdefault(network.kind, []).extend(_addresses(network))
    return {kind: tuple(addresses) for kind, addresses in by_kind.items()}


def _homes(number: int) -> Iterator[Address]:
    providers = PLACES[number].providers
    for n in range(_V4_AT_HOME):
        host = (number * _V4_AT_HOME + n) % (2 * _HOME_ADDRESSES)
        text = f"192.0.2.{host + 1}" if host < _HOME_ADDRESSES else f"203.0.113.{host - _HOME_ADDRESSES + 1}"
        if number * _V4_AT_HOME + n < 2 * _HOME_ADDRESSES:
            yield Address(text, "home", number, _facts(number, providers[n % 2], 0, ()))
    for n in range(_V6_AT_HOME):
        text = f"2001:db8:{number + 1:x}:{n + 16:x}::{(n * 7919) % 65_535 + 1:x}"
        yield Address(text, "home", number, _facts(number, providers[n % 2], 0, ()))


def _addresses(network: Network) -> Iterator[Address]:
    for text in network.addresses:
        private = text.startswith(("10.", "172.16.", "192.168."))
        place = None if private else network.place
        facts = _facts(place, network.organization, network.category, network.tags)
        yield Address(text, network.kind, network.place, facts)


def _facts(number: int | None, organization: str, category: int, tags: tuple[str, ...]) -> dict[str, Any]:
    """The keys for an address. A private one has an organization but no location."""
    location: dict[str, Any] = {"category": category, "categoryValue": CATEGORIES[category]}
    if tags:
        location["ipTags"] = list(tags)
    location["organizationSearchable"] = organization
    if number is None:
        return {"location": location}
    place = PLACES[number]
    location |= {
        "countryCode": place.country,
        "city": place.city,
        "region": place.region,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }
    return {"location": location, "device": {"countryCode": place.country}}
