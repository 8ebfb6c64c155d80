"""Looks up the location and owner of an address in configured MaxMind DB files. None is shipped or downloaded.

Reads the fields of https://dev.maxmind.com/geoip/docs/databases (GeoIP2 and GeoLite2: City, Country, Enterprise, ASN,
ISP, Anonymous IP), which DB-IP Lite also uses, and the flat ones of https://github.com/sapics/ip-location-db and
https://ipinfo.io/developers/ip-to-country-asn-database.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import maxminddb

from casbah.errors import BadSettingError
from casbah.ingest.enrich.countries import code

ANONYMOUS_PROXY_TAG = "000000030000000000000000"
TOR_TAG = "2dfa95cd7922d979d66fcff5"
PLACE = ("countryCode", "city", "region", "regionCode", "postalCode", "latitude", "longitude")
"""The keys of a location, from coarse to fine. They are only consistent together."""

log = logging.getLogger("casbah.enrich")

_REMEMBERED = 65_536
_PROBES = 64
_IPV4_ONLY = 4
_MAX_DEGREES = 180
_EXPECTED = "a file in MaxMind's format (.mmdb)"
Steps = tuple[str | int, ...]
"""The path to a value: keys, and indexes in lists."""


@dataclass(frozen=True, slots=True)
class PlaceLookup:
    """A key of the record's `location`, and the paths of its value in files; the first with a value counts."""

    key: str
    type: type
    places: tuple[Steps, ...]


def _paths(*texts: str) -> tuple[Steps, ...]:
    return tuple(tuple(int(part) if part.isdigit() else part for part in text.split(".")) for text in texts)


