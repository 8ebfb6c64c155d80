"""The files that the measure of enrichment works with say something of its events."""

import random

from tools.bench import enriching

from casbah.ingest.enrich.people import People
from casbah.ingest.enrich.places import Places


def test_they_know_the_addresses_and_half_of_the_users(tmp_path):
    events = [b'{"ClientIP":"203.0.113.%d","UserId":"user-%d@contoso.example"}' % (n, n) for n in range(20)]
    events += [b'{"ClientIP":"2001:db8::7","UserId":""}', b'{"ClientIP":"none"}', b"{}"]
    with enriching._sources(events, 1, tmp_path) as told:
        places, people = Places([told["CASBAH_PLACES"]]), People(told["CASBAH_PEOPLE"])
        assert places.of("203.0.113.200").location["city"] == "Berlin"
        assert places.of("2001:db8::9").location["countryCode"] == "DE"
        assert len(people) == 10
        places.close()
    assert not list(tmp_path.iterdir())


def test_other_networks_are_known_too():
    found = dict(enriching._networks(set(), random.Random(1)))
    assert len(found) > 19_000
