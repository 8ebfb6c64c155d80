"""Several servers on one cluster: what one of them knows all know, and one after the other may go and come back."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.cli.connection import running
from casbah.testing.records import records
from cluster.opening import Place
from making import NOW
from scenarios.inprocess import Asker

LIST, INGEST = "/api/v1/activities/", "/api/ext/v1/activities?source=mdca"
TOKENS, QUERIES, RULES, RANGES, SESSION = (
    "/api/ext/v1/tokens",
    "/api/ext/v1/queries",
    "/api/ext/v1/retention",
    "/api/v1/subnet/",
    "/api/ext/v1/session",
)


@contextmanager
def houses(place: Place, tmp_path: Path, **given: str) -> Iterator[list[compose.Application]]:
    """Two servers, each with a folder of its own."""
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            chosen = settings.read({}, cluster=place.address, store=str(tmp_path / name), audit="off", **given)
            made.append(stack.enter_context(compose.build(chosen, clock=lambda: NOW)))
        yield made


def body(**said: Any) -> bytes:
    return json.dumps(said).encode()


def test_a_token_is_good_at_every_server_and_revoked_at_all_at_once(place: Place, tmp_path: Path) -> None:
    with houses(place, tmp_path) as (one, two):
        made = Asker(one.app, one.local_key)("POST", TOKENS, body(name="a")).json
        other = Asker(two.app, made["token"])
        assert other("GET", LIST).status == 200
        assert other("DELETE", f"{TOKENS}/{made['id']}").status == 200
        assert [Asker(each.app, made["token"])("GET", LIST).status for each in (one, two)] == [401, 401]


def test_a_session_is_good_at_every_server_and_over_at_all_at_once(place: Place, tmp_path: Path) -> None:
    with houses(place, tmp_path) as (one, two):
        key = Asker(one.app, one.local_key)("POST", TOKENS, body(name="a")).json["token"]
        begun = Asker(one.app, None)("POST", SESSION, body(token=key), headers={"Sec-Fetch-Site": "same-origin"})
        cookie = {"Cookie": begun.headers["set-cookie"].split(";")[0], "Sec-Fetch-Site": "same-origin"}
        asks = [Asker(each.app, None) for each in (one, two)]
        assert [ask("GET", SESSION, headers=cookie).status for ask in asks] == [200, 200]
        assert asks[1]("DELETE", SESSION, headers=cookie).status == 200
        assert [ask("GET", SESSION, headers=cookie).status for ask in asks] == [401, 401]


def test_the_throttle_counts_what_all_servers_are_asked(place: Place, tmp_path: Path) -> None:
    with houses(place, tmp_path, throttle="5/minute") as (one, two):
        key = Asker(one.app, one.local_key)("POST", TOKENS, body(name="a")).json["token"]
        asks = [Asker(each.app, key) for each in (one, two)]
        answers = [asks[number % 2]("GET", LIST) for number in range(8)]
        assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
        assert [answer.headers["ratelimit"] for answer in answers[:5]] == [
            f'"tenant";r={left};t=60' for left in (4, 3, 2, 1, 0)
        ]


def test_ranges_queries_and_rules_are_everybody_s(place: Place, tmp_path: Path) -> None:
    drawn = {"name": "office", "subnets": ["198.51.100.0/24"], "category": 1}
    with houses(place, tmp_path) as (one, two):
        here, there = Asker(one.app, one.local_key), Asker(two.app, two.local_key)
        assert there("POST", RANGES, body()).json["total"] == 0
        told = there("POST", INGEST, json.dumps(records(1, until=NOW)[0]).encode())
        assert told.json["stored"] == 1
        assert here("POST", f"{RANGES}create_rule/", body(**drawn)).status == 200
        assert here("POST", QUERIES, body(name="mine", filters={}, shared=True)).status == 201
        assert here("POST", RULES, body(name="case", action="hold", everything=True)).status == 201
        assert there("POST", RANGES, body()).json["total"] == 1
        assert "mine" in [each["name"] for each in there("GET", QUERIES).json["data"]]
        assert [each["name"] for each in there("GET", RULES).json["data"]] == ["case"]
        # What the other server drew counts for what is stored here from now on.
        later = {**records(1, until=NOW + 1)[0], "_id": "later", "device": {"clientIP": "198.51.100.7"}}
        there("POST", INGEST, json.dumps(later).encode())
        asked = body(filters={"ip.category": {"eq": [1]}})
        assert [each["_id"] for each in here("POST", LIST, asked).json["data"]] == ["later"]


class Server:
    """A real process on the cluster, which can be told to stop and started again."""

    def __init__(self, place: Place, folder: Path, *, workers: str = "auto") -> None:
        folder.mkdir()
        self._folder = folder
        self._environment = {
            **os.environ,
            "CASBAH_CLUSTER": place.address,
            "CASBAH_STORE": str(folder),
            "CASBAH_PORT": "0",
            "CASBAH_WORKERS": workers,
            "CASBAH_DRAIN": "3s",
            "CASBAH_AUDIT": "off",
        }
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            command = [sys.executable, "-m", "casbah", "serve"]
            self._process = subprocess.Popen(command, env=self._environment, stderr=log)
        end = time.monotonic() + 60
        while (found := running(self._folder)) is None:
            assert time.monotonic() < end, (self._folder / "log").read_text()
            assert self._process.poll() is None, (self._folder / "log").read_text()
            time.sleep(0.05)
        self.url = found["url"]

    @property
    def children(self) -> list[int]:
        """Its processes: the writer and the workers."""
        assert self._process is not None
        parent = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)


@dataclass
class Balancer:
    """Which servers are ready, looked at as often as a balancer does."""

    servers: list[Server]
    ready: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    leaving: int = 0
    """How often a server said that it was about to stop."""

    def look(self) -> None:
        while not self.done.is_set():
            found = []
            for server in self.servers:
                try:
                    answer = httpx.get(f"{server.url}/readyz", trust_env=False, timeout=5)
                    if answer.status_code == 200:
                        found.append(server.url)
                    self.leaving += "is shutting down" in answer.text
                except httpx.HTTPError:
                    continue
            self.ready = found
            self.done.wait(0.1)


def client(number: int, key: str, balancer: Balancer, said: Counter[str], stored: list[str]) -> None:
    """Stores one activity after another and lists, over connections that stay open; nothing is ever sent twice."""
    with httpx.Client(headers={"Authorization": f"Token {key}"}, trust_env=False, timeout=60) as http:
        for at in range(10_000):
            if balancer.done.is_set():
                return
            while not (balancer.ready or balancer.done.is_set()):
                time.sleep(0.02)
            name = f"roll-{number}-{at}"
            made = {**records(1, until=NOW)[0], "_id": name, "uid": name}
            try:
                url = balancer.ready[(number + at) % len(balancer.ready)]
                if at % 3:
                    answer = http.get(url + LIST, params={"limit": 5})
                else:
                    answer = http.post(url + INGEST, content=json.dumps(made).encode())
                    if answer.status_code == 200 and answer.json()["stored"] == 1:
                        stored.append(name)
                said[str(answer.status_code)] += 1
            except (httpx.ConnectError, IndexError):  # Nothing was sent: a balancer asks the next.
                time.sleep(0.02)
            except httpx.HTTPError as error:
                said[repr(error)] += 1


def test_all_processes_of_a_server_answer_alike(place: Place, tmp_path: Path) -> None:
    server = Server(place, tmp_path / "server", workers="2")
    try:
        server.start()
        owner = {"Authorization": f"Token {running(tmp_path / 'server')['key']}"}

        def ask(method: str, path: str, content: bytes | None = None, **headers: str) -> list[httpx.Response]:
            """The first request on a connection, then a list on each of eight new ones."""
            made = httpx.request(method, server.url + path, content=content, headers=owner, timeout=60)
            assert made.status_code in (200, 201, 503), made.text
            lists = [
                httpx.get(server.url + LIST, headers={**owner, **headers}, timeout=60, trust_env=False)
                for _ in range(8)
            ]
            return [made, *lists]

        def totals(answers: list[httpx.Response]) -> set[int]:
            return {answer.json()["total"] for answer in answers[1:]}

        assert len(server.children) == 3
        lines = b"\n".join(json.dumps(record).encode() for record in records(20, until=NOW))
        assert totals(ask("POST", INGEST, lines)) == {20}
        made = ask("POST", TOKENS, body(name="a"))[0].json()
        token = {"Authorization": f"Token {made['token']}"}
        assert {answer.status_code for answer in ask("GET", LIST, **token)} == {200}
        assert {answer.status_code for answer in ask("DELETE", f"{TOKENS}/{made['id']}", **token)[1:]} == {401}
        gone = ask("POST", "/api/ext/v1/activities/delete", body(everything=True, dryRun=False))
        assert (gone[0].json()["deleted"], totals(gone)) == (20, {2})  # The acts of the deletion.

        os.kill(server.children[0], signal.SIGKILL)  # The writer.
        assert totals(ask("GET", LIST)) == {2}
        end = time.monotonic() + 60
        while (answers := ask("POST", INGEST, lines))[0].status_code == 503:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert totals(answers) == {22}
    finally:
        server.stop()


def test_a_rolling_restart_drops_no_request(place: Place, tmp_path: Path) -> None:
    made = [Server(place, tmp_path / name) for name in ("one", "two")]
    for each in made:
        each.start()
    chosen = settings.read({}, cluster=place.address, store=str(tmp_path / "maker"), audit="off")
    with compose.build(chosen) as house:
        key, _ = house.services.tokens.create("roller", tenant="default")
    balancer, said, stored = Balancer(made), Counter(), []
    threads = [threading.Thread(target=balancer.look)]
    threads += [threading.Thread(target=client, args=(n, key, balancer, said, stored)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        for each in made:
            assert each.stop() == 0
            each.start()
            time.sleep(1)
    finally:
        balancer.done.set()
        for thread in threads:
            thread.join()
        for each in made:
            each.stop()
    assert set(said) == {"200"}, said
    assert said["200"] > 50
    assert balancer.leaving > 1
    store = place.opened()
    for name in stored:
        assert store.tenant(TenantId("default")).fetch(name) is not None
    store.close()
