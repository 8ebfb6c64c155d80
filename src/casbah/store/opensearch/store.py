"""The store on an OpenSearch cluster, which any number of servers may share.

<prefix>~activities            the template of the indices below
<prefix>~<tenant>~<period>     one index per partition of 2^31 ms, behind the alias <prefix>~<tenant>
<prefix>~_tenants              one document per tenant: sequence numbers and lease holder (`lease`)
<prefix>~_feedback             feedback on activities
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from casbah.activity.tenant import TenantId
from casbah.errors import NotOnClusterError
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.document import prepared
from casbah.store.opensearch.feedback import Feedback
from casbah.store.opensearch.lease import Leases
from casbah.store.opensearch.templates import claim
from casbah.store.opensearch.tenant import OpenSearchTenant, Shared

_WRITERS = 16
"""Tenants that are written to at once; one of them may wait for a lease that another server has."""


class OpenSearchStore:
    """See `Store`. Opens the cluster, or raises ClusterUnreachableError or StoreFormatError.

    If it is opened only `to_copy` it, it may have an older format: records and their order are the same in all.
    """

    def __init__(self, cluster: Cluster, *, clock: Callable[[], int], replicas: int = 1, to_copy: bool = False) -> None:
        self._shared = Shared(
            cluster=cluster,
            leases=Leases(cluster),
            feedback=Feedback(cluster),
            writing=ThreadPoolExecutor(_WRITERS, thread_name_prefix="casbah-writer"),
            clock=clock,
        )
        claim(cluster, replicas=replicas, to_copy=to_copy)
        self._opening = threading.Lock()
        self._tenants: dict[str, OpenSearchTenant] = {}

    is_remote = True
    prepare = staticmethod(prepared)

    def tenant(self, tenant_id: TenantId, /) -> OpenSearchTenant:
        with self._opening:
            if tenant_id.name not in self._tenants:
                self._tenants[tenant_id.name] = OpenSearchTenant(tenant_id, self._shared)
            return self._tenants[tenant_id.name]

    def opening(self, _tenant_id: TenantId, /) -> None:
        """See `Store.opening`."""

    def tenants(self) -> Sequence[str]:
        return self._shared.leases.tenants()

    def tenants_to_compact(self) -> Sequence[str]:
        return [name for name in self.tenants() if self._shared.leases.state(TenantId(name)).needs_compaction]

    def unwritable(self) -> None:
        """See `Store.unwritable`. A cluster that is full says so itself, to each request."""

    def make_room(self) -> None:
        """See `Store.make_room`. A cluster's disks are its own."""

    def snapshot(self, _into: Path, /) -> Mapping[str, int]:
        """A cluster's data does not fit a folder. Raises NotOnClusterError."""
        raise NotOnClusterError

    def close(self) -> None:
        self._shared.leases.closing = True
        self._shared.writing.shutdown()
        self._shared.cluster.close()
