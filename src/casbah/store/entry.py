"""An arrival on its way into an engine: all that can be made ready without a look at what is stored.

It is done right after parsing, while the record is still in the processor's cache, and outside every lock. What an engine
wants of a record's fields is its own `columns`; what storing adds (a free id, a moment) comes later.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from casbah.activity.new_activity import NewActivity
from casbah.store import contract
from casbah.store.json_patch import with_additions

Columns = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""An activity to what an engine indexes of it, but for what storing adds."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An arrival without its parsed record; `columns` is the JSON object of its columns."""

    id: str
    timestamp: int
    created: int | None
    digest: str | None
    adds: tuple[str, ...]
    record: bytes
    columns: bytes

    @property
    def second_id(self) -> str | None:
        """The id to store it by where its own is another event's already; None where it is known by its id alone."""
        return None if self.digest is None else f"{self.id}~{self.digest[:8]}"


def prepared(new_activity: NewActivity, columns: Columns) -> Prepared:
    """All of an arrival that can be made ready before it is stored."""
    return Prepared(
        id=new_activity.id,
        timestamp=new_activity.timestamp,
        created=new_activity.created,
        digest=new_activity.digest,
        adds=new_activity.adds,
        record=new_activity.record,
        columns=orjson.dumps(columns(_named(new_activity.id, new_activity.adds) | dict(new_activity.activity))),
    )


def ready(each: NewActivity | contract.Prepared, columns: Columns) -> Prepared:
    """The same of what may have been made ready before."""
    if isinstance(each, Prepared):
        return each
    if isinstance(each, NewActivity):
        return prepared(each, columns)
    raise TypeError(f"{type(each).__name__} was not prepared by this store")


def renamed(entry: Prepared, activity_id: str, columns: Columns) -> Prepared:
    """The same under another id."""
    new_activity = NewActivity(
        id=activity_id,
        timestamp=entry.timestamp,
        record=entry.record,
        activity=parsed(entry.record),
        digest=entry.digest,
        created=entry.created,
        adds=entry.adds,
    )
    return prepared(new_activity, columns)


def record_of(entry: Prepared, created: int) -> bytes:
    """The record as it will be answered: with the id and the moment of storing where it brought none."""
    added: dict[str, Any] = {"_id": entry.id, "uid": entry.id, "created": created}
    return with_additions(entry.record, {key: value for key, value in added.items() if key in entry.adds})


def parsed(record: bytes) -> Any:
    """A record that was parsed once already. The standard library reads integers of any length, orjson any depth we take."""
    try:
        return json.loads(record)
    except RecursionError:
        return orjson.loads(record)


def _named(activity_id: str, adds: Sequence[str]) -> dict[str, Any]:
    return {key: activity_id for key in ("_id", "uid") if key in adds}
