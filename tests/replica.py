"""A replica, and what it leaves to the store's owner, to hold both together to the same contract."""

from typing import Any

from casbah.activity.tenant import TenantId
from casbah.store.embedded.replica import EmbeddedReplica
from casbah.store.embedded.store import EmbeddedStore

REPLICATED = (
    "find",
    "scan",
    "count",
    "top_values",
    "histogram",
    "groups",
    "totals",
    "latest",
    "fetch",
    "insert",
    "insert_soon",
)
"""What a replica's tenant does itself."""


class Replicated:
    """See `Store`: tenants do what `REPLICATED` names in the replica, and the rest in the owner."""

    def __init__(self, owner: EmbeddedStore) -> None:
        self.owner = owner
        self.replica = EmbeddedReplica(owner._folder.parent, owner.changes, owner, cache=10_000_000)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.owner, name)

    def tenant(self, tenant_id: TenantId, /) -> "ReplicatedTenant":
        """See `Store.tenant`."""
        return ReplicatedTenant(self.replica.tenant(tenant_id), self.owner.tenant(tenant_id))

    def close(self) -> None:
        """Both."""
        self.replica.close()
        self.owner.close()


class ReplicatedTenant:
    """See `Tenant`."""

    def __init__(self, replica: Any, owner: Any) -> None:
        self._owner = owner
        for name in REPLICATED:
            setattr(self, name, getattr(replica, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)
