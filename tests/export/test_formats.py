"""What each format writes, read back by the readers that people have."""

import csv
import gzip
import io
import json
import unicodedata
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import ipc, parquet

from casbah.activity.record import Reading
from casbah.base import jsontext
from casbah.errors import MalformedBodyError
from casbah.ingest.cef import parse
from casbah.outputs.export.columns import COLUMNS, FLAT, RECORD, ColumnType, chosen
from casbah.outputs.export.formats import COMPRESSIONS, FORMATS, compression_named, format_named

WHOLE = {
    "_id": "a1",
    "timestamp": 1_700_000_000_123,
    "created": 1_700_000_000_456,
    "appId": 11161,
    "appName": "Microsoft 365",
    "instanceId": "7",
    "eventTypeName": "EVENT_CATEGORY_DOWNLOAD_FILE",
    "eventTypeValue": "EVENT_O365_DOWNLOAD",
    "description": 'Download file: "Ω, Ж"\nby =cmd()',
    "user": {"userName": "=HYPERLINK(1)"},
    "device": {"clientIP": "192.0.2.7", "userAgent": "curl/8", "countryCode": "NO"},
    "location": {"city": "Oslo", "organizationSearchable": "contoso"},
    "userAgent": {"deviceType": "DESKTOP", "operatingSystem": {"name": "Debian"}, "browser": "CURL"},
    "mainInfo": {
        "rawOperationName": "FileDownloaded",
        "activityResult": {"isSuccess": True},
        "eventObjects": [{"objType": 3, "name": "plan.docx"}, {"objType": 23, "id": "u1"}, "no object"],
    },
    "isAdminOperation": True,
    "policies": ["p1"],
    "alertIds": ["x1", 2],
}
FLAT_WHOLE = {
    "id": "a1",
    "time": 1_700_000_000_123,
    "stored": 1_700_000_000_456,
    "user": "=HYPERLINK(1)",
    "app": "Microsoft 365",
    "app_id": 11161,
    "instance_id": 7,
    "activity": 'Download file: "Ω, Ж"\nby =cmd()',
    "operation": "FileDownloaded",
    "category": "EVENT_CATEGORY_DOWNLOAD_FILE",
    "event_type": "EVENT_O365_DOWNLOAD",
    "succeeded": True,
    "objects": ["plan.docx", "u1"],
    "files": ["plan.docx"],
    "ip": "192.0.2.7",
    "country": "NO",
    "city": "Oslo",
    "isp": "contoso",
    "device_type": "DESKTOP",
    "system": "Debian",
    "browser": "CURL",
    "user_agent": "curl/8",
    "admin": True,
    "impersonated": False,
    "policies": ["p1"],
    "alerts": ["x1", "2"],
}
EMPTY = b'{"_id": "e"}'
ODD = (
    rb'{"_id":"o1","timestamp":8796093022207,"created":9223372036854775807,"appId":99999999999999999999,"user":{"userName":"\ud800 \u202e\u0000"}}',
    b'{"_id":"o2",\r\n"timestamp":0,"created":-5,"appId":true,"instanceId":1.5,"description":["not","a","text"],"device":"none","location":null}',
    b'{"_id":3,"mainInfo":{"eventObjects":{"0":1},"activityResult":"yes"},"policies":"p","alertIds":[null,{},"a"],"userAgent":{"operatingSystem":7}}',
)


def written(
    form: str, records: list[bytes], *, names: Any = None, compress: str | None = None, at_a_time: int = 2
) -> bytes:
    """The file of these records."""
    out = io.BytesIO()
    row = FORMATS[form]
    packed: Any = COMPRESSIONS[compress].opened(out) if compress else out
    writer = row.writer(packed, chosen(names, default=row.default_columns))
    for start in range(0, len(records), at_a_time):
        writer.write(records[start : start + at_a_time])
    writer.close()
    if compress:
        packed.close()
    return out.getvalue()


def rows(form: str, content: bytes) -> list[dict[str, Any]]:
    """Its rows by a reader of its own, moments in ms."""
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    if form == "ndjson":
        return [json.loads(line) for line in content.splitlines()]
    buffer = pa.BufferReader(content)
    table = parquet.read_table(buffer) if form == "parquet" else ipc.open_file(buffer).read_all()
    moments = [
        name for name, column in COLUMNS.items() if column.kind is ColumnType.MOMENT and name in table.column_names
    ]
    for name in moments:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.int64()))
    return table.to_pylist()


