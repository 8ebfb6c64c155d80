"""Holds and deletions at one moment, and how often rules are applied."""

import threading
from collections.abc import Callable, Iterator
from errno import EACCES, ENOENT
from typing import Any

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.base.failure import INTERNAL
from casbah.compose import Application
from casbah.errors import BadSettingError, ClusterUnreachableError, UnwritableError
from casbah.operations.audit.trail import Act
from casbah.operations.retention.deletion import EVERY_SECONDS, Found, Retention
from casbah.operations.retention.rules import DELETE, HOLD, RetentionRule
from making import NOW, arrival, query, record
from scenarios.inprocess import Asker

ONE, OTHER = TenantId("default"), TenantId("other")
RULES, LIST = "/api/ext/v1/retention", "/api/v1/activities/"
ALL = query().predicate
LONG = 60


@pytest.fixture
def house(tmp_path) -> Iterator[Application]:
    with compose.build(settings.read({}, store=str(tmp_path)), clock=lambda: NOW) as opened:
        for tenant_id in (ONE, OTHER):
            opened.services.store.tenant(tenant_id).insert([arrival(record(number)) for number in range(10)])
        yield opened


def act() -> Act:
    return Act(at=NOW, who="x", name="delete_activities")


def hold(*ids: str) -> RetentionRule:
    return RetentionRule(
        f"hold-{ids[0]}", "case", HOLD, {"activity.id": {"eq": list(ids)}}, None, owner="", changed=NOW
    )


class Stopped:
    """The store stops at its next deletion until it may go on."""

    def __init__(self, house: Application, monkeypatch: pytest.MonkeyPatch, *, tenant_id: TenantId = ONE) -> None:
        self.there, self.go_on = threading.Event(), threading.Event()
        tenant = house.services.store.tenant(tenant_id)
        whole = tenant.delete

        def delete(predicate: Any) -> int:
            self.there.set()
            assert self.go_on.wait(LONG)
            return whole(predicate)

        monkeypatch.setattr(tenant, "delete", delete, raising=False)


