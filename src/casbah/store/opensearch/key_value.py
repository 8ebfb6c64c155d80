"""The key-value store on a cluster, shared by all servers: one document per entry, one index per collection."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from casbah.base.key_value import Collection, Entry, Value
from casbah.store.opensearch.cluster import MAX_HITS, Cluster, within
from casbah.store.opensearch.document import key
from casbah.store.opensearch.templates import make

_CONFLICT, _MISSING = 409, 404
_NOTHING_MORE: Mapping[str, Any] = {}
_MAPPINGS = {"dynamic": False, "properties": {name: {"type": "keyword"} for name in ("drawer", "name")}}
_SECONDS, _EPHEMERAL_SECONDS = 20.0, 5.0
"""How long one request may take; every HTTP request reads the ephemeral collection."""

_WHOLE = {"allow_partial_search_results": "false"}


class ClusterKeyValueStore:
    """See `KeyValueStore`. Raises ClusterUnreachableError."""

    is_remote = True

    def __init__(self, cluster: Cluster, kind: Collection, *, replicas: int) -> None:
        self._cluster = cluster
        self._index = cluster.names.key_values(kind.name)
        self._seconds = _EPHEMERAL_SECONDS if kind.ephemeral else _SECONDS
        settings: dict[str, Any] = {"number_of_shards": 1, "number_of_replicas": replicas}
        if kind.ephemeral:  # An fsync per request would be expensive.
            settings["translog.durability"] = "async"
        make(cluster, self._index, {"settings": settings, "mappings": _MAPPINGS})

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:
        if seen is not None:
            current = self._ask("GET", namespace, name, asking={"_source": "false"})
            if current is not None and _version(current) == seen.version:
                return seen
        hit = self._ask("GET", namespace, name)
        return None if hit is None else _entry(hit)

    def all(self, namespace: str) -> Sequence[Entry]:
        return [_entry(hit) for hit in self._hits({"bool": {"filter": [{"term": {"drawer": namespace}}]}})]

    def namespaces(self) -> Sequence[str]:
        self._cluster.refresh(self._index)
        namespaces: list[str] = []
        body: dict[str, Any] = {"sort": [{"drawer": "asc"}], "size": 1, "_source": ["drawer"]}
        while True:
            body["query"] = {"range": {"drawer": {"gt": namespaces[-1]}}} if namespaces else {"match_all": {}}
            hits = self._cluster.ask("POST", f"{self._index}/_search", body, asking=_WHOLE)["hits"]["hits"]
            if not hits:
                return namespaces
            namespaces.append(hits[0]["_source"]["drawer"])

    def everything(self) -> Iterator[tuple[str, Entry]]:
        return ((hit["_source"]["drawer"], _entry(hit)) for hit in self._hits({"match_all": {}}))

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        body = {"drawer": namespace, "name": name, "value": json.dumps(value), "put": secrets.token_hex(8)}
        condition: Mapping[str, Any] = (
            {"op_type": "create"}
            if over is None
            else {"if_seq_no": over.version[0], "if_primary_term": over.version[1]}
        )
        answer = self._ask(
            "PUT", namespace, name, body, asking={**condition, **within(self._seconds)}, absent=_CONFLICT
        )
        if answer is not None:
            return True
        current = self._ask("GET", namespace, name)
        # The conflict may be with our own write: a request is sent again if its answer got lost.
        return current is not None and current["_source"]["put"] == body["put"]

    def remove(self, namespace: str, name: str) -> bool:
        return self._ask("DELETE", namespace, name, asking=within(self._seconds)) is not None

    def close(self) -> None:
        """See `KeyValueStore.close`. The caller that opened the cluster closes it."""

    def _hits(self, query: Any) -> Iterator[Any]:
        self._cluster.refresh(self._index)
        order = [{"drawer": "asc"}, {"name": "asc"}]
        body: dict[str, Any] = {"query": query, "sort": order, "size": MAX_HITS, "seq_no_primary_term": True}
        while True:
            hits = self._cluster.ask("POST", f"{self._index}/_search", body, asking=_WHOLE)["hits"]["hits"]
            yield from hits
            if len(hits) < MAX_HITS:
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
        """A request for the document of a name; None if the status of the answer is `absent`."""
        place = f"{self._index}/_doc/{key(f'{namespace}/{name}')}"
        return self._cluster.ask(method, place, body, asking=asking, absent=(absent,), seconds=self._seconds)


def _version(hit: Any) -> tuple[int, int]:
    return hit["_seq_no"], hit["_primary_term"]


def _entry(hit: Any) -> Entry:
    source = hit["_source"]
    return Entry(source["name"], json.loads(source["value"]), _version(hit))
