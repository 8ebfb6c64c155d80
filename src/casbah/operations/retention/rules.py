"""The rules of each tenant: what is deleted once it is old enough, and what must not be deleted (a legal hold).

They are read from the key-value store on every use: another server may have changed them.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from casbah.activity.tenant import TenantId
from casbah.base.key_value import KeyValueStore, Value, change
from casbah.errors import LimitExceededError, NoSuchRuleError

MAX_RULES = 1_000
MAX_DAYS = 9_999
DELETE, HOLD = ACTIONS = ("delete", "hold")


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """Deletes what matches `filters` once it is older than `days`, or holds it for as long as the rule exists.

    `owner` created it at `changed`, in ms.
    """

    id: str
    name: str
    action: str
    filters: Mapping[str, Any]
    days: int | None
    owner: str
    changed: int


class Rules:
    """All tenants' rules in a key-value store. Thread-safe; methods raise as KeyValueStore's do: if the rules
    cannot be read, nothing may be deleted as if there were no holds.
    """

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values

    def all(self, tenant_id: TenantId) -> Sequence[RetentionRule]:
        """A tenant's rules, by name."""
        kept = self._key_values.get(_DRAWER, tenant_id.name)
        return sorted(_rules(None if kept is None else kept.value), key=lambda rule: (rule.name, rule.id))

    def one(self, rule_id: str, tenant_id: TenantId) -> RetentionRule:
        """The rule with that id. Raises NoSuchRuleError."""
        rule = next((rule for rule in self.all(tenant_id) if rule.id == rule_id), None)
        if rule is None:
            raise NoSuchRuleError
        return rule

    def tenants(self) -> Sequence[str]:
        """The tenants that have rules, or whose acts are not kept forever."""
        return sorted({kept.name for namespace in (_DRAWER, _TRAIL) for kept in self._key_values.all(namespace)})

    def trail_days(self, tenant_id: TenantId) -> int | None:
        """After how many days acts are deleted; None: never."""
        kept = self._key_values.get(_TRAIL, tenant_id.name)
        return None if kept is None else kept.value["days"]

    def keep_trail(self, days: int | None, tenant_id: TenantId) -> None:
        """Set after how many days acts are deleted; it is on disk on return."""
        change(self._key_values, _TRAIL, tenant_id.name, lambda _: {"days": days})

    def add(self, rule: RetentionRule, tenant_id: TenantId) -> None:
        """Save a rule; it is on disk on return. Raises LimitExceededError."""

        def added(value: Value | None) -> Value:
            existing = _rules(value)
            if len(existing) >= MAX_RULES:
                raise LimitExceededError(f"there are {MAX_RULES} rules already; remove some first")
            return _value([*existing, rule])

        change(self._key_values, _DRAWER, tenant_id.name, added)

    def remove(self, rule_id: str, tenant_id: TenantId) -> RetentionRule:
        """Delete a rule. Raises NoSuchRuleError."""
        removed = self.one(rule_id, tenant_id)

        def without(value: Value | None) -> Value:
            return _value([rule for rule in _rules(value) if rule.id != rule_id])

        change(self._key_values, _DRAWER, tenant_id.name, without)
        return removed


def new_id() -> str:
    """An id for a rule."""
    return secrets.token_hex(8)


def _rules(value: Value | None) -> list[RetentionRule]:
    return [] if value is None else [RetentionRule(**rule) for rule in value["rules"]]


def _value(rules: Sequence[RetentionRule]) -> Value:
    return {"rules": [asdict(rule) for rule in rules]}


_DRAWER, _TRAIL = "rules", "trail"
