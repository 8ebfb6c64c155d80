"""Lines in the Common Event Format: what is written is what is read."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.cef import CefLine, NoCefError, app_key, as_event, emit, is_cef, parse
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.event_pages import page_of
from casbah.outputs.export import cef as export
from casbah.testing.records import records

EXAMPLE = (
    "2017-11-22T17:50:04.000Z CEF:0|MCAS|SIEM_Agent|0.111.85|EVENT_CATEGORY_LOGIN|Log on|0|externalId=151_16 rt=1511373004000 "
    "start=1511373004000 end=1511373004000 msg=Log on suser=ann@example.com destinationServiceName=ServiceNow dvc=192.0.2.7 "
    r"requestClientApplication= cs1Label=portalURL cs1=https://example.com/#/audits?activity.id\=eq(151_16,) "
    "cs2Label=uniqueServiceAppIds cs2=APPID_SERVICENOW cs3Label=targetObjects cs3=a,b,c cs4Label=policyIDs cs4= "
    'c6a1Label="Device IPv6 Address" c6a1='
)
"""A line as MDCA's SIEM agent writes it."""

# Every character that means something somewhere, and any other.
TEXT = st.text(st.one_of(st.sampled_from(" =|\\\n\r\tab_n"), st.characters(exclude_categories=["Cs"])), max_size=40)
KEY = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
LINES = st.builds(
    CefLine,
    st.sampled_from(["", "2017-11-22T17:50:04.000Z ", "<134>1 2017-11-22T17:50:04Z host "]),
    st.integers(0, 9),
    *[TEXT] * 6,
    st.lists(st.tuples(KEY, TEXT), max_size=8).map(tuple),
)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(LINES)
def test_what_is_emitted_is_parsed_as_it_was(line: CefLine) -> None:
    text = emit(line)
    assert "\n" not in text
    assert "\r" not in text
    assert is_cef(text.encode())
    assert parse(text) == line


@settings(max_examples=500)
@given(st.one_of(TEXT, TEXT.map(lambda text: f"CEF:0|{text}"), TEXT.map(lambda text: f"CEF:0|a|b|c|d|e|f|{text}")))
def test_any_text_is_a_line_or_says_why_not(text: str) -> None:
    with suppress(NoCefError):
        assert parse(emit(parse(text))) == parse(text)


def test_a_line_of_the_agent_is_read_and_written_as_it_was() -> None:
    line = parse(EXAMPLE)
    assert dict(line.pairs)["cs1"] == "https://example.com/#/audits?activity.id=eq(151_16,)"
    assert dict(line.pairs)["requestClientApplication"] == ""
    assert emit(line) == EXAMPLE


def test_a_line_with_zeros_of_a_crash_is_no_event() -> None:
    assert as_event(f"{EXAMPLE}\0")["line"] == f"{EXAMPLE}\0"
    with pytest.raises(NoCefError, match="a part of it was lost"):
        as_event(EXAMPLE[:-40] + "\0" * 512 + EXAMPLE[20:])


def test_an_unescaped_equals_sign_inside_a_word_belongs_to_the_value() -> None:
    assert parse("CEF:0|a|b|c|d|e|f|cs1=https://x/?a=b&c=d msg=x").pairs == (
        ("cs1", "https://x/?a=b&c=d"),
        ("msg", "x"),
    )


@pytest.mark.parametrize("name", ["Amazon Web Services", "1Password", "Office 365"])
def test_apps_are_spelt_as_words(name: str) -> None:
    assert app_key(name) == name.upper().replace(" ", "_")


def stored(text: str) -> list[NewActivity | Refusal]:
    page = page_of(text.encode(), origin="x", connectors=connectors())
    return list(new_activities(page.items))


def test_what_was_exported_comes_back_with_what_the_line_holds() -> None:
    """An export of real shapes of records, ingested: the same ids, moments, users, apps, addresses, categories."""
    made = records(200, until=1_760_000_000_000)
    found = stored("".join(f"{export.line(each)}\n" for each in made))
    assert len(found) == len(made)
    for before, after in zip(made, found, strict=True):
        assert isinstance(after, NewActivity)
        assert (after.id, after.timestamp) == (before["_id"], before["timestamp"])
        again = export.line({**after.activity, "_id": after.id})
        told, once = dict(parse(again).pairs), dict(parse(export.line(before)).pairs)
        assert {key: told[key] for key in once if key != "cs3"} == {key: once[key] for key in once if key != "cs3"}
        assert set(once["cs3"].split(",")) <= set(told["cs3"].split(",")) | {""}


def test_a_line_that_is_none_is_refused_with_its_number() -> None:
    good, bad = stored(f"{EXAMPLE}\nCEF:0|half a header\n")
    assert isinstance(good, NewActivity)
    assert isinstance(bad, Refusal)
    assert (bad.line, bad.reason) == (2, "the header has 1 parts, expected 7")


@pytest.mark.parametrize(
    "record", [{}, {"timestamp": 10**17, "_id": 7}, {"mainInfo": [], "eventObjects": 1, "user": "x", "policies": {}}]
)
def test_any_record_is_a_line(record: dict) -> None:
    assert parse(export.line(json.loads(json.dumps(record)))).product == "SIEM_Agent"
