"""Deletes hide an activity immediately; its bytes leave the cluster's disks when segments are merged.

An index that would become empty is dropped. In others documents are deleted one by one, and `compact` then has the cluster
rewrite the affected segments. Shard copies may keep deleted documents for some hours to bring other copies up to date
(`index.soft_deletes`), which is up to the cluster.
"""

import secrets
import time
from dataclasses import replace

from casbah.activity import predicate as p
from casbah.activity.predicate import Predicate
from casbah.activity.tenant import TenantId
from casbah.errors import ClusterUnreachableError
from casbah.store.opensearch import bulk
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import Cluster, managed
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.lease import Leases
from casbah.store.opensearch.search import Search

_AT_ONCE = 5_000
_LOOK_SECONDS = 0.2


class Compaction:
    """Deletes activities of one tenant and purges them."""

    def __init__(self, cluster: Cluster, tenant_id: TenantId, *, leases: Leases, feedback: Feedback) -> None:
        self._cluster = cluster
        self._tenant_id = tenant_id
        self._leases = leases
        self._feedback = feedback
        self._search = Search(cluster, tenant_id)

    def delete(self, predicate: Predicate) -> int:
        """Delete matching activities and their feedback. Returns how many activities.

        Activities stored meanwhile stay. A large deletion releases the lease in between, so that inserts need not wait.
        """
        with self._leases.lease(self._tenant_id) as lease:
            last = lease.state.last
            matching = self._search.by_index(predicate)
            held = self._search.by_index(p.Everything())
            whole = [index for index, count in matching.items() if count == held[index]]
            marks = {f"{index}@{secrets.token_hex(4)}" for index in sorted(set(matching) - set(whole))}
            if matching:
                erasing = sorted({*lease.state.erasing, *marks})
                lease.keep(replace(lease.state, erasing=erasing, forgetting=True))
            for index in whole:
                lease.keep(lease.state)  # Without the lease, this could drop what others store.
                seconds = lease.seconds
                self._cluster.ask("DELETE", index, absent=(404,), asking=managed(seconds), seconds=seconds)
        if marks:
            self._delete_some(predicate, last)
        if matching:
            self._forget_feedback()
        return sum(matching.values())

    def compact(self) -> bool:
        """Purge one index. Returns whether there is more to do."""
        state = self._leases.state(self._tenant_id)
        if state.forgetting:
            self._forget_feedback()
        if not state.erasing:
            return False
        index = state.erasing[0].partition("@")[0]
        seen = {mark for mark in state.erasing if mark.partition("@")[0] == index}
        self._expunge(index)
        with self._leases.lease(self._tenant_id) as lease:
            left = [mark for mark in lease.state.erasing if mark not in seen]
            lease.keep(replace(lease.state, erasing=left))
        return bool(left)

    def _expunge(self, index: str) -> None:
        """Have the cluster rewrite the segments with deleted documents. Its task continues even if this process ends."""
        asking = {"only_expunge_deletes": "true", "wait_for_completion": "false"}
        begun = self._cluster.ask("POST", f"{index}/_forcemerge", asking=asking, absent=(404,))
        if begun is None:
            return
        while True:
            task = self._cluster.ask("GET", f"_tasks/{begun['task']}", absent=(404,))
            if task is None or "error" in task or task.get("response", {}).get("_shards", {}).get("failed"):
                raise ClusterUnreachableError(f"{index} could not be compacted")
            if task["completed"]:
                break
            time.sleep(_LOOK_SECONDS)
        self._cluster.ask("POST", f"{index}/_flush", absent=(404,))

    def _delete_some(self, predicate: Predicate, last: int) -> None:
        """Delete the remaining matches, in chunks."""
        after = 0
        while after < last:
            with self._leases.lease(self._tenant_id) as lease:
                places = self._search.places(predicate, after=after, last=last, limit=_AT_ONCE)
                writes = [Write("delete", index, name) for _, index, name in places]
                refused = bulk.write(self._cluster, writes, lease).refused
                if refused:
                    raise ClusterUnreachableError(f"it refuses a deletion: {refused[0][1]}")
                self._cluster.refresh(*(write.index for write in writes))
            after = places[-1][0] if len(places) == _AT_ONCE else last

    def _forget_feedback(self) -> None:
        """Delete the feedback on activities that no longer exist."""
        with self._leases.lease(self._tenant_id) as lease:
            commented = self._feedback.activities(self._tenant_id)
            gone = sorted(set(commented) - self._search.existing(commented))
            writes = [
                write for activity_id in gone for write in self._feedback.forgetting(activity_id, self._tenant_id)
            ]
            if writes:
                bulk.write(self._cluster, writes, lease)
                self._cluster.refresh(self._cluster.names.feedback)
            lease.keep(replace(lease.state, forgetting=False))
