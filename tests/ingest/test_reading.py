import errno
import gzip
import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from casbah.errors import UnknownSourceError
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Event, Recognized, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.event_pages import page_of, pages
from making import record

A, B = (
    json.dumps({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": name}).encode() for name in "AB"
)
LINES = A + b"\n" + B + b"\n"
PRETTY = json.dumps([json.loads(A), json.loads(B)], indent=2).encode()
AUDIT = {"CreationTime": "2022-12-12T15:57:57", "Operation": "UserLoggedIn", "UserId": "a", "RecordType": 15}


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def portal(*rows):
    head = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits\r\n"
    return head + "".join(f"1,2022,15,UserLoggedIn,a,{row},\r\n" for row in rows)


CSV = portal(quoted(json.dumps(AUDIT)), quoted(json.dumps(AUDIT, indent=1)))


def read(body, **options):
    return plainly(page_of(body, origin="x", connectors=connectors(), **options))


def plainly(page):
    """The source of a page's events, or the sources, and the items without their connectors."""
    items = list(page.items)
    names = sorted({item.connector.name for item in items if isinstance(item, Recognized)})
    source = names[0] if len(names) == 1 else names or None
    return source, [item.event if isinstance(item, Recognized) else item for item in items]


SHAPES = [
    pytest.param(LINES, 2, id="lines"),
    pytest.param(b"\r\n" + LINES.replace(b"\n", b"\r\n"), 2, id="lines with carriage returns and a blank one"),
    pytest.param(A, 1, id="one line without a line feed"),
    pytest.param(b"[" + A + b" , " + B + b"]", 2, id="a list"),
    pytest.param(PRETTY, 2, id="a pretty-printed list"),
    pytest.param(b"[\n" + A + b",\n" + B + b"\n]\n", 2, id="a list with an event a line"),
    pytest.param(json.dumps(json.loads(A), indent=4).encode(), 1, id="one pretty-printed document"),
    pytest.param(json.dumps(json.loads(A), indent=4).encode() * 3, 3, id="pretty-printed documents in a row"),
    pytest.param(b'{"Records":[' + A + b"," + B + b"]}", 2, id="CloudTrail's wrapper"),
    pytest.param(b'{\n "Records": [\n' + A + b",\n" + B + b"]}", 2, id="CloudTrail's wrapper over lines"),
    pytest.param(b'{"kind":"x","items":[' + A + b"]}", 1, id="Google's wrapper"),
    pytest.param(b'{"data":[' + A + b'],"hasNext":true}', 1, id="a saved list answer"),
    pytest.param((b'{"Records":[' + A + b"]}\n") * 2, 2, id="a wrapper a line"),
    pytest.param((b"[" + A + b"," + B + b"]\n") * 2, 4, id="a list a line"),
    pytest.param(b"\xef\xbb\xbf" + LINES, 2, id="lines after a byte order mark"),
    pytest.param(LINES.decode().encode("utf-16"), 2, id="lines in UTF-16"),
    pytest.param(LINES.decode().encode("utf-16-be").join([b"\xfe\xff", b""]), 2, id="lines in UTF-16, big end first"),
    pytest.param(gzip.compress(LINES), 2, id="gzip, whatever its name"),
    pytest.param(gzip.compress(A + b"\n") + gzip.compress(B), 2, id="gzip of two members"),
    pytest.param(b'{"Records":[]}', 0, id="an empty wrapper"),
    pytest.param(b"", 0, id="nothing"),
    pytest.param(b"\n \n", 0, id="blank lines"),
]


@pytest.mark.parametrize(("body", "count"), SHAPES)
def test_shapes(body, count):
    source, items = read(body)
    assert [type(item) for item in items] == [Event] * count
    assert source == ("cloudtrail" if count else None)
    assert all(json.loads(item.raw) == item.parsed for item in items)


@pytest.mark.parametrize(
    "shape", [LINES, PRETTY, b'{"Records": [' + A + b"," + B + b"] }"], ids=["lines", "pretty", "wrapper"]
)
def test_an_event_keeps_its_own_bytes(shape):
    assert all(item.raw in shape for item in read(shape)[1])


PORTALS = [
    pytest.param(CSV.encode(), id="UTF-8"),
    pytest.param(CSV.encode("utf-8-sig"), id="with a byte order mark"),
    pytest.param(CSV.encode("utf-16"), id="UTF-16"),
    pytest.param(CSV.replace(",AuditData,", ",auditdata,").encode(), id="a lower-cased column"),
]


@pytest.mark.parametrize("body", PORTALS)
def test_the_portals_csv(body):
    source, items = read(body)
    assert source == "microsoft365"
    assert [item.parsed for item in items] == [AUDIT, AUDIT]
    assert items[0].raw == json.dumps(AUDIT).encode()
    assert [item.line for item in items] == [2, 3]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b"#TYPE Selected.System.Management.Automation.PSCustomObject\r\n" + CSV.encode(), id="a line of Export-Csv"
        ),
        pytest.param(
            b"#TYPE Deserialized.X\r\n".decode().encode("utf-16") + CSV.encode("utf-16-le"), id="the same in UTF-16"
        ),
        pytest.param(b"\r\nsep=,\r\n" + CSV.encode(), id="a line of Excel"),
        pytest.param(b'"sep=,"\n\n' + CSV.encode(), id="a line of Excel in quotes"),
    ],
)
def test_lines_before_the_header_are_passed_over(body):
    source, items = read(body)
    assert source == "microsoft365"
    assert [item.parsed for item in items] == [AUDIT, AUDIT]