COLUMNAR = [name for name, form in FORMATS.items() if not form.fixed_columns]


@pytest.mark.parametrize("form", ["ndjson", "parquet", "arrow"])
def test_columns_hold_what_the_record_says(form: str) -> None:
    raw = json.dumps(WHOLE).encode()
    (row,) = rows(form, written(form, [raw], names=[*FLAT, RECORD]))
    record = row.pop(RECORD)
    assert (record if isinstance(record, dict) else json.loads(record)) == WHOLE
    assert row == FLAT_WHOLE
    assert set(FLAT_WHOLE) == set(FLAT)


def test_a_spreadsheet_gets_texts_and_no_formulas() -> None:
    (row,) = rows("csv", written("csv", [json.dumps(WHOLE).encode()]))
    assert list(row) == list(FLAT)
    assert row["user"] == "'=HYPERLINK(1)"
    assert row["activity"] == FLAT_WHOLE["activity"]
    assert row["time"] == "2023-11-14T22:13:20.123Z"
    assert row["objects"] == '["plan.docx", "u1"]'
    assert (row["app_id"], row["admin"], row["succeeded"], row["impersonated"]) == ("11161", "true", "true", "false")
    (empty,) = rows("csv", written("csv", [EMPTY]))
    assert {name for name, value in empty.items() if value} == {"id", "admin", "impersonated"}


@pytest.mark.parametrize("form", COLUMNAR)
def test_nothing_a_record_may_hold_stops_an_export(form: str) -> None:
    found = rows(form, written(form, [*ODD, EMPTY], names=list(COLUMNS)))
    assert [str(each["id"]) for each in found] == ["o1", "o2", "3", "e"]
    assert [each["app_id"] for each in found[:2]] == (["", ""] if form == "csv" else [None, None])
    assert found[0]["user"] in ("� \u202e\x00", "�� \u202e\x00")
    if form in ("parquet", "arrow"):
        assert [each[RECORD].encode() for each in found] == [*ODD, EMPTY]


@pytest.mark.parametrize("form", COLUMNAR)
def test_an_export_of_nothing_is_a_file_that_can_be_read(form: str) -> None:
    assert rows(form, written(form, [])) == []


def test_the_agent_s_lines_hold_whatever_a_record_does() -> None:
    lines = [parse(line) for line in written("cef", [*ODD, EMPTY]).decode().splitlines()]
    assert [dict(line.pairs)["externalId"] for line in lines] == ["o1", "o2", "3", "e"]
    assert written("cef", []) == b""


def test_a_record_is_one_line_and_otherwise_itself() -> None:
    content = written("ndjson", [*ODD, EMPTY])
    assert content == b"".join(each.replace(b"\r\n", b"  ") + b"\n" for each in (*ODD, EMPTY))


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_compressed_it_is_the_same(form: str) -> None:
    records = [json.dumps({**WHOLE, "_id": f"a{number}"}).encode() for number in range(50)]
    plain = written(form, records)
    assert gzip.decompress(written(form, records, compress="gzip")) == plain
    assert zstandard.ZstdDecompressor().stream_reader(written(form, records, compress="zstd")).read() == plain


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.lists(
        st.fixed_dictionaries({"_id": TEXTS, "user": st.fixed_dictionaries({"userName": TEXTS}), "description": TEXTS})
    )
)
@example([{"_id": "", "user": {"userName": ""}, "description": '"='}])
def test_texts_come_back_whatever_they_are(found: list[dict[str, Any]]) -> None:
    records = [jsontext.dump(each) for each in found]
    expected = [{"user": each["user"]["userName"] or None, "activity": each["description"] or None} for each in found]
    for form in ("ndjson", "parquet", "arrow"):
        assert rows(form, written(form, records, names=["user", "activity"])) == expected
    in_csv = rows("csv", written("csv", records, names=["user", "activity"]))
    assert [{name: unguarded(value) for name, value in row.items()} for row in in_csv] == [
        {name: unguarded(value or "") for name, value in row.items()} for row in expected
    ]
    text = written("csv", records, names=["user", "activity"]).decode()
    cells = list(chain.from_iterable(csv.reader(io.StringIO(text, newline=""))))
    for separator in (";", "\t", "|"):  # As a spreadsheet that expects another separator cuts the file.
        cells += chain.from_iterable(line.split(separator) for line in text.splitlines())
    assert not [cell for cell in cells if unicodedata.normalize("NFKC", cell.lstrip(' "\t\ufeff'))[:1] in SIGNS]


