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
from casbah.errors import UnreachableError
from casbah.store.opensearch import bulk
from casbah.store.opensearch.bulk import Write
from casbah.store.opensearch.cluster import Cluster, managed
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.search import Search
from casbah.store.opensearch.turn import Turns

_AT_ONCE = 5_000
_LOOK_SECONDS = 0.2


class Erasure:
    """Deletes from one tenant."""

    def __init__(self, cluster: Cluster, scope: Scope, *, turns: Turns, feedback: Feedback) -> None:
        self._cluster = cluster
        self._scope = scope
        self._turns = turns
        self._feedback = feedback
        self._search = Search(cluster, scope)

    def delete(self, predicate: Predicate) -> int:
        """Delete what matches, with the feedback on it; how many activities that were.

        What is stored meanwhile stays. Others may write in between, so that a large deletion keeps nobody waiting.
        """
        with self._turns.turn(self._scope) as turn:
            last = turn.state.last
            matching = self._search.by_index(predicate)
            held = self._search.by_index(p.Everything())
            whole = [index for index, count in matching.items() if count == held[index]]
            marks = {f"{index}@{secrets.token_hex(4)}" for index in sorted(set(matching) - set(whole))}
            if matching:
                erasing = sorted({*turn.state.erasing, *marks})
                turn.keep(replace(turn.state, erasing=erasing, forgetting=True))
            for index in whole:
                turn.keep(turn.state)  # Whoever has the turn no more must not drop what others store.
                seconds = turn.seconds
                self._cluster.ask("DELETE", index, absent=(404,), asking=managed(seconds), seconds=seconds)
        if marks:
            self._delete_some(predicate, last)
        if matching:
            self._forget_feedback()
        return sum(matching.values())

    def erase(self) -> bool:
        """Have one more index written anew from which something was deleted; whether there is more to do."""
        state = self._turns.state(self._scope)
        if state.forgetting:
            self._forget_feedback()
        if not state.erasing:
            return False
        index = state.erasing[0].partition("@")[0]
        seen = {mark for mark in state.erasing if mark.partition("@")[0] == index}
        self._written_anew(index)
        with self._turns.turn(self._scope) as turn:
            left = [mark for mark in turn.state.erasing if mark not in seen]
            turn.keep(replace(turn.state, erasing=left))
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
                raise UnreachableError(f"{index} could not be written anew")
            if task["completed"]:
                break
            time.sleep(_LOOK_SECONDS)
        self._cluster.ask("POST", f"{index}/_flush", absent=(404,))

    def _delete_some(self, predicate: Predicate, last: int) -> None:
        """Delete what is left of what matches, so much at a time."""
        after = 0
        while after < last:
            with self._turns.turn(self._scope) as turn:
                places = self._search.places(predicate, after=after, last=last, limit=_AT_ONCE)
                writes = [Write("delete", index, name) for _, index, name in places]
                refused = bulk.write(self._cluster, writes, turn).refused
                if refused:
                    raise UnreachableError(f"it does not delete: {refused[0][1]}")
                self._cluster.refresh(*(each.index for each in writes))
            after = places[-1][0] if len(places) == _AT_ONCE else last

    def _forget_feedback(self) -> None:
        """Delete the feedback on what is not there any more."""
        with self._turns.turn(self._scope) as turn:
            commented = self._feedback.activities(self._scope)
            gone = sorted(set(commented) - self._search.there(commented))
            writes = [write for each in gone for write in self._feedback.forgetting(each, self._scope)]
            if writes:
                bulk.write(self._cluster, writes, turn)
                self._cluster.refresh(self._cluster.names.feedback)
            turn.keep(replace(turn.state, forgetting=False))
