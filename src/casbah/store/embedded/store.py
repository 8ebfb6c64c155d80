"""The embedded store: a data directory owned by one process, with a folder per tenant.

<store>/format.json   the format's version
<store>/reserve       space for deletions on a full disk
<store>/lock          held by the process that owns the directory
<store>/tenants/<tenant>/periods/<number>/   a tantivy index per partition of 2^31 ms
<store>/tenants/<tenant>/dictionaries/       compression dictionaries for its records
<store>/tenants/<tenant>/feedback.db         feedback on activities
<store>/tenants/<tenant>/numbering.json      the largest sequence number before a deletion
"""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from casbah.activity.deadline import NEVER, Deadline
from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.activity.scope import Scope
from casbah.errors import ActivityNotFoundError, ReadOnlyError, StoreClosedError
from casbah.fsync import make_folder, read_only
from casbah.shared import SharedCount
from casbah.store.contract import (
    Changes,
    FacetQuery,
    FeedbackEntry,
    FieldValue,
    HistogramQuery,
    Inserted,
    Page,
    Prepared,
    ScanPage,
)
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.compaction import waiting
from casbah.store.embedded.document import prepared
from casbah.store.embedded.feedback import Feedback
from casbah.store.embedded.following import Followed
from casbah.store.embedded.lazy_registry import LazyRegistry
from casbah.store.embedded.lock import Lock
from casbah.store.embedded.partitions import State
from casbah.store.embedded.reserve import Reserve, unwritable
from casbah.store.embedded.schema import fingerprint
from casbah.store.embedded.shadow import shadow
from casbah.store.embedded.snapshot import copy_tenant
from casbah.store.embedded.tenant import Tenant
from casbah.store.embedded.writer import Writers
from casbah.store.format import FILE, claim


