"""Avro files: every type of the specification, and damage."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from casbah.ingest import avro
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognized
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import pages
from ingest.dressed import avro_bytes, avro_capture, avro_file, avro_long

# Written by fastavro 1.13.1: records with an enum, a fixed, an array, the record itself, and primitive types.
WRITTEN = base64.b64decode(
    "T2JqAQQUYXZyby5jb2RlYwhudWxsFmF2cm8uc2NoZW1huAZ7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiUiIsICJmaWVsZHMiOiBbeyJuYW1lIjogImUiLCAidHlwZSI6IHsidHlwZSI6ICJlbnVtIiwgIm5hbWUiOiAiRSIsICJzeW1ib2xzIjogWyJBIiwgIkIiXX19LCB7Im5hbWUiOiAiZiIsICJ0eXBlIjogeyJ0eXBlIjogImZpeGVkIiwgIm5hbWUiOiAiRiIsICJzaXplIjogM319LCB7Im5hbWUiOiAibCIsICJ0eXBlIjogeyJ0eXBlIjogImFycmF5IiwgIml0ZW1zIjogIkUifX0sIHsibmFtZSI6ICJuZXh0IiwgInR5cGUiOiBbIm51bGwiLCAiUiJdfSwgeyJuYW1lIjogIngiLCAidHlwZSI6ICJmbG9hdCJ9LCB7Im5hbWUiOiAieSIsICJ0eXBlIjogImRvdWJsZSJ9LCB7Im5hbWUiOiAiYiIsICJ0eXBlIjogImJvb2xlYW4ifSwgeyJuYW1lIjogImkiLCAidHlwZSI6ICJpbnQifV19ANl64DRoSgAuFmjj8q2NPNQE5gECYWJjBAACAAAAAAA/fcOUJa1JslQBAAJhYmMEAAIAAgJhYmMEAAIAAgJhYmMEAAIAAgJhYmMEAAIAAAAAAD99w5QlrUmyVAEAAAAAP33DlCWtSbJUAAkAAAA/fcOUJa1JslQBEwAAAD99w5QlrUmyVAAd2XrgNGhKAC4WaOPyrY081A=="
)
EVENT = (Path(__file__).parent.parent / "connectors" / "entra_audit" / "events.ndjson").read_bytes().splitlines()[0]


def read(file: bytes) -> list[Any]:
    return [json.loads(line) for line in avro.lines(BytesIO(file))]


def nested(depth: int) -> dict[str, Any]:
    inner = nested(depth - 1) if depth else None
    return {"e": "B", "f": "abc", "l": ["A", "B"], "next": inner, "x": 0.5, "y": 1e100, "b": depth % 2 == 0, "i": -5 * depth}  # fmt: skip


def test_every_type_is_read_as_another_program_wrote_it() -> None:
    assert read(WRITTEN) == [nested(0), nested(3)]


@pytest.mark.parametrize("number", [0, -1, 1, 63, -64, 64, 2**31, -(2**31), 2**63 - 1, -(2**63)])
def test_numbers_of_variable_length(number: int) -> None:
    assert read(avro_file(b'"long"', [(1, avro_long(number))])) == [number]


MAP = b'{"type":"map","values":"bytes"}'
PAIR = avro_bytes(b"k") + avro_bytes(b"\xff")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(avro_long(1) + PAIR + avro_long(0), id="with a count"),
        pytest.param(avro_long(-1) + avro_long(len(PAIR)) + PAIR + avro_long(0), id="with a count and a size"),
    ],
)
def test_bytes_that_are_no_text_are_in_base64(data: bytes) -> None:
    assert read(avro_file(MAP, [(1, data)])) == [{"k": "/w=="}]


SPACE = (
    b'{"type":"record","name":"R","namespace":"n.m","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":1}},'
)
NAMES = [
    pytest.param(SPACE + b'{"name":"b","type":"F"}]}', id="in the namespace around it"),
    pytest.param(SPACE + b'{"name":"b","type":"n.m.F"}]}', id="with the namespace"),
    pytest.param(SPACE.replace(b'"F"', b'"n.m.F"') + b'{"name":"b","type":"n.m.F"}]}', id="a full name"),
]


@pytest.mark.parametrize("schema", NAMES)
def test_a_type_is_found_by_its_name(schema: bytes) -> None:
    assert read(avro_file(schema, [(1, b"xy")])) == [{"a": "x", "b": "y"}]


def test_a_file_without_records() -> None:
    assert read(avro_capture([])) == []


WHOLE = avro_capture([b"{}", b"[]", b"7"])
DAMAGED = [
    pytest.param(WHOLE[:-1], 3, EOFError, "cut off before its end", id="cut off in the last marker"),
    pytest.param(WHOLE[:-20], 2, EOFError, "cut off before its end", id="cut off in a block"),
    pytest.param(WHOLE[:40], 0, EOFError, "cut off before its end", id="cut off in the header"),
    pytest.param(WHOLE[:-1] + b"x", 2, OSError, "does not end with its marker", id="another marker"),
    pytest.param(avro_file(b'"long"', [(9, b"\x02")]), 0, OSError, "cannot hold 9 records", id="too many records"),
    pytest.param(avro_file(b'"string"', [(1, avro_long(9) + b"x")]), 0, OSError, "longer than its block", id="a long text"),
    pytest.param(avro_file(b'"string"', [(1, avro_long(-9) + b"x")]), 0, OSError, "longer than its block", id="a negative length"),
    pytest.param(avro_file(b'["null"]', [(1, avro_long(7))]), 0, OSError, "a type that its schema lacks", id="an unknown branch"),
    pytest.param(avro_file(b'"long"', [(1, b"\xff" * 20)]), 0, OSError, "a number is too long", id="an endless number"),
    pytest.param(avro_file(b'{"type":"array","items":"null"}', [(1, avro_long(2**40))]), 0, OSError, "its lists are longer", id="an endless list"),
    pytest.param(avro_file(b'{"type":"array","items":"null"}', [(3, (avro_long(6) + b"\0") * 3)]), 0, OSError, "its lists are longer", id="lists of nothing"),
    pytest.param(avro_file(b'"int"', [(1, b"\2\4")]), 0, OSError, "a block is longer than its records", id="too few records"),
    pytest.param(avro_file(b'"bytes"', [(2, avro_bytes(b"x") + avro_long(9))]), 0, OSError, "longer than its block", id="damage in the second record"),
    pytest.param(avro_file(b'"nothing"', [(1, b"x")]), 0, OSError, "no type nothing", id="an unknown type"),
    pytest.param(avro_file(b'{"type":"nothing"}', [(1, b"x")]), 0, OSError, "no usable schema", id="an unknown complex type"),
    pytest.param(avro_file(SPACE + b'{"name":"b","type":{"type":"fixed","name":"F","size":2}}]}', [(1, b"xyz")]), 0, OSError, "two types are called F", id="two types of one name"),
    pytest.param(avro_file(b"{", []), 0, OSError, "no usable schema", id="a schema that is not JSON"),
    pytest.param(avro_file(b'"long"', [], b"snappy"), 0, OSError, "the Avro codec b'snappy' is not supported", id="an unknown codec"),
    pytest.param(b"Obj\x01" + avro_long(1) + avro_long(2**40), 0, OSError, "would have 1099511627776 bytes", id="a huge key"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "count", "error", "reason"), DAMAGED)
def test_what_precedes_the_damage_is_read(file: bytes, count: int, error: type[Exception], reason: str) -> None:
    lines = avro.lines(BytesIO(file))
    assert [len(json.loads(next(lines))) for _ in range(count)] == [6] * count
    with pytest.raises(error, match=reason):
        next(lines)


def test_a_block_that_inflates_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = avro_file(b'"bytes"', [(1, avro_bytes(b" " * 10_000))], b"deflate")
    assert read(bomb) == [" " * 10_000]
    monkeypatch.setattr(avro, "_MAX_BLOCK", 9_000)
    with pytest.raises(avro.AvroError, match="larger than it may be"):
        read(bomb)


def test_a_long_header_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed, it may be much longer than memory."""
    header = b"".join(avro_bytes(b"%d" % number) + avro_bytes(b" " * 9) for number in range(99))
    monkeypatch.setattr(avro, "_MAX_BLOCK", 900)
    with pytest.raises(avro.AvroError, match="header is too long"):
        read(b"Obj\x01" + avro_long(99) + header)


def test_a_damaged_capture_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "1.avro").write_bytes(avro_capture([EVENT] * 5)[:-30])
    (page,) = pages([str(tmp_path)], connectors=Detector(connectors()))
    *events, refusal = page.items
    assert [type(item) for item in events] == [Recognized] * 4
    assert not isinstance(refusal, Recognized)
    assert refusal.reason == "cannot be read: the Avro file is cut off before its end"


def test_a_message_without_a_body_is_refused(tmp_path: Path) -> None:
    record = avro_bytes(b"0") + avro_bytes(b"3/2/2026 10:00:00 AM")
    schema = b'{"type":"record","name":"R","fields":[{"name":"SequenceNumber","type":"string"},{"name":"EnqueuedTimeUtc","type":"string"}]}'
    (tmp_path / "1.avro").write_bytes(avro_file(schema, [(1, record)]))
    (page,) = pages([str(tmp_path)], connectors=Detector(connectors()))
    (refusal,) = page.items
    assert not isinstance(refusal, Recognized)
    assert refusal.reason == "Body: no event: neither an object nor text"
