"""Copies of an activity in forms that carry more or less: the one that carries most is kept, whichever comes first."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import permutations
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.base import jsontext
from casbah.store.contract import FeedbackEntry, Inserted, Store, Tenant
from making import NOW, arrival, ids, query

TENANT = TenantId("default")
ID = "97134000_15600_97ee2049"
DAY = 86_400_000
PERIOD = 1 << 31


def copy_of(
    form: str | None, body: Mapping[str, Any], *, at: int = NOW, user: str = "ann@contoso.com", ip: str = "8.8.8.8"
) -> NewActivity:
    """A record that a connector made from an event of its source, or from a form that carries less."""
    keys: dict[str, Any] = {
        **({} if form is None else {"sourceForm": form}),
        "timestamp": at,
        "sourceId": "97ee2049",
        "user": {"userName": user},
        "device": {"clientIP": ip},
        "rawDataJson": dict(body),
    }
    digest = sha256(jsontext.canonical(dict(body))).hexdigest()
    return NewActivity(ID, at, jsontext.dump(keys), keys, digest, None, ("_id", "uid", "created"))


def of_mdca(*, at: int = NOW, user: str = "ann@contoso.com") -> NewActivity:
    """MDCA's own record of the activity."""
    named = {"_id": ID, "uid": ID, "timestamp": at, "created": NOW - 5, "user": {"userName": user}, "severity": "INFO"}
    return arrival(named | {"device": {"clientIP": "8.8.8.8", "countryCode": "IL"}, "entityData": {}})


EVENT = {"Id": "97ee2049", "Operation": "FilePreviewed", "Size": 12, "Absent": None}
ROW = copy_of("cloud_app_events", {"ReportId": ID, "ActionType": "FilePreviewed"}, at=NOW - 400)
LINE = copy_of("csv", {"Activity": "Preview"}, at=NOW - 30_000, user="Ann@Contoso.com")
OF_SOURCE = copy_of(None, EVENT)


def tenant_of(store: Store) -> Tenant:
    return store.tenant(TENANT)


def stored(store: Store) -> list[bytes]:
    return list(tenant_of(store).find(query(limit=100)).records)


FULL = [pytest.param(of_mdca(), id="MDCA's record"), pytest.param(OF_SOURCE, id="the source's event")]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("full", FULL)
def test_the_fullest_copy_is_kept_in_every_order(
    store: Store, full: NewActivity, order: tuple[int, ...], together: bool
) -> None:
    copies = [[full, ROW, LINE][place] for place in order]
    done = [tenant_of(store).insert(batch) for batch in ([copies] if together else [[copy] for copy in copies])]
    assert sum(each.stored + each.duplicates for each in done) == len(copies)
    (kept,) = stored(store)
    assert json.loads(kept).items() >= full.activity.items()
    assert tenant_of(store).fetch(ID) == kept
    assert tenant_of(store).insert([LINE, ROW, full]) == Inserted(0, 3)
    assert tenant_of(store).insert([full, ROW, LINE]) == Inserted(0, 3)
    assert stored(store) == [kept]


def test_a_fuller_copy_is_found_by_its_own_values(store: Store) -> None:
    tenant_of(store).insert([LINE])
    tenant_of(store).add_feedback(ID, FeedbackEntry(NOW, "me", b'{"feedback":"x"}'))
    before = json.loads(stored(store)[0])
    assert tenant_of(store).insert([OF_SOURCE]) == Inserted(1, 0)
    for filters, total in (
        ({"date": {"gte": [NOW]}}, 1),
        ({"date": {"lte": [NOW - 1]}}, 0),
        ({"text": {"text": ["FilePreviewed"]}}, 1),
        ({"text": {"text": ["Preview"]}}, 0),
    ):
        assert tenant_of(store).find(query(filters)).total == total, filters
    after = json.loads(stored(store)[0])
    assert after["created"] == before["created"]
    assert [entry.what for entry in tenant_of(store).feedback(ID)] == [b'{"feedback":"x"}']


