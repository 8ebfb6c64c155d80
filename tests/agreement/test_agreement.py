"""Every filter with every operator that it takes, telling values and random ones: the store against an independent reading.

The oracle (`oracle.py`) is written from the specification alone and shares no code with the product.
"""

import random
from collections import Counter
from typing import Any

import pytest

import oracle
import samples
from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.predicate import Everything
from casbah.activity.query import parse
from casbah.activity.tenant import TenantId
from casbah.errors import RequestError
from casbah.store.contract import FacetQuery, GroupQuery, ValuesOf
from samples import NOW

TENANT = TenantId("agreement")
SOME, MANY = 4, 100
PAIRS = [
    pytest.param(name, operator, id=f"{name}-{operator}") for name, row in FILTERS.items() for operator in row.operators
]
NEGATIONS = [pair for pair in PAIRS if OPERATORS[pair.values[1]].complement_of]


@pytest.fixture
def telling(request: pytest.FixtureRequest) -> Any:
    """The values to ask a filter and operator with: some of them, chosen anew for each pair, or every one."""

    def values(name: str, operator: str) -> list[Any]:
        every = samples.telling_values(name, operator)
        assert every
        if request.config.getoption("--every-value") or len(every) <= SOME:
            return every
        short = [value for value in every if not isinstance(value, list) or len(value) < MANY]
        return random.Random(f"{name} {operator}").sample(short, min(SOME, len(short)))

    return values


def test_the_oracle_knows_the_same_table() -> None:
    table = {name: sorted(documented) for name, (_, documented) in oracle.FILTERS.items()}
    assert table == {name: sorted(row.documented) for name, row in FILTERS.items()}


@pytest.mark.parametrize("name, operator", PAIRS)
def test_store_agrees(compared: Any, name: str, operator: str, telling: Any) -> None:
    wrong = {repr(value)[:200]: compared.disagreements({name: {operator: value}}) for value in telling(name, operator)}
    assert {value: each for value, each in wrong.items() if each} == {}


@pytest.mark.parametrize("name, operator", NEGATIONS)
def test_a_negation_is_the_exact_complement(compared: Any, name: str, operator: str, telling: Any) -> None:
    positive = OPERATORS[operator].complement_of
    for value in telling(name, operator):
        totals = compared.total({name: {operator: value}}) + compared.total({name: {positive: value}})
        assert totals == len(compared.records)


@pytest.mark.parametrize("name", ["fileId", "fileSelector", "actionType"])
def test_one_name_of_each_thing_is_counted(compared: Any, name: str) -> None:
    counts = Counter(value for record in compared.records for value in oracle.counted(record)[name])
    tenant, field = compared.store.tenant(TENANT), FILTERS[name].field
    assert dict(tenant.top_values(FacetQuery(field, Everything(), 100_000))) == counts
    groups = tenant.groups(GroupQuery((ValuesOf(field),), (), Everything()))
    assert {group.values[0]: group.total for group in groups} == counts


def test_random_queries(compared: Any, request: pytest.FixtureRequest) -> None:
    asked = request.config.getoption("--agreement")
    chance = random.Random(asked)
    for _ in range(asked):
        filters = samples.random_filters(chance, compared.records)
        assert compared.disagreements(filters) == {}, filters
    assert asked * len(compared.records) >= min(asked * 900, 20_000)


def test_both_refuse_the_same() -> None:
    refused = samples.bad_filters()
    assert len(refused) > 1_000
    for filters, why in refused:
        with pytest.raises(oracle.Refused):
            oracle.check(filters)
        with pytest.raises(RequestError):
            assert parse({"filters": filters}, now=NOW) is None, why
