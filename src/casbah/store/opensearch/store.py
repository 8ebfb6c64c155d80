"""The store on an OpenSearch cluster, which any number of servers may share.

<prefix>~activities            the template of the indices below
<prefix>~<tenant>~<period>     one index per partition of 2^31 ms, behind the alias <prefix>~<tenant>
<prefix>~_tenants              one document per tenant: sequence numbers and lease holder (`lease`)
<prefix>~_feedback             feedback on activities
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.scope import Scope
from casbah.errors import ActivityNotFoundError, NotOnClusterError
from casbah.store.contract import Changes, FeedbackEntry, Inserted, Prepared
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.compaction import Compaction
from casbah.store.opensearch.document import prepared
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.lease import Leases
from casbah.store.opensearch.search import Search
from casbah.store.opensearch.templates import claim
from casbah.store.opensearch.write_queue import WriteQueue
from casbah.store.reading import Reading

_WRITERS = 16
"""How many tenants are written concurrently; a writer may have to wait for a lease held by another server."""


class OpenSearchStore(Reading):
    """See `Store`. Opens the cluster, or raises UnreachableError or StoreFormatError. Thread-safe."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], int], replicas: int = 1) -> None:
        self._cluster = cluster
        self._clock = clock
        self._leases = Leases(cluster)
        self._feedback = Feedback(cluster)
        claim(cluster, replicas=replicas)
        self._writing = ThreadPoolExecutor(_WRITERS, thread_name_prefix="casbah-writer")
        self._opening = threading.Lock()
        self._write_queues: dict[str, WriteQueue] = {}

    is_remote = True
    prepare = staticmethod(prepared)

    def opening(self, _scope: Scope, /) -> None:
        """See `Store.opening`."""

    def insert(self, new_activities: Iterable[NewActivity | Prepared], scope: Scope, /) -> Inserted:
        """See `Store.insert`."""
        return self.insert_soon(new_activities, scope).result()

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | Prepared],
        scope: Scope,
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  a cluster reserves no space
    ) -> Future[Inserted]:
        """See `Store.insert_soon`."""
        return self._write_queue(scope).insert(new_activities)

    def replace(self, new_activities: Sequence[NewActivity], scope: Scope, /) -> int:
        """See `Store.replace`."""
        return self._write_queue(scope).replace(new_activities)

    def changes(
        self, predicate: Predicate, scope: Scope, /, *, after: int, limit: int, deadline: Deadline = NEVER
    ) -> Changes:
        """See `Store.changes`."""
        # Read the mark first: what is visible afterwards includes everything up to it, and perhaps more.
        last = self.high_water_mark(scope)
        return self._search(scope).changes(predicate, after=after, last=last, limit=limit, deadline=deadline)

    def high_water_mark(self, scope: Scope, /) -> int:
        """See `Store.high_water_mark`."""
        return self._leases.state(scope).settled

    def fetch(self, activity_id: str, scope: Scope, /) -> bytes | None:
        """See `Store.fetch`."""
        return self._search(scope).fetch(activity_id)

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, scope: Scope, /, *, most: int | None = None) -> bool:
        """See `Store.add_feedback`."""
        self._require_activity(activity_id, scope)
        if most is not None and self._feedback.count(activity_id, scope) >= most:
            return False
        self._feedback.add(activity_id, entry, scope)
        return True

    def feedback(self, activity_id: str, scope: Scope, /) -> Sequence[FeedbackEntry]:
        """See `Store.feedback`."""
        self._require_activity(activity_id, scope)
        return self._feedback.of(activity_id, scope)

    def ids_with_feedback(self, scope: Scope, /) -> Sequence[str]:
        """See `Store.ids_with_feedback`."""
        return self._feedback.activities(scope)

    def delete(self, predicate: Predicate, scope: Scope, /) -> int:
        """See `Store.delete`."""
        return self._compaction(scope).delete(predicate)

    def compact(self, scope: Scope, /) -> bool:
        """See `Store.compact`."""
        return self._compaction(scope).compact()

    def tenants(self) -> Sequence[str]:
        """See `Store.tenants`."""
        return self._leases.tenants()

    def unwritable(self) -> None:
        """See `Store.unwritable`. A full cluster reports it itself, in the answer to each request."""

    def snapshot(self, _into: Path, /) -> Mapping[str, int]:
        """A cluster's data does not fit a folder. Raises NotOnClusterError."""
        raise NotOnClusterError("a snapshot", "take one with the cluster's own tools, or `casbah copy` the activities")

    def close(self) -> None:
        """See `Store.close`."""
        self._leases.closing = True
        self._writing.shutdown()
        self._cluster.close()

    def _search(self, scope: Scope) -> Search:
        return Search(self._cluster, scope)

    def _compaction(self, scope: Scope) -> Compaction:
        return Compaction(self._cluster, scope, leases=self._leases, feedback=self._feedback)

    def _write_queue(self, scope: Scope) -> WriteQueue:
        with self._opening:
            if scope.tenant not in self._write_queues:
                self._write_queues[scope.tenant] = WriteQueue(
                    self._cluster, scope, leases=self._leases, clock=self._clock, writing=self._writing
                )
            return self._write_queues[scope.tenant]

    def _require_activity(self, activity_id: str, scope: Scope) -> None:
        if self.fetch(activity_id, scope) is None:
            raise ActivityNotFoundError
