"""A store that follows another: what the contract does not say of it."""

import threading
from contextlib import closing

import pytest

from casbah.activity.scope import Scope
from casbah.errors import StoreClosedError
from casbah.shared import SharedCount
from casbah.store.embedded import following, record_codec
from casbah.store.embedded.following import FollowingStore
from casbah.store.embedded.schema import PERIOD_BITS
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, ids, query, record

TENANT = Scope("default")


@pytest.fixture
def owner(tmp_path, monkeypatch):
    monkeypatch.setattr(record_codec, "SAMPLES", 100)
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        yield store


def follower(owner):
    return closing(FollowingStore(owner.followed, owner, cache=1_000_000))


def test_a_page_amid_commits_is_one_moment_of_the_store(owner):
    """Every activity is newer than all before it: the newest hundred end where the total says, in whatever period that is."""
    done = threading.Event()

    def write():
        for n in range(400):
            when = NOW + n + ((n // 50) << PERIOD_BITS)
            owner.insert([arrival(record(n, timestamp=when, created=NOW + n))], TENANT)
        done.set()

    with follower(owner) as store:
        writing = threading.Thread(target=write)
        writing.start()
        seen = 0
        while not done.is_set():
            for sort in ("date", "created"):
                page = store.find(query(sortField=sort), TENANT)
                assert page.total >= seen
                seen = page.total
                wanted = [f"activity-{n}" for n in range(page.total - 1, max(-1, page.total - 101), -1)]
                assert ids(page.records) == wanted
        writing.join()
        assert store.count(query().predicate, TENANT) == 400


def test_records_are_read_with_dictionaries_trained_since(owner):
    with follower(owner) as store:
        for start in range(0, 2_000, 200):
            owner.insert([arrival(record(n, text=f"some {n} text" * 9)) for n in range(start, start + 200)], TENANT)
            assert ids(store.find(query(limit=100, skip=start), TENANT).records) == [
                f"activity-{n}" for n in range(start, start + 100)
            ]


def test_what_has_not_changed_is_not_asked_for(owner):
    asked = []
    state = owner.state
    owner.state = lambda tenant: asked.append(tenant) or state(tenant)
    owner.insert([arrival(record(1))], TENANT)
    with follower(owner) as store:
        for _ in range(5):
            assert store.find(query(), TENANT).total == 1
        first = len(asked)
        owner.insert([arrival(record(2))], TENANT)
        assert store.fetch("activity-2", TENANT) is not None
        assert (first, len(asked)) == (2, 4)


def test_scans_leave_little_behind(owner, monkeypatch):
    monkeypatch.setattr(following, "MOST_HANDED_OUT", 100)
    owner.insert([arrival(record(n)) for n in range(300)], TENANT)
    with follower(owner) as store:
        for _ in range(3):
            assert len(list(store.scan(query(isScan=True, limit=300), TENANT).records)) == 300
        store.count(query().predicate, TENANT)
        assert [partition.searcher.handed_out for partition in store._tenants.get("default")._partitions.values()] == [
            0
        ]


def test_files_that_were_erased_are_let_go_of_though_nobody_asks(owner):
    owner.insert([arrival(record(n)) for n in range(50)], TENANT)
    with follower(owner) as store:
        assert store.find(query(), TENANT).total == 50
        before = store._tenants.get("default")._partitions[NOW >> PERIOD_BITS].searcher.name
        owner.delete(query({"activity.id": {"eq": "activity-7"}}).predicate, TENANT)
        while owner.compact(TENANT):
            pass
        store.keep_up()
        assert store._tenants.get("default")._partitions[NOW >> PERIOD_BITS].searcher.name != before


def test_it_deletes_nothing_and_ends(owner):
    store = FollowingStore(owner.followed, owner, cache=1_000_000)
    with pytest.raises(NotImplementedError):
        store.delete(query().predicate, TENANT)
    store.close()
    with pytest.raises(StoreClosedError):
        store.find(query(), TENANT)
    with pytest.raises(StoreClosedError):
        store.insert([arrival(record(1))], TENANT)


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_after_a_scan_totals_and_pages_are_of_one_moment(owner, monkeypatch, change):
    """What the owner has committed and not yet told of may be found when files are opened anew."""
    monkeypatch.setattr(following, "MOST_HANDED_OUT", 100)
    owner.insert([arrival(record(n)) for n in range(300)], TENANT)
    with follower(owner) as store:
        assert store.find(query(), TENANT).total == 300
        assert len(list(store.scan(query(isScan=True, limit=300), TENANT).records)) == 300
        monkeypatch.setattr(SharedCount, "add", lambda _: None)
        if change == "more":
            owner.insert([arrival(record(n, timestamp=NOW + n)) for n in range(300, 310)], TENANT)
        else:
            owner.delete(query({"activity.id": {"eq": [f"activity-{n}" for n in range(50)]}}).predicate, TENANT)
        held = 310 if change == "more" else 250
        pages = [store.find(query(skip=skip), TENANT) for skip in (0, 100, 200, 300)]
        assert {page.total for page in pages} == {held}
        assert sum(len(page.records) for page in pages) == held
