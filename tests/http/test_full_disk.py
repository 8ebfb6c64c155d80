"""A full disk: what cannot be stored is refused with 503, reading goes on, deleting makes room, and nothing need be repaired."""

import json
import logging
import os
from collections.abc import Iterator

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.compose import Application
from casbah.http.routes import ROUTES
from disks import fill, small_disk
from making import NOW, arrival, record
from scenarios.inprocess import Asker
from serving.conftest import until

LIST, INGEST = "/api/v1/activities/", "/api/ext/v1/activities?source=mdca"
EXTENSION, CORE = "/api/ext/v1", "/api/v1"
HELD = 400
LARGE = "x" * 30_000

# Large enough that no free end of a page holds it.
WRITES = [
    pytest.param(INGEST, json.dumps(record(10**6, noise=LARGE)), id="bringing activities"),
    pytest.param(f"{CORE}/activities/activity-1/feedback", {"feedbackText": LARGE[:3_000]}, id="feedback"),
    pytest.param(f"{EXTENSION}/queries", {"name": "q", "filters": {"text": {"eq": [LARGE[:200]]}}}, id="a saved query"),
    pytest.param(f"{EXTENSION}/tokens", {"name": "t"}, id="a token"),
    pytest.param(f"{EXTENSION}/session", None, id="signing in"),
    pytest.param(
        f"{CORE}/subnet/create_rule", {"name": "r", "subnets": ["192.0.2.0/24"], "category": 1}, id="an IP range"
    ),
    pytest.param(
        f"{EXTENSION}/retention",
        {"name": "r", "action": "hold", "filters": {"activity.id": {"eq": ["a"]}}},
        id="a legal hold",
    ),
    pytest.param(f"{EXTENSION}/names", {"filter": "user.username", "value": LARGE[:900], "name": "n"}, id="a name"),
    pytest.param(f"{EXTENSION}/exports", {"format": "ndjson"}, id="an export"),
    pytest.param(f"{EXTENSION}/snapshots", {}, id="a snapshot"),
]


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Iterator[tuple[Application, str]]:
    """A house whose disk has no room at all; and a token's key."""
    folder = tmp_path_factory.mktemp("full") / "disk"
    chosen = settings.read({}, store=str(folder / "store"))
    with small_disk(folder, mebibytes=24) as disk, compose.build(chosen, clock=lambda: NOW) as house:
        key, _ = house.services.tokens.create("reader", tenant="default")
        house.services.store.tenant(TenantId("default")).insert(arrival(record(n)) for n in range(HELD))
        fill(disk)
        yield house, key


@pytest.mark.parametrize("path, body", WRITES)
def test_what_cannot_be_written_is_refused_with_503(full, caplog, path, body) -> None:
    house, key = full
    body = {"token": key} if path.endswith("/session") else body
    text = body if isinstance(body, str) else json.dumps(body)
    with caplog.at_level(logging.WARNING):
        answers = [
            Asker(house.app, house.local_key)("POST", path, text.encode(), headers={"sec-fetch-site": "same-origin"})
            for _ in range(40)
        ]
    refused = [answer for answer in answers if answer.status >= 400]
    assert {each.status for each in refused} == {503}
    assert {each.headers["retry-after"] for each in refused} == {"5"}
    assert not [each for each in caplog.records if each.exc_info], "it is no bug"
    assert [each for each in caplog.records if "full" in each.getMessage() or "No space left" in each.getMessage()]


def test_reading_goes_on_and_readiness_says_what_does_not(full) -> None:
    house, key = full
    ask = Asker(house.app, key)
    assert ask("POST", LIST, b"{}").json["total"] == HELD
    assert ask("GET", f"{LIST}activity-1/").status == 200
    assert ask("GET", f"{EXTENSION}/queries").status == 200
    ready = Asker(house.app, None)("GET", "/readyz")
    assert (ready.status, ready.json) == (
        200,
        {"status": "ready", "writable": False, "reason": "No space left on device"},
    )