SIGNS = ("=", "+", "-", "@")


def unguarded(text: str) -> str:
    """A text without the apostrophes that keep it from being a formula."""
    return text.replace("'", "")


FORMULAS = [
    pytest.param("=1+1", "'=1+1", id="equals"),
    pytest.param("+1", "'+1", id="plus"),
    pytest.param("-1", "'-1", id="minus"),
    pytest.param("@SUM(1)", "'@SUM(1)", id="at"),
    pytest.param("\t=1", "'\t'=1", id="behind a tab"),
    pytest.param("  =1+1", "'  =1+1", id="behind blanks"),
    pytest.param("\n=1+1", "'\n'=1+1", id="behind a line feed"),
    pytest.param("a\n=1+1", "a\n'=1+1", id="on the second line"),
    pytest.param("x;=cmd|' /C calc'!A0", "x;'=cmd|' /C calc'!A0", id="behind a semicolon"),
    pytest.param("x; @SUM(1)", "x; '@SUM(1)", id="behind a semicolon and a blank"),
    pytest.param('x;"=1', "x;\"'=1", id="behind a semicolon and a quote"),
    pytest.param("\uff1d1+1", "'\uff1d1+1", id="full-width equals"),
    pytest.param("\uff0b1", "'\uff0b1", id="full-width plus"),
    pytest.param("\uff0d1", "'\uff0d1", id="full-width minus"),
    pytest.param("\uff20x", "'\uff20x", id="full-width at"),
    pytest.param("a=b, c-d, e+f@g", "a=b, c-d, e+f@g", id="signs elsewhere"),
]


@pytest.mark.parametrize("text, cell", FORMULAS)
def test_no_cell_begins_a_formula(text: str, cell: str) -> None:
    record = json.dumps({"_id": "a", "description": text, "mainInfo": {"eventObjects": [{"name": text}]}}).encode()
    content = written("csv", [record], names=["activity", "objects", RECORD])
    (row,) = rows("csv", content)
    assert row["activity"] == cell
    assert json.loads(row["objects"]) == [text]
    assert json.loads(row[RECORD]) == json.loads(record)
    assert not any(part.lstrip(' "')[:1] in SIGNS for line in content.decode().splitlines() for part in line.split(";"))


def test_moments_past_the_calendar_are_their_ms() -> None:
    (row,) = rows("csv", written("csv", [b'{"_id": "x", "timestamp": 8796093022207, "created": 9223372036854775807}']))
    assert row["time"] == datetime.fromtimestamp(8_796_093_022, UTC).strftime("%Y-%m-%dT%H:%M:%S.207Z")
    assert row["stored"] == "9223372036854775807"


def test_every_column_reads_a_record_that_says_nothing() -> None:
    reading = Reading({})
    assert [name for name, column in COLUMNS.items() if column.read(reading) not in (None, [], False)] == []


@pytest.mark.parametrize(
    "names, said",
    [
        ("time", "expected a list of columns"),
        ([], "expected a list of columns"),
        ([1], "expected a list of columns"),
        (["usr"], "there is no 'usr'; did you mean 'user'?"),
        (["time", "time"], "one is named twice"),
    ],
)
def test_columns_that_are_none_are_refused(names: Any, said: str) -> None:
    with pytest.raises(MalformedBodyError, match=said.replace("?", r"\?")):
        chosen(names, default=FLAT)


def test_damage_to_a_zst_is_noticed_by_its_checksum() -> None:
    content = written("ndjson", [json.dumps(WHOLE).encode()], compress="zstd")
    assert zstandard.get_frame_parameters(content).has_checksum


def test_formats_and_compressions_by_name() -> None:
    assert (format_named(None).name, format_named("Parquet").name) == ("csv", "parquet")
    assert compression_named("None", FORMATS["parquet"]) is None
    assert compression_named("GZIP", FORMATS["csv"]) is COMPRESSIONS["gzip"]
    with pytest.raises(MalformedBodyError, match="expected one of csv, ndjson, cef, parquet, arrow, got string 'xlsx'"):
        format_named("xlsx")
    with pytest.raises(MalformedBodyError, match="expected one of none, gzip, zstd, got integer 3"):
        compression_named(3, FORMATS["csv"])
    with pytest.raises(MalformedBodyError, match="parquet is compressed already"):
        compression_named("zstd", FORMATS["parquet"])
