import logging
import random

import pytest

from casbah.errors import BadSettingError
from casbah.ingest.enrich.places import NOWHERE, Places, agreeing
from ingest.enrich import mmdb

PROXY, TOR = "000000030000000000000000", "2dfa95cd7922d979d66fcff5"
COLOGNE = {
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    "city": {"names": {"de": "K\u00f6ln", "en": "Cologne"}},
    "subdivisions": [{"iso_code": "NW", "names": {"en": "North Rhine-Westphalia"}}],
    "postal": {"code": "50667"},
    "location": {"latitude": 50.9333, "longitude": 6.95, "time_zone": "Europe/Berlin"},
}
IN_COLOGNE = {
    "countryCode": "DE",
    "city": "Cologne",
    "region": "North Rhine-Westphalia",
    "regionCode": "NW",
    "postalCode": "50667",
    "latitude": 50.9333,
    "longitude": 6.95,
}
SHAPES = [
    pytest.param(COLOGNE, IN_COLOGNE, id="GeoLite2-City"),
    pytest.param({"country": {"iso_code": "DE"}, "continent": {"code": "EU"}}, {"countryCode": "DE"}, id="GeoLite2-Country"),
    pytest.param({"registered_country": {"iso_code": "US"}}, {}, id="where it is registered is not where it is"),
    pytest.param(
        {"autonomous_system_number": 13335, "autonomous_system_organization": "Cloudflare, Inc."},
        {"carrier": "Cloudflare, Inc.", "organizationSearchable": "Cloudflare, Inc."}, id="GeoLite2-ASN",
    ),
    pytest.param(
        {"isp": "Telekom", "organization": "Contoso", "autonomous_system_organization": "DTAG"},
        {"carrier": "Telekom", "organizationSearchable": "Telekom"}, id="GeoIP2-ISP",
    ),
    pytest.param(
        {**COLOGNE, "traits": {"isp": "Telekom", "is_satellite_provider": True, "is_anonymous_proxy": True}},
        {**IN_COLOGNE, "carrier": "Telekom", "organizationSearchable": "Telekom", "isSatelliteProvider": True,
         "anonymousProxy": True, "ipTags": [PROXY]}, id="GeoIP2-Enterprise",
    ),
    pytest.param({"is_anonymous": True, "is_anonymous_vpn": True}, {"anonymousProxy": True, "ipTags": [PROXY]}, id="GeoIP2-Anonymous-IP: a VPN"),
    pytest.param({"is_anonymous": True, "is_tor_exit_node": True}, {"anonymousProxy": True, "ipTags": [PROXY, TOR]}, id="GeoIP2-Anonymous-IP: Tor"),
    pytest.param({"is_anonymous": True, "is_hosting_provider": True}, {}, id="GeoIP2-Anonymous-IP: a host is no proxy"),
    pytest.param(
        {"country_code": "DE", "city": "Cologne", "state1": "North Rhine-Westphalia", "state2": "", "postcode": "50667", "latitude": 50.9333, "longitude": 6.95},
        {key: value for key, value in IN_COLOGNE.items() if key != "regionCode"}, id="ip-location-db",
    ),
    pytest.param(
        {"country": "Germany", "country_code": "de", "as_name": "Deutsche Telekom", "asn": "AS3320"},
        {"countryCode": "DE", "carrier": "Deutsche Telekom", "organizationSearchable": "Deutsche Telekom"}, id="IPinfo Lite",
    ),
    pytest.param({"country": "DE"}, {"countryCode": "DE"}, id="the country and nothing else"),
    pytest.param({"country_code": "ZZ", "city": ""}, {}, id="values that say nothing"),
    pytest.param({"country_code": 7, "city": ["x"], "latitude": "50", "subdivisions": "x", "traits": []}, {}, id="values of other types"),
    pytest.param({"latitude": float("nan"), "longitude": 1e300}, {}, id="degrees on no globe"),
    pytest.param({"latitude": 0, "longitude": -7}, {"latitude": 0.0, "longitude": -7.0}, id="whole degrees, and zero"),
    pytest.param("DE", {}, id="no map at all"),
]  # fmt: skip


@pytest.fixture
def opened(tmp_path):
    """Places of files that say `networks`, each with its kind."""
    made = []

    def from_files(*files, **options):
        paths = [
            mmdb.written(tmp_path / f"{number}.mmdb", networks, kind=kind, **options)
            for number, (kind, networks) in enumerate(files)
        ]
        made.append(Places(paths))
        return made[-1]

    yield from_files
    for each in made:
        each.close()


@pytest.mark.parametrize("said, expected", SHAPES)
def test_shapes_of_files(opened, said, expected):
    found = opened(("Test", {"1.2.3.0/24": said})).of("1.2.3.4")
    assert found.location == expected
    assert found.origin == (("Test 2026-11-01",) if expected else ())


ADDRESSES = [
    pytest.param("1.2.3.255", "DE", id="the last of a network"),
    pytest.param("1.2.4.0", None, id="the first after it"),
    pytest.param("1.2.3.128", "FR", id="a network within a network"),
    pytest.param("2001:db8::7", "IT", id="IPv6"),
    pytest.param("10.0.0.1", None, id="a private address"),
]


@pytest.mark.parametrize("address, country", ADDRESSES)
def test_addresses(opened, address, country):
    networks = {
        "1.2.3.0/24": {"country_code": "DE"},
        "1.2.3.128/32": {"country_code": "FR"},
        "2001:db8::/32": {"country_code": "IT"},
    }
    found = opened(("Test", networks)).of(address)
    assert found.location.get("countryCode") == country
    assert (found is NOWHERE) == (country is None)


