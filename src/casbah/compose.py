"""Builds the application from its settings. The only module that knows all others."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from starlette.types import ASGIApp

from casbah.audit.trail import Trail
from casbah.backup.snapshots import Snapshots
from casbah.connectors import connectors
from casbah.export.exports import Exports
from casbah.fsync import read_only
from casbah.http.app import application
from casbah.http.context import Services, WriterServices
from casbah.http.emulation import Emulation
from casbah.http.memory import MemoryBudget
from casbah.http.metrics import Metrics
from casbah.http.pools import WorkerPools
from casbah.http.proxies import Proxies
from casbah.identity import oidc
from casbah.identity.authenticator import Authenticator, new_local_key
from casbah.identity.failed_sign_ins import CountedElsewhere, FailedSignIns, Failures
from casbah.identity.legacy_owners import LegacyOwners
from casbah.identity.oidc import Issuer
from casbah.identity.sign_in import SignIn
from casbah.identity.throttle import Throttle
from casbah.identity.token import Tokens, digest
from casbah.ingest.enrich.enrichment import Sources
from casbah.ingest.enrich.ranges import RangeBook
from casbah.ingest.prepare_pool import PreparePool
from casbah.ingest.rejects import Rejects
from casbah.key_value import (
    EPHEMERAL,
    QUERIES,
    RANGES,
    REJECTS,
    RULES,
    TOKENS,
    Collection,
    FolderKeyValueStore,
    KeyValueStore,
    MemoryKeyValueStore,
)
from casbah.pull.config import read as pulls
from casbah.pull.report import report
from casbah.retention.deletion import Retention
from casbah.retention.rules import Rules
from casbah.saved.queries import Queries, SavedQueryLimits
from casbah.settings import Cluster as Place
from casbah.settings import Settings, read
from casbah.shared import SharedCount, SharedFlag, SharedNumbers
from casbah.store.contract import Finding, ReplicaStore, Store
from casbah.store.embedded.replica import EmbeddedReplica, Owner
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.format import FILE as FORMAT_FILE
from casbah.store.opensearch import health
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.key_value import ClusterKeyValueStore
from casbah.store.opensearch.store import OpenSearchStore
from casbah.traces import traces
from casbah.ui.site import site


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _no_state(_: str) -> Any:
    return ()


@dataclass(frozen=True, slots=True)
class Application:
    """A running application. `local_key` authenticates the owner of the data directory."""

    services: Services
    app: ASGIApp
    local_key: str
    keep_up: Callable[[], None] = lambda: None
    """In a worker: look at what has changed in the store, even if there are no requests."""

    state: Callable[[str], Any] = _no_state
    """In the process that owns an embedded store: what a worker must know of a tenant's partitions."""

    @property
    def writer(self) -> WriterServices:
        """What only the process that owns the store has."""
        return self.services.writer


@dataclass(frozen=True, slots=True)
class Common:
    """What all processes of one server share, but for `place`, which is that of this one."""

    local_key: str = field(default_factory=new_local_key)
    changes: SharedCount = field(default_factory=SharedCount)
    leaving: SharedFlag = field(default_factory=SharedFlag)
    bodies: SharedNumbers = field(default_factory=lambda: SharedNumbers(1))
    """Bytes that each process has reserved for bodies under way, at its `place`."""

    place: int = 0


