"""The queries that people keep.

A query belongs to whoever saved it, known by the name of their token; one that is shared everybody of the tenant sees, and
its owner alone changes it.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.scope import Scope
from casbah.errors import LimitExceededError, NoSuchQueryError
from casbah.shelf import Kept, Shelf, Value, change

MOST_QUERIES = 1_000
"""Of one owner in one tenant."""


@dataclass(frozen=True, slots=True)
class Written:
    """A query as somebody saves it; `filters` as they were sent."""

    name: str
    filters: Mapping[str, Any]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query as it is kept: `changed` is when, in ms."""

    id: str
    owner: str
    written: Written
    changed: int


class Queries:
    """All tenants' queries on a shelf, a drawer a tenant. Methods may be called from any thread, and raise as a shelf's do."""

    def __init__(self, shelf: Shelf, *, clock: Callable[[], int]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._adding = threading.Lock()

    def all(self, owner: str, scope: Scope) -> Sequence[SavedQuery]:
        """Somebody's own queries and those that others share with them, by name."""
        found = map(_query, self._shelf.all(scope.tenant))
        seen = (each for each in found if each.owner == owner or each.written.shared)
        return sorted(seen, key=lambda each: (each.written.name, each.id))

    def add(self, written: Written, owner: str, scope: Scope, *, query_id: str | None = None) -> SavedQuery:
        """Keep a new query, under a new id if none is chosen. Raises LimitExceededError."""
        kept = SavedQuery(query_id or secrets.token_hex(8), owner, written, self._clock())
        with self._adding:
            there = sum(each.value["owner"] == owner for each in self._shelf.all(scope.tenant))
            if there >= MOST_QUERIES:
                raise LimitExceededError(f"there are {MOST_QUERIES} saved queries already; delete some first")
            self._shelf.put(scope.tenant, kept.id, _value(kept))
        return kept

    def change(self, query_id: str, written: Written, owner: str, scope: Scope) -> SavedQuery:
        """Keep a query in place of one's own of that id. Raises NoSuchQueryError."""
        kept = SavedQuery(query_id, owner, written, self._clock())

        def changed(there: Value | None) -> Value:
            if there is None or there["owner"] != owner:
                raise NoSuchQueryError
            return _value(kept)

        change(self._shelf, scope.tenant, query_id, changed)
        return kept

    def remove(self, query_id: str, owner: str, scope: Scope) -> None:
        """Forget a query of one's own. Raises NoSuchQueryError."""
        there = self._shelf.get(scope.tenant, query_id)
        if there is None or there.value["owner"] != owner or not self._shelf.remove(scope.tenant, query_id):
            raise NoSuchQueryError


def _value(query: SavedQuery) -> Value:
    said = query.written
    about = {"name": said.name, "filters": said.filters, "shared": said.shared}
    return {"owner": query.owner, **about, "changed": query.changed}


def _query(kept: Kept) -> SavedQuery:
    said = kept.value
    return SavedQuery(kept.name, said["owner"], Written(said["name"], said["filters"], said["shared"]), said["changed"])
