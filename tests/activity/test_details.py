"""The details of an activity over every sample: each value finds the activity, and objects are there once, in order."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from casbah.activity.details import Fact, Thing, facts, things
from casbah.activity.language import FILTERS
from casbah.activity.matching import matches
from casbah.activity.query import parse
from casbah.activity.record import Reading
from casbah.demo.load import generated_activities, sample_activities
from connectors.samples import csv_files, expected, folders
from making import NOW, record


def samples() -> Iterator[Mapping[str, Any]]:
    for sample in (*folders(), *csv_files()):
        yield from expected(sample)
    for arrival in (*sample_activities(), *generated_activities(200, until_ms=NOW)):
        yield arrival.activity


def test_every_value_finds_the_activity() -> None:
    count = 0
    for sample in samples():
        for fact in facts(Reading(sample)):
            operator = "contains" if fact.filter == "userAgent.userAgent" else "eq"
            query = parse({"filters": {fact.filter: {operator: [fact.value]}}}, now=NOW)
            assert matches(query.predicate, sample), fact
            count += 1
    assert count > 5_000


def test_objects_are_those_of_the_activity_each_once() -> None:
    count = 0
    for sample in samples():
        objects = [
            item for item in sample.get("mainInfo", {}).get("eventObjects", []) if item.get("id") not in (None, "")
        ]
        shown = things(Reading(sample))
        assert {thing.id for thing in shown} <= {item["id"] for item in objects}
        assert {thing.part for thing in shown} == {item.get("part") for item in objects}
        assert len({(thing.part, thing.name if thing.part else thing.id) for thing in shown}) == len(shown)
        count += len(shown)
    assert count > 500


ACCOUNT = {"objType": 2, "role": 5, "part": "target", "name": "sam@contoso.example"}


def test_details_of_one() -> None:
    objects = [
        {"objType": 1, "part": "role", "id": 62, "name": "Reader", "serviceObjectType": "Role"},
        {"id": "old"},
        {"id": "a", **ACCOUNT},
        {"id": "b", **ACCOUNT},
        {"name": "no id"},
        {"id": {"nested": 1}, "part": "file"},
        "none",
    ]
    whole = record(
        0,
        mainInfo={"eventObjects": objects, "rawOperationName": "Grant"},
        user={"userName": "Ann", "userTags": ["62", {}, None, ""]},
        appId=None,
        saasId=2**63,
        source=[2, 3],
        session="s1",
        sessionIds=["t1"],
        device={"clientIP": "203.0.113.7"},
        internals={"otherIPs": ["203.0.113.8"]},
    )  # fmt: skip
    reading = Reading(whole)
    assert things(reading) == [
        Thing("target", "sam@contoso.example", "a", None),
        Thing("role", "Reader", 62, "Role"),
        Thing(None, None, "old", None),
    ]
    found = list(facts(reading))
    assert Fact("Who", "user.tags", "62", "Reader") in found
    values = [
        ("user.username", ["Ann"]),
        ("user.tags", ["62"]),
        ("session", ["s1", "t1"]),
        ("service", [2**63]),
        ("actionType", ["Grant"]),
        ("source", ["t:2", "t:3"]),
        ("ip.address", ["203.0.113.7", "203.0.113.8"]),
    ]
    assert [(name, [fact.value for fact in found if fact.filter == name]) for name, _ in values] == values


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"mainInfo": [], "user": "x", "device": 1, "location": None, "internals": []},
        {"mainInfo": {"eventObjects": {}}},
    ],
)
def test_a_record_may_be_any_object(broken: dict[str, Any]) -> None:
    assert things(Reading(broken)) == []
    assert list(facts(Reading(broken))) == []


def test_every_fact_has_a_filter() -> None:
    assert {fact.filter for sample in samples() for fact in facts(Reading(sample))} <= set(FILTERS)
