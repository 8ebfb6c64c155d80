"""Deleting: by hand, and by rules that are applied every hour; never what is held, and never the trail of acts.

Every deletion leaves two acts, whatever CASBAH_AUDIT says: one before it begins, with its filters, and one with its outcome.
Acts have a retention of their own. What was deleted leaves the disk in the background, a little at a time.
"""

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import where
from casbah.activity.scope import Scope
from casbah.audit.trail import ACTS, Act, Trail
from casbah.errors import CasbahError, ProtectedActsError
from casbah.failure import bug
from casbah.identity.name import RETENTION
from casbah.ingest.apps import CASBAH
from casbah.retention.rules import DELETE, HOLD, Rule, Rules
from casbah.store.contract import Store

TRAIL = "trail"
"""The id of the rule by which acts are deleted."""
DAY = 86_400_000
EVERY_SECONDS = 3_600.0
_PAUSE = 0.02
_IDLE_SECONDS = 5.0
_SECONDS_TO_CLOSE = 10.0
"""What is under way when the house is closed may take longer, on a cluster; it ends with the process then, or there."""

log = logging.getLogger("casbah.retention")


@dataclass(frozen=True, slots=True)
class Found:
    """How many activities match, how many of them are held, and hence how many are to go, or have gone.

    `exempt` acts match as well. They are in none of the other counts.
    """

    matching: int
    held: int
    deleted: int
    exempt: int = 0


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
        exempt = self._store.count(p.both(predicate, ACTS), scope)
        return replace(self._look(_without_acts(predicate), scope), exempt=exempt)

    def delete(self, predicate: Predicate, scope: Scope, act: Act) -> Found:
        """Delete what matches, is not held and is no act. `act` says who does so and what they asked for."""
        exempt = self._store.count(p.both(predicate, ACTS), scope)
        return self._delete(_without_acts(predicate), scope, act, exempt=exempt)

    def add(self, rule: Rule, scope: Scope) -> None:
        """Keep a rule; nothing is deleted any more that it holds. Raises LimitExceededError and ProtectedActsError."""
        if rule.action == DELETE and _names_acts(where(rule.filters, now=self._clock())):
            raise ProtectedActsError(CASBAH)
        with self._deleting:
            self.rules.add(rule, scope)

    def apply(self, scope: Scope, *, really: bool) -> list[Applied]:
        """What the rules of a tenant delete now, and how long its acts are kept; `really` deletes it."""
        rules = [rule for rule in self.rules.all(scope) if rule.action == DELETE]
        return [self._applied(rule, scope, really=really) for rule in (*rules, *self._trail_rule(scope))]

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

    def _trail_rule(self, scope: Scope) -> Sequence[Rule]:
        """The rule by which acts are deleted, if they are not kept for ever."""
        days = self.rules.trail_days(scope)
        filters = {"service": {"eq": [CASBAH]}}
        return [] if days is None else [Rule(TRAIL, TRAIL, DELETE, filters, days, owner="", changed=0)]

    def _applied(self, rule: Rule, scope: Scope, *, really: bool) -> Applied:
        now = self._clock()
        before = now - (rule.days or 0) * DAY
        try:
            found_by = p.both(where(rule.filters, now=now), p.Range(FIELDS["date"], high=before - 1))
            if rule.id == TRAIL:
                target = p.both(found_by, ACTS)
                found = self._look(target, scope)
            else:
                target = _without_acts(found_by)
                found = self.look(found_by, scope)
            if really and found.deleted:
                asked = {"filters": rule.filters, "days": rule.days, "before": before, "rule": rule.name}
                act = Act(at=now, who=RETENTION, who_id=RETENTION, name="apply_retention", about=rule.id, asked=asked)
                found = self._delete(target, scope, act, exempt=found.exempt)
        except (CasbahError, OSError) as wrong:
            log.warning("rule %s of tenant %s could not be applied: %s", rule.id, scope.tenant, wrong)
            return Applied(rule, None, str(wrong))
        return Applied(rule, found)

    def _look(self, predicate: Predicate, scope: Scope) -> Found:
        matching = self._store.count(predicate, scope)
        free = self._store.count(self._unheld(predicate, scope), scope)
        return Found(matching, matching - free, free)

    def _delete(self, predicate: Predicate, scope: Scope, act: Act, *, exempt: int = 0) -> Found:
        """Delete what is not held. The act of its beginning is on disk before anything is deleted."""
        act = replace(act, whole=True)
        deletion = secrets.token_hex(8)

        def record(name: str, *, done: bool, **result: object) -> None:
            made = replace(act, id=secrets.token_hex(16), name=name, result={"deletion": deletion, **result})
            self._trail.record(made, scope, done=done)

        with self._deleting:  # No hold may be set between looking and deleting.
            planned = replace(self._look(predicate, scope), exempt=exempt)
            record(f"begin_{act.name}", done=False, **counts(planned))
            try:
                deleted = self._store.delete(self._unheld(predicate, scope), scope)
            except BaseException as error:  # A part may be gone.
                record(act.name, done=True, interrupted=str(error))
                raise
            found = Found(planned.held + deleted, planned.held, deleted, exempt)
            record(act.name, done=True, **counts(found))
        if deleted:
            self._awake.set()
        return found

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


def counts(found: Found) -> dict[str, int]:
    """The counts by name, as answers and acts have them."""
    return {"matching": found.matching, "held": found.held, "deleted": found.deleted, "exempt": found.exempt}


def _without_acts(predicate: Predicate) -> Predicate:
    return p.both(predicate, p.Not(ACTS))


def _names_acts(predicate: Predicate) -> bool:
    """Whether the app of acts is asked for, alone or among others."""
    match predicate:
        case p.All(parts) | p.Any(parts):
            return any(map(_names_acts, parts))
        case p.Terms(field, values):
            return field == ACTS.field and CASBAH in values
        case p.Range(field, low, high):
            return field == ACTS.field and low == CASBAH == high
        case _:
            return False
