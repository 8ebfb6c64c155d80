"""The runner against servers that somebody else runs: as their owner, as a guest, and against one that is no Casbah."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from scenarios.foreign import Guest, as_guest, parameters
from scenarios.run import main
from scenarios.scenario import Scenario, Step, scenarios
from scenarios.server import serving

SCENARIOS = {each.file: each for each in scenarios()}
MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("store")) as (url, house):
        yield url, house.local_key


def asked(url, key, method, path, **content):
    answer = httpx.request(
        method, url + path, headers={"Authorization": f"Token {key}", **content.pop("headers", {})}, **content
    )
    return answer.raise_for_status().json()


def guest_of(server, tenant, count):
    """The key of somebody who may only read, in a tenant with so many records."""
    url, owner = server
    as_owner = {"Casbah-Tenant": tenant}
    lines = [{"_id": f"r/{n}", "timestamp": MS + n // 3, "created": MS + n // 7, "appId": n % 3} for n in range(count)]
    asked(
        url,
        owner,
        "POST",
        "/api/ext/v1/activities?source=mdca",
        content="\n".join(map(json.dumps, lines)),
        headers=as_owner,
    )
    made = {"name": "guest", "scopes": ["Investigation.read"], "tenant": tenant}
    return asked(url, owner, "POST", "/api/ext/v1/tokens", json=made)["token"]


def played(capsys, *arguments):
    """The exit status and what was said on standard output."""
    capsys.readouterr()
    status = main(arguments)
    return status, capsys.readouterr().out


def outcomes(text):
    return {(file, step["name"]): step for file, steps in json.loads(text)["files"].items() for step in steps}


@pytest.mark.slow
def test_an_owner_plays_all_but_what_needs_a_server_of_its_own(capsys, server):
    url, owner = server
    status, said = played(capsys, "--url", url, "--token", owner, "--only", "020,025,040,071,073", "--json")
    kinds = {(file, each["kind"]) for (file, _), each in outcomes(said).items()}
    assert (status, kinds) == (
        0,
        {(file, "as it says") for file in ("020-identity", "025-tokens", "040-list")}
        | {(file, "not asked") for file in ("071-throttle", "073-unavailable")},
    )


@pytest.mark.slow
def test_a_guest_asks_what_reads_and_changes_nothing(capsys, server):
    url, owner = server
    key = guest_of(server, "guests", 700)
    before = asked(url, key, "POST", "/api/v1/activities/count/")
    tokens = asked(url, owner, "GET", "/api/ext/v1/tokens")["total"]
    status, said = played(capsys, "--url", url, "--token", key, "--only", "010,020,03,040,05,06,07,08,09,1", "--json")
    found = outcomes(said)
    assert status == 0
    assert found["010-routes", "fetch answers the bare record"]["kind"] == "as it says"
    assert found["030-encodings", "what cannot be read says where"]["kind"] == "as it says"
    assert found["050-scan", "the same, oldest first"]["asked"] == 1
    assert found["090-ingest", "nothing at all"]["kind"] == "not asked"
    assert {each["kind"] for (file, _), each in found.items() if file == "100-public"} == {"not asked"}
    assert asked(url, key, "POST", "/api/v1/activities/count/") == before == {"total": 700, "moreThanTotal": False}
    assert asked(url, key, "GET", "/api/ext/v1/activities/r%2F699/feedback")["total"] == 0
    assert asked(url, owner, "GET", "/api/ext/v1/tokens")["total"] == tokens


def test_an_owner_may_be_taken_for_a_guest(capsys, server):
    url, owner = server
    status, said = played(capsys, "--url", url, "--token", owner, "--mdca", "--only", "040")
    assert status == 0
    assert "as a guest" in said
    assert "Casbah differs from MDCA here on purpose:\n  040-list: the total counts the filters, not the page" in said


def test_feedback_is_given_where_it_is_allowed(capsys, server):
    url, _ = server
    key = guest_of(server, "commented", 2)
    status, said = played(capsys, "--url", url, "--token", key, "--only", "080", "--feedback", "--json")
    assert status == 0
    assert outcomes(said)["080-feedback", "one of feedback, feedbackValue and feedbackText is enough"]["asked"] == 4
    assert asked(url, key, "GET", "/api/ext/v1/activities/r%2F1/feedback")["total"] == 9
    assert asked(url, key, "GET", "/api/ext/v1/activities/r%2F0/feedback")["total"] == 0


def test_where_there_is_no_activity_none_is_fetched(capsys, server):
    url, _ = server
    status, said = played(capsys, "--url", url, "--token", guest_of(server, "nobody", 0), "--only", "010")
    assert status == 0
    assert "not asked, there is no activity to ask for:\n  010-routes: fetch answers the bare record" in said


@pytest.mark.slow
def test_a_throttled_request_waits_as_it_is_told(capsys, tmp_path):
    with serving(tmp_path, throttle="3/second") as (url, house):
        key = guest_of((url, house.local_key), "hurried", 2)
        began = time.monotonic()
        status, said = played(capsys, "--url", url, "--token", key, "--only", "053", "--json")
    assert status == 0
    assert {outcome["kind"] for outcome in outcomes(said).values()} == {"as it says"}
    assert time.monotonic() - began > 1


def test_a_server_that_mimics_mdca_is_as_documented(capsys, tmp_path):
    """Its scans have no total, and its lists end at 5,000."""
    with serving(tmp_path, mimic="mdca", throttle="off", mimic_window="off") as (url, house):
        key = guest_of((url, house.local_key), "narrow", 1_100)
        status, said = played(capsys, "--url", url, "--token", key, "--only", "045,050,055", "--json")
    differing = {name: each["problems"] for name, each in outcomes(said).items() if each["problems"]}
    assert (status, differing) == (0, {})


@contextmanager
def answering(page, status=200):
    """A server that answers everything with one page."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps(page).encode()
            self.send_response(404 if "/ext/" in self.path else status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815  the names that http.server looks for

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as stranger:
        thread = threading.Thread(target=stranger.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{stranger.server_port}"
        finally:
            stranger.shutdown()
            thread.join()


OLD, NEW = {"_id": "a", "timestamp": 1, "created": 1}, {"_id": "b", "timestamp": 2, "created": 2}
PAGES = [
    pytest.param({"data": [OLD, NEW], "hasNext": False, "total": 2}, "not in the order asked for", id="order"),
    pytest.param(
        {"data": [NEW], "hasNext": True, "total": 9}, "a page before the last is not full", id="a page that is not full"
    ),
    pytest.param({"data": [NEW] * 150, "hasNext": False, "total": 150}, "more than 100 records", id="too many records"),
    pytest.param(
        {"data": [NEW, OLD], "hasNext": False, "total": 1}, "the total is less than the page", id="a total too small"
    ),
    pytest.param({"data": [NEW, OLD], "hasNext": False}, "total is not an integer", id="no total"),
    pytest.param({"data": [NEW], "hasNext": "no", "total": 1}, "hasNext is not a boolean", id="hasNext as text"),
    pytest.param(
        {"data": [NEW], "hasNext": False, "total": 1, "nextQueryFilters": {}},
        "nextQueryFilters where nothing is to come",
        id="filters",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("page, problem", PAGES)
def test_what_a_stranger_answers_otherwise_is_told(capsys, page, problem):
    with answering(page) as url:
        status, said = played(capsys, "--url", url, "--token", "x", "--only", "040")
    assert status == 1
    assert "not as it says, 040-list: limit is 100 by default (D, C; wire.md 4)" in said
    assert problem in said


def test_where_nothing_can_be_asked_it_says_why(capsys, server):
    url, _ = server
    assert main(["--url", "http://127.0.0.1:9"]) == 2
    assert main(["--url", url]) == 2
    assert main(["--only", "999"]) == 2
    with answering([]) as stranger:
        assert main(["--url", stranger]) == 2
    said = capsys.readouterr().err
    assert "answers 401 to a plain list" in said
    assert "no file begins with 999" in said
    assert "answers no list of activities" in said


@pytest.mark.parametrize(
    "request_, expected",
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"query": {"limit": "1"}, "json": {"limit": 2}}, {"limit": 2}, id="the body wins"),
        pytest.param({"path": "/api/v1/activities/?limit=1&limit=2"}, {"limit": "2"}, id="in the path"),
        pytest.param({"body": '{"limit": 3}'}, {"limit": 3}, id="JSON as text"),
        pytest.param({"body": "not JSON"}, None, id="a body that cannot be told"),
        pytest.param(
            {"raw": 'POST /x HTTP/1.1\nTransfer-Encoding: chunked\n\n9\r\n{"limit":\r\n2\r\n1}\r\n0\r\n\r\n'},
            {"limit": 1},
            id="in pieces",
        ),
        pytest.param({"filters": {"service": {}}}, {"filters": {"service": {}}}, id="filters"),
    ],
)
def test_what_a_request_asks(request_, expected):
    assert parameters(request_) == expected


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"method": "DELETE"}, id="a method that writes"),
        pytest.param({"path": "/api/v1/activities/x/"}, id="a POST to an activity"),
        pytest.param({"path": "/api/v1/activities/x/feedback"}, id="feedback"),
        pytest.param({"method": "PUT", "path": "/api/v1/activities/x/"}, id="a PUT to an activity"),
        pytest.param({"path": "/api/ext/v1/activities"}, id="ingest"),
        pytest.param({"path": "/api/v1/alerts/"}, id="another API"),
        pytest.param({"raw": "DELETE /api/v1/activities/ HTTP/1.1\nHost: x"}, id="bytes that write"),
        pytest.param({"token": "read"}, id="a token of its own"),
        pytest.param({"headers": {"Authorization": "Bearer ${jwt:x}"}}, id="a token of an issuer"),
        pytest.param({"json": {"filters": "${saved}"}}, id="what an earlier step found"),
    ],
)
def test_a_guest_does_not_ask(request_):
    scenario = Scenario("010", "x", [Step("step", "why", "D; wire.md 1", request_)])
    plan = as_guest(scenario, Guest("some-activity"))
    assert plan.scenario.steps == []
    assert list(plan.unasked) == ["step"]


def test_whatever_a_guest_asks_only_reads():
    for scenario in SCENARIOS.values():
        for step in as_guest(scenario, Guest("some-activity")).scenario.steps:
            for request, _ in step.asked():
                path = (
                    request.get("path", "/api/v1/activities/") if "raw" not in request else request["raw"].split(" ")[1]
                )
                method = request.get("method", "POST") if "raw" not in request else request["raw"].split(" ")[0]
                assert method in ("GET", "POST")
                assert "/ext/" not in path
                assert method == "GET" or path.rstrip("/").rpartition("/")[2].partition("?")[0] in (
                    "activities",
                    "count",
                )
