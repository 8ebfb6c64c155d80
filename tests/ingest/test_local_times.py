"""Times without a zone in CSV exports: refused unless the caller names the zone, and never read in another one."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from casbah.activity.new_activity import NewActivity
from casbah.ingest import times
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal, UnusableEventError
from casbah.ingest.event_pages import page_of
from casbah.ingest.local_times import ZONED, zoned
from command_line import app
from connectors import samples

BERLIN = ZoneInfo("Europe/Berlin")
FILES = [
    pytest.param(file, samples.LOCAL[file.stem], id=file.stem)
    for file in samples.csv_files()
    if file.stem in samples.LOCAL
]


def read(body: bytes, zone: tzinfo | None) -> list[NewActivity | Refusal]:
    return list(new_activities(page_of(body, origin="x", connectors=connectors(), zone=zone).items))


def at(items: list[NewActivity | Refusal]) -> list[str]:
    stored = [item for item in items if isinstance(item, NewActivity)]
    return [datetime.fromtimestamp(item.timestamp / 1_000, UTC).isoformat() for item in stored]


def reordered(file: Path) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(row[::-1] for row in csv.reader(io.StringIO(file.read_text("utf-8"), newline="")))
    return text.getvalue().encode()


def test_every_export_with_such_times_has_a_sample():
    columns = [form.local for source in connectors().values() for form in source.csv if form.local]
    assert sorted(columns) == sorted(samples.LOCAL.values())


@pytest.mark.parametrize(("file", "column"), FILES)
def test_rows_are_refused_if_no_zone_is_named(file, column):
    for body in (file.read_bytes(), reordered(file)):
        reasons = {item.reason for item in read(body, None) if isinstance(item, Refusal)}
        assert reasons == {f"no usable time: {column} has no zone; name it with --zone, over HTTP with ?zone="}
        assert at(read(body, None)) == []


@pytest.mark.parametrize(("file", "column"), FILES)
def test_rows_are_read_in_the_zone_that_is_named(file, column):
    for body in (file.read_bytes(), reordered(file)):
        utc, later = read(body, UTC), read(body, timezone(timedelta(hours=-5)))
        assert len(at(utc)) == len(utc)
        assert [item.timestamp + 5 * 3_600_000 for item in utc] == [item.timestamp for item in later]
        for item in utc:
            event = item.activity["rawDataJson"]
            assert event[column] in file.read_text("utf-8")
            assert times.calendar(event[ZONED]) == item.timestamp


def test_the_offset_is_that_of_the_time_of_the_year():
    items = read(next(file for file in samples.csv_files() if file.stem == "box-report").read_bytes(), BERLIN)
    assert at(items)[:2] == ["2025-11-10T05:08:38+00:00", "2025-07-10T21:30:00+00:00"]


READ = [
    pytest.param("2025-11-10 06:08:38", "2025-11-10T06:08:38+01:00", id="a day and a time"),
    pytest.param(" 2025-07-10T06:08 ", "2025-07-10T06:08:00+02:00", id="in summer, without seconds"),
    pytest.param("4/28/2021, 3:05:26 PM", "2021-04-28T15:05:26+02:00", id="American"),
    pytest.param("2018-04-12, 12:12:51 AM", "2018-04-12T00:12:51+02:00", id="twelve hours, after midnight"),
    pytest.param("2018-04-12, 12:12:51 PM", "2018-04-12T12:12:51+02:00", id="twelve hours, after noon"),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_times_without_a_zone_get_it(text, expected):
    assert zoned({"Date": text}, "Date", BERLIN) == {ZONED: expected}
    with pytest.raises(UnusableEventError, match="Date has no zone"):
        zoned({"Date": text}, "Date", None)


OWN = ["2025-11-10T06:08:38Z", "2025-11-10 06:08:38 UTC", "2025-11-10T06:08:38-08:00", "1762754918"]


@pytest.mark.parametrize("text", OWN)
def test_a_time_with_a_zone_keeps_it(text):
    assert zoned({"Date": text}, "Date", None) == zoned({"Date": text}, "Date", BERLIN) == {}


REFUSED = [
    pytest.param("2025-03-30 02:30:00", "does not exist in Europe/Berlin", id="where clocks go forward"),
    pytest.param("2025-10-26 02:30:00", "is there twice in Europe/Berlin", id="where clocks go back"),
    pytest.param("10.11.2025 06:08", "no usable time: Date is '10.11.2025 06:08'", id="another form"),
    pytest.param("03/04/2025 06:08:38", "no usable time: Date is '03/04/2025 06:08:38'", id="a day or a month first"),
    pytest.param("", "no usable time: Date is ''", id="empty"),
    pytest.param("9999-12-31T23:59:60", "no usable time", id="after the last year"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_what_is_no_single_time_is_refused(text, reason):
    with pytest.raises(UnusableEventError, match=reason.replace("(", r"\(")):
        zoned({"Date": text}, "Date", BERLIN)


def test_an_offset_tells_the_two_times_apart_where_clocks_go_back():
    row = {"Date": "2025-10-26 02:30:00"}
    offsets = [timezone(timedelta(hours=hours)) for hours in (2, 1)]
    assert [zoned(row, "Date", offset)[ZONED][-6:] for offset in offsets] == ["+02:00", "+01:00"]


def test_a_local_time_of_a_report_is_never_taken_for_utc_in_another_form():
    row = {"Date": "2025-11-10 06:08:38", "User Name": "Ann", "Action": "Downloaded"}
    (refused,) = read(json.dumps(row).encode(), BERLIN)
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("source not recognized")


def ingest(store: Path, *words: str, code: int = 0) -> str:
    ran = CliRunner().invoke(app, ["ingest", *words, "--store", str(store)], catch_exceptions=False)
    assert ran.exit_code == code, ran.output
    return ran.output


def test_refused_rows_are_read_from_the_rejects_file_once_the_zone_is_named(tmp_path: Path) -> None:
    report = next(file for file in samples.csv_files() if file.stem == "box-report")
    rejects = tmp_path / "rejects.ndjson"
    assert "name it with --zone" in ingest(tmp_path / "s", str(report), "--rejects", str(rejects), code=1)
    counted = json.loads(ingest(tmp_path / "s", str(rejects), "--zone", "Europe/Berlin", "--json").splitlines()[-1])
    assert (counted["read"], counted["stored"], counted["refused"]) == (3, 3, 0)


@pytest.mark.parametrize("zone", ["Europe/Berlon", "CEST+1", "", "+1"])
def test_an_unknown_zone_is_refused_before_anything_is_read(zone, tmp_path):
    report = str(samples.csv_files()[0])
    assert "expected the name of a time zone" in ingest(tmp_path / "s", report, "--zone", zone, code=2)
    assert not (tmp_path / "s").exists()
