"""Lines of a rejects file are read as the events they hold."""

import json

import pytest

from casbah.ingest.contract import Event, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.formats import ReadContext
from casbah.ingest.rejects_reader import unwrap_rejects

CONTEXT = ReadContext(origin="r", wrappers=frozenset({"Records"}), recognized=lambda parsed: "known" in parsed)
REJECT = {"origin": "a.json", "line": 9, "reason": "why", "event": '{"a": "\ud800 \u00e9"}'}


def read(**changed: object) -> list[tuple[str, int, bytes]]:
    parsed = {key: value for key, value in {**REJECT, **changed}.items() if value is not None}
    line = Event(json.dumps(parsed).encode(), parsed, "r", 4)
    found = list(unwrap_rejects(iter([line]), CONTEXT, InputLimits()))
    assert all((item.origin, item.line) == ("r", 4) for item in found)
    return [(type(item).__name__, getattr(item, "cut", 0), item.raw) for item in found]


def test_an_event_is_what_it_was_at_the_line_where_it_is_now() -> None:
    assert read(event='{"a": "\u00e9\\ud800"}') == [("Event", 0, '{"a": "\u00e9\\ud800"}'.encode())]


@pytest.mark.parametrize("event", ['{"a": 1}', "bad", ""], ids=["an event", "no event", "nothing"])
def test_where_it_was_refused_first_is_kept(event: str) -> None:
    line = Event(b"", REJECT | {"event": event}, "r", 4)
    (item,) = unwrap_rejects(iter([line]), CONTEXT, InputLimits())
    refusal = item.refused("why") if isinstance(item, Event) else item
    assert (refusal.origin, refusal.line, refusal.refused_at) == ("r", 4, ("a.json", 9))


def test_what_is_no_event_again_keeps_its_bytes() -> None:
    assert read(event="bad") == [("Refusal", 0, b"bad")]


@pytest.mark.parametrize(("event", "cut"), [('{"a": 1', 7), ("", None)], ids=["in part", "nothing"])
def test_what_is_not_whole_is_refused_again(event: str, cut: int | None) -> None:
    assert read(event=event, cut=cut) == [("Refusal", cut or 0, event.encode())]


def test_a_rejects_line_within_one_is_left_alone() -> None:
    ((kind, _, raw),) = read(event=json.dumps(REJECT))
    assert (kind, json.loads(raw)) == ("Event", REJECT)


@pytest.mark.parametrize(
    "changed", [{"more": 1}, {"event": {"a": 1}}, {"reason": None}, {"cut": "x"}, {"known": 1}], ids=str
)
def test_other_objects_are_what_they_are(changed: dict[str, object]) -> None:
    ((kind, _, raw),) = read(**changed)
    assert (kind, "origin" in json.loads(raw)) == ("Event", True)


def test_refusals_pass() -> None:
    refusal = Refusal("r", 1, "why", b"x")
    assert list(unwrap_rejects(iter([refusal]), CONTEXT, InputLimits())) == [refusal]
