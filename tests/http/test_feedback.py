"""Feedback is bounded: how long an entry is, and how many an activity has."""

import json

import pytest

from casbah import compose, settings
from casbah.activity.tenant import TenantId
from casbah.store.contract import FeedbackEntry
from making import record
from scenarios.inprocess import Asker

FEEDBACK, LIST = "/api/v1/activities/activity-1/feedback", "/api/ext/v1/activities/activity-1/feedback"


@pytest.fixture
def ask(opened):
    made = opened(max_feedback="3", max_feedback_length="200")
    assert made("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record(1)).encode()).status == 200
    return made


def give(ask, text: str):
    return ask("POST", FEEDBACK, json.dumps({"feedbackText": text}).encode())


def test_an_activity_takes_so_many_entries(ask) -> None:
    replies = [give(ask, str(number)) for number in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 400, 400]
    assert replies[-1].json == {"detail": "feedback: at most 3 entries for one activity (setting CASBAH_MAX_FEEDBACK)"}
    assert [entry["feedbackText"] for entry in ask("GET", LIST).json["data"]] == ["0", "1", "2"]


def test_an_entry_takes_so_many_characters(ask) -> None:
    refused = give(ask, "é" * 300)
    assert refused.status == 400
    assert "feedback: at most 200 characters as JSON, got 3" in refused.json["detail"]
    assert "(setting CASBAH_MAX_FEEDBACK_LENGTH)" in refused.json["detail"]
    assert give(ask, "é" * 100).status == 200
    assert len(ask("GET", LIST).json["data"]) == 1


STORED = [
    pytest.param({"feedbackText": None, "contactEmail": None, "allowContact": None}, id="null"),
    pytest.param({"useful": True, "tags": ["x"]}, id="unknown keys"),
    pytest.param({"feedback": 1.5, "feedbackValue": ["0"], "allowContact": "yes"}, id="other types"),
]


@pytest.mark.parametrize("entry", STORED)
def test_an_entry_that_nobody_could_send_today_is_answered_as_it_is_stored(tmp_path, entry) -> None:
    with compose.build(settings.read({}, store=str(tmp_path / "store"))) as built:
        ask = Asker(built.app, built.local_key)
        assert ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record(1)).encode()).status == 200
        tenant = built.services.store.tenant(TenantId("default"))
        assert tenant.add_feedback("activity-1", FeedbackEntry(7, "ada", json.dumps(entry).encode()))
        reply = ask("GET", LIST)
    assert (reply.status, reply.json["data"]) == (200, [{"at": 7, "who": "ada", **entry}])
