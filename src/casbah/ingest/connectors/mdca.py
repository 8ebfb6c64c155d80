"""Activity records as returned by Defender for Cloud Apps, which are stored unchanged, and the CSV of its activity log, whose
rows carry less.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from casbah.ingest.apps import APPS
from casbah.ingest.connectors import microsoft365
from casbah.ingest.contract import Connector, CsvForm, Draft, Event, UnusableEventError
from casbah.ingest.enrich.addresses import distinct
from casbah.ingest.enrich.countries import code
from casbah.ingest.fields import Fields, first_text, folded, text
from casbah.ingest.record_builder import (
    FAILED_LOGIN,
    FILE,
    FOLDER,
    LOGIN,
    ROLE_CONTEXT,
    TARGET,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.times import MAX_TIMESTAMP, required, within_bounds

_NAMES = frozenset({"_id", "uid"})
_APPS = frozenset({"appid", "saasid"})
_SHAPE = frozenset({"eventtypename", "eventtypevalue", "entitydata", "maininfo", "saasid", "rawdatajson"})
_MAX_DIGITS = 20
_ROW = frozenset({"event id", "category", "description", "app"})
_EVENT_ID = re.compile(r"\d{1,15}_(\d{1,15})_.+", re.ASCII | re.DOTALL)

CATEGORIES: Mapping[str, str] = {
    "download file": "EVENT_CATEGORY_DOWNLOAD_FILE",
    "failed log on": FAILED_LOGIN,
    "log on":        LOGIN,
    "upload file":   "EVENT_CATEGORY_UPLOAD_FILE",
}  # fmt: skip
"""The categories whose name in records is public, by their name in the activity log."""

_KINDS = {"file": FILE, "folder": FOLDER}


def recognizes(event: Mapping[str, Any]) -> bool:
    """An app number, plus an id or a timestamp with two of the keys that only these records have."""
    keys = event.keys()
    if keys >= _ROW:
        return True
    return _has_app(event) and (bool(_NAMES & keys) or ("timestamp" in keys and len(_SHAPE & keys) > 1))


def accepts(event: Mapping[str, Any]) -> bool:
    """If the caller names this source, an id is enough, or a timestamp and an app."""
    keys = event.keys()
    return bool(_NAMES & keys) or ("timestamp" in keys and _has_app(event))


def _has_app(event: Mapping[str, Any]) -> bool:
    return any(_whole(event.get(key)) is not None for key in _APPS)


def drafts(event: Event) -> Iterator[Draft]:
    """One record, which keeps its own bytes, or that of a row."""
    if folded(event.parsed).keys() >= _ROW:
        yield _of_row(folded(event.parsed))
        return
    record = event.parsed
    yield Draft(id=_identity(record), timestamp=_timestamp(record), keys={}, is_record=True, created=_created(record))


def _of_row(row: Fields) -> Draft:
    """The draft of a row. Its id is that of the record; the app's number is a part of it."""
    identity = text(row.get("event id"))
    number = _EVENT_ID.fullmatch(identity)
    app = _app(int(number[1]) if number else 0, text(row.get("app")))
    return Draft(id=identity, timestamp=required(row, "Date"), keys=keys(_parts(row, app)))


def _app(number: int, name: str) -> CatalogApp:
    connector = microsoft365.OFFICE if number in microsoft365.CONNECTOR.apps else number
    return CatalogApp(number, APPS.get(number, name), connector)


def _parts(row: Fields, app: CatalogApp) -> RecordParts:
    """An activity without a category is described by the source's name of its operation."""
    category, description = text(row.get("category")), text(row.get("description"))
    operation = description if category.lower() == "unspecified" else category
    country = code(text(row.get("location")))
    organization = text(row.get("organizations"))
    location = {"countryCode": country, "organizationSearchable": organization}
    target = _target(description.removeprefix(f"{category}: ")) if ": " in description else None
    return RecordParts(
        app=app,
        instance=Instance(""),
        actor=Actor(first_text(row, "user principle name", "user"), "", app.id),
        operation=operation,
        category=CATEGORIES.get(category.lower(), UNSPECIFIED),
        event_type=f"EVENT_{''.join(char if char.isalnum() else '_' for char in app.name.upper())}_GENERIC",
        targets=[] if target is None else [target],
        subject="" if target is None else target.name,
        addresses=distinct([row.get("ip address")]),
        agent=text(row.get("user agent")),
        admin=False,
        location={key: value for key, value in location.items() if value} or None,
        sentence=description,
    )


def _target(described: str) -> Target:
    """An object as the description names it, such as `file https://...`."""
    kind, _, name = described.partition(" ")
    number = _KINDS.get(kind)
    if number is None:
        return Target(TARGET, ROLE_CONTEXT, described, described)
    return Target(number, ROLE_CONTEXT, name, name, service_type=kind.capitalize())


def _identity(record: Mapping[str, Any]) -> str | None:
    """`_id`, else `uid`; a number counts as its decimal string."""
    for key in ("_id", "uid"):
        value = record.get(key)
        if type(value) is str and value:
            return value
        if type(value) is int:
            return str(value)[:_MAX_IDENTITY]
        if value not in (None, ""):
            raise UnusableEventError(f"no usable {key}: expected a string, got {type(value).__name__}")
    return None


def _timestamp(record: Mapping[str, Any]) -> int:
    if record.get("timestamp") is None:
        raise UnusableEventError("no usable time: timestamp is absent")
    timestamp = _whole(record["timestamp"])
    if timestamp is None:
        raise UnusableEventError(f"no usable time: timestamp is {str(record['timestamp'])[:60]!r}")
    return timestamp


def _created(record: Mapping[str, Any]) -> int | None:
    if record.get("created") in (None, ""):
        return None
    created = _whole(record["created"])
    if created is None or not within_bounds(created):
        raise UnusableEventError(
            f"no usable created: {str(record['created'])[:60]!r} is not ms from 0 to {MAX_TIMESTAMP}"
        )
    return created


def _whole(value: Any) -> int | None:
    """An integer from an int, a whole float or a decimal string; None for everything else."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str:
        digits = value.removeprefix("-")
        usable = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
        return int(value) if usable else None
    return value if type(value) is int else None


_MAX_IDENTITY = 4_000

CONNECTOR = Connector(
    name="mdca",
    title="Microsoft Defender for Cloud Apps activity records",
    samples="real logs",
    recognizes=recognizes,
    accepts=accepts,
    drafts=drafts,
    wrapper="data",
    documents=("https://learn.microsoft.com/defender-cloud-apps/api-activities",),
    examples=("GET /api/v1/activities/ saved to a file", "one activity record per line"),
    marks=(frozenset({"appid"}), frozenset({"saasid"}), _ROW),
    csv=(
        CsvForm(
            "the activity log exported from the portal",
            ("Event ID", "Category", "Description", "User Principle Name", "App", "Date"),
            "https://learn.microsoft.com/defender-cloud-apps/activity-filters",
            seen=True,
        ),
    ),
)
