"""Addresses and networks."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity import address


@pytest.mark.parametrize(
    "text, expected",
    [
        pytest.param("1.2.3.4", "1.2.3.4", id="plain"),
        pytest.param("1.2.3.4:443", "1.2.3.4", id="a port"),
        pytest.param(" 1.2.3.4 ", None, id="blanks around"),
        pytest.param("[2001:DB8::1]:443", "2001:db8::1", id="brackets and a port"),
        pytest.param("[2001:db8::1]", "2001:db8::1", id="brackets"),
        pytest.param("2001:0db8:0:0:0:0:0:1", "2001:db8::1", id="long form"),
        pytest.param("::ffff:1.2.3.4", "1.2.3.4", id="IPv4 mapped into IPv6"),
        pytest.param("[::ffff:1.2.3.4]:80", "1.2.3.4", id="mapped, brackets, a port"),
        pytest.param("fe80::1%eth0", "fe80::1", id="a scope id"),
        pytest.param("::1", "::1", id="loopback"),
        pytest.param("253.252.51.07", None, id="a leading zero"),
        pytest.param("secretsmanager.amazonaws.com", None, id="a name"),
        pytest.param("AWS Internal", None, id="words"),
        pytest.param("1.2.3", None, id="too short"),
        pytest.param("", None, id="empty"),
        pytest.param("1.2.3.4/24", None, id="a network is no address"),
    ],
)
def test_canonical(text: str, expected: str | None) -> None:
    assert address.canonical(text) == expected


def covered(text: str, candidate: str) -> bool:
    found = address.key(candidate)
    return any(low <= found <= high for low, high in address.spans(text))


@pytest.mark.parametrize(
    "network, inside, outside",
    [
        pytest.param("10.0.0.0/8", "10.255.255.255", "11.0.0.0", id="IPv4"),
        pytest.param("10.0.0.7/8", "10.255.255.255", "11.0.0.0", id="host bits are ignored"),
        pytest.param("10.0.0.0/255.0.0.0", "10.1.1.1", "11.0.0.0", id="a netmask"),
        pytest.param("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::", id="IPv6"),
        pytest.param("::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0", id="a mapped network is an IPv4 one"),
        pytest.param("::/0", "2001:db8::1", "1.2.3.4", id="all of IPv6 is not IPv4"),
        pytest.param("0.0.0.0/0", "255.255.255.255", "::1", id="all of IPv4 is not IPv6"),
        pytest.param("::/80", "::1", "0.0.0.0", id="a network around the mapped block, IPv6 below"),
        pytest.param("1.2.3.4", "1.2.3.4", "1.2.3.5", id="one address"),
    ],
)
def test_spans(network: str, inside: str, outside: str) -> None:
    assert covered(network, inside)
    assert not covered(network, outside)


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4/33", "10.0.0.0/8/8", "/8", "::/129"])
def test_what_is_no_network(text: str) -> None:
    assert address.spans(text) == ()


@given(st.ip_addresses())
def test_a_key_is_an_address_again(found: object) -> None:
    canonical = address.canonical(str(found))
    assert canonical is not None
    assert address.canonical(address.from_key(address.key(canonical))) == canonical


@given(st.ip_addresses(v=6), st.integers(0, 128), st.ip_addresses(v=6))
def test_spans_agree_with_the_standard_library(base: object, bits: int, other: object) -> None:
    canonical = address.canonical(str(other))
    if canonical is None or ":" not in canonical:
        return
    network = ip_network(f"{base}/{bits}", strict=False)
    if int(network.network_address) >> 32 == 0xFFFF and bits >= 96:
        return
    assert covered(f"{base}/{bits}", canonical) == (ip_address(canonical) in network)


@pytest.mark.parametrize(
    "number, spelled",
    [
        pytest.param(0, "0000:0000:0000:0000:0000:0000:0000:0000", id="nothing"),
        pytest.param(0xFFFF_0A00_0000, "0000:0000:0000:0000:0000:ffff:0a00:0000", id="IPv4, mapped"),
        pytest.param((1 << 128) - 1, ":".join(["ffff"] * 8), id="the last one"),
    ],
)
def test_an_address_is_spelled_out_the_same_by_every_python(number: int, spelled: str) -> None:
    assert address.exploded(number) == spelled
