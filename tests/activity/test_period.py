"""The period of a predicate, and the one before it."""

from typing import Any

import pytest

from casbah.activity.period import Period, period_of
from casbah.activity.predicate import Predicate
from casbah.activity.query import where

NOW, DAY = 1_760_000_000_000, 86_400_000


def predicate(filters: dict[str, Any]) -> Predicate:
    return where(filters, now=NOW, groups=True)


@pytest.mark.parametrize(
    ("filters", "period"),
    [
        ({}, None),
        ({"date": {"lte": 5}}, None),
        ({"date": {"gte": 5}}, Period(5, NOW)),
        ({"date": {"gte_ndays": 7}}, Period(NOW - 7 * DAY, NOW)),
        ({"date": {"gte": 5, "lte": 9}}, Period(5, 9)),
        ({"date": {"gt": 5, "lt": 9}, "service": {"eq": 1}}, Period(6, 8)),
        ({"date": {"range": [{"start": 5, "end": 9}]}, "all": [{"date": {"gte": 7}}]}, Period(7, 9)),
        ({"date": {"range": [{"start": 5}]}}, Period(5, NOW)),
        ({"date": {"range": [{"start": 5, "end": 6}, {"start": 8, "end": 9}]}}, None),
        ({"date": {"gte": 9, "lte": 5}}, None),
        ({"any": [{"date": {"gte": 5}}, {"service": {"eq": 1}}]}, None),
        ({"created": {"gte": 5}}, None),
    ],
)
def test_the_period_is_what_conditions_on_the_date_leave(filters: dict[str, Any], period: Period | None) -> None:
    assert period_of(predicate(filters), now=NOW) == period


def test_the_period_before_ends_where_it_begins_and_is_as_long() -> None:
    assert Period(10, 19).before == Period(0, 9)
    assert Period(10, 10).before == Period(9, 9)


def test_another_period_leaves_the_other_conditions() -> None:
    asked = predicate({"date": {"gte": 10}, "service": {"eq": 1}, "all": [{"date": {"lte": 19}, "verb": {"eq": "x"}}]})
    expected = predicate({"service": {"eq": 1}, "verb": {"eq": "x"}, "date": {"range": [{"start": 0, "end": 9}]}})
    assert Period(0, 9).narrowed(asked) == expected
