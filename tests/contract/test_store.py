"""What every store does: laws of identity, order, pages, scans, bytes, tenants, feedback."""

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from casbah.activity.query import continuation
from casbah.activity.tenant import TenantId
from casbah.base.event_digest import digest_of_record
from casbah.errors import ActivityNotFoundError, StoreClosedError
from casbah.store.contract import FeedbackEntry, Inserted, Store
from making import NOW, SIGNS, arrival, from_source, ids, query, record

TENANT = TenantId("default")
OTHER = TenantId("other")
DAY = 86_400_000
ORDERS = [
    pytest.param(sort, direction, id=f"{sort} {direction}")
    for sort, direction in itertools.product(("date", "created"), ("asc", "desc"))
]


def pages(store: Store, **parameters: object) -> Iterator[list[str]]:
    skip = 0
    while True:
        page = store.tenant(TENANT).find(query(skip=skip, **parameters))
        yield ids(page.records)
        skip += len(page.records)
        if skip >= page.total:
            return


def scans(store: Store, filters: dict[str, object] | None = None, **parameters: object) -> Iterator[list[str]]:
    filters = filters or {}
    while True:
        asked = query(filters, isScan=True, **parameters)
        page = store.tenant(TENANT).scan(asked)
        yield ids(page.records)
        if page.boundary is None:
            return
        filters = continuation(filters, asked, page.boundary, now=NOW)


def ordered(records: list[dict[str, object]], sort: str, direction: str) -> list[str]:
    key = {"date": "timestamp", "created": "created"}[sort]
    ranked = sorted(enumerate(records), key=lambda pair: (pair[1][key], pair[0]), reverse=direction == "desc")
    return [str(each["_id"]) for _, each in ranked]


def spread(count: int, seed: int = 7) -> list[dict[str, object]]:
    """Records over half a year, many of them sharing a millisecond, stored in no order."""
    chance = random.Random(seed)
    return [
        record(
            n, timestamp=NOW - chance.randrange(40) * 5 * DAY - chance.randrange(3), created=NOW - chance.randrange(50)
        )
        for n in range(count)
    ]


def test_the_same_batch_twice_is_stored_once(store: Store) -> None:
    batch = [arrival(record(n)) for n in range(50)]
    assert store.tenant(TENANT).insert(batch) == Inserted(50, 0)
    assert store.tenant(TENANT).insert(batch) == Inserted(0, 50)
    mixed = store.tenant(TENANT).insert([*batch[:2], arrival(record(99)), batch[2]])
    assert (mixed, mixed.repeated) == (Inserted(1, 3), (0, 1, 3))
    assert store.tenant(TENANT).find(query()).total == 51


def test_a_batch_that_repeats_itself_stores_once(store: Store) -> None:
    assert store.tenant(TENANT).insert([arrival(record(1))] * 4) == Inserted(1, 3)


def test_identity_is_over_all_of_time_and_the_first_one_wins(store: Store) -> None:
    first, later = record(1, timestamp=NOW), record(1, timestamp=NOW - 400 * DAY, appId=5)
    assert store.tenant(TENANT).insert([arrival(first)]) == Inserted(1, 0)
    assert store.tenant(TENANT).insert([arrival(later)]) == Inserted(0, 1)
    assert json.loads(store.tenant(TENANT).fetch("activity-1") or b"") == first


def test_one_source_id_with_two_bodies_is_stored_twice_and_stays_so(store: Store) -> None:
    one, two = (from_source("i_1_x", NOW, {"name": name}) for name in ("one", "two"))
    assert one.digest is not None
    assert two.digest is not None
    assert store.tenant(TENANT).insert([one, two]) == Inserted(2, 0)
    assert store.tenant(TENANT).insert([two, one]) == Inserted(0, 2)
    assert store.tenant(TENANT).insert([two]) == Inserted(0, 1)
    assert sorted(ids(store.tenant(TENANT).find(query()).records)) == ["i_1_x", f"i_1_x~{two.digest[:8]}"]


@pytest.mark.parametrize("together", [False, True])
def test_an_event_is_known_by_a_record_that_was_made_of_it(store: Store, together: bool) -> None:
    event, other = (
        replace(made, digest=digest_of_record(made.activity))
        for made in (from_source("i_1_x", NOW, {"name": name}) for name in ("one", "two"))
    )
    assert store.tenant(OTHER).insert([event]) == Inserted(1, 0)
    exported = arrival(json.loads(store.tenant(OTHER).fetch("i_1_x") or b""))
    batches = [[exported, event, other]] if together else [[exported], [event], [other]]
    done = [store.tenant(TENANT).insert(batch) for batch in batches]
    assert (sum(one.stored for one in done), sum(one.duplicates for one in done)) == (2, 1)
    assert store.tenant(TENANT).insert([event, other, exported]) == Inserted(0, 3)
    assert sorted(ids(store.tenant(TENANT).find(query()).records)) == ["i_1_x", f"i_1_x~{other.digest[:8]}"]


