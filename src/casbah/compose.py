"""Builds the application from its settings. The only module that knows all others."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.types import ASGIApp

from casbah.base.fsync import read_only
from casbah.base.key_value import (
    Collection,
    FolderKeyValueStore,
    KeyValueStore,
    KeyValueStores,
    MemoryKeyValueStore,
)
from casbah.base.shared import SharedCount
from casbah.http.app import application
from casbah.http.context import Services, WriterServices
from casbah.http.trusted_proxies import TrustedProxies
from casbah.identity import oidc
from casbah.identity.failed_sign_ins import CountedElsewhere, FailedSignIns
from casbah.services import Basis, Common, reader_services, writer_services
from casbah.settings import Settings
from casbah.store.contract import Finding, ReplicaStore, Store
from casbah.store.embedded.partitions import State
from casbah.store.embedded.replica import EmbeddedReplica, Owner
from casbah.store.embedded.store import EmbeddedStore
from casbah.ui.site import site


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Application:
    """A running application. `local_key` authenticates the owner of the data directory."""

    services: Services
    app: ASGIApp
    local_key: str

    @property
    def writer(self) -> WriterServices:
        """What only the process that owns the store has."""
        return self.services.writer


@dataclass(frozen=True, slots=True)
class WriterApplication(Application):
    """The application of a process that owns the store for others."""

    state: Callable[[str], State] | None
    """What a worker must know of the partitions of a tenant, by its name; None on a cluster."""


@dataclass(frozen=True, slots=True)
class WorkerApplication:
    """The application of a process that reads through a replica."""

    services: Services
    app: ASGIApp
    keep_up: Callable[[], None]
    """Look at what has changed in the store, even if there are no requests."""


class _Replica(ReplicaStore, Protocol):
    def keep_up(self) -> None:
        """Look at what has changed in the store, even if there are no requests."""


@contextmanager
def build(settings: Settings, *, clock: Callable[[], int] = wall_clock) -> Iterator[Application]:
    """The application for a data directory, which it owns; closed on exit.

    If the directory is read-only, the audit trail, pulls and pushes are off.

    Raises StoreLockedError, StoreFormatError, KeyValueStoreDamagedError, ClusterUnreachableError, or BadSettingError
    if settings contradict each other.
    """
    if readable_only(settings):
        settings = replace(settings, audit="off", pull=None, push=None)
    with (
        _basis(settings, Common(), clock) as basis,
        closing(store_of(settings, clock=clock, changes=basis.common.changes)) as store,
        _owner_services(basis, store) as services,
    ):
        yield Application(services, site(application(services)), basis.common.local_key)


@contextmanager
def writer(settings: Settings, *, common: Common) -> Iterator[WriterApplication]:
    """The application in the process that owns the store for the workers, which parse ingest bodies themselves.

    Raises as `build` does.
    """
    settings = replace(settings, ingest_processes=0)
    with (
        _basis(settings, common, wall_clock) as basis,
        closing(store_of(settings, changes=common.changes)) as store,
        _owner_services(basis, store) as services,
    ):
        state = store.state if isinstance(store, EmbeddedStore) else None
        yield WriterApplication(services, site(application(services)), common.local_key, state)


@contextmanager
def worker(settings: Settings, *, common: Common, owner: Owner, writer_proxy: ASGIApp) -> Iterator[WorkerApplication]:
    """The application in a process that does not own the store: `writer_proxy` forwards the rest to the owner."""
    processes, queue = settings.workers, settings.tenant_queue
    settings = replace(
        settings,
        cache_memory=settings.cache_memory // processes,
        tenant_queue=None if queue is None else -(-queue // processes),
        ingest_processes=0,
    )
    with (
        _basis(settings, common, wall_clock) as basis,
        closing(_replica(settings, common, owner)) as replica,
        reader_services(basis, replica, CountedElsewhere()) as services,
    ):
        yield WorkerApplication(services, site(application(services, writer_proxy=writer_proxy)), replica.keep_up)


def _replica(settings: Settings, common: Common, owner: Owner) -> _Replica:
    if settings.cluster is not None:
        from casbah.store.opensearch import build as opensearch  # noqa: PLC0415  see there

        return opensearch.replica(settings.cluster, settings, owner)
    return EmbeddedReplica(settings.store, common.changes, owner, cache=settings.cache_memory)


@contextmanager
def _basis(settings: Settings, common: Common, clock: Callable[[], int]) -> Iterator[Basis]:
    """Opens no activities: the issuer's settings may be refused first."""
    issuer = oidc.issuer(settings, clock=clock)
    with key_value_stores(settings) as key_values:
        yield Basis(settings, common, key_values, issuer, clock)


@contextmanager
def _owner_services(basis: Basis, store: Store) -> Iterator[Services]:
    """The services of the process that owns the store."""
    settings = basis.settings
    failures = FailedSignIns(settings.bad_keys, clock=basis.clock, exempt=TrustedProxies(settings.trusted_proxies))
    with reader_services(basis, store, failures) as services, writer_services(basis, store, services) as here:
        yield replace(services, here=here)


@contextmanager
def key_value_stores(settings: Settings) -> Iterator[KeyValueStores]:
    """Opens key-value stores by kind, next to the activities, so that all servers of a cluster share them."""
    with ExitStack() as stack:
        if settings.cluster is not None:
            from casbah.store.opensearch import build as opensearch  # noqa: PLC0415  see there

            yield stack.enter_context(opensearch.key_values(settings.cluster, settings))
            return

        def key_values(kind: Collection) -> KeyValueStore:
            return stack.enter_context(
                closing(MemoryKeyValueStore() if kind.ephemeral else FolderKeyValueStore(settings.store, kind))
            )

        yield key_values


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Findings about the configured cluster, if any. Raises ClusterUnreachableError."""
    if settings.cluster is not None:
        from casbah.store.opensearch import build as opensearch  # noqa: PLC0415  see there

        yield from opensearch.diagnose(settings.cluster, settings)


def readable_only(settings: Settings) -> bool:
    """Whether the store is read-only because its data directory is."""
    return settings.cluster is None and read_only(settings.store)


def store_of(
    settings: Settings,
    *,
    clock: Callable[[], int] = wall_clock,
    changes: SharedCount | None = None,
    to_copy: bool = False,
) -> Store:
    """The configured store, open. The caller closes it. Raises as `build` does.

    A store that is opened only `to_copy` it may be a cluster of an older format.
    """
    if settings.cluster is not None:
        from casbah.store.opensearch import build as opensearch  # noqa: PLC0415  see there

        return opensearch.store(settings.cluster, settings, clock=clock, to_copy=to_copy)
    return EmbeddedStore(
        settings.store,
        clock=clock,
        writer_memory=settings.writer_memory,
        cache=settings.cache_memory,
        changes=changes,
    )
