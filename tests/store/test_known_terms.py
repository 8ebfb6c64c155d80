"""Which ids are known is answered as a plain set would, whatever happens to the store and to the files of the filter."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.base import jsontext
from casbah.errors import DamagedRecordError
from casbah.store.contract import Inserted
from casbah.store.embedded import bloom, known_files, known_terms
from casbah.store.embedded.bloom import GrowingBloom, hashed
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.known_files import FILTER, LOG, KnownFiles
from casbah.store.embedded.known_terms import KnownTerms
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, from_source, ids, query, record

TENANT = TenantId("default")
MONTH = 31 * 86_400_000
NAMES = ["a", "b", "c", "d", "e~1", "\u00e9\U0001f600", "nul\0", "\ud800", "long" * 3_000, "long" * 3_000 + "er"]


class Event(NamedTuple):
    """An activity to insert: from a source with that body, or ready made if it has none."""

    name: str
    body: int | None
    month: int

    @property
    def new_activity(self) -> NewActivity:
        moment = NOW - self.month * MONTH
        if self.body is None:
            return arrival(record(0, _id=self.name, uid=self.name, timestamp=moment))
        return from_source(self.name, moment, {"body": self.body})


class Model:
    """The specification (records.md, "Identity"), with a dict."""

    def __init__(self) -> None:
        self.stored: dict[str, tuple[str, str] | None] = {}

    def insert(self, event: Event) -> bool:
        """Whether the event is stored."""
        digest = event.new_activity.digest
        if digest is None:
            return self._take(event.name, None)
        if (digest, event.name) in self.stored.values():
            return False
        return any(self._take(name, (digest, event.name)) for name in (event.name, f"{event.name}~{digest[:8]}"))

    def _take(self, name: str, dedup_key: tuple[str, str] | None) -> bool:
        if name in self.stored:
            return False
        self.stored[name] = dedup_key
        return True


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that takes a million activities takes a handful; every third "yes" of the filter is wrong."""
    monkeypatch.setattr(bloom, "_MIN_ROOM", 4)
    monkeypatch.setattr(bloom, "_RATE", 0.3)
    monkeypatch.setattr(known_files, "_MAX_UNSYNCED", 6)
    monkeypatch.setattr(known_terms, "MAX_LOG", 500)
    monkeypatch.setattr(known_terms, "READ_AT_ONCE", 1)
    monkeypatch.setattr(known_terms, "_MIN_STALE", 12)


