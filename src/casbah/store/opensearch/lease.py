"""One server at a time writes to a tenant, whichever of the cluster's many it is; and numbers are given out in turn.

A tenant has a document that says up to which number activities were numbered, up to which all are settled, and who writes.
Whoever wants to writes its own name there, provided that nobody has changed it meanwhile, and takes as many numbers as it
may need; once all is stored and can be found, it takes the name away. So numbers are given once, in the order of storing,
and what has a larger number than what is settled is not looked at by the change feed.

A server that died leaves its name. Another one that has seen the document unchanged for LEASE seconds of its own clock takes
over; who holds a turn sends nothing that it could not have the answer to before then. So it is assumed that a request does
not reach the cluster more than LEASE seconds after it was sent.
"""

import logging
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from casbah.activity.scope import Scope
from casbah.errors import ClusterUnreachableError, StoreClosedError
from casbah.store.opensearch.cluster import Cluster, ClusterRefusedError, within

LEASE = 30.0
_PATIENCE = 3 * LEASE
_CONFLICT, _MISSING = 409, 404
_PAUSE = 0.02

_log = logging.getLogger("casbah.store")


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What is known of a tenant: the last number given, the last settled one, the clock's last ms and how many it took, who
    writes, the indices from which deleted activities are still to be erased, and whether feedback on such is there still.
    """

    last: int = 0
    settled: int = 0
    moment: int = 0
    taken: int = 0
    lease_holder: str = ""
    erasing: Sequence[str] = field(default_factory=list)
    forgetting: bool = False


@dataclass(frozen=True, slots=True)
class _Version:
    seq_no: int
    primary_term: int


class ChangedError(ClusterUnreachableError):
    """The state is not what it was."""


class Lease:
    """The right to write to a tenant, until it ends, with the numbers from `first` to `state.last`."""

    def __init__(
        self, leases: "Leases", scope: Scope, *, state: LeaseState, first: int, version: _Version, since: float
    ) -> None:
        self._leases = leases
        self._scope = scope
        self._version = version
        self._since = since
        self.state = state
        self.first = first

    @property
    def seconds(self) -> float:
        """How long a request that is sent now may take. Raises ClusterUnreachableError where it is too late to send any."""
        left = LEASE * 0.8 - (time.monotonic() - self._since)
        if left <= 0:
            raise ClusterUnreachableError("the turn to write took too long")
        return left

    def renew(self) -> None:
        """Hold it for longer, if half of it is over."""
        if time.monotonic() - self._since > LEASE / 2:
            self.keep(self.state)

    def keep(self, state: LeaseState) -> None:
        """Say something else of the tenant."""
        since = time.monotonic()
        self._version = self._leases.write(self._scope, state, self._version, seconds=self.seconds)
        self.state, self._since = state, since


class Leases:
    """Gives turns out. Any thread may ask."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.closing = False
        """Once set, nobody waits for a turn any more."""

    def state(self, scope: Scope) -> LeaseState:
        """What is known of a tenant now."""
        found = self._found(scope)
        return LeaseState() if found is None else found[0]

    def tenants(self) -> list[str]:
        """Every tenant that there is or was."""
        names = self._cluster.names.tenants
        self._cluster.refresh(names)
        body = {"size": 10_000, "_source": False}
        hits = self._cluster.ask("POST", f"{names}/_search", body, asking={"allow_partial_search_results": "false"})[
            "hits"
        ]["hits"]
        return sorted(hit["_id"] for hit in hits)

    @contextmanager
    def lease(self, scope: Scope, *, numbers: int = 0) -> Iterator[Lease]:
        """A lease that reserves this many sequence numbers, from `state.last + 1` on. Raises ClusterUnreachableError.

        When it ends, the high-water mark covers all its numbers. After a ClusterUnreachableError a write may still be under
        way, so the lease is not released: other servers wait until it expires. After any other error, what was written is
        refreshed first.
        """
        lease = self._taken(scope, numbers)
        try:
            yield lease
        except BaseException as error:
            if not isinstance(error, ClusterUnreachableError) or isinstance(error, ClusterRefusedError):
                self._cluster.refresh(self._cluster.names.all_of(scope))
                _end(lease)
            raise
        _end(lease)

    def write(self, scope: Scope, state: LeaseState, version: _Version | None, *, seconds: float) -> _Version:
        """Put down a tenant's state in place of that version of it, or where there is none. Raises ChangedError."""
        place = f"{self._cluster.names.tenants}/_doc/{scope.tenant}"
        body = {name: getattr(state, name) for name in LeaseState.__slots__}
        condition: dict[str, Any] = (
            {"op_type": "create"}
            if version is None
            else {"if_seq_no": version.seq_no, "if_primary_term": version.primary_term}
        )
        asking = {**condition, **within(seconds)}
        told = self._cluster.ask("PUT", place, body, seconds=seconds, absent=(_CONFLICT,), asking=asking)
        if told is not None:
            return _Version(told["_seq_no"], told["_primary_term"])
        found = self._found(scope)  # It may be ours: a request whose answer got lost is sent again.
        if found is None or found[0] != state:
            raise ChangedError("another server has changed it")
        return found[1]

    def _taken(self, scope: Scope, numbers: int) -> Lease:
        """A turn, as soon as nobody else has it."""
        name = secrets.token_hex(8)
        end = time.monotonic() + _PATIENCE
        watched = _WatchedVersions()
        while time.monotonic() < end:
            if self.closing:
                raise StoreClosedError
            since = time.monotonic()
            state, version = self._found(scope) or (LeaseState(), None)
            if state.lease_holder and watched.for_how_long(version) > LEASE:
                self._settle_after(scope, state)
                state = replace(state, lease_holder="")
            if not state.lease_holder:
                wanted = replace(state, lease_holder=name, last=state.last + numbers)
                with suppress(ChangedError):
                    taken = self.write(scope, wanted, version, seconds=LEASE / 2)
                    return Lease(self, scope, state=wanted, first=state.last + 1, version=taken, since=since)
            time.sleep(_PAUSE * (0.5 + random.random()))  # noqa: S311  so that those who wait do not all ask at once
        raise ClusterUnreachableError(f"another server has been writing to tenant {scope.tenant} all the time")

    def _settle_after(self, scope: Scope, state: LeaseState) -> None:
        """What a server that died has stored last can be found from now on."""
        _log.warning(
            "tenant %s: server %s left in the middle of writing; another one takes over",
            scope.tenant,
            state.lease_holder,
        )
        self._cluster.refresh(self._cluster.names.all_of(scope))

    def _found(self, scope: Scope) -> tuple[LeaseState, _Version] | None:
        found = self._cluster.ask("GET", f"{self._cluster.names.tenants}/_doc/{scope.tenant}", absent=(_MISSING,))
        if found is None:
            return None
        return LeaseState(**found["_source"]), _Version(found["_seq_no"], found["_primary_term"])


class _WatchedVersions:
    """How long nobody has written a tenant's state, by a clock of our own.

    Who holds a turn writes it again to hold it for longer, though nothing in it changes.
    """

    def __init__(self) -> None:
        self._version: _Version | None = None
        self._since = 0.0

    def for_how_long(self, version: _Version | None) -> float:
        """Seconds since it was first seen like this."""
        now = time.monotonic()
        if version != self._version:
            self._version, self._since = version, now
        return now - self._since


def _end(lease: Lease) -> None:
    """All that was given a number is settled."""
    lease.keep(replace(lease.state, settled=lease.state.last, lease_holder=""))