@contextmanager
def build(
    settings: Settings, *, clock: Callable[[], int] = wall_clock, common: Common | None = None
) -> Iterator[Application]:
    """The application for a data directory, which it owns; closed on exit.

    If the directory is read-only, the audit trail, pulls and pushes are off.

    Raises StoreLockedError, StoreFormatError, KeyValueStoreDamagedError, ClusterUnreachableError, or BadSettingError
    if settings contradict each other.
    """
    if readable_only(settings):
        settings = replace(settings, audit="off", pull=None, push=None)
    common, issuer = common or Common(), oidc.issuer(settings, clock=clock)  # Before anything is opened: it may refuse.
    with (
        closing(store_of(settings, clock=clock, changes=common.changes)) as store,
        key_value_stores(settings) as key_values,
        _services(
            settings, store, key_values, common, issuer=issuer, clock=clock, failures=_failed_sign_ins(settings, clock)
        ) as services,
        closing(_exports(settings, store, clock, earlier := LegacyOwners(services.tokens))) as exports,
        closing(
            Retention(store, Rules(key_values(RULES)), services.trail, clock=clock, hourly=(services.rejects.trim,))
        ) as retention,
    ):
        services.tokens.separate()
        bounds = SavedQueryLimits(settings.max_queries, settings.max_queries_size)
        writer = WriterServices(
            store=store,
            sign_in=_sign_in(settings, issuer, key_values(EPHEMERAL), clock),
            queries=Queries(key_values(QUERIES), clock=clock, earlier=earlier, bounds=bounds),
            exports=exports,
            retention=retention,
            snapshots=Snapshots(settings.store, store, clock=clock),
        )
        owning = replace(services, here=writer)
        state = store.state if isinstance(store, EmbeddedStore) else _no_state
        yield Application(owning, site(application(owning)), common.local_key, state=state)


