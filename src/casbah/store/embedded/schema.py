"""An activity as a tantivy document: the fields of the language as columns, the record as bytes, and what the store adds.

Store's own columns: `record` (the bytes), `has` (which fields have a value, and how many where it is more than one), `twin`
(the source's body by which the same event is known again), `seq` (the number of storing), `date_key` and `created_key`
(unique sort keys: the moment, then the number of storing).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import tantivy

from casbah.activity import address
from casbah.activity.arrival import Arrival
from casbah.activity.fields import FIELDS, Field, Kind, Value, values
from casbah.activity.record import Reading, strings
from casbah.activity.text import MOST_CHARACTERS, exact, spaced_words

WORDS = "words"
"""The tokenizer of the `word` column: words are made in Python and joined by spaces; it only splits them again."""

_NUMBERS = (Kind.INT, Kind.MS)
PERIOD_BITS = 31
"""A period is 2^31 ms, 24 days 20 hours: with 32 bits for the number of storing, a sort key fits a signed 64-bit number."""

SEQ_BITS = 32
TIE_BITS = 20
MOST_TIES = 1 << TIE_BITS


def build() -> tantivy.Schema:
    """The schema of every period's index."""
    builder = tantivy.SchemaBuilder()
    for field in FIELDS.values():
        _add(builder, field)
    for name in ("has", "twin"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("seq", "date_key", "created_key"):
        builder.add_integer_field(name, fast=True)
    builder.add_bytes_field("record", stored=True)
    return builder.build()


def fingerprint() -> list[str]:
    """What the schema depends on; kept on disk and compared, so that a change of fields cannot go unnoticed."""
    return [f"{field.name}:{field.kind.value}" for field in FIELDS.values()]


def analyzer() -> tantivy.TextAnalyzer:
    """The tokenizer that WORDS names."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def period_of(timestamp: int) -> int:
    """The number of the period in which a moment lies."""
    return timestamp >> PERIOD_BITS


def date_key(timestamp: int, seq: int) -> int:
    """Sorts a period's activities by date, then by number of storing."""
    return ((timestamp & ((1 << PERIOD_BITS) - 1)) << SEQ_BITS) | seq


def created_key(created: int, tie: int) -> int:
    """Sorts by moment of storing, then by a number unique within that millisecond and period."""
    return (created << TIE_BITS) | tie


def document(record: bytes, activity: Mapping[str, Any], *, twins: Sequence[str], seq: int, tie: int) -> str:
    """The document of one activity, as the JSON that tantivy reads; bytes travel as base64."""
    reading = Reading(activity)
    columns: dict[str, Any] = {}
    has: list[str] = []
    for field in FIELDS.values():
        if field.kind is Kind.WORDS:
            columns[field.name] = spaced_words(strings(activity))
            continue
        found = values(field, reading)
        if not found:
            continue
        if field.kind is Kind.ADDRESS:
            columns[field.name] = [column_value(field, value) for value in found]
            continue
        columns[field.name] = found
        has.append(field.name)
        if len(found) > 1:
            has.append(counted(field, len(found)))
    columns |= {
        "has": has,
        "seq": seq,
        "date_key": date_key(columns["date"][0], seq),
        "created_key": created_key(columns["created"][0], tie),
        "record": base64.b64encode(record).decode(),
    }
    if twins:
        columns["twin"] = twins
    return orjson.dumps(columns).decode()


def identity(activity_id: str) -> tuple[str, str]:
    """The column and the term by which an `_id` is known, whatever it is made of.

    An id that the `id` column cannot hold whole (too long, or with lone surrogates) goes by its hash, so that no two ids are
    ever taken for one.
    """
    if len(activity_id) <= MOST_CHARACTERS and exact(activity_id) == activity_id:
        return "id", activity_id
    return "twin", f"id:{hashlib.sha256(activity_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def twin(arrival: Arrival) -> str | None:
    """The term by which an event with the same id and the same body is known again; None: it is known by id alone."""
    return None if arrival.digest is None else f"{arrival.digest}:{identity(arrival.id)[1]}"


def counted(field: Field, size: int) -> str:
    """The term in `has` that says a field has exactly `size` values."""
    return f"{field.name}#{size}"


def column_value(field: Field, value: Value) -> Value:
    """A value as its column takes it: an address's key is read by tantivy as an address."""
    return address.from_key(value) if field.kind is Kind.ADDRESS and isinstance(value, int) else value


def _add(builder: tantivy.SchemaBuilder, field: Field) -> None:
    if field.kind in _NUMBERS:
        builder.add_integer_field(field.name, indexed=field.kind is Kind.INT, fast=True)
    elif field.kind is Kind.ADDRESS:
        builder.add_ip_addr_field(field.name, indexed=True)
    elif field.kind is Kind.WORDS:
        builder.add_text_field(field.name, tokenizer_name=WORDS, index_option="position")
    else:
        builder.add_text_field(field.name, tokenizer_name="raw", index_option="basic")
