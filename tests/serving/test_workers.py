"""A server of several processes: the same answers from each, of what has just been stored too; and what happens when one fails."""

import json
import os
import random
import re
import signal
import socket
import ssl
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.cookies import SimpleCookie
from types import SimpleNamespace

import httpx
import pytest

from casbah import settings
from casbah.serving import worker
from casbah.serving.processes import several
from casbah.store.embedded.schema import PERIOD_BITS
from disks import fill, small_disk
from making import NOW, record
from serving.conftest import (
    INGEST,
    LIST,
    SECONDS,
    STORED,
    announcement,
    command,
    copy_of,
    environment,
    is_alive,
    serving,
    until,
)

OTHERS = {"filters": {"service": {"neq": [900013]}}}
"""Activities but for Casbah's own acts."""

FEEDBACK = "/api/v1/activities/activity-7/feedback"
FEEDBACK_LIST = "/api/ext/v1/activities/activity-7/feedback"
SESSION, TOKENS, QUERIES = "/api/ext/v1/session", "/api/ext/v1/tokens", "/api/ext/v1/queries"
DELETE, TAIL = "/api/ext/v1/activities/delete", "/api/ext/v1/tail"
READING = (
    ("POST", LIST, {"limit": 7, "skip": 3}),
    ("GET", LIST, None),
    ("POST", "/cas/api/v1/activities", {"filters": {"service": {"eq": 11161}}}),
    ("POST", LIST, {"isScan": True, "limit": 20}),
    ("POST", "/api/v1/activities/count/", {}),
    ("POST", "/cas/api/v1/archived_activities/count", {}),
    ("GET", "/api/v1/archived_activities/", None),
    ("GET", "/api/v1/activities/activity-7/", None),
    ("GET", "/api/v1/activities/metadata", None),
    ("POST", "/api/ext/v1/facets/", {"fields": ["service"]}),
    ("POST", "/api/ext/v1/histogram/", {}),
    ("GET", "/api/v1/subnet/", None),
    ("GET", "/livez", None),
)
"""What a worker answers by itself."""

REFUSED = (
    ("POST", LIST, {"filters": {"nonsense": {"eq": 1}}}),
    ("POST", LIST, {"limit": -1}),
    ("GET", "/api/v1/activities/nobody/", None),
    ("POST", "/api/v1/activities/activity-7/", {}),
    ("GET", "/api/nowhere", None),
    ("GET", "/nowhere", None),
)
PROXIED = (
    ("GET", QUERIES, None),
    ("GET", "/api/ext/v1/retention", None),
    ("GET", FEEDBACK_LIST, None),
    ("POST", "/api/ext/v1/changes", {"limit": 3}),
    ("POST", QUERIES, {"nonsense": 1}),
    ("POST", DELETE, {"nonsense": 1}),
    ("GET", "/readyz", None),
)


def total(client: httpx.Client, body: object = None) -> int:
    answer = client.post(LIST, json=body or {})
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["total"]
    return number


# --- The same answers ---


@pytest.mark.parametrize("method, path, body", READING + REFUSED + PROXIED)
def test_each_worker_answers_as_a_single_process(kept, single, method, path, body):
    answers = [client.request(method, path, json=body) for client in (*kept.client_of_each(), single.client())]
    assert [answer.status_code for answer in answers] == [answers[-1].status_code] * 3
    assert {answer.content for answer in answers} == {answers[-1].content}
    names = [sorted(answer.headers) for answer in answers]
    assert names == [names[-1]] * 3


def test_workers_read_without_the_writer(kept):
    """Otherwise it would answer everything, and no worker would be of use."""
    clients = kept.client_of_each()
    expected = {
        (client, case[1], str(case[2])): client.request(*case[:2], json=case[2]).content
        for client in clients
        for case in READING
    }
    writer = kept.writer
    os.kill(writer, signal.SIGSTOP)
    try:
        for client in clients:
            for method, path, body in READING:
                assert client.request(method, path, json=body).content == expected[client, path, str(body)]
            with pytest.raises(httpx.ReadTimeout):
                client.get(QUERIES, timeout=0.2)
    finally:
        os.kill(writer, signal.SIGCONT)
    assert kept.writer == writer


# --- Read your writes ---


@pytest.mark.slow
def test_what_was_acknowledged_is_seen_on_every_connection(kept):
    clients = kept.client_of_each(kept.tenant("acknowledged"))
    for n in range(30):
        period = (n % 3) << PERIOD_BITS
        stored = clients[n % len(clients)].post(INGEST, json=record(n, timestamp=NOW - n - period))
        assert stored.json()["stored"] == 1
        for client in (*reversed(clients), *clients):
            page = client.post(LIST, json={"limit": 100}).json()
            assert page["total"] == n + 1
            times = [activity["timestamp"] for activity in page["data"]]
            assert len(times) == n + 1
            assert times == sorted(times, reverse=True)


def test_what_was_deleted_is_gone_on_every_connection(kept):
    clients = kept.client_of_each(kept.tenant("deleted", count=STORED))
    assert [total(client) for client in clients] == [STORED] * len(clients)
    chosen = {"filters": {"activity.id": {"eq": "activity-7"}}}
    assert clients[0].post(DELETE, json={**chosen, "dryRun": True}).status_code == 200
    assert [total(client) for client in clients] == [STORED] * len(clients)
    assert clients[0].post(DELETE, json={**chosen, "dryRun": False}).status_code == 200
    for client in clients:
        assert total(client, OTHERS) == STORED - 1
        assert client.get("/api/v1/activities/activity-7/").status_code == 404


def test_what_is_revoked_is_refused_at_once_on_every_connection(kept):
    for place in (0, 1):
        key = kept.tenant(f"revoked {place}".replace(" ", "-"))
        clients = kept.client_of_each(key)
        assert [client.post(LIST, json={}).status_code for client in clients] == [200, 200]
        (token,) = [row for row in kept.client(key).get(TOKENS).json()["data"] if not row.get("revoked")]
        assert kept.client(**{"Casbah-Tenant": f"revoked-{place}"}).delete(f"{TOKENS}/{token['id']}").status_code == 200
        assert [client.post(LIST, json={}).status_code for client in clients[:: 1 - 2 * place]] == [401, 401]


