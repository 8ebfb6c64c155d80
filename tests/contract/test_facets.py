"""The most frequent values and the histogram, against counting in plain Python."""

import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from casbah.activity import fields
from casbah.activity.fields import FIELDS, Field, Kind, values
from casbah.activity.matching import matches
from casbah.activity.record import Reading
from casbah.activity.tenant import TenantId
from casbah.store.contract import FacetQuery, HistogramQuery, Store
from casbah.store.embedded import facets
from making import NOW, arrival, query, record

TENANT = TenantId("default")
DAY = 86_400_000
COUNTED = [field for field in FIELDS.values() if field.kind in fields.COUNTED]
FILTERS: list[Any] = [
    pytest.param({}, id="everything"),
    pytest.param({"location.country": {"eq": ["DE", "FR"]}}, id="two countries"),
    pytest.param({"user.username": {"neq": ["user-3@contoso.com"]}}, id="all but one"),
    pytest.param({"date": {"gte": [NOW - 40 * DAY]}, "service": {"eq": [11161]}}, id="a window and an app"),
    pytest.param({"location.country": {"eq": ["XX"]}}, id="nothing"),
]


def guid(number: int) -> str:
    return str(UUID(int=number))


def made(count: int = 400, seed: int = 7) -> list[dict[str, Any]]:
    dice = random.Random(seed)
    return [
        record(
            each,
            timestamp=NOW - dice.randrange(100 * DAY),
            appId=dice.choice([11161, 20892, 11161, 10980]),
            user={"userName": f"User-{int(dice.expovariate(0.1))}@contoso.com", "userTags": [f"t{dice.randrange(9)}"]},
            location={"countryCode": dice.choice(["DE", "FR", "US", "IT", "US"]), "category": dice.randrange(4)},
            policies=[f"p{dice.randrange(5)}", f"p{dice.randrange(5)}"],
            mainInfo={"rawOperationName": dice.choice(["FileDownloaded", "Login"]), "type": "basic"},
            eventTypeValue=f"EVENT_{each % 2}_GENERIC",
            rawDataJson={"ListItemUniqueId": guid(each % 40), "Site": guid(1_000)},
        )
        for each in range(count)
    ]


def expected(records: list[dict[str, Any]], field: Field, filters: dict[str, Any], prefix: str = "") -> Counter[Any]:
    asked = query(filters)
    counts: Counter[Any] = Counter()
    for each in records:
        if matches(asked.predicate, each):
            own = filter(field.counts, values(field, Reading(each)))
            counts.update(value for value in own if str(value).startswith(prefix))
    return counts


def ranked(counts: Counter[Any], limit: int) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit]


@pytest.mark.parametrize("filters", FILTERS)
def test_every_countable_field_is_counted_exactly(store: Store, filters: dict[str, Any]) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    for field in COUNTED:
        found = store.tenant(TENANT).top_values(FacetQuery(field, query(filters).predicate, 10))
        assert list(found) == ranked(expected(records, field, filters), 10), field.name


@pytest.mark.parametrize("prefix", ["user-1", "user-", "zzz"])
def test_values_by_their_beginning(store: Store, prefix: str) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    found = store.tenant(TENANT).top_values(FacetQuery(FIELDS["user_name"], query().predicate, 5, prefix))
    assert list(found) == ranked(expected(records, FIELDS["user_name"], {}, prefix), 5)


@pytest.mark.parametrize("filters", FILTERS)
def test_places_that_the_first_look_leaves_open_are_settled(
    store: Store, filters: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "_NAMED", 2)
    monkeypatch.setattr(facets, "_SPARE", 1)
    monkeypatch.setattr(facets, "_MORE", 2)
    records = made(900)
    store.tenant(TENANT).insert(map(arrival, records))
    for name in ("user_name", "user_tag", "policy", "country", "id"):
        field = FIELDS[name]
        for limit in (1, 3, 7):
            found = store.tenant(TENANT).top_values(FacetQuery(field, query(filters).predicate, limit))
            assert list(found) == ranked(expected(records, field, filters), limit), (name, limit)


def test_counts_hold_after_records_were_replaced(store: Store) -> None:
    records = made()
    store.tenant(TENANT).insert(map(arrival, records))
    changed = [each | {"location": {"countryCode": "ES"}} for each in records[:50]]
    store.tenant(TENANT).replace([arrival(each) for each in changed])
    found = store.tenant(TENANT).top_values(FacetQuery(FIELDS["country"], query().predicate, 10))
    assert list(found) == ranked(expected(changed + records[50:], FIELDS["country"], {}), 10)


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("width", [DAY, 3_600_000, 7 * DAY + 1])
@pytest.mark.parametrize("sort", ["date", "created"])
def test_the_histogram_counts_each_span(store: Store, filters: dict[str, Any], width: int, sort: str) -> None:
    dice = random.Random(3)
    records = [each | {"created": each["timestamp"] + dice.randrange(3 * DAY)} for each in made()]
    store.tenant(TENANT).insert(map(arrival, records))
    first, last = NOW - 61 * DAY - 12_345, NOW - 5
    asked = query(filters)
    field = FIELDS[sort]
    key = {"date": "timestamp", "created": "created"}[sort]
    moments = [each[key] for each in records if matches(asked.predicate, each) and first <= each[key] <= last]
    wanted = Counter(first + (moment - first) // width * width for moment in moments)
    found = store.tenant(TENANT).histogram(HistogramQuery(field, asked.predicate, first, last, width))
    assert dict(found) == dict(wanted)
    assert list(found) == sorted(found)


def test_kinds_that_are_not_counted_are_few() -> None:
    assert {field.name for field in FIELDS.values()} - {field.name for field in COUNTED} == {
        "ip_key",
        "word",
        "date",
        "created",
    }
    assert Kind.ENTITY in fields.COUNTED
