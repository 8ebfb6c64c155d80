"""Groups of matching activities with the same values of fields, counted exactly.

A composite aggregation lists every combination of values, page by page. All pages show one point in time, so that they add up
although activities are stored meanwhile.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from casbah.activity.deadline import Deadline
from casbah.activity.fields import Value
from casbah.store.contract import GroupQuery, ValueGroup, ValuesOf
from casbah.store.opensearch.cluster import MAX_HITS, Cluster
from casbah.store.opensearch.render import Query as Rendered

_ENDS = {"first": {"min": {"field": "date"}}, "last": {"max": {"field": "date"}}}


def grouped(combinations: "Combinations", query: GroupQuery) -> list[ValueGroup]:
    """Every group, in order of its values."""
    distinct = [_distinct(combinations, query.by, further) for further in query.distinct]
    return sorted(
        ValueGroup(values, total, tuple(counts[values] for counts in distinct), int(ends["first"]), int(ends["last"]))
        for values, total, ends in combinations.of(query.by, ends=True)
    )


def _distinct(combinations: "Combinations", by: Sequence[ValuesOf], further: ValuesOf) -> Counter[tuple[Value, ...]]:
    """How many values of one more field the activities of each group have."""
    return Counter(values[:-1] for values, _, _ in combinations.of((*by, further)))


class ClusterGroups(list[ValueGroup]):
    """See `Groups`. `histograms` asks the cluster again."""

    def __init__(self, groups: Iterable[ValueGroup], histograms: Callable[..., list[dict[int, int]]]) -> None:
        super().__init__(groups)
        self._histograms = histograms

    def histograms(self, groups: Sequence[ValueGroup], /, *, first: int, last: int, width: int) -> list[dict[int, int]]:
        return self._histograms(groups, first=first, last=last, width=width)


class Combinations:
    """Reads composite aggregations over one `view` of the matches; without one, nothing matches."""

    def __init__(self, cluster: Cluster, view: str | None, matching: Rendered, deadline: Deadline) -> None:
        self._cluster = cluster
        self._view = view
        self._matching = matching
        self._deadline = deadline

    def of(
        self, fields: Sequence[ValuesOf], *, ends: bool = False
    ) -> Iterator[tuple[tuple[Value, ...], int, Mapping[str, float]]]:
        """Every combination of counted values, with its count and, if wanted, its `ends`."""
        sources = [{str(at): {"terms": {"field": wanted.field.name}}} for at, wanted in enumerate(fields)]
        composite: dict[str, Any] = {"sources": sources, "size": MAX_HITS}
        while True:
            page = self._page({"composite": composite, **({"aggs": _ENDS} if ends else {})})
            for bucket in page["buckets"]:
                values = tuple(bucket["key"][str(at)] for at in range(len(fields)))
                if all(wanted.counts(value) for value, wanted in zip(values, fields, strict=True)):
                    shown = {name: bucket[name]["value"] for name in _ENDS} if ends else {}
                    yield values, int(bucket["doc_count"]), shown
            if "after_key" not in page:
                return
            composite = {**composite, "after": page["after_key"]}

    def _page(self, aggregation: Mapping[str, Any]) -> Any:
        if self._view is None:
            return {"buckets": []}
        body = {"size": 0, "track_total_hits": False, "query": self._matching, "aggs": {"found": aggregation}}
        answer = self._cluster.search_view(self._view, body, self._deadline)
        return answer["aggregations"]["found"]
