"""Deleting: gone at once from every answer, and from the disks of the cluster once its segments are merged.

An index of which nothing would be left is dropped, with all that it has on any disk. In others documents are deleted one by
one; `erase` then has the cluster write the segments anew in which they were. A copy may keep what it needs to bring another
copy up to date for some hours more (`index.soft_deletes`), which is the cluster's to decide.
"""

import secrets
import time
from dataclasses import replace

from casbah.activity import predicate as p
from casbah.activity.predicate import Predicate
from casbah.activity.scope import Scope
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
    """Deletes from one tenant."""

    def __init__(self, cluster: Cluster, scope: Scope, *, leases: Leases, feedback: Feedback) -> None:
        self._cluster = cluster
        self._scope = scope
        self._leases = leases
        self._feedback = feedback
        self._search = Search(cluster, scope)

    def delete(self, predicate: Predicate) -> int:
        """Delete what matches, with the feedback on it; how many activities that were.

        What is stored meanwhile stays. Others may write in between, so that a large deletion keeps nobody waiting.
        """
        with self._leases.lease(self._scope) as lease:
            last = lease.state.last
            matching = self._search.by_index(predicate)
            held = self._search.by_index(p.Everything())
            whole = [index for index, count in matching.items() if count == held[index]]
            marks = {f"{index}@{secrets.token_hex(4)}" for index in sorted(set(matching) - set(whole))}
            if matching:
                erasing = sorted({*lease.state.erasing, *marks})
                lease.keep(replace(lease.state, erasing=erasing, forgetting=True))
            for index in whole:
                lease.keep(lease.state)  # Whoever has the turn no more must not drop what others store.
                seconds = lease.seconds
                self._cluster.ask("DELETE", index, absent=(404,), asking=managed(seconds), seconds=seconds)
        if marks:
            self._delete_some(predicate, last)
        if matching:
            self._forget_feedback()
        return sum(matching.values())

    def compact(self) -> bool:
        """Have one more index written anew from which something was deleted; whether there is more to do."""
        state = self._leases.state(self._scope)
        if state.forgetting:
            self._forget_feedback()
        if not state.erasing:
            return False
        index = state.erasing[0].partition("@")[0]
        seen = {mark for mark in state.erasing if mark.partition("@")[0] == index}
        self._written_anew(index)
        with self._leases.lease(self._scope) as lease:
            left = [mark for mark in lease.state.erasing if mark not in seen]
            lease.keep(replace(lease.state, erasing=left))
        return bool(left)

    def _written_anew(self, index: str) -> None:
        """Have the segments of an index written anew in which something was deleted. It goes on, whatever happens here."""
        asking = {"only_expunge_deletes": "true", "wait_for_completion": "false"}
        begun = self._cluster.ask("POST", f"{index}/_forcemerge", asking=asking, absent=(404,))
        if begun is None:
            return
        while True:
            task = self._cluster.ask("GET", f"_tasks/{begun['task']}", absent=(404,))
            if task is None or "error" in task or task.get("response", {}).get("_shards", {}).get("failed"):
                raise ClusterUnreachableError(f"{index} could not be written anew")
            if task["completed"]:
                break
            time.sleep(_LOOK_SECONDS)
        self._cluster.ask("POST", f"{index}/_flush", absent=(404,))

    def _delete_some(self, predicate: Predicate, last: int) -> None:
        """Delete what is left of what matches, so much at a time."""
        after = 0
        while after < last:
            with self._leases.lease(self._scope) as lease:
                places = self._search.places(predicate, after=after, last=last, limit=_AT_ONCE)
                writes = [Write("delete", index, name) for _, index, name in places]
                refused = bulk.write(self._cluster, writes, lease).refused
                if refused:
                    raise ClusterUnreachableError(f"it does not delete: {refused[0][1]}")
                self._cluster.refresh(*(write.index for write in writes))
            after = places[-1][0] if len(places) == _AT_ONCE else last

    def _forget_feedback(self) -> None:
        """Delete the feedback on what is not there any more."""
        with self._leases.lease(self._scope) as lease:
            commented = self._feedback.activities(self._scope)
            gone = sorted(set(commented) - self._search.there(commented))
            writes = [write for each in gone for write in self._feedback.forgetting(each, self._scope)]
            if writes:
                bulk.write(self._cluster, writes, lease)
                self._cluster.refresh(self._cluster.names.feedback)
            lease.keep(replace(lease.state, forgetting=False))
