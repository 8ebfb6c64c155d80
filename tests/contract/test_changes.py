"""The change feed: everything that is stored, once, in the order of storing, whoever reads it and whenever."""

import errno
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.tenant import TenantId
from casbah.store.contract import Store
from casbah.store.embedded import index_writers
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, from_source, query, record

TENANT, OTHER = TenantId("default"), TenantId("fabrikam")
DAY = 86_400_000
ALL = p.Everything()


def made(number: int, *, days_late: float = 0, **more: Any) -> dict[str, Any]:
    return record(number, **{"timestamp": NOW - int(days_late * DAY), **more})


def followed(
    store: Store, after: int = 0, *, limit: int = 7, tenant_id: TenantId = TENANT, predicate: Any = ALL
) -> tuple[list[str], int]:
    """The ids from a number on, and the number reached."""
    found: list[str] = []
    while True:
        got = store.tenant(tenant_id).changes(predicate, after=after, limit=limit)
        numbers = [change.number for change in got.changes]
        assert numbers == sorted(set(numbers))
        assert all(after < number <= got.reached for number in numbers)
        found += [json.loads(change.record)["_id"] for change in got.changes]
        if got.reached == after:
            return found, after
        after = got.reached


def test_everything_comes_once_in_the_order_of_storing(store: Store) -> None:
    dice = random.Random(3)
    ids = []
    for batch in range(12):
        new_activities = [
            arrival(made(batch * 10 + each, days_late=dice.choice([0, 0.1, 8, 29, 60]))) for each in range(10)
        ]
        store.tenant(TENANT).insert(new_activities)
        ids += [each.id for each in new_activities]
    store.tenant(OTHER).insert([arrival(made(999))])
    for limit in (1, 7, 5_000):
        assert followed(store, limit=limit)[0] == ids
    assert followed(store, tenant_id=OTHER)[0] == [arrival(made(999)).id]


def test_thousands_of_one_ms_are_all_there(store: Store) -> None:
    new_activities = [arrival(made(each, created=NOW)) for each in range(10_000)]
    store.tenant(TENANT).insert(new_activities)
    assert followed(store, limit=999)[0] == [each.id for each in new_activities]


def test_a_reader_goes_on_where_it_was(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(made(1)), arrival(made(2, days_late=40))])
    first, number = followed(store)
    assert store.tenant(TENANT).high_water_mark() == number
    store.tenant(TENANT).insert([arrival(made(3, days_late=300)), arrival(made(1)), arrival(made(4))])
    assert followed(store, number)[0] == [made(3)["_id"], made(4)["_id"]]
    assert len(first) == 2
    assert followed(store, 10**9) == ([], 10**9)


def test_filters_leave_out_and_nothing_is_looked_at_twice(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(made(each, appId=each % 3)) for each in range(30)])
    wanted = p.Terms(FIELDS["service"], (1,))
    found, number = followed(store, predicate=wanted, limit=4)
    assert found == [made(each)["_id"] for each in range(1, 30, 3)]
    assert number == store.tenant(TENANT).high_water_mark()
    assert followed(store, predicate=p.Terms(FIELDS["service"], (99,))) == ([], number)


def test_what_is_stored_anew_in_its_old_place_does_not_come_again(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(made(each)) for each in range(5)])
    found, number = followed(store)
    page = store.tenant(TENANT).find(query(sortDirection="asc"))
    anew = [{**json.loads(each), "severity": 3} for each in page.records]
    assert store.tenant(TENANT).replace([arrival(each) for each in anew]) == 5
    assert followed(store, number)[0] == []
    assert followed(store)[0] == found
    store.tenant(TENANT).insert([arrival(made(9))])
    assert followed(store, number)[0] == [made(9)["_id"]]


