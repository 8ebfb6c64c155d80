"""The trail outlives what it records: no deletion and no rule removes acts, and every deletion leaves its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.errors import ClusterUnreachableError, UnwritableError
from casbah.ingest.apps import CASBAH
from casbah.operations.audit.trail import ACTS
from casbah.operations.retention.deletion import DAY
from casbah.store.embedded.tenant import EmbeddedTenant
from making import NOW, record
from scenarios.inprocess import Asker

INGEST = "/api/ext/v1/activities?source=mdca"
DELETE, RULES = "/api/ext/v1/activities/delete", "/api/ext/v1/retention"
APPLY, TRAIL = f"{RULES}/apply", f"{RULES}/trail"
TENANT = TenantId("default")
BOB = {"user.username": {"eq": ["bob"]}}
OURS = {"service": {"eq": [CASBAH]}}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opening(tmp_path: Path, clock: Clock) -> Callable[..., Any]:
    def opened(**given: str) -> Any:
        return compose.build(settings.read({}, store=str(tmp_path / "store"), **given), clock=clock)

    return opened


@pytest.fixture
def house(opening):
    with opening() as opened:
        yield opened


@pytest.fixture
def ask(house):
    asker = Asker(house.app, house.local_key)
    filled(asker)
    return asker


def filled(ask: Asker) -> None:
    lines = [record(n, timestamp=NOW - n * DAY, user={"userName": "bob" if n % 2 else "ann"}) for n in range(20)]
    ask("POST", INGEST, b"\n".join(json.dumps(line).encode() for line in lines))
    ask("POST", "/api/ext/v1/queries", b'{"name": "an act", "filters": {}}')


def post(ask: Asker, path: str, **body: Any) -> Any:
    reply = ask("POST", path, json.dumps(body).encode())
    assert reply.status < 300, reply.json
    return reply.json


def acts(ask: Asker) -> list[dict[str, Any]]:
    found = post(ask, "/api/v1/activities/", filters=OURS, sortField="created", sortDirection="asc")
    return [each["rawDataJson"] for each in found["data"]]


def operations(ask: Asker) -> list[str]:
    return sorted(act["operation"] for act in acts(ask))


FILTERS = [
    pytest.param({"filters": OURS}, 0, id="by their app"),
    pytest.param({"filters": {"service": {"eq": str(CASBAH)}}}, 0, id="by their app as text"),
    pytest.param({"filters": {"service": {"eq": [1, 11161, CASBAH]}}}, 20, id="by their app among others"),
    pytest.param({"filters": {"service": {"gte": 900_000}}}, 0, id="by a range of apps"),
    pytest.param({"filters": {"activity.id": {"startswith": "casbah_"}}}, 0, id="by their ids"),
    pytest.param({"filters": {"entity": {"neq": {"id": "nobody"}}}}, 20, id="by who did not"),
    pytest.param({"filters": {"actionType": {"isset": True}, "activity.type": {"eq": True}}}, 0, id="by their kind"),
    pytest.param({"filters": {"date": {"gte": 1}}}, 20, id="by time"),
    pytest.param({"everything": True}, 20, id="with everything"),
]


@pytest.mark.parametrize(("body", "others"), FILTERS)
def test_no_deletion_removes_acts(ask, body: dict[str, Any], others: int):
    before = acts(ask)
    looked = post(ask, DELETE, **body)
    assert (looked["exempt"], looked["matching"], looked["deleted"]) == (1, others, others)
    done = post(ask, DELETE, **body, dryRun=False)
    assert (done["exempt"], done["matching"], done["deleted"]) == (1, others, others)
    assert [act for act in acts(ask) if act in before] == before


def test_the_acts_of_deletions_are_not_deleted_by_the_next(ask):
    for _ in range(3):
        post(ask, DELETE, everything=True, dryRun=False)
    assert operations(ask) == [*["begin_delete_activities"] * 3, *["delete_activities"] * 3, "save_query"]


def test_no_rule_removes_acts(ask, clock):
    post(ask, RULES, name="all", days=1, everything=True)
    clock.now += 400 * DAY
    (done,) = post(ask, APPLY, dryRun=False)["data"]
    assert (done["deleted"], done["exempt"]) == (20, 2)
    assert operations(ask) == ["add_rule", "apply_retention", "begin_apply_retention", "save_query"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "filters",
    [
        pytest.param(OURS, id="alone"),
        pytest.param({"service": {"eq": str(CASBAH)}}, id="as text"),
        pytest.param({"service": {"eq": [11161, CASBAH]}}, id="among others"),
        pytest.param({**BOB, "service": {"EQ": [CASBAH]}}, id="with another condition"),
        pytest.param({"service": {"range": {"start": CASBAH, "end": CASBAH}}}, id="as a range"),
    ],
)
def test_a_rule_that_names_acts_is_refused(ask, filters: dict[str, Any]):
    reply = ask("POST", RULES, json.dumps({"name": "x", "days": 1, "filters": filters}).encode())
    assert (reply.status, "casbah retention trail" in reply.json["detail"]) == (400, True)
    assert ask("GET", RULES).json["data"] == []
    assert post(ask, RULES, name="x", action="hold", filters=filters)["action"] == "hold"


def test_acts_are_kept_for_as_long_as_the_owner_says(house, ask, clock):
    assert ask("GET", TRAIL).json == {"days": None}
    clock.now += 400 * DAY
    assert post(ask, APPLY, dryRun=False)["data"] == []
    assert post(ask, TRAIL, days=300) == {"days": 300}
    (done,) = post(ask, APPLY, dryRun=False)["data"]
    assert (done["id"], done["deleted"], done["exempt"]) == ("trail", 1, 0)
    assert operations(ask) == ["apply_retention", "begin_apply_retention", "keep_trail"]
    assert post(ask, "/api/v1/activities/count/", filters={"service": {"neq": [CASBAH]}})["total"] == 20
    assert post(ask, TRAIL, days=None) == {"days": None}
    assert house.writer.retention.rules.trail_days(TENANT) is None


def test_a_running_server_deletes_old_acts_by_itself(house, ask, clock, monkeypatch):
    monkeypatch.setattr("casbah.operations.retention.deletion._IDLE_SECONDS", 0.05)
    post(ask, TRAIL, days=1)
    clock.now += 2 * DAY
    house.writer.retention.begin()
    for _ in range(200):
        if "apply_retention" in operations(ask):
            break
        house.writer.retention._closing.wait(0.05)
    assert operations(ask) == ["apply_retention", "begin_apply_retention"]


def test_acts_that_are_held_stay(ask, clock):
    post(ask, RULES, name="case 7", action="hold", filters={"actionType": {"contains": "save_query"}})
    post(ask, TRAIL, days=1)
    clock.now += 2 * DAY
    (done,) = post(ask, APPLY, dryRun=False)["data"]
    assert (done["matching"], done["held"], done["deleted"]) == (3, 1, 2)
    assert operations(ask) == ["apply_retention", "begin_apply_retention", "save_query"]


def test_nobody_but_the_owner_says_how_long_acts_are_kept(house):
    key, _ = house.services.tokens.create("admin", tenant="default")
    admin = Asker(house.app, key)
    assert admin("POST", TRAIL, b'{"days": 1}').status == 403
    assert admin("DELETE", TRAIL).status == 405
    assert admin("GET", TRAIL).json == {"days": None}


@pytest.mark.parametrize("body", [b"{}", b'{"days": 0}', b'{"days": "soon"}', b'{"dais": 1}', b'{"days": true}'])
def test_how_long_acts_are_kept_is_read_strictly(ask, body: bytes):
    post(ask, TRAIL, days=9)
    assert ask("POST", TRAIL, body).status == 400
    assert ask("GET", TRAIL).json == {"days": 9}


@pytest.mark.parametrize("level", settings.AUDIT_LEVELS)
def test_every_deletion_leaves_its_acts_at_every_level(opening, level: str):
    with opening(audit=level) as house:
        ask = Asker(house.app, house.local_key)
        filled(ask)
        post(ask, RULES, name="ten days of bob", filters=BOB, days=10)
        post(ask, DELETE, filters={"user.username": {"eq": ["ann"]}}, dryRun=False)
        post(ask, APPLY, dryRun=False)
        done = [act for act in acts(ask) if "deletion" in act["result"]]
    assert sorted(each["operation"] for each in done) == [
        "apply_retention",
        "begin_apply_retention",
        "begin_delete_activities",
        "delete_activities",
    ]
    assert {each["result"]["deleted"] for each in done} == {10, 5}
    assert {json.dumps(each["asked"]["filters"]) for each in done} == {
        json.dumps(BOB),
        json.dumps(BOB).replace("bob", "ann"),
    }


@pytest.mark.slow
def test_the_filter_is_in_the_act_whole_however_long_it_is(ask):
    filters = {"user.username": {"eq": [*(f"{n:0500}" for n in range(100)), "bob"]}}
    post(ask, DELETE, filters=filters, dryRun=False)
    assert [act["asked"]["filters"] for act in acts(ask) if "deletion" in act["result"]] == [filters] * 2


KILLED = """
import os, signal, sys
from casbah import compose, settings
from casbah.activity.tenant import TenantId
from scenarios.inprocess import Asker

