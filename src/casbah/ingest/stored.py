"""A record that was stored once, as an arrival again: for storing it anew, or elsewhere."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from casbah.activity.new_activity import NewActivity
from casbah.activity.record import identifier, integer
from casbah.ingest import jsontext


def arrival_of(record: bytes, activity: Mapping[str, Any] | None = None) -> NewActivity:
    """The arrival of a whole record; `activity` is the same, parsed.

    Its digest is that of the source's event which it carries, so that this event is known again when the source delivers it
    once more. One that came without a digest is known by its id all the same.
    """
    found = jsontext.parse_object(record) if activity is None else activity
    event = found.get("rawDataJson")
    return NewActivity(
        id=identifier(found.get("_id")) or "",
        timestamp=integer(found.get("timestamp")) or 0,
        record=record,
        activity=found,
        digest=sha256(jsontext.canonical(event)).hexdigest() if type(event) is dict else None,
        created=integer(found.get("created")),
    )
