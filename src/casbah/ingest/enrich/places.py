"""Where an address is and whose it is, by files in MaxMind's format that the user names. None is shipped, none downloaded.

The fields are those of https://dev.maxmind.com/geoip/docs/databases (GeoIP2 and GeoLite2: City, Country, Enterprise, ASN,
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
"""The keys that say where; from coarse to fine, and only worth something together."""

log = logging.getLogger("casbah.enrich")

_REMEMBERED = 65_536
_PROBES = 64
_IPV4_ONLY = 4
_MOST_DEGREES = 180
_EXPECTED = "a file in MaxMind's format (.mmdb)"
Steps = tuple[str | int, ...]
"""How to come to a value: key by key, or by the place in a list."""


@dataclass(frozen=True, slots=True)
class PlaceLookup:
    """A key of the record's `location`, and where files have its value; the first place that has one counts."""

    key: str
    type: type
    places: tuple[Steps, ...]


def _paths(*texts: str) -> tuple[Steps, ...]:
    return tuple(tuple(int(part) if part.isdigit() else part for part in text.split(".")) for text in texts)


# In the order in which they stand in a record.
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
# A hosting provider is marked `is_anonymous` too, and is no proxy for that; so the kinds are asked one by one.
_TOR = _paths("is_tor_exit_node", "traits.is_tor_exit_node")
_PROXIES = _TOR + _paths(
    "is_anonymous_vpn", "is_public_proxy", "is_residential_proxy", "is_anonymous_proxy", "traits.is_anonymous_vpn",
    "traits.is_public_proxy", "traits.is_residential_proxy", "traits.is_anonymous_proxy",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of an address, in the keys of a record's `location`, and which files said so. Shared: read it only."""

    location: Mapping[str, Any]
    origin: tuple[str, ...]


NOWHERE = Place({}, ())


class Places:
    """The files, opened once. Of two that know the same thing, the one that is named first is believed."""

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
        """The files, by what they call themselves and the day they were built."""
        return tuple(file.origin for file in self._files)

    def close(self) -> None:
        """Let go of the files."""
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


def agreeing(said: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """What of `found` adds to what is `said` and does not speak of another place.

    If they name different countries, nothing of where `found` believes it to be is taken; if different cities, nothing
    below the country; and coordinates come in pairs.
    """
    added = {key: value for key, value in found.items() if key not in said}
    if _differ(said, found, "countryCode"):
        refused: Iterable[str] = PLACE
    elif _differ(said, found, "city"):
        refused = PLACE[1:]
    elif "latitude" in said or "longitude" in said:
        refused = ("latitude", "longitude")
    else:
        return added
    for key in refused:
        added.pop(key, None)
    return added


def _differ(said: Mapping[str, Any], found: Mapping[str, Any], key: str) -> bool:
    here, there = said.get(key), found.get(key)
    return here is not None and there is not None and str(here).casefold() != str(there).casefold()


class _File:
    """One file. It is looked into here and there when it is opened, so that most damage shows at once."""

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
        """What the file says of an address; nothing where it is damaged, which is logged once."""
        if self._only_v4 and ":" in address:
            return {}
        try:
            found = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError) as error:
            if not self._warned:
                self._warned = True
                log.warning("%s is damaged and says nothing of some addresses: %s", self._path, _why(error))
            return {}
        return _read(found) if isinstance(found, dict) else {}

    def close(self) -> None:
        self._reader.close()


def _read(found: Any) -> dict[str, Any]:
    values = ((row.key, _first(found, row.places, row.type)) for row in READINGS)
    location = {key: value for key, value in values if value is not None}
    country = code(location.pop("countryCode", ""))
    if country:
        location = {"countryCode": country, **location}
    tor = _first(found, _TOR, bool)
    if tor or _first(found, _PROXIES, bool):
        location |= {"anonymousProxy": True, "ipTags": [ANONYMOUS_PROXY_TAG, *([TOR_TAG] if tor else [])]}
    return location


def _first(found: Any, places: Iterable[Steps], wanted: type) -> Any:
    """The first value there is of that type; an empty text and False are none, nor is a degree that is on no globe."""
    for place in places:
        value = _at(found, place)
        if wanted is float:
            if type(value) in (int, float) and -_MOST_DEGREES <= value <= _MOST_DEGREES:
                return float(value)
        elif type(value) is wanted and value:
            return value
    return None


def _at(found: Any, place: Steps) -> Any:
    for step in place:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            return None
    return found


def _probes(*, only_v4: bool) -> Iterator[str]:
    """Addresses spread over all there are."""
    yield from (str(IPv4Address(number * (2**32 // _PROBES) + 1)) for number in range(_PROBES))
    if not only_v4:
        yield from (str(IPv6Address((0x2000 << 112) + number * (2**125 // _PROBES))) for number in range(_PROBES))


def _why(wrong: Exception) -> str:
    text = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
    return text.splitlines()[0].rstrip(".") if text else type(wrong).__name__
