"""Read access to a tenant's activities on the cluster."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from casbah.activity import predicate as p
from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.fields import FIELDS, Field, Kind, Value
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.tenant import TenantId
from casbah.store.contract import (
    Change,
    Changes,
    FacetQuery,
    FieldValue,
    GroupQuery,
    HistogramQuery,
    LatestQuery,
    Page,
    ScanPage,
    ValueGroup,
)
from casbah.store.opensearch.cluster import MAX_HITS, Cluster
from casbah.store.opensearch.document import key
from casbah.store.opensearch.groups import ClusterGroups, Combinations, grouped
from casbah.store.opensearch.render import Query as Rendered
from casbah.store.opensearch.render import render

_CHUNK = 1_000
_SPANS = 128
_FIRST_LOOK = 1_000
_SEQ = "seq"
_DATE = FIELDS["date"]
_MAX_BUCKETS = 65_535
"""The cluster's own limit for one answer (`search.max_buckets`), unless it was changed there."""


class Hit(NamedTuple):
    """A matching activity: its timestamp (ms, of the sort field), its sequence number, and its record."""

    moment: int
    seq: int
    record: bytes


class Search:
    """Reads one tenant's activities."""

    def __init__(self, cluster: Cluster, tenant_id: TenantId) -> None:
        self._cluster = cluster
        self._tenant_id = tenant_id

    def find(self, query: Query, /, *, deadline: Deadline = NEVER) -> Page:
        """A page with its exact total."""
        if query.skip + query.limit <= MAX_HITS:
            hits, total = self._page(query.predicate, query, limit=query.limit, skip=query.skip, deadline=deadline)
            return Page([hit.record for hit in hits], total)
        total = self.count(query.predicate, deadline=deadline)
        if query.skip >= total:
            return Page([], total)
        predicate, skip = self._skip_spans(query, deadline)
        hits, _ = self._page(predicate, query, limit=query.limit, skip=skip, deadline=deadline)
        return Page([hit.record for hit in hits], total)

    def scan(self, query: Query, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """One page of a scan; the activities of one ms are never split. At most MAX_HITS - 1, unless one ms has more."""
        limit = min(query.limit, MAX_HITS - 1)
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
        more = self.count(p.both(query.predicate, beyond), deadline=deadline)
        return ScanPage(self._stream(here, query), total, past if more else None)

    def count(self, predicate: Predicate, /, *, deadline: Deadline = NEVER) -> int:
        """The number of matching activities."""
        answer = self._ask(predicate, {"size": 0, "track_total_hits": True}, deadline)
        return int(answer["hits"]["total"]["value"])

    def top_values(self, query: FacetQuery, /, *, deadline: Deadline = NEVER) -> list[FieldValue]:
        """The most frequent values of a field. If one request does not return all values, every value is counted."""
        if not query.prefix:
            size = min(max(_FIRST_LOOK, query.limit), MAX_HITS)
            values = {"terms": {"field": query.field.name, "size": size, "shard_size": size}}
            counts = self._aggregated(query.predicate, values, deadline)
            if not counts["sum_other_doc_count"]:
                return _ranked(((bucket["key"], bucket["doc_count"]) for bucket in counts["buckets"]), query)
        return _ranked(self._tally(query.field, query.predicate, query.prefix, deadline), query)

    def histogram(self, query: HistogramQuery, /, *, deadline: Deadline = NEVER) -> dict[int, int]:
        """Counts of the non-empty buckets, in order, by their first ms."""
        within = p.both(query.predicate, p.Range(query.field, query.first, query.last))
        return _counts(self._aggregated(within, _histogram(query.field, query.first, query.width), deadline))

    def groups(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> ClusterGroups:
        """Every group of matching activities with the same values."""
        with self._combinations(query, deadline) as combinations:
            groups = grouped(combinations, query)
        return ClusterGroups(groups, partial(self._histograms, query, deadline))

    def totals(self, query: GroupQuery, /, *, deadline: Deadline = NEVER) -> dict[tuple[Value, ...], int]:
        """The number of activities of each group."""
        with self._combinations(query, deadline) as combinations:
            return {values: total for values, total, _ in combinations.of(query.by)}

    def latest(self, query: LatestQuery, /, *, deadline: Deadline = NEVER) -> dict[Value, bytes]:
        """The newest matching activity with each value of a field."""
        if not query.values:
            return {}  # The cluster refuses to list no values.
        newest = {"sort": [{_DATE.name: "desc"}, {_SEQ: "desc"}], "size": 1}
        name, wanted = query.field.name, list(query.values)
        aggregation = {
            "terms": {"field": name, "include": wanted, "size": len(wanted)},
            "aggs": {"newest": {"top_hits": newest}},
        }
        having = p.both(query.predicate, p.Terms(query.field, tuple(wanted)))
        buckets = self._aggregated(having, aggregation, deadline)["buckets"]
        return {bucket["key"]: _record(bucket["newest"]["hits"]["hits"][0]) for bucket in buckets}

    def changes_up_to(self, predicate: Predicate, *, after: int, last: int, limit: int, deadline: Deadline) -> Changes:
        """The first matching activities with sequence numbers above `after` and up to `last`, in sequence order."""
        if after >= last:
            return Changes([], after)
        body = {"query": self._numbered(predicate, after, last), "sort": [{_SEQ: "asc"}], "size": limit}
        hits = self._cluster.search(self._tenant_id, {**body, "track_total_hits": False}, deadline)["hits"]["hits"]
        changes = [Change(hit["sort"][0], _record(hit)) for hit in hits]
        return Changes(changes, changes[-1].number if len(changes) == limit else last)

    def places(self, predicate: Predicate, *, after: int, last: int, limit: int) -> list[tuple[int, str, str]]:
        """Sequence number, index and document id of the first matches with numbers above `after` and up to `last`."""
        body = {"query": self._numbered(predicate, after, last), "sort": [{_SEQ: "asc"}], "size": limit}
        answer = self._cluster.search(self._tenant_id, {**body, "_source": False, "track_total_hits": False}, NEVER)
        return [(hit["sort"][0], hit["_index"], hit["_id"]) for hit in answer["hits"]["hits"]]

    def by_index(self, predicate: Predicate) -> Mapping[str, int]:
        """The number of matches in each index that has any."""
        counts = self._aggregated(predicate, {"terms": {"field": "_index", "size": MAX_HITS}}, NEVER)
        return {bucket["key"]: int(bucket["doc_count"]) for bucket in counts["buckets"]}

    def fetch(self, activity_id: str, /) -> bytes | None:
        """The record with this id, or None."""
        body = {"query": {"ids": {"values": [key(activity_id)]}}, "size": 1, "track_total_hits": False}
        hits = self._cluster.search(self._tenant_id, body, NEVER)["hits"]["hits"]
        return _record(hits[0]) if hits else None

    def existing(self, activity_ids: Sequence[str]) -> set[str]:
        """Those of the ids that belong to stored activities."""
        existing: set[str] = set()
        for start in range(0, len(activity_ids), _CHUNK):
            part = {key(activity_id): activity_id for activity_id in activity_ids[start : start + _CHUNK]}
            body = {
                "query": {"ids": {"values": list(part)}},
                "size": _CHUNK,
                "_source": False,
                "track_total_hits": False,
            }
            hits = self._cluster.search(self._tenant_id, body, NEVER)["hits"]["hits"]
            existing.update(part[hit["_id"]] for hit in hits)
        return existing

    def _page(
        self, predicate: Predicate, query: Query, *, limit: int, skip: int = 0, deadline: Deadline
    ) -> tuple[list[Hit], int]:
        body = {"sort": _order(query), "from": skip, "size": limit, "track_total_hits": True}
        answer = self._ask(predicate, body, deadline)["hits"]
        return [_hit(hit) for hit in answer["hits"]], int(answer["total"]["value"])

    def _stream(self, predicate: Predicate, query: Query) -> Iterator[bytes]:
        """Every matching record, in order. Reads chunk by chunk, each from where the last one ended."""
        body: dict[str, Any] = {"sort": _order(query), "size": _CHUNK, "track_total_hits": False}
        while True:
            hits = [_hit(hit) for hit in self._ask(predicate, body, NEVER)["hits"]["hits"]]
            yield from (hit.record for hit in hits)
            if len(hits) < _CHUNK:
                return
            body = {**body, "search_after": [hits[-1].moment, hits[-1].seq]}

    def _skip_spans(self, query: Query, deadline: Deadline) -> tuple[Predicate, int]:
        """A narrower predicate that leaves out most of `skip`, and what remains to skip.

        A search cannot page that far. So time spans that lie entirely within `skip` are counted and skipped, then spans of
        sequence numbers within one ms.
        """
        first, last, skip = self._narrowed(query.predicate, query.sort, query, query.skip, deadline)
        here = p.both(query.predicate, p.Range(query.sort, first, last))
        if skip + query.limit <= MAX_HITS:
            return p.both(query.predicate, _from(query.sort, first, last, query)), skip
        low, high, skip = self._narrowed(here, _NUMBER, query, skip, deadline)
        past = _from(query.sort, last + 1, first - 1, query)
        return p.both(query.predicate, p.either(past, p.both(here, _from(_NUMBER, low, high, query)))), skip

    def _narrowed(
        self, predicate: Predicate, field: Field, query: Query, skip: int, deadline: Deadline
    ) -> tuple[int, int, int]:
        """The span (first, last) where the page begins, and how far into it: a single value, or short enough for a search."""
        first, last = self._ends(predicate, field.name, deadline)
        while skip + query.limit > MAX_HITS and first < last:
            spans = _spans(first, last, descending=query.descending)
            counts = self._counted(predicate, field.name, spans, deadline)
            for (low, high), count in zip(spans, counts, strict=True):
                first, last = low, high
                if skip < count:
                    break
                skip -= count
        return first, last, skip

    def _ends(self, predicate: Predicate, name: str, deadline: Deadline) -> tuple[int, int]:
        """The least and the greatest value of a numeric field among the matches."""
        ends = []
        for order in ("asc", "desc"):
            body = {"sort": [{name: order}], "size": 1, "_source": False, "track_total_hits": False}
            ends.append(int(self._ask(predicate, body, deadline)["hits"]["hits"][0]["sort"][0]))
        return ends[0], ends[1]

    def _counted(
        self, predicate: Predicate, name: str, spans: Sequence[tuple[int, int]], deadline: Deadline
    ) -> Sequence[int]:
        """The count of each span. Uses exact integer bounds, while those of a histogram are rounded beyond 2^53."""
        filters = [{"range": {name: {"gte": low, "lte": high}}} for low, high in spans]
        buckets = self._aggregated(predicate, {"filters": {"filters": filters}}, deadline)["buckets"]
        return [int(bucket["doc_count"]) for bucket in buckets]

    def _tally(
        self, field: Field, predicate: Predicate, prefix: str, deadline: Deadline
    ) -> Iterator[tuple[Value, int]]:
        """The values of a text field that start with `prefix`, or all of an integer field, with counts, in order."""
        source = {"value": {"terms": {"field": field.name}}}
        prefix = "" if field.kind is Kind.INT else prefix
        if prefix and (alone := self.count(p.both(predicate, p.Terms(field, (prefix,))), deadline=deadline)):
            yield prefix, alone
        after = {"after": {"value": prefix}} if prefix else {}
        while True:
            aggregation = {"composite": {"sources": [source], "size": MAX_HITS, **after}}
            page = self._aggregated(predicate, aggregation, deadline)
            for bucket in page["buckets"]:
                value = bucket["key"]["value"]
                if prefix and not value.startswith(prefix):
                    return
                yield value, int(bucket["doc_count"])
            if "after_key" not in page:
                return
            after = {"after": page["after_key"]}

    @contextmanager
    def _combinations(self, query: GroupQuery, deadline: Deadline) -> Iterator[Combinations]:
        """The combinations of values among the matches of one moment."""
        matching = {"bool": {"filter": [self._rendered(query.predicate, deadline)]}}
        with self._cluster.view(self._tenant_id) as view:
            yield Combinations(self._cluster, view, matching, deadline)

    def _histograms(
        self, query: GroupQuery, deadline: Deadline, groups: Sequence[ValueGroup], *, first: int, last: int, width: int
    ) -> list[dict[int, int]]:
        """See `Groups`. As many groups per request as the cluster answers."""
        within = p.both(query.predicate, p.Range(_DATE, first, last))
        counts: list[dict[int, int]] = []
        size = max(1, _MAX_BUCKETS // ((last - first) // width + 2))
        for start in range(0, len(groups), size):
            own = [self._rendered(_of_group(query, group), deadline) for group in groups[start : start + size]]
            aggregation = {"filters": {"filters": own}, "aggs": {"counts": _histogram(_DATE, first, width)}}
            buckets = self._aggregated(within, aggregation, deadline)["buckets"]
            counts += [_counts(bucket["counts"]) for bucket in buckets] or [{} for _ in own]
        return counts

    def _numbered(self, predicate: Predicate, after: int, last: int) -> Rendered:
        bounds = {"gt": after, "lte": last}
        return {"bool": {"filter": [self._rendered(predicate, NEVER), {"range": {_SEQ: bounds}}]}}

    def _aggregated(self, predicate: Predicate, aggregation: Mapping[str, Any], deadline: Deadline) -> Any:
        body = {"size": 0, "track_total_hits": False, "aggs": {"found": aggregation}}
        answer = self._ask(predicate, body, deadline)
        return answer["aggregations"]["found"] if "aggregations" in answer else _NOTHING

    def _ask(self, predicate: Predicate, body: Mapping[str, Any], deadline: Deadline) -> Any:
        query = {"bool": {"filter": [self._rendered(predicate, deadline)]}}
        return self._cluster.search(self._tenant_id, {**body, "query": query}, deadline)

    def _rendered(self, predicate: Predicate, deadline: Deadline) -> Rendered:
        return render(predicate, lambda field, among, matches: self._resolved(field, among, matches, deadline))

    def _resolved(self, field: Field, among: Rendered, matches: Callable[[str], bool], deadline: Deadline) -> list[str]:
        """The terms of a field that satisfy `matches`, among the activities that match `among`."""
        source = {"value": {"terms": {"field": field.name}}}
        terms: list[str] = []
        after: dict[str, Any] = {}
        while True:
            aggregation = {"composite": {"sources": [source], "size": MAX_HITS, **after}}
            body = {"size": 0, "track_total_hits": False, "query": among, "aggs": {"found": aggregation}}
            answer = (
                self._cluster.search(self._tenant_id, body, deadline).get("aggregations", {}).get("found", _NOTHING)
            )
            terms += [value for bucket in answer["buckets"] if matches(value := bucket["key"]["value"])]
            if "after_key" not in answer:
                return terms
            after = {"after": answer["after_key"]}


_NOTHING: Mapping[str, Any] = {"buckets": [], "sum_other_doc_count": 0}
"""The aggregation result if the tenant has no index."""


def _order(query: Query) -> list[Mapping[str, str]]:
    order = "desc" if query.descending else "asc"
    return [{query.sort.name: order}, {_SEQ: order}]


def _hit(hit: Any) -> Hit:
    return Hit(hit["sort"][0], hit["sort"][1], _record(hit))


def _record(hit: Any) -> bytes:
    record: str = hit["_source"]["record"]
    return record.encode()


def _ranked(counts: Any, query: FacetQuery) -> list[FieldValue]:
    """The most frequent of those that count first; ties in order of value."""
    values = (FieldValue(value, count) for value, count in counts)
    chosen = (item for item in values if str(item.value).startswith(query.prefix) and query.field.counts(item.value))
    return heapq.nsmallest(query.limit, chosen, key=lambda item: (-item.total, item.value))


def _histogram(field: Field, first: int, width: int) -> Mapping[str, Any]:
    """The aggregation for buckets of `width` ms from `first` on."""
    offset = first % width
    return {"histogram": {"field": field.name, "interval": width, "offset": offset, "min_doc_count": 1}}


def _counts(histogram: Mapping[str, Any]) -> dict[int, int]:
    """The counts of the non-empty buckets, in order, by their first ms."""
    return {int(bucket["key"]): int(bucket["doc_count"]) for bucket in histogram["buckets"]}


def _of_group(query: GroupQuery, group: ValueGroup) -> Predicate:
    """What all activities of a group have."""
    return p.both(*(p.Terms(by.field, (value,)) for by, value in zip(query.by, group.values, strict=True)))


def _spans(first: int, last: int, *, descending: bool) -> list[tuple[int, int]]:
    """The range split into spans of about equal width, in page order."""
    width = -(-(last - first + 1) // _SPANS)
    spans = [(low, min(low + width - 1, last)) for low in range(first, last + 1, width)]
    return spans[::-1] if descending else spans


def _from(field: Field, first: int, last: int, query: Query) -> Predicate:
    """The part of the sort order from the start of a span on."""
    return p.Range(field, high=last) if query.descending else p.Range(field, low=first)


_NUMBER = Field(_SEQ, Kind.MS, lambda _: ())
"""The sequence number as a field, queried like a timestamp."""
