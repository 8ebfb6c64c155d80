"""Events that ingest refused: kept with their reasons within bounds, listed, replayed and removed."""

import base64
import json

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.base.key_value import MemoryKeyValueStore
from casbah.errors import UnavailableError
from casbah.http import ingest
from casbah.http.rejects import MAX_REPLAYED
from casbah.ingest.contract import Refusal
from casbah.ingest.rejects import MAX_EVENT_BYTES, Reject, Rejects
from casbah.store.embedded import sequence
from connectors import samples
from scenarios.inprocess import Asker

INGEST, REJECTS = "/api/ext/v1/activities", "/api/ext/v1/rejects"
TENANT = TenantId("default")
DAY = 86_400_000


def event(name: str, **keys) -> bytes:
    return json.dumps({"_id": name, "uid": name, "timestamp": 1_000, "appId": 1, "entityData": {}, **keys}).encode()


def every(rejects: Rejects, tenant_id: TenantId) -> list[Reject]:
    return rejects.page(tenant_id, skip=0, limit=MAX_REPLAYED)[0]


def listed(ask) -> list[dict]:
    return ask("GET", REJECTS).json["data"]


def test_what_is_refused_is_kept_with_its_reason(ask, shipper):
    shipper("POST", INGEST, event("a") + b"\n{broken\n" + event("b", timestamp=None))
    assert [(row["line"], row["event"], row["sender"], row["source"]) for row in listed(ask)] == [
        (2, "{broken", "shipper", None),
        (3, event("b", timestamp=None).decode(), "shipper", None),
    ]
    assert all(row["reason"] and row["whole"] for row in listed(ask))


def test_a_source_that_was_wrong_can_be_left_out(ask, shipper):
    assert shipper("POST", f"{INGEST}?source=okta", event("a")).status == 422
    everything = {"everything": True}
    kept = ask("POST", f"{REJECTS}/replay", json.dumps(everything).encode()).json
    assert (kept["stored"], len(kept["refused"])) == (0, 1)
    got = ask("POST", f"{REJECTS}/replay", json.dumps(everything | {"source": ""}).encode()).json
    assert (got["stored"], got["refused"]) == (1, [])


def test_a_row_of_csv_is_read_again_as_one(ask, shipper):
    shipper("POST", INGEST, b'CreationDate,AuditData\n2026-11-01,"{""broken"\n')
    (first,) = listed(ask)
    assert first["event"] == 'CreationDate,AuditData\n2026-11-01,"{""broken"'
    again = ask("POST", f"{REJECTS}/replay", b'{"everything": true}').json
    assert [row["reason"] for row in again["refused"]] == [first["reason"]]


REPORT = (samples.HERE / "csv" / "box-report.csv").read_bytes()


def test_rows_whose_times_have_no_zone_are_read_again_in_the_one_that_is_named(ask, shipper):
    assert shipper("POST", INGEST, REPORT).status == 422
    again = ask("POST", f"{REJECTS}/replay", b'{"everything": true, "zone": ""}').json
    assert {row["reason"].partition(";")[0] for row in again["refused"]} == {"no usable time: Date has no zone"}
    replay = {"ids": [row["id"] for row in listed(ask)], "zone": "Europe/Berlin"}
    got = ask("POST", f"{REJECTS}/replay", json.dumps(replay).encode()).json
    assert got == {"stored": 3, "duplicates": 0, "refused": [], "remaining": 0}
    assert shipper("POST", f"{INGEST}?zone=Europe/Berlin", REPORT).json["duplicates"] == 3


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
    assert got.json == {"stored": 1, "duplicates": 0, "refused": [], "remaining": 0}
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
    pytest.param({"ids": ["x"] * (MAX_REPLAYED + 1)}, 400, id="more ids than one request may name"),
    pytest.param({"ids": ["x"], "skip": 1}, 400, id="ids and how many to leave out"),
    pytest.param({"everything": True, "skip": -1}, 400, id="fewer than none to leave out"),
    pytest.param({"everything": True, "skip": None}, 400, id="null to leave out"),
    pytest.param({"everything": True, "skip": "1"}, 400, id="text to leave out"),
    pytest.param({"everything": True, "skip": True}, 400, id="a boolean to leave out"),
    pytest.param({"ids": ["x"], "everything": True}, 400, id="some and all"),
    pytest.param({"id": ["x"]}, 400, id="a slip of the pen"),
    pytest.param({"everything": "true"}, 400, id="a text for a flag"),
    pytest.param({"everything": True, "source": "oktaa"}, 400, id="an unknown source"),
    pytest.param({"everything": True, "zone": "Europe/Berlon"}, 400, id="an unknown zone"),
    pytest.param({"everything": True, "zone": 0}, 400, id="a number for a zone"),
]


