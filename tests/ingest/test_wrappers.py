"""The same event in any wrapper becomes the same record, and what a wrapper holds that is no event is refused with its place."""

import gzip
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest import wrappers
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognized, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import page_of, pages
from casbah.ingest.wrappers import MAX_DEPTH, WRAPPERS
from ingest.dressed import CONTROL, DRESSES, Dress, bridged, cmdlet, graph, in_base64, listed, looked_up, text

KNOWN = Detector(connectors())
SAMPLES = Path(__file__).parent.parent / "connectors"


def sampled() -> dict[str, list[bytes]]:
    """Every sample, by source; those of CEF are not JSON."""
    return {file.parent.name: file.read_bytes().splitlines() for file in sorted(SAMPLES.glob("*/events.ndjson"))}


SAMPLED = sampled()


def activities(body: bytes, source: str | None = None) -> list[NewActivity | Refusal]:
    """What becomes of a body, refusals without their lines."""
    return list(new_activities(page_of(body, origin="x", connectors=KNOWN, source=source).items))


@cache
def plain(source: str) -> list[NewActivity | Refusal]:
    """What becomes of a source's samples without a wrapper."""
    events = SAMPLED[source]
    results = activities(b"\n".join(events), source)
    assert len(results) >= len(events)
    assert all(isinstance(one, NewActivity) for one in results)
    return results


@pytest.mark.parametrize("named", [False, True], ids=["detected", "named"])
@pytest.mark.parametrize("dress", [pytest.param(dress, id=name) for name, dress in DRESSES.items()])
def test_an_event_of_every_source_becomes_the_same_record_in_every_wrapper(dress: Dress, named: bool) -> None:
    carried = [source for source in SAMPLED if not dress.sources or source in dress.sources]
    assert carried
    failed = {}
    for source in carried:
        results = activities(dress.dress(SAMPLED[source]), source if named else None)
        try:
            assert_same(results, plain(source), dress)
        except (AssertionError, ValueError) as error:
            failed[source] = str(error)
    assert not failed, "\n\n".join(f"{source}: {error}" for source, error in failed.items())


def assert_same(results: list[NewActivity | Refusal], plain: list[NewActivity | Refusal], dress: Dress) -> None:
    for result, expected in zip(results, plain, strict=True):
        if dress.exact:
            assert result == expected
        elif dress.typed:
            assert parsed(result) == parsed(expected)
        else:
            assert untyped(result) == untyped(expected)


def parsed(one: NewActivity | Refusal) -> object:
    """An activity by its values, not by the bytes of its record."""
    assert isinstance(one, NewActivity)
    assert json.loads(one.record) == one.activity
    return replace(one, record=b"")


def untyped(one: NewActivity | Refusal) -> object:
    """An activity without the event itself, whose numbers are text. Without an id, the event is identified by its content."""
    assert isinstance(one, NewActivity)
    native = one.activity.get("sourceId")
    return native and one.id, one.timestamp, {**one.activity, "rawDataJson": None}


def test_every_row_is_tested() -> None:
    assert {
        row.title
        for row in WRAPPERS
        if not any(dress.row and row.title.startswith(dress.row) for dress in DRESSES.values())
    } == set()


@pytest.fixture(scope="module")
def real(shared: Path) -> dict[str, tuple[list[bytes], list[NewActivity | Refusal]]]:
    """The real events that are stored, by source, each source with its activities."""
    events: dict[str, list[bytes]] = {}
    for page in pages([str(shared / "data" / "sources")], connectors=KNOWN):
        for item in page.items:
            if isinstance(item, Recognized) and all(isinstance(one, NewActivity) for one in new_activities([item])):
                events.setdefault(item.connector.name, []).append(b" ".join(item.event.raw.split(b"\n")))
    return {source: (found, activities(b"\n".join(found))) for source, found in events.items()}


@pytest.mark.slow
@pytest.mark.parametrize("dress", [pytest.param(dress, id=name) for name, dress in DRESSES.items()])
def test_real_events_become_the_same_records_in_every_wrapper(
    real: dict[str, tuple[list[bytes], list[NewActivity | Refusal]]], dress: Dress
) -> None:
    carried = [both for source, both in real.items() if not dress.sources or source in dress.sources]
    if not carried:
        pytest.skip(f"no real events of {', '.join(sorted(dress.sources))}")
    for events, plain in carried:
        assert_same(activities(dress.dress(events)), plain, dress)


