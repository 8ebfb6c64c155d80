"""A replica of a store: what the contract does not say of it."""

import threading
from contextlib import closing

import pytest

from casbah.activity.tenant import TenantId
from casbah.base.shared import SharedCount
from casbah.errors import StoreClosedError, UnavailableError
from casbah.store.embedded import record_codec, replica
from casbah.store.embedded.replica import EmbeddedReplica
from casbah.store.embedded.schema import PERIOD_BITS
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")


@pytest.fixture
def owner(tmp_path, monkeypatch):
    monkeypatch.setattr(record_codec, "SAMPLES", 100)
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        yield store


def replica_of(owner):
    return closing(EmbeddedReplica(owner._folder.parent, owner.changes, owner, cache=1_000_000))


@pytest.mark.slow
def test_a_page_amid_commits_is_one_moment_of_the_store(owner):
    """Every activity is newer than all before it: the newest hundred end where the total says, in whatever period that is."""
    done = threading.Event()

    def write():
        for n in range(400):
            when = NOW + n + ((n // 50) << PERIOD_BITS)
            owner.tenant(TENANT).insert([arrival(record(n, timestamp=when, created=NOW + n))])
        done.set()

    with replica_of(owner) as store:
        writing = threading.Thread(target=write)
        writing.start()
        seen = 0
        while not done.is_set():
            for sort in ("date", "created"):
                page = store.tenant(TENANT).find(query(sortField=sort))
                assert page.total >= seen
                seen = page.total
                wanted = [f"activity-{n}" for n in range(page.total - 1, max(-1, page.total - 101), -1)]
                assert ids(page.records) == wanted
        writing.join()
        assert store.tenant(TENANT).count(query().predicate) == 400


def test_records_are_read_with_dictionaries_trained_since(owner):
    with replica_of(owner) as store:
        for start in range(0, 2_000, 200):
            owner.tenant(TENANT).insert(
                [arrival(record(n, text=f"some {n} text" * 9)) for n in range(start, start + 200)]
            )
            assert ids(store.tenant(TENANT).find(query(limit=100, skip=start)).records) == [
                f"activity-{n}" for n in range(start, start + 100)
            ]


def test_what_has_not_changed_is_not_asked_for(owner):
    asked = []
    state = owner.state
    owner.state = lambda tenant: asked.append(tenant) or state(tenant)
    owner.tenant(TENANT).insert([arrival(record(1))])
    with replica_of(owner) as store:
        for _ in range(5):
            assert store.tenant(TENANT).find(query()).total == 1
        first = len(asked)
        owner.tenant(TENANT).insert([arrival(record(2))])
        assert store.tenant(TENANT).fetch("activity-2") is not None
        assert (first, len(asked)) == (2, 4)


def test_scans_leave_little_behind(owner, monkeypatch):
    monkeypatch.setattr(replica, "MAX_HANDED_OUT", 100)
    owner.tenant(TENANT).insert([arrival(record(n)) for n in range(300)])
    with replica_of(owner) as store:
        for _ in range(3):
            assert len(list(store.tenant(TENANT).scan(query(isScan=True, limit=300)).records)) == 300
        store.tenant(TENANT).count(query().predicate)
        assert [partition.searcher.handed_out for partition in store._tenants.get("default")._partitions.values()] == [
            0
        ]


def test_files_that_were_erased_are_let_go_of_though_nobody_asks(owner):
    owner.tenant(TENANT).insert([arrival(record(n)) for n in range(50)])
    with replica_of(owner) as store:
        assert store.tenant(TENANT).find(query()).total == 50
        before = store._tenants.get("default")._partitions[NOW >> PERIOD_BITS].searcher.name
        owner.tenant(TENANT).delete(query({"activity.id": {"eq": "activity-7"}}).predicate)
        while owner.tenant(TENANT).compact():
            pass
        store.keep_up()
        assert store._tenants.get("default")._partitions[NOW >> PERIOD_BITS].searcher.name != before


def test_it_reads_and_inserts_alone_and_ends(owner):
    store = EmbeddedReplica(owner._folder.parent, owner.changes, owner, cache=1_000_000)
    tenant = store.tenant(TENANT)
    assert not any(hasattr(tenant, name) for name in ("replace", "delete", "compact", "add_feedback"))
    store.close()
    with pytest.raises(StoreClosedError):
        store.tenant(TENANT).find(query())
    with pytest.raises(StoreClosedError):
        store.tenant(TENANT).insert([arrival(record(1))])


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_after_a_scan_totals_and_pages_are_of_one_moment(owner, monkeypatch, change):
    """What the owner has committed and not yet told of may be found when files are opened anew."""
    monkeypatch.setattr(replica, "MAX_HANDED_OUT", 100)
    owner.tenant(TENANT).insert([arrival(record(n)) for n in range(300)])
    with replica_of(owner) as store:
        assert store.tenant(TENANT).find(query()).total == 300
        assert len(list(store.tenant(TENANT).scan(query(isScan=True, limit=300)).records)) == 300
        monkeypatch.setattr(SharedCount, "add", lambda _: None)
        if change == "more":
            owner.tenant(TENANT).insert([arrival(record(n, timestamp=NOW + n)) for n in range(300, 310)])
        else:
            owner.tenant(TENANT).delete(query({"activity.id": {"eq": [f"activity-{n}" for n in range(50)]}}).predicate)
        held = 310 if change == "more" else 250
        pages = [store.tenant(TENANT).find(query(skip=skip)) for skip in (0, 100, 200, 300)]
        assert {page.total for page in pages} == {held}
        assert sum(len(page.records) for page in pages) == held


class Gone:
    """An owner that has ended."""

    def state(self, _: str):
        raise UnavailableError("gone")


def test_without_its_owner_a_replica_reads_what_is_on_disk_and_creates_nothing(owner):
    owner.tenant(TENANT).insert([arrival(record(n)) for n in range(3)])
    folder = owner._folder / TENANT.name / "periods"
    about_to_be_made = folder / "9999"
    about_to_be_made.mkdir()
    with closing(EmbeddedReplica(owner._folder.parent, owner.changes, Gone(), cache=1_000_000)) as store:
        assert store.tenant(TENANT).find(query()).total == 3
        owner.tenant(TENANT).insert([arrival(record(3, timestamp=NOW - (3 << PERIOD_BITS)))])
        assert store.tenant(TENANT).find(query()).total == 4
    assert list(about_to_be_made.iterdir()) == []
    about_to_be_made.rmdir()
