"""The store on a cluster, in a process that is not its server's writer: it searches by itself, and inserts through the writer.

Any process could insert, but each would need the lease of the tenant in turn. The writer stores what all processes send it
with one lease. It has also claimed the cluster, so a replica asks nothing of it at its start.
"""

from casbah.activity.tenant import TenantId
from casbah.store.contract import Inserter, InsertingStore
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.document import columns, prepared
from casbah.store.opensearch.search import Search
from casbah.store.prepared import ReplicaInserter


class OpenSearchReplica:
    """See `ReplicaStore`. `writer` inserts."""

    is_remote = True
    prepare = staticmethod(prepared)

    def __init__(self, cluster: Cluster, writer: InsertingStore) -> None:
        self._cluster = cluster
        self._writer = writer

    def tenant(self, tenant_id: TenantId, /) -> "OpenSearchReplicaTenant":
        return OpenSearchReplicaTenant(tenant_id, self._cluster, self._writer)

    def opening(self, _tenant_id: TenantId, /) -> None:
        """See `ReplicaStore.opening`."""

    def keep_up(self) -> None:
        """Nothing to do: the cluster is asked for each answer."""

    def close(self) -> None:
        self._cluster.close()


class OpenSearchReplicaTenant(Search, ReplicaInserter):
    """One tenant's activities, which the writer inserts."""

    columns = staticmethod(columns)

    def __init__(self, tenant_id: TenantId, cluster: Cluster, writer: InsertingStore) -> None:
        super().__init__(cluster, tenant_id)
        self._writer = writer

    @property
    def owner(self) -> Inserter:
        return self._writer.tenant(self._tenant_id)
