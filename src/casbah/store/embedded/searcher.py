"""A read-only view of a partition at one commit: tantivy's answers, and cached knowledge of its terms."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

import tantivy
from tantivy import FieldType, Order
from tantivy import Query as Engine

from casbah.activity.fields import Value
from casbah.activity.predicate import Predicate
from casbah.errors import DamagedRecordError
from casbah.store.embedded import schema as s
from casbah.store.embedded.cache import Cache, CacheSection
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.term_dictionary import TermDictionary, term_dictionary

Limits = Mapping[str, tuple[int, int]]
"""The range (least, most) of a partition's timestamps in ms, by sort field; empty if it holds no activities."""

_NUMBERED = count()
_NO_DICTIONARY_SIZE = 100
_NUMBERS, _MORE = 1_000, 16
_FEW_OTHERS, _MANY_TIMES = 1_000, 4
"""Up to so many activities, or so many times the matches, all those of a term are listed: the query may cost more."""


class Hit(NamedTuple):
    """A matching activity: its timestamp (ms, of the sort field), sequence number, and the location of its record."""

    moment: int
    seq: int
    searcher: "PartitionSearcher"
    address: tantivy.DocAddress


class StoredRecord(NamedTuple):
    """A stored activity: the number it was last stored under, its two sort keys, its record, and what is stored of it."""

    stored: int
    date_key: int
    created_key: int
    record: bytes
    packed: bytes


def records_of(hits: Sequence[Hit]) -> list[bytes]:
    """The records of the hits, in order. All hits must belong to one tenant."""
    if not hits:
        return []
    names = (f"partition {hit.searcher.number}, sequence number {hit.seq}" for hit in hits)
    return decoded(hits[0].searcher.codec, stored_of(hits), names)


def stored_of(hits: Sequence[Hit]) -> list[bytes]:
    """What is stored of the records of the hits, in order. Of one that lacks its record nothing is, which counts as damage."""
    return [hit.searcher.tantivy_searcher.doc(hit.address).get_first("record") or b"" for hit in hits]


def decoded(codec: RecordCodec, stored: Sequence[bytes], names: Iterable[str]) -> list[bytes]:
    """The records. Raises DamagedRecordError with the name of the first damaged one; only then the names are read."""
    try:
        return codec.decode_all(stored)
    except DamagedRecordError:
        for data, name in zip(stored, names, strict=True):
            try:
                codec.decode(data)
            except DamagedRecordError as error:
                raise DamagedRecordError(f"{name}: {error.where}") from None
        raise


