"""Nodes are killed while activities are stored and read: nothing acknowledged is lost, nothing doubled, no answer is a part."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from casbah.activity import predicate as p
from casbah.activity.query import continuation
from casbah.activity.tenant import TenantId
from casbah.errors import ClusterUnreachableError, UnavailableError
from casbah.store.opensearch import lease
from casbah.store.opensearch.store import OpenSearchStore
from casbah.store.opensearch.write_queue import WriteQueue
from cluster.opening import TOLD, Place
from making import NOW, arrival, ids, query, record

TENANT = TenantId("default")
MONTH = 31 * 86_400_000
BATCH = 50


@dataclass
class Ledger:
    """What was sent, and what was said of it."""

    acknowledged: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    errors: int = 0


def batch(number: int) -> list[dict]:
    chance = random.Random(number)
    return [record(number * BATCH + n, timestamp=NOW - chance.randrange(4) * MONTH - n) for n in range(BATCH)]


def stored(store: OpenSearchStore, ledger: Ledger, numbers: range, done: threading.Event) -> None:
    """Sends batch after batch until it is told to stop; what was refused is not sent again."""
    for number in numbers:
        if done.is_set():
            return
        made = batch(number)
        names = {each["_id"] for each in made}
        ledger.sent |= names
        try:
            store.tenant(TENANT).insert([arrival(each) for each in made])
        except UnavailableError:
            ledger.errors += 1
        else:
            ledger.acknowledged |= names


def scanned(store: OpenSearchStore, patience: float = 90) -> list[str]:
    """All there is; a page that cannot be had now is asked for again."""
    filters, found, end = {}, [], time.monotonic() + patience
    while True:
        try:
            asked = query(filters, isScan=True)
            page = store.tenant(TENANT).scan(asked)
            names = ids(page.records)
        except UnavailableError:
            assert time.monotonic() < end
            time.sleep(0.3)
            continue
        found += names
        if page.boundary is None:
            return found
        filters = continuation(filters, asked, page.boundary, now=NOW)


def followed(store: OpenSearchStore) -> list[str]:
    found, after = [], 0
    while True:
        got = store.tenant(TENANT).changes(p.Everything(), after=after, limit=1_000)
        found += [json.loads(change.record)["_id"] for change in got.changes]
        if got.reached == after:
            return found
        after = got.reached


def settle(store: OpenSearchStore, ledger: Ledger, name: str) -> None:
    """Everything acknowledged is there once, in every answer; sent again, all is there once."""
    numbers = sorted({int(each.rpartition("-")[2]) // BATCH for each in ledger.sent})
    seen = Counter(scanned(store))
    lost, doubled = ledger.acknowledged - set(seen), [each for each, count in seen.items() if count > 1]
    TOLD.append((name, len(ledger.acknowledged), ledger.errors, len(lost), len(doubled)))
    assert (lost, doubled) == (set(), [])
    assert set(seen) <= ledger.sent
    for start in range(0, len(numbers), 40):
        new_activities = [arrival(each) for number in numbers[start : start + 40] for each in batch(number)]
        store.tenant(TENANT).insert(new_activities)
    again = Counter(scanned(store))
    assert set(again) == ledger.sent
    assert max(again.values()) == 1
    assert store.tenant(TENANT).count(p.Everything()) == len(ledger.sent)
    assert sorted(followed(store)) == sorted(ledger.sent)


def holders(place: Place, *, primary: bool) -> list[str]:
    """The nodes that hold the first copy, or another one, of the newest index."""
    rows = place.nodes.ask("GET", f"/_cat/shards/{place.prefix}~default~*?format=json")
    newest = max(row["index"] for row in rows)
    return [row["node"] for row in rows if row["index"] == newest and (row["prirep"] == "p") == primary]


def while_storing(place: Place, disturb: Callable[[], None], *, servers: int = 2) -> Ledger:
    """Two servers with two clients each store while something happens."""
    done = threading.Event()
    stores = [place.opened() for _ in range(servers)]
    ledgers = [Ledger() for _ in range(2 * servers)]
    stores[0].tenant(TENANT).insert([arrival(each) for each in batch(0)])
    ledgers[0].sent |= {each["_id"] for each in batch(0)}
    ledgers[0].acknowledged |= ledgers[0].sent
    with ThreadPoolExecutor(len(ledgers)) as pool:
        for at, ledger in enumerate(ledgers):
            numbers = range(1 + at * 10_000, (at + 1) * 10_000)
            pool.submit(stored, stores[at % servers], ledger, numbers, done)
        time.sleep(2)
        try:
            disturb()
        finally:
            done.set()
    for store in stores:
        store.close()
    return Ledger(
        set().union(*(each.acknowledged for each in ledgers)),
        set().union(*(each.sent for each in ledgers)),
        sum(each.errors for each in ledgers),
    )


@pytest.mark.parametrize("primary", [True, False], ids=["first copy", "another copy"])
def test_a_node_is_killed_while_activities_are_stored(place: Place, primary: bool) -> None:
    def disturb() -> None:
        (name,) = holders(place, primary=primary)
        node = place.nodes.named(name)
        node.kill()
        time.sleep(6)
        node.start()
        place.nodes.wait(nodes=3, status="green")
        time.sleep(2)

    ledger = while_storing(place, disturb)
    store = place.opened()
    settle(store, ledger, f"a node is killed that holds {'the first copy' if primary else 'another copy'}")
    store.close()


def test_a_node_that_does_not_answer(place: Place) -> None:
    def disturb() -> None:
        (name,) = holders(place, primary=True)
        node = place.nodes.named(name)
        node.pause(on=True)
        time.sleep(8)
        node.pause(on=False)
        place.nodes.wait(nodes=3, status="green")

    ledger = while_storing(place, disturb)
    store = place.opened()
    settle(store, ledger, "a node stops for eight seconds")
    store.close()


def test_all_nodes_are_killed_at_once(place: Place) -> None:
    def disturb() -> None:
        for node in place.nodes.nodes:
            node.kill()
        time.sleep(1)
        for node in place.nodes.nodes:
            node.start()
        place.nodes.wait(nodes=3, status="green")
        time.sleep(2)

    ledger = while_storing(place, disturb)
    store = place.opened()
    settle(store, ledger, "all nodes are killed at once")
    store.close()


def test_a_node_is_killed_while_activities_are_scanned(place: Place) -> None:
    store = place.opened()
    ledger = Ledger()
    stored(store, ledger, range(100), threading.Event())
    walked: list[list[str]] = []
    done = threading.Event()

    def walk() -> None:
        while not done.is_set():
            walked.append(scanned(store))

    thread = threading.Thread(target=walk)
    thread.start()
    node = place.nodes.nodes[1]
    time.sleep(1)
    node.kill()
    time.sleep(4)
    node.start()
    place.nodes.wait(nodes=3, status="green")
    done.set()
    thread.join()
    assert len(walked) > 1
    assert all(sorted(each) == sorted(ledger.sent) for each in walked)
    settle(store, ledger, f"a node is killed during {len(walked)} scans")
    store.close()


def test_while_a_part_of_the_data_is_away_no_answer_is_a_part(place: Place) -> None:
    store = place.opened(replicas=0)
    ledger = Ledger()
    stored(store, ledger, range(40), threading.Event())
    (name,) = holders(place, primary=True)
    node = place.nodes.named(name)
    node.kill()
    place.nodes.wait(nodes=2, status="red")
    for question in (
        lambda: store.tenant(TENANT).find(query()),
        lambda: store.tenant(TENANT).count(p.Everything()),
        lambda: list(store.tenant(TENANT).scan(query(isScan=True)).records),
    ):
        with pytest.raises(ClusterUnreachableError):
            question()
    node.start()
    place.nodes.wait(nodes=3, status="green")
    settle(store, ledger, "the only copy is away, and comes back")
    store.close()


def test_two_servers_that_store_the_same_store_it_once(place: Place) -> None:
    stores = [place.opened(), place.opened()]
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(stores[at % 2].tenant(TENANT).insert, [arrival(each) for each in batch(number)])
            for number in range(20)
            for at in range(4)
        ]
        told = [job.result() for job in jobs]
    assert sum(each.stored for each in told) == 20 * BATCH
    assert sum(each.duplicates for each in told) == 3 * 20 * BATCH
    assert sorted(followed(stores[0])) == sorted(ids(arrival(each).record for n in range(20) for each in batch(n)))
    for store in stores:
        store.close()


def test_another_server_goes_on_where_one_died(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It died after its activities were written and before it said so: they may or may not be there, and count once."""
    monkeypatch.setattr(lease, "LEASE", 3.0)
    dying, other = place.opened(), place.opened()
    other.tenant(TENANT).insert([arrival(each) for each in batch(0)])
    whole = WriteQueue._written

    def written(self, fresh, held):
        whole(self, fresh, held)
        raise ClusterUnreachableError("it died")

    with monkeypatch.context() as patch:
        patch.setattr(WriteQueue, "_written", written)
        with pytest.raises(ClusterUnreachableError):
            dying.tenant(TENANT).insert([arrival(each) for each in batch(1)])
    assert len(followed(other)) == BATCH, "the change feed stops at the high-water mark"
    began = time.monotonic()
    other.tenant(TENANT).insert([arrival(each) for each in batch(2)])
    assert time.monotonic() - began > 2, "it waited until the dead one can do no more"
    assert sorted(followed(other)) == sorted(ids(arrival(each).record for n in range(3) for each in batch(n)))
    assert dying.tenant(TENANT).insert([arrival(each) for each in batch(1)]).duplicates == BATCH
    for each in (dying, other):
        each.close()


def test_who_holds_a_turn_for_long_is_not_taken_for_dead(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says the same again to hold it for longer; and whoever waits for it sees that somebody does."""
    monkeypatch.setattr(lease, "LEASE", 2.0)
    one, other = place.opened(), place.opened()
    one.tenant(TENANT).insert([arrival(each) for each in batch(0)])
    ends: list[float] = []

    def wait() -> None:
        other.tenant(TENANT).insert([arrival(each) for each in batch(1)])
        ends.append(time.monotonic())

    with one._shared.leases.lease(TENANT) as held:
        waiting = threading.Thread(target=wait)
        waiting.start()
        end = time.monotonic() + 7
        while time.monotonic() < end:
            held.renew()
            time.sleep(0.1)
        assert not ends
        released = time.monotonic()
    waiting.join()
    assert ends[0] > released
    assert one.tenant(TENANT).count(p.Everything()) == 2 * BATCH
    for each in (one, other):
        each.close()