def test_a_source_id_under_another_body_in_another_period(store: Store) -> None:
    one, two = from_source("i_1_x", NOW, {"n": 1}), from_source("i_1_x", NOW - 300 * DAY, {"n": 2})
    assert [store.tenant(TENANT).insert([each]).stored for each in (one, two, one, two)] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    "left, right",
    [
        pytest.param("x" * 8_001, "x" * 8_000 + "y", id="ids alike in their first 8,000 characters"),
        pytest.param("a\ud800", "a\ud801", id="ids that differ in a lone surrogate"),
        pytest.param("Straße", "STRASSE", id="ids that differ in case"),
    ],
)
def test_no_two_ids_are_taken_for_one(store: Store, left: str, right: str) -> None:
    batch = [arrival(record(0, _id=each, uid=each)) for each in (left, right)]
    assert store.tenant(TENANT).insert(batch) == Inserted(2, 0)
    assert store.tenant(TENANT).insert(batch) == Inserted(0, 2)
    assert json.loads(store.tenant(TENANT).fetch(left) or b"")["_id"] == left


@pytest.mark.parametrize("operator", ["contains", "startswith", "endswith", "eq"])
def test_a_sign_that_means_something_in_a_pattern_means_itself(store: Store, operator: str) -> None:
    others = ["axb", "aab", "ab", "a", "b", "a5b"]
    agents = [*others, *(f"a{sign}b" for sign in SIGNS)]
    store.tenant(TENANT).insert([arrival(record(n, device={"userAgent": agent})) for n, agent in enumerate(agents)])
    for number, sign in enumerate(SIGNS, len(others)):
        found = store.tenant(TENANT).find(query({"userAgent.userAgent": {operator: f"a{sign}b"}}))
        assert ids(found.records) == [f"activity-{number}"], sign


def test_records_come_back_byte_for_byte(store: Store) -> None:
    raw = (
        b' { "_id":"b", "uid":"b","created":1760000000000 ,\r\n\t"timestamp":1760000000001,'
        b'"x":"\\u00fc \\ud83d \xc3\xbc","big":123456789012345678901234567890,"e":1e2, "X":1,"x":2,"entityData":{} }\n'
    )
    store.tenant(TENANT).insert([arrival(json.loads(raw), raw=raw)])
    assert store.tenant(TENANT).fetch("b") == raw
    assert store.tenant(TENANT).find(query()).records == [raw]
    assert list(store.tenant(TENANT).scan(query(isScan=True)).records) == [raw]


def test_what_storing_adds_stands_first_and_the_rest_is_untouched(store: Store) -> None:
    store.tenant(TENANT).insert([from_source("n", NOW, {"k": [1, 2]})])
    rest = b'"timestamp": 1760000000000, "appId": 1, "rawDataJson": {"k": [1, 2]}}'
    assert store.tenant(TENANT).fetch("n") == b'{"_id":"n","uid":"n","created":1760000000000,' + rest


def test_our_own_clock_puts_at_most_a_thousand_in_one_ms(store: Store) -> None:
    store.tenant(TENANT).insert([from_source(f"n{n}", NOW, {"n": n}) for n in range(2_500)])
    assert [store.tenant(TENANT).find(query({"created": {"eq": NOW + ms}})).total for ms in range(4)] == [
        1_000,
        1_000,
        500,
        0,
    ]


@pytest.mark.slow
@pytest.mark.parametrize("sort, direction", ORDERS)
def test_pages_hold_every_record_once_in_order(store: Store, sort: str, direction: str) -> None:
    records = spread(730)
    for start in range(0, len(records), 100):
        store.tenant(TENANT).insert([arrival(each) for each in records[start : start + 100]])
    walked = list(pages(store, sortField=sort, sortDirection=direction))
    assert [len(page) for page in walked] == [100] * 7 + [30]
    assert list(itertools.chain(*walked)) == ordered(records, sort, direction)


@pytest.mark.parametrize("sort, direction", ORDERS)
def test_a_scan_equals_the_list(store: Store, sort: str, direction: str) -> None:
    records = spread(1_700)
    store.tenant(TENANT).insert([arrival(each) for each in records])
    walked = list(scans(store, sortField=sort, sortDirection=direction))
    assert len(walked) > 2
    assert list(itertools.chain(*walked)) == ordered(records, sort, direction)


@pytest.mark.slow
@pytest.mark.parametrize("sort, direction", ORDERS)
def test_ten_thousand_in_one_ms(store: Store, sort: str, direction: str) -> None:
    records = [record(n, timestamp=NOW, created=NOW) for n in range(10_000)]
    records += [record(10_000 + n, timestamp=NOW + n - 1, created=NOW + n - 1) for n in (0, 2)]
    store.tenant(TENANT).insert([arrival(each) for each in records])
    expected = ordered(records, sort, direction)
    order = {"sortField": sort, "sortDirection": direction}
    assert list(itertools.chain(*scans(store, **order))) == expected
    assert [len(page) for page in scans(store, **order)] == [1, 10_000, 1]
    page = store.tenant(TENANT).find(query(skip=9_950, **order))
    assert (ids(page.records), page.total) == (expected[9_950:], 10_002)
    assert list(itertools.chain(*pages(store, **order))) == expected


