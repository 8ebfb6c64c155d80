"""The request context that handlers receive, and the services behind it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol, TypeVar

from starlette.requests import Request

from casbah.activity.deadline import Deadline
from casbah.activity.query import Bounds
from casbah.activity.tenant import TenantId
from casbah.base.shared import SharedFlag
from casbah.base.traces import Traces
from casbah.evidence.logs import Logs
from casbah.http.emulation import Emulation
from casbah.http.memory import MemoryBudget
from casbah.http.metrics import Metrics
from casbah.http.request_body import read_parameters
from casbah.http.thread_pools import ThreadPools
from casbah.http.trusted_proxies import TrustedProxies
from casbah.identity.authenticator import Authenticator
from casbah.identity.permissions import Caller, Permission
from casbah.identity.sign_in import SignIn
from casbah.identity.throttle import Throttle
from casbah.identity.token import Tokens
from casbah.ingest.contract import Connector
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.enrich.given_names import GivenNames
from casbah.ingest.enrich.ranges import RangeBook
from casbah.ingest.parse_pool import ParsePool
from casbah.ingest.rejects import Rejects
from casbah.operations.audit.trail import Trail
from casbah.operations.backup.snapshots import Snapshots
from casbah.operations.retention.deletion import Retention
from casbah.operations.saved.queries import Queries
from casbah.operations.scrub import Scrub
from casbah.outputs.export.exports import Exports
from casbah.outputs.push.report import Pushes
from casbah.settings import Settings
from casbah.store.contract import ReplicaStore, ReplicaTenant, Store, Tenant

Result = TypeVar("Result")

_UNWATCHED = 0.05
"""Seconds that a search may take before its connection is watched: most are done by then, and watching takes time, too."""


class Backend(Protocol):
    """A service in this process or over a network."""

    @property
    def is_remote(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class WriterServices:
    """What only the process that owns the store has."""

    store: Store
    sign_in: SignIn | None
    queries: Queries
    exports: Exports
    retention: Retention
    snapshots: Snapshots
    pushes: Pushes
    scrub: Scrub | None
    """None if the setting is off, or a cluster checks its own files."""

    logs: Logs | None
    """None if the server keeps no transparency logs."""


@dataclass(frozen=True, slots=True)
class Services:
    """What HTTP handlers need from the rest of the application; built by `compose`. The clock gives ms since the epoch.

    `plain` emulates nothing.
    """

    settings: Settings
    store: ReplicaStore
    tokens: Tokens
    authenticator: Authenticator
    proxies: TrustedProxies
    throttle: Throttle
    emulation: Emulation
    plain: Emulation
    connectors: Mapping[str, Connector]
    ranges: RangeBook
    names: GivenNames
    trail: Trail
    enrichment: Enrichment
    parse_pool: ParsePool
    rejects: Rejects
    pools: ThreadPools
    metrics: Metrics
    traces: Traces
    clock: Callable[[], int]
    memory: MemoryBudget
    leaving: SharedFlag
    """Set once the server is stopping."""

    here: WriterServices | None
    """None in a process that does not own the store."""

    @property
    def writer(self) -> WriterServices:
        """What only the process that owns the store has; handlers that need it are called there alone (`routes`)."""
        if self.here is None:
            raise RuntimeError("a handler that needs the owner of the store was called in another process")
        return self.here

    @property
    def log_permission(self) -> Permission:
        """What it takes to read a transparency log."""
        return Permission.ADMINISTER if self.settings.log_readers == "admin" else Permission.READ

    @property
    def bounds(self) -> Bounds:
        """Limits on one request's filters."""
        chosen = self.settings
        return Bounds(chosen.max_filters, chosen.max_values, chosen.max_value_length)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request with its authenticated caller and path parameters."""

    request: Request
    services: Services
    caller: Caller
    path: Mapping[str, str]
    gone: Event = field(default_factory=Event)
    """Set once the client has disconnected."""

    @property
    def tenant(self) -> ReplicaTenant:
        """The caller's activities. They are open in a handler (see `opened`); if that failed, this tries again, so call it in a
        thread.
        """
        return self.services.store.tenant(self.tenant_id)

    @property
    def tenant_id(self) -> TenantId:
        """The caller's tenant, the only one whose data a handler reaches."""
        return self.caller.tenant_id

    @property
    def emulation(self) -> Emulation:
        """How this server emulates another for the caller. Never for the owner of the data."""
        return self.services.plain if self.caller.owner else self.services.emulation

    @property
    def deadline(self) -> Deadline:
        """The deadline of a search that starts now."""
        return Deadline.after(self.services.settings.search_seconds, gone=self.gone)

    async def parameters(self) -> dict[str, Any]:
        """The parameters of the query string and the body. Raises RequestError."""
        return await read_parameters(self.request, limit=self.services.settings.max_body)

    async def search(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Run a search in the search pool.

        Pages drop the connection of the previous query whenever a filter changes. So the connection is watched after a moment,
        and an abandoned search stops at its next step.
        """
        loop = asyncio.get_running_loop()
        watching: list[asyncio.Task[None]] = []
        begin = loop.call_later(_UNWATCHED, lambda: watching.append(loop.create_task(self._watch())))
        try:
            return await self.services.pools.search.run(self._timed, call, *arguments, tenant=self.tenant_id.name)
        finally:
            begin.cancel()
            for task in watching:
                task.cancel()

    async def quick(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Run a short blocking call in the quick pool."""
        return await self.services.pools.quick.run(call, *arguments)

    async def brief(self, where: "Backend", call: Callable[..., Result], *arguments: Any) -> Result:
        """Run a call that does not block, unless `where` is remote: then in the quick pool."""
        return await self.quick(call, *arguments) if where.is_remote else call(*arguments)

    async def opened(self) -> None:
        """Wait without a thread until the caller's tenant is open, so that slow opening cannot use up the pools' threads.

        An error of opening is raised later, by the first call to the store.
        """
        await opened(self.services.store, self.tenant_id)

    async def ingest(self, call: Callable[..., Result], *arguments: Any) -> Result:
        """Run a call that stores events in the ingest pool."""
        return await self.services.pools.ingest.run(call, *arguments, tenant=self.tenant_id.name)

    def _timed(self, call: Callable[..., Result], *arguments: Any) -> Result:
        with self.services.metrics.searching(), self.services.traces.span("search"):
            return call(*arguments)

    async def _watch(self) -> None:
        """Wait until the client disconnects. Call it only after the body is read."""
        while (await self.request.receive())["type"] != "http.disconnect":
            pass
        self.gone.set()


@dataclass(frozen=True, slots=True)
class WriterContext(RequestContext):
    """A request to a handler that runs only in the process that owns the store."""

    @property
    def writer(self) -> WriterServices:
        """What only this process has."""
        return self.services.writer

    @property
    def tenant(self) -> Tenant:
        """The caller's activities, see `RequestContext.tenant`."""
        return self.writer.store.tenant(self.tenant_id)

    async def high_water_mark(self) -> int:
        return await self.brief(self.services.store, self.tenant.high_water_mark)


async def opened(store: ReplicaStore, tenant_id: TenantId) -> None:
    """Wait without a thread until a tenant is open. An error is raised by the call that needs the tenant."""
    opening = store.opening(tenant_id)
    if opening is not None:
        await asyncio.gather(asyncio.wrap_future(opening), return_exceptions=True)