def test_a_row_without_audit_data_is_refused_and_the_rest_goes_on():
    _, items = read(portal(quoted(json.dumps(AUDIT)), "", "{broken", quoted(json.dumps(AUDIT))).encode())
    assert [(type(item), item.line) for item in items] == [(Event, 2), (Refusal, 3), (Refusal, 4), (Event, 5)]
    assert items[1].reason == "no AuditData"


REFUSED = [
    pytest.param(A + b"\n{broken\n\n" + B, [2], "not JSON", id="a broken line"),
    pytest.param(A + b'\n{"a":NaN}\n' + B, [2], "NaN is not a JSON value", id="NaN on a line"),
    pytest.param(A + b"\n5\n" + B, [2], "expected a JSON object, got a number", id="a number on a line"),
    pytest.param(b"[" + A + b",5," + B + b"]", [2], "expected a JSON object, got a number", id="a number in a list"),
    pytest.param(b"[" + A + b',{"a":NaN},' + B + b"]", [2], "NaN is not a JSON value", id="NaN in a list"),
    pytest.param(b"[" + A + b',{"a":"\xff"},' + B + b"]", [2], "not UTF-8", id="an element that is not UTF-8"),
    pytest.param(b'{"Records":[' + A + b",7," + B + b"]}", [2], "got a number", id="a number in a wrapper"),
    pytest.param(b"{cut\n" + A + b"\n" + B, [1], "not JSON", id="a broken first line"),
    pytest.param(b"# log\n" + A + b"\n" + B, [1], "not JSON", id="a first line of something else"),
    pytest.param(b"[" + A + b"," + B + b',{"a":', [3], "not JSON", id="a list that breaks off"),
    pytest.param(b'{"Records":[' + A + b"," + B + b',{"a":', [3], "not JSON", id="a wrapper that breaks off"),
    pytest.param(A + b'\n{"Records":[7]}\n' + B, [2], "element 1 of the line: not an event", id="a wrapper on a line"),
]


@pytest.mark.parametrize(("body", "lines", "reason"), REFUSED)
def test_what_cannot_be_read_is_refused_and_the_rest_goes_on(body, lines, reason):
    source, items = read(body)
    refused = [item for item in items if isinstance(item, Refusal)]
    assert source == "cloudtrail"
    assert [item.line for item in refused] == lines
    assert reason in refused[0].reason
    assert len(items) - len(refused) == 2


def test_a_cut_gzip_gives_what_it_has_and_says_so():
    lines = b"".join(A.replace(b'"A"', b'"%d"' % number) + b"\n" for number in range(5000))
    _, items = read(gzip.compress(lines)[:-200])
    assert isinstance(items[0], Event)
    assert "cannot be read: the compressed data is cut off" in items[-1].reason