class Tried:
    """A store and its model, side by side."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tenant_folder = folder / "tenants" / TENANT.name
        self.model = Model()
        self.kept: dict[str, bytes] = {}
        self.open()

    def open(self) -> None:
        self.store = EmbeddedStore(self.folder, clock=lambda: NOW)
        self.tenant = self.store.tenant(TENANT)

    def insert(self, events: Sequence[Event]) -> None:
        inserted = self.tenant.insert([event.new_activity for event in events])
        stored = sum([self.model.insert(event) for event in events])
        assert (inserted.stored, inserted.duplicates) == (stored, len(events) - stored)

    def fail(self, events: Sequence[Event]) -> None:
        """A commit that fails after the terms were logged."""

        def fails(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(IndexWriters, "write", fails)
            stored = [event for event in events if event.name not in self.model.stored and event.body is None]
            if stored:
                with pytest.raises(OSError, match="No space"):
                    self.tenant.insert([event.new_activity for event in stored])

    def delete(self, name: str) -> None:
        if "\ud800" not in name and len(name) < 100:
            deleted = self.tenant.delete(query({"activity.id": {"eq": [name]}}).predicate)
            assert deleted == (name in self.model.stored)
            self.model.stored.pop(name, None)

    def replace(self, event: Event) -> None:
        if event.body is None and event.name in self.model.stored and self.model.stored[event.name] is None:
            self.tenant.replace([event.new_activity])

    def settle(self) -> None:
        """Wait for what is done after a commit, which its caller does not wait for."""
        self.tenant._write_queue.exclusively(lambda: None).result()

    def compact(self) -> None:
        while self.tenant.compact():
            pass

    def restart(self, change: Callable[["Tried"], None]) -> None:
        self.store.close()
        change(self)
        self.open()

    def check(self) -> None:
        found = self.tenant.find(query(limit=5_000)).records
        assert sorted(ids(found)) == sorted(self.model.stored)
        self.insert([Event(name, None, 0) for name in NAMES])


def nothing(_: object) -> None:
    """A start after a clean end; one after `kill -9` is the same, as nothing is written at the end."""


def keep(tried: Tried) -> None:
    """Copy the files, as a disk has them that lost what was written after this."""
    tried.kept = {file.name: file.read_bytes() for file in tried.tenant_folder.glob("known.*")}


def lose(tried: Tried) -> None:
    """The power fails: the files are as they were at the last `keep`."""
    for file in tried.tenant_folder.glob("known.*"):
        file.unlink()
    for name, content in tried.kept.items():
        (tried.tenant_folder / name).write_bytes(content)


def removed(name: str) -> Callable[[Tried], None]:
    return lambda tried: (tried.tenant_folder / name).unlink(missing_ok=True)


def truncated(name: str, share: float) -> Callable[[Tried], None]:
    def change(tried: Tried) -> None:
        file = tried.tenant_folder / name
        if file.exists():
            os.truncate(file, int(file.stat().st_size * share))

    return change


def flipped(name: str, share: float) -> Callable[[Tried], None]:
    def change(tried: Tried) -> None:
        file = tried.tenant_folder / name
        if file.exists():
            content = bytearray(file.read_bytes())
            content[int(len(content) * share)] ^= 1 << int(share * 1_000) % 8
            file.write_bytes(content)

    return change


FILES = st.sampled_from([FILTER, LOG])
SHARES = st.floats(0, 0.999)
EVENTS = st.builds(Event, st.sampled_from(NAMES), st.sampled_from([None, None, 1, 2]), st.integers(0, 3))
BATCHES = st.lists(EVENTS, min_size=1, max_size=8)
CHANGES = (
    st.sampled_from([nothing, keep, lose])
    | st.builds(removed, FILES)
    | st.builds(truncated, FILES, SHARES)
    | st.builds(flipped, FILES, SHARES)
)
STEPS = (
    st.tuples(st.just(Tried.insert), BATCHES)
    | st.tuples(st.just(Tried.insert), BATCHES)
    | st.tuples(st.just(Tried.restart), CHANGES)
    | st.tuples(st.just(Tried.fail), BATCHES)
    | st.tuples(st.just(Tried.delete), st.sampled_from(NAMES))
    | st.tuples(st.just(Tried.replace), EVENTS)
    | st.tuples(st.just(Tried.compact))
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_what_is_known_is_what_a_plain_set_would_hold(
    steps: list[tuple[Callable[..., None], object]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small(monkeypatch)
    folder = tmp_path_factory.mktemp("tried")
    tried = Tried(folder)
    try:
        for step, *arguments in steps:
            step(tried, *arguments)
        tried.check()
    finally:
        tried.store.close()
        shutil.rmtree(folder)


@pytest.fixture
def tried(tmp_path: Path) -> Iterator[Tried]:
    opened = Tried(tmp_path)
    yield opened
    opened.store.close()


def months(count: int, *, first: int = 0) -> list[Event]:
    """An event in each of many partitions."""
    return [Event(f"old-{month}", None, month) for month in range(first, first + count)]


def searches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every search of an index for an id or dedup key from here on."""
    seen: list[tuple[str, str]] = []
    whole = PartitionSearcher.has

    def has(self: PartitionSearcher, column: str, term: str) -> bool:
        seen.append((column, term))
        return whole(self, column, term)

    monkeypatch.setattr(PartitionSearcher, "has", has)
    return seen