@pytest.mark.parametrize("body, status", BAD)
def test_a_replay_says_what_it_means(ask, body, status):
    assert ask("POST", f"{REJECTS}/replay", json.dumps(body).encode()).status == status


def test_an_id_that_is_not_there_is_named(ask):
    got = ask("POST", f"{REJECTS}/replay", b'{"ids": ["x"]}').json
    refused = [{"id": "x", "reason": "no refused event has this id"}]
    assert got == {"stored": 0, "duplicates": 0, "refused": refused, "remaining": 0}
    assert ask("DELETE", f"{REJECTS}/x").status == 404
    assert ask("DELETE", f"{REJECTS}/x.0").status == 404


@pytest.fixture
def house(tmp_path):
    with compose.build(settings.read({}, store=str(tmp_path / "store"), audit="off", batch="2")) as house:
        yield house


def keep(house, *raws: bytes, source: str | None = "mdca") -> None:
    house.services.rejects.keep(refusals(*raws), source=source, sender="s", tenant_id=TENANT)


def replayed(house, **body) -> dict:
    return Asker(house.app, house.local_key)("POST", f"{REJECTS}/replay", json.dumps(body).encode()).json


def commits(house, monkeypatch) -> list[int]:
    """The number of activities in each commit from here on."""
    tenant, sizes = house.services.store.tenant(TENANT), []
    insert_soon = tenant.insert_soon

    def counted(items, *given, **named):
        sizes.append(len(items := list(items)))
        return insert_soon(items, *given, **named)

    monkeypatch.setattr(tenant, "insert_soon", counted)
    return sizes


def test_a_batch_of_rejects_is_one_commit(house, monkeypatch):
    keep(house, *(event(f"a{number}") for number in range(5)), b"{broken", event("a0"))
    sizes = commits(house, monkeypatch)
    got = replayed(house, everything=True)
    (broken,) = every(house.services.rejects, TENANT)
    assert broken.raw == b"{broken"
    assert sizes == [2, 2, 1, 1]
    assert (got["stored"], got["duplicates"], [each["id"] for each in got["refused"]]) == (5, 1, [broken.id])


def test_what_is_stored_before_the_disk_is_full_is_not_replayed_again(house, monkeypatch):
    keep(house, *(event(f"a{number}") for number in range(5)))
    tenant, left = house.services.store.tenant(TENANT), [2]
    insert_soon = tenant.insert_soon

    def failing(*given, **named):
        left[0] -= 1
        if left[0] < 0:
            raise UnavailableError("the disk is full")
        return insert_soon(*given, **named)

    monkeypatch.setattr(tenant, "insert_soon", failing)
    assert replayed(house, everything=True) == {"detail": "the disk is full"}
    assert [reject.raw for reject in every(house.services.rejects, TENANT)] == [event("a4")]


def test_everything_says_how_many_older_ones_remain_and_skip_goes_on_with_them(house, monkeypatch):
    monkeypatch.setattr("casbah.http.rejects.MAX_REPLAYED", 3)
    keep(house, b"{broken", event("a"), b"{broken", event("b"), b"{broken", event("c"), event("d"))
    results = [replayed(house, everything=True)]
    while results[-1]["remaining"]:
        skip = sum(len(result["refused"]) for result in results)
        results.append(replayed(house, everything=True, skip=skip))
    assert [(result["stored"], len(result["refused"]), result["remaining"]) for result in results] == [
        (1, 2, 4),
        (2, 1, 1),
        (1, 0, 0),
    ]
    assert [reject.raw for reject in every(house.services.rejects, TENANT)] == [b"{broken"] * 3


def test_a_replay_is_counted_by_the_metrics(house):
    keep(house, event("a"), event("a"), b"{broken")
    replayed(house, everything=True)
    shown = house.services.metrics.shown().decode()
    for outcome in ("stored", "duplicate", "refused"):
        assert f'casbah_brought_activities_total{{outcome="{outcome}"}} 1.0' in shown


def test_what_the_store_refuses_stays_a_reject(house, monkeypatch):
    keep(house, event("a", created=5), event("b", created=5), event("c", created=6))
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    got = replayed(house, everything=True)
    (left,) = every(house.services.rejects, TENANT)
    assert left.raw == event("b", created=5)
    assert (got["stored"], [each["id"] for each in got["refused"]]) == (2, [left.id])
    assert "created 5" in got["refused"][0]["reason"]


CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize("padding", [0, 20_000, 300_000], ids=["small", "in a thread", "in another process"])
def test_what_the_store_refuses_is_kept_as_it_was_sent(ask, shipper, monkeypatch, padding):
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    first, second, third = (event(name, created=5, uid="", device={"userAgent": CHROME}) for name in "abc")
    body = b"{}\n[%b, %b]\n%b\n%b" % (event("d", created=6, padding="x" * padding), first, second, third)
    got = shipper("POST", INGEST, body).json
    assert (got["stored"], [row["line"] for row in got["refused"]]) == (2, [1, 3, 4])
    kept = [(row["line"], row["event"]) for row in listed(ask)]
    assert kept == [(1, "{}"), (3, second.decode()), (4, third.decode())]
    assert ask("GET", "/api/v1/activities/a").json["userAgent"], "what is stored is enriched"


def test_an_event_of_which_the_store_refuses_several_activities_is_kept_once(ask, shipper, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_TIES", 0)
    inside = [{"name": name} for name in ("login_success", "logout", "login_failure")]
    identity = {"time": "2026-11-01T00:00:00Z", "uniqueQualifier": "7", "applicationName": "login", "customerId": "C0"}
    sent = json.dumps({"id": identity, "events": inside}).encode()
    got = shipper("POST", INGEST, sent).json
    assert (got["stored"], [row["line"] for row in got["refused"]]) == (0, [1, 1, 1])
    (kept,) = listed(ask)
    assert (kept["line"], kept["event"]) == (1, sent.decode())
    assert kept["reason"] == "; ".join(dict.fromkeys(row["reason"] for row in got["refused"]))
    monkeypatch.undo()
    again = ask("POST", f"{REJECTS}/replay", b'{"everything": true}').json
    assert (again["stored"], again["refused"], listed(ask)) == (3, [], [])


def test_of_refusals_far_into_a_body_the_reasons_are_kept(ask, shipper, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    monkeypatch.setattr(ingest, "_MAX_READ_AGAIN", 1_500_000)
    first, second, third = (event(name, created=5, uid="") for name in "abc")
    padding = b"\n".join(event(f"p{number}", created=10 + number, padding="x" * 50_000) for number in range(60))
    got = shipper("POST", INGEST, b"\n".join((first, second, padding, third))).json
    assert [row["line"] for row in got["refused"]] == [2, 63]
    near, far = listed(ask)
    assert (near["line"], near["event"], near["whole"]) == (2, second.decode(), True)
    assert (far["line"], far["event"], far["whole"], far["reason"]) == (63, "", False, got["refused"][1]["reason"])
    again = ask("POST", f"{REJECTS}/replay", json.dumps({"ids": [far["id"]]}).encode()).json
    assert [row["reason"] for row in again["refused"]] == ["only the reason is kept; send the event again"]


def test_of_many_refusals_of_the_store_the_first_are_listed_and_kept(ask, shipper, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    body = b"\n".join(b"{broken" if number % 3 else event(f"a{number}", created=5) for number in range(1_800))
    got = shipper("POST", INGEST, body).json
    assert (got["stored"], len(got["refused"]), got["unlisted"]) == (1, 1_000, 799)
    assert ask("GET", REJECTS).json["total"] == 1_000


def test_a_source_that_is_not_known_any_more_keeps_no_other_event_from_being_replayed(house):
    keep(house, event("a"), source="gone")
    keep(house, event("b"))
    got = replayed(house, everything=True)
    assert (got["stored"], [each["reason"] for each in got["refused"]]) == (
        1,
        ["its source 'gone' is no longer known; replay it with another source"],
    )
    assert replayed(house, everything=True, source="mdca")["stored"] == 1


def decoded(monkeypatch) -> list[bytes]:
    """What of the kept events is decoded from here on."""
    seen = []
    decode = base64.b64decode
    monkeypatch.setattr(base64, "b64decode", lambda raw: seen.append(decode(raw)) or seen[-1])
    return seen


def test_only_what_is_asked_for_is_decoded(house, monkeypatch):
    keep(house, b"a", b"b", b"c")
    ids = [reject.id for reject in every(house.services.rejects, TENANT)]
    ask, seen = Asker(house.app, house.local_key), decoded(monkeypatch)
    page = ask("GET", f"{REJECTS}?skip=1&limit=1").json
    assert ([row["id"] for row in page["data"]], page["total"], page["hasNext"]) == ([ids[1]], 3, True)
    assert seen == [b"b"]
    replayed(house, ids=[ids[2]])
    assert ask("DELETE", f"{REJECTS}/{ids[0]}").status == 200
    assert seen == [b"b", b"c"]
    assert ask("DELETE", f"{REJECTS}/{ids[0]}").status == 404


def test_stored_events_are_never_answered_with_503_because_their_neighbours_cannot_be_kept(house, caplog):
    secret, _ = house.services.tokens.create("shipper", tenant="default", scopes=["Ingest.write"])
    house.services.pools.quick._capacity = 0
    got = Asker(house.app, secret)("POST", f"{INGEST}?source=mdca", event("a") + b"\n{}")
    assert (got.status, got.json["stored"], len(got.json["refused"])) == (200, 1, 1)
    assert "1 refused events are not kept: too many requests are waiting" in caplog.text


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
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=1_000, keep=None)
    for number in range(10):
        clock.now += 1
        rejects.keep(refusals(b"%d" % number * 150), source=None, sender="s", tenant_id=TENANT)
    assert [reject.raw[:1] for reject in every(rejects, TENANT)] == [b"9", b"8", b"7", b"6"]


def test_they_are_kept_for_a_while(clock):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=10_000, keep=30 * DAY)
    rejects.keep(refusals(b"old"), source=None, sender="s", tenant_id=TENANT)
    clock.now += 30 * DAY + 1
    assert every(rejects, TENANT) == []
    key_values = rejects._key_values
    assert len(key_values.all(TENANT.name)) == 1
    rejects.trim()
    assert key_values.all(TENANT.name) == []
    rejects.keep(refusals(b"new"), source=None, sender="s", tenant_id=TENANT)
    assert [reject.raw for reject in every(rejects, TENANT)] == [b"new"]


def test_what_is_larger_than_all_that_may_be_kept_is_not_kept_and_said_so(clock):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=100, keep=None)
    assert rejects.keep(refusals(b"small"), source=None, sender="s", tenant_id=TENANT) == 1
    assert rejects.keep(refusals(b"x" * 500), source=None, sender="s", tenant_id=TENANT) == 0
    assert [reject.raw for reject in every(rejects, TENANT)] == [b"small"]


