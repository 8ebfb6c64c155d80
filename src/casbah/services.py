"""What handlers need, built from the settings: in every process, and in the one that owns the store."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random

from casbah.base.key_value import (
    EPHEMERAL,
    QUERIES,
    RANGES,
    REJECTS,
    RULES,
    TOKENS,
    KeyValueStores,
)
from casbah.base.shared import SharedCount, SharedFlag, SharedNumbers
from casbah.base.traces import traces
from casbah.errors import BadSettingError, ReadOnlyError
from casbah.evidence.keys import signing_keys
from casbah.evidence.logs import Logs, end_before_deleting, log_folder
from casbah.evidence.tenant_log import Signer
from casbah.http.context import Services, WriterServices
from casbah.http.emulation import Emulation
from casbah.http.memory import MemoryBudget
from casbah.http.metrics import Metrics
from casbah.http.thread_pools import ThreadPools
from casbah.http.trusted_proxies import TrustedProxies
from casbah.identity.authenticator import Authenticator, new_local_key
from casbah.identity.failed_sign_ins import Failures
from casbah.identity.legacy_owners import LegacyOwners
from casbah.identity.oidc import Issuer
from casbah.identity.sign_in import SignIn
from casbah.identity.throttle import Throttle
from casbah.identity.token import Tokens, digest
from casbah.ingest.connectors import connectors, record_verbs, verbs_of_apps
from casbah.ingest.enrich.enrichment import EnrichmentConfig
from casbah.ingest.enrich.given_names import GivenNames
from casbah.ingest.enrich.ranges import RangeBook
from casbah.ingest.parse_pool import ParsePool
from casbah.ingest.preparation import Preparation
from casbah.ingest.pull.config import read as pulls
from casbah.ingest.pull.report import report
from casbah.ingest.rejects import Rejects
from casbah.operations.audit.trail import Trail
from casbah.operations.backup.snapshots import Snapshots
from casbah.operations.retention.deletion import Retention
from casbah.operations.retention.rules import Rules
from casbah.operations.saved.queries import Queries, SavedQueryLimits
from casbah.operations.scrub import Progress, Scrub
from casbah.outputs.export.exports import Exports
from casbah.outputs.push.report import Pushes
from casbah.settings import SETTINGS, Settings
from casbah.store.contract import ReplicaStore, Store
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity.verification import verify

_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Common:
    """What all processes of one server share, except `place`, which each process has of its own."""

    local_key: str = field(default_factory=new_local_key)
    changes: SharedCount = field(default_factory=SharedCount)
    leaving: SharedFlag = field(default_factory=SharedFlag)
    bodies: SharedNumbers = field(default_factory=lambda: SharedNumbers(1))
    """Bytes that each process has reserved for bodies under way, at its `place`."""

    place: int = 0


@dataclass(frozen=True, slots=True)
class Basis:
    """What the services of a process are built from, beside the store."""

    settings: Settings
    common: Common
    key_values: KeyValueStores
    issuer: Issuer | None
    clock: Callable[[], int]


@contextmanager
def reader_services(basis: Basis, store: ReplicaStore, failures: Failures) -> Iterator[Services]:
    """What handlers need in every process. `failures` counts failed authentications."""
    # It logs a warning for each malformed form, so any caller could fill the log. The caller gets a 400 anyway.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    settings, common, key_values, clock = basis.settings, basis.common, basis.key_values, basis.clock
    labels = key_values(RANGES)
    dice = Random()  # noqa: S311  simulated failures, not a secret
    sources = connectors(settings.sources)
    enrichment_config = EnrichmentConfig(
        settings.agents, settings.places, settings.people, partial(record_verbs, settings.sources)
    )
    with (
        closing(Tokens(key_values(TOKENS), clock=clock)) as tokens,
        closing(traces(settings.traces)) as spans,
        closing(ThreadPools(settings)) as pools,
        closing(Trail(store, level=settings.audit)) as trail,
        closing(replace(enrichment_config, verbs=partial(verbs_of_apps, sources.values())).opened()) as enrichment,
        closing(
            ParsePool(
                settings.ingest_processes,
                connectors=partial(connectors, settings.sources),
                preparation=Preparation(enrichment_config.opened, store.prepare),
                known=enrichment,
                loaded=sources,
            )
        ) as parse_pool,
    ):
        yield Services(
            settings=settings,
            store=store,
            tokens=tokens,
            authenticator=Authenticator(tokens, digest(common.local_key), failures, basis.issuer),
            proxies=TrustedProxies(settings.trusted_proxies),
            throttle=Throttle(settings.throttle, key_values(EPHEMERAL), clock=clock),
            emulation=Emulation(settings, clock=clock, dice=dice),
            plain=Emulation(Settings(), clock=clock, dice=dice),
            connectors=sources,
            ranges=RangeBook(labels, clock=clock),
            names=GivenNames(labels, clock=clock),
            trail=trail,
            enrichment=enrichment,
            parse_pool=parse_pool,
            rejects=Rejects(
                key_values(REJECTS), clock=clock, maximum=settings.rejects_bytes, keep=settings.rejects_keep
            ),
            pools=pools,
            metrics=_metrics(settings, pools, clock),
            traces=spans,
            clock=clock,
            memory=MemoryBudget(max(settings.bodies_memory, settings.max_ingest_body), common.bodies, common.place),
            leaving=common.leaving,
            here=None,
        )


@contextmanager
def writer_services(basis: Basis, store: Store, services: Services) -> Iterator[WriterServices]:
    """What handlers need in the process that owns the store, beside the `services` of every process."""
    settings, key_values, clock = basis.settings, basis.key_values, basis.clock
    earlier = LegacyOwners(services.tokens)
    with (
        closing(
            Exports(
                settings.store,
                store,
                clock=clock,
                earlier=earlier,
                keep=settings.export_keep,
                spare=settings.export_spare,
                threads=settings.export_threads,
            )
        ) as exports,
        closing(
            Retention(store, Rules(key_values(RULES)), services.trail, clock=clock, hourly=(services.rejects.trim,))
        ) as retention,
        _scrubbing(settings, clock) as scrub,
        kept_logs(settings, store) as logs,
    ):
        services.tokens.migrate_scopes()
        if scrub is not None:
            services.metrics.show_scrub(scrub)
        if logs is not None:
            services.metrics.show_logs(logs)
        pushes = Pushes()
        services.metrics.show_pushes(pushes)
        bounds = SavedQueryLimits(settings.max_queries, settings.max_queries_size)
        yield WriterServices(
            store=store,
            sign_in=_sign_in(basis),
            queries=Queries(key_values(QUERIES), clock=clock, earlier=earlier, bounds=bounds),
            exports=exports,
            retention=retention,
            snapshots=Snapshots(settings.store, store, clock=clock, logs=logs),
            pushes=pushes,
            scrub=scrub,
            logs=logs,
        )


@contextmanager
def _scrubbing(settings: Settings, clock: Callable[[], int]) -> Iterator[Scrub | None]:
    """The scrub of a store in a folder, not yet begun."""
    if not settings.scrub or settings.cluster is not None:
        yield None
        return

    def read(progress: Progress) -> Sequence[str]:
        result = verify(settings.store, records=False, progress=progress)  # The checksums of files cover their records.
        return [f"{damage.file}: {damage.problem}" for damage in result.damage]

    with closing(Scrub(read, rate=settings.scrub * _MEGABYTE, clock=clock)) as scrub:
        yield scrub


@contextmanager
def kept_logs(settings: Settings, store: object) -> Iterator[Logs | None]:
    """The transparency logs, which are not yet kept up to date. Raises BadSettingError on a cluster."""
    if not isinstance(store, EmbeddedStore):
        if settings.log_name:
            raise BadSettingError(SETTINGS["log_name"].variable, settings.log_name, _NO_LOG_ON_CLUSTER)
        yield None
        return
    folder_of = partial(log_folder, settings.store)
    if not settings.log_name or store.unwritable() == str(ReadOnlyError()):
        end_before_deleting(store, folder_of)
        yield None
        return
    signer = Signer(settings.log_name, signing_keys(settings.store))
    witnesses, quorum = settings.log_witnesses, settings.log_quorum
    if quorum > max(len(witnesses), 1):
        raise BadSettingError(SETTINGS["log_quorum"].variable, str(quorum), "at most the number of witnesses")
    with closing(
        Logs(store, folder_of, signer, seconds=settings.log_delay, witnesses=witnesses, quorum=quorum)
    ) as logs:
        yield logs


_NO_LOG_ON_CLUSTER = (
    "nothing on a cluster: it keeps no salt next to a record, "
    "and a deletion there does not wait until the log has an entry of it"
)


def _sign_in(basis: Basis) -> SignIn | None:
    settings = basis.settings
    if basis.issuer is None or not settings.oidc_client:
        return None
    return SignIn(
        basis.issuer,
        basis.key_values(EPHEMERAL),
        client=settings.oidc_client,
        secret=settings.oidc_secret,
        scopes=settings.oidc_scopes,
        clock=basis.clock,
    )


def _metrics(settings: Settings, pools: ThreadPools, clock: Callable[[], int]) -> Metrics:
    def lags() -> dict[str, float]:
        entries = pulls(settings.pull) if settings.pull else {}
        rows = report(entries, folder=settings.store, now=clock()) if entries else []
        return {row.name: row.lag_ms / 1_000 for row in rows if row.lag_ms is not None}

    return Metrics(settings.store, {"search": pools.search, "ingest": pools.ingest, "quick": pools.quick}, lags)
