"""Processes that answer beside the one that owns the store: the same answers, of what was just stored too; who is let in, and when."""

import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from casbah import settings
from casbah.activity.tenant import TenantId
from casbah.errors import UnwritableError
from casbah.identity.authenticator import Authenticator
from casbah.identity.failed_sign_ins import FailedSignIns
from casbah.identity.token import digest
from casbah.serving.processes import wanted
from casbah.store.embedded.schema import PERIOD_BITS
from making import NOW, record
from serving.conftest import HELD, serving, start, until

LIST = "/api/v1/activities/"
INGEST = "/api/ext/v1/activities?source=mdca"
READING = (
    ("POST", LIST, {"limit": 7, "skip": 3}),
    ("GET", LIST, None),
    ("POST", "/cas/api/v1/activities", {"filters": {"service": {"eq": 11161}}}),
    ("POST", LIST, {"isScan": True, "limit": 20}),
    ("POST", "/api/v1/activities/count/", {}),
    ("POST", "/cas/api/v1/archived_activities/count", {}),
    ("GET", "/api/v1/archived_activities/", None),
    ("GET", "/api/v1/activities/activity-7/", None),
    ("POST", "/api/ext/v1/facets/", {"fields": ["service"]}),
    ("POST", "/api/ext/v1/histogram/", {}),
)
REFUSED = (
    ("POST", LIST, {"filters": {"nonsense": {"eq": 1}}}),
    ("POST", LIST, {"limit": -1}),
    ("GET", "/api/v1/activities/nobody/", None),
    ("POST", "/api/v1/activities/activity-7/", {}),
)


def test_a_lonely_client_starts_none(opened):
    served = opened()
    with served.client() as http:
        for _ in range(20):
            assert http.post(LIST, json={}).json()["total"] == HELD
    assert served.processes._running == []
    assert not served.processes._starting


def test_requests_that_overlap_start_them(opened):
    served = opened()
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            end = time.monotonic() + 60
            while len(served.processes._running) < 2 and time.monotonic() < end:
                totals = list(pool.map(lambda http: http.post(LIST, json={}).json()["total"], clients * 5))
                assert set(totals) == {HELD}
        assert len(served.processes._running) == 2
        for http in clients:
            http.post(LIST, json={})
        few, many = sorted(each.connections for each in served.processes._running)
        assert many - few <= 1, "evenly"


@pytest.mark.parametrize("method, path, body", READING + REFUSED)
def test_the_answers_are_the_same(reading, method, path, body):
    with reading.client() as prepare_pool:
        prepare_pool.post(LIST, json={})
        reading.await_passed(1)
        found = prepare_pool.request(method, path, json=body)
        reading.await_passed(int(path != "/api/v1/activities/activity-7/" or method == "GET"))
    owner = {"Authorization": f"Token {reading.application.local_key}"}
    with httpx.Client(base_url=reading.url, headers=owner, trust_env=False) as http:
        wanted = http.request(method, path, json=body)
        reading.await_passed(0)  # The other one is closed, and whoever owns the data is answered by the owner.
    assert (found.status_code, found.content) == (wanted.status_code, wanted.content)


def test_what_was_acknowledged_is_seen_on_every_connection(served):
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(4)]
        for n in range(30):
            period = (n % 3) << PERIOD_BITS
            served.store(record(HELD + n, timestamp=NOW - n - period))
            for http in clients:
                page = http.post(LIST, json={"limit": 100}).json()
                assert page["total"] == HELD + n + 1
                stamps = [each["timestamp"] for each in page["data"]]
                assert len(stamps) == page["total"]
                assert stamps == sorted(stamps, reverse=True)
        served.await_passed(4)


def test_what_was_deleted_is_gone_on_every_connection(served):
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(3)]
        assert [http.post(LIST, json={}).json()["total"] for http in clients] == [HELD] * 3
        asked = {"filters": {"activity.id": {"eq": "activity-7"}}, "reason": "a test", "confirm": 1}
        with served.client() as http:
            dry = http.post("/api/ext/v1/activities/delete", json={"filters": asked["filters"], "dryRun": True})
            assert dry.status_code == 200, dry.text
            assert http.post("/api/ext/v1/activities/delete", json={"filters": asked["filters"], "dryRun": False}).status_code == 200  # fmt: skip
        for http in clients:
            others = {"filters": {"service": {"neq": [900013]}}}  # Deleting leaves acts of Casbah's own.
            assert http.post(LIST, json=others).json()["total"] == HELD - 1
            assert http.get("/api/v1/activities/activity-7/").status_code == 404


def test_a_connection_goes_to_and_fro_as_its_requests_need(served):
    with served.client() as http:
        for _ in range(10):
            assert http.post(LIST, json={}).json()["total"] == HELD
            served.await_passed(1)
            assert http.get("/api/ext/v1/session").status_code == 200
            served.await_passed(0)


