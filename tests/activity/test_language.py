"""The tables are whole, and refusals are precise."""

import re
from pathlib import Path

import pytest

from casbah.activity.fields import Kind
from casbah.activity.language import FILTERS, OPERATORS, OPERATORS_OF
from casbah.activity.matching import matches
from casbah.activity.query import continuation, parse
from casbah.errors import BadValueError, LimitExceededError, RequestError, UnknownFilterError, UnsupportedOperatorError
from making import NOW, query

ROW = re.compile(r"^\| ([\w.]+) \|[^|]*\| ([^|]+) \|", re.MULTILINE)


def test_the_table_is_the_public_one(shared: Path) -> None:
    public = ROW.findall((shared / "spec" / "activities-api.md").read_text(encoding="utf-8"))
    documented = {
        name: tuple(each.strip().lower() for each in operators.split(","))
        for name, operators in public
        if name != "Filter"
    }
    assert {name: row.documented for name, row in FILTERS.items() if row.documented} == documented


def test_documented_pairs_are_taken() -> None:
    assert all(set(row.documented) <= set(row.operators) for row in FILTERS.values())


def test_every_kind_that_a_filter_reads_has_operators() -> None:
    assert {row.field.kind for row in FILTERS.values()} == set(OPERATORS_OF)
    assert set(Kind) - set(OPERATORS_OF) == {Kind.ADDRESS}


def test_every_negation_denies_something_positive() -> None:
    denied = {row.complement_of for row in OPERATORS.values() if row.complement_of}
    assert denied == {"eq", "contains", "startswith", "descendantof", "isset"}


@pytest.mark.parametrize(
    "filters, error, says",
    [
        pytest.param({"sevice": {}}, UnknownFilterError, "unknown filter 'sevice'; did you mean 'service'?", id="near name"),
        pytest.param({"service": {"like": 1}}, UnsupportedOperatorError, "filter 'service' does not take operator 'like'", id="unknown operator"),
        pytest.param({"service": {"contains": "1"}}, UnsupportedOperatorError, "it takes eq, neq, deq", id="operator of other kinds"),
        pytest.param({"service": {"eq": True}}, BadValueError, "filter 'service', operator 'eq': expected an integer (or its decimal string), got boolean True", id="a boolean is no integer"),
        pytest.param({"user.username": {"eq": 7}}, BadValueError, "expected a string, got integer 7", id="a number is no text"),
        pytest.param({"ip.address": {"neq": "localhost"}}, BadValueError, "expected an IP address or a network in CIDR form", id="no address"),
        pytest.param({"date": {"range": {}}}, BadValueError, "at least one end", id="a range without ends"),
        pytest.param({"date": {"range": {"from": 1}}}, BadValueError, "expected a range {start, end}", id="a range of other keys"),
        pytest.param({"user.tags": {"eq": {"role": 1}}}, BadValueError, "at most one modifier", id="a modifier alone"),
        pytest.param({"user.tags": {"eq": ["a", {"role": 9}]}}, BadValueError, "a role out of [1, 2, 3]", id="no such role"),
        pytest.param({"entity": {"eq": {"saas": 1}}}, BadValueError, "expected an entity {id, saas?, inst?}", id="an entity without id"),
        pytest.param({"source": {"eq": "x"}}, BadValueError, "expected a source type", id="no source"),
        pytest.param({"service": {"eq": None}}, BadValueError, "got null", id="null where it means nothing"),
        pytest.param({"service": 5}, BadValueError, "an object {operator: value}", id="no operators"),
        pytest.param({"service": {"eq": [1] * 1_001}}, LimitExceededError, "at most 1000 values, got 1001", id="too many values"),
        pytest.param({"text": {"text": "x" * 4_097}}, LimitExceededError, "at most 4096 characters", id="too long a value"),
        pytest.param({f"f{n}": {} for n in range(65)}, LimitExceededError, "at most 64 filters", id="too many filters"),
        pytest.param([], RequestError, "filters: expected an object", id="filters as a list"),
    ],
)  # fmt: skip
def test_refusals(filters: object, error: type[RequestError], says: str) -> None:
    with pytest.raises(error) as caught:
        parse({"filters": filters}, now=NOW)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "filters, boundary, expected",
    [
        pytest.param({}, 5, {"date": {"lte": 5}}, id="no filters"),
        pytest.param(
            {"date": {"gte_ndays": 1}}, 5, {"date": {"gte": NOW - 86_400_000, "lte": 5}}, id="days become moments"
        ),
        pytest.param(
            {"date": {"GTE": ["7", 3], "gte_ndays": 10_000_000}},
            5,
            {"date": {"gte": 3, "lte": 5}},
            id="the tighter one stays",
        ),
        pytest.param({"date": {"lte": 9}}, 5, {"date": {"lte": 5}}, id="the boundary is tighter"),
        pytest.param(
            {"created": {"lte_ndays": 1}},
            5,
            {"created": {"lte": NOW - 86_400_000}, "date": {"lte": 5}},
            id="another field's days",
        ),
        pytest.param(
            {"service": {"eq": 1}}, 5, {"service": {"eq": 1}, "date": {"lte": 5}}, id="others stay as they are"
        ),
    ],
)
def test_continuation(filters: dict[str, object], boundary: int, expected: object) -> None:
    assert continuation(filters, query(filters, isScan=True), boundary, now=NOW) == expected


@pytest.mark.parametrize(
    "filters, expected",
    [
        pytest.param({"date": {"gte_ndays": []}}, False, id="no days match nothing"),
        pytest.param({"date": {"gte": []}}, False, id="no bounds match nothing"),
    ],
)
def test_a_continuation_of_nothing_is_nothing(filters: dict[str, object], expected: bool) -> None:
    again = continuation(filters, query(filters, isScan=True, sortDirection="asc"), 0, now=NOW)
    assert matches(query(again).predicate, {"timestamp": 1}) is expected


@pytest.mark.parametrize(
    "filters, key, holding, lacking",
    [
        pytest.param(
            {"ip.address": {"deq": ["10.0.0.0/8", "10.1.0.0/16"]}},
            "device",
            [{"clientIP": "9.255.255.255"}, {"clientIP": "11.0.0.0"}],
            [
                {"clientIP": "10.0.0.0"},
                {"clientIP": "10.1.2.3"},
                {"clientIP": "10.2.0.0"},
                {"clientIP": "10.255.255.255"},
            ],
            id="a network within another",
        ),
        pytest.param(
            {"user.orgUnit": {"descendantof": "/sales/emea"}},
            "user",
            [{"orgUnit": "/sales/emea"}, {"orgUnit": "/Sales/EMEA/north"}],
            [{"orgUnit": "/sales/emeatic"}, {"orgUnit": "/sales"}],
            id="a path with the same beginning",
        ),
    ],
)
def test_meanings_at_their_edges(
    filters: dict[str, object], key: str, holding: list[object], lacking: list[object]
) -> None:
    predicate = query(filters).predicate
    assert [value for value in (*holding, *lacking) if matches(predicate, {key: value})] == holding
