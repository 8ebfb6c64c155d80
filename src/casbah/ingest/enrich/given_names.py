"""The names that tenants have given to what activities mention by an id: people, groups, app instances and others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from casbah.activity.tenant import TenantId
from casbah.base.key_value import Entry, KeyValueStore, Value, change
from casbah.errors import LimitExceededError

MAX_GIVEN_NAMES = 10_000
"""Names of one tenant."""

NAMEABLE = ("user.username", "ip.address", "user.tags", "instance", "ip.tags", "device.tags", "policy", "fileLabels")
"""The filters whose values can be given names: ids of things that a tenant knows by other names."""

Named = Mapping[str, Mapping[str | int, str]]
"""Names by filter and value."""


@dataclass(frozen=True, slots=True)
class GivenName:
    """The name of a value, as the filter's `eq` takes it; `changed` is when it was given, in ms."""

    filter: str
    value: str | int
    name: str
    changed: int


class GivenNames:
    """All tenants' names in a key-value store, one entry per tenant. Thread-safe; methods also raise the store's errors."""

    def __init__(self, key_values: KeyValueStore, *, clock: Callable[[], int]) -> None:
        self._key_values = key_values
        self._clock = clock
        self._known: dict[str, tuple[Entry | None, Sequence[GivenName]]] = {}

    def all(self, tenant_id: TenantId) -> Sequence[GivenName]:
        """A tenant's names, by filter and name. Cheap: they are decoded again only after a change."""
        seen, known = self._known.get(tenant_id.name, (None, ()))
        kept = self._key_values.get(_NAMESPACE, tenant_id.name, seen=seen)
        if kept is not seen:
            known = _decoded(None if kept is None else kept.value)
            self._known[tenant_id.name] = kept, known
        return known

    def by_filter(self, tenant_id: TenantId) -> Named:
        """A tenant's names by filter and value."""
        named: dict[str, dict[str | int, str]] = {}
        for entry in self.all(tenant_id):
            named.setdefault(entry.filter, {})[entry.value] = entry.name
        return named

    def tenants(self) -> Sequence[str]:
        """The tenants that have given names."""
        return [kept.name for kept in self._key_values.all(_NAMESPACE)]

    def give(self, filter_name: str, value: str | int, name: str, tenant_id: TenantId) -> GivenName:
        """Give a value a name in place of the one it has; an empty name removes it. Raises LimitExceededError."""
        entry = GivenName(filter_name, value, name, self._clock())
        self.add([entry], tenant_id)
        return entry

    def add(self, names: Sequence[GivenName], tenant_id: TenantId) -> None:
        """Store names as they are, in place of those that their values have."""
        replaced = {_key(entry) for entry in names}

        def changed(stored: Value | None) -> Value:
            others = (entry for entry in _decoded(stored) if _key(entry) not in replaced)
            kept = sorted((*others, *(entry for entry in names if entry.name)), key=_order)
            if len(kept) > MAX_GIVEN_NAMES:
                raise LimitExceededError(f"there are {MAX_GIVEN_NAMES} names already, which is the maximum")
            return {"names": list(map(asdict, kept))}

        change(self._key_values, _NAMESPACE, tenant_id.name, changed)


def _key(entry: GivenName) -> tuple[str, str]:
    """What has one name: filters compare values without regard to case."""
    return entry.filter, str(entry.value).casefold()


def _order(entry: GivenName) -> tuple[str, str, str]:
    return entry.filter, entry.name, str(entry.value)


def _decoded(value: Value | None) -> Sequence[GivenName]:
    return () if value is None else tuple(GivenName(**row) for row in value["names"])


_NAMESPACE = "names"
