"""A simplified predicate matches the same activities; where it is always or never true, it says so."""

from collections.abc import Mapping
from typing import Any

import pytest

import samples
from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS, Kind, values
from casbah.activity.language import FILTERS
from casbah.activity.matching import _holds
from casbah.activity.query import where
from casbah.activity.record import Reading
from casbah.activity.simplification import NOTHING, simplified
from casbah.activity.value import MS_PER_DAY
from samples import NOW

LAST = 2**43 - 1
EVERYTHING = [
    ("date", {"gte": 0}), ("date", {"gt": -1}), ("date", {"lte": LAST}), ("date", {"lt": str(LAST + 1)}), ("date", {"gte": [5, -5]}),
    ("date", {"range": {"start": 0, "end": 10**400}}), ("date", {"range": [{"end": 5}, {"start": 6}]}), ("date", {"neq": -1}),
    ("date", {"gte_ndays": NOW // MS_PER_DAY + 1}), ("date", {"lte_ndays": -(10**6)}), ("date", {"isset": True}), ("date", {"isnotset": "false"}),
    ("created", {"gte": 0}), ("created", {"isset": True}), ("created", {"neq": [2**43, -1]}),
    ("instance", {"isset": True}), ("instance", {"gte": -(2**63)}), ("instance", {"neq": 2**63}), ("instance", {"deq": 2**63}),
    ("activity.id", {"isset": True}), ("activity.id", {"startswith": ""}), ("activity.id", {"neq": ""}),
    ("activity.type", {"isset": True}), ("activity.type", {"eq": [True, False]}), ("activity.impersonated", {"isnotset": False}),
    ("service", {"neq": 2**63}), ("service", {"isset": [True, False]}), ("service", {"isset": ["true", "false"]}),
    ("user.username", {"doesnotstartwith": []}),
    ("source", {"neq": ["t:9223372036854775808"]}), ("source", {"neq": ["s:a,t:9223372036854775808"]}),
    ("office365url", {"neq": "example.org"}), ("office365url", {"doesnotstartwith": "ftp:"}), ("office365url", {"ndescendantof": "/"}),
    ("ip.address", {"doesnotstartwith": "0.0.0.0/0"}), ("ip.address", {"ncontains": "x"}),
]  # fmt: skip
NEVER = [
    ("date", {"lt": 0}), ("date", {"eq": []}), ("date", {"isnotset": True}), ("activity.type", {"neq": [True, False]}),
    ("activity.type", {"deq": [True, "FALSE"]}), ("service", {"eq": 2**63}), ("ip.address", {"startswith": "0.0.0.0/0"}),
    ("ip.address", {"deq": ["::/0", "0.0.0.0/0"]}), ("source", {"eq": "t:-9223372036854775809"}), ("office365url", {"startswith": "ftp"}),
    ("activity.impersonated", {"isset": False}), ("user.username", {"isnotset": [True, False, True]}),
]  # fmt: skip
PRESENT = [
    ("user.username", {"contains": ""}), ("user.username", {"startswith": ["b", ""]}), ("user.domain", {"deq": ""}),
    ("service", {"range": [{"end": 5}, {"start": 6}]}), ("service", {"gte": -(2**63)}), ("ip.category", {"deq": 2**63}),
    ("office365url", {"startswith": "HTTP"}), ("ip.address", {"endswith": ""}),
]  # fmt: skip
OPEN = [
    ("date", {"gte": 1}), ("date", {"lt": LAST}), ("date", {"range": {"start": 0, "end": NOW}}), ("date", {"neq": 0}),
    ("date", {"range": [{"end": 5}, {"start": 7}]}), ("service", {"neq": 2**63 - 1}), ("service", {"isset": True}),
    ("activity.type", {"eq": True}), ("activity.type", {"neq": True}), ("office365url", {"startswith": "https"}),
    ("ip.address", {"neq": ["::/0"]}), ("ip.address", {"startswith": "10."}), ("source", {"neq": "t:2"}), ("user.username", {"contains": " "}),
]  # fmt: skip


def of(name: str, operators: Mapping[str, Any]) -> p.Predicate:
    return simplified(where({name: operators}, now=NOW))


@pytest.mark.parametrize("name, operators", EVERYTHING)
def test_what_every_activity_meets_is_everything(name: str, operators: Mapping[str, Any]) -> None:
    assert of(name, operators) == p.Everything()


@pytest.mark.parametrize("name, operators", NEVER)
def test_what_no_activity_can_meet_is_nothing(name: str, operators: Mapping[str, Any]) -> None:
    assert of(name, operators) == NOTHING


@pytest.mark.parametrize("name, operators", PRESENT)
def test_what_all_values_of_a_field_meet_is_that_it_has_one(name: str, operators: Mapping[str, Any]) -> None:
    assert of(name, operators) == p.Present(FILTERS[name].field)


@pytest.mark.parametrize("name, operators", OPEN)
def test_what_restricts_something_stays(name: str, operators: Mapping[str, Any]) -> None:
    assert of(name, operators) not in (p.Everything(), NOTHING)


def test_all_conditions_together() -> None:
    always, open_ = {"date": {"gte": 0}}, {"service": {"eq": [1]}}
    assert simplified(where({**always, **open_}, now=NOW)) == simplified(where(open_, now=NOW))
    assert simplified(where({"date": {"gte": 0, "lt": 0}, **open_}, now=NOW)) == NOTHING
    assert simplified(where({}, now=NOW)) == p.Everything()


RECORDS = [record for record in samples.telling_records() if 0 <= record["timestamp"] <= LAST]
PAIRS = [(name, each) for name, row in FILTERS.items() if row.field.kind is not Kind.WORDS for each in row.operators]
READINGS = [Reading(record) for record in RECORDS[::40]]


@pytest.mark.parametrize("name, operator", PAIRS)
def test_it_matches_the_same_activities(name: str, operator: str) -> None:
    for value in samples.telling_values(name, operator):
        asked = where({name: {operator: value}}, now=NOW)
        found = simplified(asked)
        assert [_holds(found, reading) for reading in READINGS] == [_holds(asked, reading) for reading in READINGS], (
            value
        )


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.always])
def test_every_record_has_a_value_of_a_field_that_is_always_there(name: str) -> None:
    assert all(values(FIELDS[name], Reading(record)) for record in RECORDS)


def test_a_word_is_a_restriction() -> None:
    assert of("text", {"text": "nobody"}) == p.Words(("nobody",))
