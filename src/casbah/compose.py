"""Builds the application from its settings. The only module that knows all others."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, NoReturn, cast

from starlette.types import ASGIApp

from casbah.audit.trail import Trail
from casbah.backup.snapshots import Snapshots
from casbah.connectors import connectors
from casbah.export.exports import Exports
from casbah.fsync import read_only
from casbah.http.app import apart, application
from casbah.http.context import Services
from casbah.http.emulation import Emulation
from casbah.http.metrics import Metrics
from casbah.http.pools import WorkerPools
from casbah.http.proxies import Proxies
from casbah.identity import oidc
from casbah.identity.authenticator import Authenticator, new_local_key
from casbah.identity.failed_sign_ins import FailedSignIns
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
from casbah.shared import SharedFlag
from casbah.store.contract import Finding, Store
from casbah.store.embedded.following import Followed, FollowingStore, Owner
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.format import FILE as FORMAT_FILE
from casbah.store.opensearch import health
from casbah.store.opensearch.cluster import Cluster
from casbah.store.opensearch.key_value import ClusterKeyValueStore
from casbah.store.opensearch.store import OpenSearchStore
from casbah.traces import traces
from casbah.ui.site import site

_WRITER_ONLY = ("sign_in", "queries", "exports", "retention", "snapshots")
"""`Services` that only the writer process has."""


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Application:
    """A running application. `local_key` authenticates the owner of the data directory.

    `apart(method, target)` tells whether a replica can answer a request. Replicas are opened with `followed`, and call
    `owner` for what only the writer can do. Both are None with a cluster.
    """

    services: Services
    app: ASGIApp
    local_key: str
    apart: Callable[[str, bytes], bool]
    followed: Followed | None = None
    owner: Owner | None = None
    keep_up: Callable[[], None] = lambda: None
    """On a replica: refresh the view of the store even if there are no requests."""


class WriterOnly:
    """Placeholder for a service that only the writer process has."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NotImplementedError(f"{name}: only available in the writer process")


@contextmanager
def build(settings: Settings, *, clock: Callable[[], int] = wall_clock) -> Iterator[Application]:
    """The application for a data directory; closed on exit.

    If the directory is read-only, the audit trail, pulls and pushes are off.

    Raises StoreLockedError, StoreFormatError, KeyValueStoreDamagedError, ClusterUnreachableError, or BadSettingError
    if settings contradict each other.
    """
    if readable_only(settings):
        settings = replace(settings, audit="off", pull=None, push=None)
    key, issuer = new_local_key(), oidc.issuer(settings, clock=clock)
    with (
        closing(store_of(settings, clock=clock)) as store,
        key_value_stores(settings) as key_values,
        _ingest_services(settings, store, key_values, clock=clock) as ingest_services,
        _query_services(settings, store, key_values, issuer, key=key, clock=clock) as query_services,
        closing(_exports(settings, store, clock, earlier := LegacyOwners(query_services["tokens"]))) as exports,
        closing(
            Retention(
                store,
                Rules(key_values(RULES)),
                query_services["trail"],
                clock=clock,
                hourly=(ingest_services["rejects"].trim,),
            )
        ) as retention,
    ):
        query_services["tokens"].separate()
        bounds = SavedQueryLimits(settings.max_queries, settings.max_queries_size)
        services = Services(
            **query_services,
            **ingest_services,
            sign_in=_sign_in(settings, issuer, key_values(EPHEMERAL), clock),
            queries=Queries(key_values(QUERIES), clock=clock, earlier=earlier, bounds=bounds),
            exports=exports,
            retention=retention,
            snapshots=Snapshots(settings.store, store, clock=clock),
        )
        followed, owner = (store.followed, store) if isinstance(store, EmbeddedStore) else (None, None)
        yield Application(services, site(application(services)), key, apart, followed, owner)


