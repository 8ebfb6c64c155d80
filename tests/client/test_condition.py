"""Conditions as values: what they refuse, and that they do not change."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from casbah.client import Condition, UsageError, where

REFUSED = [
    pytest.param(lambda: where.service.eq("11770"), "'service', operator 'eq': expected an integer", id="text as int"),
    pytest.param(lambda: where.service.eq(*[True]), "expected an integer, got boolean", id="a boolean as int"),
    pytest.param(lambda: where.service.gt(1.5), "expected an integer", id="a fraction as int"),
    pytest.param(lambda: where.activity.impersonated.eq("true"), "expected True or False", id="text as boolean"),
    pytest.param(lambda: where.user.domain.eq(5), "expected a string", id="a number as text"),
    pytest.param(lambda: where.user.domain.eq(None), "expected a string, got null", id="None where it means nothing"),
    pytest.param(lambda: where.user.domain.eq(["a"]), "expected a string, got list", id="a list as one value"),
    pytest.param(lambda: where.activity.id.eq(1.0), "expected an id", id="a fraction as id"),
    pytest.param(lambda: where.ip.address.eq(5), "expected an address or a network", id="a number as address"),
    pytest.param(lambda: where.date.gte(datetime(2025, 1, 1)), "with a time zone", id="a naive datetime"),  # noqa: DTZ001
    pytest.param(lambda: where.date.range(start=datetime(2025, 1, 1)), "time zone", id="a naive start"),  # noqa: DTZ001
    pytest.param(lambda: where.date.gte(date(2025, 1, 1)), "expected a datetime", id="a date"),
    pytest.param(lambda: where.date.gte(1.5), "milliseconds since the epoch", id="seconds with a fraction"),
    pytest.param(where.date.range, "give start=, end=, or both", id="a range without ends"),
    pytest.param(lambda: where.date.range((None, None)), "give start=, end=, or both", id="a span without ends"),
    pytest.param(lambda: where.date.range(5), "give start=, end=, or both", id="a span that is none"),
    pytest.param(lambda: where.date.gte_ndays(float("inf")), "expected a number of days", id="endless days"),
    pytest.param(lambda: where.date.gte_ndays(*[True]), "expected a number of days", id="a boolean as days"),
    pytest.param(lambda: where.user.domain.isset(value=1), "expected True or False", id="a number as flag"),
    pytest.param(lambda: where.user.tags.eq("g", role="1"), "expected an integer", id="a role as text"),
    pytest.param(lambda: where.entity.eq(saas=11161), "expected an entity", id="an entity without id"),
    pytest.param(lambda: where.entity.eq({"id": "a", "app": 1}), "expected an entity", id="an entity with more"),
    pytest.param(lambda: where.source.eq(""), "expected a source type", id="no source"),
    pytest.param(lambda: where.source.eq(stream="a,b"), "without a comma", id="a stream with a comma"),
    pytest.param(lambda: Condition({"date": 5}), "expected an object", id="no operators"),
    pytest.param(lambda: Condition("date"), "expected a condition", id="no mapping"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_the_server_could_not_understand_is_refused_at_once(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(where.service.eq(1), where.service.eq(2), id="two values"),
        pytest.param(where.service.eq(1), {"service": {"EQ": [2]}}, id="another spelling"),
        pytest.param({"date": {"gte": 5}}, where.date.gte(5), id="a mapping on the left"),
    ],
)
def test_an_operator_of_a_filter_stands_once(left, right):
    with pytest.raises(UsageError, match=r"a request holds each operator of a filter once, and ORs its values"):
        left & right


def test_other_operators_of_a_filter_are_joined():
    both = where.date.gte(5) & where.date.lte(9) & {"service": {"eq": 1}}
    assert both == {"date": {"gte": 5, "lte": 9}, "service": {"eq": 1}}


def test_a_condition_does_not_change():
    given = {"service": {"eq": [1]}}
    condition = Condition(given)
    given["service"]["eq"].append(2)
    condition["service"]["eq"].append(3)
    condition.to_dict()["service"]["eq"].append(4)
    joined = condition & where.user.domain.isset()
    assert condition == {"service": {"eq": [1]}}
    assert repr(joined) == "Condition({'service': {'eq': [1]}, 'user.domain': {'isset': True}})"


def test_no_values_are_a_list_of_none():
    assert where.service.eq() == {"service": {"eq": []}}


@pytest.mark.parametrize(
    ("moment", "ms"),
    [
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), 0, id="the epoch"),
        pytest.param(datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 1735689600000, id="another zone"),
        pytest.param(datetime(2025, 1, 1, 0, 0, 0, 1_999, tzinfo=UTC), 1735689600001, id="microseconds fall away"),
        pytest.param(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1, id="before the epoch"),
    ],
)
def test_a_datetime_becomes_milliseconds(moment, ms):
    assert where.date.gte(moment) == {"date": {"gte": ms}}
