"""The ways to read a tenant's activities on the cluster."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from casbah.activity import predicate as p
from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope
from casbah.store.contract import Change, Changes, FacetQuery, FieldValue, HistogramQuery, Page, ScanPage
from casbah.store.opensearch.cluster import MOST_HITS, Cluster
from casbah.store.opensearch.document import key
from casbah.store.opensearch.render import Query as Rendered
from casbah.store.opensearch.render import render

_CHUNK = 1_000
_SPANS = 128
_FIRST_LOOK = 1_000
_SEQ = "seq"


class Hit(NamedTuple):
    """One activity found: what it is sorted by, its number of storing, and its record."""

    moment: int
    seq: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Search:
    """Reads what one tenant has."""

    cluster: Cluster
    scope: Scope

    def find(self, query: Query, deadline: Deadline) -> Page:
        """A page with its exact total."""
        if query.skip + query.limit <= MOST_HITS:
            hits, total = self._page(query.predicate, query, limit=query.limit, skip=query.skip, deadline=deadline)
            return Page([hit.record for hit in hits], total)
        total = self.count(query.predicate, deadline)
        if query.skip >= total:
            return Page([], total)
        predicate, skip = self._passed_over(query, deadline)
        hits, _ = self._page(predicate, query, limit=query.limit, skip=skip, deadline=deadline)
        return Page([hit.record for hit in hits], total)

    def scan(self, query: Query, deadline: Deadline) -> ScanPage:
        """One page of a scan; the activities of one ms are never split over two. It has no more than a search reaches."""
        limit = min(query.limit, MOST_HITS - 1)
        hits, total = self._page(query.predicate, query, limit=limit + 1, deadline=deadline)
        if len(hits) <= limit:
            return ScanPage(iter([hit.record for hit in hits]), total, None)
        boundary = hits[-1].moment
        kept = [hit.record for hit in hits if hit.moment != boundary]
        if kept:
            return ScanPage(iter(kept), total, boundary)
        here = p.both(query.predicate, p.Range(query.sort, boundary, boundary))
        past = boundary - 1 if query.descending else boundary + 1
        beyond = p.Range(query.sort, high=past) if query.descending else p.Range(query.sort, low=past)
        more = self.count(p.both(query.predicate, beyond), deadline)
        return ScanPage(self._stream(here, query), total, past if more else None)

    def count(self, predicate: Predicate, deadline: Deadline = NEVER) -> int:
        """How many activities match."""
        found = self._ask(predicate, {"size": 0, "track_total_hits": True}, deadline)
        return int(found["hits"]["total"]["value"])

    def top_values(self, wanted: FacetQuery, deadline: Deadline) -> list[FieldValue]:
        """The most frequent values of a field. A first look is enough where there are few; else each value is counted."""
        if not wanted.prefix:
            size = max(_FIRST_LOOK, wanted.limit)
            values = {"terms": {"field": wanted.field.name, "size": size, "shard_size": size}}
            found = self._aggregated(wanted.predicate, values, deadline)
            if not found["sum_other_doc_count"]:
                return _ranked(((bucket["key"], bucket["doc_count"]) for bucket in found["buckets"]), wanted)
        return _ranked(self._tally(wanted.field, wanted.predicate, wanted.prefix, deadline), wanted)

    def histogram(self, spans: HistogramQuery, deadline: Deadline) -> dict[int, int]:
        """How many activities match in each span of time that has any, by its start."""
        within = p.both(spans.predicate, p.Range(spans.field, spans.first, spans.last))
        asked = {
            "histogram": {
                "field": spans.field.name,
                "interval": spans.width,
                "offset": spans.first % spans.width,
                "min_doc_count": 1,
            }
        }
        buckets = self._aggregated(within, asked, deadline)["buckets"]
        return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets}

    def changes(self, predicate: Predicate, *, after: int, last: int, limit: int, deadline: Deadline) -> Changes:
        """The first activities that were stored under numbers past `after` and up to `last`, in the order of storing."""
        if after >= last:
            return Changes([], after)
        body = {"query": self._numbered(predicate, after, last), "sort": [{_SEQ: "asc"}], "size": limit}
        found = self.cluster.search(self.scope, {**body, "track_total_hits": False}, deadline)["hits"]["hits"]
        changes = [Change(hit["sort"][0], _record(hit)) for hit in found]
        return Changes(changes, changes[-1].number if len(changes) == limit else last)

    def places(self, predicate: Predicate, *, after: int, last: int, limit: int) -> list[tuple[int, str, str]]:
        """Number, index and document of the first activities that match, with numbers past `after` and up to `last`."""
        body = {"query": self._numbered(predicate, after, last), "sort": [{_SEQ: "asc"}], "size": limit}
        found = self.cluster.search(self.scope, {**body, "_source": False, "track_total_hits": False}, NEVER)
        return [(hit["sort"][0], hit["_index"], hit["_id"]) for hit in found["hits"]["hits"]]

    def by_index(self, predicate: Predicate) -> Mapping[str, int]:
        """How many activities match in each index that has any."""
        found = self._aggregated(predicate, {"terms": {"field": "_index", "size": MOST_HITS}}, NEVER)
        return {bucket["key"]: int(bucket["doc_count"]) for bucket in found["buckets"]}

    def fetch(self, activity_id: str) -> bytes | None:
        """The record of that id."""
        body = {"query": {"ids": {"values": [key(activity_id)]}}, "size": 1, "track_total_hits": False}
        hits = self.cluster.search(self.scope, body, NEVER)["hits"]["hits"]
        return _record(hits[0]) if hits else None

    def there(self, activity_ids: Sequence[str]) -> set[str]:
        """Those of some ids that there are activities of."""
        found: set[str] = set()
        for start in range(0, len(activity_ids), _CHUNK):
            part = {
                key(activity_item_id): activity_item_id for activity_item_id in activity_ids[start : start + _CHUNK]
            }
            body = {
                "query": {"ids": {"values": list(part)}},
                "size": _CHUNK,
                "_source": False,
                "track_total_hits": False,
            }
            hits = self.cluster.search(self.scope, body, NEVER)["hits"]["hits"]
            found.update(part[hit["_id"]] for hit in hits)
        return found

    def _page(
        self, predicate: Predicate, query: Query, *, limit: int, skip: int = 0, deadline: Deadline
    ) -> tuple[list[Hit], int]:
        body = {"sort": _order(query), "from": skip, "size": limit, "track_total_hits": True}
        found = self._ask(predicate, body, deadline)["hits"]
        return [_hit(hit) for hit in found["hits"]], int(found["total"]["value"])

    def _stream(self, predicate: Predicate, query: Query) -> Iterator[bytes]:
        """Every record that matches, in order, a chunk at a time and each chunk from where the last one ended."""
        body: dict[str, Any] = {"sort": _order(query), "size": _CHUNK, "track_total_hits": False}
        while True:
            hits = [_hit(hit) for hit in self._ask(predicate, body, NEVER)["hits"]["hits"]]
            yield from (hit.record for hit in hits)
            if len(hits) < _CHUNK:
                return
            body = {**body, "search_after": [hits[-1].moment, hits[-1].seq]}

    def _passed_over(self, query: Query, deadline: Deadline) -> tuple[Predicate, int]:
        """A part of what matches that leaves out most of `skip`, and what is left of it.

        Spans of time that lie wholly within it are counted and passed over, then spans of numbers within one ms: a search
        does not reach so far.
        """
        first, last, skip = self._narrowed(query.predicate, query.sort, query, query.skip, deadline)
        here = p.both(query.predicate, p.Range(query.sort, first, last))
        if skip + query.limit <= MOST_HITS:
            return p.both(query.predicate, _from(query.sort, first, last, query)), skip
        low, high, skip = self._narrowed(here, _NUMBER, query, skip, deadline)
        past = _from(query.sort, last + 1, first - 1, query)
        return p.both(query.predicate, p.either(past, p.both(here, _from(_NUMBER, low, high, query)))), skip

    def _narrowed(
        self, predicate: Predicate, field: Field, query: Query, skip: int, deadline: Deadline
    ) -> tuple[int, int, int]:
        """The span in which the page begins, and how far into it; a single number, or one in which a search reaches it."""
        first, last = self._ends(predicate, field.name, deadline)
        while skip + query.limit > MOST_HITS and first < last:
            spans = _spans(first, last, descending=query.descending)
            counts = self._counted(predicate, field.name, spans, deadline)
            for (low, high), count in zip(spans, counts, strict=True):
                first, last = low, high
                if skip < count:
                    break
                skip -= count
        return first, last, skip

    def _ends(self, predicate: Predicate, name: str, deadline: Deadline) -> tuple[int, int]:
        """The least and the most that there is of a number."""
        ends = []
        for way in ("asc", "desc"):
            body = {"sort": [{name: way}], "size": 1, "_source": False, "track_total_hits": False}
            ends.append(int(self._ask(predicate, body, deadline)["hits"]["hits"][0]["sort"][0]))
        return ends[0], ends[1]

    def _counted(
        self, predicate: Predicate, name: str, spans: Sequence[tuple[int, int]], deadline: Deadline
    ) -> Sequence[int]:
        """How many lie in each span. Bounds are whole numbers here; those of a histogram are rounded past 2^53."""
        filters = [{"range": {name: {"gte": low, "lte": high}}} for low, high in spans]
        found = self._aggregated(predicate, {"filters": {"filters": filters}}, deadline)["buckets"]
        return [int(bucket["doc_count"]) for bucket in found]

    def _tally(
        self, field: Field, predicate: Predicate, prefix: str, deadline: Deadline
    ) -> Iterator[tuple[Value, int]]:
        """Every value of a text field that begins with `prefix`, or every number, with its count, in order."""
        source = {"value": {"terms": {"field": field.name}}}
        prefix = "" if field.kind is Kind.INT else prefix
        if prefix and (alone := self.count(p.both(predicate, p.Terms(field, (prefix,))), deadline)):
            yield prefix, alone
        after = {"after": {"value": prefix}} if prefix else {}
        while True:
            asked = {"composite": {"sources": [source], "size": MOST_HITS, **after}}
            found = self._aggregated(predicate, asked, deadline)
            for bucket in found["buckets"]:
                value = bucket["key"]["value"]
                if prefix and not value.startswith(prefix):
                    return
                yield value, int(bucket["doc_count"])
            if "after_key" not in found:
                return
            after = {"after": found["after_key"]}

    def _numbered(self, predicate: Predicate, after: int, last: int) -> Rendered:
        bounds = {"gt": after, "lte": last}
        return {"bool": {"filter": [self._rendered(predicate, NEVER), {"range": {_SEQ: bounds}}]}}

    def _aggregated(self, predicate: Predicate, asked: Mapping[str, Any], deadline: Deadline) -> Any:
        body = {"size": 0, "track_total_hits": False, "aggs": {"found": asked}}
        answer = self._ask(predicate, body, deadline)
        return answer["aggregations"]["found"] if "aggregations" in answer else _NOTHING

    def _ask(self, predicate: Predicate, body: Mapping[str, Any], deadline: Deadline) -> Any:
        query = {"bool": {"filter": [self._rendered(predicate, deadline)]}}
        return self.cluster.search(self.scope, {**body, "query": query}, deadline)

    def _rendered(self, predicate: Predicate, deadline: Deadline) -> Rendered:
        return render(predicate, lambda field, among, matches: self._resolved(field, among, matches, deadline))

    def _resolved(self, field: Field, among: Rendered, matches: Callable[[str], bool], deadline: Deadline) -> list[str]:
        """The terms of a field, among those of some activities, of which something is true."""
        source = {"value": {"terms": {"field": field.name}}}
        found: list[str] = []
        after: dict[str, Any] = {}
        while True:
            asked = {"composite": {"sources": [source], "size": MOST_HITS, **after}}
            body = {"size": 0, "track_total_hits": False, "query": among, "aggs": {"found": asked}}
            answer = self.cluster.search(self.scope, body, deadline).get("aggregations", {}).get("found", _NOTHING)
            found += [value for bucket in answer["buckets"] if matches(value := bucket["key"]["value"])]
            if "after_key" not in answer:
                return found
            after = {"after": answer["after_key"]}


_NOTHING: Mapping[str, Any] = {"buckets": [], "sum_other_doc_count": 0}
"""What is counted where there is no index."""


def _order(query: Query) -> list[Mapping[str, str]]:
    way = "desc" if query.descending else "asc"
    return [{query.sort.name: way}, {_SEQ: way}]


def _hit(hit: Any) -> Hit:
    return Hit(hit["sort"][0], hit["sort"][1], _record(hit))


def _record(hit: Any) -> bytes:
    record: str = hit["_source"]["record"]
    return record.encode()


def _ranked(counts: Any, wanted: FacetQuery) -> list[FieldValue]:
    """The most frequent first, equals in the order of their values."""
    values = (FieldValue(found, count) for found, count in counts)
    chosen = (value for value in values if str(value.value).startswith(wanted.prefix))
    return heapq.nsmallest(wanted.limit, chosen, key=lambda each: (-each.total, each.value))


def _spans(first: int, last: int, *, descending: bool) -> list[tuple[int, int]]:
    """What lies between two numbers in spans of about the same width, in the order of a page."""
    width = -(-(last - first + 1) // _SPANS)
    spans = [(low, min(low + width - 1, last)) for low in range(first, last + 1, width)]
    return spans[::-1] if descending else spans


def _from(field: Field, first: int, last: int, query: Query) -> Predicate:
    """What comes no earlier in the order than a span."""
    return p.Range(field, high=last) if query.descending else p.Range(field, low=first)


_NUMBER = Field(_SEQ, Kind.MS, lambda _: ())
"""The number of storing, asked like a moment."""
