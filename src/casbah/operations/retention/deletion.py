"""Deleting: by hand, and by rules that are applied every hour; never what is held, and never the trail of acts.

Every deletion leaves two acts, whatever CASBAH_AUDIT says: one before it begins, with its filters, and one with its outcome.
Acts have a retention of their own. Compaction removes deleted data from disk in the background, a little at a time.

A hold counts for every deletion that begins after it was saved, on any server. In one process no deletion is running when it
is saved: `Retention.add` waits for those of its tenant. On another server of a cluster one may be running; it continues with
the holds that it read when it began.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import where
from casbah.activity.tenant import TenantId
from casbah.base.failure import bug, shown
from casbah.errors import CasbahError, ProtectedActsError
from casbah.identity.name import RETENTION
from casbah.ingest.apps import CASBAH
from casbah.operations.audit.trail import ACTS, Act, Trail
from casbah.operations.retention.rules import DELETE, HOLD, RetentionRule, Rules
from casbah.store.contract import Store

TRAIL = "trail"
"""The id of the rule by which acts are deleted."""
DAY = 86_400_000
EVERY_SECONDS = 3_600.0
_PAUSE = 0.02
_IDLE_SECONDS = 5.0
_SECONDS_TO_CLOSE = 10.0
"""A deletion on a cluster may outlast this wait; the cluster finishes it, or the process exit aborts it."""

log = logging.getLogger("casbah.retention")


@dataclass(frozen=True, slots=True)
class Found:
    """How many activities match, how many of them are held, and how many are, or would be, deleted.

    `exempt` acts match as well; no other count includes them.
    """

    matching: int
    held: int
    deleted: int
    exempt: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule and its result, or the error that prevented it."""

    rule: RetentionRule
    result: Found | None
    error: str = ""