def test_a_new_token_is_good_at_once_on_every_connection(kept):
    clients = kept.client_of_each()
    for n in range(4):
        headers = {"Authorization": f"Token {kept.tenant(f'new-{n}')}"}
        assert [client.post(LIST, json={}, headers=headers).status_code for client in clients] == [200, 200]


def test_signing_out_ends_the_session_on_every_connection(kept):
    key = kept.tenant("browser", count=3)
    browser = {"Origin": kept.url, "Sec-Fetch-Site": "same-origin"}
    clients = kept.client_of_each("", **browser)
    answer = clients[0].post(SESSION, json={"token": key})
    assert answer.status_code == 200, answer.text
    cookie = {"Cookie": f"casbah_session={SimpleCookie(answer.headers['set-cookie'])['casbah_session'].value}"}
    for client in clients:
        client.cookies.clear()
        assert client.post(LIST, json={}, headers=cookie).json()["total"] == 3
        assert client.get(SESSION, headers=cookie).json()["tenant"] == "browser"
    foreign = {**cookie, "Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert [client.post(LIST, json={}, headers=foreign).status_code for client in clients] == [403, 403]
    assert clients[1].delete(SESSION, headers=cookie).status_code == 200
    assert [client.post(LIST, json={}, headers=cookie).status_code for client in clients] == [401, 401]


def test_ranges_are_there_and_label_activities_of_every_connection(kept):
    clients = kept.client_of_each(kept.tenant("ranged"))
    office = {"name": "Office", "category": 1, "subnets": ["10.0.0.0/8"], "organization": "Contoso"}
    serial = iter(range(100))

    def labels(client: httpx.Client) -> str | None:
        activity = record(next(serial), device={"clientIP": "10.1.2.3"})
        assert client.post(INGEST, json=activity).json()["stored"] == 1
        stored = client.get(f"/api/v1/activities/{activity['_id']}/").json()
        label: str | None = stored.get("location", {}).get("organizationSearchable")
        return label

    for creator in clients:
        assert [labels(client) for client in clients] == [None, None]
        range_id = creator.post("/api/v1/subnet/create_rule", json=office).json()
        assert [client.get("/api/v1/subnet/").json()["total"] for client in clients] == [1, 1]
        assert [labels(client) for client in clients] == ["Contoso", "Contoso"]
        changed = {**office, "organization": "Fabrikam"}
        assert creator.post(f"/api/v1/subnet/{range_id}/update_rule", json=changed).status_code == 200
        assert [labels(client) for client in clients] == ["Fabrikam", "Fabrikam"]
        assert creator.delete(f"/api/v1/subnet/{range_id}").status_code == 200
        assert [client.get("/api/v1/subnet/").json()["total"] for client in clients] == [0, 0]


def test_feedback_is_seen_on_every_connection(kept):
    clients = kept.client_of_each(kept.tenant("feedback", count=STORED))
    commented = {"filters": {"activity.id": {"eq": "activity-7"}}}
    for n, giver in enumerate(clients):
        assert giver.post(FEEDBACK, json={"feedbackText": f"text {n}"}).status_code == 200
        for client in clients:
            entries = client.get(FEEDBACK_LIST).json()["data"]
            assert [entry["feedbackText"] for entry in entries] == [f"text {number}" for number in range(n + 1)]
            assert total(client, commented) == 1


@pytest.mark.slow
def test_a_duplicate_is_one_whichever_connection_brings_it(kept):
    clients = kept.client_of_each(kept.tenant("duplicates"))
    for n in range(10):
        for place in range(4):
            client = clients[place % 2]
            summary = client.post(INGEST, json=record(n)).json()
            assert (summary["stored"], summary["duplicates"]) == ((0, 1) if place else (1, 0))
            assert client.post(LIST, json={"limit": 1}).json()["total"] == n + 1
    lines = b"\n".join(json.dumps(record(1_000 + n, text="much " * 400)).encode() for n in range(2_500))
    summary = clients[0].post(INGEST, content=lines + b"\n{}\nnothing").json()
    assert (summary["stored"], summary["duplicates"], len(summary["refused"])) == (2_500, 0, 2)
    assert {total(client) for client in clients} == {10 + 2_500}


@pytest.mark.slow
def test_many_at_once_are_each_told_of_their_own(kept):
    key = kept.tenant("many")
    clients = [kept.client(key) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:

        def ingest(n: int) -> dict[str, int]:
            one: dict[str, int] = clients[n % 16].post(INGEST, json=[record(n - n % 2), record(10_000 + n)]).json()
            return one

        summaries = list(pool.map(ingest, range(200)))
        again = list(pool.map(ingest, range(200)))
    assert sum(summary["stored"] for summary in summaries) == 100 + 200
    assert {summary["stored"] + summary["duplicates"] for summary in summaries} == {2}
    assert {summary["stored"] for summary in summaries} == {1, 2}
    assert {(summary["stored"], summary["duplicates"]) for summary in again} == {(0, 2)}
    assert total(clients[0]) == 300


def test_another_key_on_the_same_connection_sees_its_own(kept):
    keys = {kept.tenant(f"size-{count}", count=count): count for count in (2, 5)}
    for client in kept.client_of_each():
        for _ in range(3):
            for key, count in keys.items():
                assert client.post(LIST, json={}, headers={"Authorization": f"Token {key}"}).json()["total"] == count


# --- HTTP, byte for byte ---

VARYING = re.compile(rb"(?im)^(date|x-request-id): .*\r\n")
CHUNKED = b'7\r\n{"limit\r\n5\r\n": 2}\r\n0\r\n\r\n'


def request(
    line: bytes, *headers: bytes, body: bytes = b"", length: bool = True, bearer: bytes = b"Authorization: Token <key>"
) -> bytes:
    framed = (b"Content-Length: %d" % len(body),) if body and length else ()
    lines = (line + b" HTTP/1.1", b"Host: localhost", *((bearer,) if bearer else ()), *headers, *framed, b"", b"")
    return b"\r\n".join(lines) + body


LISTS, CHANGES = LIST.encode(), b"/api/ext/v1/changes"
LAST = request(b"GET /livez", b"Connection: close", bearer=b"")
PLAIN = (
    request(b"POST " + LISTS, body=b'{"limit": 3}'),
    request(b"POST " + LISTS, body=b'{"limit": 100, "skip": 5}'),
    request(b"POST " + LISTS, body=b'{"isScan": true, "limit": 30}'),
    request(b"POST " + LISTS, body=b'{"filters": {"nonsense": {"eq": 1}}}'),
    request(b"POST " + LISTS, body=b'{"limit": '),
    request(b"POST " + LISTS, body=b'{"limit": 1, "padding": "' + b"x" * 200_000 + b'"}'),
    request(b"GET " + LISTS + b"?limit=2&skip=1"),
    request(b"GET /api/v1/activities/activity-7/"),
    request(b"GET /api/v1/activities/nobody"),
    request(b"POST /api/ext/v1/histogram", body=b"{}"),
    request(b"GET " + QUERIES.encode()),
    request(b"GET " + QUERIES.encode() + b"/"),
    request(b"GET " + FEEDBACK_LIST.encode()),
    request(b"GET /api/ext/v1/sessions"),
    request(b"GET /readyz", bearer=b""),
    request(b"POST " + CHANGES, body=b'{"limit": 2}'),
    request(b"POST " + CHANGES, body=b'{"limit": 1, "padding": "' + b"x" * 200_000 + b'"}'),
)
ODD = (
    request(b"GET /api/ext/v1/session"),
    request(b"GET /livez", bearer=b""),
    request(b"GET /nowhere"),
    request(b"PUT " + LISTS, body=b"{}"),
    request(b"PUT " + QUERIES.encode(), body=b"{}"),
    request(b"GET " + LISTS, bearer=b""),
    request(b"GET " + LISTS, bearer=b"Authorization: Token " + b"0" * 80),
    request(b"GET " + LISTS, bearer=b"Authorization: Bearer a.b.c"),
    request(b"GET " + LISTS, bearer=b"Authorization: \xff\xfe"),
    request(b"GET " + QUERIES.encode(), bearer=b""),
    request(b"GET " + QUERIES.encode(), bearer=b"Authorization: \xff\xfe"),
    request(b"GET " + LISTS, b"Cookie: a=b"),
    request(b"GET " + QUERIES.encode(), b"Cookie: a=b"),
    request(b"GET " + QUERIES.encode(), b"X-Empty:", b"X-Spaces:   a  b  ", b"X-Bytes: \xe4\xf6"),
    *(request(b"POST " + path, b"Transfer-Encoding: chunked", body=CHUNKED, length=False) for path in (LISTS, CHANGES)),
    *(request(b"POST " + path, b"content-length:   2", body=b"{}", length=False) for path in (LISTS, CHANGES)),
    *(
        request(b"GET " + path, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ")
        for path in (LISTS, CHANGES)
    ),
    *(request(b"GET " + path, b"TE: trailers", b"Keep-Alive: timeout=5") for path in (LISTS, CHANGES)),
    *(request(b"GET " + path, b"Accept-Encoding: gzip") for path in (LISTS, CHANGES)),
    *(request(b"GET " + path, b"Casbah-Tenant: other") for path in (LISTS, CHANGES)),
    request(b"GET /api/v1/activities/activity%2D7/"),
    request(b"GET /api/v1/activities/%ff%00"),
    request(b"GET /api/ext/v1/activities/activity%2D7/feedback"),
    request(b"GET /api/ext/v1/activities/a%2Fb/feedback"),
    request(b"GET /api/ext/v1/activities/%E4%F6/feedback"),
    request(b"GET /api/ext/v1/exports/..%2F..%2Fx"),
    request(b"GET /api/ext/v1/exports/../queries"),
    request(b"GET /api/ext/v1/exports/%3Fa=b"),
    request(b"GET /api/ext/v1/exports/a;b:c@d!$&'()*+,[]|~"),
    request(b"GET /api/ext/v1/exports/%25%20%zz%"),
    request(b"GET /api//ext/v1/queries"),
    request(b"GET //api/ext/v1/queries"),
    request(b"GET //"),
    request(b"GET //elsewhere.example/api/ext/v1/queries"),
    request(b"GET http://elsewhere.example/api/ext/v1/queries?x=1"),
    request(b"GET http://elsewhere.example/api/v1/activities"),
    request(b"GET " + CHANGES + b"?limit=1&x=\xe4\xf6"),
    request(b"GET " + CHANGES + b"?limit=1&x=%E4%F6"),
    request(b"GET " + CHANGES + b"?limit=1&x=a+b%2Bc"),
    request(b"GET " + CHANGES + b"?limit=1&limit=2"),
    request(b"GET " + CHANGES + b"?"),
    request(b"GET " + CHANGES + b"??limit=1"),
    request(b"GET " + CHANGES + b"?limit=1#fragment"),
    request(b"GET " + LISTS + b"?limit=1&x=\xe4\xf6"),
    request(b"GET " + CHANGES + b"?cursor=" + b"x" * 20_000),
    *(
        request(b"HEAD " + path)
        for path in (LISTS, CHANGES, QUERIES.encode(), b"/livez", b"/readyz", b"/nowhere", b"/")
    ),
    request(b"OPTIONS " + QUERIES.encode()),
    request(b"OPTIONS *"),
    request(b"DELETE " + QUERIES.encode() + b"/nobody"),
    request(b"DELETE " + QUERIES.encode() + b"/nobody?dryRun=true"),
    request(b"POST " + QUERIES.encode()),
    request(b"POST " + QUERIES.encode(), b"Content-Length: 0"),
    request(b"POST " + QUERIES.encode(), body=b"\xff\xfe"),
    request(b"POST " + QUERIES.encode(), b"Content-Type: application/x-www-form-urlencoded", body=b"b=c&b=d"),
    request(b"GET " + CHANGES, body=b'{"limit": 2}'),
    request(b"POST /api/ext/v1/session", b"Sec-Fetch-Site: same-origin", body=b'{"token": "none"}', bearer=b""),
    request(b"POST /api/ext/v1/session", b"Sec-Fetch-Site: cross-site", body=b'{"token": "none"}', bearer=b""),
    request(b"POST /internal/state", body=b"x"),
    request(b"POST /internal/insert", body=b"x"),
    request(b"POST /internal/insert", b"casbah-internal-call: x", body=b"x"),
)
BROKEN = (
    request(b"GET " + CHANGES).replace(b"\r\n", b"\n"),
    request(b"POST " + CHANGES, b"Content-Length: 3", b"Content-Length: 2", body=b"{}", length=False),
    request(b"POST " + CHANGES, b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"{}", length=False),
    request(b"POST " + CHANGES, b"Transfer-Encoding: gzip", body=b"{}", length=False),
    request(b"POST " + CHANGES, b"Transfer-Encoding: chunked", body=b"nothing\r\n", length=False),
    request(b"GET " + CHANGES, b"Authorization: Token x"),
    request(b"GET " + CHANGES).replace(b"HTTP/1.1", b"HTTP/2.0"),
    request(b"GET " + CHANGES).replace(b"Host: localhost\r\n", b""),
    b"nonsense\r\n\r\n",
)


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def rest(connection: socket.socket) -> bytes:
    """All that comes until the other end closes."""
    received = b""
    try:
        while more := connection.recv(65_536):
            received += more
    except ConnectionResetError:
        pass
    return received


def answers(port: int, key: str, text: bytes, cuts: list[int] | None = None) -> bytes:
    """The answers to requests that are sent in parts, without what differs each time."""
    text = text.replace(b"<key>", key.encode())
    places = [place for place in cuts or [] if place < len(text)]
    with connected(port) as connection:
        try:
            for begin, end in zip([0, *places], [*places, len(text)], strict=True):
                connection.sendall(text[begin:end])
                time.sleep(0.001 if places else 0)  # So that the parts come apart.
        except OSError:  # It refuses the rest.
            pass
        return VARYING.sub(b"", rest(connection))


def parts(text: bytes) -> list[bytes]:
    """The heads and bodies of answers, with each head's lines in order of name."""
    pieces = text.split(b"\r\n\r\n")
    return [b"\r\n".join(sorted(piece.split(b"\r\n"))) for piece in pieces]


@pytest.fixture(scope="module")
def keys(_kept, _single) -> tuple[str, str]:
    """Keys of a tenant that both servers have, with the same activities in the same order."""
    both = _kept.tenant("http", count=STORED), _single.tenant("http", count=STORED)
    _kept.close_clients()
    _single.close_clients()
    return both


@pytest.mark.slow
@pytest.mark.parametrize(
    "raw", [*PLAIN, *ODD, *BROKEN], ids=lambda raw: raw[:60].decode("latin-1").encode("unicode_escape").decode()
)
def test_a_request_is_answered_as_by_a_single_process(kept, single, keys, raw):
    text = raw + LAST
    several_answers, expected = (parts(answers(*case, text)) for case in ((kept.port, keys[0]), (single.port, keys[1])))
    assert several_answers == expected
    assert expected[0]


@pytest.mark.slow
def test_every_sequence_is_answered_as_by_a_single_process(kept, single, keys):
    for seed in range(40):
        dice = random.Random(seed)
        sequence = dice.choices((*PLAIN, *PLAIN, *ODD), k=dice.randint(2, 6))
        if dice.random() < 0.2:
            sequence.append(dice.choice(BROKEN))
        if dice.random() < 0.3:
            new = json.dumps(record(1_000 + seed)).encode()
            sequence.insert(dice.randrange(len(sequence)), request(b"POST " + INGEST.encode(), body=new))
        text = b"".join((*sequence, LAST))
        cuts = sorted(dice.sample(range(1, len(text)), dice.randint(0, 8)))
        several_answers = parts(answers(kept.port, keys[0], text, cuts))
        expected = parts(answers(single.port, keys[1], text, cuts))
        assert several_answers == expected, sequence


def test_a_client_that_reads_slowly_gets_all_of_it(kept):
    """Of an answer of a worker, of one that it passes on, and of what comes after them."""
    key = kept.tenant("slow")
    activities = [record(n, text="z" * 90_000) for n in range(30)]
    for place in range(0, 30, 10):
        assert kept.client(key).post(INGEST, json=activities[place : place + 10]).json()["stored"] == 10
    sequence = [
        request(b"POST " + LISTS, body=b'{"limit": 100}'),
        request(b"POST " + CHANGES, body=b'{"limit": 100}'),
        request(b"GET /api/ext/v1/session"),
        LAST,
    ]
    with connected(kept.port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.sendall(b"".join(sequence).replace(b"<key>", key.encode()))
        received = b""
        while more := connection.recv(16_384):
            if len(received) < 100_000:
                time.sleep(0.01)  # This is what slow means.
            received += more
    assert received.count(b"HTTP/1.1 200 OK") == 4
    assert received.count(b"z" * 90_000) == 60


@pytest.mark.parametrize(
    "path, body, status", [(QUERIES, b'{"name": "expected", "filters": {}}', 201), (LIST, b"{}", 200)]
)
def test_a_client_that_expects_100_continue_is_told_to(kept, path, body, status):
    key = kept.tenant(f"expecting-{status}")
    head = request(
        b"POST " + path.encode(), b"Expect: 100-continue", b"Content-Length: %d" % len(body), b"Connection: close"
    )
    with connected(kept.port) as connection:
        connection.sendall(head.replace(b"<key>", key.encode()))
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert rest(connection).startswith(b"HTTP/1.1 %d " % status)


HALF_CLOSED = [
    pytest.param(b"POST " + LISTS, b'{"limit": 1}', 200, False, id="read by the worker"),
    pytest.param(b"POST " + INGEST.encode(), json.dumps(record(1_000)).encode(), 200, False, id="ingest"),
    pytest.param(b"POST " + FEEDBACK.encode(), b'{"feedbackText": "half"}', 200, False, id="a change"),
    pytest.param(b"POST " + QUERIES.encode(), b'{"name": "half", "filters": {}}', 201, False, id="a saved query"),
    pytest.param(b"GET " + FEEDBACK_LIST.encode(), b"", 200, False, id="read by the writer"),
    pytest.param(b"GET /livez", b"", 200, False, id="no store"),
    pytest.param(b"GET " + LISTS, b"", 401, False, id="a bad key"),
    pytest.param(b"POST " + LISTS, b'{"limit": 1}', 200, True, id="read by the worker, chunked"),
    pytest.param(b"POST " + INGEST.encode(), json.dumps(record(1_000)).encode(), 200, True, id="ingest, chunked"),
    pytest.param(b"POST " + FEEDBACK.encode(), b'{"feedbackText": "half"}', 200, True, id="a change, chunked"),
    pytest.param(
        b"POST " + QUERIES.encode(), b'{"name": "half", "filters": {}}', 201, True, id="a saved query, chunked"
    ),
]


@pytest.mark.parametrize("line, body, status, chunked", HALF_CLOSED)
def test_a_complete_request_is_answered_though_the_client_sends_no_more(kept, line, body, status, chunked):
    key = kept.tenant(f"half-{time.monotonic_ns()}", count=10)
    raw = request(line, body=body)
    if chunked:
        raw = request(
            line, b"Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), length=False
        )
    raw = raw.replace(b"<key>", b"0" * 80 if status == 401 else key.encode())
    with connected(kept.port) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        assert rest(connection).startswith(b"HTTP/1.1 %d " % status)
    client = kept.client(key)
    if INGEST.encode() in line:
        assert client.get("/api/v1/activities/activity-1000/").status_code == 200
    if FEEDBACK.encode() in line:
        assert [entry["feedbackText"] for entry in client.get(FEEDBACK_LIST).json()["data"]] == ["half"]
    if line.startswith(b"POST " + QUERIES.encode()):
        assert [query["name"] for query in client.get(QUERIES).json()["data"] if query["own"]] == ["half"]


# --- Streams ---


@contextmanager
def tailing(client: httpx.Client) -> Iterator[Iterator[str]]:
    """The lines of a stream that has begun."""
    with client.stream("GET", TAIL) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        assert next(lines) == ": casbah"
        yield lines


def test_a_stream_passes_on_activities_as_they_are_stored(kept):
    key, serial = kept.tenant("streamed"), iter(range(100))
    for client in kept.client_of_each(key):
        with tailing(client) as lines:
            other = kept.client(key)
            for n in range(5):
                activity = record(next(serial))
                assert other.post(INGEST, json=activity).json()["stored"] == 1
                data = next(line for line in lines if line.startswith("data: "))
                assert json.loads(data[6:])["_id"] == activity["_id"], n


@pytest.mark.parametrize("way", ["as a browser", "by a reset", "and is sent more"])
def test_a_client_that_leaves_a_stream_frees_the_writers_connection(kept, way):
    """A connection that is closed could be half-closed only: a browser never does that, and others are sent more first."""
    key = kept.tenant(f"left-{len(way)}")
    browser = (b"Sec-Fetch-Site: same-origin",) if way == "as a browser" else ()
    raw = request(b"GET " + TAIL.encode(), *browser).replace(b"<key>", key.encode())
    other = kept.client(key)
    assert total(other) == 0
    with ExitStack() as stack:
        streams = [stack.enter_context(connected(kept.port)) for _ in range(30)]
        for stream in streams:
            stream.sendall(raw)
        for stream in streams:
            received = b""
            while b"\n\n" not in received.partition(b"\r\n\r\n")[2]:
                received += stream.recv(10_000)
        maximum = kept.at_writer
        assert maximum >= 30
        if way == "by a reset":
            for stream in streams:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    serial = iter(range(1_000))

    def freed() -> bool:
        if way == "and is sent more":
            assert other.post(INGEST, json=record(next(serial))).json()["stored"] == 1
        return kept.at_writer <= maximum - 20  # Of 30; those that what is sent more needs may be new.

    until(freed, 12)  # The next sign of life of a stream would come after 15 s.


def test_a_client_that_leaves_before_its_body_is_sent_frees_the_writers_connection(kept):
    key = kept.tenant("partly")
    client = kept.client(key)
    assert client.get(QUERIES).status_code == 200
    with ExitStack() as stack:
        before = kept.at_writer
        for _ in range(30):
            connection = stack.enter_context(connected(kept.port))
            head = request(b"POST " + QUERIES.encode(), b"Content-Length: 1000")
            connection.sendall(head.replace(b"<key>", key.encode()) + b'{"name": "partly",')
        until(lambda: kept.at_writer >= before + 25)
    until(lambda: kept.at_writer <= before, 10)
    assert [query["name"] for query in client.get(QUERIES).json()["data"] if query["own"]] == []


# --- Who asks ---


@pytest.fixture(scope="module")
def _trusting(tmp_path_factory):
    chosen = {"trusted_proxies": "127.0.0.1", "bad_keys": "3/hour", "audit": "changes"}
    with serving(tmp_path_factory.mktemp("trusting") / "store", count=STORED, **chosen) as running:
        yield running


@pytest.fixture
def trusting(_trusting):
    """A server that trusts a proxy, and counts bad keys."""
    yield _trusting
    _trusting.close_clients()


def acts(client: httpx.Client) -> list[dict[str, str]]:
    page = client.post(LIST, json={"filters": {"service": {"eq": [900013]}}}).json()
    return [act["device"] for act in page["data"]]


def test_clients_behind_a_proxy_are_seen_with_their_address(trusting):
    key = trusting.tenant("forwarded")
    for place, client in enumerate(trusting.client_of_each(key)):
        for address in (f"10.1.2.{place}", f"2001:db8::{place + 1}"):
            query = {"name": address, "filters": {}}
            assert client.post(QUERIES, json=query, headers={"X-Forwarded-For": address}).status_code == 201
            assert acts(client)[0]["clientIP"] == address
        assert client.post(LIST, json={}, headers={"X-Forwarded-For": "nonsense"}).status_code == 400
        assert client.get(QUERIES, headers={"X-Forwarded-For": "nonsense"}).status_code == 400


FORGED = ("casbah-internal-peer", "Casbah-Internal-Peer")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORGED)
def test_a_client_cannot_set_the_address_that_a_worker_passes_on(kept_audited, name):
    key = kept_audited.tenant(f"forged-{FORGED.index(name)}")
    headers = {
        name: "10.6.6.6 1",
        "casbah-internal-scheme": "https",
        "casbah-internal-proxy": "x",
        "X-Forwarded-For": "10.6.6.7",
    }
    for client in kept_audited.client_of_each(key):
        assert client.post(QUERIES, json={"name": str(id(client)), "filters": {}}, headers=headers).status_code == 201
        assert acts(client)[0]["clientIP"] == "127.0.0.1"
        assert "strict-transport-security" not in client.get(QUERIES, headers=headers).headers


@pytest.fixture(scope="module")
def kept_audited(tmp_path_factory):
    """A server that trusts no proxy, and keeps acts."""
    with serving(tmp_path_factory.mktemp("audited") / "store", audit="changes") as running:
        yield running


@pytest.mark.slow
def test_a_forwarded_scheme_is_passed_on(trusting):
    """Over TLS, a session's cookie is Secure."""
    key = trusting.tenant("secure")
    for client in trusting.client_of_each(""):
        for scheme in ("http", "https"):
            headers = {"X-Forwarded-Proto": scheme, "Sec-Fetch-Site": "same-origin"}
            cookie = client.post(SESSION, json={"token": key}, headers=headers).headers["set-cookie"]
            assert ("Secure" in cookie) == (scheme == "https")


def test_bad_keys_are_counted_for_the_whole_server(trusting):
    clients = trusting.client_of_each()
    address = {"X-Forwarded-For": "10.9.9.9"}

    def status(n: int, path: str = LIST) -> int:
        headers = {**address, "Authorization": f"Token {n:080x}"}
        answer = clients[n % 2].get(path, headers=headers)
        assert ("retry-after" in answer.headers) == (answer.status_code == 429)
        return answer.status_code

    assert [status(n, QUERIES if n == 1 else LIST) for n in range(6)] == [401, 401, 401, 429, 429, 429]
    for client in clients:
        assert client.post(LIST, json={}, headers=address).status_code == 200, "a good key is never refused"
        other = {"X-Forwarded-For": "10.9.9.10", "Authorization": "Token x"}
    assert clients[0].get(LIST, headers=other).status_code == 401


# --- Processes ---


def test_connections_are_spread_evenly(kept):
    assert sum(kept.connections.values()) == 0
    clients = [kept.client() for _ in range(8)]
    for client in clients:
        client.get("/livez")
    counts = kept.connections
    assert counts.pop(kept.writer) == 0
    assert sum(counts.values()) == 8
    assert set(counts.values()) <= {3, 4, 5}


def test_the_writers_socket_is_for_its_user_alone(kept):
    assert stat.S_IMODE(kept.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.socket.parent.stat().st_mode) == 0o700
    assert kept.socket.stat().st_uid == os.geteuid()


def test_workers_can_make_no_call_of_the_writer_without_the_secret(kept):
    """Even who can open the socket."""
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(kept.socket)), base_url="http://writer") as client:
        for path in ("/internal/insert", "/internal/state", "/internal/counts"):
            answer = client.post(path, content=b"\x80\x04N.", headers={"casbah-internal-call": "0" * 64})
            assert answer.status_code == 404
        assert client.get(QUERIES, headers={"casbah-internal-peer": "10.6.6.6 1"}).status_code == 401


REQUESTS = re.compile(r'casbah_requests_total\{method="POST",route="/api/v1/activities",status="200"\} (\S+)')


def requests(client: httpx.Client) -> float:
    """How many lists all processes have answered, as the metrics say."""
    return sum(map(float, REQUESTS.findall(client.get("/metrics").text)))


@pytest.mark.slow
def test_metrics_sum_over_the_processes(opened):
    running = opened()
    clients = running.client_of_each()
    for client in clients:
        for _ in range(5):
            assert total(client) == 0
    for client in clients:
        until(lambda asker=client: requests(asker) == 10, 5)
    victim, survivor = running.workers
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(running.children) == 3 and victim not in running.children)
    assert requests(running.client()) == 10, "what it has counted is kept"
    # A client connects again, to any process, if the server has closed its connection after some seconds.
    clients = (running.client() for _ in range(100))
    replacement = next(client for client in clients if running.client_at(client) != survivor)
    assert total(replacement) == 0
    until(lambda: requests(replacement) == 11, 5)


