"""Tenants are opened once, off the event loop, and none waits for the opening of another."""

import asyncio
import gc
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.errors import StoreClosedError
from casbah.store.embedded import store as store_module
from casbah.store.embedded.lazy_registry import LazyRegistry
from casbah.store.embedded.replica import EmbeddedReplica
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.embedded.tenant import EmbeddedTenant
from making import NOW, arrival, query, record
from scenarios.inprocess import send

SLOW, QUICK = TenantId("slow"), TenantId("quick")
LIST, INGEST = b"/api/v1/activities/", b"/api/ext/v1/activities?source=mdca"


@pytest.fixture
def slow(monkeypatch):
    """Opening the tenant `slow` waits for `release`; how often it was begun."""
    release, begun = threading.Event(), []

    def opening(folder, shared):
        if folder.name == SLOW.name:
            begun.append(folder)
            assert release.wait(30)
        return EmbeddedTenant(folder, shared)

    monkeypatch.setattr(store_module, "EmbeddedTenant", opening)
    yield release, begun
    release.set()


@pytest.fixture
def folder(tmp_path):
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        for tenant_id in (SLOW, QUICK):
            store.tenant(tenant_id).insert([arrival(record(1))])
    return tmp_path


def test_a_slow_tenant_holds_up_no_other(folder, slow) -> None:
    release, begun = slow
    with closing(EmbeddedStore(folder, clock=lambda: NOW)) as store, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lambda: store.tenant(SLOW).find(query())) for _ in range(3)]
        stored = pool.submit(lambda: store.tenant(SLOW).insert([arrival(record(2))]))
        while not begun:
            time.sleep(0.01)
        assert store.tenant(QUICK).find(query()).total == 1
        assert store.tenant(QUICK).insert([arrival(record(2))]).stored == 1
        assert not any(each.done() for each in (*waiting, stored))
        release.set()
        assert stored.result().stored == 1
        assert {each.result().total for each in waiting} <= {1, 2}
        assert len(begun) == 1


def test_requests_of_a_slow_tenant_keep_no_threads_from_others(folder, slow) -> None:
    """As many as there are threads, and more; the other tenant's are answered meanwhile, all in one event loop."""
    release, begun = slow
    with compose.build(settings.read({}, store=str(folder), search_threads="1"), clock=lambda: NOW) as house:

        def asked(tenant_id: TenantId, path: bytes, *body: bytes):
            headers = [
                (b"authorization", f"Token {house.local_key}".encode()),
                (b"casbah-tenant", tenant_id.name.encode()),
            ]
            return send(house.app, "POST", path, headers, body)

        async def both() -> None:
            requests = {LIST: b"{}", INGEST: json.dumps(record(3)).encode()}
            waiting = [asyncio.create_task(asked(SLOW, *item)) for item in requests.items() for _ in range(20)]
            await asyncio.sleep(0.1)
            for item in requests.items():
                async with asyncio.timeout(20):
                    assert (await asked(QUICK, *item)).status == 200
            assert not any(each.done() for each in waiting)
            waiting[0].cancel()  # A client that gives up takes nothing from those who wait for the same.
            release.set()
            replies = await asyncio.gather(*waiting[1:])
            assert {reply.status for reply in replies} == {200}

        asyncio.run(both())
        assert len(begun) == 1


TOKENS = b"/api/ext/v1/tokens"
ASKED = [
    pytest.param("POST", LIST, b"{}", id="a list"),
    pytest.param("POST", INGEST, json.dumps(record(3)).encode(), id="a small ingest"),
    pytest.param("GET", LIST + b"activity-1/", b"", id="one activity"),
    pytest.param("GET", b"/api/ext/v1/activities/activity-1/feedback", b"", id="feedback"),
    pytest.param("POST", TOKENS, b'{"name": "x"}', id="an act that is refused"),
]


@pytest.mark.parametrize("method, path, body", ASKED)
def test_no_tenant_is_opened_on_the_event_loop(
    folder, monkeypatch, caplog, method: str, path: bytes, body: bytes
) -> None:
    """Not even one that could not be opened before, and is tried again. No error is left to the garbage collector."""
    threads = []

    def opening(*_):
        threads.append(threading.current_thread())
        raise OSError("not now")

    with compose.build(settings.read({}, store=str(folder)), clock=lambda: NOW) as house:
        key, _ = house.services.tokens.create(
            "reader", tenant=SLOW.name, scopes=["Investigation.manage", "Ingest.write"]
        )
        monkeypatch.setattr(store_module, "EmbeddedTenant", opening)
        asyncio.run(send(house.app, method, path, [(b"authorization", f"Token {key}".encode())], (body,)))
    assert threads
    assert threading.main_thread() not in threads
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


def test_an_error_of_opening_goes_to_all_who_wait_and_is_not_kept() -> None:
    tries, release = [], threading.Event()

    def opening(name: str) -> str:
        tries.append(name)
        assert release.wait(30)
        if len(tries) == 1:
            raise OSError("not now")
        return name

    opened = LazyRegistry(opening)
    first = [opened.opening("one") for _ in range(3)]
    release.set()
    for each in first:
        with pytest.raises(OSError, match="not now"):
            each.result()
    assert opened.get("one") == "one"
    assert opened.opening("one") is None
    assert tries == ["one", "one"]
    assert opened.close() == ["one"]
    assert opened.close() is None
    with pytest.raises(StoreClosedError):
        opened.get("one")


def test_closing_waits_for_what_is_being_opened(folder, slow) -> None:
    release, begun = slow
    store = EmbeddedStore(folder, clock=lambda: NOW)
    opening = store.opening(SLOW)
    with ThreadPoolExecutor(1) as pool:
        while not begun:
            time.sleep(0.01)
        closing_it = pool.submit(store.close)
        time.sleep(0.05)
        assert not closing_it.done()
        release.set()
        closing_it.result()
    assert opening.done()
    EmbeddedStore(folder, clock=lambda: NOW).close()


def test_a_replica_opens_each_tenant_by_itself(folder) -> None:
    with closing(EmbeddedStore(folder, clock=lambda: NOW)) as owner:
        release = threading.Event()

        class Owner:
            tenant = staticmethod(owner.tenant)

            def state(self, name: str):
                if name == SLOW.name:
                    assert release.wait(30)
                return owner.state(name)

        with closing(EmbeddedReplica(owner._folder.parent, owner.changes, Owner(), cache=1_000_000)) as store:
            opening = store.opening(SLOW)
            assert store.tenant(QUICK).find(query()).total == 1
            assert store.opening(QUICK) is None
            assert not opening.done()
            release.set()
            opening.result()
            assert store.tenant(SLOW).find(query()).total == 1