def test_it_is_the_same_after_opening_again(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    store.tenant(TENANT).insert([arrival(made(each, days_late=each * 9)) for each in range(20)])
    found, number = followed(store)
    store.close()
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    assert followed(store) == (found, number)
    store.tenant(TENANT).insert([arrival(made(77))])
    assert followed(store, number)[0] == [made(77)["_id"]]
    store.close()


def test_a_failed_commit_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second period of a batch cannot be written: what it holds comes when it is sent again, also to who has read on."""
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    store.tenant(TENANT).insert([arrival(made(1))])
    _, number = followed(store)
    batch = [arrival(made(2)), arrival(made(3, days_late=200)), arrival(made(4))]
    write, calls = IndexWriters.write, []

    def failing(self: IndexWriters, *arguments: Any, **more: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("the disk is gone")
        write(self, *arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(IndexWriters, "write", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            store.tenant(TENANT).insert(batch)
    first, number = followed(store, number)
    store.close()
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    store.tenant(TENANT).insert(batch)
    second, _ = followed(store, number)
    assert sorted(first + second) == sorted(each.id for each in batch)
    store.close()


def test_a_commit_that_becomes_visible_later_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of a batch's second period is on disk when its folder cannot be synced: the next insert makes it visible."""
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    store.tenant(TENANT).insert([arrival(made(1))])
    _, number = followed(store)
    batch = [arrival(made(2)), arrival(made(3, days_late=200)), arrival(made(4))]
    sync_folder, calls = index_writers.sync_folder, []

    def failing(folder: Path) -> None:
        calls.append(folder)
        if len(calls) == 2:
            raise OSError("the disk is gone")
        sync_folder(folder)

    with monkeypatch.context() as patch:
        patch.setattr(index_writers, "sync_folder", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            store.tenant(TENANT).insert(batch)
    first, number = followed(store, number)
    store.tenant(TENANT).insert([arrival(made(5))])
    second, _ = followed(store, number)
    assert sorted(first + second) == sorted(entry.id for entry in [*batch, arrival(made(5))])
    store.close()


def test_what_is_committed_again_for_a_full_disk_is_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An urgent commit is on disk when its folder cannot be synced, and is repeated with the reserved space."""
    sync_folder, full = index_writers.sync_folder, [OSError(errno.ENOSPC, "No space left on device")]

    def failing(folder: Path) -> None:
        sync_folder(folder)
        if full:
            raise full.pop()

    batch = [arrival(made(number)) for number in range(20)] + [arrival(made(20, _id="x" * 2_000))]
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        monkeypatch.setattr(index_writers, "sync_folder", failing)
        assert store.tenant(TENANT).insert_soon(batch, urgent=True).result().stored == len(batch)
        assert not full, "the commit has failed once"
        assert followed(store)[0] == [entry.id for entry in batch]
        assert store.tenant(TENANT).insert_soon(batch, urgent=True).result().duplicates == len(batch)


@pytest.mark.slow
def test_readers_beside_many_writers_miss_nothing(store: Store) -> None:
    """Batches over several periods, committed one period after the other, while readers follow."""
    dice = random.Random(11)
    batches = [
        [arrival(made(batch * 50 + each, days_late=dice.choice([0, 26, 55, 80, 300]))) for each in range(5)]
        for batch in range(40)
    ]
    done = threading.Event()

    def follow(seed: int) -> list[str]:
        own, found, number = random.Random(seed), [], 0
        while True:
            ended = done.is_set()
            got = store.tenant(TENANT).changes(ALL, after=number, limit=own.choice([1, 3, 50]))
            # Whoever crashes before it has kept the number asks from there again.
            if own.random() < 0.2:
                continue
            found += [json.loads(change.record)["_id"] for change in got.changes]
            if ended and got.reached == number:
                return found
            number = got.reached

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(follow, seed) for seed in range(3)]
        writers = list(pool.map(lambda batch: store.tenant(TENANT).insert(batch), batches))
        done.set()
        found = [reader.result() for reader in readers]
    assert sum(writer.stored for writer in writers) == 200
    expected = sorted(each.id for batch in batches for each in batch)
    assert [sorted(each) for each in found] == [expected] * 3
    assert found[0] == found[1] == found[2] == followed(store)[0]


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 30 * DAY), st.booleans()
    ),  # which event, how late, whether its body differs
    max_size=12,
)


@pytest.mark.slow
@given(st.lists(EVENTS, min_size=1, max_size=6), st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_the_union_of_what_a_client_saw_is_what_is_stored(
    tmp_path_factory: pytest.TempPathFactory, batches: list[Any], crashes: list[bool], limit: int
) -> None:
    """Random lateness, the same events again, and a client that crashes between reading and keeping its number."""
    store = EmbeddedStore(tmp_path_factory.mktemp("changes"), clock=lambda: NOW)
    seen: list[str] = []
    kept = 0
    dice = iter(crashes * 1_000)
    try:
        for batch in batches:
            store.tenant(TENANT).insert(
                [from_source(f"e{each}", NOW - late, {"other": other}) for each, late, other in batch]
            )
            while True:
                got = store.tenant(TENANT).changes(ALL, after=kept, limit=limit)
                if got.reached == kept:
                    break
                if next(dice) and not all(crashes):
                    continue
                seen += [json.loads(change.record)["_id"] for change in got.changes]
                kept = got.reached
        scanned = store.tenant(TENANT).scan(query(isScan=True, limit=5_000))
        assert sorted(seen) == sorted(json.loads(each)["_id"] for each in scanned.records)
        assert len(set(seen)) == len(seen)
    finally:
        store.close()