def test_new_ids_are_searched_in_no_partition(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    tried.insert(months(12))
    searched = searches(monkeypatch)
    tried.insert([Event(f"new-{number}", number, number % 12) for number in range(300)])
    tried.restart(nothing)
    tried.insert([Event(f"more-{number}", number, number % 12) for number in range(300)])
    assert len(searched) < 12 * 6, "only those that the filter wrongly takes for known"


def test_an_empty_id_of_an_older_store_does_not_keep_the_filter_from_being_complete(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried.tenant.insert([arrival(record(0, _id="", timestamp=NOW))])
    tried.restart(removed(LOG))
    tried.insert(months(2))
    tried.settle()
    tried.restart(nothing)
    searched = searches(monkeypatch)
    tried.insert([Event(f"new-{number}", None, 0) for number in range(20)])
    assert searched == []


def test_a_duplicate_is_searched_in_its_own_partition(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    tried.insert(months(12))
    searched = searches(monkeypatch)
    tried.insert(months(12))
    assert len(searched) == 12


DAMAGES = [
    pytest.param(removed(FILTER), id="filter removed"),
    pytest.param(removed(LOG), id="log removed"),
    pytest.param(truncated(FILTER, 0.7), id="filter truncated"),
    pytest.param(truncated(LOG, 0.7), id="log truncated"),
    pytest.param(flipped(FILTER, 0.5), id="bit of the filter flipped"),
    pytest.param(flipped(LOG, 0.9), id="bit of the log flipped"),
]


@pytest.mark.parametrize("change", DAMAGES)
def test_files_that_are_damaged_are_made_again(
    change: Callable[[Tried], None], tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_terms, "MAX_LOG", 100)
    tried.insert(months(9))
    tried.settle()
    tried.insert([Event("last", None, 0)])
    assert (tried.tenant_folder / FILTER).exists()
    assert (tried.tenant_folder / LOG).exists()
    tried.restart(change)
    for _ in range(2):  # Reading the index ends after the first.
        tried.insert([*months(9), Event("last", None, 0), Event("other", None, 0)])
    tried.restart(nothing)
    searched = searches(monkeypatch)
    tried.insert([Event(f"new-{number}", None, 0) for number in range(20)])
    assert len(searched) < 9, "the filter is complete again"


def test_a_damaged_filter_is_named_once_in_the_log(tried: Tried, caplog: pytest.LogCaptureFixture) -> None:
    files = KnownFiles(tried.folder)
    files.save(GrowingBloom(), 7)
    (tried.folder / FILTER).write_bytes((tried.folder / FILTER).read_bytes()[:-1] + b"!")
    assert KnownFiles(tried.folder).load() == (GrowingBloom(), 0)
    assert [entry.message for entry in caplog.records] == [
        f"{tried.folder / FILTER} is damaged or of another version, so the index is read instead"
    ]


def test_files_of_another_store_are_noticed(tried: Tried, tmp_path: Path) -> None:
    tried.insert([Event(f"mine-{number}", None, number) for number in range(4)])
    other = Tried(tmp_path / "other")
    other.insert(months(12))
    other.store.close()
    other.kept = {LOG: (other.tenant_folder / LOG).read_bytes()}
    tried.kept = other.kept
    tried.restart(lose)
    tried.insert([Event(f"mine-{number}", None, number) for number in range(4)])


def test_a_damaged_record_stops_no_insert(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> bytes:
        raise DamagedRecordError("its checksum does not match")

    tried.insert(months(3))
    with monkeypatch.context() as broken:
        broken.setattr(RecordCodec, "decode", damaged)
        tried.restart(nothing)
        tried.insert([*months(3), Event("one", None, 0)])


def test_what_cannot_be_compared_with_a_damaged_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a copy of it or not, so it is neither a duplicate nor another activity."""

    def damaged(*_: object) -> bytes:
        raise DamagedRecordError("its checksum does not match")

    row = {"timestamp": NOW, "sourceForm": "csv", "user": {"userName": "ann@contoso.com"}}
    event = {"timestamp": NOW, "user": {"userName": "bob@contoso.com"}}
    stored, other = (
        NewActivity("x1", NOW, jsontext.dump(keys), keys, digest, None, ("_id", "uid", "created"))
        for keys, digest in ((row, "a" * 64), (event, "b" * 64))
    )
    known_by_id = arrival({"_id": "x1", "timestamp": NOW, "user": {"userName": "bob@contoso.com"}})
    with closing(EmbeddedStore(tmp_path, clock=lambda: NOW)) as store:
        tenant = store.tenant(TenantId("default"))
        tenant.insert([stored])
        with monkeypatch.context() as broken:
            broken.setattr(RecordCodec, "decode", damaged)
            done = tenant.insert([known_by_id, other, stored, arrival(record(1))])
        assert (done.stored, done.duplicates) == (1, 1)
        assert [position for position, _ in done.refused] == [0, 1]
        assert {reason.partition(" (")[0] for _, reason in done.refused} == {
            "its _id is that of a stored record that is damaged"
        }
        assert tenant.insert([known_by_id, other]) == Inserted(
            1, 0, ((0, "its _id is that of a stored activity whose time, user or address differs"),)
        )


def test_a_log_that_cannot_be_written_fails_no_insert(tried: Tried, caplog: pytest.LogCaptureFixture) -> None:
    tried.insert(months(3))
    (tried.tenant_folder / LOG).unlink()
    tried.insert([*months(3), Event("one", None, 0)])
    tried.insert([*months(3), Event("one", None, 0), Event("two", 1, 1)])
    assert [entry.levelname for entry in caplog.records] == ["WARNING"]
    tried.restart(nothing)
    tried.insert([*months(3), Event("one", None, 0), Event("two", 1, 1)])


def test_sequence_numbers_of_a_failed_commit_are_not_assigned_again(tried: Tried) -> None:
    """The log has an entry up to them; if it then lost the next one, it would seem complete."""
    tried.insert(months(2))
    tried.fail(months(3, first=2))
    keep(tried)
    tried.restart(nothing)
    tried.insert([Event("lost", None, 0)])
    tried.restart(lose)
    tried.insert([Event("lost", None, 0)])


def test_a_filter_mostly_of_deleted_activities_is_made_again(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch)
    monkeypatch.setattr(bloom, "_RATE", 0.001)
    for number in range(40):
        tried.insert([Event(f"short-lived-{number}", None, 0)])
        tried.delete(f"short-lived-{number}")
        tried.compact()
    tried.insert([Event("stays", None, 0)])
    tried.settle()
    known = tried.tenant._write_queue._known
    assert known is not None
    assert known._bloom.count < 40
    tried.check()


def test_the_filter_forgets_nothing_as_it_grows() -> None:
    filled = GrowingBloom()
    terms = [hashed("id", str(number)) for number in range(100_000)]
    for start in range(0, len(terms), 5_770):
        filled.update(terms[start : start + 5_770])
    assert all(term in filled for term in terms)
    assert sum(hashed("id", f"other-{number}") in filled for number in range(20_000)) < 200
    assert len(filled.filters) < 6


def test_a_log_counts_for_nothing_without_its_filter(tmp_path: Path) -> None:
    files = KnownFiles(tmp_path)
    filled, _ = files.load()
    filled.update([1, 2])
    files.append([1, 2], 2)
    read, last = KnownFiles(tmp_path).load()
    assert last == 2
    assert 1 in read
    files.save(filled, 2)
    files.append([3], 3)
    (tmp_path / FILTER).unlink()
    assert KnownFiles(tmp_path).load() == (GrowingBloom(), 0)


def test_an_incomplete_filter_stays_incomplete_on_disk(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store ends before it has read what the filter lacks."""
    tried.insert([Event("kept", None, 0)])
    keep(tried)
    tried.insert([Event("lost", None, 0)])
    with monkeypatch.context() as ended:
        ended.setattr(KnownTerms, "maintain", nothing)
        tried.restart(lose)
        tried.insert([Event("other", None, 0)])
        tried.restart(nothing)
    tried.insert([Event("lost", None, 0), Event("other", None, 0)])