M365, CLOUDTRAIL = SAMPLED["microsoft365"][0], SAMPLED["cloudtrail"][0]
FOREIGN = b'{"title":"a feed"}'
BAD = [
    pytest.param(cmdlet(b'"{\\"Id\\":"'), "AuditData: not JSON: cut off before its end", id="text that breaks off"),
    pytest.param(cmdlet(b'" "'), "AuditData: no event: the text is empty", id="an empty text"),
    pytest.param(cmdlet(b"null"), "AuditData: no event: neither an object nor text", id="null"),
    pytest.param(cmdlet(b"7"), "AuditData: no event: neither an object nor text", id="a number"),
    pytest.param(cmdlet(b'"x"'), "AuditData: not JSON: no object or list begins here", id="text that is no JSON"),
    pytest.param(graph(b"[]"), "auditData: no event: neither an object nor text", id="a list for an object"),
    pytest.param(looked_up(FOREIGN), "CloudTrailEvent: source not recognized; known: ", id="an event that nobody knows"),
    pytest.param(b'{"awslogs":{"data":"%%%"}}', "awslogs.data: not Base64: ", id="text that is not Base64"),
    pytest.param(b'{"awslogs":{"data":"H4sIAAAA"}}', "awslogs.data: gzip that is cut off", id="gzip that breaks off"),
    pytest.param(b'{"awslogs":{"data":"Cg=="}}', "awslogs.data: no event: the text is empty", id="Base64 of blanks"),
    pytest.param(b'{"awslogs":{"data":7}}', "awslogs.data: no text in Base64", id="a number for Base64"),
    pytest.param(b'{"awslogs":{"data":"/////w=="}}', "awslogs.data: not JSON: no object", id="Base64 of noise"),
    pytest.param(bridged(b'{"eventType":"x"}'), "detail: source not recognized; known: ", id="a foreign detail"),
]  # fmt: skip


@pytest.mark.parametrize(("wrapper", "reason"), BAD)
def test_what_a_wrapper_holds_that_is_no_event_is_refused_with_its_place(wrapper: bytes, reason: str) -> None:
    body = b"\n".join((M365, wrapper, CLOUDTRAIL))
    first, refusal, last = page_of(body, origin="x", connectors=KNOWN).items
    assert isinstance(first, Recognized)
    assert isinstance(last, Recognized)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(reason)
    assert (refusal.origin, refusal.line) == ("x", 2)


@pytest.mark.parametrize("wrapper", [pytest.param(case.values[0], id=case.id) for case in BAD])
def test_a_refused_wrapper_is_refused_for_the_same_reason_from_the_rejects(wrapper: bytes) -> None:
    (refusal,) = page_of(wrapper, origin="x", connectors=KNOWN).items
    assert isinstance(refusal, Refusal)
    assert refusal.raw in (wrapper, FOREIGN, b'{"eventType":"x"}')
    (again,) = page_of(refusal.raw, origin="x", connectors=KNOWN).items
    assert isinstance(again, Refusal)
    assert refusal.reason.endswith(again.reason)


LISTS = [
    pytest.param(
        b'{"logGroup":"g","logStream":"s","logEvents":[{"message":%b},{"message":"GET /"},{"id":"x"},7]}'
        % text(CLOUDTRAIL),
        [
            (b"GET /", "logEvents[1].message: not JSON: no object or list begins here"),
            (b'{"id":"x"}', "logEvents[2].message: no event: neither an object nor text"),
            (b"7", "logEvents[3].message: no event: neither an object nor text"),
        ],
        id="log events",
    ),
    pytest.param(
        b'{"Tables":[{"columns":[{"name":"Type"},{"name":"Operation"},{"name":"Id"},{"name":"TimeGenerated"}],'
        b'"rows":[["OfficeActivity","o","i","2026-03-02T10:00:00Z"],["OfficeActivity"],{"x":1},[null,"o","i",null]]}]}',
        [
            (b'["OfficeActivity"]', "tables[0].rows[1]: no event: 1 values for 4 columns"),
            (b'{"x":1}', "tables[0].rows[2]: no event: 0 values for 4 columns"),
            (b'{"Operation":"o","Id":"i"}', "tables[0].rows[3]: source not recognized; known: "),
        ],
        id="rows of a table",
    ),
]


