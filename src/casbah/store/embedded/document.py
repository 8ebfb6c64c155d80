"""An activity on its way into the index: first all that needs no look at the store, then the document.

The first is done right after parsing, while the record is still in the processor's cache, and outside every lock; what
storing adds (a free id, the stamp, the packed record) is spliced into its JSON.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from casbah.activity.arrival import Arrival
from casbah.activity.fields import FIELDS, Kind, Value
from casbah.activity.record import Reading, strings
from casbah.activity.text import spaced_words
from casbah.store.embedded import schema as s
from casbah.store.embedded.splice import with_additions
from casbah.store.embedded.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Prepared:
    """An arrival without its parsed record; `columns` is the JSON object of its columns, but for those of the stamp."""

    id: str
    timestamp: int
    created: int | None
    digest: str | None
    adds: tuple[str, ...]
    record: bytes
    columns: bytes


def prepared(arrival: Arrival) -> Prepared:
    """All of an arrival that can be made ready before it is stored."""
    return Prepared(
        id=arrival.id,
        timestamp=arrival.timestamp,
        created=arrival.created,
        digest=arrival.digest,
        adds=arrival.adds,
        record=arrival.record,
        columns=orjson.dumps(_columns(_named(arrival.id, arrival.adds) | dict(arrival.activity))),
    )


def renamed(entry: Prepared, activity_id: str) -> Prepared:
    """The same under another id."""
    return prepared(
        Arrival(
            id=activity_id,
            timestamp=entry.timestamp,
            record=entry.record,
            activity=parsed(entry.record),
            digest=entry.digest,
            created=entry.created,
            adds=entry.adds,
        )
    )


def record_of(entry: Prepared, stamp: Stamp) -> bytes:
    """The record as it will be answered: with the id and the moment of storing where it brought none."""
    added: dict[str, Any] = {"_id": entry.id, "uid": entry.id, "created": stamp.created}
    return with_additions(entry.record, {key: value for key, value in added.items() if key in entry.adds})


def document(entry: Prepared, stamp: Stamp, *, twins: Sequence[str], packed: bytes, order: int | None = None) -> str:
    """The document as the JSON that the engine reads; bytes travel as base64.

    `order` is the number under which it was first stored, if it is stored anew.
    """
    seq = stamp.seq if order is None else order
    added: dict[str, Any] = {
        "created": stamp.created,
        "seq": seq,
        "stored": stamp.seq,
        "date_key": s.date_key(entry.timestamp, seq),
        "created_key": s.created_key(stamp.created, stamp.tie),
        **s.spans("date", entry.timestamp),
        **s.spans("created", stamp.created),
        "record": base64.b64encode(packed).decode("ascii"),
    }
    if twins:
        added["twin"] = twins
    return (entry.columns[:-1] + b"," + orjson.dumps(added)[1:]).decode()


def parsed(record: bytes) -> Any:
    """A record that was parsed once already. The standard library reads integers of any length, orjson any depth we take."""
    try:
        return json.loads(record)
    except RecursionError:
        return orjson.loads(record)


def _named(activity_id: str, adds: Sequence[str]) -> dict[str, Any]:
    return {key: activity_id for key in ("_id", "uid") if key in adds}


def _columns(activity: Mapping[str, Any]) -> dict[str, Any]:
    reading = Reading(activity)
    columns: dict[str, Any] = {"word": spaced_words(strings(activity))}
    has = ["created"]
    for name, read in _LISTED:
        found: Sequence[Value] = read(reading)
        if not found:
            continue
        columns[name] = found
        has.append(name)
        if len(found) > 1:
            columns[name] = found = tuple(dict.fromkeys(found))
            if len(found) > 1:
                has.append(s.counted(name, len(found)))
    addresses = _ADDRESS.read(reading)
    if addresses:
        columns[_ADDRESS.name] = [s.column_value(_ADDRESS, each) for each in dict.fromkeys(addresses)]
    columns["has"] = has
    return columns


_LISTED = tuple(
    (field.name, field.read)
    for field in FIELDS.values()
    if field.kind not in (Kind.WORDS, Kind.ADDRESS) and field.name != "created"
)
_ADDRESS = FIELDS["ip_key"]
