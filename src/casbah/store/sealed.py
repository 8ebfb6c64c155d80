"""The interface of a store that keeps a salt next to each record, for commitments to it (docs/evidence.md)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from casbah.activity.tenant import TenantId


class SealedRecord(NamedTuple):
    """A stored record with what a commitment to it needs: the sequence numbers under which its activity was first and last
    stored, its salt, and how many bytes after its opening brace were added when it was stored (0: none, or not known).
    """

    number: int
    stored: int
    salt: bytes
    added: int
    record: bytes


@dataclass(frozen=True, slots=True)
class SealedRecords:
    """Records in order. `reached` is the sequence number up to which the store was read."""

    records: Sequence[SealedRecord]
    reached: int


@runtime_checkable
class SealedTenant(Protocol):
    """One tenant's activities in a store that keeps a salt next to each record."""

    def high_water_mark(self) -> int:
        """As `Reader.high_water_mark`."""
        ...

    def sealed(self, *, after: int, limit: int) -> SealedRecords:
        """The first `limit` records of activities with sequence numbers above `after`, in sequence order."""
        ...

    def replaced(self, *, after: int, limit: int) -> SealedRecords:
        """The first `limit` records that replaced others and were last stored under numbers above `after`, in that order.

        Compaction stores records again, so one may be returned again, with the same salt.
        """
        ...

    def sealed_record(self, activity_id: str, /) -> SealedRecord | None:
        """The record with this `_id`, or None."""
        ...


class SealedStore(Protocol):
    """A store that keeps a salt next to each record."""

    before_deleting: Callable[[str, Sequence[int]], None] | None
    """Called with a tenant and the numbers of its activities that are about to be deleted, while nothing else is stored. If
    it raises, nothing is deleted.
    """

    def tenants(self) -> Sequence[str]:
        """As `Store.tenants`."""
        ...

    def tenant(self, tenant_id: TenantId, /) -> SealedTenant:
        """A tenant's activities."""
        ...
