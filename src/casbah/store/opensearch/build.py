"""Builds the parts of the application that are on an OpenSearch cluster.

`compose` imports this only where a cluster is configured: the client takes as long to load as half of all the rest.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from casbah.base.key_value import Collection, KeyValueStores
from casbah.setting_parsers import ClusterAddress
from casbah.settings import Settings
from casbah.store.contract import Finding
from casbah.store.embedded.replica import Owner
from casbah.store.opensearch import health
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.key_value import ClusterKeyValueStore
from casbah.store.opensearch.replica import OpenSearchReplica
from casbah.store.opensearch.store import OpenSearchStore


def store(
    address: ClusterAddress, settings: Settings, *, clock: Callable[[], int], to_copy: bool = False
) -> OpenSearchStore:
    """The store on a cluster, open. The caller closes it. Raises ClusterUnreachableError."""
    cluster, replicas = _cluster(address, settings), settings.cluster_replicas
    return OpenSearchStore(cluster, clock=clock, replicas=replicas, to_copy=to_copy)


def replica(address: ClusterAddress, settings: Settings, owner: Owner) -> OpenSearchReplica:
    """The store as a worker sees it. The caller closes it."""
    return OpenSearchReplica(_cluster(address, settings), owner)


@contextmanager
def key_values(address: ClusterAddress, settings: Settings) -> Iterator[KeyValueStores]:
    """Opens key-value stores by kind, which all servers of a cluster share."""
    with closing(_cluster(address, settings)) as cluster:

        def opened(kind: Collection) -> ClusterKeyValueStore:
            return ClusterKeyValueStore(cluster, kind, replicas=settings.cluster_replicas)

        yield opened


def diagnose(address: ClusterAddress, settings: Settings) -> Iterator[Finding]:
    """Findings about the cluster. Raises ClusterUnreachableError."""
    with closing(_cluster(address, settings)) as cluster:
        yield from health.examined(cluster)


def _cluster(address: ClusterAddress, settings: Settings) -> Cluster:
    ca = None if settings.cluster_ca is None else str(settings.cluster_ca)
    return Cluster(address, password=settings.cluster_password, ca=ca)