@pytest.mark.slow
@pytest.mark.parametrize("sort, direction", ORDERS)
def test_deep_skips_land_where_counting_says(store: Store, sort: str, direction: str) -> None:
    chance = random.Random(3)
    records = [
        record(n, timestamp=NOW - chance.randrange(90 * DAY), created=NOW - chance.randrange(10 * DAY))
        for n in range(13_000)
    ]
    store.tenant(TENANT).insert([arrival(each) for each in records])
    expected = ordered(records, sort, direction)
    for skip in (9_999, 10_000, 10_001, 11_234, 12_950, 13_000, 10**30):
        page = store.tenant(TENANT).find(query(skip=skip, sortField=sort, sortDirection=direction))
        assert (ids(page.records), page.total) == (expected[skip : skip + 100], 13_000)


def test_a_scan_may_be_asked_for_more_than_an_engine_reaches(store: Store) -> None:
    """Exports read in pages larger than any that a client may ask for."""
    store.tenant(TENANT).insert([arrival(record(n, timestamp=NOW - n // 3)) for n in range(12_000)])
    filters: dict[str, object] = {}
    found: list[str] = []
    while True:
        asked = replace(query(filters, isScan=True), limit=50_000)
        page = store.tenant(TENANT).scan(asked)
        found += ids(page.records)
        if page.boundary is None:
            break
        filters = continuation(filters, asked, page.boundary, now=NOW)
    assert (len(found), len(set(found))) == (12_000, 12_000)


def test_a_scan_within_filters_keeps_its_window(store: Store) -> None:
    records = spread(1_500)
    store.tenant(TENANT).insert([arrival(each) for each in records])
    window: dict[str, object] = {"date": {"gte_ndays": 100}, "service": {"eq": 11161}}
    expected = [each for each in ordered(records, "date", "asc") if _at(records, each) >= NOW - 100 * DAY]
    assert list(itertools.chain(*scans(store, window, sortDirection="asc"))) == expected


def _at(records: list[dict[str, object]], name: str) -> int:
    return next(int(str(each["timestamp"])) for each in records if each["_id"] == name)


def test_deq_asks_for_a_value_that_is_not_listed(store: Store) -> None:
    tags = {"none": [], "first": ["t1"], "both": ["t1", "t2"], "three": ["t1", "t2", "t3"], "other": ["t3"]}
    records = [record(n, _id=name, user={"userTags": tagged}) for n, (name, tagged) in enumerate(tags.items())]
    store.tenant(TENANT).insert([arrival(made) for made in records])
    for listed in (["t1"], ["t1", "t2"], ["t1", "t2", "t3"], ["t4"]):
        expected = [name for name, tagged in tags.items() if set(tagged) - set(listed)]
        assert ids(store.tenant(TENANT).find(query({"user.tags": {"deq": listed}})).records) == expected


def test_tenants_are_apart(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(record(1))])
    assert store.tenant(OTHER).fetch("activity-1") is None
    assert store.tenant(OTHER).find(query()).total == 0
    assert store.tenant(OTHER).insert([arrival(record(1))]) == Inserted(1, 0)
    with pytest.raises(ActivityNotFoundError):
        store.tenant(OTHER).feedback("activity-2")


def test_feedback_on_an_activity_is_bounded_where_that_is_asked(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(record(n)) for n in (1, 2)])
    entry = FeedbackEntry(NOW, "token", b'{"feedback": "1"}')
    assert [store.tenant(TENANT).add_feedback("activity-1", entry, maximum=2) for _ in range(3)] == [True, True, False]
    assert len(store.tenant(TENANT).feedback("activity-1")) == 2
    assert store.tenant(TENANT).add_feedback("activity-2", entry, maximum=2)
    assert store.tenant(TENANT).add_feedback("activity-1", entry)


def test_feedback_is_appended(store: Store) -> None:
    store.tenant(TENANT).insert([arrival(record(1))])
    entries = [FeedbackEntry(NOW + n, "token", b'{"feedback": "%d"}' % n) for n in range(3)]
    for entry in entries:
        store.tenant(TENANT).add_feedback("activity-1", entry)
    assert list(store.tenant(TENANT).feedback("activity-1")) == entries
    assert list(store.tenant(TENANT).ids_with_feedback()) == ["activity-1"]
    assert list(store.tenant(OTHER).ids_with_feedback()) == []
    with pytest.raises(ActivityNotFoundError):
        store.tenant(TENANT).add_feedback("activity-9", entries[0])


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreClosedError):
        store.tenant(TENANT).find(query())
