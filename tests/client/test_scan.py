"""The scan against servers that put the boundary where they like, and against those that stand still."""

import json
from dataclasses import dataclass, field
from itertools import islice

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.client import Casbah, ProtocolError, ServerError, UsageError, where
from client.scripted import ONE_PAGE, URL, drained


@dataclass
class Model:
    """A server whose pages split moments and whose boundary lies `overlap` ms before the last record it gave."""

    moments: list[int]
    overlap: int = 0
    size: int = 5
    asked: list[dict] = field(default_factory=list)

    def __call__(self, request):
        asked = json.loads(request.content)
        self.asked.append(asked)
        low, high = asked["filters"].get("date", {}).get("gte", 0), asked["filters"].get("date", {}).get("lte", 10**9)
        found = [
            {"_id": f"{position}", "timestamp": moment}
            for position, moment in enumerate(self.moments)
            if low <= moment <= high
        ]
        descending = asked["sortDirection"] == "desc"
        found.sort(key=lambda record: record["timestamp"], reverse=descending)
        page, more = found[: self.size], len(found) > self.size
        answer = {"data": page, "hasNext": more}
        if more:
            last = page[-1]["timestamp"]
            bound = {"lte": last + self.overlap} if descending else {"gte": last - self.overlap}
            answer["nextQueryFilters"] = {"date": bound}
        return httpx.Response(200, json=answer)

    def client(self):
        return Casbah(URL, token="x", http=httpx.MockTransport(self))


def given_in_pieces(model, direction, cuts):
    """What a scan gives that is ended and resumed, by JSON, after so many records again and again."""
    found, checkpoint = [], None
    for cut in [*cuts, None]:
        scan = model.client().activities.scan(direction=direction, resume=checkpoint)
        for record in scan:
            found.append(record["_id"])
            if cut is not None and not (cut := cut - 1):
                break
        checkpoint = json.loads(json.dumps(scan.checkpoint))
    return found


SPREAD = st.lists(st.integers(0, 200), max_size=60).filter(lambda them: max(map(them.count, them), default=0) <= 3)


@settings(max_examples=150, deadline=None)
@given(
    moments=SPREAD,
    overlap=st.integers(0, 1),
    direction=st.sampled_from(["asc", "desc"]),
    cuts=st.lists(st.integers(1, 9), max_size=4),
)
def test_a_boundary_that_is_included_doubles_nothing(moments, overlap, direction, cuts):
    model = Model(moments, overlap, size=12)
    found = given_in_pieces(model, direction, cuts)
    assert sorted(map(int, found)) == list(range(len(moments)))


@settings(max_examples=100, deadline=None)
@given(moments=SPREAD, late=SPREAD, direction=st.sampled_from(["asc", "desc"]), cut=st.integers(1, 30))
def test_late_events_at_a_resumed_page_lose_and_double_nothing(moments, late, direction, cut):
    model = Model(moments, size=40)
    scan = model.client().activities.scan(direction=direction)
    found = [record["_id"] for record in islice(scan, cut)]
    model.moments = [*moments, *late]
    found += [
        record["_id"] for record in model.client().activities.scan(resume=json.loads(json.dumps(scan.checkpoint)))
    ]
    assert len(set(found)) == len(found)
    assert {str(position) for position in range(len(moments))} <= set(found)


def test_a_checkpoint_between_pages_that_split_no_moment_holds_no_ids():
    pages = [
        {"data": [{"_id": "a", "timestamp": 1}], "hasNext": True, "nextQueryFilters": {"date": {"gte": "2"}}},
        {"data": [{"_id": "b", "timestamp": 2}, {"_id": "c", "timestamp": 2}], "hasNext": False},
    ]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=pages.pop(0)))
    scan = Casbah(URL, token="x", http=transport).activities.scan()
    next(scan)
    assert scan.checkpoint["seen"] == {}
    next(scan)
    assert scan.checkpoint["seen"] == {"b": 2}


def test_a_scan_resumed_after_its_end_gives_what_has_come_since():
    model = Model([5, 5, 7, 8, 9, 11], size=5)
    scan = model.client().activities.scan()
    assert len(list(scan)) == 6
    model.moments += [11, 12, 12, 13, 14, 15, 16]
    later = model.client().activities.scan(resume=scan.checkpoint)
    assert [record["_id"] for record in later] == [f"{number}" for number in range(6, 13)]
    assert list(model.client().activities.scan(resume=later.checkpoint)) == []


def test_pages_and_records_may_be_taken_in_turn():
    model = Model(list(range(12)), size=5)
    scan = model.client().activities.scan()
    first = [next(scan)["_id"], next(scan)["_id"]]
    pages = [[record["_id"] for record in page] for page in scan.pages()]
    assert [first, *pages] == [["0", "1"], ["2", "3", "4"], ["5", "6", "7", "8"], ["9", "10", "11"]]
    assert list(scan) == list(scan.pages()) == []


def everything(scan):
    """All that a scan gives, to be awaited where the scan is."""
    return drained(scan) if hasattr(scan, "__aiter__") else list(scan)