@contextmanager
def worker(
    settings: Settings,
    *,
    common: Common,
    owner: Owner,
    writer: ASGIApp,
    clock: Callable[[], int] = wall_clock,
) -> Iterator[Application]:
    """The application in a process that does not own the store: `writer` answers what only the owner can."""
    issuer = oidc.issuer(settings, clock=clock)
    processes, queue = settings.workers, settings.tenant_queue
    settings = replace(
        settings,
        cache_memory=settings.cache_memory // processes,
        tenant_queue=None if queue is None else -(-queue // processes),
        ingest_processes=0,
    )
    with (
        closing(EmbeddedReplica(settings.store, common.changes, owner, cache=settings.cache_memory)) as replica,
        key_value_stores(settings) as key_values,
        _services(
            settings, replica, key_values, common, issuer=issuer, clock=clock, failures=CountedElsewhere()
        ) as services,
    ):
        app = site(application(services, writer=writer))
        yield Application(services, app, common.local_key, keep_up=replica.keep_up)


@contextmanager
def _services(  # noqa: PLR0913  it puts together what processes have in common
    settings: Settings,
    store: ReplicaStore,
    key_values: Callable[[Collection], KeyValueStore],
    common: Common,
    *,
    issuer: Issuer | None,
    clock: Callable[[], int],
    failures: Failures,
) -> Iterator[Services]:
    """What handlers need in every process."""
    # It logs a warning for each malformed form, so any caller could fill the log. The caller gets a 400 anyway.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    dice = Random()  # noqa: S311  simulated failures, not a secret
    known = partial(connectors, settings.sources)
    sources = Sources(settings.agents, settings.places, settings.people)
    with (
        closing(Tokens(key_values(TOKENS), clock=clock)) as tokens,
        closing(traces(settings.traces)) as spans,
        closing(WorkerPools(settings)) as pools,
        closing(Trail(store, level=settings.audit)) as trail,
        closing(sources.opened()) as enrichment,
        closing(
            PreparePool(
                settings.ingest_processes,
                connectors=known,
                prepare=store.prepare,
                enrichment=sources.opened,
                known=enrichment,
            )
        ) as prepare_pool,
    ):
        yield Services(
            settings=settings,
            store=store,
            tokens=tokens,
            authenticator=Authenticator(tokens, digest(common.local_key), failures, issuer),
            proxies=Proxies(settings.trusted_proxies),
            throttle=Throttle(settings.throttle, key_values(EPHEMERAL), clock=clock),
            emulation=Emulation(settings, clock=clock, dice=dice),
            plain=Emulation(read({}), clock=clock, dice=dice),
            connectors=known(),
            ranges=RangeBook(key_values(RANGES), clock=clock),
            trail=trail,
            enrichment=enrichment,
            prepare_pool=prepare_pool,
            rejects=Rejects(key_values(REJECTS), clock=clock, most=settings.rejects_bytes, keep=settings.rejects_keep),
            pools=pools,
            metrics=_metrics(settings, pools, clock),
            traces=spans,
            clock=clock,
            memory=MemoryBudget(max(settings.bodies_memory, settings.max_ingest_body), common.bodies, common.place),
            leaving=common.leaving,
            here=None,
        )


def _failed_sign_ins(settings: Settings, clock: Callable[[], int]) -> FailedSignIns:
    return FailedSignIns(settings.bad_keys, clock=clock, exempt=Proxies(settings.trusted_proxies))


def _sign_in(
    settings: Settings, issuer: Issuer | None, key_values: KeyValueStore, clock: Callable[[], int]
) -> SignIn | None:
    if issuer is None or not settings.oidc_client:
        return None
    client, secret, scopes = settings.oidc_client, settings.oidc_secret, settings.oidc_scopes
    return SignIn(issuer, key_values, client=client, secret=secret, scopes=scopes, clock=clock)


def _metrics(settings: Settings, pools: WorkerPools, clock: Callable[[], int]) -> Metrics:
    def lags() -> dict[str, float]:
        entries = pulls(settings.pull) if settings.pull else {}
        rows = report(entries, folder=settings.store, now=clock()) if entries else []
        return {row["name"]: row["lag_ms"] / 1_000 for row in rows if row["lag_ms"] is not None}

    return Metrics(settings.store, {"search": pools.search, "ingest": pools.ingest, "quick": pools.quick}, lags)


def _exports(settings: Settings, store: Store, clock: Callable[[], int], earlier: LegacyOwners) -> Exports:
    return Exports(
        settings.store,
        store,
        clock=clock,
        earlier=earlier,
        keep=settings.export_keep,
        spare=settings.export_spare,
        threads=settings.export_threads,
    )


@contextmanager
def key_value_stores(settings: Settings) -> Iterator[Callable[[Collection], KeyValueStore]]:
    """Opens key-value stores by kind, next to the activities, so that all servers of a cluster share them."""
    with ExitStack() as stack:
        if settings.cluster is None:

            def key_values(kind: Collection) -> KeyValueStore:
                return stack.enter_context(
                    closing(MemoryKeyValueStore() if kind.passes else FolderKeyValueStore(settings.store, kind))
                )

        else:
            cluster = stack.enter_context(closing(_cluster(settings.cluster, settings)))

            def key_values(kind: Collection) -> KeyValueStore:
                return ClusterKeyValueStore(cluster, kind, replicas=settings.cluster_replicas)

        yield key_values


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Findings about the configured cluster, if any. Raises UnreachableError."""
    if settings.cluster is not None:
        with closing(_cluster(settings.cluster, settings)) as cluster:
            yield from health.examined(cluster)


def _cluster(place: Place, settings: Settings) -> Cluster:
    ca = None if settings.cluster_ca is None else str(settings.cluster_ca)
    return Cluster(place, password=settings.cluster_password, ca=ca)


def holds_store(settings: Settings) -> bool:
    """Whether a store exists, without opening it. Always true with a cluster, where only opening can tell."""
    return settings.cluster is not None or (settings.store / FORMAT_FILE).is_file()


def readable_only(settings: Settings) -> bool:
    """Whether the store is read-only because its data directory is."""
    return settings.cluster is None and read_only(settings.store)


def store_of(settings: Settings, *, clock: Callable[[], int] = wall_clock, changes: SharedCount | None = None) -> Store:
    """The configured store, open. The caller closes it. Raises as `build` does."""
    if settings.cluster is not None:
        cluster = _cluster(settings.cluster, settings)
        return OpenSearchStore(cluster, clock=clock, replicas=settings.cluster_replicas)
    return EmbeddedStore(
        settings.store,
        clock=clock,
        writer_memory=settings.writer_memory,
        cache=settings.cache_memory,
        changes=changes,
    )