class Retention:
    """Deletes what may be deleted. Thread-safe; a background thread applies the rules. The clock returns ms since the epoch,
    `monotonic` seconds. `hourly` are further cleanup jobs to run every hour.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        trail: Trail,
        *,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        hourly: Sequence[Callable[[], object]] = (),
    ) -> None:
        self.rules = rules
        self._hourly = hourly
        self._store = store
        self._trail = trail
        self._clock = clock
        self._monotonic = monotonic
        self._deleting: dict[str, threading.Lock] = {}
        self._closing = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-retention", daemon=True)

    def begin(self) -> None:
        """Apply the rules every hour, and compact the store, until closed."""
        self._thread.start()

    def preview(self, predicate: Predicate, tenant_id: TenantId) -> Found:
        """The exact result that a deletion would have, without deleting anything."""
        exempt = self._store.tenant(tenant_id).count(p.both(predicate, ACTS))
        return replace(self._look(_without_acts(predicate), tenant_id), exempt=exempt)

    def delete(self, predicate: Predicate, tenant_id: TenantId, act: Act) -> Found:
        """Delete what matches, except held activities and acts. `act` contains the caller and the request."""
        exempt = self._store.tenant(tenant_id).count(p.both(predicate, ACTS))
        return self._delete(_without_acts(predicate), tenant_id, act, exempt=exempt)

    def add(self, rule: RetentionRule, tenant_id: TenantId) -> None:
        """Save a rule, after waiting for the tenant's running deletions. From then on nothing that it holds is deleted.

        Raises LimitExceededError and ProtectedActsError.
        """
        if rule.action == DELETE and _names_acts(where(rule.filters, now=self._clock())):
            raise ProtectedActsError(CASBAH)
        with self._deletion_lock(tenant_id):
            self.rules.add(rule, tenant_id)

    def apply(self, tenant_id: TenantId, *, really: bool) -> list[Applied]:
        """The result of applying a tenant's deletion rules now, and the retention of its acts; deletes only if `really`."""
        rules = [rule for rule in self.rules.all(tenant_id) if rule.action == DELETE]
        return [self._applied(rule, tenant_id, really=really) for rule in (*rules, *self._trail_rule(tenant_id))]

    @contextmanager
    def holds(self, tenant_id: TenantId) -> Iterator[Predicate]:
        """What a tenant's holds protect. No hold is added in this process until the context ends."""
        with self._deletion_lock(tenant_id):
            yield self._held(tenant_id)

    def _held(self, tenant_id: TenantId) -> Predicate:
        now = self._clock()
        return p.Any(tuple(where(rule.filters, now=now) for rule in self.rules.all(tenant_id) if rule.action == HOLD))

    def compact(self, tenant_id: TenantId) -> None:
        """Purge from disk all that was deleted. Returns when done."""
        while self._store.tenant(tenant_id).compact():
            pass

    def close(self) -> None:
        """Stop after the current work; the rest is done when the store is next opened."""
        self._closing.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(_SECONDS_TO_CLOSE)

    def _trail_rule(self, tenant_id: TenantId) -> Sequence[RetentionRule]:
        """The rule by which acts are deleted, if they are not kept forever."""
        days = self.rules.trail_days(tenant_id)
        filters = {"service": {"eq": [CASBAH]}}
        return [] if days is None else [RetentionRule(TRAIL, TRAIL, DELETE, filters, days, owner="", changed=0)]

    def _applied(self, rule: RetentionRule, tenant_id: TenantId, *, really: bool) -> Applied:
        now = self._clock()
        before = now - (rule.days or 0) * DAY
        try:
            found_by = p.both(where(rule.filters, now=now), p.Range(FIELDS["date"], high=before - 1))
            if rule.id == TRAIL:
                target = p.both(found_by, ACTS)
                result = self._look(target, tenant_id)
            else:
                target = _without_acts(found_by)
                result = self.preview(found_by, tenant_id)
            if really and result.deleted:
                parameters = {"filters": rule.filters, "days": rule.days, "before": before, "rule": rule.name}
                act = Act(
                    at=now,
                    who=RETENTION,
                    who_id=RETENTION,
                    name="apply_retention",
                    about=rule.id,
                    parameters=parameters,
                )
                result = self._delete(target, tenant_id, act, exempt=result.exempt)
        except (CasbahError, OSError) as error:
            what = (rule.id, tenant_id.name, error)
            log.warning("rule %s of tenant %s could not be applied: %s", *what, exc_info=bug(error))
            return Applied(rule, None, shown(error))
        return Applied(rule, result)

    def _look(self, predicate: Predicate, tenant_id: TenantId) -> Found:
        return self._counted(predicate, self._unheld(predicate, tenant_id), tenant_id)

    def _counted(self, predicate: Predicate, unheld: Predicate, tenant_id: TenantId) -> Found:
        reader = self._store.tenant(tenant_id)
        matching, free = reader.count(predicate), reader.count(unheld)
        return Found(matching, matching - free, free)

    def _delete(self, predicate: Predicate, tenant_id: TenantId, act: Act, *, exempt: int = 0) -> Found:
        """Delete what is not held. The first act is on disk before anything is deleted, except on a full disk."""
        act = replace(act, whole=True)
        deletion = secrets.token_hex(8)

        def record(name: str, *, done: bool, **result: object) -> None:
            recorded = replace(act, id=secrets.token_hex(16), name=name, result={"deletion": deletion, **result})
            self._trail.record(recorded, tenant_id, done=done)

        with self._deletion_lock(tenant_id):
            self._store.make_room()  # Reading the rules and logging what is erased need some, too.
            unheld = self._unheld(predicate, tenant_id)  # Read once: what is counted is what is deleted.
            planned = replace(self._counted(predicate, unheld, tenant_id), exempt=exempt)
            record(f"begin_{act.name}", done=False, **counts(planned))
            try:
                deleted = self._store.tenant(tenant_id).delete(unheld)
            except BaseException as error:  # A part may be gone.
                record(act.name, done=True, interrupted=shown(error))
                raise
            outcome = Found(planned.held + deleted, planned.held, deleted, exempt)
            record(act.name, done=True, **counts(outcome))
        if deleted:
            self._awake.set()
        return outcome

    def _deletion_lock(self, tenant_id: TenantId) -> threading.Lock:
        """The lock held while activities of a tenant are deleted, or a rule is added to it."""
        return self._deleting.setdefault(tenant_id.name, threading.Lock())

    def _unheld(self, predicate: Predicate, tenant_id: TenantId) -> Predicate:
        held = self._held(tenant_id)
        return p.both(predicate, p.Not(held)) if held != p.Any(()) else predicate

    def _run(self) -> None:
        due = self._monotonic()
        while not self._closing.is_set():
            self._guarded(self._compact_all, "compaction")
            if self._monotonic() >= due:
                self._guarded(self._apply_all, "retention")
                for work in self._hourly:
                    self._guarded(work, "removing what was kept for long enough")
                due = self._monotonic() + EVERY_SECONDS
            self._awake.wait(_IDLE_SECONDS)
            self._awake.clear()

    def _compact_all(self) -> None:
        for tenant in self._store.tenants_to_compact():
            self._guarded(partial(self._compact_slowly, TenantId(tenant)), f"compaction of tenant {tenant}")

    def _apply_all(self) -> None:
        for tenant in self.rules.tenants():
            self._guarded(partial(self.apply, TenantId(tenant), really=True), f"retention of tenant {tenant}")

    def _compact_slowly(self, tenant_id: TenantId) -> None:
        """Compact with pauses, so that concurrent inserts get the lock."""
        while not self._closing.is_set() and self._store.tenant(tenant_id).compact():
            self._closing.wait(_PAUSE)

    def _guarded(self, work: Callable[[], object], what: str) -> None:
        """Log failures; the work is retried later."""
        try:
            work()
        except Exception as error:
            if not self._closing.is_set():
                log.warning("%s failed and will be retried: %s", what, error, exc_info=bug(error))


def counts(result: Found) -> dict[str, int]:
    """The counts by name, as in answers and acts."""
    return {"matching": result.matching, "held": result.held, "deleted": result.deleted, "exempt": result.exempt}


def _without_acts(predicate: Predicate) -> Predicate:
    return p.both(predicate, p.Not(ACTS))


def _names_acts(predicate: Predicate) -> bool:
    """Whether a predicate names the app of acts, alone or among others."""
    match predicate:
        case p.All(parts) | p.Any(parts):
            return any(map(_names_acts, parts))
        case p.Terms(field, values):
            return field == ACTS.field and CASBAH in values
        case p.Range(field, low, high):
            return field == ACTS.field and low == CASBAH == high
        case _:
            return False