def test_an_unrecognized_file_is_refused_event_by_event():
    source, items = read(b'{"a":1}\n{"b":2}\n{broken\n')
    assert source is None
    assert [item.line for item in items] == [1, 2, 3]
    known = ", ".join(sorted(connectors()))
    reason = f"source not recognized; known: {known}; describe another in a mapping file (docs/sources.md)"
    assert [item.reason for item in items[:2]] == [reason, reason]
    assert "not JSON" in items[2].reason


def test_text_that_holds_no_json_is_refused_once():
    source, (refusal,) = read(b"Copyright\nsomeone\n")
    assert (source, refusal.line) == (None, 1)
    assert refusal.reason == "the file holds neither JSON, nor a CSV of a known export, nor CEF"


def test_a_named_source_takes_its_own_events_and_says_whose_the_others_are():
    audit = json.dumps(AUDIT).encode()
    source, items = read(A + b"\n" + audit + b'\n{"a":1}\n' + B, source="cloudtrail")
    assert (source, [type(item) for item in items]) == ("cloudtrail", [Event, Refusal, Refusal, Event])
    other, unknown = items[1].reason, items[2].reason
    assert other == "not an event of cloudtrail but of microsoft365: name that source, or none"
    assert unknown.startswith("not an event of cloudtrail, and source not recognized; known: anthropic, ")


def test_an_unknown_source_is_refused_before_anything_is_read():
    with pytest.raises(UnknownSourceError, match="did you mean 'cloudtrail'"):
        pages(["nowhere"], connectors=connectors(), source="cloudtrial")


def test_an_event_that_says_too_little_is_refused_whatever_stands_beside_it():
    _, alone = read(b'{"eventName":"X"}\n')
    source, (refusal, *others) = read(b'{"eventName":"X"}\n' + LINES)
    assert (source, refusal) == ("cloudtrail", alone[0])
    assert [type(item) for item in others] == [Event, Event]


def test_one_file_may_hold_the_events_of_several_sources():
    source, items = read(A + b"\n" + json.dumps(AUDIT).encode() + b"\n" + B)
    assert (source, [item.line for item in items]) == (["cloudtrail", "microsoft365"], [1, 2, 3])


def zipped(**members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return held.getvalue()


def of_paths(*paths, **options):
    return [
        (page.origin.rpartition("/")[2], *plainly(page))
        for page in pages([str(path) for path in paths], connectors=connectors(), **options)
    ]


def test_a_folder_is_read_in_order_each_file_by_itself(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.json").write_bytes(LINES)
    (tmp_path / ".y.json").write_bytes(LINES)
    (tmp_path / "b" / "audit.csv").write_text(CSV)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "c.zip").write_bytes(zipped(one=LINES, two=gzip.compress(PRETTY), three=CSV))
    assert [(name, source, len(items)) for name, source, items in of_paths(tmp_path) if items] == [
        ("a.json.gz", "cloudtrail", 2),
        ("c.zip!one", "cloudtrail", 2),
        ("c.zip!three", "microsoft365", 2),
        ("c.zip!two", "cloudtrail", 2),
        ("audit.csv", "microsoft365", 2),
    ]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LINES))))
    assert [(name, source, len(items)) for name, source, items in of_paths("-")] == [("stdin", "cloudtrail", 2)]


def test_a_path_that_is_not_there_is_refused_and_the_rest_goes_on(tmp_path):
    (tmp_path / "a").write_bytes(LINES)
    (_, _, (refusal,)), (_, source, items) = of_paths(tmp_path / "none", tmp_path / "a")
    assert refusal.reason == "cannot be read: No such file or directory"
    assert (source, len(items)) == ("cloudtrail", 2)


