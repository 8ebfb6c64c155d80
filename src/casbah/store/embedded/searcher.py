"""A period as it was at one moment: the engine's own answers, and what is known of its terms without asking it."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

import tantivy
from tantivy import FieldType, Order
from tantivy import Query as Engine

from casbah.activity.predicate import Predicate
from casbah.store.embedded import schema as s
from casbah.store.embedded.cache import Cache, CacheSection
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.term_dictionary import TermDictionary, term_dictionary

Limits = Mapping[str, tuple[int, int]]
"""Between which values (least, most) the moments of a period lie, by sort field; empty where there are none."""

_NUMBERED = count()
_NO_VOCABULARY = 100
_NUMBERS, _MORE = 1_000, 16


class Hit(NamedTuple):
    """One activity found: its moment (ms, of the field sorted by), its number of storing, and where its record is."""

    moment: int
    seq: int
    searcher: "PartitionSearcher"
    address: tantivy.DocAddress


class StoredRecord(NamedTuple):
    """An activity as it lies in a period: its two sort keys, and its record."""

    date_key: int
    created_key: int
    record: bytes


def records_of(hits: Sequence[Hit]) -> list[bytes]:
    """The records' own bytes, in order; the hits are one tenant's."""
    stored = [hit.searcher.tantivy_searcher.doc(hit.address)["record"][0] for hit in hits]
    return hits[0].searcher.codec.decode_all(stored) if hits else []


class PartitionSearcher:
    """What is committed later does not show in it."""

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
        """How many records scans have read since the view was made, about."""

        self.codec = codec
        self.name = name = next(_NUMBERED)
        """Under which what is worked out about it is kept in the cache."""

        self.counts: CacheSection[int] = CacheSection(cache, "count", name)
        self.moments: CacheSection[Mapping[int, int]] = CacheSection(cache, "moments", name)
        self.resolved: CacheSection[Predicate] = CacheSection(cache, "resolved", name)
        self._vocabularies: CacheSection[TermDictionary | None] = CacheSection(cache, "vocabulary", name)
        self._sizes: dict[str, Sequence[int]] = {}

    def renewed(self, tantivy_searcher: tantivy.Searcher) -> "PartitionSearcher":
        """The same view on a searcher of its own; all that is known of it stays known.

        A searcher keeps the last hundred blocks of records that it unpacked of every file. That goes with it.
        """
        anew = copy.copy(self)
        anew.tantivy_searcher = tantivy_searcher
        anew.handed_out = 0
        return anew

    @cached_property
    def untouched(self) -> bool:
        """Whether nothing was deleted: only then does the engine's count of a term say how many activities have it."""
        return self.freq("has", "created") == self.held

    def freq(self, column: str, term: Any) -> int:
        """How many activities have a term; deleted ones count until the engine has merged them away."""
        return int(self.tantivy_searcher.doc_freq(column, term))

    def sizes(self, name: str) -> Sequence[int]:
        """How many values an activity of this view can have in a field, where it is more than one."""
        if name not in self._sizes:
            stem = s.counted(name, 0)[:-1]
            found = self.tantivy_searcher.terms_with_prefix("has", stem)
            self._sizes[name] = sorted(int(term[len(stem) :]) for term, _ in found)
        return self._sizes[name]

    def term_dictionary(self, name: str) -> TermDictionary | None:
        """The terms of a text field, or None if there are too many."""
        return self._vocabularies.get(
            name,
            lambda: term_dictionary(self.tantivy_searcher, name),
            size=lambda made: _NO_VOCABULARY if made is None else made.size,
        )

    def terms(self, name: str, prefix: str, *, most: int) -> list[str] | None:
        """The terms of a text field that begin with `prefix`, or None if there are more than `most`."""
        found = self.tantivy_searcher.terms_with_prefix(name, prefix, limit=most + 1)
        return [term for term, _ in found] if len(found) <= most else None

    def freq_of_prefix(self, name: str, prefix: str) -> int:
        """How many activities have a term with that prefix, where none has more than one term."""
        return sum(size for _, size in self.tantivy_searcher.terms_with_prefix(name, prefix))

    def matching(self, query: Engine) -> int:
        """How many activities match. (An aggregation counts without scoring: half the price of a search's own count.)."""
        found: Any = self.tantivy_searcher.aggregate(query, {"matching": {"filter": "*"}})
        return int(found["matching"]["doc_count"])

    def search(self, query: Engine, sort: str, *, descending: bool, limit: int, offset: int = 0) -> list[Hit]:
        """The first activities in the order of a sort field, after `offset`."""
        found = self._ordered(
            query,
            f"{sort}_key",
            descending=descending,
            limit=min(limit, self.held),
            offset=min(offset, self.held),
        )
        if sort == "date":  # Its key says all of it.
            return [Hit(*s.of_date_key(key, self.number), self, address) for key, address in found]
        numbers = self.tantivy_searcher.fast_field_values("seq", [address for _, address in found])
        return [
            Hit(s.of_created_key(key), int(number or 0), self, address)
            for (key, address), number in zip(found, numbers, strict=True)
        ]

    def numbered(self, query: Engine, *, after: int, last: int, limit: int) -> list[Hit]:
        """The first activities that match, of those stored under numbers past `after` and up to `last`, in their order."""
        numbers = Engine.range_query(self.schema, "seq", FieldType.Integer, after + 1, last)
        both = Engine.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, numbers)])
        found = self._ordered(both, "seq", descending=False, limit=min(limit, self.held))
        return [Hit(number, number, self, address) for number, address in found]

    def stream(self, query: Engine, sort: str, *, descending: bool, chunk: int = 1_000) -> Iterator[Hit]:
        """Every activity that matches, in order, a chunk at a time and each chunk from where the last one ended."""
        column, rest = f"{sort}_key", query
        while self.held:
            found = self.search(rest, sort, descending=descending, limit=chunk)
            yield from found
            if len(found) < chunk:
                return
            last = self.tantivy_searcher.fast_field_values(column, [found[-1].address])[0]
            beyond = (None, int(last or 0) - 1) if descending else (int(last or 0) + 1, None)
            following = Engine.range_query(self.schema, column, FieldType.Integer, *beyond)
            rest = Engine.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, following)])

    def tally(self, name: str, query: Engine | None, *, prefix: str, limit: int) -> list[tuple[str, int]]:
        """The terms of a text field that begin with `prefix` and how many activities have them, those of the query or all;
        the most frequent first.
        """
        found = self.tantivy_searcher.terms_with_prefix(name, prefix, filter_query=query, limit=limit)
        return [(term, count) for term, count in found if count]

    def numbers(self, name: str, query: Engine) -> list[tuple[int, int]]:
        """Every value of an integer field and how many activities of the query have it."""
        size = _NUMBERS
        while True:
            asked = {"values": {"terms": {"field": name, "size": size, "segment_size": size}}}
            found = self.tantivy_searcher.aggregate(query, asked)["values"]
            if not found["sum_other_doc_count"]:
                return [(int(bucket["key"]), int(bucket["doc_count"])) for bucket in found["buckets"]]
            size *= _MORE

    def histogram(self, query: Engine, sort: str, *, offset: int, width: int) -> dict[int, int]:
        """How many activities match in each span of `width` ms that has any: by its start."""
        asked = {"field": sort, "interval": float(width), "offset": float(offset), "min_doc_count": 1}
        found = self.tantivy_searcher.aggregate(query, {"moments": {"histogram": asked}})
        return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in found["moments"]["buckets"]}

    def record(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        column, term = s.identity(activity_id)
        if not self.freq(column, term):
            return None
        query = Engine.term_query(self.schema, column, term)
        hits = self.tantivy_searcher.search(query, limit=1, count=False).hits
        return self.codec.decode(self.tantivy_searcher.doc(hits[0][1])["record"][0]) if hits else None

    def keys(self, activity_id: str) -> tuple[int, int] | None:
        """The sort keys of the activity of that id, by date and by created; None if the view does not hold it."""
        column, term = s.identity(activity_id)
        if not self.freq(column, term):
            return None
        query = Engine.term_query(self.schema, column, term)
        found = [self._ordered(query, name, descending=True, limit=1) for name in ("date_key", "created_key")]
        return (found[0][0][0], found[1][0][0]) if found[0] else None

    def has(self, column: str, term: str) -> bool:
        """Whether some activity has that term; one that was deleted has it no more."""
        if not self.freq(column, term):
            return False
        return self.untouched or bool(self.numbers_of(column, term))

    def has_any(self, column: str, terms: Sequence[str]) -> bool:
        """Whether some activity has one of these terms."""
        query = Engine.term_set_query(self.schema, column, list(terms))
        found: Any = self.tantivy_searcher.search(query, limit=1, count=True)
        return bool(found.count)

    def numbers_of(self, column: str, term: str) -> list[int]:
        """The numbers of storing of the activities that have a term."""
        query = Engine.term_query(self.schema, column, term)
        found = self._ordered(query, "seq", descending=False, limit=max(self.freq(column, term), 1))
        return [number for number, _ in found]

    def stored_until(self, last: int, *, limit: int) -> list["StoredRecord"]:
        """The first activities whose number of the last storing is up to `last`, in the order of those numbers."""
        query = Engine.range_query(self.schema, "stored", FieldType.Integer, 0, last)
        found = self._ordered(query, "stored", descending=False, limit=min(limit, max(self.held, 1)))
        addresses = [address for _, address in found]
        columns = [self.tantivy_searcher.fast_field_values(name, addresses) for name in ("date_key", "created_key")]
        records = self.codec.decode_all([self.tantivy_searcher.doc(address)["record"][0] for address in addresses])
        return [
            StoredRecord(int(date), int(created), record)
            for date, created, record in zip(*columns, records, strict=True)
        ]

    def ties(self, created: int) -> int:
        """How many numbers are taken in one ms of `created`."""
        low, high = s.created_key(created, 0), s.created_key(created, s.MOST_TIES - 1)
        span = Engine.term_query(self.schema, s.fine("created"), created >> s.FINE_BITS)
        if not self.freq(s.fine("created"), created >> s.FINE_BITS):
            return 0
        keys = Engine.range_query(self.schema, "created_key", FieldType.Integer, low, high)
        query = Engine.boolean_query([(tantivy.Occur.Must, span), (tantivy.Occur.Must, keys)])
        found = self._ordered(query, "created_key", descending=True, limit=1)
        return int(found[0][0]) - low + 1 if found else 0

    def _ordered(
        self, query: Engine, column: str, *, descending: bool, limit: int, offset: int = 0
    ) -> list[tuple[int, tantivy.DocAddress]]:
        order = Order.Desc if descending else Order.Asc
        found = self.tantivy_searcher.search(
            query, limit=limit, count=False, order_by_field=column, offset=offset, order=order
        )
        hits: list[tuple[int, tantivy.DocAddress]] = found.hits
        return hits


def extremes(tantivy_searcher: tantivy.Searcher) -> tuple[Limits, int]:
    """The limits of what an index holds, and its largest number of storing; in one pass."""
    if not tantivy_searcher.num_docs:
        return {}, 0
    asked = {f"{kind} {column}": {kind: {"field": column}} for column in s.SORTS for kind in ("min", "max")}
    found = tantivy_searcher.aggregate(Engine.all_query(), asked)
    limits = {sort: _around(found[f"min {sort}"]["value"], found[f"max {sort}"]["value"]) for sort in s.SORTS}
    return limits, latest(tantivy_searcher)


def latest(tantivy_searcher: tantivy.Searcher) -> int:
    """The largest number of storing that an index holds; 0 where it holds nothing."""
    found = tantivy_searcher.search(Engine.all_query(), limit=1, count=False, order_by_field="stored").hits
    return int(found[0][0]) if found else 0


def _around(least: float, most: float) -> tuple[int, int]:
    """The bounds as integers: the engine gives floats, so a ms beyond 2^53 may be rounded inwards by as much."""
    slack = 0 if max(abs(least), abs(most)) < 1 << 53 else 1 << 11
    return int(least) - slack, int(most) + slack
