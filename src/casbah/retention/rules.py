"""The rules of each tenant: what is deleted once it is old enough, and what must not be deleted (a legal hold).

They are read from the shelf whenever they count: another server may have changed them.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from casbah.activity.scope import Scope
from casbah.errors import LimitExceededError, NoSuchRuleError
from casbah.key_value import KeyValueStore, Value, change

MOST_RULES = 1_000
MOST_DAYS = 9_999
DELETE, HOLD = ACTIONS = ("delete", "hold")


@dataclass(frozen=True, slots=True)
class Rule:
    """What `filters` find is deleted once it is older than `days`, or held for as long as the rule is there.

    `changed` is when somebody, the `owner`, made it, in ms.
    """

    id: str
    name: str
    action: str
    filters: Mapping[str, Any]
    days: int | None
    owner: str
    changed: int


class Rules:
    """All tenants' rules on a shelf. Methods may be called from any thread, and raise as a shelf's do: where nobody can say
    what the rules are, nothing must be deleted as if there were none.
    """

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values

    def all(self, scope: Scope) -> Sequence[Rule]:
        """A tenant's rules, by name."""
        kept = self._key_values.get(_DRAWER, scope.tenant)
        return sorted(_rules(None if kept is None else kept.value), key=lambda rule: (rule.name, rule.id))

    def one(self, rule_id: str, scope: Scope) -> Rule:
        """The rule of an id. Raises NoSuchRuleError."""
        found = next((rule for rule in self.all(scope) if rule.id == rule_id), None)
        if found is None:
            raise NoSuchRuleError
        return found

    def tenants(self) -> Sequence[str]:
        """The tenants that have any, or whose acts are not kept for ever."""
        return sorted({kept.name for namespace in (_DRAWER, _TRAIL) for kept in self._key_values.all(namespace)})

    def trail_days(self, scope: Scope) -> int | None:
        """After how many days acts are deleted; None: never."""
        kept = self._key_values.get(_TRAIL, scope.tenant)
        return None if kept is None else kept.value["days"]

    def keep_trail(self, days: int | None, scope: Scope) -> None:
        """Set after how many days acts are deleted; it is on disk on return."""
        change(self._key_values, _TRAIL, scope.tenant, lambda _: {"days": days})

    def add(self, rule: Rule, scope: Scope) -> None:
        """Keep a rule; it is on disk on return. Raises LimitExceededError."""

        def added(value: Value | None) -> Value:
            there = _rules(value)
            if len(there) >= MOST_RULES:
                raise LimitExceededError(f"there are {MOST_RULES} rules already; remove some first")
            return _value([*there, rule])

        change(self._key_values, _DRAWER, scope.tenant, added)

    def remove(self, rule_id: str, scope: Scope) -> Rule:
        """Forget a rule. Raises NoSuchRuleError."""
        found = self.one(rule_id, scope)

        def without(value: Value | None) -> Value:
            return _value([rule for rule in _rules(value) if rule.id != rule_id])

        change(self._key_values, _DRAWER, scope.tenant, without)
        return found


def new_id() -> str:
    """An id for a rule."""
    return secrets.token_hex(8)


def _rules(value: Value | None) -> list[Rule]:
    return [] if value is None else [Rule(**rule) for rule in value["rules"]]


def _value(rules: Sequence[Rule]) -> Value:
    return {"rules": [asdict(rule) for rule in rules]}


_DRAWER, _TRAIL = "rules", "trail"