def test_a_record_that_brings_its_time_of_storing_keeps_it(store: Store) -> None:
    others = [arrival({"_id": f"a{at}", "timestamp": NOW, "created": NOW - at, "entityData": {}}) for at in (4, 6)]
    tenant_of(store).insert([ROW, *others])
    tenant_of(store).insert([of_mdca()])
    assert tenant_of(store).fetch(ID) == of_mdca().record
    asked = query(sortField="created", sortDirection="desc")
    assert ids(tenant_of(store).find(asked).records) == ["a4", ID, "a6"]


@pytest.mark.parametrize("order", [1, -1], ids=["lossy first", "lossy second"])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "lossy",
    [
        pytest.param(copy_of("csv", {"n": 1}, at=NOW - 61_000), id="another time"),
        pytest.param(copy_of("cloud_app_events", {"n": 1}, at=NOW - 1_001), id="a time by the second"),
        pytest.param(copy_of("csv", {"n": 1}, user="bob@contoso.com"), id="another user"),
        pytest.param(copy_of("csv", {"n": 1}, ip="8.8.4.4"), id="another address"),
    ],
)
def test_a_copy_whose_values_differ_is_another_activity(
    store: Store, lossy: NewActivity, order: int, together: bool
) -> None:
    both = [lossy, OF_SOURCE][::order]
    done = [tenant_of(store).insert(batch) for batch in ([both] if together else [[each] for each in both])]
    assert sum(each.stored for each in done) == 2
    assert sorted(ids(stored(store))) == [ID, f"{ID}~{(both[1].digest or '')[:8]}"]
    assert tenant_of(store).insert(both) == Inserted(0, 2)


def test_a_record_of_mdca_that_differs_from_the_copy_of_its_id_is_refused(store: Store) -> None:
    tenant_of(store).insert([ROW])
    done = tenant_of(store).insert([of_mdca(user="bob@contoso.com"), of_mdca()])
    assert done == Inserted(1, 0, ((0, "its _id is that of a stored activity whose time, user or address differs"),))
    assert stored(store) == [of_mdca().record]
    assert tenant_of(store).insert([of_mdca(user="bob@contoso.com")]) == Inserted(0, 1)


def without(record: NewActivity, *keys: str) -> NewActivity:
    """The record without some of its keys."""
    less = {key: value for key, value in record.activity.items() if key not in keys}
    return replace(record, record=jsontext.dump(less), activity=less)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("keys", [("user",), ("device",), ("user", "device")], ids=" and ".join)
@pytest.mark.parametrize("lossy", [ROW, LINE], ids=["row", "line"])
def test_a_copy_without_the_stored_user_or_address_does_not_replace_it(
    store: Store, lossy: NewActivity, keys: tuple[str, ...], together: bool
) -> None:
    """Else a token that may only ingest could remove who did it."""
    less, of_source = without(of_mdca(), *keys), without(OF_SOURCE, *keys)
    if not together:
        tenant_of(store).insert([lossy])
    done = tenant_of(store).insert([lossy, less, of_source] if together else [less, of_source])
    assert done.refused == (
        (int(together), "its _id is that of a stored activity whose time, user or address differs"),
    )
    assert json.loads(tenant_of(store).fetch(ID) or b"").items() >= lossy.activity.items()
    assert sorted(ids(stored(store))) == [ID, f"{ID}~{(OF_SOURCE.digest or '')[:8]}"]


@pytest.mark.parametrize("form", ["csv", "cloud_app_events"])
def test_of_one_form_a_copy_without_the_stored_user_does_not_replace_it(store: Store, form: str) -> None:
    some, more = copy_of(form, {"a": 1}), without(copy_of(form, {"a": 1, "b": 2}), "user")
    assert tenant_of(store).insert([some]) == Inserted(1, 0)
    assert tenant_of(store).insert([more]) == Inserted(1, 0)
    assert len(stored(store)) == 2


