"""Processes that answer beside the one that owns the store: the same answers, of what was just stored too; who is let in, and when."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from casbah import settings
from casbah.serving.processes import wanted
from casbah.store.embedded.schema import PERIOD_BITS
from making import NOW, record
from serving.conftest import HELD, serving, start

LIST = "/api/v1/activities/"
READING = (
    ("POST", LIST, {"limit": 7, "skip": 3}),
    ("GET", LIST, None),
    ("POST", "/cas/api/v1/activities", {"filters": {"service": {"eq": 11161}}}),
    ("POST", LIST, {"isScan": True, "limit": 20}),
    ("POST", "/api/v1/activities/count/", {}),
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


def wait_until(so, *, seconds=30):
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until
        time.sleep(0.01)


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
            until = time.monotonic() + 60
            while not served.processes._running and time.monotonic() < until:
                totals = list(pool.map(lambda http: http.post(LIST, json={}).json()["total"], clients * 5))
                assert set(totals) == {HELD}
        assert len(served.processes._running) == 2
        for http in clients:
            http.post(LIST, json={})
        few, many = sorted(each.connections for each in served.processes._running)
        assert few >= 4 and many - few <= 1, "evenly"


@pytest.mark.parametrize("method, path, body", READING + REFUSED)
def test_the_answers_are_the_same(served, method, path, body):
    with served.client() as beside:
        beside.post(LIST, json={})
        assert served.passed == 1
        found = beside.request(method, path, json=body)
        assert served.passed == (path != "/api/v1/activities/activity-7/" or method == "GET")
    owner = {"Authorization": f"Token {served.house.local_key}"}
    with httpx.Client(base_url=served.url, headers=owner, trust_env=False) as http:
        wanted = http.request(method, path, json=body)
        assert served.passed <= 1, "whoever owns the data is answered by the owner"
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
        assert served.passed == 4


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
            assert http.post(LIST, json={}).json()["total"] == HELD - 1
            assert http.get("/api/v1/activities/activity-7/").status_code == 404


def test_a_connection_goes_to_and_fro_as_its_requests_need(served):
    with served.client() as http:
        for n in range(10):
            assert http.post(LIST, json={}).json()["total"] == HELD + n
            assert served.passed == 1
            assert http.post("/api/ext/v1/activities", params={"source": "mdca"}, json=record(HELD + n)).json()["stored"] == 1  # fmt: skip
            assert served.passed == 0
    wait_until(lambda: served.passed == 0)


def test_what_is_revoked_is_over_at_once(served):
    tokens = served.house.services.tokens
    key, token = tokens.create("other", tenant="default")
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}, trust_env=False) as http:
        for _ in range(2):
            assert http.post(LIST, json={}).status_code == 200
        assert served.passed == 1
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
    key, _ = served.house.services.tokens.create("elsewhere", tenant="other")
    with served.client() as http:
        for _ in range(3):
            assert http.post(LIST, json={}).json()["total"] == HELD
            assert http.post(LIST, json={}, headers={"Authorization": f"Token {key}"}).json()["total"] == 0


def test_one_that_dies_is_replaced(served):
    pids = {each.process.pid for each in served.processes._running}
    with served.client() as http:
        http.post(LIST, json={})
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: served.processes._running == [])
        assert http.post(LIST, json={}).json()["total"] == HELD
    served.processes._start_next = 0.0
    start(served)
    with served.client() as http:
        assert http.post(LIST, json={}).json()["total"] == HELD
        assert served.passed == 1


def test_metrics_count_what_all_of_them_answer(served):
    def requests() -> float:
        headers = {"Authorization": f"Token {served.house.local_key}"}
        text = httpx.get(f"{served.url}/metrics", headers=headers, trust_env=False).text
        found = re.findall(
            r'casbah_requests_total\{method="POST",route="/api/v1/activities",status="200"\} (\S+)', text
        )
        return sum(map(float, found))

    before = requests()
    with ExitStack() as stack:
        for http in [stack.enter_context(served.client()) for _ in range(4)]:
            for _ in range(5):
                http.post(LIST, json={})
        assert served.passed == 4
        assert requests() == before + 20


def test_a_server_that_is_told_to_stop_says_so_everywhere(served):
    with served.client() as http:
        http.post(LIST, json={})
        served.house.services.leaving.set()
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
