"""Preparing a new activity: everything an engine can compute without reading the store.

This runs right after parsing, while the record is still in the CPU cache, and outside every lock. Each engine supplies its own
`columns`. What the store adds (an unused id, the time of storing) comes later.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from casbah.activity.new_activity import NewActivity, second_id
from casbah.base import jsontext
from casbah.base.event_digest import digest_of_record
from casbah.store import contract

Columns = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Maps an activity to the columns an engine indexes, except those that the store adds."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A new activity without its parsed record. `columns` is a JSON object."""

    id: str
    timestamp: int
    created: int | None
    digest: str | None
    adds: tuple[str, ...]
    record: bytes
    columns: bytes

    @property
    def second_id(self) -> str | None:
        """The id to use if another event has its own; None if events are identified by id alone (no digest)."""
        return second_id(self.id, self.digest)


def prepared(new_activity: NewActivity, columns: Columns) -> Prepared:
    """A new activity, prepared for an engine."""
    return Prepared(
        id=new_activity.id,
        timestamp=new_activity.timestamp,
        created=new_activity.created,
        digest=new_activity.digest,
        adds=new_activity.adds,
        record=new_activity.record,
        columns=orjson.dumps(columns(_named(new_activity.id, new_activity.adds) | dict(new_activity.activity))),
    )


def ready(entry: NewActivity | contract.Prepared, columns: Columns) -> Prepared:
    """The entry, prepared if it is not yet."""
    if isinstance(entry, Prepared):
        return entry
    if isinstance(entry, NewActivity):
        return prepared(entry, columns)
    raise TypeError(f"{type(entry).__name__} was not prepared by this store")


class ReplicaInserter(contract.Inserter, Protocol):
    """One tenant in a replica: it prepares new activities, and the owner of the store inserts them."""

    columns: Columns

    @property
    def owner(self) -> contract.Inserter:
        """The tenant's activities in the process that owns them. Raises StoreClosedError once the replica is closed."""
        ...

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | contract.Prepared],
        /,
        *,
        urgent: bool = False,  # noqa: ARG002  only the owner inserts what is urgent
    ) -> Future[contract.Inserted]:
        owner = self.owner
        return owner.insert_soon([ready(new_activity, self.columns) for new_activity in new_activities])


def renamed(entry: Prepared, activity_id: str, columns: Columns) -> Prepared:
    """The entry under another id."""
    new_activity = NewActivity(
        id=activity_id,
        timestamp=entry.timestamp,
        record=entry.record,
        activity=jsontext.parse_accepted(entry.record),
        digest=entry.digest,
        created=entry.created,
        adds=entry.adds,
    )
    return prepared(new_activity, columns)


def holds(record: bytes | None, entry: Prepared) -> bool:
    """Whether a record holds the event of an entry with a digest."""
    parsed = None if record is None else jsontext.parse_accepted(record)
    return type(parsed) is dict and digest_of_record(parsed) == entry.digest


def record_of(entry: Prepared, created: int) -> bytes:
    """The record as stored: with the id and time of storing added where it lacked them."""
    added: dict[str, Any] = {"_id": entry.id, "uid": entry.id, "created": created}
    added = {key: value for key, value in added.items() if key in entry.adds}
    return jsontext.extended(entry.record, jsontext.dump(added)) if added else entry.record


def _named(activity_id: str, adds: Sequence[str]) -> dict[str, Any]:
    return {key: activity_id for key in ("_id", "uid") if key in adds}