def test_a_worker_tells_its_counts_when_they_change_and_to_a_new_writer(monkeypatch):
    told, counted, seconds = [], [1], [0.0]
    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    counts = worker.CountReporter(lambda: list(counted), SimpleNamespace(tell=lambda _, counts: told.append(counts)))
    for moment in (100.0, 101.0, 102.0):
        seconds[0] = moment
        counts.tell()
    assert told == [[1]]
    counted[0] = 2
    counts.tell()
    assert told == [[1], [2]]
    seconds[0] = 113.0  # Meanwhile the writer may have started again.
    counts.tell()
    assert told == [[1], [2], [2]]


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(opened):
    running = opened(count=STORED)
    client = running.client_of_each()[0]
    writer, workers = running.writer, running.workers
    victim = running.client_at(client)
    (other,) = [one for one in running.client_of_each() if running.client_at(one) != victim]
    os.kill(victim, signal.SIGKILL)
    until(lambda: not is_alive(victim))
    assert total(other) == STORED
    assert running.client_at(other) in workers
    for _ in range(4):
        assert total(running.client()) == STORED
    until(lambda: len(running.workers) == 2)
    assert running.writer == writer
    clients = running.client_of_each()
    assert victim not in [running.client_at(one) for one in clients]
    stored = [one.post(INGEST, json=record(STORED + n)).json()["stored"] for n, one in enumerate(clients)]
    assert stored == [1, 1]
    assert [total(one) for one in clients] == [STORED + 2] * 2
    assert "the worker" in running.log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_worker_that_hangs_is_replaced(opened):
    running = opened(count=STORED, worker_timeout="2s")
    victim, other = running.workers
    os.kill(victim, signal.SIGSTOP)
    until(lambda: not is_alive(victim), 15)
    until(lambda: len(running.workers) == 2)
    assert other in running.workers
    assert [total(client) for client in running.client_of_each()] == [STORED] * 2
    assert "has not reacted for" in running.log.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_process_that_is_busy_or_idle_is_not_replaced(opened):
    running = opened(count=STORED, worker_timeout="2s")
    before = running.children
    assert len(before) == 3
    end = time.monotonic() + 3
    lines = b"\n".join(json.dumps(record(1_000 + n, text="much " * 400)).encode() for n in range(1_000))
    clients = running.client_of_each()
    while time.monotonic() < end:
        for client in clients:
            assert client.post(INGEST, content=lines).status_code == 200
            assert total(client) == STORED + 1_000
    assert running.children == before


