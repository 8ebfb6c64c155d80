"""Leases: only one of the cluster's servers at a time writes to a tenant and assigns sequence numbers.

A document per tenant holds the last assigned number, the high-water mark (`settled`), and the lease holder. To acquire the
lease, a server writes its name there, if no one else has changed the document, and reserves the numbers it may need. Once
everything is stored and visible, it removes its name. So each number is assigned once, in order of storing, and the change feed
does not read past the high-water mark.

A server that dies leaves its name. Another server takes over once it has seen the document unchanged for LEASE seconds of its
own clock. A lease holder sends no request whose answer could come later than that. This assumes that a request reaches the
cluster within LEASE seconds after it was sent.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.base.backoff import Backoff
from casbah.errors import ClusterUnreachableError, StoreClosedError
from casbah.store.opensearch.cluster import Cluster, ClusterRefusedError, within

LEASE = 30.0
_PATIENCE = 3 * LEASE
_CONFLICT, _MISSING = 409, 404
_BACKOFF = Backoff(0.03, 0.03, jitter=2 / 3)
"""Jitter alone: a lease is held for moments, so waiting longer each time would only delay."""

_log = logging.getLogger("casbah.store")


@dataclass(frozen=True, slots=True)
class LeaseState:
    """The document of a tenant; its keys are the names of these fields.

    `last` is the last assigned sequence number, `settled` the high-water mark; `moment` is the last ms of the clock, used
    `taken` times; `erasing` lists indices to compact; `forgetting` says that feedback on deleted activities may be left.
    """

    last: int = 0
    settled: int = 0
    moment: int = 0
    taken: int = 0
    holder: str = ""
    erasing: Sequence[str] = field(default_factory=list)
    forgetting: bool = False

    @property
    def needs_compaction(self) -> bool:
        """Whether something deleted is left, on disk or in the feedback."""
        return bool(self.erasing) or self.forgetting


@dataclass(frozen=True, slots=True)
class _Version:
    seq_no: int
    primary_term: int


class ChangedError(ClusterUnreachableError):
    """Another server has changed the state."""


class Lease:
    """The right to write to a tenant, and to assign the sequence numbers from `first` to `state.last`."""

    def __init__(
        self, leases: "Leases", tenant_id: TenantId, *, state: LeaseState, first: int, version: _Version, since: float
    ) -> None:
        self._leases = leases
        self._tenant_id = tenant_id
        self._version = version
        self._since = since
        self.state = state
        self.first = first

    @property
    def seconds(self) -> float:
        """How long a request sent now may take. Raises ClusterUnreachableError if the lease is about to expire."""
        left = LEASE * 0.8 - (time.monotonic() - self._since)
        if left <= 0:
            raise ClusterUnreachableError("the lease expired while writing")
        return left

    def renew(self) -> None:
        """Extend the lease if half of its time has passed."""
        if time.monotonic() - self._since > LEASE / 2:
            self.keep(self.state)

    def keep(self, state: LeaseState) -> None:
        """Write a new state, which also extends the lease."""
        since = time.monotonic()
        self._version = self._leases.write(self._tenant_id, state, self._version, seconds=self.seconds)
        self.state, self._since = state, since


class Leases:
    """Acquires leases. Thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.closing = False
        """Once set, waiting for a lease raises StoreClosedError."""

    def state(self, tenant_id: TenantId) -> LeaseState:
        """The current state of a tenant."""
        stored = self._stored(tenant_id)
        return LeaseState() if stored is None else stored[0]

    def tenants(self) -> list[str]:
        """Every tenant that exists or once existed."""
        names = self._cluster.names.tenants
        self._cluster.refresh(names)
        body = {"size": 10_000, "_source": False}
        hits = self._cluster.ask("POST", f"{names}/_search", body, asking={"allow_partial_search_results": "false"})[
            "hits"
        ]["hits"]
        return sorted(hit["_id"] for hit in hits)

    @contextmanager
    def lease(self, tenant_id: TenantId, *, numbers: int = 0) -> Iterator[Lease]:
        """A lease that reserves this many sequence numbers, from `state.last + 1` on. Raises ClusterUnreachableError.

        When it ends, the high-water mark covers all its numbers. After a ClusterUnreachableError a write may still be under
        way, so the lease is not released: other servers wait until it expires. After any other error, what was written is
        refreshed first.
        """
        lease = self._acquire(tenant_id, numbers)
        try:
            yield lease
        except BaseException as error:
            if not isinstance(error, ClusterUnreachableError) or isinstance(error, ClusterRefusedError):
                self._cluster.refresh(self._cluster.names.all_of(tenant_id))
                _end(lease)
            raise
        _end(lease)

    def write(self, tenant_id: TenantId, state: LeaseState, version: _Version | None, *, seconds: float) -> _Version:
        """Replace that version of a tenant's state, or create it if None. Raises ChangedError."""
        place = f"{self._cluster.names.tenants}/_doc/{tenant_id.name}"
        body = {name: getattr(state, name) for name in LeaseState.__slots__}
        condition: dict[str, Any] = (
            {"op_type": "create"}
            if version is None
            else {"if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        )
        asking = {**condition, **within(seconds)}
        answer = self._cluster.ask("PUT", place, body, seconds=seconds, absent=(_CONFLICT,), asking=asking)
        if answer is not None:
            return _Version(answer["_seq_no"], answer["_primary_term"])
        stored = self._stored(tenant_id)  # It may be our own write: a request is sent again if its answer got lost.
        if stored is None or stored[0] != state:
            raise ChangedError("another server has changed it")
        return stored[1]

    def _acquire(self, tenant_id: TenantId, numbers: int) -> Lease:
        """Wait until the lease is free, and take it."""
        name = secrets.token_hex(8)
        end = time.monotonic() + _PATIENCE
        watched = _WatchedVersions()
        while time.monotonic() < end:
            if self.closing:
                raise StoreClosedError
            since = time.monotonic()
            state, version = self._stored(tenant_id) or (LeaseState(), None)
            if state.holder and watched.unchanged_seconds(version) > LEASE:
                self._take_over(tenant_id, state)
                state = replace(state, holder="")
            if not state.holder:
                acquired = replace(state, holder=name, last=state.last + numbers)
                with suppress(ChangedError):
                    held = self.write(tenant_id, acquired, version, seconds=LEASE / 2)
                    return Lease(self, tenant_id, state=acquired, first=state.last + 1, version=held, since=since)
            time.sleep(_BACKOFF.pause(1))
        raise ClusterUnreachableError(f"other servers held the lease on tenant {tenant_id.name} all the time")

    def _take_over(self, tenant_id: TenantId, state: LeaseState) -> None:
        """Make visible what a dead server stored last."""
        _log.warning(
            "tenant %s: server %s died while writing; this server takes over",
            tenant_id.name,
            state.holder,
        )
        self._cluster.refresh(self._cluster.names.all_of(tenant_id))

    def _stored(self, tenant_id: TenantId) -> tuple[LeaseState, _Version] | None:
        answer = self._cluster.ask("GET", f"{self._cluster.names.tenants}/_doc/{tenant_id.name}", absent=(_MISSING,))
        if answer is None:
            return None
        return LeaseState(**answer["_source"]), _Version(answer["_seq_no"], answer["_primary_term"])


class _WatchedVersions:
    """Measures, by the local clock, how long a tenant's state has not been written.

    A lease holder rewrites the state to extend the lease, even if nothing in it changes.
    """

    def __init__(self) -> None:
        self._version: _Version | None = None
        self._since = 0.0

    def unchanged_seconds(self, version: _Version | None) -> float:
        """Seconds since this version was first seen."""
        now = time.monotonic()
        if version != self._version:
            self._version, self._since = version, now
        return now - self._since


def _end(lease: Lease) -> None:
    """Advance the high-water mark to the last assigned number, and release the lease."""
    lease.keep(replace(lease.state, settled=lease.state.last, holder=""))
