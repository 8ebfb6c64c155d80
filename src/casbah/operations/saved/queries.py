"""Saved queries.

A query belongs to the principal who saved it, known by an id; a name is kept for display. Everybody in the
tenant sees a shared query, but only its owner can change it. Earlier versions stored names only: `earlier` maps them to owners.
"""

import json
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from casbah.activity.tenant import Principal, TenantId
from casbah.base.key_value import Entry, KeyValueStore, Value, change
from casbah.errors import LimitExceededError, NoSuchQueryError


@dataclass(frozen=True, slots=True)
class SavedQueryLimits:
    """The maximum number of queries per owner in a tenant, and their total size in bytes of JSON. The tenant's shared queries
    together have the same size limit.
    """

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class QueryDefinition:
    """A query to save: `filters` as sent, and a search `q` with its `zone`, which is read when the query is used."""

    name: str
    filters: Mapping[str, Any]
    shared: bool = False
    q: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A stored query: `changed` is when, in ms; `owner` is a display name, `owner_id` the principal."""

    id: str
    owner: str
    owner_id: str
    written: QueryDefinition
    changed: int


class Queries:
    """All tenants' queries in a key-value store, a namespace per tenant. Thread-safe; methods raise as KeyValueStore's do."""

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

    def all(self, owner: Principal, tenant_id: TenantId) -> Sequence[SavedQuery]:
        """The owner's queries and the tenant's shared ones, by name."""
        queries = [self._query(kept, tenant_id) for kept in self._key_values.all(tenant_id.name)]
        seen = (query for query in queries if owner.owns(query.owner_id) or query.written.shared)
        return sorted(seen, key=lambda query: (query.written.name, query.id))

    def add(self, written: QueryDefinition, owner: Principal, tenant_id: TenantId) -> SavedQuery:
        """Save a new query. Raises LimitExceededError."""
        kept = SavedQuery(secrets.token_hex(8), owner.name, owner.id, written, self._clock())
        with self._adding:
            self._require_room(kept, tenant_id)
            self._key_values.put(tenant_id.name, kept.id, _value(kept))
        return kept

    def change(self, query_id: str, written: QueryDefinition, owner: Principal, tenant_id: TenantId) -> SavedQuery:
        """Replace a query that `owner` owns. A query without an owner becomes theirs.

        Raises NoSuchQueryError or LimitExceededError.
        """
        kept = SavedQuery(query_id, owner.name, owner.id, written, self._clock())

        def changed(existing: Value | None) -> Value:
            if existing is None or not owner.owns(self._owner_id(existing, tenant_id)):
                raise NoSuchQueryError
            return _value(kept)

        with self._adding:
            existing = self._key_values.get(tenant_id.name, query_id)
            changed(None if existing is None else existing.value)
            self._require_room(kept, tenant_id)
            change(self._key_values, tenant_id.name, query_id, changed)
        return kept

    def remove(self, query_id: str, owner: Principal, tenant_id: TenantId) -> None:
        """Delete a query that `owner` owns. Raises NoSuchQueryError."""
        existing = self._key_values.get(tenant_id.name, query_id)
        mine = existing is not None and owner.owns(self._owner_id(existing.value, tenant_id))
        if not mine or not self._key_values.remove(tenant_id.name, query_id):
            raise NoSuchQueryError

    def _require_room(self, new: SavedQuery, tenant_id: TenantId) -> None:
        """Raises LimitExceededError if a query would exceed the limit on number or size."""
        stored = (self._query(kept, tenant_id) for kept in self._key_values.all(tenant_id.name))
        others = [query for query in stored if query.id != new.id]
        own = [query for query in others if query.owner_id == new.owner_id]
        shared = [query for query in others if query.written.shared]
        maximum, size = self._bounds.number, self._bounds.size
        if len(own) >= maximum:
            raise LimitExceededError(f"at most {maximum} saved queries of one owner (setting CASBAH_MAX_QUERIES)")
        for whose, listed in (("one owner", own), *([("a tenant, shared", shared)] if new.written.shared else ())):
            if _size(new) + sum(map(_size, listed)) > size:
                raise LimitExceededError(
                    f"at most {size} bytes of saved queries of {whose} (setting CASBAH_MAX_QUERIES_SIZE); delete some first"
                )

    def _query(self, kept: Entry, tenant_id: TenantId) -> SavedQuery:
        value = kept.value
        written = QueryDefinition(
            value["name"], value["filters"], value["shared"], value.get("q", ""), value.get("zone", "")
        )
        return SavedQuery(kept.name, value["owner"], self._owner_id(value, tenant_id), written, value["changed"])

    def _owner_id(self, value: Value, tenant_id: TenantId) -> str:
        known: str | None = value.get("ownerId")
        return self._earlier(value["owner"], tenant_id.name, value["changed"]) if known is None else known


def _size(query: SavedQuery) -> int:
    return len(json.dumps(_value(query)))


def _value(query: SavedQuery) -> Value:
    definition = query.written
    about = {"name": definition.name, "filters": definition.filters, "shared": definition.shared}
    if definition.q:
        about |= {"q": definition.q, "zone": definition.zone}
    return {"owner": query.owner, "ownerId": query.owner_id, **about, "changed": query.changed}