def page(*names, more=None, **extra):
    records = [{"_id": name, "timestamp": 5} for name in names]
    following = {} if more is None else {"nextQueryFilters": more}
    return {"data": records, "hasNext": more is not None, **following, **extra}


F5, F6 = {"date": {"gte": 5}}, {"date": {"gte": 6}}

STANDING = [
    pytest.param([page("a", more=F5), page("a", more=F5)], "does not advance", id="more of one moment than fit a page"),
    pytest.param([page("a", more=F6), page("a", more=F6)], "does not advance", id="a boundary that is not heeded"),
    pytest.param([page("a", more=F5), page(more=F6), page(more=F5)], "does not advance", id="round in a circle"),
    pytest.param([page("a") | {"hasNext": True}], "hasNext without nextQueryFilters", id="no word of the next page"),
    pytest.param([page("a", more=5)], "hasNext without nextQueryFilters", id="filters that are none"),
    pytest.param([page("a", more=F5), page("")], "expected an activity with an _id", id="a record without id"),
]


@pytest.mark.parametrize(("pages", "message"), STANDING)
def test_a_scan_that_cannot_go_on_says_so(script, pages, message):
    played = script(*(httpx.Response(200, json=each) for each in pages))
    with pytest.raises(ProtocolError, match=message):
        played.run(lambda it: everything(it.scan()))
    assert played.replies == []


def test_empty_pages_on_the_way_are_no_end(script):
    pages = [page("a", more=F5), page(more=F6), page(more={"date": {"gte": 7}}), page("b")]
    played = script(*(httpx.Response(200, json=each) for each in pages))
    found = played.run(lambda it: everything(it.scan()))
    assert [record["_id"] for record in found] == ["a", "b"]
    assert [json.loads(asked.content)["filters"] for asked in played.asked] == [{}, F5, F6, {"date": {"gte": 7}}]


def test_a_scan_goes_on_after_an_error(script):
    replies = [httpx.Response(200, json=page("a", more=F6)), httpx.Response(500), httpx.Response(200, json=page("b"))]
    played = script(*replies)

    def story(activities):
        return awaited(activities.scan()) if played.awaiting else blocking(activities.scan())

    def blocking(scan):
        first = next(scan)
        with pytest.raises(ServerError):
            next(scan)
        return first, next(scan)

    async def awaited(scan):
        first = await anext(scan)
        with pytest.raises(ServerError):
            await anext(scan)
        return first, await anext(scan)

    first, second = played.run(story)
    assert (first["_id"], second["_id"]) == ("a", "b")


def test_what_a_scan_asks(script):
    played = script(httpx.Response(200, json=ONE_PAGE))
    played.run(lambda it: everything(it.scan(where.service.eq(1), sort="created", direction="desc", page_size=5_000)))
    assert json.loads(played.asked[0].content) == {
        "filters": {"service": {"eq": [1]}},
        "isScan": True,
        "limit": 5_000,
        "sortField": "created",
        "sortDirection": "desc",
    }


CHECKPOINT = Model([1]).client().activities.scan(where.service.eq(1)).checkpoint

WRONG = [
    pytest.param({"sort": "name"}, "sort: expected one of date, created", id="an unknown order"),
    pytest.param({"direction": "up"}, "direction: expected one of asc, desc", id="an unknown direction"),
    pytest.param({"page_size": 0}, "page_size: a scan takes 500 to 5000, got 0", id="empty pages"),
    pytest.param({"page_size": 499}, "page_size: a scan takes 500 to 5000, got 499", id="pages that are too small"),
    pytest.param({"page_size": 5_001}, "page_size: a scan takes 500 to 5000, got 5001", id="pages that are too large"),
    pytest.param({"page_size": True}, "page_size: a scan takes 500 to 5000, got True", id="a boolean as a number"),
    pytest.param({"resume": 5}, "resume: expected the `checkpoint`", id="no checkpoint"),
    pytest.param({"resume": {}}, "resume: expected the `checkpoint`", id="an empty checkpoint"),
    pytest.param({"resume": CHECKPOINT | {"version": 2}}, "of version 2, not 1", id="a checkpoint of another version"),
    pytest.param(
        {"resume": CHECKPOINT | {"seen": []}}, "expected the `checkpoint`", id="a checkpoint that was changed"
    ),
    pytest.param({"resume": CHECKPOINT, "filters": {}}, "filters: the checkpoint is of a scan", id="other filters"),
    pytest.param({"resume": CHECKPOINT, "sort": "created"}, "sort: the checkpoint is of a scan", id="another order"),
    pytest.param({"resume": CHECKPOINT, "direction": "desc"}, "direction: the checkpoint", id="another direction"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_scan_that_makes_no_sense_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        Model([]).client().activities.scan(**given)


def test_what_agrees_with_a_checkpoint_may_stand_beside_it():
    model = Model([1, 2, 3])
    given = {"filters": where.service.eq(1), "sort": "date", "direction": "asc", "page_size": 700}
    assert len(list(model.client().activities.scan(resume=CHECKPOINT, **given))) == 3
    assert model.asked[0]["limit"] == 700
