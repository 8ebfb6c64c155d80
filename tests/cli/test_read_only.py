"""A store on a file system that is mounted read-only: evidence, or a backup. It can be read, and nothing changes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.store.contract import FeedbackEntry
from casbah.store.embedded.store import EmbeddedStore
from disks import read_only
from making import NOW, arrival, record
from scenarios.inprocess import Asker

LIST, EXTENSION, CORE = "/api/v1/activities/", "/api/ext/v1", "/api/v1"
TENANT = TenantId("default")


def filled(folder: Path) -> str:
    """A store with activities, feedback and a saved query; the key of a token."""
    with compose.build(settings.read({}, store=str(folder), audit="off"), clock=lambda: NOW) as house:
        store = house.services.store
        store.tenant(TENANT).insert([arrival(record(n, timestamp=NOW - n * 10**9)) for n in range(20)])
        store.tenant(TENANT).add_feedback("activity-1", FeedbackEntry(NOW, "ada", b'{"feedbackText": "seen"}'))
        ask = Asker(house.app, house.local_key)
        assert ask("POST", f"{EXTENSION}/queries", b'{"name": "mine", "filters": {}, "shared": true}').status == 201
        return house.services.tokens.create("reader", tenant="default")[0]


@pytest.fixture(scope="module")
def mounted(tmp_path_factory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("read-only")
    key = filled(folder / "store")
    with read_only(folder / "store", folder / "mounted") as at:
        yield at, key


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(each): (each.lstat().st_size, each.lstat().st_mtime_ns) for each in sorted(folder.rglob("*"))}


def test_it_is_read_over_the_wire_and_nothing_changes(mounted) -> None:
    folder, key = mounted
    before = contents(folder)
    with compose.build(settings.read({}, store=str(folder), audit="all"), clock=lambda: NOW + 10**6) as house:
        ask = Asker(house.app, key)
        assert ask("POST", LIST, b"{}").json["total"] == 20
        assert ask("GET", f"{LIST}activity-1/").status == 200
        assert len(ask("GET", f"{EXTENSION}/activities/activity-1/feedback").json["data"]) == 1
        assert [each["name"] for each in ask("GET", f"{EXTENSION}/queries").json["data"] if not each["suggested"]] == [
            "mine"
        ]
        ready = Asker(house.app, None)("GET", "/readyz")
        assert (ready.status, ready.json["writable"]) == (200, False)
        assert "read-only" in ready.json["reason"]
    assert contents(folder) == before


@pytest.mark.parametrize(
    "method, path, body",
    [
        pytest.param("POST", f"{EXTENSION}/activities?source=mdca", record(99), id="bringing activities"),
        pytest.param("POST", f"{CORE}/activities/activity-1/feedback", {"feedbackText": "x"}, id="feedback"),
        pytest.param("POST", f"{EXTENSION}/queries", {"name": "q", "filters": {}}, id="a saved query"),
        pytest.param("POST", f"{EXTENSION}/tokens", {"name": "t"}, id="a token"),
        pytest.param(
            "POST",
            f"{CORE}/subnet/create_rule",
            {"name": "r", "subnets": ["192.0.2.0/24"], "category": 1},
            id="a range",
        ),
        pytest.param("POST", f"{EXTENSION}/snapshots", {}, id="a snapshot"),
        pytest.param(
            "POST",
            f"{EXTENSION}/activities/delete",
            {"filters": {"activity.id": {"eq": ["activity-1"]}}, "dryRun": False},
            id="deleting",
        ),
    ],
)
def test_what_would_write_says_why_not(mounted, method, path, body) -> None:
    folder, _ = mounted
    with compose.build(settings.read({}, store=str(folder)), clock=lambda: NOW) as house:
        answer = Asker(house.app, house.local_key)(method, path, json.dumps(body).encode())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "the store is read-only" in answer.json["detail"]


def casbah(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "CASBAH_STORE": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "casbah", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_commands_read_it(mounted, tmp_path) -> None:
    folder, _ = mounted
    assert casbah(folder, "list", "--count").strip() == "20"
    casbah(folder, "export", str(tmp_path / "all.ndjson"))
    assert len((tmp_path / "all.ndjson").read_text().splitlines()) == 20


def test_what_a_killed_server_left_in_a_databases_log_is_seen(tmp_path) -> None:
    with closing(EmbeddedStore(tmp_path / "store", clock=lambda: NOW)) as store:
        store.tenant(TENANT).insert([arrival(record(1))])
        store.tenant(TENANT).add_feedback("activity-1", FeedbackEntry(NOW, "ada", b'{"feedbackText": "seen"}'))
        assert (tmp_path / "store/tenants/default/feedback.db-wal").stat().st_size > 0
        with (
            read_only(tmp_path / "store", tmp_path / "mounted") as at,
            closing(EmbeddedStore(at, clock=lambda: NOW)) as reading,
        ):
            assert len(reading.tenant(TENANT).feedback("activity-1")) == 1
            # Who writes to it by the other way is not seen, and disturbs nothing.
            store.tenant(TENANT).insert([arrival(record(n)) for n in range(2, 50)])
            store.tenant(TENANT).delete(Everything())
            while store.tenant(TENANT).compact():
                pass
            assert reading.tenant(TENANT).fetch("activity-1") is not None