def test_activities_are_brought_to_any_of_them(served):
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(3)]
        for n in range(10):
            for http in clients:
                said = http.post(INGEST, json=record(HELD + n)).json()
                assert (said["stored"], said["duplicates"]) == ((1, 0) if http is clients[0] else (0, 1))
                assert http.post(LIST, json={"limit": 1}).json()["total"] == HELD + n + 1
        served.await_passed(3)
        lines = b"\n".join(json.dumps(record(1_000 + n, text="much " * 400)).encode() for n in range(2_500))
        assert clients[0].post(INGEST, content=lines + b"\n{}\nnothing").json() | {"refused": 0} == {
            "stored": 2_500,
            "duplicates": 0,
            "refused": 0,
        }
        assert {http.post(LIST, json={}).json()["total"] for http in clients} == {HELD + 10 + 2_500}


def test_many_at_once_are_each_told_of_their_own(served):
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            for _ in range(2):  # The second time from whoever has them already.
                numbers = range(10_000, 10_400)
                said = list(
                    pool.map(lambda n: clients[n % 16].post(INGEST, json=record(n - n % 2)).json()["stored"], numbers)
                )
        assert sum(said) == 0
        assert clients[0].post(LIST, json={}).json()["total"] == HELD + 200


@pytest.mark.parametrize(
    "error, status, says",
    [
        pytest.param(UnwritableError(), 503, "the disk does not take", id="a full disk"),
        pytest.param(ValueError("a bug"), 500, "internal error", id="a bug"),
    ],
)
def test_what_cannot_be_stored_is_said_where_it_was_brought(served, error, status, says):
    def refuse(*_, **__):
        raise error

    with served.client() as http:
        assert http.post(LIST, json={}).status_code == 200
        store = served.application.services.store
        tenant = store.tenant(TenantId("default"))
        kept, tenant.insert_soon = tenant.insert_soon, refuse
        answer = http.post(INGEST, json=record(HELD))
        assert (answer.status_code, answer.headers.get("retry-after")) == (status, "5" if status == 503 else None)
        assert says in answer.json()["detail"]
        tenant.insert_soon = kept
        assert http.post(INGEST, json=record(HELD)).json()["stored"] == 1
        served.await_passed(1)


def test_what_the_writing_thread_raises_is_said_too(served, monkeypatch):
    with served.client() as http:
        assert http.post(LIST, json={}).status_code == 200

        def fail(*_, **__):
            raise UnwritableError

        monkeypatch.setattr(served.application.services.store._shared.writers, "write", fail)
        assert http.post(INGEST, json=record(HELD)).status_code == 503
        monkeypatch.undo()
        assert http.post(INGEST, json=record(HELD)).json()["stored"] == 1


def test_what_is_revoked_is_over_at_once(served):
    tokens = served.application.services.tokens
    key, token = tokens.create("other", tenant="default")
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http:
        for _ in range(2):
            assert http.post(LIST, json={}).status_code == 200
        served.await_passed(1)
        tokens.revoke(token.id, governs=lambda _: True)
        assert http.post(LIST, json={}).status_code == 401


def test_a_key_that_is_none_is_counted_by_the_owner(opened):
    served = opened(bad_keys="3/hour")
    start(served)
    wrong = [{"Authorization": f"Token {n:080x}"} for n in range(5)]
    with served.client() as http:
        assert http.post(LIST, json={}).status_code == 200
        found = [http.post(LIST, json={}, headers=headers).status_code for headers in wrong]
        assert found == [401, 401, 401, 429, 429]
        assert http.post(LIST, json={}).status_code == 200, "it was good before"


def test_another_key_on_the_same_connection_sees_its_own(served):
    key, _ = served.application.services.tokens.create("elsewhere", tenant="other")
    with served.client() as http:
        for _ in range(3):
            assert http.post(LIST, json={}).json()["total"] == HELD
            assert http.post(LIST, json={}, headers={"Authorization": f"Token {key}"}).json()["total"] == 0


def test_one_that_dies_is_replaced(served):
    pids = {each.process.pid for each in served.processes._running}
    with served.client() as http:
        http.post(LIST, json={})
        before = requests(served)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: served.processes._running == [])
    with served.client() as http:  # The connection from before may end in the middle of a request, as its process did.
        assert http.post(LIST, json={}).json()["total"] == HELD
        until(lambda: requests(served) == before + 1)  # What they had counted is not forgotten.
    until(lambda: not served.processes._starting)
    served.processes._start_next = 0.0
    start(served)
    with served.client() as http:
        assert http.post(LIST, json={}).json()["total"] == HELD
        served.await_passed(1)