@pytest.mark.parametrize(("wrapper", "refused"), LISTS)
def test_what_stands_beside_an_event_in_a_wrapper_is_refused_by_itself(
    wrapper: bytes, refused: list[tuple[bytes, str]]
) -> None:
    first, *rest = page_of(wrapper, origin="x", connectors=KNOWN).items
    assert isinstance(first, Recognized)
    for (raw, reason), refusal in zip(refused, rest, strict=True):
        assert isinstance(refusal, Refusal)
        assert (refusal.raw, refusal.line) == (raw, 1)
        assert refusal.reason.startswith(reason)


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrappers, "_MAX_UNPACKED", 1_000)
    packed = in_base64(gzip.compress(b" " * 1_001))
    (refusal,) = page_of(b'{"awslogs":{"data":%b}}' % packed, origin="x", connectors=KNOWN).items
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "awslogs.data: unpacks to more than 1000 bytes"


def test_all_wrappers_of_a_page_share_its_limit() -> None:
    message = b'{"awslogs":{"data":%b}}' % in_base64(gzip.compress(CLOUDTRAIL))
    size = len(CLOUDTRAIL)
    page = page_of(b"\n".join([message] * 3), origin="x", connectors=KNOWN, limits=InputLimits(unpacked=2 * size + 1))
    *events, refusal = page.items
    assert [type(item) for item in events] == [Recognized] * 2
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "awslogs.data: unpacks to more than 1 bytes"


def test_compressed_contents_in_each_other_do_not_pass_the_limit() -> None:
    """A body of 100 KB that would unpack to 100 MB, and each of those to as much."""
    bomb = b'{"data":%b}' % in_base64(gzip.compress(b" " * 20_000_000))
    for _ in range(2):
        bomb = b'{"data":%b}' % in_base64(gzip.compress(b"\n".join([bomb] * 1_000)))
    (refusal,) = {item.reason for item in page_of(bomb, origin="x", connectors=KNOWN, limits=InputLimits(unpacked=50_000_000)).items if isinstance(item, Refusal)}  # fmt: skip
    assert "unpacks to more than" in refusal


def test_a_wrapper_is_kept_once_however_much_of_it_cannot_be_read() -> None:
    wrapper = cmdlet(text(b"x\n" * 1_000))
    items = list(page_of(wrapper, origin="x", connectors=KNOWN).items)
    assert all(isinstance(item, Refusal) for item in items)
    assert sum(len(item.raw) for item in items if isinstance(item, Refusal)) < 2 * len(wrapper)


def test_a_control_message_holds_no_events() -> None:
    assert list(page_of(CONTROL, origin="x", connectors=KNOWN).items) == []


def test_texts_without_an_event_are_refused_and_the_others_are_read() -> None:
    body = b'["7", %b, "{\\"a\\":", "[]", "", %b]' % (text(CLOUDTRAIL), text(M365))
    items = list(page_of(body, origin="x", connectors=KNOWN).items)
    assert [type(item) for item in items] == [Refusal, Recognized, Refusal, Refusal, Refusal, Recognized]
    assert {item.reason for item in items if isinstance(item, Refusal)} == {
        "not an event: expected a JSON object, got a string"
    }
    assert [item.event.line for item in items if isinstance(item, Recognized)] == [2, 6]


@pytest.mark.parametrize("size", [1_000, 70_000, 300_000])
def test_long_texts_in_a_list_of_several_megabytes_are_read(size: int) -> None:
    events = [json.dumps({**json.loads(CLOUDTRAIL), "eventID": str(at), "x": "y" * size}).encode() for at in range(20)]
    assert activities(b"[" + b",".join(map(text, events)) + b"]") == activities(listed(events))


def test_an_event_of_another_source_in_a_wrapper_is_refused_with_its_place() -> None:
    (refusal,) = page_of(looked_up(CLOUDTRAIL), origin="x", connectors=KNOWN, source="okta").items
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("CloudTrailEvent: not an event of okta but of cloudtrail")
    assert refusal.raw == CLOUDTRAIL


def test_an_event_that_holds_the_key_of_a_wrapper_stays_one_event() -> None:
    event = {**json.loads(CLOUDTRAIL), "detail": {"x": 1}, "source": "s", "detail-type": "t", "AuditData": "{}"}
    (item,) = page_of(json.dumps(event).encode(), origin="x", connectors=KNOWN).items
    assert isinstance(item, Recognized)
    assert item.event.parsed == event


def test_wrappers_around_wrappers_are_opened_up_to_a_depth() -> None:
    nested = CLOUDTRAIL
    for _ in range(MAX_DEPTH):
        nested = bridged(nested)
    assert activities(nested) == activities(CLOUDTRAIL)
    (refusal,) = activities(bridged(nested))
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("detail: " * MAX_DEPTH + "source not recognized")


def test_a_list_in_a_text_holds_each_of_its_events() -> None:
    both = listed(SAMPLED["microsoft365"][:2])
    assert activities(cmdlet(text(both))) == activities(both)