# In the order of a record.
# fmt: off
READINGS = (
    PlaceLookup("countryCode", str,   _paths("country.iso_code", "country_code", "country")),
    PlaceLookup("city",        str,   _paths("city.names.en", "city")),
    PlaceLookup("region",      str,   _paths("subdivisions.0.names.en", "state1", "region")),
    PlaceLookup("regionCode",  str,   _paths("subdivisions.0.iso_code", "region_code")),
    PlaceLookup("postalCode",  str,   _paths("postal.code", "postcode", "postal_code")),
    PlaceLookup("latitude",    float, _paths("location.latitude", "latitude")),
    PlaceLookup("longitude",   float, _paths("location.longitude", "longitude")),
    PlaceLookup("carrier",     str,   _paths("isp", "traits.isp", "autonomous_system_organization",
                                         "traits.autonomous_system_organization", "as_name")),
    PlaceLookup("organizationSearchable", str,
                                  _paths("isp", "traits.isp", "organization", "traits.organization",
                                         "autonomous_system_organization", "traits.autonomous_system_organization",
                                         "as_name")),
    PlaceLookup("isSatelliteProvider", bool, _paths("is_satellite_provider", "traits.is_satellite_provider")),
)
# `is_anonymous` also marks hosting providers, which are not proxies, so check each kind separately.
_TOR = _paths("is_tor_exit_node", "traits.is_tor_exit_node")
_PROXIES = _TOR + _paths(
    "is_anonymous_vpn", "is_public_proxy", "is_residential_proxy", "is_anonymous_proxy", "traits.is_anonymous_vpn",
    "traits.is_public_proxy", "traits.is_residential_proxy", "traits.is_anonymous_proxy",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Place:
    """Keys of a record's `location` for an address, and the files they are from. Shared: do not modify."""

    location: Mapping[str, Any]
    origin: tuple[str, ...]


NOWHERE = Place({}, ())


class Places:
    """The files, opened once. If two have the same key, the one listed first counts."""

    def __init__(self, paths: Iterable[Path | str], *, setting: str = "places") -> None:
        with ExitStack() as opening:
            files = []
            for path in paths:
                file = _File(Path(path), setting)
                opening.callback(file.close)
                files.append(file)
            self._files: Sequence[_File] = files
            self._closing = opening.pop_all()
        self.of = lru_cache(maxsize=_REMEMBERED)(self._of)
        """What is known of an address in canonical form."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The database type and build date of each file."""
        return tuple(file.origin for file in self._files)

    def close(self) -> None:
        """Close the files."""
        self._closing.close()

    def _of(self, address: str) -> Place:
        known: dict[str, Any] = {}
        origin = []
        for file in self._files:
            added = agreeing(known, file.of(address))
            if added:
                known |= added
                origin.append(file.origin)
        return Place(known, tuple(origin)) if known else NOWHERE


def agreeing(known: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `added` that `known` lacks and that do not contradict it.

    If the countries differ, no location key is added; if the cities differ, only the country. Coordinates are added only as
    a pair.
    """
    accepted = {key: value for key, value in added.items() if key not in known}
    if _differ(known, added, "countryCode"):
        refused: Iterable[str] = PLACE
    elif _differ(known, added, "city"):
        refused = PLACE[1:]
    elif "latitude" in known or "longitude" in known:
        refused = ("latitude", "longitude")
    else:
        return accepted
    for key in refused:
        accepted.pop(key, None)
    return accepted


def _differ(known: Mapping[str, Any], added: Mapping[str, Any], key: str) -> bool:
    one, other = known.get(key), added.get(key)
    return one is not None and other is not None and str(one).casefold() != str(other).casefold()


class _File:
    """One file. Opening it reads a sample of addresses, to detect most damage at once."""

    def __init__(self, path: Path, setting: str) -> None:
        try:
            self._reader = maxminddb.open_database(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            raise BadSettingError(setting, str(path), f"{_EXPECTED}: {_why(error)}") from None
        try:
            about = self._reader.metadata()
            self._only_v4 = about.ip_version == _IPV4_ONLY
            built = datetime.fromtimestamp(about.build_epoch, UTC).date()
            self.origin = f"{about.database_type} {built}"
            for probe in _probes(only_v4=self._only_v4):
                self._reader.get(probe)
        except (OSError, ValueError, OverflowError, TypeError, maxminddb.InvalidDatabaseError) as error:
            self._reader.close()
            raise BadSettingError(setting, str(path), f"{_EXPECTED}: it is damaged: {_why(error)}") from None
        self._path = path
        self._warned = False

    def of(self, address: str) -> dict[str, Any]:
        """The keys for an address; none where the file is damaged, which is logged once."""
        if self._only_v4 and ":" in address:
            return {}
        try:
            entry = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError) as error:
            if not self._warned:
                self._warned = True
                log.warning("%s is damaged and has no data for some addresses: %s", self._path, _why(error))
            return {}
        return _read(entry) if isinstance(entry, dict) else {}

    def close(self) -> None:
        self._reader.close()


def _read(entry: Any) -> dict[str, Any]:
    values = ((row.key, _first(entry, row.places, row.type)) for row in READINGS)
    location = {key: value for key, value in values if value is not None}
    country = code(location.pop("countryCode", ""))
    if country:
        location = {"countryCode": country, **location}
    tor = _first(entry, _TOR, bool)
    if tor or _first(entry, _PROXIES, bool):
        location |= {"anonymousProxy": True, "ipTags": [ANONYMOUS_PROXY_TAG, *([TOR_TAG] if tor else [])]}
    return location


def _first(entry: Any, places: Iterable[Steps], kind: type) -> Any:
    """The first value of that type. Empty strings, False and degrees out of range do not count."""
    for place in places:
        value = _at(entry, place)
        if kind is float:
            if type(value) in (int, float) and -_MAX_DEGREES <= value <= _MAX_DEGREES:
                return float(value)
        elif type(value) is kind and value:
            return value
    return None


def _at(value: Any, place: Steps) -> Any:
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _probes(*, only_v4: bool) -> Iterator[str]:
    """Addresses spread over the whole address space."""
    yield from (str(IPv4Address(number * (2**32 // _PROBES) + 1)) for number in range(_PROBES))
    if not only_v4:
        yield from (str(IPv6Address((0x2000 << 112) + number * (2**125 // _PROBES))) for number in range(_PROBES))


def _why(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