def ingesting(
    client: httpx.Client, numbers: Iterator[int], stop: threading.Event
) -> tuple[set[int], list[httpx.Response]]:
    """Store one activity after another: the numbers that were acknowledged, and the answers that refuse others."""
    stored, refused = set(), []
    while not stop.is_set():
        number = next(numbers)
        answer = client.post(INGEST, json=record(number))
        if answer.status_code == 200:
            stored.add(number)
        else:
            refused.append(answer)
            stop.wait(0.02)
    return stored, refused


@pytest.mark.slow
def test_while_the_writer_is_gone_reading_continues_and_nothing_acknowledged_is_lost(opened):
    running = opened(count=STORED)
    readers, writers = running.client_of_each(), running.client_of_each()
    stream = running.client()
    before = running.writer
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        numbers = [iter(range(1_000 + place, 10**9, 2)) for place in (0, 1)]
        running_ingests = [pool.submit(ingesting, client, numbers[n], stop) for n, client in enumerate(writers)]
        os.kill(running.process.pid, signal.SIGSTOP)  # It replaces the writer only after all that is read meanwhile.
        try:
            with pytest.raises(httpx.RemoteProtocolError), tailing(stream) as lines:  # noqa: PT012  the loop raises
                next(line for line in lines if line.startswith("data: "))
                os.kill(before, signal.SIGKILL)
                for _ in lines:  # A stream that is broken off must not look complete.
                    pass
            gone = [(client, client.get(QUERIES)) for client in readers]
            for client, answer in gone:
                assert answer.status_code == 503, answer.text
                assert int(answer.headers["retry-after"]) > 0
                assert answer.json() == {"detail": "the process that stores activities is starting again; try again"}
                assert client.post(LIST, json={"limit": 1}).json()["total"] >= STORED
                assert client.get("/api/v1/activities/activity-7/").status_code == 200
            os.kill(running.process.pid, signal.SIGCONT)
            until(lambda: [client.get(QUERIES).status_code for client in readers] == [200, 200])
        finally:
            os.kill(running.process.pid, signal.SIGCONT)
            stop.set()
        outcomes = [one.result(SECONDS) for one in running_ingests]
    assert running.writer != before
    for stored, refused in outcomes:
        assert stored
        assert refused
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    for client in running.client_of_each():
        for stored, _ in outcomes:
            present = [client.get(f"/api/v1/activities/activity-{number}/").status_code for number in stored]
            assert set(present) == {200}
        assert client.post(INGEST, json=record(next(numbers[0]))).json()["stored"] == 1


