"""The story that the package ships: one intrusion, told by events of five sources that agree with one another."""

import calendar
import json
import re
from collections import Counter
from ipaddress import ip_address, ip_network

import pytest
from tools.demo.intruder import ADDRESS
from tools.demo.people import people
from tools.demo.story import ADMIN, APPLICATION, COLLECTOR, LINKED, RESPONDER, VICTIM, story

from casbah.demo.load import END, generated_events, story_activities, story_events
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Event

DAY = 86_400_000
UNTIL = calendar.timegm(END.timetuple()) * 1_000
DOCUMENTATION = [ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]


@pytest.fixture(scope="module")
def records():
    """The records of the story, in order."""
    return [json.loads(activity.record) for activity in story_activities(until_ms=UNTIL)]


def by(records, user, operation):
    """The records of a user's operation; AWS knows an administrator by the first part of the name."""
    return [
        record
        for record in records
        if record["resolvedActor"]["name"] in {user, user.partition("@")[0]}
        and record["mainInfo"]["rawOperationName"] == operation
        and record["verb"] != "sign-in-failed"
    ]


def test_the_file_holds_what_the_generator_makes():
    """`make demo-data` writes it again."""
    assert list(story_events(until_ms=UNTIL)) == list(story())


def test_each_event_is_one_activity_of_its_own_connector(records):
    known = connectors()
    for event in story():
        parsed = json.loads(event.event)
        lowered = {key.lower(): value for key, value in parsed.items()}
        assert [name for name, connector in known.items() if connector.recognizes(lowered)] == [event.source]
        assert len(list(known[event.source].drafts(Event(event.event, parsed)))) == 1
    activities = list(story_activities(until_ms=UNTIL))
    assert len({activity.id for activity in activities}) == len(activities) == len(records) == len(list(story()))


def test_every_activity_has_a_verb(records):
    assert [record["mainInfo"]["rawOperationName"] for record in records if not record.get("verb")] == []


def test_all_of_it_moves_with_the_demo(records):
    moved = [json.loads(activity.record) for activity in story_activities(until_ms=UNTIL + 400 * DAY)]
    assert [record["timestamp"] for record in moved] == [record["timestamp"] + 400 * DAY for record in records]
    assert min(record["timestamp"] for record in records) > UNTIL - 5 * DAY
    assert max(record["timestamp"] for record in records) < UNTIL - 2 * DAY
    assert "2026-1" not in b"".join(event.event for event in story_events(until_ms=UNTIL + 400 * DAY)).decode()


def test_addresses_and_domains_are_for_documentation():
    text = b"".join(event.event for event in story()).decode()
    addresses = re.findall(r'"(?:ipAddress|ClientIP|ClientIPAddress|sourceIPAddress)":"([^":]+)', text)
    assert len(addresses) == len(list(story()))
    assert [text for text in addresses if not any(ip_address(text) in network for network in DOCUMENTATION)] == []
    assert {domain for domain in re.findall(r"@([\w.-]+)", text) if not domain.endswith(".example")} == set()


def test_nobody_else_has_been_at_the_address():
    background = [event.event for event in generated_events(20_000, until_ms=UNTIL)]
    assert not any(f'"{ADDRESS.text}"'.encode() in event for event in background)
    assert not any(json.loads(event.event).get("location", {}).get("countryOrRegion") == "US" for event in story())


def test_a_spray_finds_one_password(records):
    failed = [record for record in records if record["verb"] == "sign-in-failed"]
    assert {record["device"]["clientIP"] for record in failed} == {ADDRESS.text}
    assert {record["appName"] for record in failed} == {"Microsoft Exchange Online", "Google Workspace"}
    users = Counter(record["resolvedActor"]["name"] for record in failed)
    assert len(users) > 60
    assert max(users.values()) <= 3
    assert set(users) <= {person.name for person in people()}
    signed_in = [record for record in records if record["verb"] == "sign-in"]
    assert signed_in[0]["resolvedActor"]["name"] == VICTIM
    assert sum(record["timestamp"] > signed_in[0]["timestamp"] for record in failed) < len(failed) / 2
    assert {record["location"]["countryCode"] for record in signed_in} == {"IS"}


STEPS = [
    (VICTIM, "Sign-in", 2, ""),
    (VICTIM, "Consent to application", 1, APPLICATION),
    (VICTIM, "New-InboxRule", 1, COLLECTOR),
    (VICTIM, "MailItemsAccessed", 12, ""),
    (VICTIM, "FileSyncDownloadedFull", 180, ""),
    (VICTIM, "FileDownloaded", 5, ""),
    (VICTIM, "login_success", 1, ""),
    (VICTIM, "download", 45, ""),
    (VICTIM, "AnonymousLinkCreated", 1, LINKED),
    (VICTIM, "change_document_visibility", 1, "people_with_link"),
    ("anonymous", "AnonymousLinkUsed", 3, LINKED),
    (ADMIN, "Sign-in", 1, ""),
    (ADMIN, "Add member to role", 1, "Global Administrator"),
    (ADMIN, "ASSIGN_ROLE", 1, VICTIM),
    (ADMIN, "Set-AdminAuditLogConfig", 1, "UnifiedAuditLogIngestionEnabled"),
    (ADMIN, "ConsoleLogin", 1, "MFAUsed"),
    (ADMIN, "AttachUserPolicy", 1, "AdministratorAccess"),
    (ADMIN, "CreateAccessKey", 1, "svc-reporting"),
    (ADMIN, "GetObject", 24, "contoso-invoices"),
    (ADMIN, "StopLogging", 1, "contoso-audit"),
    (RESPONDER, "StartLogging", 1, "contoso-audit"),
    (RESPONDER, "Set-AdminAuditLogConfig", 1, "UnifiedAuditLogIngestionEnabled"),
    (RESPONDER, "Remove member from role", 1, "Global Administrator"),
    (RESPONDER, "Reset user password", 2, ""),
    (RESPONDER, "Remove-InboxRule", 1, "Archive"),
    (RESPONDER, "Remove service principal", 1, APPLICATION),
]


@pytest.mark.parametrize(("user", "operation", "count", "says"), STEPS, ids=lambda value: str(value)[:40])
def test_what_happens(records, user, operation, count, says):
    steps = by(records, user, operation)
    assert len(steps) == count
    assert all(says in json.dumps(record) for record in steps)


def test_what_happens_in_order(records):
    first = [by(records, user, operation)[0]["timestamp"] for user, operation, _, _ in STEPS]
    assert first == sorted(first)
    assert sum(count for _, _, count, _ in STEPS) + 171 == len(records)


def test_one_session_is_behind_what_is_done_in_microsoft_365(records):
    office = [record for record in records if record["resolvedActor"]["name"] == VICTIM and record["appId"] != 11770]
    done = [record for record in office if record["verb"] not in {"sign-in-failed", "create", "consent"}]
    assert len(done) == 201
    assert len({record["session"] for record in done}) == 1
