"""The rules of each tenant: what is deleted once it is old enough, and what must not be deleted (a legal hold).

A small file beside the store, written whole at every change.
"""

import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from casbah.activity.scope import Scope
from casbah.durable import write_file
from casbah.errors import LimitExceededError, NoSuchRuleError, RulesDamagedError

FILE = "retention.json"
MOST_RULES = 1_000
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
    """All tenants' rules; methods may be called from any thread. Raises RulesDamagedError where the file cannot be read.

    A store whose rules cannot be read must not be opened as if it had none: something might be deleted that is held.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = threading.Lock()
        self._rules = _read(self._file)

    def all(self, scope: Scope) -> Sequence[Rule]:
        """A tenant's rules, by name."""
        return sorted(self._rules.get(scope.tenant, ()), key=lambda rule: (rule.name, rule.id))

    def tenants(self) -> Sequence[str]:
        """The tenants that have any."""
        return sorted(self._rules)

    def add(self, rule: Rule, scope: Scope) -> None:
        """Keep a rule; it is on disk on return. Raises LimitExceededError."""
        with self._lock:
            there = self._rules.get(scope.tenant, ())
            if len(there) >= MOST_RULES:
                raise LimitExceededError(f"there are {MOST_RULES} rules already; remove some first")
            self._write({**self._rules, scope.tenant: (*there, rule)})

    def remove(self, rule_id: str, scope: Scope) -> Rule:
        """Forget a rule. Raises NoSuchRuleError."""
        with self._lock:
            there = self._rules.get(scope.tenant, ())
            found = next((rule for rule in there if rule.id == rule_id), None)
            if found is None:
                raise NoSuchRuleError
            self._write({**self._rules, scope.tenant: tuple(rule for rule in there if rule is not found)})
            return found

    def _write(self, rules: Mapping[str, Sequence[Rule]]) -> None:
        content = {tenant: [asdict(rule) for rule in each] for tenant, each in rules.items()}
        write_file(self._file, json.dumps(content, indent=1).encode())
        self._rules = dict(rules)


def new_id() -> str:
    """An id for a rule."""
    return secrets.token_hex(8)


def _read(file: Path) -> dict[str, Sequence[Rule]]:
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_bytes())
        return {tenant: tuple(Rule(**rule) for rule in rules) for tenant, rules in content.items()}
    except (ValueError, TypeError, AttributeError) as wrong:
        raise RulesDamagedError(str(file)) from wrong
