"""An activity as the document that the cluster indexes."""

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
from casbah.store import entry
from casbah.store.entry import Prepared
from casbah.store.opensearch.templates import CHUNK, pieces, size_of

_LONG_WORD = re.compile(rf"\S{{{CHUNK + 1},}}")
_KEY_BYTES = 20


def key(activity_id: str) -> str:
    """The document's own id: an `_id` may be of any length and have lone surrogates, the cluster's have 512 bytes."""
    return urlsafe_b64encode(_hash(activity_id.encode("utf-8", "surrogatepass"))).decode("ascii").rstrip("=")


def dedup_key(made: Prepared) -> str | None:
    """The term by which an event of the same id and body is known again; None: it is known by its id alone."""
    return None if made.digest is None else f"{made.digest}:{key(made.id)}"


def prepared(new_activity: NewActivity) -> Prepared:
    """All of an arrival that can be made ready before it is stored."""
    return entry.prepared(new_activity, columns)


def columns(activity: Mapping[str, Any]) -> dict[str, Any]:
    """What the index holds of an activity, but for what storing adds."""
    reading = Reading(activity)
    made: dict[str, Any] = {"word": [_LONG_WORD.sub(_in_pieces, text) for text in spaced_words(strings(activity))]}
    for field in _LISTED:
        found = dict.fromkeys(field.read(reading))
        if not found:
            continue
        made[field.name] = [term(field, value) for value in found]
        if len(found) > 1 and field.kind is not Kind.ADDRESS:
            made[size_of(field.name)] = len(found)
    return made


def document(made: Prepared, *, seq: int, created: int, dedup_key: str | None) -> bytes:
    """The document's JSON."""
    added: dict[str, Any] = {"date": made.timestamp, "created": created, "seq": seq}
    if dedup_key is not None:
        added["twin"] = dedup_key
    added["record"] = entry.record_of(made, created).decode()
    return made.columns[:-1] + b"," + orjson.dumps(added)[1:]


def term(field: Field, value: Value) -> Value:
    """A value of a field as the cluster has it."""
    if field.kind in (Kind.MS, Kind.INT):
        return value
    return address.from_key(value) if field.kind is Kind.ADDRESS and isinstance(value, int) else str(value)


def _in_pieces(found: re.Match[str]) -> str:
    return " ".join(pieces(found.group()))


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_KEY_BYTES]


_LISTED = tuple(field for field in FIELDS.values() if field.kind not in (Kind.WORDS, Kind.MS))
