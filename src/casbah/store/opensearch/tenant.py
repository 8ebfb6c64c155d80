"""One tenant's activities on the cluster: one write queue, and searches."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.tenant import TenantId
from casbah.errors import ActivityNotFoundError
from casbah.store.contract import Changes, FeedbackEntry, Inserted, Inserter, PreparedByStore
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.compaction import Compaction
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.lease import Leases
from casbah.store.opensearch.search import Search
from casbah.store.opensearch.write_queue import WriteQueue


@dataclass(frozen=True, slots=True)
class Shared:
    """What all tenants of a store share."""

    cluster: Cluster
    leases: Leases
    feedback: Feedback
    writing: Executor
    clock: Callable[[], int]


class OpenSearchTenant(Search, Inserter):
    """See `Tenant`."""

    def __init__(self, tenant_id: TenantId, shared: Shared) -> None:
        super().__init__(shared.cluster, tenant_id)
        self._leases = shared.leases
        self._feedback = shared.feedback
        self._compaction = Compaction(shared.cluster, tenant_id, leases=shared.leases, feedback=shared.feedback)
        self._write_queue = WriteQueue(
            shared.cluster, tenant_id, leases=shared.leases, clock=shared.clock, writing=shared.writing
        )

    def changes(self, predicate: Predicate, /, *, after: int, limit: int, deadline: Deadline = NEVER) -> Changes:
        last = self.high_water_mark()  # Read before the search: it finds everything up to it, and perhaps more.
        return self.changes_up_to(predicate, after=after, last=last, limit=limit, deadline=deadline)

    def high_water_mark(self) -> int:
        return self._leases.state(self._tenant_id).settled

    def feedback(self, activity_id: str, /) -> Sequence[FeedbackEntry]:
        self._require_activity(activity_id)
        return self._feedback.of(activity_id, self._tenant_id)

    def ids_with_feedback(self) -> Sequence[str]:
        return self._feedback.activities(self._tenant_id)

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | PreparedByStore],
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  a cluster reserves no space
    ) -> Future[Inserted]:
        return self._write_queue.insert_soon(new_activities)

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, /, *, maximum: int | None = None) -> bool:
        self._require_activity(activity_id)
        if maximum is not None and self._feedback.count(activity_id, self._tenant_id) >= maximum:
            return False
        self._feedback.add(activity_id, entry, self._tenant_id)
        return True

    def replace(self, new_activities: Sequence[NewActivity], /) -> int:
        return self._write_queue.replace(new_activities)

    def delete(self, predicate: Predicate, /) -> int:
        return self._compaction.delete(predicate)

    def compact(self) -> bool:
        return self._compaction.compact()

    def _require_activity(self, activity_id: str) -> None:
        if self.fetch(activity_id) is None:
            raise ActivityNotFoundError