@pytest.mark.slow
def test_a_writer_that_hangs_is_replaced(opened):
    running = opened(count=STORED, worker_timeout="2s")
    clients = running.client_of_each()
    before, workers = running.writer, running.workers
    os.kill(before, signal.SIGSTOP)
    assert [total(client) for client in clients] == [STORED] * 2
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(client.post, INGEST, json=record(STORED + n)) for n, client in enumerate(clients)]
        changing = running.client().post(QUERIES, json={"name": "q", "filters": {}})
        statuses = [answer.result(SECONDS).status_code for answer in waiting]
    assert (changing.status_code, set(statuses)) == (503, {503})
    assert not is_alive(before)
    until(lambda: [client.get(QUERIES).status_code for client in clients] == [200, 200])
    assert (set(running.workers), running.writer != before) == (set(workers), True)
    assert [client.post(INGEST, json=record(100 + n)).json()["stored"] for n, client in enumerate(clients)] == [1, 1]
    assert [total(client) for client in clients] == [STORED + 2] * 2


@pytest.mark.slow
def test_sigterm_ends_all_processes(opened):
    running = opened()
    pids = [running.process.pid, *running.children]
    assert len(pids) == 4
    socket_folder = running.socket.parent
    for client in running.client_of_each():
        assert total(client) == 0
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert not any(is_alive(pid) for pid in pids)
    assert not (running.store / "server.json").exists()
    assert not socket_folder.exists()
    with pytest.raises(ConnectionRefusedError):
        connected(running.port)