def test_what_the_shelf_does_not_take_is_not_kept(clock):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=100, keep=None)
    for kept in (1, 0):
        assert rejects.keep(refusals(b"x"), source=None, sender="s", tenant_id=TENANT, entry="taken") == kept


def test_all_tenants_are_trimmed(clock):
    key_values = MemoryKeyValueStore()
    rejects = Rejects(key_values, clock=clock, maximum=10_000, keep=30 * DAY)
    for tenant in ("a", "b"):
        rejects.keep(refusals(b"old"), source=None, sender="s", tenant_id=TenantId(tenant))
    clock.now += 15 * DAY
    rejects.keep(refusals(b"new"), source=None, sender="s", tenant_id=TenantId("b"))
    clock.now += 15 * DAY + 1
    rejects.trim()
    assert key_values.namespaces() == ["b"]
    assert [reject.raw for reject in every(rejects, TenantId("b"))] == [b"new"]


@pytest.mark.parametrize(
    "raws, kept, whole",
    [
        pytest.param([b"x" * MAX_EVENT_BYTES], 1, [True], id="as large as may be"),
        pytest.param([b"x" * (MAX_EVENT_BYTES + 1)], 1, [False], id="larger"),
        pytest.param([b"x"] * 1_001, 1_000, [True] * 1_000, id="more than may be"),
        pytest.param([b"x" * MAX_EVENT_BYTES] * 20, 16, [True] * 16, id="more bytes than may be"),
        pytest.param([b""], 1, [False], id="the reason alone"),
    ],
)
def test_what_one_request_can_fill_is_bounded(clock, raws, kept, whole):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=10_000_000, keep=None)
    assert rejects.keep(refusals(*raws), source=None, sender="s", tenant_id=TENANT) == kept
    assert [reject.whole for reject in every(rejects, TENANT)] == whole


def test_one_of_a_request_is_removed_and_the_others_stay(clock):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=10_000, keep=None)
    rejects.keep(refusals(b"a", b"b", b"c"), source="okta", sender="s", tenant_id=TENANT)
    second = every(rejects, TENANT)[1]
    assert rejects.remove([second.id, "unknown.0", f"{second.id}0", second.id.partition(".")[0]], TENANT) == [second.id]
    assert rejects.remove([second.id], TENANT) == []
    assert [reject.raw for reject in every(rejects, TENANT)] == [b"a", b"c"]
    rejects.remove([reject.id for reject in every(rejects, TENANT)], TENANT)
    assert every(rejects, TENANT) == []
    assert every(rejects, TenantId("other")) == []


def test_what_was_cut_before_is_known_to_be_missing(clock):
    rejects = Rejects(MemoryKeyValueStore(), clock=clock, maximum=10_000, keep=None)
    rejects.keep([Refusal("body", 1, "too large", b"begin", cut=95)], source=None, sender="s", tenant_id=TENANT)
    (reject,) = every(rejects, TENANT)
    assert (reject.raw, reject.size, reject.whole) == (b"begin", 100, False)
