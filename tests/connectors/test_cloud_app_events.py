"""CloudAppEvents: every form of a row is the same activity, under MDCA's own id, and is stored once."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import page_of
from casbah.store.contract import Tenant
from casbah.store.embedded.store import EmbeddedStore
from ingest.dressed import DRESSES
from making import NOW

KNOWN = Detector(connectors())
LINES = (Path(__file__).parent / "cloud_app_events" / "events.ndjson").read_bytes()
ROWS: list[dict[str, Any]] = [json.loads(line) for line in LINES.splitlines()]
DRESSED = (
    "runHuntingQuery of Graph",
    "the hunting API of Defender",
    "streamed to storage",
    "streamed to Event Hubs",
    "Log Analytics",
)


def exported(rows: list[dict[str, Any]], *, delimiter: str = ",") -> bytes:
    """The portal's CSV: dynamic columns as JSON, empty cells for nulls."""
    cells = [
        {key: json.dumps(value, indent=1) if isinstance(value, dict | list) else value for key, value in row.items()}
        for row in rows
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(cells)
    return text.getvalue().encode("utf-8-sig")


FORMS = {
    "lines": LINES,
    **{name: DRESSES[name].dress(LINES.splitlines()) for name in DRESSED},
    "the portal's CSV": exported(ROWS),
    "CSV with semicolons": exported(ROWS, delimiter=";"),
    "CSV with other columns first": exported([dict(sorted(row.items())) for row in ROWS]),
}


def made(body: bytes) -> list[NewActivity]:
    found = list(new_activities(page_of(body, origin="x", connectors=KNOWN).items))
    assert [item for item in found if isinstance(item, Refusal)] == []
    return [item for item in found if isinstance(item, NewActivity)]


def plain(body: bytes) -> list[dict[str, Any]]:
    """The records without the row itself, of which some forms leave out empty columns."""
    return [{"_id": new.id, **new.activity, "rawDataJson": None} for new in made(body)]


@pytest.fixture
def tenant(tmp_path: Path) -> Iterator[Tenant]:
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        yield store.tenant(TenantId("default"))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_record(form: str) -> None:
    records = plain(FORMS[form])
    assert records == plain(LINES)
    assert [record["_id"] for record in records] == [row["ReportId"] for row in ROWS]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_stored_once(form: str, tenant: Tenant) -> None:
    assert tenant.insert(made(FORMS[form])).stored == len(ROWS)
    for body in FORMS.values():
        assert tenant.insert(made(body)).duplicates == len(ROWS)


def record_of(row: dict[str, Any]) -> bytes:
    """MDCA's own record of the activity in a row."""
    (new,) = made(json.dumps(row).encode())
    record = {
        "_id": row["ReportId"],
        "appId": row["ApplicationId"],
        "timestamp": new.timestamp,
        "user": {"userName": new.activity["user"]["userName"]},
        "device": {"clientIP": new.activity["device"]["clientIP"]},
        "rawDataJson": row["RawEventData"],
    }
    return json.dumps(record).encode()


@pytest.mark.parametrize("row_first", [True, False], ids=["the row first", "the record first"])
def test_a_row_and_mdca_s_record_of_it_are_one_activity(tenant: Tenant, row_first: bool) -> None:
    bodies = [json.dumps(ROWS[0]).encode(), record_of(ROWS[0])]
    first, second = bodies if row_first else reversed(bodies)
    assert tenant.insert(made(first)).stored == 1
    assert tenant.insert(made(second)).duplicates == (0 if row_first else 1)
    assert json.loads(tenant.fetch(ROWS[0]["ReportId"]) or b"").items() >= json.loads(bodies[1]).items()


def test_the_event_that_the_source_delivers_keeps_its_own_id(tenant: Tenant) -> None:
    native = json.dumps(ROWS[0]["RawEventData"]).encode()
    (row,), (event,) = made(json.dumps(ROWS[0]).encode()), made(native)
    assert row.activity["sourceId"] == event.activity["sourceId"] == ROWS[0]["RawEventData"]["Id"]
    assert row.id != event.id
    assert tenant.insert([row, event]).stored == 2


def test_a_row_without_an_id_is_recognized_by_its_content(tenant: Tenant) -> None:
    bare = json.dumps({**ROWS[1], "ReportId": ""}).encode()
    assert tenant.insert(made(bare)).stored == 1
    assert tenant.insert(made(bare)).duplicates == 1
    other = json.dumps({**ROWS[1], "ReportId": "", "ActionType": "Set-InboxRule"}).encode()
    assert tenant.insert(made(other)).stored == 1


REFUSED = [
    pytest.param({"Timestamp": None}, "no usable time: Timestamp is absent", id="no time"),
    pytest.param({"Timestamp": "yesterday"}, "no usable time: Timestamp is 'yesterday'", id="a time that is none"),
    pytest.param({"ActionType": ""}, "no operation: ", id="no action"),
]


@pytest.mark.parametrize(("changed", "reason"), REFUSED)
def test_a_row_without_time_or_action_is_refused(changed: dict[str, Any], reason: str) -> None:
    body = json.dumps({**ROWS[0], **changed}).encode()
    (refusal,) = new_activities(page_of(body, origin="x", connectors=KNOWN).items)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(reason)


def test_a_row_of_another_table_is_refused() -> None:
    logon = {
        "Timestamp": "2026-03-02T10:00:00Z",
        "ActionType": "LogonSuccess",
        "Application": "Office 365",
        "ReportId": "r",
    }
    (refusal,) = new_activities(page_of(json.dumps(logon).encode(), origin="x", connectors=KNOWN).items)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("source not recognized")


def test_rows_of_a_csv_that_cannot_be_read_are_refused_each() -> None:
    header, *_ = exported(ROWS[:1]).splitlines(keepends=True)
    few = b"2026-03-02T10:00:00Z,FileAccessed\r\n"
    body = exported(ROWS[:1]) + few + b"\xff" + b"," * header.count(b",") + b"\r\n" + exported(ROWS[1:])[len(header) :]
    items = list(new_activities(page_of(body, origin="x", connectors=KNOWN).items))
    refusals = [item for item in items if isinstance(item, Refusal)]
    assert [refusal.reason for refusal in refusals] == [
        f"no event: 2 values for {len(ROWS[0])} columns",
        "no event: not UTF-8",
    ]
    assert len(items) == len(ROWS) + 2
    (again,) = new_activities(page_of(refusals[0].raw, origin="x", connectors=KNOWN).items)
    assert isinstance(again, Refusal)
    assert again.reason == refusals[0].reason


def test_a_refused_row_of_a_csv_is_kept_with_its_header_and_read_again_as_one() -> None:
    header, row = b"ReportId,ActionType,ApplicationId,Timestamp", b"r1,FileDownloaded,15600,%s"
    body = b"\n".join((header, row % b"", row % b"yesterday"))
    refusals = list(new_activities(page_of(body, origin="x", connectors=KNOWN).items))
    assert [refusal.raw for refusal in refusals if isinstance(refusal, Refusal)] == [
        header + b"\n" + row % b"",
        header + b"\n" + row % b"yesterday",
    ]
    again = {"origin": "x", "line": 2, "reason": "", "event": (header + b"\n" + row % b"2024-01-01T00:00:00Z").decode()}
    (activity,) = made(json.dumps(again).encode())
    assert activity.activity["sourceForm"] == "cloud_app_events"
