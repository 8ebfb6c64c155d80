"""A read replica of the embedded store in another process. It reads the owner's files and forwards inserts to the owner.

Whatever the owner acknowledges is visible here from then on. On every change the owner increments a counter in shared memory,
before it answers anyone. A replica that sees a new count asks the owner for the state of its partitions and reloads the changed
ones.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.errors import StoreClosedError
from casbah.shared import SharedCount
from casbah.store import contract
from casbah.store.contract import Inserted
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.document import columns, prepared
from casbah.store.embedded.lazy_registry import LazyRegistry
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import DICTIONARIES, MOST_HANDED_OUT, PERIODS, State
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.search import Search
from casbah.store.embedded.searcher import Limits, PartitionSearcher
from casbah.store.entry import Prepared, ready


@dataclass(frozen=True, slots=True)
class Followed:
    """What a replica needs: the folder of the tenants, and the shared counter of changes."""

    folder: Path
    changes: SharedCount


class Owner(Protocol):
    """What a replica needs of the owner, which is an `EmbeddedStore`."""

    def state(self, tenant: str, /) -> State:
        """The state of a tenant's partitions."""

    def tenant(self, tenant_id: TenantId, /) -> "OwnerTenant":
        """A tenant's activities, to insert into."""


class OwnerTenant(Protocol):
    """What a replica needs of a tenant in the store's owner."""

    def insert_soon(self, entries: Sequence[Prepared], /) -> Future[Inserted]:
        """See `Writer.insert_soon`."""


class FollowingStore:
    """A replica of a store in another process. Its tenants are Readers of what is visible, and insert through the owner."""

    is_remote = False
    prepare = staticmethod(prepared)

    def __init__(self, followed: Followed, owner: Owner, *, cache: int) -> None:
        self._followed = followed
        self._owner = owner
        self._cache = Cache(cache)
        self._tenants = LazyRegistry(self._open)

    def tenant(self, tenant_id: TenantId, /) -> "FollowingTenant":
        return self._tenants.get(tenant_id.name)

    def opening(self, tenant_id: TenantId, /) -> Future[Any] | None:
        return self._tenants.opening(tenant_id.name)

    def keep_up(self) -> None:
        """Make visible what has changed in every open tenant, so that deleted files are released."""
        for tenant in self._tenants.all():
            tenant.visible()

    def close(self) -> None:
        for tenant in self._tenants.close() or ():
            tenant.close()

    def _open(self, name: str) -> "FollowingTenant":
        tenant = FollowingTenant(name, self._followed, self._owner, self._cache)
        tenant.visible()
        return tenant


class FollowingTenant(Search):
    """One tenant's partitions, as the owner has them."""

    def __init__(self, name: str, followed: Followed, owner: Owner, cache: Cache) -> None:
        super().__init__(self.visible)
        self._name = name
        self._folder = followed.folder / name
        self._changes = followed.changes
        self._owner = owner
        self._cache = cache
        self._codec = RecordCodec(self._folder / DICTIONARIES)
        self._looking = threading.Lock()
        self._looked_at = -1
        self._partitions: dict[int, Partition] = {}
        self._closed = False

    def insert(self, new_activities: Iterable[NewActivity | contract.Prepared], /) -> Inserted:
        return self.insert_soon(new_activities).result()

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | contract.Prepared],
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  only the owner inserts what is urgent
    ) -> Future[Inserted]:
        if self._closed:
            raise StoreClosedError
        entries = [ready(new_activity, columns) for new_activity in new_activities]
        return self._owner.tenant(TenantId(self._name)).insert_soon(entries)

    def close(self) -> None:
        """Calls after this raise StoreClosedError."""
        self._closed = True

    def visible(self) -> Sequence[PartitionSearcher]:
        """Every partition as the owner sees it, or later; oldest first."""
        if self._closed:
            raise StoreClosedError
        with self._looking:
            changes = self._changes.value  # Read first, so that changes made meanwhile are seen next time.
            if changes != self._looked_at:
                self._look()
                self._looked_at = changes
            for partition in self._partitions.values():
                if partition.searcher.handed_out > MOST_HANDED_OUT:
                    # A reopened index may hold more, so reload it fully.
                    partition.follow(partial(self._limits, partition.number))
            return [self._partitions[number].searcher for number in sorted(self._partitions)]

    def _look(self) -> None:
        for number, generation, _ in self._owner.state(self._name):
            limits = partial(self._limits, number)
            partition = self._partitions.get(number)
            if partition is None:
                folder = self._folder / PERIODS / f"{number:04d}"
                partition = Partition(folder, number, codec=self._codec, cache=self._cache, limits=limits)
                self._partitions[number] = partition
            elif partition.generation != generation:
                partition.follow(limits)
            partition.generation = generation

    def _limits(self, number: int) -> Limits:
        return next(limits for candidate, _, limits in self._owner.state(self._name) if candidate == number)
