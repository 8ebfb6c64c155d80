"""Groups, against grouping in plain Python."""

from collections import Counter
from itertools import product
from typing import Any

import pytest

from casbah.activity.fields import FIELDS, Field, entity_term, values
from casbah.activity.matching import matches
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.store.contract import GroupQuery, Store, ValueGroup, ValuesOf
from casbah.store.embedded import searcher
from casbah.store.opensearch import search as opensearch_search
from contract.test_facets import COUNTED, DAY, FILTERS, made
from making import NOW, arrival, query, record
from searches import searches

TENANT = TenantId("default")
PAIRS = [
    ("ip", "user_name"),
    ("action_type", "file_selector"),
    ("user_name", "user_tag"),
    ("user_tag", "policy"),
    ("service", "country"),
]


def with_addresses(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records, from few addresses; every seventh one from two, every fifth one from none."""
    return [
        item
        if at % 5 == 0
        else item | {"device": {"clientIP": f"203.0.113.{at % 11}"}, "resolvedIp": f"198.51.100.{at % 7}"}
        for at, item in enumerate(records)
    ]


def counted(field: Field, item: dict[str, Any]) -> list[Any]:
    return list(filter(field.counts, values(field, Reading(item))))


def expected(
    records: list[dict[str, Any]], filters: dict[str, Any], by: tuple[Field, ...], distinct: tuple[Field, ...] = ()
) -> list[ValueGroup]:
    predicate = query(filters).predicate
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for item in records:
        if matches(predicate, item):
            for key in product(*(counted(field, item) for field in by)):
                groups.setdefault(key, []).append(item)
    return [
        ValueGroup(
            key,
            len(members),
            tuple(len({value for item in members for value in counted(field, item)}) for field in distinct),
            min(item["timestamp"] for item in members),
            max(item["timestamp"] for item in members),
        )
        for key, members in sorted(groups.items())
    ]


def asked(filters: dict[str, Any], by: tuple[Field, ...], distinct: tuple[Field, ...] = ()) -> GroupQuery:
    return GroupQuery(tuple(map(ValuesOf, by)), tuple(map(ValuesOf, distinct)), query(filters).predicate)


@pytest.mark.parametrize("filters", FILTERS)
def test_every_field_groups_and_counts_exactly(store: Store, filters: dict[str, Any]) -> None:
    records = with_addresses(made())
    store.tenant(TENANT).insert(map(arrival, records))
    for at, field in enumerate(COUNTED):
        distinct = (COUNTED[at - 1], COUNTED[at - 2])
        groups = store.tenant(TENANT).groups(asked(filters, (field,), distinct))
        assert list(groups) == expected(records, filters, (field,), distinct), field.name


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("names", PAIRS)
def test_two_fields_make_a_group_of_each_pair(store: Store, filters: dict[str, Any], names: tuple[str, str]) -> None:
    records = with_addresses(made())
    store.tenant(TENANT).insert(map(arrival, records))
    by, distinct = (FIELDS[names[0]], FIELDS[names[1]]), (FIELDS["action_type"], FIELDS["file_id"])
    groups = store.tenant(TENANT).groups(asked(filters, by, distinct))
    assert list(groups) == expected(records, filters, by, distinct)


@pytest.mark.parametrize("filters", FILTERS)
def test_groups_without_distinct_values_and_their_totals(store: Store, filters: dict[str, Any]) -> None:
    records = with_addresses(made())
    store.tenant(TENANT).insert(map(arrival, records))
    store.tenant(TENANT).delete(query({"service": {"eq": [10980]}}).predicate)
    left = [item for item in records if item["appId"] != 10980]
    for names in (*((field.name,) for field in COUNTED), *PAIRS):
        by = tuple(FIELDS[name] for name in names)
        groups = expected(left, filters, by)
        assert list(store.tenant(TENANT).groups(asked(filters, by))) == groups, names
        totals = {group.values: group.total for group in groups}
        assert dict(store.tenant(TENANT).totals(asked(filters, by))) == totals, names


@pytest.mark.parametrize("few, times", [(0, 0), (0, 1), (1_000_000, 1)])
def test_terms_of_many_activities_are_read_with_the_query_or_without(
    store: Store, few: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searcher, "_FEW_OTHERS", few)
    monkeypatch.setattr(searcher, "_MANY_TIMES", times)
    records = with_addresses(made())
    store.tenant(TENANT).insert(map(arrival, records))
    filters = {"location.country": {"eq": ["DE"]}}
    by, distinct = (FIELDS["country"], FIELDS["service"]), (FIELDS["user_name"],)
    assert list(store.tenant(TENANT).groups(asked(filters, by, distinct))) == expected(records, filters, by, distinct)
    assert list(store.tenant(TENANT).groups(asked(filters, distinct))) == expected(records, filters, distinct)


def test_groups_hold_after_records_were_replaced_and_deleted(store: Store) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    changed = [item | {"location": {"countryCode": "ES"}} for item in records[:50]]
    store.tenant(TENANT).replace([arrival(item) for item in changed])
    store.tenant(TENANT).delete(query({"service": {"eq": [10980]}}).predicate)
    left = [item for item in changed + records[50:] if item["appId"] != 10980]
    by, distinct = (FIELDS["country"],), (FIELDS["user_name"],)
    assert list(store.tenant(TENANT).groups(asked({}, by, distinct))) == expected(left, {}, by, distinct)


def test_values_by_their_beginning(store: Store) -> None:
    store.tenant(TENANT).insert(
        [arrival(record(at, resolvedActor={"id": f"user-{at % 3}", "saasId": "11161"})) for at in range(9)]
    )
    anybody = entity_term("", None, None)
    wanted = GroupQuery(
        (ValuesOf(FIELDS["entity"], anybody),), (ValuesOf(FIELDS["entity"], anybody),), query().predicate
    )
    assert list(store.tenant(TENANT).groups(wanted)) == [
        ValueGroup((f"{anybody}user-{name}",), 3, (1,), NOW - name - 6, NOW - name) for name in range(3)
    ]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("names", [("user_name",), ("ip", "user_tag"), ("service", "country")])
@pytest.mark.parametrize("width, most", [(DAY, 65_535), (7 * DAY + 1, 50)])
def test_groups_are_counted_over_time(
    store: Store,
    filters: dict[str, Any],
    names: tuple[str, ...],
    width: int,
    most: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opensearch_search, "_MAX_BUCKETS", most)
    records = with_addresses(made())
    store.tenant(TENANT).insert(map(arrival, records))
    by = tuple(FIELDS[name] for name in names)
    first, last = NOW - 61 * DAY - 12_345, NOW - 5
    groups = store.tenant(TENANT).groups(asked(filters, by))
    chosen = sorted(groups, key=lambda group: -group.total)[:20]
    counted = groups.histograms(chosen, first=first, last=last, width=width)
    predicate = query(filters).predicate
    for group, counts in zip(chosen, counted, strict=True):
        dates = [
            item["timestamp"]
            for item in records
            if matches(predicate, item) and group.values in product(*(values(field, Reading(item)) for field in by))
        ]
        within = (date for date in dates if first <= date <= last)
        assert counts == Counter(first + (date - first) // width * width for date in within)
        assert list(counts) == sorted(counts)


def test_many_groups_are_counted_over_time_with_the_searches_of_one(store: Store) -> None:
    store.tenant(TENANT).insert(map(arrival, made()))
    groups = store.tenant(TENANT).groups(asked({}, (FIELDS["user_name"],)))
    taken = []
    for chosen in (list(groups)[:1], list(groups)):
        with searches() as names:
            assert len(groups.histograms(chosen, first=NOW - 99 * DAY, last=NOW, width=DAY)) == len(chosen)
        taken.append(names)
    assert len(groups) > 20
    assert taken[0] == taken[1]


def test_a_tenant_without_activities_has_no_groups(store: Store) -> None:
    groups = store.tenant(TenantId("empty")).groups(asked({}, (FIELDS["ip"],)))
    assert list(groups) == []
    assert list(groups.histograms([], first=0, last=NOW, width=DAY)) == []
