"""What a shelf does, wherever it is."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from casbah.shelf import PASSING, RULES, FolderShelf, Kept, MemoryShelf, Shelf, change
from casbah.store.opensearch.shelf import ClusterShelf
from cluster import opening

Open = Callable[[], Shelf]


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
            yield lambda: ClusterShelf(cluster, RULES, replicas=1)
        elif request.param == "folder":
            yield lambda: opened.enter_context(closing(FolderShelf(tmp_path, RULES)))
        else:
            only = MemoryShelf()
            yield lambda: only


@pytest.fixture
def shelf(another: Open) -> Shelf:
    return another()


def kept(shelf: Shelf, name: str, drawer: str = "d") -> Kept:
    found = shelf.get(drawer, name)
    assert found is not None
    return found


VALUES = [{}, {"a": None, "b": [1, 2.5, True, {"c": ""}]}, {"é \ud800 \x00": "'); drop table kept; --"}, {"n": 10**30}]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_what_is_put_there_is_there(shelf: Shelf, another: Open, value: dict) -> None:
    assert shelf.put("d", "n", value)
    assert kept(another(), "n").value == value


def test_a_name_that_has_one_takes_no_other(shelf: Shelf) -> None:
    assert [shelf.put("d", "n", {"at": number}) for number in range(2)] == [True, False]
    assert kept(shelf, "n").value == {"at": 0}


def test_nothing_takes_the_place_of_what_was_not_seen(shelf: Shelf, another: Open) -> None:
    shelf.put("d", "n", {"at": 0})
    seen = kept(shelf, "n")
    assert another().put("d", "n", {"at": 1}, over=seen)
    assert not shelf.put("d", "n", {"at": 2}, over=seen)
    assert kept(shelf, "n").value == {"at": 1}


def test_what_was_removed_and_put_there_again_is_another(shelf: Shelf) -> None:
    shelf.put("d", "n", {})
    seen = kept(shelf, "n")
    assert shelf.remove("d", "n")
    assert not shelf.put("d", "n", {}, over=seen)
    assert shelf.put("d", "n", {})
    assert not shelf.put("d", "n", {}, over=seen)


def test_what_has_not_changed_is_the_very_same(shelf: Shelf, another: Open) -> None:
    shelf.put("d", "n", {"at": 0})
    seen = kept(shelf, "n")
    assert kept(shelf, "n").version == seen.version
    again = shelf.get("d", "n", seen=seen)
    assert again is seen
    another().put("d", "n", {"at": 1}, over=seen)
    changed = shelf.get("d", "n", seen=seen)
    assert changed is not None
    assert changed.value == {"at": 1}
    shelf.remove("d", "n")
    assert shelf.get("d", "n", seen=changed) is None


def test_removing_says_whether_anything_was_there(shelf: Shelf) -> None:
    shelf.put("d", "n", {})
    assert [shelf.remove("d", "n") for _ in range(2)] == [True, False]
    assert shelf.get("d", "n") is None


def test_drawers_are_apart_and_listed_by_name(shelf: Shelf, another: Open) -> None:
    for name in ("b", "a", "c/d"):
        shelf.put("one", name, {"in": "one"})
    shelf.put("two", "a", {"in": "two"})
    shelf.put("one/c", "d", {"in": "three"})
    assert [each.name for each in another().all("one")] == ["a", "b", "c/d"]
    assert [each.value for each in another().all("two")] == [{"in": "two"}]
    assert another().all("three") == []
    assert kept(shelf, "c/d", "one").value == {"in": "one"}
    assert shelf.put("one", "a", {"in": "one, again"}, over=next(iter(another().all("one"))))


def test_everything_is_all_of_every_drawer(shelf: Shelf, another: Open) -> None:
    for drawer, name in (("two", "b"), ("one", "b"), ("one", "a")):
        shelf.put(drawer, name, {"in": drawer})
    found = [(drawer, each.name, each.value["in"]) for drawer, each in another().everything()]
    assert found == [("one", "a", "one"), ("one", "b", "one"), ("two", "b", "two")]


def test_drawers_are_those_in_which_something_is_kept(shelf: Shelf, another: Open) -> None:
    assert another().drawers() == []
    for drawer, name in (("two", "b"), ("one", "b"), ("one", "a"), ("gone", "a")):
        shelf.put(drawer, name, {"in": drawer})
    shelf.remove("gone", "a")
    assert another().drawers() == ["one", "two"]


def test_of_many_who_change_it_at_once_nobody_is_forgotten(another: Open) -> None:
    shelves = [another() for _ in range(4)]
    numbers = count()

    def work(shelf: Shelf) -> None:
        for _ in range(10):
            mine = next(numbers)
            change(shelf, "d", "n", lambda value, mine=mine: {"all": [*(value or {"all": []})["all"], mine]})

    with ThreadPoolExecutor(len(shelves)) as pool:
        for job in [pool.submit(work, shelf) for shelf in shelves]:
            job.result()
    assert sorted(kept(shelves[0], "n").value["all"]) == list(range(40))


def test_of_many_who_put_it_there_one_does(another: Open) -> None:
    shelves = [another() for _ in range(8)]
    with ThreadPoolExecutor(len(shelves)) as pool:
        told = list(pool.map(lambda each: each.put("d", "n", {"who": secrets.token_hex(4)}), shelves))
    assert told.count(True) == 1


def test_what_passes_says_so() -> None:
    assert PASSING.passes
    assert not RULES.passes
