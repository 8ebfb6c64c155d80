"""Sends what `casbah ingest` reads to where it is stored, in batches: to the API, or to a store that this process owns."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import httpx

from casbah.activity.tenant import TenantId
from casbah.cli.connection import Api
from casbah.cli.ingest_report import FileReport
from casbah.cli.rejects_file import RejectsFile
from casbah.cli.stopping import Stopping
from casbah.errors import ServerRefusedError
from casbah.ingest import wire_encoding
from casbah.ingest.contract import Refusal
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.preparation import Preparation
from casbah.ingest.read_ahead import Encoded, size_of_item
from casbah.ingest.times import suspicion
from casbah.store.contract import Inserter, PreparedByStore

_BATCH_BYTES = 16_000_000
_PATH = "/api/ext/v1/activities"


@dataclass(frozen=True, slots=True)
class NotStored:
    """The positions in a batch of what was not stored: refused with a reason, or a duplicate. All else is on disk."""

    refused: Mapping[int, str]
    duplicates: frozenset[int]


class Destination(Protocol):
    """Where activities are stored, and how they must be prepared for it: not at all, if there is no `preparation`."""

    @property
    def preparation(self) -> Preparation | None: ...

    def store(self, batch: Sequence[Encoded | PreparedByStore], /) -> NotStored:
        """Store a batch. Raises CasbahError or httpx.HTTPError if that failed."""
        ...

    def record_of(self, item: Encoded | PreparedByStore, /) -> bytes:
        """The record of an activity as its source has it."""
        ...


@dataclass(frozen=True, slots=True)
class ToApi:
    """Stores by the API, which prepares activities itself: the server's settings apply."""

    api: Api
    preparation: None = None

    def store(self, batch: Sequence[Encoded | PreparedByStore], /) -> NotStored:
        """See `Destination`."""
        answer = self.api.ask(
            "POST",
            _PATH,
            allow=(httpx.codes.UNPROCESSABLE_ENTITY,),
            params={"source": wire_encoding.SOURCE},
            content=b"".join(item.line for item in _encoded(batch)),
        ).json()
        # The server's lines are those of the body.
        refused = {refusal["line"] - 1: refusal["reason"] for refusal in answer["refused"]}
        duplicates = frozenset(line - 1 for line in answer["duplicateLines"])
        counted = answer["stored"] + len(duplicates) + len(refused)
        if counted != len(batch):
            raise ServerRefusedError(f"the server counted {counted} of {len(batch)} activities")
        return NotStored(refused, duplicates)

    def record_of(self, item: Encoded | PreparedByStore, /) -> bytes:
        """See `Destination`."""
        return item.record


@dataclass(frozen=True, slots=True)
class ToStore:
    """Stores in this process. The processes that read files prepare the activities, so nothing is parsed or sent again."""

    tenant: Inserter
    preparation: Preparation
    enrichment: Enrichment
    """The one that `preparation` opens in each process."""

    def store(self, batch: Sequence[Encoded | PreparedByStore], /) -> NotStored:
        """See `Destination`."""
        inserted = self.tenant.insert(list(_prepared(batch)))
        return NotStored(dict(inserted.refused), frozenset(inserted.repeated))

    def record_of(self, item: Encoded | PreparedByStore, /) -> bytes:
        """See `Destination`."""
        return self.enrichment.unenriched(item.record)


def _encoded(batch: Sequence[Encoded | PreparedByStore]) -> Iterator[Encoded]:
    """The items of a batch. Raises TypeError for one that was prepared for a store: none is left out."""
    for item in batch:
        if not isinstance(item, Encoded):
            raise TypeError(f"{type(item).__name__} was prepared for a store")
        yield item


def _prepared(batch: Sequence[Encoded | PreparedByStore]) -> Iterator[PreparedByStore]:
    """The items of a batch. Raises TypeError for one that was encoded for the API: none is left out."""
    for item in batch:
        if isinstance(item, Encoded):
            raise TypeError(f"{type(item).__name__} was not prepared for a store")
        yield item


def destination_of(api: Api, tenant: str) -> Destination:
    """The store, if this process owns it; the API otherwise."""
    if api.application is None:
        return ToApi(api)
    services, tenant_id = api.application.services, TenantId(tenant)
    ranges = services.ranges.ranges(tenant_id)
    preparation = replace(services.parse_pool.preparation, ranges=ranges)
    return ToStore(services.store.tenant(tenant_id), preparation, services.enrichment.knowing(ranges))


@dataclass(slots=True)
class Sender:
    """Stores the items of all files in batches of at most `batch`, since a batch of many small files costs as much as one of a
    large file.

    What is in a batch is on disk and counted in the reports of its files once `flush` or `add` returns.
    """

    destination: Destination
    batch: int
    rejects: RejectsFile
    stopping: Stopping
    _items: list[tuple[FileReport, int, Any]] = field(default_factory=list)
    _size: int = 0

    def add(self, report: FileReport, line: int, item: Encoded | PreparedByStore | Refusal) -> None:
        """Add an item of a file, with its line."""
        self._items.append((report, line, item))
        self._size += size_of_item(item)
        if len(self._items) >= self.batch or self._size >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Store what has been added."""
        with self.stopping.batch():
            items, self._items, self._size = self._items, [], 0
            for report, _, item in items:
                if isinstance(item, Refusal):
                    self._refuse(item, report)
            self._store([(report, line, item) for report, line, item in items if not isinstance(item, Refusal)])

    def _store(self, activities: Sequence[tuple[FileReport, int, Encoded | PreparedByStore]]) -> None:
        if not activities:
            return
        outcome = self.destination.store([item for _, _, item in activities])
        now = time.time_ns() // 1_000_000
        for position, (report, line, item) in enumerate(activities):
            if position in outcome.refused:
                record = self.destination.record_of(item)
                self._refuse(Refusal(report.origin, line, outcome.refused[position], record), report)
            elif position in outcome.duplicates:
                report.tally.duplicates += 1
            else:
                report.tally.stored += 1
            if (suspicious := suspicion(item.timestamp, now)) is not None:
                report.suspicions[suspicious] += 1

    def _refuse(self, refusal: Refusal, report: FileReport) -> None:
        self.rejects.keep(refusal)
        report.refuse(refusal.reason)
