"""Copies one store to another: every activity in insertion order, with its feedback.

Where both stores keep salts (`store.sealed`), those of the records are copied with them, so that commitments hold. Existing
activities are left as they are, so an interrupted copy can be resumed, and a repeated one copies what is new.
Sequence numbers are each store's own: a change feed cursor is valid only in the store that gave it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.new_activity import NewActivity, Seal
from casbah.activity.query import Query
from casbah.activity.record import identifier
from casbah.activity.tenant import TenantId
from casbah.base import jsontext
from casbah.base.key_value import KeyValueStore
from casbah.errors import ActivityNotFoundError
from casbah.ingest.stored_record import new_activity_of
from casbah.store.contract import Change, Reader, Store
from casbah.store.sealed import SealedTenant

_AT_ONCE = 2_000
_COMPARED = 500

Told = Callable[[int], None]
"""Called with the number of activities done since the last call."""


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The number of activities stored, already present and refused, and of feedback entries copied."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    feedback: int = 0

    def __add__(self, other: "CopyReport") -> "CopyReport":
        return CopyReport(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.refused + other.refused,
            self.feedback + other.feedback,
        )


def copied(source: Store, target: Store, tenant_id: TenantId, *, after: int = 0) -> Iterator[tuple[int, CopyReport]]:
    """Copy a tenant's activities in batches. Yields the sequence number up to which all are copied, and the batch's report."""
    copy = target.tenant(tenant_id)
    for reached, new_activities in _new_activities(source.tenant(tenant_id), after=after):
        done = copy.insert(new_activities)
        yield reached, CopyReport(done.stored, done.duplicates, len(done.refused))


def commented(source: Store, target: Store, tenant_id: TenantId) -> CopyReport:
    """Copy feedback that the target lacks."""
    original, copy, brought = source.tenant(tenant_id), target.tenant(tenant_id), 0
    for activity_id in original.ids_with_feedback():
        try:
            known, entries = set(copy.feedback(activity_id)), original.feedback(activity_id)
        except ActivityNotFoundError:  # It was deleted since, or refused, which is reported.
            continue
        for entry in entries:
            if entry not in known:
                copy.add_feedback(activity_id, entry)
                brought += 1
    return CopyReport(feedback=brought)


def copied_shelf(source: KeyValueStore, target: KeyValueStore) -> int:
    """Copy entries whose names the target lacks; returns their number."""
    return sum(target.put(namespace, kept.name, kept.value) for namespace, kept in source.everything())


def differing(source: Store, target: Store, tenant_id: TenantId, *, progress: Told) -> Iterator[str]:
    """The ids of the source's activities that the target does not have byte for byte."""
    copy = target.tenant(tenant_id)
    for _, changes in _changes(source.tenant(tenant_id), after=0):
        for start in range(0, len(changes), _COMPARED):
            part = changes[start : start + _COMPARED]
            wanted = {_id_of(change.record): change.record for change in part}
            present = {_id_of(record): record for record in _records(copy, tuple(wanted))}
            for name, record in wanted.items():
                if present.get(name) != record and copy.fetch(name) != record:
                    yield name
            progress(len(part))


def _new_activities(reader: Reader, *, after: int) -> Iterator[tuple[int, list[NewActivity]]]:
    if not isinstance(reader, SealedTenant):
        for reached, changes in _changes(reader, after=after):
            yield reached, [new_activity_of(change.record) for change in changes]
        return
    while after < reader.high_water_mark():
        page = reader.sealed(after=after, limit=_AT_ONCE)
        after = page.reached
        yield after, [new_activity_of(item.record, seal=Seal(item.salt, item.added)) for item in page.records]


def _changes(reader: Reader, *, after: int) -> Iterator[tuple[int, Sequence[Change]]]:
    while True:
        page = reader.changes(p.Everything(), after=after, limit=_AT_ONCE)
        if page.reached == after:
            return
        after = page.reached
        yield after, page.changes


def _records(reader: Reader, names: tuple[str, ...]) -> Iterator[bytes]:
    """The records with these ids, except ids too long for the field."""
    among = p.Terms(FIELDS["id"], names)
    query = Query(among, FIELDS["date"], descending=True, skip=0, limit=5_000)
    return reader.scan(query).records


def _id_of(record: bytes) -> str:
    return identifier(jsontext.parse_object(record).get("_id")) or ""