@pytest.mark.slow
def test_while_it_drains_each_process_says_so_and_finishes_what_is_under_way(opened):
    running = opened(drain="1h")
    clients = running.client_of_each()
    stream, late = running.client(), connected(running.port)
    body = b'{"name": "late", "filters": {}}'
    head = request(b"POST " + QUERIES.encode(), b"Content-Length: %d" % len(body)).replace(
        b"<key>", running.key.encode()
    )
    with late, tailing(stream) as lines:
        late.sendall(head + body[:10])
        running.process.send_signal(signal.SIGTERM)
        until(lambda: running.client().get("/readyz").status_code == 503)
        for path in (LIST, QUERIES):
            for client in clients:
                answer = client.get(path)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        for _ in lines:  # It ends, as it should.
            pass
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGTERM)
        until(lambda: _refuses(running.port))
        late.sendall(body[10:])
        assert rest(late).startswith(b"HTTP/1.1 201 ")
    assert running.process.wait(30) == 0


def _refuses(port: int) -> bool:
    try:
        with connected(port) as connection:
            connection.settimeout(0.2)
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            return not connection.recv(1)
    except OSError:
        return True


@pytest.mark.slow
def test_if_the_supervisor_is_killed_nothing_is_left(opened):
    running = opened()
    pids = running.children
    running.process.kill()
    running.process.wait(SECONDS)
    until(lambda: not any(is_alive(pid) for pid in pids), 10)
    assert len(pids) == 3
    again = opened(count=STORED)  # The store is free.
    assert total(again.client()) == STORED


