"""Events that ingest refused: kept with their reasons within bounds, listed, replayed and removed."""

import json

import pytest

from casbah.activity.scope import Scope
from casbah.ingest.contract import Refusal
from casbah.ingest.rejects import MOST_EVENT_BYTES, Rejects
from casbah.shelf import MemoryShelf

INGEST, REJECTS = "/api/ext/v1/activities", "/api/ext/v1/rejects"
TENANT = Scope("default")
DAY = 86_400_000


def event(name: str, **keys) -> bytes:
    return json.dumps({"_id": name, "uid": name, "timestamp": 1_000, "appId": 1, "entityData": {}, **keys}).encode()


def listed(ask) -> list[dict]:
    return ask("GET", REJECTS).json["data"]


def test_what_is_refused_is_kept_with_its_reason(ask, shipper):
    shipper("POST", INGEST, event("a") + b"\n{broken\n" + event("b", timestamp=None))
    assert [(row["line"], row["event"], row["sender"], row["source"]) for row in listed(ask)] == [
        (2, "{broken", "shipper", None),
        (3, event("b", timestamp=None).decode(), "shipper", None),
    ]
    assert all(row["reason"] and row["whole"] for row in listed(ask))


def test_large_bodies_keep_theirs_too(ask, shipper):
    body = b"\n".join(event(f"a{number}", padding="x" * 100) for number in range(200)) + b"\n{broken"
    assert shipper("POST", INGEST, body).json["stored"] == 200
    assert [row["event"] for row in listed(ask)] == ["{broken"]


def test_only_administrators_see_them(shipper):
    shipper("POST", INGEST, b"{broken")
    assert [shipper(method, path).status for method, path in (("GET", REJECTS), ("DELETE", f"{REJECTS}/x"))] == [
        403,
        403,
    ]
    assert shipper("POST", f"{REJECTS}/replay", b'{"everything": true}').status == 403


def test_replayed_with_its_source_an_event_is_stored_and_a_reject_no_longer(ask, shipper):
    plain = b'{"_id": "plain", "timestamp": 1000}'
    assert shipper("POST", INGEST, plain + b"\n{broken").status == 422
    first, broken = listed(ask)
    got = ask("POST", f"{REJECTS}/replay", json.dumps({"ids": [first["id"]], "source": "mdca"}).encode())
    assert got.json == {"stored": 1, "duplicates": 0, "refused": []}
    assert ask("GET", "/api/v1/activities/plain").status == 200
    again = ask("POST", f"{REJECTS}/replay", b'{"everything": true}').json
    assert (again["stored"], [row["id"] for row in again["refused"]]) == (0, [broken["id"]])
    assert [row["id"] for row in listed(ask)] == [broken["id"]]
    assert ask("DELETE", f"{REJECTS}/{broken['id']}").json == {"id": broken["id"]}
    assert listed(ask) == []


BAD = [
    pytest.param({}, 400, id="nothing named"),
    pytest.param({"ids": []}, 400, id="no ids"),
    pytest.param({"ids": "x"}, 400, id="a text for ids"),
    pytest.param({"ids": [1]}, 400, id="ids that are numbers"),
    pytest.param({"ids": ["x"], "everything": True}, 400, id="some and all"),
    pytest.param({"id": ["x"]}, 400, id="a slip of the pen"),
    pytest.param({"everything": "true"}, 400, id="a text for a flag"),
    pytest.param({"everything": True, "source": "oktaa"}, 400, id="an unknown source"),
]


@pytest.mark.parametrize("body, status", BAD)
def test_a_replay_says_what_it_means(ask, body, status):
    assert ask("POST", f"{REJECTS}/replay", json.dumps(body).encode()).status == status


def test_an_id_that_is_not_there_is_named(ask):
    got = ask("POST", f"{REJECTS}/replay", b'{"ids": ["x"]}').json
    assert got == {"stored": 0, "duplicates": 0, "refused": [{"id": "x", "reason": "no refused event has this id"}]}
    assert ask("DELETE", f"{REJECTS}/x").status == 404


class Clock:
    now = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def refusals(*raws: bytes) -> list[Refusal]:
    return [Refusal("body", line, "no reason", raw) for line, raw in enumerate(raws, 1)]


def test_bytes_of_a_tenant_are_bounded_and_the_oldest_go_first(clock):
    rejects = Rejects(MemoryShelf(), clock=clock, most=1_000, keep=None)
    for number in range(10):
        clock.now += 1
        rejects.keep(refusals(b"%d" % number * 150), source=None, sender="s", scope=TENANT)
    assert [reject.raw[:1] for reject in rejects.all(TENANT)] == [b"9", b"8", b"7", b"6"]


def test_they_are_kept_for_a_while(clock):
    rejects = Rejects(MemoryShelf(), clock=clock, most=10_000, keep=30 * DAY)
    rejects.keep(refusals(b"old"), source=None, sender="s", scope=TENANT)
    clock.now += 30 * DAY + 1
    assert rejects.all(TENANT) == []
    shelf = rejects._shelf
    assert len(shelf.all(TENANT.tenant)) == 1
    rejects.trim()
    assert shelf.all(TENANT.tenant) == []
    rejects.keep(refusals(b"new"), source=None, sender="s", scope=TENANT)
    assert [reject.raw for reject in rejects.all(TENANT)] == [b"new"]


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept_and_said_so(clock):
    rejects = Rejects(MemoryShelf(), clock=clock, most=100, keep=None)
    assert rejects.keep(refusals(b"x" * 500), source=None, sender="s", scope=TENANT) == 0
    assert rejects.all(TENANT) == []


@pytest.mark.parametrize(
    "raws, kept, whole",
    [
        pytest.param([b"x" * MOST_EVENT_BYTES], 1, [True], id="as large as may be"),
        pytest.param([b"x" * (MOST_EVENT_BYTES + 1)], 1, [False], id="larger"),
        pytest.param([b"x"] * 1_001, 1_000, [True] * 1_000, id="more than may be"),
        pytest.param([b"x" * MOST_EVENT_BYTES] * 20, 16, [True] * 16, id="more bytes than may be"),
        pytest.param([b""], 1, [True], id="nothing"),
    ],
)
def test_what_one_request_can_fill_is_bounded(clock, raws, kept, whole):
    rejects = Rejects(MemoryShelf(), clock=clock, most=10_000_000, keep=None)
    assert rejects.keep(refusals(*raws), source=None, sender="s", scope=TENANT) == kept
    assert [reject.whole for reject in rejects.all(TENANT)] == whole


def test_one_of_a_request_is_removed_and_the_others_stay(clock):
    rejects = Rejects(MemoryShelf(), clock=clock, most=10_000, keep=None)
    rejects.keep(refusals(b"a", b"b", b"c"), source="okta", sender="s", scope=TENANT)
    second = rejects.all(TENANT)[1]
    rejects.remove([second.id, "unknown.0"], TENANT)
    assert [reject.raw for reject in rejects.all(TENANT)] == [b"a", b"c"]
    rejects.remove([reject.id for reject in rejects.all(TENANT)], TENANT)
    assert rejects.all(TENANT) == []
    assert rejects.all(Scope("other")) == []


def test_what_was_cut_before_is_known_to_be_missing(clock):
    rejects = Rejects(MemoryShelf(), clock=clock, most=10_000, keep=None)
    rejects.keep([Refusal("body", 1, "too large", b"begin", cut=95)], source=None, sender="s", scope=TENANT)
    (reject,) = rejects.all(TENANT)
    assert (reject.raw, reject.size, reject.whole) == (b"begin", 100, False)
