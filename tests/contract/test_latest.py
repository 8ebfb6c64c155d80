"""The newest activity with each of several values, against plain Python."""

from typing import Any

import pytest

from casbah.activity.fields import FIELDS, Value, values
from casbah.activity.matching import matches
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.store.contract import LatestQuery, Store
from casbah.store.opensearch.store import OpenSearchStore
from contract.test_facets import COUNTED, DAY, FILTERS, made
from making import NOW, arrival, ids, query
from searches import searches

TENANT = TenantId("default")
NOBODY = "nobody@contoso.com"


def expected(records: list[dict[str, Any]], filters: dict[str, Any], name: str) -> dict[Value, str]:
    """The id of the newest by value; `records` are in the order in which they were stored."""
    predicate = query(filters).predicate
    matching = [item for item in records if matches(predicate, item)]
    ordered = sorted(matching, key=lambda item: item["timestamp"])
    return {value: item["_id"] for item in ordered for value in values(FIELDS[name], Reading(item))}


def latest(store: Store, filters: dict[str, Any], name: str, wanted: list[Value]) -> dict[Value, str]:
    found = store.tenant(TENANT).latest(LatestQuery(FIELDS[name], wanted, query(filters).predicate))
    return dict(zip(found, ids(found.values()), strict=True))


@pytest.mark.parametrize("filters", FILTERS)
def test_the_newest_of_every_value_of_every_field(store: Store, filters: dict[str, Any]) -> None:
    records = [
        item | {"timestamp": item["timestamp"] // (7 * DAY) * 7 * DAY} for item in made()
    ]  # Many at the same ms.
    store.tenant(TENANT).insert(map(arrival, records))
    for field in COUNTED:
        wanted = list(expected(records, {}, field.name))[:100]
        newest = expected(records, filters, field.name)
        assert latest(store, filters, field.name, wanted) == {
            value: newest[value] for value in wanted if value in newest
        }, field.name


def test_each_value_is_looked_up_once_and_nothing_is_counted(store: Store) -> None:
    """On a cluster, all values are one search. Embedded, the newest partition that has the value is searched."""
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    wanted = list(expected(records, {}, "user_name"))
    with searches() as names:
        assert len(latest(store, {}, "user_name", wanted)) == len(wanted) > 20
    assert names == ["search"] * (1 if isinstance(store, OpenSearchStore) else len(wanted))


def test_values_that_nothing_has_are_left_out(store: Store) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    known = next(iter(expected(records, {}, "user_name")))
    assert list(latest(store, {}, "user_name", [NOBODY, known, known])) == [known]
    assert latest(store, {}, "user_name", [NOBODY]) == {}
    assert latest(store, {}, "user_name", []) == {}


def test_what_was_deleted_is_not_the_newest(store: Store) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    store.tenant(TENANT).delete(query({"date": {"gte": NOW - 40 * DAY}}).predicate)
    left = [item for item in records if item["timestamp"] < NOW - 40 * DAY]
    newest = expected(left, {}, "user_name")
    assert latest(store, {}, "user_name", list(expected(records, {}, "user_name"))) == newest


def test_a_tenant_without_activities_has_none(store: Store) -> None:
    query_ = LatestQuery(FIELDS["user_name"], [NOBODY], query().predicate)
    assert dict(store.tenant(TenantId("empty")).latest(query_)) == {}
