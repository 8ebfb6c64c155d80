"""The document that the cluster indexes for an activity."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import orjson

from casbah.activity import address
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.new_activity import NewActivity
from casbah.activity.record import Reading, strings
from casbah.activity.text import spaced_words
from casbah.store.opensearch.templates import CHUNK, pieces, size_of
from casbah.store.prepared import Prepared, record_of
from casbah.store.prepared import prepared as prepared_entry

_LONG_WORD = re.compile(rf"\S{{{CHUNK + 1},}}")
_KEY_BYTES = 20
LOSSY = "lossy"
"""The `twin` term of activities made from forms that carry less than the source's event (`activity/forms.py`)."""


def key(activity_id: str) -> str:
    """The document id, a hash: an `_id` may have any length and lone surrogates, a document id at most 512 bytes."""
    return urlsafe_b64encode(_hash(activity_id.encode("utf-8", "surrogatepass"))).decode("ascii").rstrip("=")


def dedup_key(entry: Prepared) -> str | None:
    """The term shared by events with the same id and body; None if events are identified by id alone (no digest)."""
    return None if entry.digest is None else f"{entry.digest}:{key(entry.id)}"


def prepared(new_activity: NewActivity) -> Prepared:
    """A new activity, prepared for this store."""
    return prepared_entry(new_activity, columns)


def columns(activity: Mapping[str, Any]) -> dict[str, Any]:
    """The indexed columns of an activity, except those that the store adds."""
    reading = Reading(activity)
    row: dict[str, Any] = {"word": [_LONG_WORD.sub(_in_pieces, text) for text in spaced_words(strings(activity))]}
    for field in _LISTED:
        values = dict.fromkeys(field.read(reading))
        if not values:
            continue
        row[field.name] = [term(field, value) for value in values]
        if len(values) > 1 and field.kind is not Kind.ADDRESS:
            row[size_of(field.name)] = len(values)
    return row


def document(entry: Prepared, *, seq: int, created: int, dedup_key: str | None) -> bytes:
    """The document's JSON."""
    added: dict[str, Any] = {"date": entry.timestamp, "created": created, "seq": seq}
    terms = [term for term in (dedup_key, LOSSY if entry.lossy else None) if term is not None]
    if terms:
        added["twin"] = terms
    added["record"] = record_of(entry, created).decode()
    return entry.columns[:-1] + b"," + orjson.dumps(added)[1:]


def term(field: Field, value: Value) -> Value:
    """A field value in the form the cluster indexes."""
    if field.kind in (Kind.MS, Kind.INT):
        return value
    return address.from_key(value) if field.kind is Kind.ADDRESS and isinstance(value, int) else str(value)


def _in_pieces(match: re.Match[str]) -> str:
    return " ".join(pieces(match.group()))


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_KEY_BYTES]


_LISTED = tuple(field for field in FIELDS.values() if field.kind not in (Kind.WORDS, Kind.MS))
