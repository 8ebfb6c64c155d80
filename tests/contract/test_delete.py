"""What is deleted is in no answer any more; what is not stays as it was, also while the disk is cleaned."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.tenant import TenantId
from casbah.store.contract import FacetQuery, FeedbackEntry, HistogramQuery, Store
from casbah.store.embedded import compaction
from casbah.store.embedded.store import EmbeddedStore
from making import NOW, arrival, from_source, ids, query, record

TENANT = TenantId("default")
MONTH = 31 * 86_400_000
ORDERS = [(sort, direction) for sort in ("date", "created") for direction in ("asc", "desc")]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "_AT_ONCE", 7)


def user(name: str) -> dict[str, Any]:
    return {"user.username": {"eq": [name]}}


def by(name: str, number: int, **keys: Any) -> dict[str, Any]:
    return record(number, timestamp=NOW - number % 3 * MONTH - number, user={"userName": name}, **keys)


def everything(store: Store) -> dict[str, Any]:
    """All that answers show, in each way there is."""
    pages = {
        order: list(store.tenant(TENANT).find(query(sortField=order[0], sortDirection=order[1], limit=5_000)).records)
        for order in ORDERS
    }
    found = {"pages": pages}
    found["scan"] = list(store.tenant(TENANT).scan(query(isScan=True, limit=5_000)).records)
    found["changes"] = list(store.tenant(TENANT).changes(p.Everything(), after=0, limit=5_000).changes)
    found["total"] = store.tenant(TENANT).count(p.Everything())
    found["users"] = list(store.tenant(TENANT).top_values(FacetQuery(FIELDS["user_name"], p.Everything(), 50)))
    spans = HistogramQuery(FIELDS["date"], p.Everything(), NOW - 4 * MONTH, NOW, 86_400_000)
    found["spans"] = dict(store.tenant(TENANT).histogram(spans))
    found["words"] = {
        name: store.tenant(TENANT).find(query({"text": {"eq": [name]}})).total for name in ("ann", "bob", "told")
    }
    return found


def compact(store: Store) -> int:
    steps = 1
    while store.tenant(TENANT).compact():
        steps += 1
    return steps


def filled(store: Store) -> None:
    store.tenant(TENANT).insert(
        [arrival(by("ann" if each % 4 else "bob", each, description="told")) for each in range(60)]
    )


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param(user("bob"), id="a term"),
        pytest.param({"user.username": {"neq": ["bob"]}}, id="a negation"),
        pytest.param({"user.username": {"startswith": ["bo"]}}, id="a prefix"),
        pytest.param({"date": {"lte": [NOW - MONTH]}}, id="a range"),
        pytest.param({"date": {"lte": [NOW - MONTH]}, **user("ann")}, id="two conditions"),
        pytest.param({"text": {"eq": ["told"]}}, id="a word"),
        pytest.param({"user.username": {"isnotset": [True]}}, id="nothing"),
        pytest.param({}, id="all"),
    ],
)
def test_exactly_what_matches_is_gone(store: Store, filters: dict[str, Any]) -> None:
    filled(store)
    asked = query(filters, limit=100)
    matching = set(ids(store.tenant(TENANT).find(asked).records))
    everyone = set(ids(store.tenant(TENANT).find(query(limit=100)).records))
    assert store.tenant(TENANT).delete(asked.predicate) == len(matching)
    left = everyone - matching
    for _ in range(2):
        seen = everything(store)
        assert set(ids(seen["scan"])) == set(ids(seen["pages"]["date", "desc"])) == left
        assert seen["total"] == sum(seen["spans"].values()) == sum(count for _, count in seen["users"]) == len(left)
        assert store.tenant(TENANT).find(asked).total == 0
        assert [name for name in everyone if store.tenant(TENANT).fetch(name) is not None and name in matching] == []
        compact(store)


def test_cleaning_the_disk_changes_no_answer(store: Store) -> None:
    filled(store)
    store.tenant(TENANT).replace([arrival(by("ann", each, description="told anew")) for each in (1, 5, 7)])
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    before = everything(store)
    assert compact(store) > 1
    assert everything(store) == before
    assert not store.tenant(TENANT).compact()


def test_other_tenants_keep_theirs(store: Store) -> None:
    filled(store)
    other = TenantId("other")
    store.tenant(other).insert([arrival(by("bob", 1))])
    store.tenant(TENANT).delete(p.Everything())
    compact(store)
    assert (store.tenant(TENANT).count(p.Everything()), store.tenant(other).count(p.Everything())) == (0, 1)


@pytest.mark.parametrize("cleaned", [False, True])
def test_what_is_delivered_again_is_stored_again_and_only_that(store: Store, cleaned: bool) -> None:
    source = [from_source(f"event-{each}", NOW - each, {"number": each}) for each in range(10)]
    dedup_key = from_source("event-3", NOW - 3, {"number": "another"})
    store.tenant(TENANT).insert([*source, dedup_key, arrival(by("bob", 1)), arrival(by("ann", 2))])
    gone = query({"activity.id": {"eq": ["event-1", "activity-1"]}}).predicate
    assert store.tenant(TENANT).delete(gone) == 2
    if cleaned:
        compact(store)
    again = store.tenant(TENANT).insert([*source, dedup_key, arrival(by("bob", 1)), arrival(by("ann", 2))])
    assert (again.stored, again.duplicates) == (2, 11)
    assert store.tenant(TENANT).count(p.Everything()) == 13


def test_feedback_goes_with_its_activity(store: Store) -> None:
    filled(store)
    for name in ("activity-0", "activity-1"):
        store.tenant(TENANT).add_feedback(name, FeedbackEntry(NOW, "test", b'{"useful": true}'))
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    store.tenant(TENANT).insert([arrival(by("bob", 0))])
    assert store.tenant(TENANT).feedback("activity-0") == ()
    assert len(store.tenant(TENANT).feedback("activity-1")) == 1


def test_storing_and_replacing_go_on_while_the_disk_is_cleaned(store: Store) -> None:
    filled(store)
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    number = 100
    while store.tenant(TENANT).compact():
        store.tenant(TENANT).insert([arrival(by("bob", number))])
        store.tenant(TENANT).replace([arrival(by("ann", 59, description=f"after {number}"))])
        if number < 105:  # Each makes cleaning begin anew.
            store.tenant(TENANT).delete(query({"activity.id": {"eq": [f"activity-{number}"]}}).predicate)
        number += 1
    held = {f"activity-{each}" for each in range(60) if each % 4}
    assert set(ids(everything(store)["scan"])) == held | {f"activity-{each}" for each in range(105, number)}
    fetched = store.tenant(TENANT).fetch("activity-59")
    assert fetched is not None
    assert json.loads(fetched)["description"] == f"after {number - 1}"


@pytest.fixture
def reopened(tmp_path: Path) -> Iterator[Any]:
    """Closes the store that there was and opens it again."""
    held: list[EmbeddedStore] = []

    def anew() -> EmbeddedStore:
        while held:
            held.pop().close()
        held.append(EmbeddedStore(tmp_path / "again", clock=lambda: NOW))
        return held[0]

    yield anew
    while held:
        held.pop().close()


def test_a_restart_goes_on_with_cleaning(reopened: Any) -> None:
    filled(reopened())
    store = reopened()
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    before = everything(store)
    assert store.tenant(TENANT).compact()
    store = reopened()
    assert everything(store) == before
    assert compact(store) > 3
    assert everything(reopened()) == before


def test_empty_ids_of_an_older_store_do_not_keep_cleaning_from_ending(reopened: Any) -> None:
    store = reopened()
    filled(store)
    for number in (61, 62):
        store.tenant(TENANT).insert([arrival(by("ann", number, _id=""))])
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    before = everything(store)
    assert before["total"] == 47
    assert any(not store.tenant(TENANT).compact() for _ in range(100))
    assert everything(store) == before


def test_a_cursor_of_the_change_feed_misses_nothing_after_all_was_deleted(reopened: Any) -> None:
    store = reopened()
    filled(store)
    reached = store.tenant(TENANT).changes(p.Everything(), after=0, limit=1_000).reached
    store.tenant(TENANT).delete(p.Everything())
    compact(store)
    store = reopened()
    store.tenant(TENANT).insert([arrival(by("cid", 200))])
    found = store.tenant(TENANT).changes(p.Everything(), after=reached, limit=10)
    assert ids(change.record for change in found.changes) == ["activity-200"]


def test_no_file_of_before_is_left(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, clock=lambda: NOW)
    filled(store)
    store.tenant(TENANT).insert([arrival(by("bob", 90, description="unutterable"))])
    segments = {file for file in tmp_path.rglob("*") if file.suffix in {".store", ".term", ".idx", ".pos", ".fast"}}
    assert any(b"unutterable" in file.read_bytes() for file in segments)
    store.tenant(TENANT).delete(query(user("bob")).predicate)
    compact(store)
    assert not [file for file in segments if file.exists()]
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"unutterable" in file.read_bytes()]
    assert not list(tmp_path.rglob("erasing.json"))
    store.close()


@pytest.mark.slow
def test_any_order_of_changes_agrees_with_a_plain_list(reopened: Any) -> None:
    dice = random.Random(5)
    store, held, number = reopened(), {}, 0
    for _ in range(80):
        step = dice.random()
        if step < 0.45:
            batch = [by(dice.choice(["ann", "bob", "cid"]), number + each) for each in range(dice.randint(1, 9))]
            number += len(batch)
            store.tenant(TENANT).insert(map(arrival, batch))
            held |= {each["_id"]: each for each in batch}
        elif step < 0.6 and held:
            name = dice.choice(sorted(held))
            held[name] = held[name] | {"description": f"anew {dice.random()}"}
            store.tenant(TENANT).replace([arrival(held[name])])
        elif step < 0.75:
            name = dice.choice(["ann", "bob", "cid"])
            late = {"date": {"lte": [NOW - dice.randrange(3 * MONTH)]}}
            before = len(held)
            cut = late["date"]["lte"][0]
            held = {
                key: each for key, each in held.items() if each["user"]["userName"] != name or each["timestamp"] > cut
            }
            assert store.tenant(TENANT).delete(query({**user(name), **late}).predicate) == before - len(held)
        elif step < 0.95:
            store.tenant(TENANT).compact()
        else:
            store = reopened()
        seen = everything(store)
        assert {json.loads(each)["_id"]: json.loads(each) for each in seen["scan"]} == held
        assert seen["total"] == len(seen["changes"]) == len(held)