def test_with_one_worker_no_other_process_is_started(single):
    assert total(single.client()) == STORED
    assert single.children == []


@pytest.mark.parametrize(
    "chosen, expected",
    [
        ({}, True),
        ({"workers": "1"}, False),
        ({"throttle": "30/minute"}, False),
        ({"mimic": "mdca", "throttle": "off"}, False),
        ({"mimic_fail": "502:0.1"}, False),
        ({"audit": "all"}, False),
        ({"audit": "changes"}, True),
        ({"cluster": "opensearch+http://localhost:9200"}, True),
    ],
)
def test_one_process_suffices_where_something_is_counted_in_one_place(chosen, expected):
    assert several(settings.read({}, **{"workers": "3", **chosen})) == expected


# --- Trouble ---


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kept", "single"])
def test_a_store_that_another_process_holds_is_an_error_of_the_command(request, name):
    holder = request.getfixturevalue(name)
    outcomes = [failing(holder.store, workers=workers) for workers in ("1", "2")]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] != 0
    assert f"is in use by process {holder.process.pid};" in outcomes[0][1]
    assert total(holder.client()) == STORED
    assert announcement(holder.store)["pid"] == holder.process.pid


@pytest.mark.slow
def test_a_store_of_another_format_is_an_error_of_the_command(tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    (store / "format.json").write_text('{"format": 99, "fields": []}', encoding="utf-8")
    outcomes = [failing(store, workers=workers) for workers in ("1", "2")]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] != 0
    assert "has format 99" in outcomes[0][1]


