"""Every filter with every operator that it takes, telling values and random ones: the store against an independent reading.

The oracle (`oracle.py`) is written from the specification alone and shares no code with the product.
"""

import random
from typing import Any

import oracle
import pytest
import samples
from making import NOW

from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.query import parse
from casbah.errors import RequestError

PAIRS = [
    pytest.param(name, operator, id=f"{name}-{operator}") for name, row in FILTERS.items() for operator in row.operators
]


def test_the_oracle_knows_the_same_tables() -> None:
    assert set(oracle.FILTERS) == set(FILTERS) if hasattr(oracle, "FILTERS") else set(samples.FILTERS) == set(FILTERS)


@pytest.mark.parametrize("name, operator", PAIRS)
def test_store_agrees(compared: Any, name: str, operator: str) -> None:
    values = samples.telling_values(name, operator)
    assert values
    wrong = {repr(value)[:200]: compared.disagreements({name: {operator: value}}) for value in values}
    assert {value: each for value, each in wrong.items() if each} == {}


@pytest.mark.parametrize("name, operator", [pair for pair in PAIRS if OPERATORS[pair.values[1]].complement_of])
def test_a_negation_is_the_exact_complement(compared: Any, name: str, operator: str) -> None:
    positive = OPERATORS[operator].complement_of
    for value in samples.telling_values(name, operator):
        assert total(compared, {name: {operator: value}}) + total(compared, {name: {positive: value}}) == len(
            compared.records
        )


def test_random_queries(compared: Any, request: pytest.FixtureRequest) -> None:
    chance = random.Random(request.config.getoption("--agreement"))
    records = list(compared.records.values())
    for _ in range(request.config.getoption("--agreement")):
        filters = samples.random_filters(chance, records)
        assert compared.disagreements(filters) == {}, filters


@pytest.mark.parametrize("filters", [pytest.param(filters, id=why[:60]) for filters, why in samples.bad_filters()])
def test_both_refuse_the_same(filters: dict[str, Any]) -> None:
    with pytest.raises(oracle.Refused):
        oracle.check(filters)
    with pytest.raises(RequestError):
        parse({"filters": filters}, now=NOW)


def total(compared: Any, filters: dict[str, Any]) -> int:
    from agreement_tenant import TENANT

    return compared.store.find(parse({"filters": filters}, now=NOW), TENANT).total
