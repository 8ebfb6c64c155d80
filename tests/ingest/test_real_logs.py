"""The real logs of ../shared, read: what their events say by themselves is what the activities say.

What they were misread as before, in the events by which it was found, is in `test_known_misreadings.py`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognized, Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import pages
from casbah.ingest.mapping.paths import fold

pytestmark = pytest.mark.slow
KNOWN = Detector(connectors())
FRAGMENTS = 13
"""Parts of events, without a time, that tests of detection rules have in the real logs."""

SYNCHRONISED = {
    "FileSyncDownloadedFull": "download",
    "FileSyncUploadedFull": "upload",
    "FileRecycled": "delete",
    "FolderRecycled": "delete",
}

Real = Mapping[str, list[tuple[Recognized, list[NewActivity]]]]
"""The events of the real logs that are stored, by source, each with its activities."""


@pytest.fixture(scope="module")
def logs(shared: Path) -> Path:
    return shared / "data"


@pytest.fixture(scope="module")
def real(logs: Path) -> Real:
    read_logs: dict[str, list[tuple[Recognized, list[NewActivity]]]] = {}
    for page in pages([str(logs / "sources")], connectors=KNOWN):
        for item in page.items:
            if isinstance(item, Recognized) and (
                made := [new for new in new_activities([item]) if isinstance(new, NewActivity)]
            ):
                read_logs.setdefault(item.connector.name, []).append((item, made))
    return read_logs


def test_every_event_of_the_real_logs_is_read_or_refused_by_itself(logs: Path) -> None:
    """Each file has as many events as its manifest says. Those that no source knows lack all that says whose they are."""
    known = {row["file"]: row["events"] for row in json.loads((logs / "MANIFEST.json").read_text()) if row["events"]}
    counted, foreign = {}, []
    for page in pages([str(logs / name) for name in known], connectors=KNOWN):
        items = list(page.items)
        counted[page.origin.removeprefix(f"{logs}/")] = len(items)
        foreign += [json.loads(item.raw).keys() for item in items if isinstance(item, Refusal)]
    assert counted == known
    times = {"timestamp", "published", "@timestamp", "created_at", "eventTime", "CreationTime"}
    assert len(foreign) == FRAGMENTS
    assert not [keys for keys in foreign if keys & times]


def succeeded(record: Mapping[str, Any]) -> bool | None:
    result: bool | None = record["mainInfo"].get("activityResult", {}).get("isSuccess")
    return result


def objects(record: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The part and name of each object."""
    return {(row.get("part", ""), row.get("name", "")) for row in record["mainInfo"]["eventObjects"]}


def moment(text: str) -> int:
    """A time in ms, in UTC if it has no zone: ISO 8601, or as Sentinel's portal writes it."""
    american = text.endswith("M")
    parsed = datetime.strptime(text, "%m/%d/%Y, %I:%M:%S.%f %p") if american else datetime.fromisoformat(text)  # noqa: DTZ007  UTC follows
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp() * 1_000)


def address(text: str | None) -> str:
    """An address without its port, or nothing for a name."""
    try:
        return str(ip_address(text or ""))
    except ValueError:
        host = (text or "").strip().rpartition(":")[0].strip("[]")
        return address(host) if host else ""


def test_the_real_logs_of_aws_say_what_their_events_do(real: Real) -> None:
    assert len(real["cloudtrail"]) > 3_000
    for item, made in real["cloudtrail"]:
        (new,), event = made, fold(item.event.parsed)
        record, identity = new.activity, event.get("useridentity") or {}
        assert record["mainInfo"]["rawOperationName"] == event["eventname"]
        assert moment(event.get("eventtime") or event.get("@timestamp") or event["p_event_time"]) == new.timestamp
        device = record.get("device", {})
        assert device.get("clientIP", "") == address(event.get("sourceipaddress"))
        assert device.get("userAgent", "") == (event.get("useragent") or "").strip("[]")
        if event.get("errorcode"):
            assert succeeded(record) is False
        elif event.get("eventsource") != "signin.amazonaws.com":
            assert succeeded(record) is True
        else:
            failed = "Failure" in (event.get("responseelements") or {}).values()
            assert succeeded(record) in ((False,) if failed else (True, None))
        assert "isImpersonated" not in record or "onBehalfOf" in identity
        assert not (
            record["isAdminOperation"] and event.get("eventsource") in ("signin.amazonaws.com", "sts.amazonaws.com")
        )


def test_the_real_logs_of_microsoft_365_say_what_their_events_do(real: Real) -> None:
    assert len(real["microsoft365"]) > 1_000
    for item, (new,) in real["microsoft365"]:
        record, event = new.activity, fold(item.event.parsed)
        assert record["mainInfo"]["rawOperationName"] == event["operation"]
        assert moment(event.get("creationtime") or event["timegenerated"]) == new.timestamp
        holder = record.get("user") or record.get("failedUserData") or {}
        assert holder.get("userName", "") in (
            event.get("userid", "").removeprefix("urn:spo:guest#"),
            event.get("userid", ""),
        )
        assert not holder.get("userName", "").startswith("urn:spo:guest#")
        if event.get("clientip"):
            assert record.get("device", {}).get("clientIP", "") == address(event["clientip"])
        subjects = {
            mail["Subject"]
            for mail in (event.get("item"), *(event.get("affecteditems") or ()))
            if isinstance(mail, dict) and mail.get("Subject")
        }
        assert subjects <= {name for part, name in objects(record) if part == "mail"}
        if event["operation"] in SYNCHRONISED:
            assert record["verb"] == SYNCHRONISED[event["operation"]]


def test_no_activity_of_the_real_logs_is_misread(real: Real) -> None:
    """What holds for all sources: an operation, no administration by signing in, no user who is nobody, no success of what failed."""
    for _, made in (event for events in real.values() for event in events):
        for new in made:
            record = new.activity
            assert record["mainInfo"]["rawOperationName"].strip(), new.id
            signing_in = record["eventTypeName"] in ("EVENT_CATEGORY_LOGIN", "EVENT_CATEGORY_FAILED_LOGIN")
            assert not (signing_in and record.get("isAdminOperation")), new.id
            assert (record.get("user") or {}).get("userName") != "unknown", new.id
            if record["eventTypeName"] == "EVENT_CATEGORY_FAILED_LOGIN":
                assert succeeded(record) is False
