"""Records stored anew under their ids: everything else stays as it was."""

import json
from typing import Any

import pytest

from casbah.activity.tenant import TenantId
from casbah.store.contract import Store
from making import NOW, arrival, from_source, ids, query, record

TENANT = TenantId("default")
ORDERS = [(sort, direction) for sort in ("date", "created") for direction in ("asc", "desc")]


def total(store: Store, filters: dict[str, Any] | None = None) -> int:
    return store.tenant(TENANT).find(query(filters)).total


def country(code: str) -> dict[str, Any]:
    return {"location.country": {"eq": [code]}}


def located(made: dict[str, Any], code: str) -> dict[str, Any]:
    return made | {"location": {"countryCode": code}}


def test_new_values_are_found_old_ones_are_not_and_totals_hold(store: Store) -> None:
    made = [located(record(each), "DE") for each in range(40)]
    store.tenant(TENANT).insert(map(arrival, made))
    assert store.tenant(TENANT).replace([arrival(located(each, "FR")) for each in made[:15]]) == 15
    assert (total(store), total(store, country("DE")), total(store, country("FR"))) == (40, 25, 15)
    assert total(store, {"location.country": {"neq": ["DE"]}}) == 15
    assert total(store, {"location.country": {"isset": [True]}}) == 40
    assert store.tenant(TENANT).count(query({"date": {"gte": [NOW - 9]}}).predicate) == 10


@pytest.mark.parametrize(("sort", "direction"), ORDERS)
def test_every_order_stays_as_it_was(store: Store, sort: str, direction: str) -> None:
    month = 31 * 86_400_000
    made = [record(each, timestamp=NOW - each // 7 - each % 3 * month) for each in range(60)]
    store.tenant(TENANT).insert(map(arrival, made))
    asked = query(sortField=sort, sortDirection=direction, limit=100)
    before = ids(store.tenant(TENANT).find(asked).records)
    store.tenant(TENANT).replace([arrival(located(each, "FR")) for each in made[::3]])
    assert ids(store.tenant(TENANT).find(asked).records) == before
    assert ids(store.tenant(TENANT).scan(query(sortField=sort, sortDirection=direction, isScan=True)).records) == before


def test_the_new_record_is_what_comes_back(store: Store) -> None:
    made = record(1)
    store.tenant(TENANT).insert([arrival(made)])
    changed = arrival(located(made, "FR"))
    store.tenant(TENANT).replace([changed])
    assert store.tenant(TENANT).fetch(made["_id"]) == changed.record


def test_the_last_of_several_counts(store: Store) -> None:
    made = record(1)
    store.tenant(TENANT).insert([arrival(made)])
    assert store.tenant(TENANT).replace([arrival(located(made, code)) for code in ("FR", "IT")]) == 1
    assert (total(store), total(store, country("IT"))) == (1, 1)


def test_what_is_not_there_is_left_out(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(record(1))])
    elsewhere = [arrival(record(2)), arrival(record(1, timestamp=NOW - 10**10)), arrival(record(1, timestamp=NOW))]
    assert store.tenant(TENANT).replace(elsewhere) == 0
    assert store.tenant(TenantId("other")).replace([arrival(record(1))]) == 0
    assert total(store) == 1


def test_the_sources_event_is_still_known(store: Store) -> None:
    bodies = [{"n": 1}, {"n": 2}]
    events = [from_source("same", NOW, body) for body in bodies] + [from_source("x" * 9_000, NOW, {"n": 3})]
    store.tenant(TENANT).insert(events)
    page = store.tenant(TENANT).find(query(limit=10))
    by_body = {json.dumps(event.activity["rawDataJson"]): event.digest for event in events}
    again = []
    for each in map(json.loads, page.records):
        whole = arrival(located(each, "FR"))
        digest = by_body[json.dumps(each["rawDataJson"])]
        again.append(type(whole)(whole.id, whole.timestamp, whole.record, whole.activity, digest, each["created"]))
    assert store.tenant(TENANT).replace(again) == 3
    assert total(store, country("FR")) == 3
    for event in events:
        assert store.tenant(TENANT).insert([event]).duplicates == 1
    assert total(store) == 3


def test_replacing_again_and_storing_more_keeps_counting_right(store: Store) -> None:
    made = [record(each) for each in range(30)]
    for lease, code in enumerate(("FR", "IT", "ES")):
        store.tenant(TENANT).insert([arrival(each) for each in made[lease * 10 : lease * 10 + 10]])
        known = made[: lease * 10 + 10]
        assert store.tenant(TENANT).replace([arrival(located(each, code)) for each in known]) == len(known)
        assert total(store, country(code)) == len(known) == total(store)