class EmbeddedStore:
    """See `Store`. Opens the directory, or raises StoreLockedError or StoreFormatError. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int],
        writer_memory: int = 64_000_000,
        cache: int = 128_000_000,
    ) -> None:
        self._shadow = TemporaryDirectory(prefix="casbah-") if read_only(folder) else None
        """A linked copy to read from, if the directory is read-only."""

        if self._shadow is not None:
            claim(folder, fingerprint())
            tenants, folder = folder / "tenants", Path(self._shadow.name)
            shadow(tenants, folder / "tenants")
        make_folder(folder, mode=0o700)
        self._lock = Lock(folder)
        try:
            claim(folder, fingerprint())
        except BaseException:
            self._lock.release()
            raise
        self._folder = folder / "tenants"
        self._reserve = Reserve(folder, tenants=self._folder)
        self.followed = Followed(self._folder, SharedCount())
        self._clock = clock
        self._writers = Writers(memory=writer_memory)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="casbah-writer")
        self._cache = Cache(cache)
        self._tenants = LazyRegistry(self._open)
        if self._shadow is not None:  # An open tenant stays as it is, even if another process writes to the store.
            for name in self.tenants():
                self._tenants.get(name)

    is_remote = False
    prepare = staticmethod(prepared)

    def insert(self, new_activities: Iterable[NewActivity | Prepared], scope: Scope, /) -> Inserted:
        """See `Store.insert`."""
        self._require_writable()
        return self._tenant(scope).insert(new_activities).result()

    def insert_soon(
        self, new_activities: Iterable[NewActivity | Prepared], scope: Scope, /, *, urgent: bool = False
    ) -> Future[Inserted]:
        """See `Store.insert_soon`."""
        self._require_writable()
        tenant = self._tenants.present(scope.tenant)
        if tenant is not None:
            return tenant.insert(new_activities, urgent=urgent)
        result, batch = Future[Inserted](), list(new_activities)
        result.set_running_or_notify_cancel()
        self._tenants.soon(scope.tenant).add_done_callback(lambda opened: _insert(opened, batch, result, urgent=urgent))
        return result

    def opening(self, scope: Scope, /) -> Future[Any] | None:
        """See `Store.opening`."""
        return self._tenants.opening(scope.tenant)

    def replace(self, new_activities: Sequence[NewActivity], scope: Scope, /) -> int:
        """See `Store.replace`."""
        self._require_writable()
        return self._tenant(scope).replace(new_activities)

    def find(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> Page:
        """See `Store.find`."""
        return self._tenant(scope).search.find(query, deadline)

    def scan(self, query: Query, scope: Scope, /, *, deadline: Deadline = NEVER) -> ScanPage:
        """See `Store.scan`."""
        return self._tenant(scope).scan(query, deadline)

    def count(self, predicate: Predicate, scope: Scope, /, *, deadline: Deadline = NEVER) -> int:
        """See `Store.count`."""
        return self._tenant(scope).search.count(predicate, deadline)

    def top_values(self, query: FacetQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Sequence[FieldValue]:
        """See `Store.top_values`."""
        return self._tenant(scope).search.top_values(query, deadline)

    def histogram(self, query: HistogramQuery, scope: Scope, /, *, deadline: Deadline = NEVER) -> Mapping[int, int]:
        """See `Store.histogram`."""
        return self._tenant(scope).search.histogram(query, deadline)

    def changes(
        self, predicate: Predicate, scope: Scope, /, *, after: int, limit: int, deadline: Deadline = NEVER
    ) -> Changes:
        """See `Store.changes`."""
        tenant = self._tenant(scope)
        # Read the mark first: what is visible afterwards includes everything up to it, and perhaps more.
        return tenant.search.changes(
            predicate, after=after, last=tenant.high_water_mark, limit=limit, deadline=deadline
        )

    def high_water_mark(self, scope: Scope, /) -> int:
        """See `Store.high_water_mark`."""
        return self._tenant(scope).high_water_mark

    def fetch(self, activity_id: str, scope: Scope, /) -> bytes | None:
        """See `Store.fetch`."""
        return self._tenant(scope).search.fetch(activity_id)

    def add_feedback(self, activity_id: str, entry: FeedbackEntry, scope: Scope, /, *, most: int | None = None) -> bool:
        """See `Store.add_feedback`."""
        self._require_writable()
        return self._known_feedback(activity_id, scope).add(activity_id, entry, most=most)

    def feedback(self, activity_id: str, scope: Scope, /) -> Sequence[FeedbackEntry]:
        """See `Store.feedback`."""
        return self._known_feedback(activity_id, scope).of(activity_id)

    def ids_with_feedback(self, scope: Scope, /) -> Sequence[str]:
        """See `Store.ids_with_feedback`."""
        return self._tenant(scope).feedback.activities()

    def delete(self, predicate: Predicate, scope: Scope, /) -> int:
        """See `Store.delete`."""
        self._require_writable()
        count = self._tenant(scope).delete(predicate)
        if count:
            self._forget_feedback(scope)
        return count

    def compact(self, scope: Scope, /) -> bool:
        """See `Store.compact`."""
        if self._shadow is not None:
            return False
        self._reserve.fill()
        folder = self._folder / scope.tenant
        if not waiting(folder):  # Polled often, for every tenant, open or not.
            return False
        more = self._tenant(scope).compact()
        if not waiting(folder):  # Compaction is complete. The deletion may have been interrupted before this.
            self._forget_feedback(scope)
        return more

    def tenants(self) -> Sequence[str]:
        """See `Store.tenants`."""
        return sorted(entry.name for entry in self._folder.iterdir()) if self._folder.is_dir() else []

    def unwritable(self) -> str | None:
        """See `Store.unwritable`."""
        return unwritable(self._folder.parent) if self._shadow is None else str(ReadOnlyError())

    def snapshot(self, into: Path, /) -> Mapping[str, int]:
        """See `Store.snapshot`."""
        self._require_writable()
        tenants = {name: self._tenant(Scope(name)) for name in self.tenants()}
        try:  # On the writing thread, so that nothing is committed meanwhile in any tenant.
            copied = self._writing.submit(self._copied, into, tenants)
        except RuntimeError:  # The executor has shut down.
            raise StoreClosedError from None
        return copied.result()

    def _copied(self, into: Path, tenants: Mapping[str, Tenant]) -> Mapping[str, int]:
        shutil.copyfile(self._folder.parent / FILE, into / FILE)
        for name in tenants:
            copy_tenant(self._folder / name, into / self._folder.name / name)
        return {name: tenant.held for name, tenant in tenants.items()}

    def close(self) -> None:
        """See `Store.close`."""
        tenants = self._tenants.close()
        if tenants is None:
            return
        self._writers.close()
        self._writing.shutdown()
        for tenant in tenants:
            tenant.feedback.close()
        self._lock.release()
        if self._shadow is not None:
            self._shadow.cleanup()

    def _require_writable(self) -> None:
        """Raises ReadOnlyError."""
        if self._shadow is not None:
            raise ReadOnlyError

    def _tenant(self, scope: Scope) -> Tenant:
        return self._tenants.get(scope.tenant)

    def _open(self, name: str) -> Tenant:
        return Tenant(
            self._folder / name,
            writers=self._writers,
            cache=self._cache,
            clock=self._clock,
            writing=self._writing,
            changed=self._changed,
            reserve=self._reserve,
        )

    def state(self, tenant: str) -> State:
        """The state of a tenant's partitions, for replicas (`followed`). Thread-safe."""
        return self._tenant(Scope(tenant)).state

    def _changed(self) -> None:
        """Called by the writing thread only."""
        self.followed.changes.add()

    def _forget_feedback(self, scope: Scope) -> None:
        """Delete the feedback on activities that no longer exist."""
        feedback = self._tenant(scope).feedback
        for activity_id in feedback.activities():
            if self.fetch(activity_id, scope) is None:
                self._reserve.using(partial(feedback.forget, activity_id))

    def _known_feedback(self, activity_id: str, scope: Scope) -> Feedback:
        tenant = self._tenant(scope)
        if tenant.search.fetch(activity_id) is None:
            raise ActivityNotFoundError
        return tenant.feedback


def _insert(
    opened: Future[Tenant], new_activities: Sequence[NewActivity | Prepared], result: Future[Inserted], *, urgent: bool
) -> None:
    """Insert into a tenant that has been opened, and complete `result`."""
    try:
        stored = opened.result().insert(new_activities, urgent=urgent)
    except BaseException as error:  # noqa: BLE001  engine panics are not Exceptions, and the caller waits
        result.set_exception(error)
    else:
        stored.add_done_callback(lambda done: _pass_on(done, result))


def _pass_on(done: Future[Inserted], result: Future[Inserted]) -> None:
    error = done.exception()
    if error is None:
        result.set_result(done.result())
    else:
        result.set_exception(error)
