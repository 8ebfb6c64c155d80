"""The columns of a partition's index: the fields of the query language, the record, and the store's own columns.

`record` the encoded bytes.
`has` the fields that have a value, and how many if more than one.
`twin` dedup keys, which identify an event by its id and body.
`seq` the sequence number of first storing, which never changes; `stored` that of the last storing.
`date_key`, `created_key` unique sort keys: the timestamp, then a tiebreaker.
`<sort>_coarse`, `<sort>_fine` the time spans an activity lies in, as terms: their counts are known without a search, and a time
window is a few terms instead of a column scan.
`<url>_backwards` reversed URLs: a suffix becomes a prefix, which the term dictionary finds without a full scan.
"""

import hashlib
from collections.abc import Iterable, Mapping

import tantivy

from casbah.activity import address
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.text import MAX_CHARACTERS, exact

WORDS = "words"
"""The tokenizer of the `word` column. Python extracts the words and joins them with spaces; it only splits them again."""

BACKWARDS: Mapping[str, Field] = {
    field.name: Field(f"{field.name}_backwards", field.kind, field.read)
    for field in FIELDS.values()
    if field.kind is Kind.URL
}
"""The column of reversed values, by field."""

_NUMBERS = (Kind.INT, Kind.MS)
CHANGED = "changed"
"""The `twin` term of activities whose records were replaced after they were first stored."""

LOSSY = "lossy"
"""The `twin` term of activities made from forms that carry less than the source's event (`activity/forms.py`)."""

PERIOD_BITS = 31
"""A partition spans 2^31 ms (24 days 20 hours), so with a 32-bit sequence number a sort key fits a signed 64-bit integer."""

SEQ_BITS = 32
MAX_SEQ = (1 << SEQ_BITS) - 1
TIE_BITS = 20
MAX_TIES = 1 << TIE_BITS

SORTS = ("date", "created")
COARSE_BITS, FINE_BITS = 20, 10
"""A coarse span is 2^20 ms (17 minutes), a fine span 2^10 ms (a second)."""

_COARSE, _FINE = ({sort: f"{sort}_{width}" for sort in SORTS} for width in ("coarse", "fine"))


def build() -> tantivy.Schema:
    """The schema of every partition's index."""
    builder = tantivy.SchemaBuilder()
    for field in FIELDS.values():
        _add(builder, field)
    for name in ("has", "twin", *(field.name for field in BACKWARDS.values())):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("seq", "stored", "date_key", "created_key"):
        builder.add_integer_field(name, fast=True)
    for sort in SORTS:
        for name in spans(sort, 0):
            builder.add_integer_field(name, indexed=True)
    builder.add_bytes_field("record", stored=True)
    return builder.build()


def fingerprint() -> list[str]:
    """The fields that the schema depends on. Stored on disk and compared, to detect changes."""
    return [f"{field.name}:{field.kind.value}" for field in FIELDS.values()]


def analyzer() -> tantivy.TextAnalyzer:
    """The tokenizer registered as WORDS."""
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()


def period_of(timestamp: int) -> int:
    """The number of the partition for a timestamp (ms)."""
    return timestamp >> PERIOD_BITS


def date_key(timestamp: int, seq: int) -> int:
    """A key that sorts a partition's activities by date, then by sequence number."""
    return ((timestamp & ((1 << PERIOD_BITS) - 1)) << SEQ_BITS) | seq


def of_date_key(key: int, partition: int) -> tuple[int, int]:
    """The timestamp and the sequence number in a date key."""
    return (partition << PERIOD_BITS) | (key >> SEQ_BITS), key & MAX_SEQ


def dates_of(keys: Iterable[int], partition: int) -> list[int]:
    """The timestamps in date keys."""
    begin = partition << PERIOD_BITS
    return [begin | (key >> SEQ_BITS) for key in keys]


def of_created_key(key: int) -> int:
    """The time of storing in a created key."""
    return key >> TIE_BITS


def created_key(created: int, tiebreaker: int) -> int:
    """A key that sorts by time of storing, then by a number unique within that ms and partition."""
    return (created << TIE_BITS) | tiebreaker


def spans(sort: str, moment: int) -> Mapping[str, int]:
    """The spans that contain a timestamp, by column."""
    return {_COARSE[sort]: moment >> COARSE_BITS, _FINE[sort]: moment >> FINE_BITS}


def coarse(sort: str) -> str:
    """The column of coarse spans."""
    return _COARSE[sort]


def fine(sort: str) -> str:
    """The column of fine spans."""
    return _FINE[sort]


def identity(activity_id: str) -> tuple[str, str]:
    """The column and term that identify an `_id`.

    An id that the `id` column cannot hold exactly (too long, or with lone surrogates) is identified by its hash, so that
    different ids never collide.
    """
    if len(activity_id) <= MAX_CHARACTERS and exact(activity_id) == activity_id:
        return "id", activity_id
    return "twin", f"id:{hashlib.sha256(activity_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def dedup_key(activity_id: str, digest: str | None) -> str | None:
    """The term shared by events with the same id and body; None if events are identified by id alone (no digest)."""
    return None if digest is None else f"{digest}:{identity(activity_id)[1]}"


def counted(name: str, size: int) -> str:
    """The `has` term for a field with exactly `size` values."""
    return f"{name}#{size}"


def column_value(field: Field, value: Value) -> Value:
    """A value in the form its column takes: address keys become addresses."""
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
