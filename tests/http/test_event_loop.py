"""The event loop answers all clients, so nothing that waits for a disk runs on it."""

import asyncio
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.http.routes import PUBLIC, ROUTES
from making import NOW, arrival, record
from scenarios.inprocess import send

_DISK_EVENTS = ("open", "os.", "shutil.", "sqlite3.connect", "tempfile.")
_NO_DISK = ("os.putenv", "os.unsetenv", "os.fork", "os.kill")
_READING = ("select", "pragma", "begin", "--")

BODIES = {
    "/api/ext/v1/activities": b"".join(json.dumps(record(n)).encode() + b"\n" for n in range(3)),
    "/api/v1/activities/{pk}/feedback": {"feedbackText": "seen"},
    "/api/v1/subnet/create_rule": {"name": "office", "subnets": ["192.0.2.0/24"], "category": 1},
    "/api/ext/v1/facets": {"facets": ["user.username"]},
    "/api/ext/v1/queries": {"name": "mine", "filters": {}},
    "/api/ext/v1/queries/{query}": {"name": "mine", "filters": {}},
    "/api/ext/v1/names": {"filter": "user.tags", "value": "g1", "name": "Finance"},
    "/api/ext/v1/exports": {"format": "ndjson"},
    "/api/ext/v1/activities/delete": {"filters": {"activity.id": {"eq": ["nothing"]}}},
    "/api/ext/v1/retention": {
        "name": "old",
        "action": "delete",
        "days": 9000,
        "filters": {"activity.id": {"eq": ["nothing"]}},
    },
    "/api/ext/v1/activities/enrich": {"everything": True},
    "/api/ext/v1/rejects/replay": {"everything": True},
    "/api/ext/v1/tokens": {"name": "another"},
    "/api/ext/v1/mimic/answers": {"answers": [{"status": 500}]},
    "/api/ext/v1/mimic/arrivals": json.dumps(record(7)).encode(),
}
OWNERS = ("/api/ext/v1/retention/trail", "/api/ext/v1/snapshots", "/metrics")
"""What the owner's key alone may ask."""

CASES = [(method, route.path) for route in (*ROUTES, *PUBLIC) for method in route.methods]


class Watch:
    """What the thread that runs the event loop asks of the disk."""

    def __init__(self) -> None:
        self._thread: int | None = None
        self.seen: list[str] = []

    def note(self, what: str) -> None:
        if threading.get_ident() == self._thread:
            self.seen.append(what)

    @contextmanager
    def on(self) -> Iterator[None]:
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None


WATCH = Watch()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(_DISK_EVENTS) and event not in _NO_DISK:
        path = str(arguments[0]) if arguments else ""
        if not path.endswith((".py", ".pyc", ".so")):
            WATCH.note(f"{event} {path}")


sys.addaudithook(_hook)  # It stays until the process ends, and notes nothing but while it is asked to.


@pytest.fixture(scope="module")
def watch():
    def connect(*arguments, **named):
        database = whole(*arguments, **named)
        database.set_trace_callback(
            lambda statement: None if statement.lower().startswith(_READING) else WATCH.note(f"sqlite {statement}")
        )
        return database

    def fsync(handle):
        WATCH.note("fsync")
        sync(handle)

    whole, sync = sqlite3.connect, os.fsync
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite3, "connect", connect)
        patched.setattr(os, "fsync", fsync)
        yield WATCH


@pytest.fixture(scope="module")
def house(watch, tmp_path_factory):  # noqa: ARG001  databases are watched from their opening on
    """A tenant for each case, with a token that was never used; none is open."""
    chosen = settings.read(
        {},
        store=str(tmp_path_factory.mktemp("store")),
        audit="all",
        mimic="mdca",
        log_name="a.example",
        log_delay="3600",
    )
    with compose.build(chosen, clock=lambda: NOW) as first:
        keys = [first.services.tokens.create("token", tenant=f"tenant-{n}")[0] for n in range(len(CASES))]
        for n in range(len(CASES)):
            first.services.store.tenant(TenantId(f"tenant-{n}")).insert([arrival(record(1))])
    with compose.build(chosen, clock=lambda: NOW + 3_600_000) as again:
        yield again, dict(zip(CASES, keys, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("method, path", CASES)
def test_no_route_waits_for_the_disk_on_the_event_loop(house, watch, method: str, path: str) -> None:
    """The first request of a token, and of a tenant that is not open yet."""
    opened, keys = house
    body = BODIES.get(path, {}) if method == "POST" else b""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = "?source=mdca" if isinstance(body, bytes) and body else "?username=ann" if path.endswith("/by_user") else ""
    watch.seen.clear()
    headers = [(b"authorization", f"Token {keys[method, path]}".encode()), (b"content-type", b"application/json")]
    target = path.replace("{pk}", "activity-1") + more

    async def ask() -> None:
        with suppress(TimeoutError):  # A stream of events does not end by itself.
            async with asyncio.timeout(2 if path.endswith("/tail") else 60):
                reply = await send(opened.app, method, target.encode(), headers, [text])
                # What an id in the path names, or an issuer, is not there.
                assert reply.status < (500 if "{" in path or "session" in path else 400) or (
                    reply.status == 403 and path in OWNERS
                ), reply.body

    with watch.on():
        asyncio.run(ask())
    assert watch.seen == []


def test_the_watch_sees_what_it_should(tmp_path, watch) -> None:
    watch.seen.clear()
    with watch.on():
        (tmp_path / "file").write_bytes(b"x")
        database = sqlite3.connect(tmp_path / "a.db")
        with database:
            database.execute("create table t (n integer)")
        database.close()
        os.fsync(os.open(tmp_path, os.O_RDONLY))
        (tmp_path / "file").rename(tmp_path / "other")
    seen = " | ".join(watch.seen)
    for what in ("open ", "sqlite3.connect", "sqlite create table", "fsync", "os.rename"):
        assert what in seen