def test_a_displayed_name_is_replaced_by_a_name_alone(store: Store) -> None:
    named = copy_of("csv", {"n": 1}, user="Ann Smith")
    tenant_of(store).insert([named])
    assert tenant_of(store).insert([without(of_mdca(), "user")]).refused
    assert tenant_of(store).insert([of_mdca()]) == Inserted(1, 0)
    assert stored(store) == [of_mdca().record]


def test_names_that_are_displayed_and_addresses_written_otherwise_agree(store: Store) -> None:
    named = copy_of("csv", {"n": 1}, user="Ann Smith", ip="[::ffff:8.8.8.8]:443")
    assert tenant_of(store).insert([named, OF_SOURCE]) == Inserted(2, 0)
    assert ids(stored(store)) == [ID]


@pytest.mark.parametrize("form", ["csv", "cloud_app_events", None])
@pytest.mark.parametrize("together", [True, False])
def test_of_one_form_the_copy_with_all_of_the_other_is_kept(store: Store, form: str | None, together: bool) -> None:
    some, more = copy_of(form, {"a": 1, "c": None}), copy_of(form, {"a": 1, "recipientAccountId": {"c": 2}})
    for batch in [[some, more]] if together else [[some], [more]]:
        tenant_of(store).insert(batch)
    assert [json.loads(record)["rawDataJson"] for record in stored(store)] == [more.activity["rawDataJson"]]
    assert tenant_of(store).insert([more, some]) == Inserted(0, 2)


@pytest.mark.parametrize("form", ["csv", "cloud_app_events", None])
def test_a_copy_that_differs_in_empty_values_is_a_duplicate(store: Store, form: str | None) -> None:
    copies = [copy_of(form, {"a": 1, "c": None}), copy_of(form, {"a": 1})]
    assert tenant_of(store).insert(copies) == Inserted(1, 1)
    assert tenant_of(store).insert(copies) == Inserted(0, 2)


def test_events_of_one_id_are_both_kept_whatever_one_lacks(store: Store) -> None:
    one, two = copy_of(None, {"a": 1}), copy_of(None, {"a": 1, "b": 2})
    assert tenant_of(store).insert([one, two]) == Inserted(2, 0)
    assert tenant_of(store).insert([two, one]) == Inserted(0, 2)


def test_a_fuller_copy_in_another_period_is_kept_beside_it(store: Store) -> None:
    start = (NOW // PERIOD) * PERIOD
    lossy, full = copy_of("csv", {"n": 1}, at=start - 1), copy_of(None, EVENT, at=start)
    assert tenant_of(store).insert([lossy]) == Inserted(1, 0)
    assert tenant_of(store).insert([full]) == Inserted(1, 0)
    assert tenant_of(store).insert([full, lossy]) == Inserted(0, 2)
    assert len(stored(store)) == 2


def test_a_fuller_copy_has_the_place_of_the_other_in_the_change_feed(store: Store) -> None:
    tenant_of(store).insert([LINE])
    tenant_of(store).insert([OF_SOURCE])
    changes = tenant_of(store).changes(query().predicate, after=0, limit=10).changes
    assert [json.loads(change.record)["rawDataJson"] for change in changes] == [EVENT]


def test_a_re_enriched_copy_can_still_be_replaced(store: Store) -> None:
    tenant_of(store).insert([ROW])
    again = json.loads(stored(store)[0]) | {"location": {"countryCode": "FR"}}
    entry = NewActivity(ID, ROW.timestamp, jsontext.dump(again), again, ROW.digest, again["created"])
    assert tenant_of(store).replace([entry]) == 1
    assert tenant_of(store).insert([of_mdca()]) == Inserted(1, 0)
    assert stored(store) == [of_mdca().record]


def test_an_id_of_any_length_can_be_replaced(store: Store) -> None:
    name = "x" * 9_000
    lossy, full = (
        NewActivity(name, new.timestamp, new.record, new.activity, new.digest, None, new.adds)
        for new in (LINE, OF_SOURCE)
    )
    assert tenant_of(store).insert([lossy, full]) == Inserted(2, 0)
    assert tenant_of(store).insert([full, lossy]) == Inserted(0, 2)
    assert ids(stored(store)) == [name]
