"""A shelf on a cluster: a document for each thing that is kept, in one index a kind, which all servers share."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from casbah.key_value import Collection, Entry, Value
from casbah.store.opensearch.cluster import MOST_HITS, Cluster, within
from casbah.store.opensearch.document import key
from casbah.store.opensearch.templates import make

_CONFLICT, _MISSING = 409, 404
_NOTHING_MORE: Mapping[str, Any] = {}
_MAPPINGS = {"dynamic": False, "properties": {each: {"type": "keyword"} for each in ("drawer", "name")}}
_SECONDS, _SECONDS_IN_PASSING = 20.0, 5.0
"""How long one question may take; what passes is asked for by every request."""

_WHOLE = {"allow_partial_search_results": "false"}


class ClusterKeyValueStore:
    """See `Shelf`. Raises UnreachableError."""

    is_remote = True

    def __init__(self, cluster: Cluster, kind: Collection, *, replicas: int) -> None:
        self._cluster = cluster
        self._index = cluster.names.key_values(kind.name)
        self._seconds = _SECONDS_IN_PASSING if kind.passes else _SECONDS
        settings: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": replicas}
        if kind.passes:  # A sync to disk at every request would be dear.
            settings["translog.durability"] = "async"
        make(cluster, self._index, {"settings": settings, "mappings": _MAPPINGS})

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:
        """See `Shelf.get`."""
        if seen is not None:
            found = self._ask("GET", namespace, name, asking={"_source": "false"})
            if found is not None and _version(found) == seen.version:
                return seen
        found = self._ask("GET", namespace, name)
        return None if found is None else _entry(found)

    def all(self, namespace: str) -> Sequence[Entry]:
        """See `Shelf.all`."""
        return [_entry(hit) for hit in self._found({"bool": {"filter": [{"term": {"drawer": namespace}}]}})]

    def drawers(self) -> Sequence[str]:
        """See `Shelf.drawers`."""
        self._cluster.refresh(self._index)
        found: list[str] = []
        body: dict[str, Any] = {"sort": [{"drawer": "asc"}], "size": 1, "_source": ["drawer"]}
        while True:
            body["query"] = {"range": {"drawer": {"gt": found[-1]}}} if found else {"match_all": {}}
            hits = self._cluster.ask("POST", f"{self._index}/_search", body, asking=_WHOLE)["hits"]["hits"]
            if not hits:
                return found
            found.append(hits[0]["_source"]["drawer"])

    def everything(self) -> Iterator[tuple[str, Entry]]:
        """See `Shelf.everything`."""
        return ((hit["_source"]["drawer"], _entry(hit)) for hit in self._found({"match_all": {}}))

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        """See `Shelf.put`."""
        body = {"drawer": namespace, "name": name, "value": json.dumps(value), "put": secrets.token_hex(8)}
        condition: Mapping[str, Any] = (
            {"op_type": "create"}
            if over is None
            else {"if_seq_no": over.version[0], "if_primary_term": over.version[1]}
        )
        told = self._ask("PUT", namespace, name, body, asking={**condition, **within(self._seconds)}, absent=_CONFLICT)
        if told is not None:
            return True
        found = self._ask("GET", namespace, name)
        # It may be ours: a request whose answer got lost is sent again.
        return found is not None and found["_source"]["put"] == body["put"]

    def remove(self, namespace: str, name: str) -> bool:
        """See `Shelf.remove`."""
        return self._ask("DELETE", namespace, name, asking=within(self._seconds)) is not None

    def close(self) -> None:
        """See `Shelf.close`. The cluster is closed by whoever opened it."""

    def _found(self, query: Any) -> Iterator[Any]:
        self._cluster.refresh(self._index)
        order = [{"drawer": "asc"}, {"name": "asc"}]
        body: dict[str, Any] = {"query": query, "sort": order, "size": MOST_HITS, "seq_no_primary_term": True}
        while True:
            hits = self._cluster.ask("POST", f"{self._index}/_search", body, asking=_WHOLE)["hits"]["hits"]
            yield from hits
            if len(hits) < MOST_HITS:
                return
            body["search_after"] = hits[-1]["sort"]

    def _ask(
        self,
        method: str,
        namespace: str,
        name: str,
        body: Any = None,
        *,
        asking: Mapping[str, Any] = _NOTHING_MORE,
        absent: int = _MISSING,
    ) -> Any:
        """Ask about the document of a name; None if the status of the answer is `absent`."""
        place = f"{self._index}/_doc/{key(f'{namespace}/{name}')}"
        return self._cluster.ask(method, place, body, asking=asking, absent=(absent,), seconds=self._seconds)


def _version(found: Any) -> tuple[int, int]:
    return found["_seq_no"], found["_primary_term"]


def _entry(found: Any) -> Entry:
    said = found["_source"]
    return Entry(said["name"], json.loads(said["value"]), _version(found))
