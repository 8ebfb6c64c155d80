"""The columns of a period's index: the fields of the language, the record as bytes, and what the store adds.

Store's own columns: `record` (the bytes, packed), `has` (which fields have a value, and how many where it is more than one),
`dedup_key` (the source's body by which the same event is known again), `seq` (the number of first storing, which never changes)
and `stored` (the number of the last storing), `date_key` and `created_key` (unique sort keys: the moment, then `seq`), and
the spans of time in which an activity lies, coarse and fine: as terms, so that how many activities a span holds is known
without a search, and a window of time is a few terms and no walk over a column. And URLs backwards, for what ends with a text
begins with it backwards, which a dictionary finds without a walk through all of it.
"""

import hashlib
from collections.abc import Mapping

import tantivy

from casbah.activity import address
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.text import MOST_CHARACTERS, exact

WORDS = "words"
"""The tokenizer of the `word` column: words are made in Python and joined by spaces; it only splits them again."""

BACKWARDS: Mapping[str, Field] = {
    field.name: Field(f"{field.name}_backwards", field.kind, field.read)
    for field in FIELDS.values()
    if field.kind is Kind.URL
}
"""By field, the column of its values backwards."""

_NUMBERS = (Kind.INT, Kind.MS)
CHANGED = "changed"
"""The `dedup_key` term of activities whose records were replaced since they were first stored."""

PERIOD_BITS = 31
"""A period is 2^31 ms, 24 days 20 hours: with 32 bits for the number of storing, a sort key fits a signed 64-bit number."""

SEQ_BITS = 32
_SEQ_MASK = (1 << SEQ_BITS) - 1
TIE_BITS = 20
MOST_TIES = 1 << TIE_BITS

SORTS = ("date", "created")
COARSE_BITS, FINE_BITS = 20, 10
"""A coarse span of time is 2^20 ms (17 minutes), a fine one 2^10 ms (a second)."""


def build() -> tantivy.Schema:
    """The schema of every period's index."""
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


def of_date_key(key: int, partition: int) -> tuple[int, int]:
    """The moment and the number of storing that a date key of a period is made of."""
    return (partition << PERIOD_BITS) | (key >> SEQ_BITS), key & _SEQ_MASK


def of_created_key(key: int) -> int:
    """The moment that a created key is made of."""
    return key >> TIE_BITS


def created_key(created: int, tiebreaker: int) -> int:
    """Sorts by moment of storing, then by a number unique within that millisecond and period."""
    return (created << TIE_BITS) | tiebreaker


def spans(sort: str, moment: int) -> Mapping[str, int]:
    """The spans in which a moment lies, by column."""
    return {coarse(sort): moment >> COARSE_BITS, fine(sort): moment >> FINE_BITS}


def coarse(sort: str) -> str:
    """The column of coarse spans."""
    return f"{sort}_coarse"


def fine(sort: str) -> str:
    """The column of fine spans."""
    return f"{sort}_fine"


def identity(activity_id: str) -> tuple[str, str]:
    """The column and the term by which an `_id` is known, whatever it is made of.

    An id that the `id` column cannot hold whole (too long, or with lone surrogates) goes by its hash, so that no two ids are
    ever taken for one.
    """
    if len(activity_id) <= MOST_CHARACTERS and exact(activity_id) == activity_id:
        return "id", activity_id
    return "twin", f"id:{hashlib.sha256(activity_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def dedup_key(activity_id: str, digest: str | None) -> str | None:
    """The term by which an event with the same id and the same body is known again; None: it is known by id alone."""
    return None if digest is None else f"{digest}:{identity(activity_id)[1]}"


def counted(name: str, size: int) -> str:
    """The term in `has` that says a field has exactly `size` values."""
    return f"{name}#{size}"


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
