"""Re-enrichment derives what today's connectors know from the raw events of records that older versions stored.

`format_4_records.ndjson` has a record per app, as the connectors made it of `tests/connectors` when format 4 was current: without
verbs, sessions, changes and parts of objects.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.derivation import Derivation
from casbah.ingest.enrich.enrichment import DERIVED, NOTES, Enrichment
from casbah.ingest.enrich.people import People
from casbah.ingest.event_pages import page_of

SOURCES = connectors()
DERIVE = Derivation(SOURCES)
ENRICHMENT = Enrichment(agents=False)
OLD = (Path(__file__).parent / "format_4_records.ndjson").read_bytes().splitlines()
RECORDS = [pytest.param(line, id=json.loads(line)["appName"]) for line in OLD]
NEW_KEYS = {"verb", "session", "sessionIds", "sourceId", "changes"}
MDCA = json.loads((Path(__file__).parents[2] / "data/mdca/mdca_activity_records.json").read_text("utf-8"))


def ingested(event: Mapping[str, Any]) -> list[NewActivity]:
    """The activities that an event becomes if it is ingested today."""
    page = page_of(json.dumps(event).encode(), origin="today", connectors=SOURCES)
    return [new for new in new_activities(page.items) if isinstance(new, NewActivity)]


def derived(record: bytes) -> NewActivity:
    new = ENRICHMENT.again(record, DERIVE)
    assert new is not None
    assert json.loads(new.record) == new.activity
    return new


@pytest.mark.parametrize("line", RECORDS)
def test_an_old_record_says_what_its_event_says_if_ingested_today(line: bytes) -> None:
    old, new = json.loads(line), derived(line).activity
    (today,) = [new for new in ingested(old["rawDataJson"]) if new.id == old["_id"]]
    for key in DERIVED:
        assert new.get(key) == today.activity.get(key, {} if isinstance(old.get(key), dict) else None), key
    assert {key for key in old if new[key] != old[key]} <= set(DERIVED), "when and where stay as they were"
    assert all("part" in row for row in new["mainInfo"]["eventObjects"] if row["objType"] != 7)
    assert new["verb"]


def test_every_new_key_is_derived() -> None:
    assert {key for line in OLD for key in derived(line).activity} >= NEW_KEYS


@pytest.mark.parametrize("line", RECORDS)
def test_what_was_derived_is_noted_once_and_can_be_undone_to_the_byte(line: bytes) -> None:
    again = derived(line)
    assert set(again.activity[NOTES]) == {"raw event"}
    assert ENRICHMENT.again(again.record, DERIVE) is None
    undone = ENRICHMENT.again(again.record)
    assert undone is not None
    assert undone.record == line


def test_a_flag_that_no_longer_holds_is_taken_back_and_was_true() -> None:
    event = {"eventID": "e", "eventTime": "2026-03-02T10:00:00Z", "eventSource": "s3.amazonaws.com", "awsRegion": "x"}
    (new,) = ingested({**event, "eventName": "GetObject"})
    stored = {"_id": new.id, **json.loads(new.record), "isAdminOperation": True, "isImpersonated": True}
    again = derived(jsontext.dump(stored))
    assert again.activity["isAdminOperation"] is False
    assert not again.activity["isImpersonated"]
    assert again.activity[NOTES]["raw event"] == {"isAdminOperation": [True], "isImpersonated": [True]}
    undone = ENRICHMENT.again(again.record)
    assert undone is not None
    assert undone.activity == stored


def old_record(event: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """The record of an event with these keys as an older version stored them."""
    (new,) = ingested(event)
    return {"_id": new.id, **json.loads(new.record), **keys}


GUEST = {
    "CreationTime": "2026-03-02T10:00:00",
    "Id": "u",
    "Operation": "FileAccessed",
    "Workload": "SharePoint",
    "RecordType": 6,
    "UserId": "urn:spo:guest#ada@example.com",
}


def test_a_name_that_is_not_a_users_becomes_the_users(tmp_path: Path) -> None:
    """The groups are those of the user, not of the earlier name."""
    stored = old_record(GUEST, user={"userName": GUEST["UserId"]})
    again = derived(jsontext.dump(stored))
    assert again.activity["user"] == {"userName": "ada@example.com"}
    assert again.activity[NOTES]["raw event"] == {"user": stored["user"]}
    (tmp_path / "people.csv").write_text("user,groups,orgUnit\nada@example.com,g1,HR\n", "utf-8")
    people = Enrichment(agents=False, people=People(tmp_path / "people.csv"))
    known = people.again(jsontext.dump(stored), DERIVE)
    assert known is not None
    assert known.activity["user"] == {"userName": "ada@example.com", "userTags": ["g1"], "orgUnit": "HR"}
    assert json.loads(known.record) == known.activity
    assert people.again(known.record, DERIVE) is None
    for record in (again.record, known.record):
        undone = ENRICHMENT.again(record)
        assert undone is not None
        assert undone.activity == stored


def test_the_user_of_what_failed_to_sign_in_is_only_the_name_that_was_tried() -> None:
    event = {"eventID": "e", "eventTime": "2026-03-02T10:00:00Z", "eventSource": "signin.amazonaws.com", "awsRegion": "x",
             "eventName": "ConsoleLogin", "userIdentity": {"type": "IAMUser", "userName": "ada"}, "responseElements": {"ConsoleLogin": "Failure"}}  # fmt: skip
    stored = old_record(event, user={"userName": "ada"})
    del stored["failedUserData"]
    again = derived(jsontext.dump(stored))
    assert (again.activity["user"], again.activity["failedUserData"]) == ({}, {"userName": "ada"})
    undone = ENRICHMENT.again(again.record)
    assert undone is not None
    assert undone.activity == stored


def test_identical_events_without_an_id_are_known_by_their_count() -> None:
    event = next(record for record in map(json.loads, OLD) if record["_id"].endswith(digest_of_record(record)))
    numbered = jsontext.dump({**event, "_id": event["_id"] + "-7"})
    assert derived(numbered).activity["verb"] == derived(jsontext.dump(event)).activity["verb"]
    assert ENRICHMENT.again(jsontext.dump({**event, "_id": event["_id"] + "x"}), DERIVE) is None


@pytest.mark.parametrize("record", MDCA, ids=[record["_id"] for record in MDCA])
def test_records_of_defender_for_cloud_apps_keep_their_own_words(record: dict[str, Any]) -> None:
    assert ENRICHMENT.again(json.dumps(record).encode(), DERIVE) is None


@pytest.mark.parametrize("raw", [None, "text", [], {}, {"eventID": "e"}], ids=repr)
def test_a_record_without_a_usable_event_stays(raw: object) -> None:
    record = {"_id": "0_11599_e", "timestamp": 1, "appId": 11599, "rawDataJson": raw}
    assert ENRICHMENT.again(json.dumps(record).encode(), DERIVE) is None
