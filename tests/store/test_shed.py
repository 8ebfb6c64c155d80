"""Scans do not leave in memory what they have read."""

import itertools
import threading
from pathlib import Path

import pytest

from casbah.activity.query import continuation
from casbah.activity.tenant import TenantId
from casbah.store.embedded import partitions
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")


def walked(store: EmbeddedStore) -> list[str]:
    filters, found = {}, []
    while True:
        asked = query(filters, isScan=True)
        page = store.tenant(TENANT).scan(asked)
        found += ids(page.records)
        if page.boundary is None:
            return found
        filters = continuation(filters, asked, page.boundary, now=NOW)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(partitions, "MAX_HANDED_OUT", 600)
    opened = EmbeddedStore(tmp_path, clock=lambda: NOW)
    opened.tenant(TENANT).insert([arrival(record(n, timestamp=NOW - n * 1_000)) for n in range(4_000)])
    yield opened
    opened.close()


def test_the_engine_begins_anew_after_so_many_records(store: EmbeddedStore):
    before = {searcher.tantivy_searcher for searcher in store.tenant(TENANT)._partitions.searchers()}
    expected = [f"activity-{n}" for n in range(4_000)]
    assert walked(store) == expected
    store._shared.writing.submit(lambda: None).result()
    after = store.tenant(TENANT)._partitions.searchers()
    assert not before & {searcher.tantivy_searcher for searcher in after}
    assert max(searcher.handed_out for searcher in after) <= 600 + 1_000
    assert store.tenant(TENANT).find(query({"date": {"gte": [NOW - 5_500]}})).total == 6


def test_scans_beside_storing_and_deleting_stay_right(store: EmbeddedStore):
    done = threading.Event()

    def disturb() -> None:
        for n in itertools.count(5_000):
            if done.is_set():
                return
            store.tenant(TENANT).insert([arrival(record(n, timestamp=NOW + n))])
            store.tenant(TENANT).delete(query({"activity.id": {"eq": [f"activity-{n}"]}}).predicate)

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    try:
        for _ in range(3):
            found = [each for each in walked(store) if int(each.rpartition("-")[2]) < 4_000]
            assert found == [f"activity-{n}" for n in range(4_000)]
    finally:
        done.set()
        disturbing.join()
