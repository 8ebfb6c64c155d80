"""Batches that share a commit: each is told of its own, none spoils another, and nothing is told before it is on disk."""

import json
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest

from casbah.activity.tenant import TenantId
from casbah.errors import StoreClosedError
from casbah.store import group_commit
from casbah.store.contract import Inserted
from casbah.store.embedded import deduplication, sequence
from casbah.store.embedded import write_queue as intake_module
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, copies_of, from_source, ids, query, record

TENANT = TenantId("default")


@pytest.fixture
def store(tmp_path):
    opened = EmbeddedStore(tmp_path, clock=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def held(monkeypatch):
    """Lets one commit begin and not end until `release`, so that others must wait together; counts the commits."""
    begun, release, sizes = threading.Event(), threading.Event(), []
    whole = IndexWriters.write

    def write(self, partition, documents, limits, **more):
        listed = list(documents)
        sizes.append(len(listed))
        if not begun.is_set():
            begun.set()
            assert release.wait(30)
        whole(self, partition, listed, limits, **more)

    monkeypatch.setattr(IndexWriters, "write", write)
    return begun, release, sizes


def together(store, held, first, batches):
    """What becomes of `first` and of `batches`, which all wait for it; an error is given like an answer."""
    begun, release, _ = held

    def insert(batch):
        try:
            return store.tenant(TENANT).insert(batch)
        except Exception as error:  # noqa: BLE001  what is raised is the answer
            return error

    with ThreadPoolExecutor(len(batches) + 1) as pool:
        leading = pool.submit(insert, first)
        assert begun.wait(30)
        following = [pool.submit(insert, batch) for batch in batches]
        intake = store.tenant(TENANT)._write_queue
        while len(intake._groups.waiting) < len(batches):
            assert not any(each.done() for each in following), "told before it was on disk"
        release.set()
        return leading.result(), [each.result() for each in following]


def test_those_who_wait_share_one_commit(store, held):
    first, rest = together(store, held, [arrival(record(0))], [[arrival(record(n))] for n in range(1, 21)])
    assert (first, set(rest)) == (Inserted(1, 0), {Inserted(1, 0)})
    assert held[2] == [1, 20]
    assert store.tenant(TENANT).find(query(limit=100)).total == 21


def test_the_same_event_in_batches_that_share_a_commit_is_stored_once(store, held):
    _, rest = together(store, held, [arrival(record(0))], [[arrival(record(1)), arrival(record(0))] for _ in range(9)])
    assert sorted(rest, key=lambda each: each.stored) == [Inserted(0, 2)] * 8 + [Inserted(1, 1)]
    assert store.tenant(TENANT).find(query()).total == 2


def test_one_id_with_two_bodies_in_batches_that_share_a_commit_is_two_activities(store, held):
    one, two, three = (from_source("i_1_x", NOW, {"name": name}) for name in ("one", "two", "three"))
    first, rest = together(store, held, [one], [[two], [three], [one], [two]])
    assert (first, rest[2]) == (Inserted(1, 0), Inserted(0, 1))
    assert sum(answer.stored for answer in rest) == 2
    assert sum(answer.duplicates for answer in rest) == 2
    expected = {"i_1_x", f"i_1_x~{two.digest[:8]}", f"i_1_x~{three.digest[:8]}"}
    assert set(ids(store.tenant(TENANT).find(query()).records)) == expected


def test_a_batch_that_cannot_be_stored_spoils_no_other(store, held, monkeypatch):
    whole = intake_module.document

    def breaks(entry, sequence, **keys):
        if entry.id == record(7)["_id"]:
            raise RuntimeError("something is wrong with this one")
        return whole(entry, sequence, **keys)

    monkeypatch.setattr(intake_module, "document", breaks)
    batches = [[arrival(record(n)), arrival(record(20))] for n in (7, 1, 2)]
    _, (bad, *good) = together(store, held, [arrival(record(0))], batches)
    assert isinstance(bad, RuntimeError)
    assert sum(each.stored for each in good) == 3, "what the bad batch brought is not taken for stored"
    assert store.tenant(TENANT).find(query()).total == 4


def test_a_failed_batch_replaces_nothing(store, held, monkeypatch):
    whole = intake_module.document

    def breaks(entry, sequence, **keys):
        if entry.id == record(7)["_id"]:
            raise RuntimeError("something is wrong with this one")
        return whole(entry, sequence, **keys)

    monkeypatch.setattr(intake_module, "document", breaks)
    row, event = copies_of("a", NOW)
    batches = [*[[event, arrival(record(7))]] * 3, [event], [event]]
    first, (*bad, one, other) = together(store, held, [row], batches)
    assert [type(each) for each in bad] == [RuntimeError] * 3
    assert first == Inserted(1, 0)
    assert sorted([one, other], key=lambda each: each.stored) == [Inserted(0, 1), Inserted(1, 0)]
    assert event.activity.items() <= json.loads(store.tenant(TENANT).fetch("a")).items()


def test_a_commit_that_fails_is_told_to_all_who_shared_it(store, held, monkeypatch):
    slow = IndexWriters.write
    calls = []

    def fails(self, partition, documents, limits, **more):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        slow(self, partition, documents, limits, **more)

    monkeypatch.setattr(IndexWriters, "write", fails)
    first, rest = together(store, held, [arrival(record(0))], [[arrival(record(n))] for n in range(1, 6)])
    assert first == Inserted(1, 0)
    assert [type(each) for each in rest] == [OSError] * 5
    monkeypatch.undo()
    assert [store.tenant(TENANT).insert([arrival(record(n))]) for n in range(1, 6)] == [Inserted(1, 0)] * 5


def test_a_commit_that_fails_is_not_told_to_those_behind_it(store, held, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_TOGETHER", 3)
    slow = IndexWriters.write
    calls = []

    def fails(self, partition, documents, limits, **more):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        slow(self, partition, documents, limits, **more)

    monkeypatch.setattr(IndexWriters, "write", fails)
    _, rest = together(store, held, [arrival(record(0))], [[arrival(record(n))] for n in range(1, 10)])
    assert sorted(type(each).__name__ for each in rest) == ["Inserted"] * 6 + ["OSError"] * 3
    assert store.tenant(TENANT).find(query()).total == 7


def test_a_batch_that_waited_until_the_store_was_closed_is_not_written(tmp_path):
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    intake = store.tenant(TENANT)._write_queue
    with ThreadPoolExecutor(1) as pool:
        with intake._writing:
            waiting = pool.submit(store.tenant(TENANT).insert, [arrival(record(1))])
            while not intake._groups.waiting:
                pass
            store.close()
        with pytest.raises(StoreClosedError):
            waiting.result()
    again = EmbeddedStore(tmp_path, clock=lambda: NOW)
    assert again.tenant(TENANT).find(query()).total == 0
    again.close()


def test_large_batches_do_not_share(store, held, monkeypatch):
    monkeypatch.setattr(group_commit, "MAX_TOGETHER", 10)
    batches = [[arrival(record(10 * n + m)) for m in range(6)] for n in range(1, 4)]
    _, rest = together(store, held, [arrival(record(0))], batches)
    assert rest == [Inserted(6, 0)] * 3
    assert held[2] == [1, 6, 6, 6]


def test_many_threads_at_once_lose_and_double_nothing(store):
    def work(number):
        return [store.tenant(TENANT).insert([arrival(record(n)), arrival(record(number))]) for n in range(60)]

    with ThreadPoolExecutor(8) as pool:
        answers = [each for result in pool.map(work, range(100, 108)) for each in result]
    assert sum(answer.stored for answer in answers) == 68
    assert sum(answer.stored + answer.duplicates for answer in answers) == 8 * 60 * 2
    assert store.tenant(TENANT).find(query()).total == 68


class Panic(BaseException):
    """What the engine's panics are: no Exception."""


def test_a_panic_is_told_to_all_who_shared_it(store, held, monkeypatch):
    add = deduplication.TakenTerms.add

    def panics(self, column, term, *, near):
        if term == record(3)["_id"]:
            raise Panic
        return add(self, column, term, near=near)

    monkeypatch.setattr(deduplication.TakenTerms, "add", panics)
    with pytest.raises(Panic):
        together(store, held, [arrival(record(0))], [[arrival(record(n))] for n in (1, 2, 3)])
    assert store.tenant(TENANT)._write_queue._groups.waiting == deque()
    monkeypatch.undo()
    assert store.tenant(TENANT).insert([arrival(record(n)) for n in (1, 2, 3)]) == Inserted(3, 0)


def test_what_fails_after_a_commit_stops_no_later_one(caplog):
    def fails():
        raise Panic("after the commit")

    def stores(group):
        for batch in group:
            batch.answer = Inserted(len(batch.entries), 0)

    with ThreadPoolExecutor(1) as writing:
        groups = group_commit.GroupCommit(stores, writing=writing, afterwards=fails)
        for size in (1, 2, 3):
            assert groups.add(group_commit.Batch([None] * size)).result(timeout=10) == Inserted(size, 0)
    assert [entry.exc_info[0] for entry in caplog.records] == [Panic] * 3


def test_what_is_refused_takes_no_id_from_those_behind_it(store, held, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_TIES", 1)
    full = record(0)
    same = {**record(1), "created": full["created"]}
    later = {**record(1), "created": full["created"] + 1}
    _, (refused, stored) = together(store, held, [arrival(full)], [[arrival(same)], [arrival(later)]])
    assert len(refused.refused) == 1
    assert stored == Inserted(1, 0), "not a duplicate of what was refused"
    assert store.tenant(TENANT).fetch(record(1)["_id"]) is not None


def test_commits_that_fail_use_up_no_place_in_a_moment(store, monkeypatch):
    monkeypatch.setattr(sequence, "MAX_TIES", 4)
    batch = [arrival({**record(n), "created": NOW}) for n in range(3)]

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(IndexWriters, "write", fails)
        for _ in range(3):
            with pytest.raises(OSError, match="No space"):
                store.tenant(TENANT).insert(batch)
    assert store.tenant(TENANT).insert(batch) == Inserted(3, 0)


def test_what_is_on_disk_though_its_call_failed_is_not_stored_again(store, monkeypatch):
    store.tenant(TENANT).insert([arrival(record(0))])

    def fails(*_):
        raise OSError(24, "Too many open files")

    before = store.tenant(TENANT).high_water_mark()

    with monkeypatch.context() as broken:
        broken.setattr(Partition, "refresh", fails)
        with pytest.raises(OSError, match="Too many"):
            store.tenant(TENANT).insert([arrival(record(1))])
    assert (
        store.tenant(TENANT).high_water_mark() == before
    )  # It may be there, so that whoever follows what is stored waits for it.
    assert store.tenant(TENANT).insert([arrival(record(1))]) == Inserted(0, 1)
    found = store.tenant(TENANT).changes(query().predicate, after=before, limit=10)
    assert [each["_id"] for each in map(json.loads, (change.record for change in found.changes))] == ["activity-1"]
    assert store.tenant(TENANT).find(query()).total == 2
