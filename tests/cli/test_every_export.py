"""One folder with one export of every kind that the tables know, mixed with what cannot be read, ingested as a user does it.

What is read is what is stored, duplicates and refused; every refusal has the reason that is true; a second run stores nothing.
"""

import bz2
import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest
import zstandard
from typer.testing import CliRunner

from casbah.ingest import decompress, unsupported
from casbah.ingest.connectors import connectors
from casbah.ingest.csv_header import JSON_COLUMNS, known_header
from casbah.ingest.decompress import HEAD
from casbah.ingest.recovery import MARK
from casbah.ingest.wrappers import WRAPPERS
from command_line import app
from connectors import samples
from ingest.dressed import DRESSES

EVENTS = 2
"""Events of each source in each wrapper."""

PLAIN = {file.parent.name: file for file in sorted(samples.HERE.glob("*/events.*"))}
SAMPLED = {name: file.read_bytes().splitlines()[:EVENTS] for name, file in PLAIN.items() if file.suffix == ".ndjson"}

CARRIED = {"AuditData": "microsoft365", "CloudTrailEvent": "cloudtrail"}
"""The source whose events a column of a CSV holds, if not any."""

FEW = b"\n".join(event for events in SAMPLED.values() for event in events) + b"\n"

REFUSED = {
    "risky.json": (b'{"riskState": "atRisk", "riskLastUpdatedDateTime": "2024-01-01T00:00:00Z"}', "a risky user"),
    "notification.json": (b'{"Records": [{"eventSource": "aws:s3", "eventName": "x"}]}', "a notification of an AWS"),
    "foreign.json": (b'{"title": "a feed"}', "source not recognized"),
    "foreign.csv": (b"shape,color,size\nround,red,7\n", "a CSV of no known export, with the columns"),
    "manual.pdf": (b"%PDF-1.4\n", "the file holds neither JSON"),
    "cut.ndjson": (SAMPLED["okta"][0][:200], "not JSON"),
    "finding.json": (
        b'{"class_uid": 2001, "metadata": {"version": "1.3.0"}, "severity_id": 1, "time": 1}',
        "an OCSF event of a class that does not say",
    ),
    "old.json.bz2": (bz2.compress(SAMPLED["okta"][0]), "cannot be read: it is compressed with bzip2"),
    **{
        f"unread-{number}.bin": (
            (magic if isinstance(magic, bytes) else magic[0]).ljust(HEAD, b"x"),
            f"cannot be read: {reason}",
        )
        for number, (magic, reason) in enumerate(decompress._UNREAD)
    },
    "cut.json.gz": (gzip.compress(SAMPLED["okta"][0])[:9], "cannot be read: the compressed data is cut off"),
    "untimed.json": (
        b'{"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "us-east-1"}',
        "no usable time",
    ),
}
"""Files with one event, or none, and the start of the reason why it is refused."""

LOCAL = {f"{name}.csv": f"no usable time: {column} has no zone" for name, column in samples.LOCAL.items()}
"""Files whose times have no zone, and the start of the reason why they are refused without --zone."""

SKIPPED = {
    "digest.json": b'{"digestStartTime": "2024-01-01T00:00:00Z", "digestEndTime": "x", "logFiles": []}',
    "empty.zip": b"PK\5\6" + bytes(18),
}


