"""The server for the tests of clients, and each evidence of other servers: off alone, on alone, and all of them by preset."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from casbah.client import Casbah, ClientError, Retry
from casbah.settings import SETTINGS
from casbah.testing.records import records
from casbah.testing.server import MisuseError
from casbah.testing.server import casbah_server as serving

LIST = "/api/v1/activities/"
EXAMPLE = (
    (Path(__file__).parents[2] / "docs" / "mimic.md").read_text("utf-8").partition("```python\n")[2].partition("```")[0]
)
DAY_MS = 86_400_000


def now() -> int:
    return time.time_ns() // 1_000_000


def ask(server, path=LIST, **body):
    return httpx.post(server.url + path, json=body, headers=server.headers, verify=False)  # noqa: S501  there is no TLS


def test_an_empty_server(casbah_server):
    assert (ask(casbah_server).status_code, ask(casbah_server).json()["data"]) == (200, [])


@pytest.mark.casbah(seed=12, ties=4)
def test_a_seeded_server(casbah_server):
    data = ask(casbah_server, sortDirection="asc").json()["data"]
    assert [data[0]["timestamp"] - each["timestamp"] for each in data] == [0] * 4 + [-1_000] * 4 + [-2_000] * 4


def test_records_are_always_the_same(casbah_server):
    filled = casbah_server.fill(7, until=1_700_000_000_000, step=5)
    assert [each["timestamp"] - 1_700_000_000_000 for each in filled] == [-30, -25, -20, -15, -10, -5, 0]
    stored = ask(casbah_server, sortDirection="asc").json()["data"]
    assert [{key: each[key] for key in filled[0]} for each in stored] == filled


def test_samples_are_what_the_documents_say():
    samples = records(1_200, ties=40, until=1_700_000_000_000)
    assert set(Counter(row["user"]["userName"] for row in samples).values()) == {240}
    assert set(Counter(row["appId"] for row in samples).values()) == {400}
    assert samples[251]["_id"] == f"{samples[251]['timestamp']}_00000251"
    assert samples[251]["device"]["clientIP"].endswith(".2")
    assert all(json.dumps(row, ensure_ascii=False).isascii() and row["location"]["countryCode"] for row in samples)


@pytest.mark.casbah(seed=120)
@pytest.mark.parametrize(
    ("name", "value", "total"),
    [
        ("actionType", "FileDownloaded", 30),
        ("activity.eventActionType", "EVENT_CATEGORY_LOGIN", 30),
        ("user.username", "eva@contoso.com", 24),
        ("service", 20893, 40),
        ("location.country", "DE", 40),
        ("ip.address", "192.0.2.0/24", 40),
        ("entity", {"id": "ben@contoso.com"}, 24),
    ],
)
def test_filters_find_sample_activities_by_the_documented_values(casbah_server, name, value, total):
    assert ask(casbah_server, filters={name: {"eq": [value]}}).json()["total"] == total


def test_two_servers_side_by_side_know_nothing_of_each_other():
    with serving() as one, serving() as two:
        one.fill(3)
        assert (ask(one).json()["total"], ask(two).json()["total"]) == (3, 0)
        assert httpx.get(two.url + LIST, headers=one.headers).status_code == 401


def test_it_tells_what_was_asked(casbah_server):
    casbah_server.fill(1)
    httpx.get(casbah_server.url + "/api/v1/activities/a%20b/?x=1", headers=casbah_server.headers)
    ask(casbah_server, limit=3)
    first, second = casbah_server.requests
    assert (first.method, first.path, first.query, first.status) == ("GET", "/api/v1/activities/a%20b/", "x=1", 404)
    assert (second.method, second.json, second.status) == ("POST", {"limit": 3}, 200)


def test_a_record_that_is_none_is_the_tests_own_mistake(casbah_server):
    with pytest.raises(MisuseError, match="1 activities were refused"):
        casbah_server.add([{"_id": "a", "timestamp": "never"}])


def test_a_setting_that_is_none_is_not_passed_over():
    with (
        pytest.raises(MisuseError, match="no setting is called 'mimick'; did you mean 'mimic'"),
        serving(mimick="mdca"),
    ):
        pass


class Following:
    """A client that survives: it asks again, and goes on to the end."""

    def __init__(self, url, token):
        self.client = Casbah(url, token=token, retry=Retry(attempts=6))

    def everything(self):
        with self.client as casbah:
            return [record["_id"] for record in casbah.activities.scan(direction="asc")]


class Impatient(Following):
    """It gives up at the first 502."""

    def __init__(self, url, token):
        self.client = Casbah(url, token=token, retry=Retry(attempts=1))


class Backwards(Following):
    """It goes from the newest on, and so does not see what comes while it is under way."""

    def everything(self):
        with self.client as casbah:
            return [record["_id"] for record in casbah.activities.scan(direction="desc")]


class Overlapping(Following):
    """It asks for each millisecond of a page's end once more."""

    def everything(self):
        found = super().everything()
        return [*found, found[-1]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "client, error",
    [(Following, None), (Impatient, ClientError), (Backwards, AssertionError), (Overlapping, AssertionError)],
)
def test_the_example_of_the_documents_tells_good_clients_from_others(client, error):
    names = {"my_client": client}
    exec(compile(EXAMPLE, "docs/mimic.md", "exec"), names)  # noqa: S102  what the document shows
    example = names["test_my_client_survives"]
    (mark,) = example.pytestmark
    options = dict(mark.kwargs)
    seed, ties = options.pop("seed"), options.pop("ties")
    with serving(**options) as server:
        server.fill(seed, ties=ties)
        if error is None:
            example(server)
        else:
            with pytest.raises(error):
                example(server)


