"""Turns a stored record back into a new activity, to store it again or elsewhere."""

from collections.abc import Mapping
from typing import Any

from casbah.activity.new_activity import NewActivity, Seal, second_id
from casbah.activity.record import identifier, integer
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record


def new_activity_of(
    record: bytes, activity: Mapping[str, Any] | None = None, *, seal: Seal | None = None
) -> NewActivity:
    """The new activity of a whole record; `activity` is the same record parsed. Raises InvalidJsonError.

    Its digest is that of the source event in the record, so that the event is recognized if the source delivers it again. A
    record stored without a digest is still recognized by its id.
    """
    parsed = jsontext.parse_object(record) if activity is None else activity
    return NewActivity(
        id=identifier(parsed.get("_id")) or "",
        timestamp=integer(parsed.get("timestamp")) or 0,
        record=record,
        activity=parsed,
        digest=digest_of_record(parsed),
        created=integer(parsed.get("created")),
        seal=seal,
    )


def source_id(activity_id: str, digest: str | None) -> str:
    """The id that the source gave: without what the store adds to distinguish several events of one id."""
    first, mark, _ = activity_id.rpartition("~")
    return first if mark and activity_id == second_id(first, digest) else activity_id