def tabled(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue().encode()


COLUMN_OF_EVENTS = {
    f"column-{number}.csv": tabled(
        ["row", *form.columns],
        ((str(row), event.decode()) for row, event in enumerate(SAMPLED[CARRIED.get(form.columns[0], "okta")])),
    )
    for number, form in enumerate(JSON_COLUMNS)
}
"""CSV exports with a column that holds the source's own event as JSON."""

CONVERTED = {
    "converted.csv": tabled(
        (keys := sorted({key for event in SAMPLED["okta"] for key in json.loads(event)})),
        (
            [value if isinstance(value, str) else json.dumps(value) for value in map(json.loads(event).get, keys)]
            for event in SAMPLED["okta"]
        ),
    )
}
"""A conversion of JSON to CSV, with a column for each key."""


def tarred(body: bytes, mode: Literal["w", "w:gz"]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        header = tarfile.TarInfo("logs/few.ndjson")
        header.size = len(body)
        archive.addfile(header, io.BytesIO(body))
    return packed.getvalue()


def zipped(body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("few.json.zst", zstandard.ZstdCompressor().compress(body))
    return packed.getvalue()


PACKED = {
    "few.json.gz": gzip.compress(FEW),
    "few.json.zst": zstandard.ZstdCompressor().compress(FEW),
    "few.tar": tarred(FEW, "w"),
    "few.tar.gz": tarred(FEW, "w:gz"),
    "few.zip": zipped(FEW),
    "few-utf16.json": FEW.decode().encode("utf-16"),
}


def dressed(*, typed: bool) -> Iterable[tuple[str, bytes]]:
    """A file for each form of each wrapper whose numbers stay numbers, or do not, with events of all sources that it carries."""
    for number, dress in enumerate(DRESSES.values()):
        events = [event for name in SAMPLED for event in SAMPLED[name] if not dress.sources or name in dress.sources]
        if dress.typed is typed:
            yield f"wrapped-{number:02}.json", dress.dress(events)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder with everything."""
    exports = tmp_path / "exports"
    exports.mkdir()
    for name, file in PLAIN.items():
        (exports / f"{name}{file.suffix}").write_bytes(file.read_bytes())
    for file in samples.csv_files():
        (exports / file.name).write_bytes(file.read_bytes())
    wrapped = dict(dressed(typed=True)) | dict(dressed(typed=False))
    refused = {name: body for name, (body, _) in REFUSED.items()}
    written = {**wrapped, **PACKED, **COLUMN_OF_EVENTS, **CONVERTED, **SKIPPED, **refused}
    for name, body in written.items():
        (exports / name).write_bytes(body)
    (exports / ".DS_Store").write_bytes(b"\0")
    return exports


def ingested(exports: Path, store: Path, *options: str) -> dict[str, Any]:
    command = ["ingest", str(exports), "--store", str(store), "--json", *options]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "300"})
    assert done.exit_code == 1, done.output
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def by_name(report: dict[str, Any], exports: Path) -> dict[str, dict[str, Any]]:
    return {file["file"].removeprefix(f"{exports}/"): file for file in report["files"]}


def ids(store: Path, file: Path) -> set[str]:
    done = CliRunner().invoke(app, ["export", str(file), "--store", str(store)])
    assert done.exit_code == 0, done.output
    return {json.loads(line)["_id"] for line in file.read_bytes().splitlines()}


def test_the_folder_has_every_kind_that_the_tables_know(folder: Path) -> None:
    """A new source, wrapper, CSV export, packed format or kind of refusal belongs into the folder."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert PLAIN.keys() == connectors().keys()
    rows = {dress.row for dress in DRESSES.values() if dress.row}
    assert [row.title for row in WRAPPERS if not row.title.startswith(tuple(rows))] == []

    headers = [next(filter(None, file.read_bytes().splitlines())).removeprefix(MARK) for file in samples.csv_files()]
    exports = [(name, form) for name, source in connectors().items() for form in source.csv]
    assert [
        (name, form.title) for name, form in exports if not any(known_header(line, [(name, form)]) for line in headers)
    ] == []
    assert len(COLUMN_OF_EVENTS) == len(JSON_COLUMNS)

    packed = {decompress._magic(body[:HEAD]) for body in files.values()}
    assert packed >= decompress._CODINGS.keys() | decompress._ARCHIVES.keys()
    reasons = [reason for _, reason in REFUSED.values()]
    skipped = {unsupported.DIGEST}
    assert [said for _, said in unsupported._ROWS if not said.startswith(tuple(reasons)) and said not in skipped] == []


@pytest.mark.slow
def test_every_export_is_read_once_and_every_refusal_is_true(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = ingested(folder, store)
    files = by_name(first, folder)
    for report in (first, *files.values()):
        assert report["read"] == report["stored"] + report["duplicates"] + report["refused"]
    reasons = {name: list(file["reasons"]) for name, file in files.items() if file["refused"]}
    expected = {**{name: reason for name, (_, reason) in REFUSED.items()}, **LOCAL}
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert [said[: len(reason)] for said in reasons[name]] == [reason]
    skipped = {name for name, file in files.items() if file["skipped"]}
    assert skipped == {*SKIPPED, str(folder)}
    assert first["sources"].keys() >= PLAIN.keys()

    again = ingested(folder, store)
    assert (again["stored"], again["duplicates"]) == (0, first["stored"] + first["duplicates"])
    assert (again["reasons"], again["skipped"]) == (first["reasons"], first["skipped"])

    zoned = ingested(folder, store, "--zone", "Europe/Berlin")
    assert zoned["stored"] == first["refused"] - zoned["refused"] == sum(files[name]["read"] for name in LOCAL)

    for name in (*dict(dressed(typed=True)), *PACKED, *COLUMN_OF_EVENTS):
        (folder / name).unlink()
    bare = tmp_path / "bare"
    ingested(folder, bare, "--zone", "Europe/Berlin")
    assert ids(store, tmp_path / "all.ndjson") == ids(bare, tmp_path / "bare.ndjson")
