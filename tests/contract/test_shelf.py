"""What a shelf does, wherever it is."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from casbah.base.key_value import (
    EPHEMERAL,
    RULES,
    Entry,
    FolderKeyValueStore,
    KeyValueStore,
    MemoryKeyValueStore,
    change,
)
from casbah.store.opensearch.key_value import ClusterKeyValueStore
from cluster import opening

Open = Callable[[], KeyValueStore]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "another" in metafunc.fixturenames:
        kinds = ["folder", "memory", *(["opensearch"] if metafunc.config.getoption("--cluster") else [])]
        metafunc.parametrize("another", kinds, indirect=True)


@pytest.fixture
def another(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same shelf once more, as another server would; what is in memory nobody else has."""
    with ExitStack() as opened:
        if request.param == "opensearch":
            place = opened.enter_context(opening.place(request.getfixturevalue("nodes")))
            cluster = opened.enter_context(closing(place.cluster()))
            yield lambda: ClusterKeyValueStore(cluster, RULES, replicas=1)
        elif request.param == "folder":
            yield lambda: opened.enter_context(closing(FolderKeyValueStore(tmp_path, RULES)))
        else:
            only = MemoryKeyValueStore()
            yield lambda: only


@pytest.fixture
def key_values(another: Open) -> KeyValueStore:
    return another()


def kept(key_values: KeyValueStore, name: str, namespace: str = "d") -> Entry:
    found = key_values.get(namespace, name)
    assert found is not None
    return found


VALUES = [{}, {"a": None, "b": [1, 2.5, True, {"c": ""}]}, {"é \ud800 \x00": "'); drop table kept; --"}, {"n": 10**30}]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_what_is_put_there_is_there(key_values: KeyValueStore, another: Open, value: dict) -> None:
    assert key_values.put("d", "n", value)
    assert kept(another(), "n").value == value


def test_a_name_that_has_one_takes_no_other(key_values: KeyValueStore) -> None:
    assert [key_values.put("d", "n", {"at": number}) for number in range(2)] == [True, False]
    assert kept(key_values, "n").value == {"at": 0}


def test_nothing_takes_the_place_of_what_was_not_seen(key_values: KeyValueStore, another: Open) -> None:
    key_values.put("d", "n", {"at": 0})
    seen = kept(key_values, "n")
    assert another().put("d", "n", {"at": 1}, over=seen)
    assert not key_values.put("d", "n", {"at": 2}, over=seen)
    assert kept(key_values, "n").value == {"at": 1}


def test_what_was_removed_and_put_there_again_is_another(key_values: KeyValueStore) -> None:
    key_values.put("d", "n", {})
    seen = kept(key_values, "n")
    assert key_values.remove("d", "n")
    assert not key_values.put("d", "n", {}, over=seen)
    assert key_values.put("d", "n", {})
    assert not key_values.put("d", "n", {}, over=seen)


def test_what_has_not_changed_is_the_very_same(key_values: KeyValueStore, another: Open) -> None:
    key_values.put("d", "n", {"at": 0})
    seen = kept(key_values, "n")
    assert kept(key_values, "n").version == seen.version
    again = key_values.get("d", "n", seen=seen)
    assert again is seen
    another().put("d", "n", {"at": 1}, over=seen)
    changed = key_values.get("d", "n", seen=seen)
    assert changed is not None
    assert changed.value == {"at": 1}
    key_values.remove("d", "n")
    assert key_values.get("d", "n", seen=changed) is None


def test_removing_says_whether_anything_was_there(key_values: KeyValueStore) -> None:
    key_values.put("d", "n", {})
    assert [key_values.remove("d", "n") for _ in range(2)] == [True, False]
    assert key_values.get("d", "n") is None


def test_drawers_are_apart_and_listed_by_name(key_values: KeyValueStore, another: Open) -> None:
    for name in ("b", "a", "c/d"):
        key_values.put("one", name, {"in": "one"})
    key_values.put("two", "a", {"in": "two"})
    key_values.put("one/c", "d", {"in": "three"})
    assert [each.name for each in another().all("one")] == ["a", "b", "c/d"]
    assert [each.value for each in another().all("two")] == [{"in": "two"}]
    assert another().all("three") == []
    assert kept(key_values, "c/d", "one").value == {"in": "one"}
    assert key_values.put("one", "a", {"in": "one, again"}, over=next(iter(another().all("one"))))


def test_everything_is_all_of_every_drawer(key_values: KeyValueStore, another: Open) -> None:
    for namespace, name in (("two", "b"), ("one", "b"), ("one", "a")):
        key_values.put(namespace, name, {"in": namespace})
    found = [(namespace, each.name, each.value["in"]) for namespace, each in another().everything()]
    assert found == [("one", "a", "one"), ("one", "b", "one"), ("two", "b", "two")]


def test_drawers_are_those_in_which_something_is_kept(key_values: KeyValueStore, another: Open) -> None:
    assert another().namespaces() == []
    for namespace, name in (("two", "b"), ("one", "b"), ("one", "a"), ("gone", "a")):
        key_values.put(namespace, name, {"in": namespace})
    key_values.remove("gone", "a")
    assert another().namespaces() == ["one", "two"]


def test_of_many_who_change_it_at_once_nobody_is_forgotten(another: Open) -> None:
    key_value_stores = [another() for _ in range(4)]
    numbers = count()

    def work(key_values: KeyValueStore) -> None:
        for _ in range(10):
            mine = next(numbers)
            change(key_values, "d", "n", lambda value, mine=mine: {"all": [*(value or {"all": []})["all"], mine]})

    with ThreadPoolExecutor(len(key_value_stores)) as pool:
        for job in [pool.submit(work, key_values) for key_values in key_value_stores]:
            job.result()
    assert sorted(kept(key_value_stores[0], "n").value["all"]) == list(range(40))


def test_of_many_who_put_it_there_one_does(another: Open) -> None:
    key_value_stores = [another() for _ in range(8)]
    with ThreadPoolExecutor(len(key_value_stores)) as pool:
        told = list(pool.map(lambda each: each.put("d", "n", {"who": secrets.token_hex(4)}), key_value_stores))
    assert told.count(True) == 1


def test_what_passes_says_so() -> None:
    assert EPHEMERAL.ephemeral
    assert not RULES.ephemeral
