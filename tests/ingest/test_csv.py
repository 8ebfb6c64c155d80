"""CSV exports: the same rows in every dialect become the same records, and each row counts by itself."""

import csv
import io
import json
from collections.abc import Callable
from datetime import tzinfo
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.csv_header import known_header
from casbah.ingest.event_pages import page_of
from casbah.ingest.mapping.paths import fold
from command_line import app
from connectors import samples

FILES = samples.csv_files()
FORMS = [
    pytest.param(name, form, id=f"{name}-{form.title}") for name, source in connectors().items() for form in source.csv
]
Table = list[list[str]]


def table(file: Path) -> Table:
    return list(csv.reader(io.StringIO(file.read_text("utf-8"), newline="")))


def text(rows: Table, **dialect: object) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, **dialect).writerows(rows)  # type: ignore[arg-type]
    return written.getvalue()


def read(body: bytes, zone: tzinfo | None = samples.ZONE) -> list[NewActivity | Refusal]:
    return list(new_activities(page_of(body, origin="x", connectors=connectors(), zone=zone).items))


def records(body: bytes) -> list[dict[str, object]]:
    items = read(body)
    assert [item.reason for item in items if isinstance(item, Refusal)] == []
    return [
        {"_id": item.id, **{key: value for key, value in item.activity.items() if key != "rawDataJson"}}
        for item in items
        if isinstance(item, NewActivity)
    ]


@pytest.mark.parametrize(("source", "form"), FORMS)
def test_every_known_export_has_a_sample(source, form):
    headers = [file.read_bytes().partition(b"\n")[0] for file in FILES if file.stem.partition("-")[0] == source]
    assert any(known_header(header.strip(), ((source, form),)) for header in headers)


DIALECTS: dict[str, Callable[[Table], bytes]] = {
    "semicolons after sep=": lambda rows: ("sep=;\r\n" + text(rows, delimiter=";")).encode(),
    "tabs": lambda rows: text(rows, delimiter="\t").encode(),
    "bars": lambda rows: text(rows, delimiter="|").encode(),
    "every cell quoted": lambda rows: text(rows, quoting=csv.QUOTE_ALL).encode(),
    "lines of Unix": lambda rows: text(rows, lineterminator="\n").encode(),
    "#TYPE and blank lines": lambda rows: ("\r\n#TYPE System.Object\r\n\r\n" + text(rows)).encode(),
    "a byte order mark": lambda rows: text(rows).encode("utf-8-sig"),
    "UTF-16": lambda rows: text(rows).encode("utf-16"),
    "UTF-16 without a mark": lambda rows: text(rows).encode("utf-16-le"),
    "UTF-16 without a mark, big end first": lambda rows: text(rows).encode("utf-16-be"),
    "columns in another order": lambda rows: text([row[::-1] for row in rows]).encode(),
    "columns in lower case": lambda rows: text([[name.lower() for name in rows[0]], *rows[1:]]).encode(),
    "an empty column more": lambda rows: text([["", *row] for row in rows]).encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in FILES])
def test_rows_become_the_same_records_in_every_dialect(file, dialect):
    rows = table(file)
    # An id that is derived from the row depends on the names of its columns.
    plain = [{**row, "_id": ""} for row in records(file.read_bytes())]
    assert [{**row, "_id": ""} for row in records(dialect(rows))] == plain
    assert len(plain) == len(rows) - 1


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in FILES])
def test_an_unknown_column_changes_nothing(file):
    head, *rows = table(file)
    wider = text([["Some column", *head], *(["some\nvalue", *row] for row in rows)]).encode()
    with_id = [row for row in records(file.read_bytes()) if "sourceId" in row]
    assert [row for row in records(wider) if "sourceId" in row] == with_id


SIGN_INS = next(file for file in FILES if file.stem == "entra_signin-portal")


