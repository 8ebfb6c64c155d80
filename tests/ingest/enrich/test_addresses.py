import pytest

from casbah.ingest.enrich.addresses import distinct

CASES = [
    pytest.param(
        ["1.2.3.4:5", None, 7, "", "5.6.7.8, 1.2.3.4", "::1"], ("1.2.3.4", "5.6.7.8", "::1"), id="each once, in order"
    ),
    pytest.param(["1.1.1.1;2.2.2.2"], ("1.1.1.1", "2.2.2.2"), id="behind a semicolon"),
    pytest.param([" 1.1.1.1 ; [::1]:80,2.2.2.2:8080 "], ("1.1.1.1", "::1", "2.2.2.2"), id="with ports"),
    pytest.param(["::ffff:10.1.2.3:8080"], ("10.1.2.3",), id="mapped, with a bare port"),
    pytest.param(["::FFFF:10.1.2.3:8080, ::ffff:10.1.2.4"], ("10.1.2.3", "10.1.2.4"), id="mapped, with and without"),
    pytest.param(["AWS Internal", "secretsmanager.amazonaws.com", "253.252.51.07", "x" * 200], (), id="no addresses"),
]


@pytest.mark.parametrize("candidates, addresses", CASES)
def test_addresses_of_a_source(candidates, addresses):
    assert distinct(candidates) == addresses