BOMBS = [
    pytest.param(gzip.compress(LINES + b" " * 10_000_000), id="gzip"),
    pytest.param(zipped(one=LINES + b" " * 10_000_000), id="zip"),
    pytest.param(zipped(one=gzip.compress(LINES + b"\n" * 10_000_000)), id="gzip in a zip"),
]


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unpacks_to_too_much_is_stopped(bomb, tmp_path):
    (tmp_path / "bomb").write_bytes(bomb)
    ((_, _, items),) = of_paths(tmp_path, limits=InputLimits(unpacked=2_000_000))
    assert items[-1].reason == "cannot be read: unpacks to more than 2000000 bytes"


def test_the_members_of_an_archive_share_its_limit(tmp_path):
    members = {f"m{number}": LINES + b" " * 900_000 for number in range(3)}
    (tmp_path / "bomb").write_bytes(zipped(**members))
    last = [items[-1] for _, _, items in of_paths(tmp_path, limits=InputLimits(unpacked=2_000_000))]
    first, second, third = (getattr(item, "reason", "") for item in last)
    assert (first, second) == ("", "")
    assert "unpacks to more than" in third


def test_a_broken_zip_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(one=LINES)[:60])
    ((_, _, (refusal,)),) = of_paths(tmp_path)
    assert refusal.reason == "cannot be read: the zip archive is cut off or damaged: its list of files is missing"


def test_a_line_that_is_too_long_is_refused_and_the_rest_goes_on():
    body = A + b"\n" + b'{"a":"' + b"x" * 3_000_000 + b'"}\n' + B + b"\n"
    _, items = read(body, limits=InputLimits(line=1_000_000))
    assert [(type(item), item.line) for item in items] == [(Event, 1), (Refusal, 2), (Event, 3)]
    assert items[1].reason == "the line is too long (CASBAH_MAX_EVENT)"


def test_only_one_event_of_a_document_has_to_fit_in_memory():
    assert len(read(PRETTY, limits=InputLimits(line=len(A) + 50))[1]) == 2


def test_an_event_that_is_too_large_in_a_list_is_refused_and_the_rest_goes_on():
    body = b"[\n" + A + b",\n" + b'{\n  "a": "' + b"x" * 3_000_000 + b'"\n},\n' + B + b"\n]"
    _, items = read(body, limits=InputLimits(line=1_000_000))
    assert [(type(item), item.line) for item in items] == [(Event, 2), (Refusal, 3), (Event, 6)]
    assert items[1].reason == "the line is too long (CASBAH_MAX_EVENT)"
    assert len(items[1].raw) + items[1].cut == 3_000_013


@pytest.mark.parametrize("name", ["a.gz", "a.tar"])
def test_the_position_ends_at_the_size_of_the_file(tmp_path, name):
    file = tmp_path / name
    if name == "a.tar":
        with tarfile.open(file, "w") as archive:
            for member in ("1.json", "2.json"):
                header = tarfile.TarInfo(member)
                header.size = len(LINES)
                archive.addfile(header, io.BytesIO(LINES))
    else:
        file.write_bytes(gzip.compress(LINES * 1000))
    for page in pages([str(file)], connectors=connectors()):
        list(page.items)
    assert page.position() == file.stat().st_size


def test_what_follows_a_megabyte_of_blanks_is_not_lost():
    event = b'{"_id": "a", "timestamp": 1, "appId": 2}'
    _, items = read(b"\n" * (1 << 20) + b" \n" + event, source="mdca")
    assert [(item.line, item.raw) for item in items] == [((1 << 20) + 2, event)]


def test_a_folder_that_cannot_be_read_is_refused_and_the_others_are_read(tmp_path, monkeypatch):
    listed = os.scandir
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "event.json").write_text(json.dumps(record(1)))

    def scandir(path):
        if str(path).endswith("b"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    reasons = {
        Path(page.origin).relative_to(tmp_path).as_posix(): [getattr(item, "reason", None) for item in page.items]
        for page in pages([str(tmp_path)], connectors=connectors())
    }
    assert reasons == {"a/event.json": [None], "c/event.json": [None], "b": ["cannot be read: Permission denied"]}
    (page,) = pages([str(tmp_path / "b")], connectors=connectors())
    assert [item.reason for item in page.items] == ["cannot be read: Permission denied"]