def test_each_row_is_read_or_refused_by_its_line():
    head, first, second = table(SIGN_INS)
    at = head.index("User agent")
    over_lines = [cell if place != at else "one\ntwo\nthree" for place, cell in enumerate(first)]
    no_time = ["" if place == 0 else cell for place, cell in enumerate(first)]
    items = read(text([head, over_lines, ["x", "y"], no_time, second]).encode())
    assert [getattr(item, "line", None) for item in items] == [None, 5, 6, None]
    assert items[1].reason == f"no event: 2 values for {len(head)} columns"
    assert items[2].reason.startswith("source not recognized")
    assert items[0].activity["device"]["userAgent"] == "one\ntwo\nthree"


def test_a_row_with_zeros_of_a_crash_is_refused():
    head, first, second = table(SIGN_INS)
    hurt = [cell + "\0" * 512 if place == 1 else cell for place, cell in enumerate(first)]
    items = read(text([head, first, hurt, second]).encode())
    assert [type(item) for item in items] == [NewActivity, Refusal, NewActivity]
    assert items[1].reason == "no event: a part of it was lost: it has zeros in place of text"


def test_a_quote_that_is_never_closed_costs_one_row():
    head, first, second = table(SIGN_INS)
    lines = text([head, first, second, first]).splitlines(keepends=True)
    lines[2] = '"' + lines[2]
    items = read("".join(lines).encode())
    assert [type(item) for item in items] == [NewActivity, Refusal, NewActivity]


def test_a_time_in_an_unknown_zone_is_refused():
    file = next(file for file in FILES if file.stem == "microsoft365-log-analytics")
    local = file.read_text("utf-8").replace("TimeGenerated [UTC]", "TimeGenerated [Local Time]")
    items = read(local.encode())
    assert [type(item) for item in items] == [Refusal, Refusal]


def test_rows_of_an_unknown_csv_are_refused_with_its_columns():
    first, second = read(b'when,who,what\r\n1,"a\r\nb",c\r\n2,d,e\r\n')
    assert (first.line, second.line) == (2, 4)
    assert first.reason == second.reason == "a CSV of no known export, with the columns when, who, what"
    assert first.raw == b'when,who,what\n1,"a\r\nb",c'


def test_the_nearest_known_export_is_named_with_what_is_lacking():
    (refusal,) = read(b"Date (UTC),Request ID,Application,User\r\n1,2,3,4\r\n")
    assert refusal.reason.endswith(
        "the nearest is entra_signin, sign-ins downloaded from the portal, which also has Status"
    )


NO_CSV = [
    pytest.param(b"Dear all, see below\nRegards, me\n", 1, id="prose with commas"),
    pytest.param(b'some, text\nsome, text\n{"a":1}\n', 3, id="an object after lines with commas"),
    pytest.param(b"2026-03-02 10:00:00,123 INFO x\n2026-03-02 10:00:00,124 INFO y\n", 1, id="a log with commas"),
    pytest.param(b"user: a, host: b\nuser: c, host: d\n", 1, id="pairs"),
    pytest.param(b"a," * 500_000 + b"\n" + b"a," * 500_000 + b"\n", 1, id="more columns than any table has"),
]


@pytest.mark.parametrize(("body", "count"), NO_CSV)
def test_other_text_is_no_csv(body, count):
    items = read(body)
    assert len(items) == count
    assert not any(item.reason.startswith("a CSV") for item in items)


def test_a_repeated_column_loses_nothing():
    head, row, _ = table(SIGN_INS)
    last = len(head) - 1 - head[::-1].index("Incoming token type")
    row[last] = "another"
    (item,) = read(text([head, row]).encode())
    assert isinstance(item, NewActivity)
    event = item.activity["rawDataJson"]
    assert (event["Incoming token type"], event["Incoming token type (#2)"]) == ("none", "another")


def counts(store: Path, *words: str) -> list[int]:
    ran = CliRunner().invoke(app, ["ingest", *words, "--store", str(store), "--json"], catch_exceptions=False)
    return [json.loads(ran.stdout)[name] for name in ("read", "stored", "duplicates", "refused")]


