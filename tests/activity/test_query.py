"""The parser: it raises nothing but RequestError, says what would be right, and reads what clients send."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.language import FILTERS, OPERATORS
from casbah.activity.query import Bounds, Query, continuation, filters_of, is_scan, parse, where
from casbah.errors import (  # fmt: skip
    BadValueError,
    LimitExceededError,
    MalformedBodyError,
    RequestError,
    UnknownFilterError,
    UnsupportedOperatorError,
)
from making import NOW

DAY = 86_400_000

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**20, 10**400, -(10**4_200)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 1e300, 5e-324, -0.0, 1e18, 2.0**63]),
    st.text(max_size=40),
    st.text(alphabet=st.characters(categories=["Cs"]), max_size=4),
    st.sampled_from(["null", "true", "False", "0", "-1", " 7 ", "1e5", "1e400", "nan", "inf", "٣", "²", "0" * 30, "9" * 5_000, "-"]),
    st.sampled_from(["1.2.3.4", "::1", "1.2.3.4/8", "::/0", "0.0.0.0/0", "::ffff:0:0/95", "1.2.3.4/99", "[::1]:80", "fe80::1%eth0"]),
    st.sampled_from(["t:2", "s:x", "s:x,t:2", "t:2,s:x", "t:", "s:", ",", "t:2,", "t:99999999999999999999999", "t:-1", "t:²"]),
)  # fmt: skip
PARTS = st.sampled_from(["start", "end", "id", "saas", "inst", "role", "adv", "x", ""])
SHAPED = st.one_of(SCALARS, st.dictionaries(PARTS, SCALARS, max_size=3))
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12)  # fmt: skip
PARAMETERS = ["filters", "skip", "limit", "sortField", "sortDirection", "isScan", "other"]


@st.composite
def likely(draw: st.DrawFn) -> dict[str, Any]:
    """Filters as a client might send them, with one or another thing wrong about them."""
    filters: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from([*FILTERS, "activity.eventType", "activity.actionType"]), max_size=3)):
        taken = FILTERS[name].operators if name in FILTERS else ("eq", "neq")
        operators = draw(st.lists(st.sampled_from(taken), max_size=3))
        spelt = [draw(st.sampled_from([operator, operator.upper(), operator.title()])) for operator in operators]
        filters[name] = {each: draw(SHAPED | st.lists(SHAPED, max_size=3)) for each in spelt}
    return {
        "filters": filters,
        "isScan": draw(st.booleans()),
        "sortField": draw(st.sampled_from(["date", "created", None])),
        "sortDirection": draw(st.sampled_from(["asc", "desc", None])),
    }


def parsed(body: dict[str, Any]) -> Query | None:
    refused: RequestError
    try:
        return parse(body, now=NOW)
    except RequestError as error:
        refused = error
    assert refused.status == 400
    assert 0 < len(str(refused)) < 2_000
    return None


@given(st.dictionaries(st.sampled_from(PARAMETERS), JSON, max_size=5))
@example({"limit": 10**4_250})
@example({"skip": 1e308})
def test_arbitrary_bodies_are_read_or_refused(body):
    parsed(body)


@given(st.dictionaries(st.sampled_from([*FILTERS, "zzz"]), JSON | st.dictionaries(st.sampled_from([*OPERATORS, "zzz", "EQ"]), JSON, max_size=3), max_size=3))  # fmt: skip
def test_arbitrary_filters_are_read_or_refused(filters):
    parsed({"filters": filters})


@given(likely())
@example({"filters": {"date": {"gte_ndays": 1e308}}})
@example({"filters": {"date": {"lte_ndays": 10**400}}})
@example({"filters": {"date": {"gte_ndays": "1e307"}}})
@example({"filters": {"date": {"gte_ndays": -(10**4_250)}}})
@example({"filters": {"service": {"eq": 10**4_250}}})
@example({"filters": {"source": {"eq": 10**4_250}}})
@example({"filters": {"entity": {"eq": {"id": 1, "saas": 10**4_250}}}})
@example({"filters": {"user.domain": {"eq": 10**4_250}}})
def test_likely_filters_are_read_or_refused_and_can_go_on(body):
    query = parsed(body)
    if query is None:
        return
    following = continuation(filters_of(body), query, 1_700_000_000_000, now=NOW)
    again = parse({**body, "filters": json.loads(json.dumps(following))}, now=NOW + DAY)
    bound = following[query.sort.name]["lte" if query.descending else "gte"]
    assert type(bound) is int
    assert not [name for operators in following.values() for name in operators if name.lower().endswith("_ndays")]
    assert again.sort == query.sort


REFUSED = [
    pytest.param({"user.domian": {"eq": 1}}, UnknownFilterError, "unknown filter 'user.domian'; did you mean 'user.domain'?", id="nearest filter"),
    pytest.param({"qqqqqq": {}}, UnknownFilterError, "unknown filter 'qqqqqq'", id="no filter near"),
    pytest.param({"x" * 300: {}}, UnknownFilterError, f"unknown filter '{'x' * 80}...'", id="a long name is cut"),
    pytest.param({"service": {"equals": 1}}, UnsupportedOperatorError, "filter 'service' does not take operator 'equals'; it takes eq, neq, deq, isset, isnotset, gt, gte, lt, lte, range", id="unknown operator"),
    pytest.param({"service": {"gtee": 1}}, UnsupportedOperatorError, "filter 'service' does not take operator 'gtee'; did you mean 'gte'?; it takes eq, neq, deq, isset, isnotset, gt, gte, lt, lte, range", id="nearest operator"),
    pytest.param({"text": {"neq": "x"}}, UnsupportedOperatorError, "filter 'text' does not take operator 'neq'; did you mean 'eq'?; it takes eq, startswithsingle, text", id="operator of other kinds"),
    pytest.param({"activity.eventType": {"gte": 1}}, UnsupportedOperatorError, None, id="an alias refuses as its filter"),
    pytest.param({"service": 1}, BadValueError, None, id="no operators"),
    pytest.param({"service": None}, BadValueError, None, id="null for operators"),
    pytest.param({"service": {"eq": "x"}}, BadValueError, "filter 'service', operator 'eq': expected an integer (or its decimal string), got string 'x'", id="text for a number"),
    pytest.param({"service": {"neq": [1, None]}}, BadValueError, "filter 'service', operator 'neq': expected an integer (or its decimal string), got null", id="null for a number"),
    pytest.param({"service": {"eq": True}}, BadValueError, "filter 'service', operator 'eq': expected an integer (or its decimal string), got boolean True", id="a boolean for a number"),
    pytest.param({"service": {"eq": float("1e400")}}, BadValueError, None, id="infinity for a number"),
    pytest.param({"user.domain": {"eq": 1}}, BadValueError, "filter 'user.domain', operator 'eq': expected a string, got integer 1", id="a number for text"),
    pytest.param({"user.domain": {"eq": [["x"]]}}, BadValueError, "filter 'user.domain', operator 'eq': expected a string, got list", id="a list in a list"),
    pytest.param({"user.domain": {"eq": "null", "neq": None}}, BadValueError, "filter 'user.domain', operator 'neq': expected a string, got null", id="null where the table does not say so"),
    pytest.param({"user.domain": {"isset": 1}}, BadValueError, "filter 'user.domain', operator 'isset': expected true or false, got integer 1", id="a number for a flag"),
    pytest.param({"date": {"gte_ndays": float("nan")}}, BadValueError, None, id="NaN days"),
    pytest.param({"date": {"gte_ndays": "inf"}}, BadValueError, "filter 'date', operator 'gte_ndays': expected a number of days, at most 1,000,000,000, got string 'inf'", id="infinite days"),
    pytest.param({"date": {"gte_ndays": 1e308}}, BadValueError, None, id="more days than there are"),
    pytest.param({"date": {"gte_ndays": 10**400}}, BadValueError, None, id="far more days than there are"),
    pytest.param({"date": {"range": {}}}, BadValueError, "filter 'date', operator 'range': expected a range {start, end} with at least one end, got object", id="a range without ends"),
    pytest.param({"date": {"range": [1, 2]}}, BadValueError, "filter 'date', operator 'range': expected a range {start, end}, got integer 1", id="a range as two numbers"),
    pytest.param({"user.tags": {"eq": [{"role": 1}]}}, BadValueError, None, id="a modifier alone"),
    pytest.param({"user.tags": {"eq": ["x", {"role": True}]}}, BadValueError, None, id="a role that is none"),
]  # fmt: skip


@pytest.mark.parametrize("filters, error, text", REFUSED)
def test_refusal_names_what_was_wrong_and_what_would_be_right(filters, error, text):
    with pytest.raises(error) as refused:
        where(filters, now=NOW)
    assert text is None or str(refused.value) == text


BOUNDED = [
    pytest.param({"service": {}, "source": {}, "text": {}}, "filters: at most 2 filters in one request, got 3", id="filters"),
    pytest.param({"service": {"eq": [1, 2, 3, 4]}}, "filter 'service', operator 'eq': at most 3 values, got 4", id="values"),
    pytest.param({"user.domain": {"eq": "x" * 6}}, "filter 'user.domain', operator 'eq': a value has at most 5 characters", id="characters"),
    pytest.param({"entity": {"eq": {"id": "x" * 6}}}, "filter 'entity', operator 'eq': a value has at most 5 characters", id="characters in an object"),
]  # fmt: skip


@pytest.mark.parametrize("filters, text", BOUNDED)
def test_bounds_are_named(filters, text):
    with pytest.raises(LimitExceededError) as refused:
        where(filters, now=NOW, bounds=Bounds(filters=2, values=3, characters=5))
    assert str(refused.value) == text


PARAMETER_ROWS = [
    pytest.param({}, (0, 100, "date", True, False), id="defaults"),
    pytest.param({"limit": 0}, (0, 100, "date", True, False), id="limit 0 is the default"),
    pytest.param({"limit": 101}, (0, 101, "date", True, False), id="limit above the default"),
    pytest.param({"limit": 250}, (0, 250, "date", True, False), id="the largest limit"),
    pytest.param({"limit": 251}, (0, 250, "date", True, False), id="limit is clamped"),
    pytest.param({"limit": "7", "skip": 3.0}, (3, 7, "date", True, False), id="numbers in other clothes"),
    pytest.param({"sortField": "Created", "sortDirection": "ASC"}, (0, 100, "created", False, False), id="any case"),
    pytest.param({"isScan": "True"}, (0, 500, "date", True, True), id="a scan"),
    pytest.param({"isScan": True, "limit": 9_999, "skip": 7}, (0, 5_000, "date", True, True), id="a scan's clamps; skip ignored"),
    pytest.param({"isScan": True, "skip": "x"}, (0, 500, "date", True, True), id="a scan does not look at skip"),
    pytest.param({"skip": None, "limit": "", "isScan": None, "sortField": ""}, (0, 100, "date", True, False), id="nothing said"),
]  # fmt: skip


@pytest.mark.parametrize("body, expected", PARAMETER_ROWS)
def test_parameters(body, expected):
    query = parse(body, now=NOW)
    assert (query.skip, query.limit, query.sort.name, query.descending, is_scan(body)) == expected


BAD_PARAMETERS = [
    pytest.param({"limit": -1}, "limit: expected 0 or more, got -1", id="negative limit"),
    pytest.param({"skip": "-1"}, "skip: expected 0 or more, got -1", id="negative skip"),
    pytest.param({"limit": True}, "limit: expected an integer (or its decimal string), got boolean True", id="a boolean"),
    pytest.param({"limit": "9" * 5_000}, None, id="a number of 5,000 digits"),
    pytest.param({"isScan": "yes"}, "isScan: expected true or false, got string 'yes'", id="another word for true"),
    pytest.param({"sortField": "timestamp"}, "sortField: expected one of date, created, got string 'timestamp'", id="another field"),
    pytest.param({"sortDirection": ["asc"]}, "sortDirection: expected one of desc, asc, got list", id="a list"),
    pytest.param({"filters": []}, "filters: expected an object {filter: {operator: value}}, got list", id="filters as a list"),
    pytest.param({"filters": "x"}, "filters: expected an object {filter: {operator: value}}, got string 'x'", id="filters as text"),
    pytest.param({"filters": False}, "filters: expected an object {filter: {operator: value}}, got boolean False", id="filters that are false"),
]  # fmt: skip


@pytest.mark.parametrize("body, text", BAD_PARAMETERS)
def test_bad_parameters_are_named(body, text):
    with pytest.raises(MalformedBodyError) as refused:
        parse(body, now=NOW)
    assert text is None or str(refused.value) == text


EMPTY = [
    pytest.param(None, id="null"),
    pytest.param("", id="empty text"),
    pytest.param({}, id="an empty object"),
    pytest.param({"service": {}}, id="a filter without operators"),
]


@pytest.mark.parametrize("filters", EMPTY)
def test_no_condition(filters):
    assert parse({"filters": filters}, now=NOW).predicate == p.Everything()


CONTINUED = [
    pytest.param({}, {}, {"date": {"lte": 50}}, id="newest first"),
    pytest.param({}, {"sortDirection": "asc"}, {"date": {"gte": 50}}, id="oldest first"),
    pytest.param({}, {"sortField": "created"}, {"created": {"lte": 50}}, id="by created"),
    pytest.param({"service": {"eq": 1}}, {}, {"service": {"eq": 1}, "date": {"lte": 50}}, id="other filters go on"),
    pytest.param({"date": {"gte": 10}}, {}, {"date": {"gte": 10, "lte": 50}}, id="the other end goes on"),
    pytest.param({"date": {"lte": 70}}, {}, {"date": {"lte": 50}}, id="the tighter bound stays: the boundary"),
    pytest.param({"date": {"lte": 20}}, {}, {"date": {"lte": 20}}, id="the tighter bound stays: the caller's"),
    pytest.param({"date": {"LTE": "70"}}, {}, {"date": {"lte": 50}}, id="in any spelling"),
    pytest.param({"date": {"lte": [20, 70]}}, {}, {"date": {"lte": 50}}, id="values are ORed: the looser counts"),
    pytest.param({"date": {"gte_ndays": 1}}, {}, {"date": {"gte": NOW - DAY, "lte": 50}}, id="days are frozen"),
    pytest.param({"date": {"lte_ndays": "0.5"}}, {}, {"date": {"lte": 50}}, id="days are frozen, then the tighter"),
    pytest.param({"created": {"gte_ndays": [1, 2]}}, {}, {"created": {"gte": NOW - 2 * DAY}, "date": {"lte": 50}}, id="the looser of several days"),
    pytest.param({"date": {"gte_ndays": 1, "gte": 7}}, {}, {"date": {"gte": NOW - DAY, "lte": 50}}, id="days and a moment: the tighter"),
    pytest.param({"date": {"gte": []}}, {"sortDirection": "asc"}, {"date": {"range": [], "gte": 50}}, id="no values still match nothing"),
]  # fmt: skip


@pytest.mark.parametrize("filters, parameters, expected", CONTINUED)
def test_continuation(filters, parameters, expected):
    query = parse({"filters": filters, "isScan": True, **parameters}, now=NOW)
    assert continuation(filters, query, 50, now=NOW) == expected


def test_continuation_leaves_the_query_as_it_was():
    filters = {"date": {"gte_ndays": 1}}
    continuation(filters, parse({"filters": filters}, now=NOW), 50, now=NOW)
    assert filters == {"date": {"gte_ndays": 1}}


def test_of_an_alias_the_meaning_is_its_filter_s():
    for alias, name in (("activity.eventType", "activity.eventActionType"), ("activity.actionType", "actionType")):
        assert where({alias: {"eq": "x"}}, now=NOW) == where({name: {"eq": "x"}}, now=NOW)


def test_operators_in_any_case_mean_the_same():
    for name in FILTERS["user.username"].operators:
        given_value = True if name.startswith("is") else "x"
        asked = [
            where({"user.username": {spelt: given_value}}, now=NOW) for spelt in (name, name.upper(), name.title())
        ]
        assert asked[0] == asked[1] == asked[2]


def test_a_scalar_is_a_list_of_one():
    assert (
        where({"service": {"eq": 7}}, now=NOW)
        == where({"service": {"eq": [7]}}, now=NOW)
        == p.Terms(FIELDS["service"], (7,))
    )
