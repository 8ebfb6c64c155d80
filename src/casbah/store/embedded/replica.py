"""A read replica of the embedded store in another process. It reads the owner's files and forwards inserts to the owner.

Whatever the owner acknowledges is visible here from then on. On every change the owner increments a counter in shared memory,
before it answers anyone. A replica that sees a new count asks the owner for the state of its partitions and reloads the changed
ones. If the owner is gone, the replica reads what is on disk: all that the owner has acknowledged, and what it was about to.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from casbah.activity.tenant import TENANTS, TenantId
from casbah.base.shared import SharedCount
from casbah.errors import StoreClosedError, UnavailableError
from casbah.store.contract import Inserter, InsertingStore
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.document import columns, prepared
from casbah.store.embedded.lazy_registry import LazyRegistry
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import DICTIONARIES, MAX_HANDED_OUT, PERIODS, State, numbered
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.search import Search
from casbah.store.embedded.searcher import Limits, PartitionSearcher
from casbah.store.embedded.segment_files import META
from casbah.store.embedded.verified_files import VerifiedFiles
from casbah.store.prepared import ReplicaInserter

log = logging.getLogger("casbah.store")


class Owner(InsertingStore, Protocol):
    """What a replica needs of the owner, which is an `EmbeddedStore`."""

    def state(self, tenant: str, /) -> State:
        """The state of a tenant's partitions. Raises UnavailableError if the owner is gone."""


class EmbeddedReplica:
    """A replica of the store in a folder, which another process owns. It inserts through the owner, which counts `changes`."""

    is_remote = False
    prepare = staticmethod(prepared)

    def __init__(self, folder: Path, changes: SharedCount, owner: Owner, *, cache: int) -> None:
        self._folder = folder / TENANTS
        self._changes = changes
        self._owner = owner
        self._cache = Cache(cache)
        self._tenants = LazyRegistry(self._open)

    def tenant(self, tenant_id: TenantId, /) -> "EmbeddedReplicaTenant":
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

    def _open(self, name: str) -> "EmbeddedReplicaTenant":
        tenant = EmbeddedReplicaTenant(self._folder / name, self._changes, self._owner, self._cache)
        tenant.visible()
        return tenant


class EmbeddedReplicaTenant(Search, ReplicaInserter):
    """One tenant's partitions, as the owner has them."""

    columns = staticmethod(columns)

    def __init__(self, folder: Path, changes: SharedCount, owner: Owner, cache: Cache) -> None:
        super().__init__(self.visible)
        self._name = folder.name
        self._folder = folder
        self._changes = changes
        self._owner = owner
        self._cache = cache
        self._codec = RecordCodec(self._folder / DICTIONARIES)
        self._looking = threading.Lock()
        self._looked_at = -1
        self._partitions: dict[int, Partition] = {}
        self._closed = False

    @property
    def owner(self) -> Inserter:
        if self._closed:
            raise StoreClosedError
        return self._owner.tenant(TenantId(self._name))

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
                if partition.searcher.handed_out > MAX_HANDED_OUT:
                    # A reopened index may hold more, so reload it fully.
                    partition.follow(partial(self._limits, partition.number))
            return [self._partitions[number].searcher for number in sorted(self._partitions)]

    def _look(self) -> None:
        try:
            known: list[tuple[int, int | None]] = [
                (number, generation) for number, generation, _ in self._owner.state(self._name)
            ]
        except UnavailableError as error:
            log.warning("the store's owner is gone; %s is read as it is on disk: %s", self._name, error)
            known = [(number, None) for number in self._on_disk()]
        for number, generation in known:
            limits = _no_limits if generation is None else partial(self._limits, number)
            partition = self._partitions.get(number)
            if partition is None:
                folder = self._folder / PERIODS / f"{number:04d}"
                VerifiedFiles(self._folder).check(folder)
                partition = Partition(folder, number, codec=self._codec, cache=self._cache, limits=limits)
                self._partitions[number] = partition
            elif generation is None or partition.generation != generation:
                partition.follow(limits)
            partition.generation = generation or 0

    def _on_disk(self) -> Iterator[int]:
        """The numbers of the partitions on disk, but for one that the owner was about to create."""
        for number, name in numbered(self._folder / PERIODS):
            if (self._folder / PERIODS / name / META).is_file():
                yield number

    def _limits(self, number: int) -> Limits | None:
        """The owner's limits of a partition; None if it is gone, or has no such partition yet."""
        try:
            state = self._owner.state(self._name)
        except UnavailableError:
            return None
        return next((limits for candidate, _, limits in state if candidate == number), None)


def _no_limits() -> Limits | None:
    return None