def begun(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_hold_waits_for_the_deletions_of_its_own_tenant_alone(house: Application, monkeypatch) -> None:
    retention, stopped = house.writer.retention, Stopped(house, monkeypatch)
    deleting = begun(lambda: retention.delete(ALL, ONE, act()))
    assert stopped.there.wait(LONG)
    others = begun(lambda: retention.add(hold("activity-1"), OTHER))
    others.join(LONG)
    assert [rule.id for rule in retention.rules.all(OTHER)] == ["hold-activity-1"]
    assert retention.delete(ALL, OTHER, act()).deleted == 9
    waiting = begun(lambda: retention.add(hold("activity-1"), ONE))
    waiting.join(0.5)
    assert waiting.is_alive()
    assert retention.rules.all(ONE) == []
    stopped.go_on.set()
    for thread in (deleting, waiting):
        thread.join(LONG)
    assert [rule.id for rule in retention.rules.all(ONE)] == ["hold-activity-1"]


def test_no_hold_is_added_while_records_are_replaced_by_those_that_are_there(house: Application) -> None:
    retention = house.writer.retention
    with retention.holds(ONE):
        waiting = begun(lambda: retention.add(hold("activity-1"), ONE))
        waiting.join(0.5)
        assert waiting.is_alive()
        assert retention.rules.all(ONE) == []
    waiting.join(LONG)
    assert [rule.id for rule in retention.rules.all(ONE)] == ["hold-activity-1"]


def test_adding_a_hold_takes_none_of_the_threads_that_answer_at_once(house: Application, monkeypatch) -> None:
    names, add = [], Retention.add
    monkeypatch.setattr(
        Retention, "add", lambda *given: (names.append(threading.current_thread().name), add(*given))[1]
    )
    body = b'{"name": "x", "action": "hold", "filters": {"activity.id": {"eq": "activity-1"}}}'
    assert Asker(house.app, house.local_key)("POST", RULES, body).status == 201
    assert [name.partition("_")[0] for name in names] == ["casbah-ingest"]


def test_what_is_counted_is_what_is_deleted_whatever_another_server_saves_meanwhile(
    house: Application, monkeypatch
) -> None:
    retention = house.writer.retention
    retention.add(hold("activity-0", "activity-1"), ONE)
    read, kept = [], retention.rules.all

    def all_rules(tenant_id: TenantId) -> Any:
        found = kept(tenant_id)
        read.append(len(found))
        retention.rules.add(hold(f"activity-{len(read) + 1}"), tenant_id)  # As another server would, after every look.
        return found

    monkeypatch.setattr(retention.rules, "all", all_rules)
    assert retention.delete(ALL, ONE, act()) == Found(matching=10, held=2, deleted=8)
    assert read == [1]
    monkeypatch.undo()
    outcome = [each["rawDataJson"]["result"] for each in acts(house)]
    assert [(told["matching"], told["held"], told["deleted"]) for told in outcome] == [(10, 2, 8)] * 2


def acts(house: Application) -> list[dict[str, Any]]:
    body = b'{"filters": {"service": {"eq": [900013]}}}'
    return list(Asker(house.app, house.local_key)("POST", LIST, body).json["data"])


@pytest.mark.parametrize(
    "error, says",
    [
        pytest.param(
            PermissionError(EACCES, "Permission denied", "/srv/secret"), str(UnwritableError()), id="the disk's"
        ),
        pytest.param(FileNotFoundError(ENOENT, "No such file", "/srv/secret"), INTERNAL, id="a bug"),
        pytest.param(BadSettingError("x", "/srv/secret", "y"), INTERNAL, id="the operator's"),
        pytest.param(
            ClusterUnreachableError("node 7"), str(ClusterUnreachableError("")), id="one that is for the caller"
        ),
    ],
)
def test_an_error_is_told_without_the_systems_own_text(
    house: Application, monkeypatch, caplog, error, says: str
) -> None:
    def delete(*_: object) -> int:
        raise error

    monkeypatch.setattr(house.services.store.tenant(ONE), "delete", delete, raising=False)
    retention = house.writer.retention
    retention.add(RetentionRule("r", "x", DELETE, {"date": {"lte": NOW}}, 0, owner="", changed=NOW), ONE)
    (applied,) = retention.apply(ONE, really=True)
    assert (applied.error, applied.result) == (says, None)
    assert [told["rawDataJson"]["result"]["interrupted"] for told in acts(house)[:1]] == [says]
    assert str(error) in caplog.text


def test_rules_are_applied_once_an_hour_however_often_deletions_wake_the_thread(
    house: Application, monkeypatch
) -> None:
    now, wakes, applied, done = [0.0], [0], [], threading.Event()
    services = house.services
    trimmed = []
    retention = Retention(
        services.store,
        services.writer.retention.rules,
        services.trail,
        clock=lambda: NOW,
        monotonic=lambda: now[0],
        hourly=(lambda: trimmed.append(wakes[0]),),
    )
    moments = {1_000: EVERY_SECONDS - 1, 2_000: EVERY_SECONDS, 3_000: 2 * EVERY_SECONDS}

    def tenants() -> list[str]:
        """Asked by the thread each time it is awake: it is woken again at once, as by a deletion that has ended."""
        wakes[0] += 1
        now[0] = moments.get(wakes[0], now[0])
        if wakes[0] < 3_100:
            retention._awake.set()
        else:
            done.set()
        return []

    monkeypatch.setattr(services.store, "tenants_to_compact", tenants, raising=False)
    monkeypatch.setattr(retention.rules, "tenants", lambda: applied.append(wakes[0]) or [])
    retention.begin()
    assert done.wait(LONG)
    retention.close()
    assert applied == trimmed == [1, 2_000, 3_000]
