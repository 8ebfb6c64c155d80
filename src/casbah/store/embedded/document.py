"""The tantivy document of an activity.

`columns` needs no store access; `document` then inserts what the store adds (sequence number, encoded record) into its JSON.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from casbah.activity import address
from casbah.activity.fields import FIELDS, Kind, Value
from casbah.activity.new_activity import NewActivity
from casbah.activity.record import Reading, identifier, strings
from casbah.activity.text import spaced_words
from casbah.base import jsontext
from casbah.store.embedded import schema as s
from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.prepared import Prepared
from casbah.store.prepared import prepared as prepared_entry


def prepared(new_activity: NewActivity) -> Prepared:
    """A new activity, prepared for this store."""
    return prepared_entry(new_activity, columns)


def stored_activity(record: bytes, *, timestamp: int, created: int) -> NewActivity:
    """The activity of a stored record, to be written again. Raises ValueError, KeyError or TypeError if it is damaged."""
    activity = jsontext.parse_accepted(record)
    return NewActivity(stored_id(activity), timestamp, record, activity, created=created)


def stored_id(activity: Mapping[str, Any]) -> str:
    """The id of a stored activity; empty if the record says so, which ingest does not accept. Raises KeyError without one."""
    return identifier(activity["_id"]) or ""


def document(
    entry: Prepared, sequence: SequenceNumber, *, dedup_keys: Sequence[str], packed: bytes, order: int | None = None
) -> str:
    """The document as JSON for tantivy, with bytes as base64.

    `order` is the sequence number it was first stored under, if this replaces a record.
    """
    seq = sequence.seq if order is None else order
    added: dict[str, Any] = {
        "created": sequence.created,
        "seq": seq,
        "stored": sequence.seq,
        "date_key": s.date_key(entry.timestamp, seq),
        "created_key": s.created_key(sequence.created, sequence.tiebreaker),
        **s.spans("date", entry.timestamp),
        **s.spans("created", sequence.created),
        "record": base64.b64encode(packed).decode("ascii"),
    }
    if dedup_keys:
        added["twin"] = dedup_keys
    return (entry.columns[:-1] + b"," + orjson.dumps(added)[1:]).decode()


def columns(activity: Mapping[str, Any]) -> dict[str, Any]:
    """The indexed columns of an activity, except those that the store adds."""
    reading = Reading(activity)
    row: dict[str, Any] = {"word": spaced_words(strings(activity))}
    has = ["created"]
    for name, read in _LISTED:
        values: Sequence[Value] = read(reading)
        if not values:
            continue
        has.append(name)
        if len(values) > 1:
            values = tuple(dict.fromkeys(values))
            if len(values) > 1:
                has.append(s.counted(name, len(values)))
        row[name] = values
    for name, column in _BACKWARDS:
        if name in row:
            row[column] = [value[::-1] for value in row[name]]
            if len(row[name]) > 1:
                has.append(s.counted(column, len(row[name])))
    if _IP in row:
        row[_ADDRESS.name] = [s.column_value(_ADDRESS, address.key(text)) for text in row[_IP]]
    row["has"] = has
    return row


_LISTED = tuple(
    (field.name, field.read)
    for field in FIELDS.values()
    if field.kind not in (Kind.WORDS, Kind.ADDRESS) and field.name != "created"
)
_ADDRESS, _IP = FIELDS["ip_key"], "ip"
"""The keys of addresses are those of their canonical texts, each of which has one of its own."""

_BACKWARDS = tuple((name, field.name) for name, field in s.BACKWARDS.items())