@contextmanager
def following(
    settings: Settings,
    followed: Followed,
    owner: Owner,
    *,
    leaving: SharedFlag,
    clock: Callable[[], int] = wall_clock,
) -> Iterator[Application]:
    """A read replica of the application, in a process next to the writer. It answers only requests that `apart` accepts."""
    processes = max(settings.search_processes, 1)
    cache, queue = settings.cache_memory // processes, settings.tenant_queue
    if queue is not None:
        settings = replace(settings, tenant_queue=-(-queue // processes))
    key, issuer = new_local_key(), oidc.issuer(settings, clock=clock)
    elsewhere = cast("Any", dict.fromkeys(_WRITER_ONLY, WriterOnly()))
    with (
        closing(FollowingStore(followed, owner, cache=cache)) as replica,
        key_value_stores(settings) as key_values,
        # Its tenants support all that routes with `apart` need.
        _query_services(
            settings, store := cast("Store", replica), key_values, issuer, key=key, clock=clock
        ) as query_services,
        _ingest_services(replace(settings, ingest_processes=0), store, key_values, clock=clock) as ingest_services,
    ):
        services = Services(**query_services, **ingest_services, **elsewhere, leaving=leaving)
        yield Application(services, application(services), key, apart, keep_up=replica.keep_up)


@contextmanager
def _ingest_services(
    settings: Settings, store: Store, key_values: Callable[[Collection], KeyValueStore], *, clock: Callable[[], int]
) -> Iterator[dict[str, Any]]:
    """The services for ingest, by their names in `Services`."""
    known = partial(connectors, settings.sources)
    sources = Sources(settings.agents, settings.places, settings.people)
    processes, prepare, open_enrichment = settings.ingest_processes, store.prepare, sources.opened
    with closing(sources.opened()) as enrichment:
        prepare_pool = PreparePool(
            processes, connectors=known, prepare=prepare, enrichment=open_enrichment, known=enrichment
        )
        with closing(prepare_pool):
            yield {
                "connectors": known(),
                "ranges": RangeBook(key_values(RANGES), clock=clock),
                "enrichment": enrichment,
                "prepare_pool": prepare_pool,
                "rejects": Rejects(
                    key_values(REJECTS), clock=clock, most=settings.rejects_bytes, keep=settings.rejects_keep
                ),
            }


@contextmanager
def _query_services(
    settings: Settings,
    store: Store,
    key_values: Callable[[Collection], KeyValueStore],
    issuer: Issuer | None,
    *,
    key: str,
    clock: Callable[[], int],
) -> Iterator[dict[str, Any]]:
    """The services for queries and authentication, by their names in `Services`."""
    # It logs a warning for each malformed form, so any caller could fill the log. The caller gets a 400 anyway.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    dice = Random()  # noqa: S311  simulated failures, not a secret
    ephemeral = key_values(EPHEMERAL)
    proxies = Proxies(settings.trusted_proxies)
    failed_sign_ins = FailedSignIns(settings.bad_keys, clock=clock, exempt=proxies)
    with (
        closing(Tokens(key_values(TOKENS), clock=clock)) as tokens,
        closing(traces(settings.traces)) as spans,
        closing(WorkerPools(settings)) as pools,
        closing(Trail(store, level=settings.audit)) as trail,
    ):
        yield {
            "settings": settings,
            "store": store,
            "tokens": tokens,
            "authenticator": Authenticator(tokens, digest(key), failed_sign_ins, issuer),
            "proxies": proxies,
            "throttle": Throttle(settings.throttle, ephemeral, clock=clock),
            "emulation": Emulation(settings, clock=clock, dice=dice),
            "plain": Emulation(read({}), clock=clock, dice=dice),
            "trail": trail,
            "pools": pools,
            "metrics": _metrics(settings, pools, clock),
            "traces": spans,
            "clock": clock,
        }


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


def store_of(settings: Settings, *, clock: Callable[[], int] = wall_clock) -> Store:
    """The configured store, open. The caller closes it. Raises as `build` does."""
    if settings.cluster is not None:
        cluster = _cluster(settings.cluster, settings)
        return OpenSearchStore(cluster, clock=clock, replicas=settings.cluster_replicas)
    return EmbeddedStore(
        settings.store,
        clock=clock,
        writer_memory=settings.writer_memory,
        cache=settings.cache_memory,
    )