def test_a_folder_of_every_export_is_stored_once(tmp_path: Path) -> None:
    folder, store = tmp_path / "exports", tmp_path / "store"
    folder.mkdir()
    for file in FILES:
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "unknown.csv").write_bytes(b"a,b,c\n1,2,3\n4,5,6\n")
    total = sum(len(table(file)) - 1 for file in FILES)
    zone = f"--zone={samples.ZONE}"
    assert counts(store, str(folder), zone) == [total + 2, total, 0, 2]
    assert counts(store, str(folder), zone) == [total + 2, 0, total, 2]
    local = sum(len(table(file)) - 1 for file in FILES if file.stem in samples.LOCAL)
    assert counts(store, str(folder)) == [total + 2, 0, total - local, 2 + local]


SIGN_IN = {
    "id": "5a3d1c1e-0000-4000-8000-000000000001",
    "createdDateTime": "2026-03-02T10:00:00Z",
    "userPrincipalName": "user1@example.com",
    "ipAddress": "203.0.113.7",
    "appDisplayName": "Azure Portal",
    "resourceDisplayName": "Windows Azure Service Management API",
    "status": {"errorCode": 0},
}


def test_a_row_of_an_event_that_is_stored_is_a_duplicate(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SIGN_IN), "utf-8")
    (tmp_path / "b.csv").write_bytes(SIGN_INS.read_bytes())
    store = tmp_path / "store"
    assert counts(store, str(tmp_path / "a.json")) == [1, 1, 0, 0]
    assert counts(store, str(tmp_path / "b.csv")) == [2, 1, 1, 0]


def test_the_event_of_a_row_that_is_stored_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(SIGN_IN), "utf-8")
    store = tmp_path / "store"
    assert counts(store, str(SIGN_INS)) == [2, 2, 0, 0]
    assert counts(store, str(tmp_path / "a.json"))[0] == 1
    ran = CliRunner().invoke(app, ["export", str(tmp_path / "all.ndjson"), "--store", str(store)])
    assert ran.exit_code == 0
    lines = (tmp_path / "all.ndjson").read_text("utf-8").splitlines()
    forms = {row["_id"]: row.get("sourceForm") for row in map(json.loads, lines)}
    assert sorted(forms.values(), key=str) == [None, "csv"]


def as_row(event: dict[str, object]) -> bytes:
    """An event with a column for each of its keys, as converters of JSON write it."""
    cells = {
        key: value if type(value) is str else json.dumps(value) for key, value in event.items() if value is not None
    }
    return text([list(cells), list(cells.values())]).encode()


def marked_events() -> list[object]:
    """An event of each source that three or more keys tell from others."""
    found = []
    for folder in samples.folders():
        marks = [marks for marks in connectors()[folder.name].marks if len(marks) >= 3]
        lines = folder.joinpath("events.ndjson").read_text("utf-8").splitlines() if marks else []
        events = (event for line in lines if any(row <= fold(event := json.loads(line)).keys() for row in marks))
        found += [pytest.param(folder.name, event, id=folder.name) for event in islice(events, 1)]
    return found


@pytest.mark.parametrize(("source", "event"), marked_events())
def test_a_row_with_the_keys_of_an_event_is_read_like_the_event(source, event):
    named = {"connectors": connectors(), "source": source}
    (own,) = new_activities(page_of(json.dumps(event).encode(), origin="x", **named).items)
    (row,) = new_activities(page_of(as_row(event), origin="x", **named).items)
    assert isinstance(own, NewActivity)
    assert isinstance(row, NewActivity)
    assert row.timestamp == own.timestamp
    for key in ("sourceId", "eventTypeName", "user", "device", "appId"):
        assert row.activity.get(key) == own.activity.get(key)
    assert row.activity["sourceForm"]


def test_stray_quotes_of_two_rows_never_join_them():
    unreadable, third = read(b'when,who,what\n1,"a,b\n2,"c,d\n3,e,f\n')
    assert (unreadable.line, third.line) == (2, 4)
    assert unreadable.reason.startswith("not CSV")