def requests(served) -> float:
    """How many lists were answered, as the metrics say."""
    headers = {"Authorization": f"Token {served.application.local_key}"}
    text = httpx.get(f"{served.url}/metrics", headers=headers, trust_env=False).text
    found = re.findall(r'casbah_requests_total\{method="POST",route="/api/v1/activities",status="200"\} (\S+)', text)
    return sum(map(float, found))


def test_metrics_count_what_all_of_them_answer(served):
    before = requests(served)
    with ExitStack() as stack:
        for http in [stack.enter_context(served.client()) for _ in range(4)]:
            for _ in range(5):
                http.post(LIST, json={})
        served.await_passed(4)
        assert requests(served) == before + 20


def test_a_server_that_is_told_to_stop_says_so_everywhere(served):
    with served.client() as http:
        http.post(LIST, json={})
        served.application.services.leaving.set()
        answer = http.post(LIST, json={})
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")


def test_none_is_left_once_the_server_has_stopped(tmp_path):
    with serving(tmp_path) as served:
        start(served)
        pids = [each.process.pid for each in served.processes._running]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    "given, there",
    [
        ({}, 3),
        ({"search_processes": "0"}, 0),
        ({"throttle": "30/minute"}, 0),
        ({"mimic": "mdca", "throttle": "off"}, 0),
        ({"mimic_fail": "502:0.1"}, 0),
        ({"audit": "all"}, 0),
        ({"cluster": "opensearch+http://localhost:9200"}, 0),
    ],
)
def test_there_are_none_where_something_is_for_one_place(given, there):
    assert wanted(settings.read({}, **{"search_processes": "3", **given})) == there


def test_a_tenant_that_cannot_be_opened_is_its_own_trouble_alone(opened, tmp_path):
    """Its index is damaged on disk, where both processes and the owner find it."""
    with serving(tmp_path / "damaged") as first:
        key, _ = first.application.services.tokens.create("damaged", tenant="damaged")
        with httpx.Client(base_url=first.url, headers={"Authorization": f"Token {key}"}, trust_env=False) as http:
            assert http.post(INGEST, json=record(1)).json()["stored"] == 1
        healthy = first.key
    for meta in (tmp_path / "damaged" / "tenants" / "damaged").rglob("meta.json"):
        meta.write_text("{")
    served = opened("damaged")
    start(served)
    for each in (key, healthy):
        served.application.services.authenticator.attempts.good(digest(each))
    with (
        httpx.Client(base_url=served.url, headers={"Authorization": f"Token {key}"}, trust_env=False) as broken,
        httpx.Client(base_url=served.url, headers={"Authorization": f"Token {healthy}"}, trust_env=False) as whole,
    ):
        for n in range(3):
            assert broken.post(LIST, json={}).status_code == 500
            assert whole.post(INGEST, json=record(HELD + n)).json()["stored"] == 1
            assert whole.post(LIST, json={}).json()["total"] == HELD + n + 1
        served.await_passed(2)


def test_clients_behind_a_proxy_are_passed_on_too(served):
    key, _ = served.application.services.tokens.create("behind", tenant="default")
    headers = {"Authorization": f"Token {key}", "X-Forwarded-For": "10.1.2.3"}
    with httpx.Client(base_url=served.url, headers=headers, trust_env=False) as http:
        for _ in range(2):
            assert http.post(LIST, json={}).status_code == 200
        served.await_passed(1)


def test_no_process_has_more_connections_than_it_may_have_files(served):
    served.processes._room = 1
    with ExitStack() as stack:
        clients = [stack.enter_context(served.client()) for _ in range(4)]
        assert {http.post(LIST, json={}).json()["total"] for http in clients * 2} == {HELD}
        served.await_passed(2)


def test_one_that_cannot_be_started_is_tried_again_later(opened, monkeypatch, caplog):
    served = opened()

    def refuse(_):
        raise OSError("no more processes")

    with monkeypatch.context() as patched:
        patched.setattr("multiprocessing.context.SpawnProcess._Popen", staticmethod(refuse))
        served.processes._starting = True
        served.processes._started()
        until(lambda: not served.processes._starting)
    assert "no more processes" in caplog.text
    assert served.processes._start_next > time.monotonic()
    with served.client() as http:
        assert http.post(LIST, json={}).json()["total"] == HELD
    start(served)


def test_a_forced_end_does_not_wait(served):
    begun = time.monotonic()
    running = list(served.processes._running)
    served.processes.end(lambda: True)
    assert time.monotonic() - begun < 20
    assert not any(each.process.is_alive() for each in running)


def test_what_an_issuer_vouches_for_is_for_the_owner():
    authenticator = Authenticator(None, digest("local"), FailedSignIns(None, clock=lambda: 0), issuer=object())
    for key in ("a.b.c", "known"):
        authenticator.attempts.good(digest(key))
    assert [authenticator.known(f"Bearer {key}") for key in ("a.b.c", "known", "unknown", "local")] == [
        False,
        True,
        False,
        False,
    ]
