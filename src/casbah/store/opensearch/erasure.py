"""Deleting: gone at once from every answer, and from the disks of the cluster once its segments are merged.

An index of which nothing would be left is dropped, with all that it has on any disk. In others documents are deleted one by
one; `erase` then has the cluster write the segments anew in which they were. A copy may keep what it needs to bring another
copy up to date for some hours more (`index.soft_deletes`), which is the cluster's to decide.
"""

from dataclasses import replace

from casbah.activity import predicate as p
from casbah.activity.predicate import Predicate
from casbah.activity.scope import Scope
from casbah.errors import UnreachableError
from casbah.store.opensearch import bulk
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.search import Search
from casbah.store.opensearch.turn import Turn, Turns

_AT_ONCE = 5_000
_LONG = 3_600.0


class Erasure:
    """Deletes from one tenant."""

    def __init__(self, cluster: Cluster, scope: Scope, *, turns: Turns, feedback: Feedback) -> None:
        self._cluster = cluster
        self._scope = scope
        self._turns = turns
        self._feedback = feedback
        self._search = Search(cluster, scope)

    def delete(self, predicate: Predicate) -> int:
        """Delete what matches, with the feedback on it; how many activities that were."""
        with self._turns.turn(self._scope) as turn:
            matching = self._search.by_index(predicate)
            held = self._search.by_index(p.Everything())
            whole = [index for index, count in matching.items() if count == held[index]]
            parts = sorted(set(matching) - set(whole))
            if parts:
                turn.keep(replace(turn.state, erasing=sorted({*turn.state.erasing, *parts})))
            for index in whole:
                turn.renew()
                self._cluster.ask("DELETE", index, absent=(404,), seconds=turn.seconds)
            self._delete_some(predicate, turn)
            if matching:
                self._forget_feedback(turn)
        return sum(matching.values())

    def erase(self) -> bool:
        """Have one more index written anew from which something was deleted; whether there is more to do."""
        waiting = self._turns.state(self._scope).erasing
        if not waiting:
            return False
        index = waiting[0]
        for path in (f"{index}/_forcemerge", f"{index}/_flush"):
            also = {"only_expunge_deletes": "true"} if path.endswith("_forcemerge") else {}
            self._cluster.ask("POST", path, asking=also, absent=(404,), seconds=_LONG)
        with self._turns.turn(self._scope) as turn:
            left = [each for each in turn.state.erasing if each != index]
            turn.keep(replace(turn.state, erasing=left))
        return bool(left)

    def _delete_some(self, predicate: Predicate, turn: Turn) -> None:
        """Delete what is left of what matches, so much at a time."""
        after = 0
        while places := self._search.places(predicate, after=after, limit=_AT_ONCE):
            writes = [Write("delete", index, name) for _, index, name in places]
            refused = bulk.write(self._cluster, writes, turn).refused
            if refused:
                raise UnreachableError(f"it does not delete: {refused[0][1]}")
            self._cluster.refresh(*(each.index for each in writes))
            after = places[-1][0]

    def _forget_feedback(self, turn: Turn) -> None:
        """Delete the feedback on what is not there any more."""
        writes = [
            write
            for activity_id in self._feedback.activities(self._scope)
            if self._search.fetch(activity_id) is None
            for write in self._feedback.forgetting(activity_id, self._scope)
        ]
        if writes:
            bulk.write(self._cluster, writes, turn)
            self._cluster.refresh(self._cluster.names.feedback)
