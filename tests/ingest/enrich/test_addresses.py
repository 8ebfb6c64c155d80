import pytest

from casbah.ingest.enrich.addresses import address, distinct

ADDRESSES = [
    pytest.param("1.2.3.4", "1.2.3.4", id="v4"),
    pytest.param("1.2.3.4:10736", "1.2.3.4", id="v4 with a port"),
    pytest.param("[2603:1036:302:4091::5]:51902", "2603:1036:302:4091::5", id="v6 in brackets with a port"),
    pytest.param("[::1]", "::1", id="v6 in brackets"),
    pytest.param("2A01:0110::0001", "2a01:110::1", id="v6 in its canonical spelling"),
    pytest.param("::ffff:1.2.3.4", "1.2.3.4", id="v4 mapped into v6"),
    pytest.param("fe80::1%eth0", "fe80::1", id="v6 with a scope"),
    pytest.param(" 1.2.3.4 ", "1.2.3.4", id="with space around"),
    pytest.param("", "", id="nothing"),
    pytest.param("AWS Internal", "", id="AWS Internal"),
    pytest.param("secretsmanager.amazonaws.com", "", id="a DNS name"),
    pytest.param("253.252.51.07", "", id="a leading zero"),
    pytest.param("1.2.3.400", "", id="an octet too large"),
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_address(text, expected):
    assert address(text) == expected


def test_each_address_once_and_in_order():
    assert distinct(["1.2.3.4:5", None, 7, "", "5.6.7.8, 1.2.3.4", "::1"]) == ("1.2.3.4", "5.6.7.8", "::1")
