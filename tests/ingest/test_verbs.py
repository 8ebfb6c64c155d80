"""Verbs of operations: names, patterns, categories, and records that are not to be trusted."""

import json
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.errors import BadMappingError
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors, record_verbs
from casbah.ingest.contract import Event, Recognized
from casbah.ingest.enrich.enrichment import NOTES, Enrichment
from casbah.ingest.mapping.file import CATEGORIES
from casbah.ingest.verbs import VERBS, VerbTable
from making import record

TABLE = VerbTable({"sign-in": ["Login"], "share": ["Share*"], "view": ["*Viewed", "ShareViewed", "S*"]})


def acted(operation: Any, *, category: Any = "EVENT_CATEGORY_UNSPECIFIED", **result: Any) -> dict[str, Any]:
    main = {"rawOperationName": operation} | ({"activityResult": result} if result else {})
    return record(1, eventTypeName=category, mainInfo=main)


@pytest.mark.parametrize(
    "activity, verb",
    [
        pytest.param(acted("ShareX"), "share", id="the first pattern that matches"),
        pytest.param(acted("ShareViewed"), "view", id="a name before patterns"),
        pytest.param(acted("sharex"), "share", id="in any case"),
        pytest.param(acted("Login", isSuccess=True), "sign-in", id="a sign-in"),
        pytest.param(acted("Login", isSuccess=False), "sign-in-failed", id="a refused sign-in"),
        pytest.param(acted("ShareX", isSuccess=False), "share", id="a failure of anything else"),
        pytest.param(acted("Other"), "", id="neither a name nor a pattern"),
        pytest.param(acted("Other", category="EVENT_CATEGORY_DELETE_USER"), "delete", id="by category"),
        pytest.param(
            acted("Other", category="EVENT_CATEGORY_LOGIN", isSuccess=False), "sign-in-failed", id="both at once"
        ),
        pytest.param(acted(None), "", id="no operation"),
        pytest.param(acted(["Login"]), "", id="an operation that is no text"),
        pytest.param(acted("Other", category=["x"]), "", id="a category that is no text"),
        pytest.param(record(1, mainInfo=[], eventTypeName="EVENT_CATEGORY_LOGOUT"), "sign-out", id="no main part"),
        pytest.param(record(1, mainInfo={"rawOperationName": "Login", "activityResult": 1}), "sign-in", id="no result"),
    ],
)
def test_a_table_finds(activity: dict[str, Any], verb: str) -> None:
    assert TABLE(activity) == verb


def test_every_category_but_one_has_a_verb() -> None:
    named = [category for row in VERBS.values() for category in row.categories]
    assert sorted(named) == sorted(set(CATEGORIES) - {"UNSPECIFIED"})


@pytest.mark.parametrize(
    "operations, reason",
    [
        pytest.param({"fly": ["x"]}, "fly is not a verb; the verbs are view, search, ", id="no verb"),
        pytest.param({"view": ["x"], "edit": ["X"]}, "'X' occurs twice: under view and edit", id="twice"),
    ],
)
def test_a_table_is_refused(operations: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(BadMappingError, match=reason.replace("'", ".")):
        VerbTable(operations)


OF_RECORDS = record_verbs()


@pytest.mark.parametrize(
    "activity, verb",
    [
        pytest.param(acted("FilePreviewed") | {"appId": 15600}, "view", id="by the table of the app"),
        pytest.param(acted("GetObject") | {"appId": "11599"}, "download", id="a number as text"),
        pytest.param(acted("Add member to role") | {"appId": 11161}, "grant", id="one of several tables of an app"),
        pytest.param(acted("FilePreviewed") | {"appId": 1, "srcAppId": 11161}, "view", id="by the app that saw it"),
        pytest.param(acted("FilePreviewed") | {"appId": 1}, "", id="an unknown app"),
        pytest.param(acted("Get*", category="EVENT_CATEGORY_DOWNLOAD_FILE"), "download", id="the category comes first"),
        pytest.param({"appId": [], "mainInfo": None, "eventTypeName": {}}, "", id="nothing to go by"),
    ],
)
def test_records_from_anywhere(activity: dict[str, Any], verb: str) -> None:
    assert OF_RECORDS(activity) == verb


def arrived(source: str, event: dict[str, Any], enrichment: Enrichment | None = None) -> NewActivity:
    item = Recognized(Event(json.dumps(event).encode(), event), connectors()[source])
    (new,) = new_activities([item], enrichment)
    assert isinstance(new, NewActivity)
    assert json.loads(new.record) == new.activity
    return new


TRAIL = {"eventID": "e", "eventTime": "2026-03-02T10:00:00Z", "eventSource": "s3.amazonaws.com", "awsRegion": "x"}
WITH_VERBS = Enrichment(verb=OF_RECORDS)


def test_a_connectors_record_has_its_verb_without_a_note() -> None:
    new = arrived("cloudtrail", {**TRAIL, "eventName": "PutObject"}, WITH_VERBS)
    assert new.activity["verb"] == "upload"
    assert NOTES not in new.activity


def test_a_record_of_mdca_gets_a_verb_with_a_note_and_keeps_its_bytes() -> None:
    own = acted("FilePreviewed") | {"appId": 15600}
    new = arrived("mdca", own, WITH_VERBS)
    assert new.activity == own | {"verb": "view", NOTES: {"verbs": {"verb": True}}}
    assert new.record.endswith(json.dumps(own).encode()[1:])


def test_a_verb_that_a_record_brings_stays() -> None:
    own = acted("FilePreviewed") | {"appId": 15600, "verb": "send"}
    assert arrived("mdca", own, WITH_VERBS).activity == own


def test_enriching_again_adds_the_verb_to_an_old_record_once() -> None:
    old = acted("FilePreviewed") | {"appId": 15600}
    again = WITH_VERBS.again(json.dumps(old).encode())
    assert again is not None
    assert again.activity["verb"] == "view"
    assert WITH_VERBS.again(again.record) is None
    without = Enrichment().again(again.record)
    assert without is not None
    assert without.activity == old