with compose.build(settings.read({}, store=sys.argv[1])) as house:
    tenant = house.services.store.tenant(TenantId("default"))
    delete = tenant.delete

    def killed(*arguments):
        if sys.argv[2] == "after":
            delete(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    tenant.delete = killed
    Asker(house.app, house.local_key)("POST", "/api/ext/v1/activities/delete",
        b'{"filters": {"user.username": {"eq": ["bob"]}}, "dryRun": false}')
"""


@pytest.mark.slow
@pytest.mark.parametrize(("when", "left"), [("before", 10), ("after", 0)])
def test_a_deletion_that_is_killed_leaves_its_act(opening, tmp_path, when: str, left: int):
    with opening() as house:
        filled(Asker(house.app, house.local_key))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "store"), when], env=environment, check=False)
    assert ended.returncode == -9
    with opening() as house:
        ask = Asker(house.app, house.local_key)
        assert post(ask, "/api/v1/activities/count/", filters=BOB)["total"] == left
        (begun,) = [act for act in acts(ask) if "deletion" in act["result"]]
    assert (begun["operation"], begun["who"], begun["asked"]["filters"]) == ("begin_delete_activities", "local", BOB)
    assert begun["result"]["deleted"] == 10


def test_nothing_is_deleted_where_its_act_cannot_be_stored(ask, monkeypatch):
    def away(*_: Any, **__: Any) -> None:
        raise ClusterUnreachableError("the cluster is away")

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedTenant, "insert_soon", away)
        assert ask("POST", DELETE, json.dumps({"filters": BOB, "dryRun": False}).encode()).status == 503
    assert post(ask, "/api/v1/activities/count/", filters=BOB)["total"] == 10


def test_a_full_disk_does_not_keep_from_deleting_and_the_acts_follow(house, ask, monkeypatch, caplog):
    def full(*_: Any, **__: Any) -> None:
        raise UnwritableError

    monkeypatch.setattr("casbah.operations.audit.trail._SECONDS", 0.01)
    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedTenant, "insert_soon", full)
        patched.setattr(EmbeddedTenant, "insert", full)
        assert post(ask, DELETE, filters=BOB, dryRun=False)["deleted"] == 10
    logged = [each.getMessage() for each in caplog.records if "is not in the log of activities" in each.getMessage()]
    assert ["begin_delete_activities" in each for each in logged] == [True, False]
    for _ in range(500):
        if "delete_activities" in operations(ask):
            break
        house.writer.retention._closing.wait(0.02)
    assert operations(ask) == ["begin_delete_activities", "delete_activities", "save_query"]


@pytest.mark.parametrize("way", ["by hand", "by rule", "of acts"])
def test_every_hold_counts_and_not_the_first_alone(ask, clock, way: str):
    """With one more that holds nothing, and whichever comes first by name."""
    kept = {"by hand": "activity-3", "by rule": "activity-5", "of acts": None}
    holds = [{"activity.id": {"eq": [name]}} for name in ("none-at-all", "activity-3", "activity-5")]
    holds += [{"actionType": {"contains": "save_query"}}, {"actionType": {"contains": "begin"}}]
    for number, filters in enumerate(holds):
        post(ask, RULES, name=f"case {number}", action="hold", filters=filters)
    if way == "by hand":
        assert post(ask, DELETE, filters=BOB, dryRun=False)["held"] == 2
    elif way == "by rule":
        post(ask, RULES, name="bob", days=1, filters=BOB)
        assert post(ask, APPLY, dryRun=False)["data"][0]["held"] == 2
    else:
        post(ask, DELETE, filters=BOB, dryRun=False)
        post(ask, TRAIL, days=1)
        clock.now += 2 * DAY
        assert post(ask, APPLY, dryRun=False)["data"][0]["held"] == 2
        assert {"save_query", "begin_delete_activities"} <= set(operations(ask))
    if kept[way]:
        ids = {each["_id"] for each in post(ask, "/api/v1/activities/", filters=BOB)["data"]}
        assert {"activity-3", "activity-5"} <= ids


def test_enriching_again_leaves_acts_as_they_are(house, ask):
    before = acts(ask)
    total = house.services.store.tenant(TENANT).count(ACTS)
    done = post(ask, "/api/ext/v1/activities/enrich", everything=True)
    assert (total, done["examined"]) == (1, 20)
    assert acts(ask)[: len(before)] == before