def test_a_file_of_ipv4_alone_knows_no_ipv6(opened):
    places = opened(("Test", {"1.2.3.0/24": {"country_code": "DE"}}), version=4)
    assert (places.of("1.2.3.4").location, places.of("2001:db8::1")) == ({"countryCode": "DE"}, NOWHERE)


def test_files_complete_each_other_and_the_first_is_believed(opened):
    places = opened(
        ("Anonymous", {"1.2.3.0/24": {"is_tor_exit_node": True}}),
        ("Country", {"1.2.3.0/24": {"country_code": "DE"}}),
        ("City", {"1.2.3.0/24": COLOGNE}),
        ("Other", {"1.2.3.0/24": {"country_code": "FR", "city": "Paris", "isp": "Telekom"}}),
        ("Silent", {"1.2.3.0/24": {"country_code": "DE"}}),
    )
    found = places.of("1.2.3.4")
    assert found.location == {
        "anonymousProxy": True,
        "ipTags": [PROXY, TOR],
        **IN_COLOGNE,
        "carrier": "Telekom",
        "organizationSearchable": "Telekom",
    }
    assert [origin.partition(" ")[0] for origin in found.origin] == ["Anonymous", "Country", "City", "Other"]
    assert places.origins[-1] == "Silent 2026-11-01"


AGREEING = [
    pytest.param({}, IN_COLOGNE, IN_COLOGNE, id="nothing said"),
    pytest.param({"countryCode": "de"}, IN_COLOGNE, {k: v for k, v in IN_COLOGNE.items() if k != "countryCode"}, id="the same country"),
    pytest.param({"countryCode": "FR"}, {**IN_COLOGNE, "carrier": "Telekom"}, {"carrier": "Telekom"}, id="another country"),
    pytest.param({"city": "Bonn"}, IN_COLOGNE, {"countryCode": "DE"}, id="another city"),
    pytest.param({"latitude": 1.0}, {"latitude": 50.9, "longitude": 6.9, "city": "Cologne"}, {"city": "Cologne"}, id="half a pair of coordinates"),
]  # fmt: skip


@pytest.mark.parametrize("said, found, expected", AGREEING)
def test_what_agrees_is_added(said, found, expected):
    assert agreeing(said, found) == expected


WHOLE = mmdb.made({"1.2.3.0/24": COLOGNE, "2001:db8::/32": {"country_code": "IT"}})
BROKEN = [
    pytest.param(b"", "", id="empty"),
    pytest.param(b"not a database" * 100, "", id="something else"),
    pytest.param(WHOLE[:-60], "", id="cut off in its metadata"),
    pytest.param(WHOLE.replace(b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMinMaxd.com"), "", id="without its mark"),
    pytest.param(WHOLE.replace(b"build_epoch", b"built_epoch"), "", id="metadata of another format"),
    pytest.param(
        mmdb.made({"0.0.0.0/1": {"country": "DE"}}).replace(bytes(16) + b"\xe1", bytes(16) + b"\x3f"),
        "damaged",
        id="a pointer into nowhere",
    ),
]


@pytest.mark.parametrize("content, said", BROKEN)
def test_a_broken_file_is_named_at_the_start(tmp_path_factory, content, said):
    # A short name, for the message shows only the first 80 characters of it.
    path = tmp_path_factory.mktemp("x") / "broken.mmdb"
    path.write_bytes(content)
    with pytest.raises(
        BadSettingError, match=rf"^setting CASBAH_GEO: expected a file in MaxMind's format.*{said}.*broken\.mmdb'$"
    ):
        Places([path], setting="CASBAH_GEO")


def test_a_missing_file_and_a_folder_are_named_at_the_start(tmp_path):
    with pytest.raises(BadSettingError, match="No such file"):
        Places([tmp_path / "missing.mmdb"])
    with pytest.raises(BadSettingError, match=str(tmp_path)):
        Places([tmp_path])


def test_damage_that_shows_later_is_logged_once_and_stops_nothing(tmp_path, caplog):
    """The probes see networks here and there; this one, of a single address, they do not."""
    content = bytearray(mmdb.made({"1.2.3.4/32": {"country": "DE"}, "1.2.3.5/32": {"country": "FR"}}))
    content[content.index(b"DE") - 9] = 0x3F  # The key becomes a pointer out of the file.
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(content)
    places = Places([path])
    with caplog.at_level(logging.WARNING, "casbah.enrich"):
        assert (places.of("1.2.3.4"), places.of("1.2.3.4")) == (NOWHERE, NOWHERE)
        assert places.of("1.2.3.5").location == {"countryCode": "FR"}
    places.close()
    assert [record.getMessage().partition(" is ")[0] for record in caplog.records] == [str(path)]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_damaged_is_refused_or_read(tmp_path, seed):
    dice = random.Random(seed)
    content = bytearray(WHOLE)
    for _ in range(dice.choice((1, 3, 30))):
        content[dice.randrange(len(content))] = dice.randrange(256)
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(content[: dice.choice((None, None, dice.randrange(len(content))))])
    try:
        places = Places([path])
    except BadSettingError:
        return
    for address in ("1.2.3.4", "9.9.9.9", "2001:db8::1"):
        assert places.of(address).location.keys() <= {
            *IN_COLOGNE,
            "carrier",
            "organizationSearchable",
            "anonymousProxy",
            "ipTags",
            "isSatelliteProvider",
        }
    places.close()
