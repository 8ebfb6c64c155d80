"""Turns a stored record back into a new activity, to store it again or elsewhere."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from casbah.activity.new_activity import NewActivity
from casbah.activity.record import identifier, integer
from casbah.base import jsontext


def new_activity_of(record: bytes, activity: Mapping[str, Any] | None = None) -> NewActivity:
    """The new activity of a whole record; `activity` is the same record parsed. Raises InvalidJsonError.

    Its digest is that of the source event in the record, so that the event is recognised if the source delivers it again. A
    record stored without a digest is still recognised by its id.
    """
    parsed = jsontext.parse_object(record) if activity is None else activity
    event = parsed.get("rawDataJson")
    return NewActivity(
        id=identifier(parsed.get("_id")) or "",
        timestamp=integer(parsed.get("timestamp")) or 0,
        record=record,
        activity=parsed,
        digest=sha256(jsontext.canonical(event)).hexdigest() if type(event) is dict else None,
        created=integer(parsed.get("created")),
    )
