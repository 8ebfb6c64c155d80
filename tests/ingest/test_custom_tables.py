"""Rows of custom tables of Log Analytics, whose columns are the keys of an event, joined, with a letter for their type."""

import json
from pathlib import Path
from typing import Any

import pytest

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import page_of
from casbah.ingest.mapping.paths import Path as EventPath
from casbah.ingest.mapping.paths import fold

KNOWN = Detector(connectors())
SAMPLES = Path(__file__).parent.parent / "connectors"
WITH_OBJECTS = {"auth0"}
"""Sources with a whole object as a changed value. A row has its parts in columns, whose names may be nested in several ways."""

# Sources that Sentinel's solutions have put into custom tables.
SOURCES = (
    "atlassian",
    "auth0",
    "box",
    "github",
    "okta",
    "onepassword",
    "salesforce",
    "slack",
    "snowflake",
    "zendesk",
    "zoom",
)
WIDE = {f"a{number}_s": "x" for number in range(1_100)}


def row(event: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The columns that the data collector of Log Analytics makes of an event."""
    columns: dict[str, Any] = {}
    for key, value in event.items():
        name = f"{prefix}{key}"
        match value:
            case dict():
                columns |= row(value, f"{name}_")
            case None:
                columns[f"{name}_s"] = ""
            case list():
                columns[f"{name}_s"] = json.dumps(value)
            case bool():
                columns[f"{name}_b"] = value
            case int() | float():
                columns[f"{name}_d"] = value
            case str() if value[4:5] == "-" and value[10:11] == "T":
                columns[f"{name}_t [UTC]"] = value
            case _:
                columns[f"{name}_s"] = value
    return columns


def stored(event: dict[str, Any]) -> list[NewActivity]:
    found = list(new_activities(page_of(json.dumps(event).encode(), origin="x", connectors=KNOWN).items))
    assert [item for item in found if isinstance(item, Refusal)] == []
    return [item for item in found if isinstance(item, NewActivity)]


@pytest.mark.parametrize("source", SOURCES)
def test_a_row_becomes_the_record_of_its_event(source: str) -> None:
    for line in (SAMPLES / source / "events.ndjson").read_bytes().splitlines():
        event = json.loads(line)
        table = {"TenantId": "w", "SourceSystem": "RestAPI", "TimeGenerated": "2026-03-02T10:00:00Z", "Type": "Any_CL"}
        for new, plain in zip(stored({**table, **row(event)}), stored(event), strict=True):
            if "sourceId" in plain.activity:
                assert new.id == plain.id
            without = {"rawDataJson": None} | ({"changes": None} if source in WITH_OBJECTS else {})
            assert {**new.activity, **without} == {**plain.activity, **without}


def test_columns_are_read_with_and_without_their_underscores() -> None:
    event = {"Type": "Box_CL", "created_by_login_s": "ana", "created_at_t [UTC]": "2026-03-02T10:00:00Z", "empty_s": ""}
    paths = ("created_by_login", "created_by.login", "created.by.login", "created.by_login", "created_at", "empty")
    assert [EventPath(path).all(event) for path in paths] == [*[["ana"]] * 4, ["2026-03-02T10:00:00Z"], []]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"Type": "Box", "actor_id_s": "ana"}, id="another table"),
        pytest.param({"Type": 7, "actor_id_s": "ana"}, id="no table"),
        pytest.param({"Type": "Box_CL", "actor_id": "ana"}, id="no letter"),
        pytest.param({"Type": "Box_CL", "actor_id_s": "ana", **WIDE}, id="more columns than a table may have"),
    ],
)
def test_only_columns_of_custom_tables_are_taken_apart(event: dict[str, Any]) -> None:
    assert "actor" not in fold(event)


def test_a_name_of_many_underscores_stays_one_name() -> None:
    name = "_".join("abcdefghijklmnopqrstuvwxyz")
    assert set(fold({"Type": "Box_CL", f"{name}_s": 1})) == {"type", f"{name}_s", name}


def test_a_row_of_many_ways_to_nest_its_columns_stays_flat() -> None:
    """900 columns of 20 KB would have 57,600 ways, and take 0.1 s."""
    columns = {f"a_b_c_d_e_f_{number}_s": 1 for number in range(900)}
    folded = fold({"Type": "Box_CL", **columns})
    assert set(folded) == {"type", *columns}
    assert set(fold({"Type": "Box_CL", "a_s": 1, "actor_display_name_s": 1})) > {"a", "actor", "actor_display"}
