"""Feedback on activities: one document per entry, in one index for all tenants."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.store.contract import FeedbackEntry
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import MAX_HITS, Cluster
from casbah.store.opensearch.document import key

_ALL = {"allow_partial_search_results": "false"}


class Feedback:
    """The entries of all tenants."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._index = cluster.names.feedback

    def add(self, activity_id: str, entry: FeedbackEntry, tenant_id: TenantId) -> None:
        """Append an entry; durable and visible on return."""
        body = {
            "tenant": tenant_id.name,
            "activity": key(activity_id),
            "activity_id": activity_id,
            "at": entry.at,
            "order": time.time_ns(),
            "who": entry.who,
            "what": entry.what.decode(),
        }
        self._cluster.ask("PUT", f"{self._index}/_doc/{secrets.token_hex(16)}", body, asking={"refresh": "true"})

    def count(self, activity_id: str, tenant_id: TenantId) -> int:
        """The number of entries on an activity."""
        query = _within(tenant_id, {"terms": {"activity": [key(activity_id)]}})
        return int(self._cluster.ask("POST", f"{self._index}/_count", {"query": query})["count"])

    def of(self, activity_id: str, tenant_id: TenantId) -> Sequence[FeedbackEntry]:
        """The entries of an activity, oldest first."""
        entries = self._entries(tenant_id, {"terms": {"activity": [key(activity_id)]}})
        return tuple(FeedbackEntry(entry["at"], entry["who"], entry["what"].encode()) for _, entry in entries)

    def activities(self, tenant_id: TenantId) -> Sequence[str]:
        """The ids of all activities with feedback."""
        return list(dict.fromkeys(entry["activity_id"] for _, entry in self._entries(tenant_id, {"match_all": {}})))

    def forgetting(self, activity_id: str, tenant_id: TenantId) -> list[Write]:
        """The writes that delete the entries of an activity."""
        entries = self._entries(tenant_id, {"terms": {"activity": [key(activity_id)]}})
        return [Write("delete", self._index, name) for name, _ in entries]

    def _entries(self, tenant_id: TenantId, query: Any) -> list[tuple[str, Any]]:
        """The document id and source of every entry of a tenant that matches a query."""
        sort = [{"order": "asc"}, {"at": "asc"}]
        body: dict[str, Any] = {"query": _within(tenant_id, query), "sort": sort, "size": MAX_HITS}
        entries: list[tuple[str, Any]] = []
        while True:
            hits = self._cluster.ask("POST", f"{self._index}/_search", body, asking=_ALL)["hits"]["hits"]
            entries += [(hit["_id"], hit["_source"]) for hit in hits]
            if len(hits) < MAX_HITS:
                return entries
            body["search_after"] = hits[-1]["sort"]


def _within(tenant_id: TenantId, query: Any) -> Any:
    return {"bool": {"filter": [{"term": {"tenant": tenant_id.name}}, query]}}