class PartitionSearcher:
    """Does not show later commits. Thread-safe."""

    def __init__(
        self,
        number: int,
        *,
        tantivy_searcher: tantivy.Searcher,
        schema: tantivy.Schema,
        limits: Limits,
        codec: RecordCodec,
        cache: Cache,
    ) -> None:
        self.number = number
        self.schema = schema
        self.tantivy_searcher = tantivy_searcher
        self.limits = limits
        self.held = int(tantivy_searcher.num_docs)
        self.handed_out = 0
        """Approximately how many records scans have read through this searcher."""

        self.codec = codec
        self.name = name = next(_NUMBERED)
        """Its owner key in the cache."""

        self.counts: CacheSection[int] = CacheSection(cache, "count", name)
        self.moments: CacheSection[Mapping[int, int]] = CacheSection(cache, "moments", name)
        self.resolved: CacheSection[Predicate] = CacheSection(cache, "resolved", name)
        self._term_dictionaries: CacheSection[TermDictionary | None] = CacheSection(cache, "vocabulary", name)
        self._sizes: dict[str, Sequence[int]] = {}

    def renewed(self, tantivy_searcher: tantivy.Searcher) -> "PartitionSearcher":
        """The same view with a new tantivy searcher; the cached knowledge stays.

        A tantivy searcher keeps the last hundred decompressed blocks of every file. Dropping it frees them.
        """
        renewed = copy.copy(self)
        renewed.tantivy_searcher = tantivy_searcher
        renewed.handed_out = 0
        return renewed

    @cached_property
    def untouched(self) -> bool:
        """Whether nothing was deleted. Only then is tantivy's document frequency of a term exact."""
        return self.freq("has", "created") == self.held

    def freq(self, column: str, term: Any) -> int:
        """The document frequency of a term. Includes deleted activities until tantivy merges them away."""
        return int(self.tantivy_searcher.doc_freq(column, term))

    def sizes(self, name: str) -> Sequence[int]:
        """The numbers of values above one that activities have in a field, ascending."""
        if name not in self._sizes:
            stem = s.counted(name, 0)[:-1]
            terms = self.tantivy_searcher.terms_with_prefix("has", stem)
            self._sizes[name] = sorted(int(term[len(stem) :]) for term, _ in terms)
        return self._sizes[name]

    def term_dictionary(self, name: str) -> TermDictionary | None:
        """The terms of a text field, or None if there are too many."""
        return self._term_dictionaries.get(
            name,
            lambda: term_dictionary(self.tantivy_searcher, name),
            size=lambda terms: _NO_DICTIONARY_SIZE if terms is None else terms.size,
        )

    def terms(self, name: str, prefix: str, *, maximum: int) -> list[str] | None:
        """The terms of a text field that start with `prefix`, or None if there are more than `maximum`."""
        terms = self.tantivy_searcher.terms_with_prefix(name, prefix, limit=maximum + 1)
        return [term for term, _ in terms] if len(terms) <= maximum else None

    def freq_of_prefix(self, name: str, prefix: str) -> int:
        """The number of activities with a term that has this prefix, provided that no activity has more than one term."""
        return sum(size for _, size in self.tantivy_searcher.terms_with_prefix(name, prefix))

    def matching(self, query: Engine) -> int:
        """The number of matches. An aggregation does not score, so it takes half the time of a search's own count."""
        answer: Any = self.tantivy_searcher.aggregate(query, {"matching": {"filter": "*"}})
        return int(answer["matching"]["doc_count"])

    def search(self, query: Engine, sort: str, *, descending: bool, limit: int, offset: int = 0) -> list[Hit]:
        """The first activities after `offset`, in the order of a sort field."""
        keyed = self._ordered(
            query,
            f"{sort}_key",
            descending=descending,
            limit=min(limit, self.held),
            offset=min(offset, self.held),
        )
        if sort == "date":  # Its key contains the sequence number. This is `of_date_key` without a call for each.
            begin, bits, last = self.number << s.PERIOD_BITS, s.SEQ_BITS, s.MAX_SEQ
            return [Hit(begin | (key >> bits), key & last, self, address) for key, address in keyed]
        numbers = self.tantivy_searcher.fast_field_values("seq", [address for _, address in keyed])
        return [
            Hit(s.of_created_key(key), int(number or 0), self, address)
            for (key, address), number in zip(keyed, numbers, strict=True)
        ]

    def numbered(self, query: Engine, *, after: int, last: int, limit: int) -> list[Hit]:
        """The first matches with sequence numbers above `after` and up to `last`, in sequence order."""
        return self.numbered_by("seq", query, after=after, last=last, limit=limit)

    def numbered_by(self, column: str, query: Engine, *, after: int, last: int, limit: int) -> list[Hit]:
        """The first matches with numbers above `after` and up to `last` in a column (`seq`, `stored`), in that order."""
        numbers = Engine.range_query(self.schema, column, FieldType.Integer, after + 1, last)
        both = Engine.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, numbers)])
        numbered = self._ordered(both, column, descending=False, limit=min(limit, self.held))
        return [Hit(number, number, self, address) for number, address in numbered]

    def stream(self, query: Engine, sort: str, *, descending: bool, chunk: int = 1_000) -> Iterator[Hit]:
        """Every match, in order. Reads chunk by chunk, each from where the last one ended."""
        column, rest = f"{sort}_key", query
        while self.held:
            hits = self.search(rest, sort, descending=descending, limit=chunk)
            yield from hits
            if len(hits) < chunk:
                return
            last = self.tantivy_searcher.fast_field_values(column, [hits[-1].address])[0]
            beyond = (None, int(last or 0) - 1) if descending else (int(last or 0) + 1, None)
            following = Engine.range_query(self.schema, column, FieldType.Integer, *beyond)
            rest = Engine.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, following)])

    def date_keys(self, query: Engine, *, limit: int) -> list[int]:
        """The date keys of the first `limit` matches, oldest first."""
        return [key for key, _ in self._ordered(query, "date_key", descending=False, limit=limit)] if limit else []

    def date_keys_of(self, name: str, value: Value, query: Engine, *, total: int) -> list[int]:
        """The date keys of the activities with a value, at least of those that match `query`, of which there are `total`."""
        term = Engine.term_query(self.schema, name, value)
        freq = self.freq(name, value)
        if freq <= max(_FEW_OTHERS, total * _MANY_TIMES):
            return self.date_keys(term, limit=freq)
        both = Engine.boolean_query([(tantivy.Occur.Must, term), (tantivy.Occur.Must, query)])
        return self.date_keys(both, limit=total)

    def tally(self, name: str, query: Engine | None, *, prefix: str, limit: int | None) -> list[tuple[str, int]]:
        """The terms of a text field that start with `prefix`, with counts among the matches of `query` (None: all activities),
        most frequent first.
        """
        terms = self.tantivy_searcher.terms_with_prefix(name, prefix, filter_query=query, limit=limit)
        return [(term, count) for term, count in terms if count]

    def numbers(self, name: str, query: Engine) -> list[tuple[int, int]]:
        """Every value of an integer field, with its count among the matches."""
        size = _NUMBERS
        while True:
            aggregation = {"values": {"terms": {"field": name, "size": size, "segment_size": size}}}
            values = self.tantivy_searcher.aggregate(query, aggregation)["values"]
            if not values["sum_other_doc_count"]:
                return [(int(bucket["key"]), int(bucket["doc_count"])) for bucket in values["buckets"]]
            size *= _MORE

    def histogram(self, query: Engine, sort: str, *, offset: int, width: int) -> dict[int, int]:
        """Counts of the non-empty buckets of `width` ms, by their start."""
        histogram = {"field": sort, "interval": float(width), "offset": float(offset), "min_doc_count": 1}
        answer = self.tantivy_searcher.aggregate(query, {"moments": {"histogram": histogram}})
        return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in answer["moments"]["buckets"]}

    def record(self, activity_id: str) -> bytes | None:
        """The record with this id, or None."""
        column, term = s.identity(activity_id)
        if not self.freq(column, term):
            return None
        query = Engine.term_query(self.schema, column, term)
        hits = self.tantivy_searcher.search(query, limit=1, count=False).hits
        if not hits:
            return None
        stored = [self.tantivy_searcher.doc(hits[0][1])["record"][0]]
        return decoded(self.codec, stored, [f"partition {self.number}, activity {activity_id}"])[0]

    def keys(self, activity_id: str) -> tuple[int, int] | None:
        """The date key and created key of the activity with this id, or None."""
        column, term = s.identity(activity_id)
        if not self.freq(column, term):
            return None
        query = Engine.term_query(self.schema, column, term)
        by_date, by_created = (
            self._ordered(query, name, descending=True, limit=1) for name in ("date_key", "created_key")
        )
        return (by_date[0][0], by_created[0][0]) if by_date else None

    def has(self, column: str, term: str) -> bool:
        """Whether an activity has this term. Deleted activities do not count."""
        if not self.freq(column, term):
            return False
        return self.untouched or bool(self.numbers_of(column, term))

    def numbers_of(self, column: str, term: str) -> list[int]:
        """The sequence numbers (of first storing) of the activities with a term."""
        query = Engine.term_query(self.schema, column, term)
        numbered = self._ordered(query, "seq", descending=False, limit=max(self.freq(column, term), 1))
        return [number for number, _ in numbered]

    def stored_until(self, last: int, *, limit: int) -> list["StoredRecord"]:
        """The first activities last stored under sequence numbers up to `last`, in order of those numbers."""
        numbered = self._ordered(
            self.stored_up_to(last), "stored", descending=False, limit=min(limit, max(self.held, 1))
        )
        addresses = [address for _, address in numbered]
        columns = [self.tantivy_searcher.fast_field_values(name, addresses) for name in ("date_key", "created_key")]
        packed = [self.tantivy_searcher.doc(address)["record"][0] for address in addresses]
        names = (f"partition {self.number}, last stored as number {number}" for number, _ in numbered)
        records = decoded(self.codec, packed, names)
        return [
            StoredRecord(int(number), int(date), int(created), record, data)
            for (number, _), date, created, record, data in zip(numbered, *columns, records, packed, strict=True)
        ]

    def stored_up_to(self, last: int) -> Engine:
        """What was last stored under a sequence number up to `last`."""
        return Engine.range_query(self.schema, "stored", FieldType.Integer, 0, last)

    def ties(self, created: int) -> int:
        """The number of tiebreakers used in one ms of `created`."""
        low, high = s.created_key(created, 0), s.created_key(created, s.MAX_TIES - 1)
        span = Engine.term_query(self.schema, s.fine("created"), created >> s.FINE_BITS)
        if not self.freq(s.fine("created"), created >> s.FINE_BITS):
            return 0
        keys = Engine.range_query(self.schema, "created_key", FieldType.Integer, low, high)
        query = Engine.boolean_query([(tantivy.Occur.Must, span), (tantivy.Occur.Must, keys)])
        largest = self._ordered(query, "created_key", descending=True, limit=1)
        return int(largest[0][0]) - low + 1 if largest else 0

    def _ordered(
        self, query: Engine, column: str, *, descending: bool, limit: int, offset: int = 0
    ) -> list[tuple[int, tantivy.DocAddress]]:
        order = Order.Desc if descending else Order.Asc
        result = self.tantivy_searcher.search(
            query, limit=limit, count=False, order_by_field=column, offset=offset, order=order
        )
        hits: list[tuple[int, tantivy.DocAddress]] = result.hits
        return hits


def extremes(tantivy_searcher: tantivy.Searcher) -> tuple[Limits, int]:
    """The limits of an index and its largest sequence number."""
    if not tantivy_searcher.num_docs:
        return {}, 0
    aggregations = {f"{kind} {column}": {kind: {"field": column}} for column in s.SORTS for kind in ("min", "max")}
    answer = tantivy_searcher.aggregate(Engine.all_query(), aggregations)
    limits = {sort: _around(answer[f"min {sort}"]["value"], answer[f"max {sort}"]["value"]) for sort in s.SORTS}
    return limits, latest(tantivy_searcher)


def latest(tantivy_searcher: tantivy.Searcher) -> int:
    """The largest sequence number in an index; 0 if it is empty."""
    hits = tantivy_searcher.search(Engine.all_query(), limit=1, count=False, order_by_field="stored").hits
    return int(hits[0][0]) if hits else 0


def _around(minimum: float, maximum: float) -> tuple[int, int]:
    """The bounds as integers, widened beyond 2^53, where tantivy's floats may have been rounded inwards."""
    slack = 0 if max(abs(minimum), abs(maximum)) < 1 << 53 else 1 << 11
    return int(minimum) - slack, int(maximum) + slack
