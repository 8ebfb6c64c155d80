"""The embedded store: a data directory owned by one process, with a folder per tenant.

<store>/format.json   the format's version
<store>/reserve       space for deletions on a full disk
<store>/lock          held by the process that owns the directory
<store>/tenants/<tenant>/periods/<number>/   a tantivy index per partition of 2^31 ms
<store>/tenants/<tenant>/dictionaries/       compression dictionaries for its records
<store>/tenants/<tenant>/feedback.db         feedback on activities
<store>/tenants/<tenant>/known.bloom, .log   which ids and dedup keys may be stored, derived from the indexes
<store>/tenants/<tenant>/verified            which files of the indexes were checked, and what they were then
<store>/tenants/<tenant>/log/                its transparency log (`casbah.evidence`)
<store>/tenants/<tenant>/numbering.json      the largest sequence number before a deletion
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from casbah.activity.tenant import TENANTS, TenantId
from casbah.base.fsync import make_folder, read_only
from casbah.base.shared import SharedCount
from casbah.errors import ReadOnlyError, StoreClosedError
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.compaction import waiting
from casbah.store.embedded.document import prepared
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.lazy_registry import LazyRegistry
from casbah.store.embedded.lock import Lock
from casbah.store.embedded.partitions import State
from casbah.store.embedded.reserve import Reserve, unwritable
from casbah.store.embedded.schema import fingerprint
from casbah.store.embedded.shadow import shadow
from casbah.store.embedded.snapshot import copy_tenant
from casbah.store.embedded.tenant import EmbeddedTenant, Shared
from casbah.store.format import FILE, claim


class EmbeddedStore:
    """See `Store`. Opens the directory, or raises StoreLockedError or StoreFormatError. Replicas watch `changes`."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int],
        writer_memory: int = 64_000_000,
        cache: int = 128_000_000,
        changes: SharedCount | None = None,
    ) -> None:
        self._shadow: TemporaryDirectory[str] | None = None
        """Where a directory that cannot be written to is read: links to its files."""

        if read_only(folder):
            claim(folder, fingerprint())
            self._shadow = TemporaryDirectory(prefix="casbah-")
            tenants, folder = folder / TENANTS, Path(self._shadow.name)
            shadow(tenants, folder / TENANTS)
        make_folder(folder, mode=0o700)
        self._lock = Lock(folder)
        try:
            claim(folder, fingerprint())
        except BaseException:
            self._lock.release()
            raise
        self._folder = folder / TENANTS
        self.changes = changes or SharedCount()
        self.changes.add()  # Another process may have owned the store before.
        index_writers = IndexWriters(memory=writer_memory)
        self._shared = Shared(
            index_writers=index_writers,
            writing=ThreadPoolExecutor(1, thread_name_prefix="casbah-writer"),
            reserve=Reserve(folder, tenants=self._folder, settle=index_writers.settle),
            cache=Cache(cache),
            clock=clock,
            changed=self.changes.add,
            read_only=self._shadow is not None,
            before_deleting=lambda: self.before_deleting,
        )
        self.before_deleting: Callable[[str, Sequence[int]], None] | None = None
        self._tenants = LazyRegistry(self._open)
        if self._shared.read_only:  # What is open stays readable while another process writes to the directory.
            for name in self.tenants():
                self._tenants.get(name)

    is_remote = False
    prepare = staticmethod(prepared)

    def tenant(self, tenant_id: TenantId, /) -> EmbeddedTenant:
        return self._tenants.get(tenant_id.name)

    def opening(self, tenant_id: TenantId, /) -> Future[Any] | None:
        return self._tenants.opening(tenant_id.name)

    def tenants(self) -> Sequence[str]:
        return sorted(folder.name for folder in self._folder.iterdir()) if self._folder.is_dir() else []

    def tenants_to_compact(self) -> Sequence[str]:
        if self._shared.read_only:
            return []
        self._shared.reserve.fill()
        return [name for name in self.tenants() if waiting(self._folder / name)]

    def unwritable(self) -> str | None:
        return str(ReadOnlyError()) if self._shared.read_only else unwritable(self._folder.parent)

    def make_room(self) -> None:
        self._shared.reserve.make_room()

    def snapshot(self, into: Path, /) -> Mapping[str, int]:
        if self._shared.read_only:
            raise ReadOnlyError
        tenants = {name: self._tenants.get(name) for name in self.tenants()}
        try:  # In the writing thread, so that nothing is committed meanwhile in any tenant.
            copied = self._shared.writing.submit(self._copied, into, tenants)
        except RuntimeError:  # It has shut down.
            raise StoreClosedError from None
        return copied.result()

    def state(self, tenant: str) -> State:
        """What a replica must know to see what this process sees of a tenant. Thread-safe."""
        return self._tenants.get(tenant).state

    def close(self) -> None:
        tenants = self._tenants.close()
        if tenants is None:
            return
        self._shared.index_writers.close()
        self._shared.writing.shutdown()
        for tenant in tenants:
            tenant.close()
        self._lock.release()
        if self._shadow is not None:
            self._shadow.cleanup()

    def _open(self, name: str) -> EmbeddedTenant:
        return EmbeddedTenant(self._folder / name, self._shared)

    def _copied(self, into: Path, tenants: Mapping[str, EmbeddedTenant]) -> Mapping[str, int]:
        shutil.copyfile(self._folder.parent / FILE, into / FILE)
        for name in tenants:
            copy_tenant(self._folder / name, into / self._folder.name / name)
        return {name: tenant.total for name, tenant in tenants.items()}