@pytest.mark.slow
def test_the_server_starts_on_a_full_disk_and_deletes(tmp_path) -> None:
    chosen = settings.read({}, store=str(tmp_path / "disk" / "store"))
    with small_disk(tmp_path / "disk", mebibytes=24) as disk:
        with compose.build(chosen, clock=lambda: NOW) as house:
            house.services.store.tenant(TenantId("default")).insert(arrival(record(n)) for n in range(HELD))
            fill(disk)
        for _ in range(2):
            with compose.build(chosen, clock=lambda: NOW) as house:
                ask = Asker(house.app, house.local_key)
                assert ask("POST", LIST, b"{}").json["total"] == HELD
        with compose.build(chosen, clock=lambda: NOW) as house:
            ask = Asker(house.app, house.local_key)
            deleted = ask("POST", f"{EXTENSION}/activities/delete", b'{"everything": true, "dryRun": false}')
            assert (deleted.status, deleted.json["deleted"]) == (200, HELD), deleted.body


def test_every_route_that_writes_is_in_the_table() -> None:
    """Those that remove or change use the same stores as those that add."""
    adding = {route.path for route in ROUTES if route.methods == ("POST",) and "{" not in route.path}
    others = ("activities/delete", "activities/enrich", "retention/apply", "retention/trail", "rejects/replay")
    elsewhere = {f"{EXTENSION}/{other}" for other in others}
    elsewhere |= {path for path in adding if "/mimic" in path}
    covered = {case.values[0].partition("?")[0] for case in WRITES}
    assert adding - elsewhere <= covered


OURS = {"filters": {"service": {"eq": [900013]}}}
OTHERS = {"filters": {"service": {"neq": [900013]}}}
OLD = {"filters": {"date": {"lte": NOW - 10**9}}}


def total(ask: Asker, asked: object) -> int:
    answer = ask("POST", f"{LIST}count/", json.dumps(asked).encode())
    assert answer.status == 200, answer.body
    return answer.json["total"]


def some(first: int, count: int) -> bytes:
    """Activities of which every third is recent."""
    made = (
        record(n, timestamp=NOW - (n % 3 > 0) * 10**10, noise=os.urandom(2_000).hex())
        for n in range(first, first + count)
    )
    return b"\n".join(json.dumps(each).encode() for each in made)


@pytest.mark.slow
@pytest.mark.parametrize("filled", ["by what is brought", "by somebody else"])
def test_deleting_works_on_a_full_disk_and_makes_room(tmp_path, filled: str) -> None:
    chosen = settings.read({}, store=str(tmp_path / "disk" / "store"), audit="changes")
    with small_disk(tmp_path / "disk", mebibytes=24) as disk:
        with compose.build(chosen, clock=lambda: NOW) as house:
            ask, first = Asker(house.app, house.local_key), 0
            while ask("POST", INGEST, some(first, 300)).status == 200:
                first += 300
            filler = fill(disk) if filled == "by somebody else" else None
            held, old = total(ask, OTHERS), total(ask, OLD)
            deleted = ask("POST", f"{EXTENSION}/activities/delete", json.dumps({**OLD, "dryRun": False}).encode())
            assert (deleted.status, deleted.json.get("deleted")) == (200, old), deleted.body
            assert total(ask, OLD) == 0
            assert total(ask, OURS) > 0, "the deletion is in the trail"
            if filler is not None:
                filler.unlink()

            def has_room() -> bool:
                house.writer.retention.compact(TenantId("default"))  # In a server its thread does so every few seconds.
                return ask("GET", "/readyz").json["writable"]

            until(has_room)
            # A merge that is under way may take the room once more; a client that tries again succeeds soon.
            until(lambda: ask("POST", INGEST, json.dumps(record(10**6)).encode()).status == 200)
        with compose.build(chosen, clock=lambda: NOW) as house:
            assert total(Asker(house.app, house.local_key), OTHERS) == held - old + 1
