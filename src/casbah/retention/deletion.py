"""Deleting: by hand, and by rules that are applied every hour; never what is held. Every deletion is an act of the trail.

What was deleted leaves the disk in the background, a little at a time.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import where
from casbah.activity.scope import Scope
from casbah.audit.trail import Act, Trail
from casbah.errors import CasbahError
from casbah.failure import bug
from casbah.retention.rules import DELETE, HOLD, Rule, Rules
from casbah.store.contract import Store

WHO = "retention"
DAY = 86_400_000
EVERY_SECONDS = 3_600.0
_PAUSE = 0.02
_IDLE_SECONDS = 5.0
_SECONDS_TO_CLOSE = 10.0
"""What is under way when the house is closed may take longer, on a cluster; it ends with the process then, or there."""

log = logging.getLogger("casbah.retention")


@dataclass(frozen=True, slots=True)
class Found:
    """How many activities match, how many of them are held, and hence how many are to go, or have gone."""

    matching: int
    held: int
    deleted: int


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule and what it finds, or the reason why it could not be applied."""

    rule: Rule
    found: Found | None
    error: str = ""


class Retention:
    """Deletes what may be deleted. Methods may be called from any thread; a thread of its own applies the rules."""

    def __init__(self, store: Store, rules: Rules, trail: Trail, *, clock: Callable[[], int]) -> None:
        self.rules = rules
        self._store = store
        self._trail = trail
        self._clock = clock
        self._deleting = threading.Lock()
        self._closing = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-retention", daemon=True)

    def begin(self) -> None:
        """Apply the rules every hour, and erase from the disk what was deleted, until closed."""
        self._thread.start()

    def look(self, predicate: Predicate, scope: Scope) -> Found:
        """What deleting would do: exact, and nothing is done."""
        matching = self._store.count(predicate, scope)
        free = self._store.count(self._unheld(predicate, scope), scope)
        return Found(matching, matching - free, free)

    def delete(self, predicate: Predicate, scope: Scope) -> Found:
        """Delete what matches and is not held."""
        with self._deleting:  # No hold may be set between looking and deleting.
            matching = self._store.count(predicate, scope)
            deleted = self._store.delete(self._unheld(predicate, scope), scope)
        if deleted:
            self._awake.set()
        return Found(matching, matching - deleted, deleted)

    def add(self, rule: Rule, scope: Scope) -> None:
        """Keep a rule; nothing is deleted any more that it holds. Raises LimitExceededError."""
        with self._deleting:
            self.rules.add(rule, scope)

    def apply(self, scope: Scope, *, really: bool) -> list[Applied]:
        """What the rules of a tenant delete now; `really` deletes it."""
        return [self._applied(rule, scope, really=really) for rule in self.rules.all(scope) if rule.action == DELETE]

    def erase(self, scope: Scope) -> None:
        """Erase from the disk all that was deleted, and come back when it is done."""
        while self._store.erase(scope):
            pass

    def close(self) -> None:
        """End after what is under way; the rest is done when the store is opened again."""
        self._closing.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(_SECONDS_TO_CLOSE)

    def _applied(self, rule: Rule, scope: Scope, *, really: bool) -> Applied:
        now = self._clock()
        try:
            old = p.Range(FIELDS["date"], high=now - (rule.days or 0) * DAY - 1)
            predicate = p.both(where(rule.filters, now=now), old)
            found = self.delete(predicate, scope) if really else self.look(predicate, scope)
        except (CasbahError, OSError) as wrong:
            log.warning("rule %s of tenant %s could not be applied: %s", rule.id, scope.tenant, wrong)
            if really:  # A part may be gone.
                self._told(rule, {"interrupted": str(wrong)}, scope, now)
            return Applied(rule, None, str(wrong))
        if really and found.deleted:
            result = {"matching": found.matching, "held": found.held, "deleted": found.deleted}
            self._told(rule, result, scope, now)
        return Applied(rule, found)

    def _told(self, rule: Rule, result: Mapping[str, object], scope: Scope, now: int) -> None:
        if not self._trail.wants(changes=True):
            return
        asked = {"filters": rule.filters, "days": rule.days, "rule": rule.name}
        act = Act(at=now, who=WHO, name="apply_retention", about=rule.id, asked=asked, result=result)
        try:
            self._trail.keep(act, scope).result()
        except (CasbahError, OSError, ValueError) as wrong:
            self._trail.lost(act, wrong)

    def _unheld(self, predicate: Predicate, scope: Scope) -> Predicate:
        now = self._clock()
        holds = [where(rule.filters, now=now) for rule in self.rules.all(scope) if rule.action == HOLD]
        return p.both(predicate, p.Not(p.Any(tuple(holds)))) if holds else predicate

    def _run(self) -> None:
        wait = 0.0
        while not self._closing.is_set():
            self._guarded(self._erase_all, "erasing")
            if wait <= 0:
                self._guarded(self._apply_all, "retention")
                wait = EVERY_SECONDS
            self._awake.wait(_IDLE_SECONDS)
            wait -= _IDLE_SECONDS
            self._awake.clear()

    def _erase_all(self) -> None:
        for tenant in self._store.tenants():
            self._guarded(partial(self._erase_slowly, Scope(tenant)), f"erasing in tenant {tenant}")

    def _apply_all(self) -> None:
        for tenant in self.rules.tenants():
            self._guarded(partial(self.apply, Scope(tenant), really=True), f"retention of tenant {tenant}")

    def _erase_slowly(self, scope: Scope) -> None:
        """With pauses, so that whoever stores something meanwhile gets a turn."""
        while not self._closing.is_set() and self._store.erase(scope):
            self._closing.wait(_PAUSE)

    def _guarded(self, work: Callable[[], object], what: str) -> None:
        """Whatever fails now is tried again later, and said."""
        try:
            work()
        except Exception as wrong:
            if not self._closing.is_set():
                log.warning("%s waits: %s", what, wrong, exc_info=bug(wrong))
