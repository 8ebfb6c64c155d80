"""Of which source an event is: the same verdict whatever stands beside it."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Connector, Recognized, Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import page_of, pages
from ingest.foreign import DIGEST, FOREIGN, S3_NOTIFICATION

KNOWN = Detector(connectors())
SAMPLES = Path(__file__).parent.parent / "connectors"


def sampled() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every sample with the source whose it is; those of CEF are lines, which another test reads."""
    for file in sorted(SAMPLES.glob("*/events.ndjson")):
        for line in file.read_text("utf-8").splitlines():
            yield file.parent.name, json.loads(line)


SAMPLED = list(sampled())
EVENTS = [*SAMPLED, *((None, event) for event in FOREIGN.values())]


def names(event: dict[str, Any]) -> list[str]:
    return sorted(connector.name for connector in KNOWN.connectors_of(event))


def verdicts(events: list[dict[str, Any]], source: str | None = None) -> list[str | None]:
    """The source of each event of one body, or None where it is refused."""
    body = b"\n".join(json.dumps(event).encode() for event in events)
    page = page_of(body, origin="x", connectors=KNOWN, source=source)
    return [item.connector.name if isinstance(item, Recognized) else None for item in page.items]


@pytest.mark.parametrize("source", sorted({name for name, _ in SAMPLED}))
def test_exactly_one_connector_recognizes_each_sample(source: str) -> None:
    events = [event for name, event in SAMPLED if name == source]
    assert events
    assert [names(event) for event in events] == [[source]] * len(events)


def test_cef_lines_are_recognized_by_their_connector_alone() -> None:
    page = page_of((SAMPLES / "cef" / "events.cef").read_bytes(), origin="x", connectors=KNOWN)
    events = [item.event.parsed for item in page.items if isinstance(item, Recognized)]
    assert events
    assert [names(dict(event)) for event in events] == [["cef"]] * len(events)


@pytest.mark.parametrize("event", [pytest.param(event, id=name) for name, event in FOREIGN.items()])
def test_no_connector_recognizes_what_is_foreign(event: dict[str, Any]) -> None:
    assert names(event) == []
    assert verdicts([event]) == [None]


@pytest.mark.parametrize(
    "marked", [connector for connector in KNOWN.values() if connector.marks], ids=lambda one: one.name
)
def test_marks_hide_no_event_from_a_connector(marked: Connector) -> None:
    """Marks are a shortcut: without them the verdict is the same."""
    for _, event in EVENTS:
        lowered = {key.lower(): value for key, value in event.items()}
        if marked.recognizes(lowered):
            assert marked in KNOWN.connectors_of(event)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), min_size=1, max_size=40))
def test_the_verdict_on_an_event_is_the_same_in_every_mixture_and_order(mixture: list[tuple[str | None, Any]]) -> None:
    assert verdicts([event for _, event in mixture]) == [source for source, _ in mixture]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(EVENTS), min_size=1, max_size=40), st.sampled_from(sorted({name for name, _ in SAMPLED}))
)
def test_a_named_source_takes_its_own_events_alone(mixture: list[tuple[str | None, Any]], named: str) -> None:
    events = [event for _, event in mixture]
    others = [event for source, event in mixture if source != named]
    assert verdicts(events, named) == [
        named if source == named else verdicts([event], named)[0] for source, event in mixture
    ]
    assert all(KNOWN[named].accepts is not None or verdict is None for verdict in verdicts(others, named))


PLAIN = [
    pytest.param({"_id": "a", "timestamp": 1}, True, id="an id and a moment"),
    pytest.param({"timestamp": 1, "appId": 11161}, True, id="a moment and an app"),
    pytest.param({"timestamp": 1, "level": "info"}, False, id="only a moment"),
    pytest.param(FOREIGN["JumpCloud"], False, id="an event of JumpCloud"),
    pytest.param(SAMPLED[0][1], False, id="an event of another source"),
]


@pytest.mark.parametrize(("event", "taken"), PLAIN)
def test_a_record_of_mdca_may_be_plain_where_the_source_is_named(event: dict[str, Any], taken: bool) -> None:
    assert verdicts([event], "mdca") == ["mdca" if taken else None]
    assert "mdca" not in names(event)


REASONS = [
    pytest.param(DIGEST, "a CloudTrail digest file", id="a digest file"),
    pytest.param(S3_NOTIFICATION, "a notification of an AWS service", id="an S3 notification"),
    pytest.param(FOREIGN["RiskyUsers"], "a risky user or service principal of Microsoft Entra", id="risky users"),
    pytest.param(FOREIGN["OCSF finding"], "an OCSF event of a class that does not say", id="a finding"),
    pytest.param(FOREIGN["JumpCloud"], "source not recognized; known: anthropic, atlassian, ", id="anything else"),
]


@pytest.mark.parametrize(("event", "reason"), REASONS)
@pytest.mark.parametrize("source", [None, "cloudtrail"])
def test_a_refusal_says_what_the_object_is(event: dict[str, Any], reason: str, source: str | None) -> None:
    page = page_of(json.dumps(event).encode(), origin="x", connectors=KNOWN, source=source)
    (refusal,) = page.items
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert json.loads(refusal.raw) == event


def test_a_file_that_is_a_digest_is_skipped_and_others_are_read(tmp_path: Path) -> None:
    digest, event = json.dumps(DIGEST).encode(), json.dumps(dict(SAMPLED)["cloudtrail"]).encode()
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(digest))
    (tmp_path / "b.json").write_bytes(event)
    (tmp_path / "c.json").write_bytes(digest + b"\n" + event)
    digests, events, both = (
        (page.skipped, list(page.items)) for page in pages([str(tmp_path)], connectors=KNOWN, source="cloudtrail")
    )
    assert digests == ("a CloudTrail digest file: it lists log files and their hashes, and holds no activities", [])
    assert (events[0], [type(item) for item in events[1]]) == ("", [Recognized])
    assert (both[0], [type(item) for item in both[1]]) == ("", [Refusal, Recognized])


def test_a_plain_record_that_holds_a_list_is_still_one_record() -> None:
    assert verdicts([{"_id": "a", "timestamp": 1, "data": [{"_id": "b", "timestamp": 2}]}], "mdca") == ["mdca"]


def always(name: str) -> Connector:
    return Connector(name, name, lambda event: "x" in event, lambda _: ())


def test_an_event_of_two_sources_is_refused_with_both_names_unless_one_is_named() -> None:
    known = {name: always(name) for name in ("b", "a")}
    (refusal,) = page_of(b'{"x":1}', origin="x", connectors=known).items
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "recognized by several sources: a, b; name one with --source, over HTTP with ?source="
    (item,) = page_of(b'{"x":1}', origin="x", connectors=known, source="b").items
    assert isinstance(item, Recognized)
    assert item.connector.name == "b"
