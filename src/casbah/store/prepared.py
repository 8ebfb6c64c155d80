"""Preparing a new activity: everything an engine can compute without reading the store.

This runs right after parsing, while the record is still in the CPU cache, and outside every lock. Each engine supplies its own
`columns`. What the store adds (an unused id, the time of storing) comes later.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

import orjson

from casbah.activity.forms import form_of
from casbah.activity.new_activity import NewActivity, Seal, second_id
from casbah.activity.record import integer
from casbah.base import jsontext
from casbah.store import contract
from casbah.store.copies import Relation, relation

Columns = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Maps an activity to the columns an engine indexes, except those that the store adds."""


class Prepared(NamedTuple):
    """A new activity without its parsed record. `columns` is a JSON object; `lossy` says that its form (`activity/forms.py`)
    carries less than the source's event. A tuple: a frozen dataclass takes longer to pickle.
    """

    id: str
    timestamp: int
    created: int | None
    digest: str | None
    adds: tuple[str, ...]
    record: bytes
    columns: bytes
    lossy: bool
    seal: Seal | None = None

    @property
    def known_by_id(self) -> bool:
        """Whether only its id identifies it: a record in the shape of Defender for Cloud Apps."""
        return self.digest is None and not self.lossy

    @property
    def second_id(self) -> str | None:
        """The id to use if another event has its own; None if events are identified by id alone (no digest)."""
        return second_id(self.id, self.digest)


def prepared(new_activity: NewActivity, columns: Columns) -> Prepared:
    """A new activity, prepared for an engine."""
    adds = new_activity.adds
    activity = _named(new_activity.id, adds) | dict(new_activity.activity) if adds else new_activity.activity
    return Prepared(
        id=new_activity.id,
        timestamp=new_activity.timestamp,
        created=new_activity.created,
        digest=new_activity.digest,
        adds=adds,
        record=new_activity.record,
        columns=orjson.dumps(columns(activity)),
        lossy=form_of(new_activity.activity) is not None,
        seal=new_activity.seal,
    )


def ready(entry: NewActivity | contract.PreparedByStore, columns: Columns) -> Prepared:
    """The entry, prepared if it is not yet."""
    if isinstance(entry, Prepared):
        return entry
    if isinstance(entry, NewActivity):
        return prepared(entry, columns)
    raise TypeError(f"{type(entry).__name__} was not prepared by this store")


class TakenIdError(Exception):
    """An entry with the id of an activity that is no copy of it, or cannot be compared with it. The message is the reason."""

    def __init__(self, why: str = "activity whose time, user or address differs") -> None:
        super().__init__(f"its _id is that of a stored {why}")


class ReplicaInserter(contract.Inserter, Protocol):
    """One tenant in a replica: it prepares new activities, and the owner of the store inserts them."""

    columns: Columns

    @property
    def owner(self) -> contract.Inserter:
        """The tenant's activities in the process that owns them. Raises StoreClosedError once the replica is closed."""
        ...

    def insert_soon(
        self,
        new_activities: Iterable[NewActivity | contract.PreparedByStore],
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
        seal=entry.seal,
    )
    return prepared(new_activity, columns)


def relation_to(stored: bytes | None, entry: Prepared, *, period_of: Callable[[int], int]) -> Relation:
    """What an entry is to the stored record of its id, which is None if it need not be compared. What is known by its id alone
    is only compared with records that carry less.

    A fuller copy in another partition is another activity: to replace the stored one would take two commits, and a crash
    between them would leave both.
    """
    parsed = None if stored is None else jsontext.parse_accepted(stored)
    if entry.known_by_id and (type(parsed) is not dict or form_of(parsed) is None):
        return Relation.COPY
    if type(parsed) is not dict:
        return Relation.OTHER
    result = relation(parsed, jsontext.parse_accepted(entry.record))
    is_elsewhere = period_of(integer(parsed.get("timestamp")) or 0) != period_of(entry.timestamp)
    return Relation.OTHER if result is Relation.FULLER and is_elsewhere else result


def record_of(entry: Prepared, created: int) -> bytes:
    """The record as stored: with the id and time of storing added where it lacked them."""
    added: dict[str, Any] = {"_id": entry.id, "uid": entry.id, "created": created}
    added = {key: value for key, value in added.items() if key in entry.adds}
    return jsontext.extended(entry.record, jsontext.dump(added)) if added else entry.record


def _named(activity_id: str, adds: Sequence[str]) -> dict[str, Any]:
    return {key: activity_id for key in ("_id", "uid") if key in adds}
