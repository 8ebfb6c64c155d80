"""What enrichment adds, what it leaves alone, and that all of it can be taken away again."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.ingest.enrich import agents
from casbah.ingest.enrich.enrichment import Enrichment, EnrichmentConfig
from casbah.ingest.enrich.networks import IpRange
from casbah.ingest.enrich.people import People
from casbah.ingest.enrich.places import Places
from ingest.enrich import mmdb

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0"
CITY = "GeoLite2-City 2026-11-01"
BERLIN = {"country": {"iso_code": "DE"}, "city": {"names": {"en": "Berlin"}}, "isp": "Telekom"}
OFFICE = IpRange(
    id="r1",
    name="Office",
    cidrs=("10.0.0.0/8",),
    category=1,
    tags=("a1",),
    organization="Contoso",
    location={"countryCode": "FR"},
)
PARTNER = IpRange(id="r2", name="Partner", cidrs=("1.2.3.0/25",), category=6)
NOTHING = Enrichment(agents=False)


def arrival(record: dict[str, Any] | bytes) -> NewActivity:
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    return NewActivity("1", 7, raw, json.loads(raw), adds=("_id", "uid", "created"))


def places(folder: Path, *networks: str, kind: str = "GeoLite2-City") -> Places:
    return Places([mmdb.written(folder / "city.mmdb", dict.fromkeys(networks, BERLIN), kind=kind)])


def people(folder: Path) -> People:
    path = folder / "staff.csv"
    path.write_text("user,groups,orgUnit\nada@contoso.example,g1;g2,HR/Berlin\n", "utf-8")
    return People(path)


@pytest.fixture
def known(tmp_path: Path) -> Enrichment:
    found = Enrichment(places=places(tmp_path, "1.2.3.0/24"), people=people(tmp_path), ranges=(OFFICE, PARTNER))
    yield found
    found.close()


def added(known: Enrichment, record: dict[str, Any]) -> dict[str, Any]:
    """What the record has now that it had not, checked to be the same in bytes."""
    found = known.enriched(arrival(record))
    assert json.loads(found.record) == found.activity
    assert all(
        found.activity[key] == value
        for key, value in record.items()
        if key not in found.activity["enrichment"] and not isinstance(value, dict)
    )
    return {key: value for key, value in found.activity.items() if record.get(key) != value}


def test_an_agent_becomes_what_it_says(known: Enrichment) -> None:
    found = added(known, {"device": {"userAgent": FIREFOX}})
    assert found == {"userAgent": agents.classified(FIREFOX), "enrichment": {agents.origin(): {"userAgent": True}}}


def test_an_address_becomes_a_place(known: Enrichment) -> None:
    assert added(known, {"device": {"clientIP": "1.2.3.200:443"}}) == {
        "location": {"countryCode": "DE", "city": "Berlin", "carrier": "Telekom", "organizationSearchable": "Telekom"},
        "enrichment": {
            CITY: {
                "location": True,
                "location.countryCode": True,
                "location.city": True,
                "location.carrier": True,
                "location.organizationSearchable": True,
            }
        },
    }


def test_a_range_stands_before_the_files(known: Enrichment) -> None:
    found = added(known, {"device": {"clientIP": "10.1.1.1"}})
    assert found["location"] == {
        "countryCode": "FR",
        "organizationSearchable": "Contoso",
        "category": 1,
        "categoryValue": "CORPORATE",
        "ipTags": ["a1"],
    }
    assert set(found["enrichment"]) == {"range r1"}
    both = added(known, {"device": {"clientIP": "1.2.3.1"}})
    assert (both["location"]["city"], both["location"]["category"]) == ("Berlin", 6)
    assert both["enrichment"]["range r2"] == {
        "location": True,
        "location.category": True,
        "location.categoryValue": True,
    }


def test_a_person_has_groups_and_a_unit(known: Enrichment) -> None:
    found = added(known, {"user": {"userName": "Ada@contoso.example", "userTags": []}})
    assert found["user"] == {"userName": "Ada@contoso.example", "userTags": ["g1", "g2"], "orgUnit": "HR/Berlin"}
    assert found["enrichment"] == {"staff.csv": {"user.userTags": [], "user.orgUnit": True}}


def test_a_name_that_failed_to_log_on_is_a_person_too(known: Enrichment) -> None:
    found = added(known, {"failedUserData": {"userName": "ada@contoso.example"}})
    assert found["user"] == {"userTags": ["g1", "g2"], "orgUnit": "HR/Berlin"}


SAID = [
    pytest.param({"device": {"userAgent": FIREFOX}, "userAgent": {"name": "x"}}, id="an agent"),
    pytest.param(
        {"user": {"userName": "ada@contoso.example", "userTags": ["x"], "orgUnit": "y"}}, id="groups and unit"
    ),
    pytest.param({"user": "ada@contoso.example"}, id="a user that is no object"),
    pytest.param({"device": {"clientIP": "1.2.3.200"}, "location": "Berlin"}, id="a place that is no object"),
    pytest.param({"device": {"clientIP": "AWS Internal"}}, id="an address that is none"),
    pytest.param({"device": {"clientIP": 7, "userAgent": 7}}, id="numbers"),
    pytest.param(
        {"device": {"userAgent": FIREFOX}, "enrichment": {"theirs": {"userAgent": True}}}, id="enriched elsewhere"
    ),
    pytest.param({"device": {"userAgent": FIREFOX}, "enrichment": 7}, id="a key of the same name"),
    pytest.param({}, id="nothing"),
]


@pytest.mark.parametrize("record", SAID)
def test_what_is_said_stays_byte_for_byte(known: Enrichment, record: dict[str, Any]) -> None:
    before = arrival(record)
    assert known.enriched(before) is before


def test_a_source_that_names_another_country_is_believed(known: Enrichment) -> None:
    found = added(known, {"device": {"clientIP": "1.2.3.200"}, "location": {"countryCode": "US"}})
    assert found["location"] == {"countryCode": "US", "carrier": "Telekom", "organizationSearchable": "Telekom"}
    found = added(known, {"device": {"clientIP": "1.2.3.200", "countryCode": "US"}})
    assert found["location"] == {"carrier": "Telekom", "organizationSearchable": "Telekom"}


def test_category_none_says_nothing(known: Enrichment) -> None:
    record = {
        "device": {"clientIP": "10.1.1.1"},
        "location": {"category": 0, "categoryValue": "NONE", "ipTags": [], "city": "Paris"},
    }
    found = added(known, record)
    assert found["location"]["categoryValue"] == "CORPORATE"
    assert found["location"]["ipTags"] == ["a1"]
    notes = found["enrichment"]["range r1"]
    assert (notes["location.category"], notes["location.categoryValue"], notes["location.ipTags"]) == (0, "NONE", [])
    said = added(
        known,
        {"device": {"clientIP": "10.1.1.1"}, "location": {"category": 5, "categoryValue": "CLOUD_PROXY_NETWORK_IP"}},
    )
    assert said["location"]["category"] == 5


def test_tags_of_range_and_files_come_together(tmp_path: Path) -> None:
    file = mmdb.written(
        tmp_path / "anonymous.mmdb", {"1.2.3.0/24": {"is_tor_exit_node": True}}, kind="GeoIP2-Anonymous-IP"
    )
    tagged = IpRange(id="r3", name="Lab", cidrs=("1.2.3.4",), category=3, tags=("a1",))
    known = Enrichment(places=Places([file]), ranges=(tagged,))
    found = added(known, {"device": {"clientIP": "1.2.3.4"}})
    known.close()
    assert found["location"]["ipTags"][0] == "a1"
    assert len(found["location"]["ipTags"]) == 3
    assert all("location.ipTags" in notes for notes in found["enrichment"].values())
    bare = NOTHING.again(
        known.enriched(arrival({"device": {"clientIP": "1.2.3.4"}, "timestamp": 1, "_id": "1"})).record
    )
    assert bare is not None
    assert bare.activity == {"device": {"clientIP": "1.2.3.4"}, "timestamp": 1, "_id": "1"}


FORGED = [
    pytest.param({"x": {"timestamp": True}}, id="a key that is not ours to touch"),
    pytest.param({"x": {"_id": "2", "location": True}}, id="an id"),
    pytest.param({"x": 7}, id="no paths"),
    pytest.param([1], id="a list"),
]


@pytest.mark.parametrize("notes", FORGED)
def test_notes_that_are_not_ours_change_nothing(known: Enrichment, notes: Any) -> None:
    record = {
        "_id": "1",
        "timestamp": 7,
        "device": {"userAgent": FIREFOX},
        "location": {"city": "x"},
        "enrichment": notes,
    }
    assert known.again(json.dumps(record).encode()) is None


def test_again_knows_the_event_by_what_it_was(known: Enrichment) -> None:
    record = b'{"_id":"1","created":9,"timestamp":7,"device":{"clientIP":"10.0.0.1"},"rawDataJson":{"b" : 1.50, "a":2}}'
    found = known.again(record)
    assert found is not None
    assert (found.id, found.timestamp, found.created, found.adds) == ("1", 7, 9, ())
    assert found.digest == sha256(b'{"a":2,"b":1.5}').hexdigest()
    assert b'"rawDataJson":{"b" : 1.50, "a":2}' in found.record


def test_a_file_is_opened_where_it_is_needed(tmp_path: Path) -> None:
    people(tmp_path)
    opened = EnrichmentConfig(people=tmp_path / "staff.csv", agents=False).opened()
    assert added(opened, {"user": {"userName": "ada@contoso.example"}})["user"]["orgUnit"] == "HR/Berlin"


_SILENT = st.sampled_from([None, "", []])
_WORDS = st.text(max_size=5) | st.integers(-5, 5) | _SILENT
_ADDRESSES = st.sampled_from(["1.2.3.4", "1.2.3.200", "10.0.0.1", "9.9.9.9", "::1", "none"])
_RECORDS = st.fixed_dictionaries(
    {"timestamp": st.just(7), "rawDataJson": st.dictionaries(st.text(max_size=3), _WORDS, max_size=3)},
    optional={
        "device": st.fixed_dictionaries(
            {}, optional={"clientIP": _ADDRESSES, "userAgent": st.sampled_from([FIREFOX, "curl/8", ""]), "countryCode": st.sampled_from(["DE", "US", None])}
        ),
        "location": _SILENT | st.just({}) | st.fixed_dictionaries(
            {}, optional={"countryCode": st.sampled_from(["DE", "FR", ""]), "city": st.sampled_from(["Berlin", "Bonn", None]),
                          "category": st.sampled_from([0, 5, None]), "ipTags": st.sampled_from([[], ["x"], None]), "x": _WORDS}
        ),
        "user": _SILENT | st.just({}) | st.fixed_dictionaries(
            {}, optional={"userName": st.sampled_from(["ada@contoso.example", "bob", None]), "userTags": st.sampled_from([[], ["x"]]), "orgUnit": _SILENT}
        ),
        "userAgent": _SILENT | st.just({}) | st.just({"name": "x"}),
    },
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(record=_RECORDS, indent=st.sampled_from([None, 1]))
def test_all_of_it_can_be_taken_away_again(record: dict[str, Any], indent: int | None, shared: Enrichment) -> None:
    text = json.dumps({**record, "_id": "1"}, indent=indent).encode()
    before = arrival(text)
    after = shared.enriched(before)
    assert json.loads(after.record) == after.activity
    assert after.digest == before.digest
    assert _event(after.record) == _event(text)
    _keeps(before.activity, after.activity)
    assert shared.again(after.record) is None, "the same again changes nothing"
    bare = NOTHING.again(after.record)
    assert (before.activity if bare is None else bare.activity) == before.activity
    assert bare is None or json.loads(bare.record) == before.activity


def _event(record: bytes) -> bytes:
    return jsontext.raw_values(record, ["rawDataJson"])["rawDataJson"]


def _keeps(before: Any, after: Any) -> None:
    """All that says something is still there."""
    for key, value in before.items():
        if isinstance(value, dict) and value:
            _keeps(value, after[key])
        elif value not in (None, "", [], {}, 0):
            assert after[key] == value


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Enrichment:
    folder = tmp_path_factory.mktemp("known")
    found = Enrichment(places=places(folder, "1.2.3.0/24"), people=people(folder), ranges=(OFFICE, PARTNER))
    yield found
    found.close()