def failing(store, **chosen: str) -> tuple[int, str]:
    """The exit code and messages of a server that does not start."""
    ended = subprocess.run(
        command(store, **chosen), env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_damaged_tenant_is_its_own_trouble_alone(opened, tmp_path):
    first = opened()
    broken, whole = (first.tenant(name, count=1) for name in ("damaged", "healthy"))
    first.process.terminate()
    assert first.process.wait(30) == 0
    copy = copy_of(first.store, tmp_path / "copy")
    damaged = list((copy / "tenants" / "damaged").rglob("meta.json"))
    assert damaged
    for file in damaged:
        file.write_text("{", encoding="utf-8")
    running = opened("copy")
    sick, well = running.client_of_each(broken), running.client_of_each(whole)
    for n in range(3):
        assert [client.post(LIST, json={}).status_code for client in sick] == [500, 500]
        assert [client.post(INGEST, json=record(100)).status_code for client in sick] == [500, 500]
        stored = [
            client.post(INGEST, json=record(10 * n + place + 1)).json()["stored"] for place, client in enumerate(well)
        ]
        assert stored == [1, 1]
        assert [total(client) for client in well] == [2 * n + 3] * 2


@pytest.mark.slow
def test_a_full_disk_is_said_where_activities_are_ingested_and_reading_continues(tmp_path):
    with (
        small_disk(tmp_path / "disk", mebibytes=48) as disk,
        serving(disk / "store", count=STORED) as running,
    ):
        clients = running.client_of_each()
        filler = fill(disk)
        large, serial = record(10**6, noise="x" * 30_000), iter(range(10**5, 10**6))
        until(lambda: clients[0].post(INGEST, json=record(next(serial), noise="x" * 30_000)).status_code != 200)
        for client in clients:
            answer = client.post(INGEST, json=large)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "the store cannot be written to now" in answer.json()["detail"]
            assert total(client) >= STORED
            assert not client.get("/readyz").json()["writable"]
        filler.unlink()
        until(lambda: clients[0].post(INGEST, json=record(next(serial))).status_code == 200)
        assert [client.post(INGEST, json=record(2 * 10**6)).json()["stored"] for client in clients] == [1, 0]


# --- TLS ---


@pytest.mark.slow
def test_tls_works_with_several_workers(opened, certificate):
    chain, key = certificate
    running = opened(count=0, tls_certificate=str(chain), tls_key=str(key))
    assert running.url.startswith("https://")
    context = ssl.create_default_context(cafile=str(chain))
    seen = set()
    with ExitStack() as stack:
        for n in range(6):
            connection = stack.enter_context(connected(running.port))
            secure = stack.enter_context(context.wrap_socket(connection, server_hostname="log.example"))
            text = request(b"POST " + QUERIES.encode(), body=b'{"name": "q%d", "filters": {}}' % n)
            secure.sendall(text.replace(b"<key>", running.key.encode()))
            secure.sendall((request(b"GET " + LISTS) + LAST).replace(b"<key>", running.key.encode()))
            until(lambda: sum(running.connections.values()))
            seen |= {pid for pid, count in running.connections.items() if count}
            text = rest(secure).lower()
            assert re.findall(rb"http/1\.1 (\d+)", text) == [b"201", b"200", b"200"]
            assert text.count(b"\r\nstrict-transport-security: ") == 3, "the writer knows the scheme"
    assert seen == set(running.workers)
    with connected(running.port) as plain:
        plain.sendall(LAST)
        assert b"HTTP/1.1 200" not in rest(plain)


def test_a_client_without_a_host_is_answered_by_the_writer_too(kept):
    with socket.create_connection(("127.0.0.1", kept.port), SECONDS) as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200")


def test_an_endless_body_of_nobody_known_is_refused_at_once(kept):
    head = f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Token wrong\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", kept.port), SECONDS) as connection:
        connection.sendall(head.encode() + b"5\r\nbegin\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 401")


@pytest.mark.slow
def test_a_body_larger_than_any_may_be_ends_on_its_way_to_the_writer(opened):
    running = opened(max_ingest_body="200000", max_body="100000")
    head = (
        f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Token {running.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), SECONDS) as connection:
        connection.sendall(head.encode())
        for _ in range(30):
            connection.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        assert connection.recv(1_000).startswith(b"HTTP/1.1 413")
