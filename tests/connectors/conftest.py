import json
from pathlib import Path

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Event, Recognized
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import page_of, pages

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def made():
    """The one arrival, or refusal, that a connector makes of an event, which need not have all that it is recognized by."""

    def make(source, **fields):
        event = Event(json.dumps(fields).encode(), fields, "x", 1)
        (arrival,) = new_activities([Recognized(event, connectors()[source])], Enrichment())
        return arrival

    return make


@pytest.fixture
def activity(made):
    """The record that an event becomes."""
    return lambda source, **fields: made(source, **fields).activity


@pytest.fixture
def ingested():
    """The one arrival, or refusal, that becomes of an event whose source is named."""

    def ingest(source, **fields):
        page = page_of(json.dumps(fields).encode(), origin="x", connectors=connectors(), source=source)
        (arrival,) = new_activities(page.items, Enrichment())
        return arrival

    return ingest


@pytest.fixture
def golden():
    """What the real events of a file of tests/data become."""

    def read(name):
        (found,) = [
            list(new_activities(page.items, Enrichment()))
            for page in pages([str(DATA / name)], connectors=connectors())
        ]
        assert all(json.loads(each.record) == each.activity for each in found if isinstance(each, NewActivity))
        return found

    return read
