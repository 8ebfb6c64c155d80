from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.ingest.enrich.networks import CATEGORIES, IpRange, Networks, OverlapError, network, overlap


def range_of(name, *cidrs, category=1):
    return IpRange(id=name, name=name, cidrs=cidrs, category=category)


RANGES = [
    range_of("site", "10.0.0.0/8", "192.0.2.7"),
    range_of("floor", "10.1.0.0/16"),
    range_of("desk", "10.1.2.3/32"),
    range_of("mapped", "::ffff:198.51.100.0/120"),
    range_of("six", "2001:db8::/32"),
    range_of("lab", "2001:db8:1::/48"),
    range_of("all of six", "::/0"),
]
ASKED = [
    pytest.param("10.9.9.9", "site", id="the widest"),
    pytest.param("10.1.9.9", "floor", id="within it"),
    pytest.param("10.1.2.3", "desk", id="a single address"),
    pytest.param("192.0.2.7", "site", id="an address without a prefix length"),
    pytest.param("192.0.2.8", None, id="its neighbour"),
    pytest.param("198.51.100.9", "mapped", id="a network in IPv6 spelling"),
    pytest.param("2001:db8:2::1", "six", id="IPv6"),
    pytest.param("2001:db8:1::1", "lab", id="a narrower one of IPv6"),
    pytest.param("::1", "all of six", id="everything of IPv6"),
    pytest.param("203.0.113.1", None, id="no IPv4 address is in a network of IPv6"),
]


@pytest.mark.parametrize("address, name", ASKED)
def test_the_narrowest_range_counts(address, name):
    found = Networks(RANGES).of(address)
    assert (found and found.name) == name


def test_no_range_holds_anything_where_there_are_none():
    assert (Networks([]).of("10.0.0.1"), len(Networks([])), len(Networks(RANGES))) == (None, 0, 7)


CIDRS = [
    pytest.param("192.168.2.0/16", "192.168.0.0/16", id="bits of a host are dropped"),
    pytest.param(" 1.2.3.4 ", "1.2.3.4/32", id="an address"),
    pytest.param("1.2.3.0/255.255.255.0", "1.2.3.0/24", id="a mask"),
    pytest.param("::ffff:1.2.3.0/120", "1.2.3.0/24", id="mapped"),
    pytest.param("::ffff:0:0/95", "::fffe:0:0/95", id="wider than all that is mapped"),
]


@pytest.mark.parametrize("text, expected", CIDRS)
def test_networks(text, expected):
    assert str(network(text)) == expected


@pytest.mark.parametrize("text", ["", "contoso.com", "1.2.3.4/33", "1.2.3.4-1.2.3.9", "1.2.3"])
def test_what_is_no_network(text):
    with pytest.raises(ValueError, match="is neither an address nor a network such as"):
        network(text)
    with pytest.raises(ValueError, match="is neither an address nor a network such as"):
        Networks([range_of("bad", text)])


OVERLAPS = [
    pytest.param(["10.0.0.0/8"], ["10.0.0.0/8"], ["10.0.0.0/8"], id="the same text"),
    pytest.param(["10.0.0.0/8"], ["10.9.9.9/8"], ["10.0.0.0/8"], id="the same network"),
    pytest.param(["1.2.3.4"], ["::ffff:1.2.3.4"], ["1.2.3.4/32"], id="the same address, mapped"),
    pytest.param(["10.0.0.0/8"], ["10.0.0.0/9"], [], id="one within the other"),
    pytest.param(["10.0.0.0/8", "10.0.0.0/8"], ["1.1.1.1"], [], id="twice in one range"),
    pytest.param(["1.1.1.1", "::/8"], ["::/8", "1.1.1.1"], ["::/8", "1.1.1.1/32"], id="two at once"),
]


@pytest.mark.parametrize("first, second, expected", OVERLAPS)
def test_the_same_prefix_stands_in_one_range_alone(first, second, expected):
    ranges = [range_of("first", *first), range_of("second", *second)]
    assert [each.cidr for each in overlap(ranges)] == expected
    if expected:
        with pytest.raises(
            OverlapError, match=rf"^{expected[0]} is in the range 'first' already, and cannot be in 'second' too"
        ):
            Networks(ranges)
    else:
        assert len(Networks(ranges)) == 2


SMALL = st.tuples(st.integers(0, 255), st.integers(20, 32)).map(lambda pair: f"10.0.{pair[0] % 4}.{pair[0]}/{pair[1]}")
SIX = st.tuples(st.integers(0, 255), st.integers(110, 128)).map(lambda pair: f"2001:db8::{pair[0]:x}/{pair[1]}")


@given(st.lists(st.one_of(SMALL, SIX), max_size=12), st.integers(0, 1023), st.booleans())
def test_as_asking_every_network_one_by_one(cidrs, number, six):
    distinct = {network(cidr): cidr for cidr in cidrs}
    address = f"2001:db8::{number:x}" if six else f"10.0.{number // 256}.{number % 256}"
    parsed = ip_address(address)
    holding = [prefix for prefix in distinct if parsed.version == prefix.version and parsed in prefix]
    expected = max(holding, key=lambda prefix: prefix.prefixlen, default=None)
    found = Networks([range_of(str(prefix), str(prefix)) for prefix in distinct]).of(address)
    assert (found and found.name) == (expected and str(expected))


def test_categories_have_a_name_each():
    assert CATEGORIES[0] == "NONE"
    assert CATEGORIES[5] == "CLOUD_PROXY_NETWORK_IP"
    assert len(CATEGORIES) == 7
