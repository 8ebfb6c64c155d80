"""Feedback is bounded: how long an entry is, and how many an activity has."""

import json

import pytest

from making import record

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
