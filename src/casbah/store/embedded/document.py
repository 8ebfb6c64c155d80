"""An activity on its way into the index: first all that needs no look at the store, then the document.

What storing adds (the stamp, the packed record) is spliced into the JSON of the columns.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from casbah.activity.fields import FIELDS, Kind, Value
from casbah.activity.new_activity import NewActivity
from casbah.activity.record import Reading, strings
from casbah.activity.text import spaced_words
from casbah.store import entry
from casbah.store.embedded import schema as s
from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.entry import Prepared


def prepared(new_activity: NewActivity) -> Prepared:
    """All of an arrival that can be made ready before it is stored."""
    return entry.prepared(new_activity, columns)


def document(
    made: Prepared, stamp: SequenceNumber, *, dedup_keys: Sequence[str], packed: bytes, order: int | None = None
) -> str:
    """The document as the JSON that the engine reads; bytes travel as base64.

    `order` is the number under which it was first stored, if it is stored anew.
    """
    seq = stamp.seq if order is None else order
    added: dict[str, Any] = {
        "created": stamp.created,
        "seq": seq,
        "stored": stamp.seq,
        "date_key": s.date_key(made.timestamp, seq),
        "created_key": s.created_key(stamp.created, stamp.tiebreaker),
        **s.spans("date", made.timestamp),
        **s.spans("created", stamp.created),
        "record": base64.b64encode(packed).decode("ascii"),
    }
    if dedup_keys:
        added["twin"] = dedup_keys
    return (made.columns[:-1] + b"," + orjson.dumps(added)[1:]).decode()


def columns(activity: Mapping[str, Any]) -> dict[str, Any]:
    """What the index holds of an activity, but for what storing adds."""
    reading = Reading(activity)
    made: dict[str, Any] = {"word": spaced_words(strings(activity))}
    has = ["created"]
    for name, read in _LISTED:
        found: Sequence[Value] = read(reading)
        if not found:
            continue
        made[name] = found
        has.append(name)
        if len(found) > 1:
            made[name] = found = tuple(dict.fromkeys(found))
            if len(found) > 1:
                has.append(s.counted(name, len(found)))
    for name, column in _BACKWARDS:
        if name in made:
            made[column] = [value[::-1] for value in made[name]]
            if len(made[name]) > 1:
                has.append(s.counted(column, len(made[name])))
    addresses = _ADDRESS.read(reading)
    if addresses:
        made[_ADDRESS.name] = [s.column_value(_ADDRESS, address) for address in dict.fromkeys(addresses)]
    made["has"] = has
    return made


_LISTED = tuple(
    (field.name, field.read)
    for field in FIELDS.values()
    if field.kind not in (Kind.WORDS, Kind.ADDRESS) and field.name != "created"
)
_ADDRESS = FIELDS["ip_key"]
_BACKWARDS = tuple((name, field.name) for name, field in s.BACKWARDS.items())
