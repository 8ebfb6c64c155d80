import pytest
from hypothesis import given
from hypothesis import strategies as st

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.ingest import wire_encoding
from casbah.ingest.contract import UnusableEventError

RECORDS = [
    pytest.param(b'{"a":1}', id="compact"),
    pytest.param(b'{\r\n\t"a" : 1.0 ,\n "b": "\\n\\u0041"\n}', id="pretty-printed"),
    pytest.param('{"a":"\u2028é😀"}'.encode(), id="beyond ASCII"),
    pytest.param(rb'{"a":"\ud83d"}', id="a lone surrogate escape"),
    pytest.param(b'{"a":123456789012345678901234567890}', id="a huge integer"),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_comes_through_byte_for_byte(record):
    arrival = NewActivity("i", 5, record, jsontext.parse(record), "ab", 6, ("_id", "uid"))
    line = wire_encoding.pack(arrival)
    assert line.index(b"\n") == len(line) - 1
    assert wire_encoding.unpack(line) == arrival


@given(
    st.text(),
    st.integers(0, 2**43 - 1),
    st.none() | st.text(max_size=64),
    st.none() | st.integers(0, 2**43 - 1),
)
def test_what_is_unpacked_is_what_was_packed(identity, timestamp, digest, created):
    arrival = NewActivity(identity, timestamp, b"{}", {}, digest, created, ("created",))
    assert wire_encoding.unpack(wire_encoding.pack(arrival)) == arrival


BROKEN = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b"{}", id="no keys"),
    pytest.param(
        b'{"id":1,"timestamp":1,"digest":null,"created":null,"adds":[],"record":"{}"}',
        id="an id that is no text",
    ),
    pytest.param(
        b'{"id":"a","timestamp":true,"digest":null,"created":null,"adds":[],"record":"{}"}',
        id="a boolean time",
    ),
    pytest.param(
        b'{"id":"a","timestamp":1,"digest":null,"created":null,"adds":[],"record":"x"}',
        id="a record that is no JSON",
    ),
    pytest.param(
        b'{"id":"a","timestamp":1,"digest":null,"created":null,"adds":[],"record":5}',
        id="a record that is no text",
    ),
]


@pytest.mark.parametrize("line", BROKEN)
def test_what_is_no_envelope_is_refused(line):
    with pytest.raises((UnusableEventError, jsontext.InvalidJsonError)):
        wire_encoding.unpack(line)
