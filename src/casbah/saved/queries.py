"""The queries that people keep.

A query belongs to the principal who saved it, known by an id; a name is kept for display. One that is shared everybody of the
tenant sees, and its owner alone changes it. An earlier version kept names alone: `earlier` says whose such a query is.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.scope import Principal, Scope
from casbah.errors import LimitExceededError, NoSuchQueryError
from casbah.key_value import Entry, KeyValueStore, Value, change


@dataclass(frozen=True, slots=True)
class SavedQueryLimits:
    """How many queries one owner may have in a tenant, and how many bytes of JSON; the tenant's shared ones together have
    the same bound of bytes.
    """

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class QueryDefinition:
    """A query as somebody saves it; `filters` as they were sent."""

    name: str
    filters: Mapping[str, Any]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query as it is kept: `changed` is when, in ms; `owner` is a name."""

    id: str
    owner: str
    owner_id: str
    written: QueryDefinition
    changed: int


class Queries:
    """All tenants' queries on a shelf, a drawer a tenant. Methods may be called from any thread, and raise as a shelf's do."""

    def __init__(
        self,
        key_values: KeyValueStore,
        *,
        clock: Callable[[], int],
        earlier: Callable[[str, str, int], str],
        bounds: SavedQueryLimits,
    ) -> None:
        self._key_values = key_values
        self._bounds = bounds
        self._clock = clock
        self._earlier = earlier
        self._adding = threading.Lock()

    def all(self, owner: Principal, scope: Scope) -> Sequence[SavedQuery]:
        """Somebody's own queries and those that others share with them, by name."""
        found = [self._query(kept, scope) for kept in self._key_values.all(scope.tenant)]
        seen = (query for query in found if owner.owns(query.owner_id) or query.written.shared)
        return sorted(seen, key=lambda each: (each.written.name, each.id))

    def add(
        self, written: QueryDefinition, owner: Principal, scope: Scope, *, query_id: str | None = None
    ) -> SavedQuery:
        """Keep a new query, under a new id if none is chosen. Raises LimitExceededError."""
        kept = SavedQuery(query_id or secrets.token_hex(8), owner.name, owner.id, written, self._clock())
        with self._adding:
            self._require_room(kept, scope)
            self._key_values.put(scope.tenant, kept.id, _value(kept))
        return kept

    def change(self, query_id: str, written: QueryDefinition, owner: Principal, scope: Scope) -> SavedQuery:
        """Keep a query in place of one's own of that id; one that was nobody's is one's own then.

        Raises NoSuchQueryError or LimitExceededError.
        """
        kept = SavedQuery(query_id, owner.name, owner.id, written, self._clock())

        def changed(there: Value | None) -> Value:
            if there is None or not owner.owns(self._owner_id(there, scope)):
                raise NoSuchQueryError
            return _value(kept)

        with self._adding:
            there = self._key_values.get(scope.tenant, query_id)
            changed(None if there is None else there.value)
            self._require_room(kept, scope)
            change(self._key_values, scope.tenant, query_id, changed)
        return kept

    def remove(self, query_id: str, owner: Principal, scope: Scope) -> None:
        """Forget a query of one's own. Raises NoSuchQueryError."""
        there = self._key_values.get(scope.tenant, query_id)
        mine = there is not None and owner.owns(self._owner_id(there.value, scope))
        if not mine or not self._key_values.remove(scope.tenant, query_id):
            raise NoSuchQueryError

    def _require_room(self, new: SavedQuery, scope: Scope) -> None:
        """Raises LimitExceededError where a query would be one too many, or too large beside the others."""
        stored = (self._query(kept, scope) for kept in self._key_values.all(scope.tenant))
        others = [query for query in stored if query.id != new.id]
        own = [query for query in others if query.owner_id == new.owner_id]
        shared = [query for query in others if query.written.shared]
        most, size = self._bounds.number, self._bounds.size
        if len(own) >= most:
            raise LimitExceededError(f"at most {most} saved queries of one owner (setting CASBAH_MAX_QUERIES)")
        for whose, listed in (("one owner", own), *([("a tenant, shared", shared)] if new.written.shared else ())):
            if _size(new) + sum(map(_size, listed)) > size:
                raise LimitExceededError(
                    f"at most {size} bytes of saved queries of {whose} (setting CASBAH_MAX_QUERIES_SIZE); delete some first"
                )

    def _query(self, kept: Entry, scope: Scope) -> SavedQuery:
        said = kept.value
        written = QueryDefinition(said["name"], said["filters"], said["shared"])
        return SavedQuery(kept.name, said["owner"], self._owner_id(said, scope), written, said["changed"])

    def _owner_id(self, said: Value, scope: Scope) -> str:
        known: str | None = said.get("ownerId")
        return self._earlier(said["owner"], scope.tenant, said["changed"]) if known is None else known


def _size(query: SavedQuery) -> int:
    return len(json.dumps(_value(query)))


def _value(query: SavedQuery) -> Value:
    said = query.written
    about = {"name": said.name, "filters": said.filters, "shared": said.shared}
    return {"owner": query.owner, "ownerId": query.owner_id, **about, "changed": query.changed}