def test_a_plain_script_can_fill_a_server(tmp_path):
    """Without `if __name__ == "__main__"`: no other process may run it again."""
    script = tmp_path / "script.py"
    script.write_text(
        "from casbah.testing.server import casbah_server\n"
        "print('started')\n"
        "with casbah_server() as server:\n"
        "    print(len(server.fill(1_300)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n1300\n", "")


def test_what_needs_mimic_says_so(casbah_server):
    with pytest.raises(MisuseError, match="--mimic mdca"):
        casbah_server.next(502)


def test_the_preset_is_what_its_rows_say():
    rows = {row.name: row for row in SETTINGS.values() if row.mdca is not None}
    assert set(rows) == {"throttle", "mimic_page_limit", "mimic_list_end", "mimic_window", "mimic_scan_total", "mimic_list_totals", "mimic_form_errors"}  # fmt: skip
    assert all(row.evidence.startswith(("D: ", "C: ", "O: ")) for row in rows.values())


@pytest.mark.casbah(mimic="mdca", seed=40)
def test_the_preset_throttles_as_mdca_does(casbah_server):
    statuses = [ask(casbah_server).status_code for _ in range(32)]
    assert statuses == [200] * 30 + [429] * 2
    refused = ask(casbah_server)
    assert 55 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Policy"] == '"tenant";q=30;w=60'
    assert refused.headers["RateLimit"] == f'"tenant";r=0;t={refused.headers["Retry-After"]}'
    casbah_server.fill(1)  # The owner's own requests are not counted, and pass.


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_a_quirk_of_the_preset_can_be_switched_off_alone(casbah_server):
    answers = [ask(casbah_server) for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any(name.startswith("ratelimit") for answer in answers for name in answer.headers)


@pytest.mark.casbah(throttle="2/hour")
def test_answers_say_what_is_left(casbah_server):
    answers = [ask(casbah_server), httpx.get(casbah_server.url + LIST + "none/", headers=casbah_server.headers)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=1", "r=0"]
    assert ask(casbah_server).status_code == 429


@pytest.mark.casbah(mimic_list_end="110", seed=130)
@pytest.mark.parametrize(
    "skip, limit, listed",
    [
        (0, None, 100),
        (10, None, 100),
        (11, None, 0),
        (10, 100, 100),
        (109, 1, 1),
        (110, 1, 0),
        (0, 110, 110),
        (0, 250, 0),
    ],
)
def test_a_list_ends_where_skip_and_limit_reach(casbah_server, skip, limit, listed):
    answer = ask(casbah_server, skip=skip, **({} if limit is None else {"limit": limit}))
    refusal = f"skip: skip + limit is at most 110, got {skip} + {limit or 100}; scan (isScan) to go further"
    wanted = {"detail": refusal} if not listed else {**answer.json(), "hasNext": True, "total": 130}
    assert (answer.status_code, answer.json()) == (200 if listed else 400, wanted)
    assert len(answer.json().get("data", ())) == listed
    assert len(ask(casbah_server, skip=skip, limit=limit, isScan=True).json()["data"]) == 130


@pytest.mark.casbah(mimic_page_limit="100", seed=130)
def test_a_page_as_small_as_the_documentation_says(casbah_server):
    sizes = [len(ask(casbah_server, limit=limit).json()["data"]) for limit in (0, 99, 100, 101, 250, 5_000)]
    assert sizes == [100, 99, 100, 100, 100, 100]
    assert len(ask(casbah_server, limit=500, isScan=True).json()["data"]) == 130


@pytest.mark.casbah(mimic="mdca", throttle="off", seed=260)
def test_a_page_as_large_as_clients_have_seen(casbah_server):
    assert [len(ask(casbah_server, limit=limit).json()["data"]) for limit in (0, 250, 251)] == [100, 250, 250]


@pytest.mark.casbah(mimic_window="30d")
def test_what_happened_before_the_window_is_not_found(casbah_server):
    old, new = (
        {"_id": name, "timestamp": now() - days * DAY_MS, "appId": 1} for name, days in (("old", 31), ("new", 29))
    )
    casbah_server.add([old, new])
    assert [each["_id"] for each in ask(casbah_server).json()["data"]] == ["new"]
    assert [each["_id"] for each in ask(casbah_server, isScan=True).json()["data"]] == ["new"]
    assert ask(casbah_server, LIST + "count/", filters={"service": {"eq": 1}}).json()["total"] == 1


@pytest.mark.casbah(mimic_scan_total="off", seed=3)
def test_a_scan_without_its_total(casbah_server):
    assert list(ask(casbah_server, isScan=True).json()) == ["data", "hasNext"]
    assert ask(casbah_server).json()["total"] == 3


@pytest.mark.casbah(mimic_total="20", seed=123, ties=10)
def test_totals_that_are_approximate_say_so(casbah_server):
    answers = [ask(casbah_server), ask(casbah_server, isScan=True), ask(casbah_server, LIST + "count/")]
    assert [answer.json()["total"] for answer in answers] == [120] * 3
    assert [answer.headers["Casbah-Total"] for answer in answers] == ["approximate"] * 3
    few = ask(casbah_server, filters={"service": {"eq": 1}})
    assert (few.json()["total"], "Casbah-Total" in few.headers) == (0, False)
    last = ask(casbah_server, skip=100)
    assert (len(last.json()["data"]), last.json()["hasNext"]) == (23, False), "the page is exact whatever the total"


@pytest.mark.slow
@pytest.mark.casbah(mimic_late="5s")
def test_activities_that_are_seen_late(casbah_server):
    casbah_server.add([{"_id": "a", "timestamp": 1_000, "appId": 1}])
    hidden = [ask(casbah_server).json()["total"], ask(casbah_server, LIST + "count/").json()["total"]]
    fetched = httpx.get(casbah_server.url + LIST + "a/", headers=casbah_server.headers)
    assert (hidden, fetched.status_code) == ([0, 0], 404)
    end = time.monotonic() + 30
    while ask(casbah_server).json()["total"] == 0 and time.monotonic() < end:
        time.sleep(0.2)
    assert ask(casbah_server, LIST + "count/").json()["total"] == 1
    assert httpx.get(casbah_server.url + LIST + "a/", headers=casbah_server.headers).status_code == 200


@pytest.mark.casbah(mimic_slow="300ms")
def test_slow_answers(casbah_server):
    begun = time.monotonic()
    ask(casbah_server)
    assert time.monotonic() - begun >= 0.3


@pytest.mark.slow
@pytest.mark.casbah(mimic_fail="429:0.2,502:0.2,504:0.2")
def test_answers_that_fail_by_chance(casbah_server):
    answers = [ask(casbah_server) for _ in range(100)]
    assert {answer.status_code for answer in answers} == {200, 429, 502, 504}
    for answer in answers:
        kind = "text/html" if answer.status_code in (502, 504) else "application/json"
        assert answer.headers["content-type"].startswith(kind)
        assert ("Retry-After" in answer.headers) == (answer.status_code == 429)


@pytest.mark.casbah(mimic="mdca", throttle="off", seed=2)
def test_answers_that_fail_on_demand(casbah_server):
    casbah_server.next(502, {"status": 429, "retryAfter": 7}, {"slow": 200}, 504)
    begun = time.monotonic()
    answers = [ask(casbah_server) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [502, 429, 200, 504, 200]
    assert answers[1].json() == {"detail": "Request was throttled. Expected available in 7 seconds."}
    assert (answers[1].headers["Retry-After"], "502 Bad Gateway" in answers[0].text) == ("7", True)
    assert time.monotonic() - begun >= 0.2


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_events_that_arrive_amid_the_requests(casbah_server):
    casbah_server.late([{"_id": "b", "timestamp": now(), "appId": 1}], after=2)
    totals = [ask(casbah_server).json()["total"] for _ in range(4)]
    assert totals == [0, 0, 1, 1]


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_events_that_cannot_be_stored_are_refused_when_they_are_announced(casbah_server):
    with pytest.raises(MisuseError, match=r"400 .*line 2 cannot be stored: "):
        casbah_server.late(
            [{"_id": "b", "timestamp": now(), "appId": 1}, {"_id": "c", "timestamp": "never", "appId": 1}]
        )
    assert [ask(casbah_server).json()["total"] for _ in range(2)] == [0, 0]


def test_what_an_activity_lacks_is_named(casbah_server):
    with pytest.raises(MisuseError, match=r"1 activities were refused; an activity needs `timestamp`, and `_id` or"):
        casbah_server.add([{"_id": "a", "timestamp": now()}, {"timestamp": now()}])
    for count, ties in ((-1, 1), (3, 0)):
        with pytest.raises(MisuseError, match="expected 0 or more activities and 1 or more ties"):
            casbah_server.fill(count, ties=ties)


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_another_tenants_requests_are_left_alone(casbah_server):
    other = {"Authorization": f"Token {casbah_server.create_token('other', tenant='other')}"}
    casbah_server.next(502)
    assert httpx.post(casbah_server.url + LIST, headers=other).status_code == 200
    assert ask(casbah_server).status_code == 502


REFUSED = [
    pytest.param("answers", {}, "answers: expected a list of 1 to 1000 objects, got null", id="no answers"),
    pytest.param("answers", {"answers": [502]}, "expected objects with status, slow or retryAfter", id="a bare status"),
    pytest.param(
        "answers", {"answers": [{"statsu": 502}]}, "unknown key 'statsu'; did you mean 'status'", id="a misspelled key"
    ),
    pytest.param("answers", {"answers": [{"status": 200}]}, "status: expected 400 to 599, got 200", id="no failure"),
    pytest.param("answers", {"answers": [{"status": 600}]}, "status: expected at most 599, got 600", id="no status"),
    pytest.param("answers", {"answers": [{"slow": -1}]}, "slow: expected 0 or more", id="quicker than at once"),
    pytest.param("arrivals?after=x", {}, "after: expected an integer", id="after no number"),
    pytest.param("arrivals?source=x", {}, "unknown source 'x'", id="an unknown source"),
]


@pytest.mark.casbah(mimic="mdca")
@pytest.mark.parametrize("path, body, detail", REFUSED)
def test_what_cannot_befall_a_request(casbah_server, path, body, detail):
    refused = ask(casbah_server, f"/api/ext/v1/mimic/{path}", **body)
    assert (refused.status_code, detail in refused.json()["detail"]) == (400, True), refused.text


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_what_was_to_befall_can_be_taken_back(casbah_server):
    casbah_server.next(502, 502)
    casbah_server.late([{"_id": "b", "timestamp": 500, "appId": 1}], after=0)
    httpx.delete(casbah_server.url + "/api/ext/v1/mimic", headers=casbah_server.headers)
    assert (ask(casbah_server).status_code, ask(casbah_server).json()["data"]) == (200, [])


@pytest.mark.casbah(mimic="mdca", throttle="off")
def test_it_tells_the_bodies_of_requests_that_failed_too(casbah_server):
    casbah_server.next(503)
    ask(casbah_server, limit=3)
    httpx.post(casbah_server.url + LIST, json={"limit": 4}, headers={"Authorization": "Token none"})
    assert [(request.status, request.json) for request in casbah_server.requests] == [
        (503, {"limit": 3}),
        (401, {"limit": 4}),
    ]


def test_it_does_not_wait_for_requests_that_nobody_waits_for():
    with serving(mimic="mdca") as server:
        server.next({"slow": 20_000})
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(server.url + LIST, headers=server.headers, timeout=0.2)
        left = time.monotonic()
    assert time.monotonic() - left < 10
