"""A read replica of the embedded store in another process. It reads the owner's files and forwards inserts to the owner.

Whatever the owner acknowledges is visible here from then on. On every change the owner increments a counter in shared memory,
before it answers anyone. A replica that sees a new count asks the owner for the state of its partitions and reloads the changed
ones.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, Protocol

from casbah.activity.new_activity import NewActivity
from casbah.activity.scope import Scope
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
from casbah.store.reading import Reading


@dataclass(frozen=True, slots=True)
class Followed:
    """What a replica needs: the folder of the tenants, and the shared counter of changes."""

    folder: Path
    changes: SharedCount


class Owner(Protocol):
    """What a replica needs of the owner, which is an `EmbeddedStore`."""

    def state(self, tenant: str, /) -> State:
        """The state of a tenant's partitions."""

    def insert_soon(self, entries: Sequence[Prepared], scope: Scope, /) -> Future[Inserted]:
        """See `Store.insert_soon`."""


class FollowingStore(Reading):
    """See `Store`. Supports reads and inserts only; the owner does everything else."""

    is_remote = False
    prepare = staticmethod(prepared)

    def __init__(self, followed: Followed, owner: Owner, *, cache: int) -> None:
        self._followed = followed
        self._owner = owner
        self._cache = Cache(cache)
        self._tenants = LazyRegistry(self._open)

    def insert(self, new_activities: Iterable[NewActivity | contract.Prepared], scope: Scope, /) -> Inserted:
        """See `Store.insert`."""
        return self.insert_soon(new_activities, scope).result()

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | contract.Prepared],
        scope: Scope,
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  urgent batches are not inserted here
    ) -> Future[Inserted]:
        """See `Store.insert_soon`."""
        self._tenants.present(scope.tenant)  # Raises StoreClosedError.
        return self._owner.insert_soon([ready(new_activity, columns) for new_activity in new_activities], scope)

    def fetch(self, activity_id: str, scope: Scope, /) -> bytes | None:
        """See `Store.fetch`."""
        return self._search(scope).fetch(activity_id)

    def keep_up(self) -> None:
        """Reload what has changed in every open tenant, which releases files that compaction removed."""
        for tenant in self._tenants.all():
            tenant.searchers()

    def close(self) -> None:
        """See `Store.close`."""
        self._tenants.close()

    def opening(self, scope: Scope, /) -> Future[Any] | None:
        """See `Store.opening`."""
        return self._tenants.opening(scope.tenant)

    def _search(self, scope: Scope) -> Search:
        searchers = self._tenants.get(scope.tenant).searchers()
        return Search(lambda: searchers)

    def _open(self, name: str) -> "_Tenant":
        tenant = _Tenant(name, self._followed, self._owner.state, self._cache)
        tenant.searchers()
        return tenant

    def _unsupported(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("only the process that owns the store does this")

    replace = delete = compact = snapshot = _unsupported
    changes = high_water_mark = add_feedback = feedback = ids_with_feedback = tenants = unwritable = _unsupported


class _Tenant:
    """One tenant's partitions, as the owner has them."""

    def __init__(self, name: str, followed: Followed, state: Callable[[str], State], cache: Cache) -> None:
        self._name = name
        self._folder = followed.folder / name
        self._changes = followed.changes
        self._state = state
        self._cache = cache
        self._codec = RecordCodec(self._folder / DICTIONARIES)
        self._looking = threading.Lock()
        self._looked_at = -1
        self._partitions: dict[int, Partition] = {}

    def searchers(self) -> Sequence[PartitionSearcher]:
        """Every partition as the owner sees it, or later; oldest first."""
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
        for number, generation, _ in self._state(self._name):
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
        return next(limits for candidate, _, limits in self._state(self._name) if candidate == number)
