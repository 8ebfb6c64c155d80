"""Searches in processes of their own: the same answers, what was just stored among them, and an end for those that take too long."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from casbah.activity.deadline import Deadline
from casbah.activity.scope import Scope
from casbah.errors import SearchTooLongError, StoreClosedError
from casbah.store.embedded import payload
from casbah.store.embedded.schema import PERIOD_BITS
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = Scope("default")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "SAMPLES", 100)
    opened = EmbeddedStore(tmp_path, clock=lambda: NOW, processes=1)
    opened.insert([arrival(record(n)) for n in range(50)], TENANT)
    yield opened
    opened.close()


def crowd(store: EmbeddedStore) -> int:
    """From now on every search goes to a process beside this one; its number."""
    store._readers._crowded_until = float("inf")
    store.find(query(), TENANT)
    until = time.monotonic() + 30
    while store._readers._idle.empty():
        assert time.monotonic() < until, "no process for searches has started"
        time.sleep(0.01)
    return store._readers._idle.queue[0].process.pid


def test_a_lonely_search_starts_no_process(store):
    store.find(query(), TENANT)
    assert store._readers._running == 0


def test_searches_that_overlap_start_one(store):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: store.find(query(limit=7), TENANT).total, range(200)))
    assert set(found) == {50}
    assert store._readers._running == 1


def test_the_answers_are_the_same_and_see_what_was_just_stored(store):
    crowd(store)
    asked = query({"service": {"eq": 11161}}, skip=3, limit=5)
    for start in range(50, 450, 50):
        page = store.find(asked, TENANT)
        assert (page.total, ids(page.records)) == (start, [f"activity-{n}" for n in range(3, 8)])
        older = [arrival(record(n, timestamp=NOW - n - (start % 3 << PERIOD_BITS))) for n in range(start, start + 50)]
        assert store.insert(older, TENANT).stored == 50
        assert store.count(asked.predicate, TENANT) == start + 50, "in new periods, and packed with a new dictionary"
    assert len(ids(store.find(query(limit=100, skip=340), TENANT).records)) == 100
    assert store.find(query(), Scope("other")).total == 0


def test_one_that_dies_is_replaced_and_nobody_notices(store):
    pid = crowd(store)
    os.kill(pid, signal.SIGKILL)
    assert store.find(query(), TENANT).total == 50
    assert crowd(store) != pid


def test_a_search_that_takes_too_long_ends(store):
    pid = crowd(store)
    with pytest.raises(SearchTooLongError, match="more than 0 seconds"):
        store.find(query(), TENANT, until=Deadline.after(0))
    os.kill(pid, signal.SIGSTOP)  # As the engine is while it works: it hears nothing.
    started = time.monotonic()
    with pytest.raises(SearchTooLongError, match="more than 1 seconds"):
        store.find(query(), TENANT, until=Deadline.after(1))
    assert time.monotonic() - started < 20
    assert store.find(query(), TENANT).total == 50


def test_here_too(store):
    with pytest.raises(SearchTooLongError, match="CASBAH_SEARCH_SECONDS"):
        store.count(query().predicate, TENANT, until=Deadline.after(0))
    with pytest.raises(SearchTooLongError):
        store.scan(query(isScan=True), TENANT, until=Deadline.after(0))


def test_none_is_left_when_the_store_is_closed(store):
    pid = crowd(store)
    store.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(StoreClosedError):
        store.find(query(), TENANT)
