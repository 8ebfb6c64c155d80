"""The audit trail: what users and programs do in Casbah becomes activities of the tenant in which they do it.

What changes something is on disk before it is answered. What only reads is noted and stored within a second, many acts in one
commit: a commit for each would make reading as slow as writing, and a kill loses at most the acts of the last second.
"""

import logging
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.new_activity import NewActivity
from casbah.activity.tenant import TenantId
from casbah.base import jsontext
from casbah.base.failure import bug
from casbah.errors import CasbahError, UnwritableError
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.apps import APPS, CASBAH
from casbah.ingest.contract import Connector, Draft, Event, Recognized, Refusal
from casbah.ingest.record_builder import (
    ROLE_ACTED_ON,
    TARGET,
    UNSPECIFIED,
    Actor,
    CatalogApp,
    Instance,
    Outcome,
    RecordParts,
    Target,
    keys,
)
from casbah.ingest.reserved import ID_PREFIX
from casbah.ingest.verbs import VerbTable
from casbah.settings import AUDIT_LEVELS
from casbah.store.contract import Inserted, ReplicaStore

_, CHANGES, ALL = AUDIT_LEVELS

ACTS = p.Terms(FIELDS["service"], (CASBAH,))
"""All acts."""

_APP = CatalogApp(CASBAH, APPS[CASBAH], CASBAH)
_SECONDS = 1.0
_MAX_WAITING = 100_000
_MAX_ASKED = 4_096

log = logging.getLogger("casbah.audit")


@dataclass(frozen=True, slots=True)
class Act:
    """One action: `name` is the operation, `about` the id of its object, `parameters` are those of the request, `result` is
    the outcome, empty if there is no more to say than that it was done.
    """

    at: int
    who: str
    name: str
    about: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    agent: str = ""
    allowed: bool = True
    result: Mapping[str, Any] = field(default_factory=dict)
    who_id: str = ""
    """The id of who did it; `who` is a name, for display."""
    whole: bool = False
    """Whether `parameters` are kept in full, however long they are."""
    id: str = field(default_factory=lambda: secrets.token_hex(16))


class Trail:
    """Stores acts. `level`: none of them, those that change something, or all."""

    def __init__(self, store: ReplicaStore, *, level: str) -> None:
        self._store = store
        self._level = level
        self._lock = threading.Lock()
        self._waiting: deque[tuple[TenantId, Act]] = deque()
        self._dropped = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-audit", daemon=True)
        self._begun = False

    def wants(self, *, changes: bool) -> bool:
        """Whether such an act is stored."""
        return self._level == ALL or (changes and self._level == CHANGES)

    def keep(self, act: Act, tenant_id: TenantId) -> "Future[Inserted]":
        """Store an act; it is on disk once the future has a result."""
        return self._store.tenant(tenant_id).insert_soon([_arrival(act)], urgent=True)

    def record(self, act: Act, tenant_id: TenantId, *, done: bool) -> None:
        """Store an act, whatever the level; on disk on return. `done`: it has happened, so nothing is raised.

        If storing fails, the act is logged in full, and stored once that is possible. On a full disk this also applies to
        acts not done yet: a deletion that frees space must not wait for space.
        """
        try:
            self.keep(act, tenant_id).result()
        except (CasbahError, OSError) as error:
            if not done and not isinstance(error, UnwritableError | OSError):
                raise
            self.lost(act, error)
            self.note(act, tenant_id)

    def lost(self, act: Act, error: Exception) -> None:
        """Write an act that cannot be stored to the log in full: it has happened."""
        log.error("this act was done and is not in the log of activities (%s): %s", error, act, exc_info=bug(error))

    def note(self, act: Act, tenant_id: TenantId) -> None:
        """Store an act within about a second, without waiting."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self._thread.start()
            if len(self._waiting) < _MAX_WAITING:
                self._waiting.append((tenant_id, act))
                return
            self._dropped += 1

    def close(self) -> None:
        """Store pending acts."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            waiting, dropped = list(self._waiting), self._dropped
            self._waiting.clear()
            self._dropped = 0
        if dropped:
            log.error("%d acts of reading are not in the log: too many waited to be stored", dropped)
        by_tenant: defaultdict[TenantId, list[Act]] = defaultdict(list)
        for tenant_id, act in waiting:
            by_tenant[tenant_id].append(act)
        for tenant_id, acts in by_tenant.items():
            self._stored(acts, tenant_id)

    def _stored(self, acts: Sequence[Act], tenant_id: TenantId) -> None:
        activities = []
        for act in acts:
            try:
                activities.append(_arrival(act))
            except ValueError as error:
                self.lost(act, error)
        try:
            self._store.tenant(tenant_id).insert(activities)
        except (CasbahError, OSError, ValueError) as error:
            log.warning("%d acts wait to be stored again: %s", len(acts), error)
            with self._lock:
                self._waiting.extendleft((tenant_id, act) for act in reversed(acts))


def _arrival(act: Act) -> NewActivity:
    """The act as an activity, built as for any other source. Raises ValueError if that is impossible."""
    event = {
        "time": act.at,
        "operation": act.name,
        "who": act.who,
        "whoId": act.who_id,
        "about": act.about,
        "asked": act.parameters if act.whole else _readable(act.parameters),
        "address": act.address,
        "agent": act.agent,
        "allowed": act.allowed,
        "result": act.result,
        "id": act.id,
    }
    raw = jsontext.dump(event)
    activity = next(new_activities([Recognized(Event(raw, jsontext.parse(raw)), _CONNECTOR)], reserved=True))
    if isinstance(activity, Refusal):
        raise ValueError(activity.reason)
    return activity


def _readable(parameters: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """The parameters; if they are too long, the beginning of their JSON text."""
    try:
        text = jsontext.dump(parameters).decode()
    except jsontext.InvalidJsonError:
        return "nested too deeply to be shown"
    return parameters if len(text) <= _MAX_ASKED else f"{text[:_MAX_ASKED]}…"


def _drafts(event: Event) -> list[Draft]:
    event_fields: Mapping[str, Any] = event.parsed
    about = str(event_fields["about"])
    shape = RecordParts(
        app=_APP,
        instance=Instance(""),
        actor=Actor(str(event_fields["who"]), str(event_fields["whoId"]), CASBAH),
        operation=str(event_fields["operation"]),
        category=UNSPECIFIED,
        event_type=f"EVENT_CASBAH_{str(event_fields['operation']).upper()}",
        targets=[Target(TARGET, ROLE_ACTED_ON, id=about, name=about)] if about else [],
        subject=about,
        addresses=(str(event_fields["address"]),) if event_fields["address"] else (),
        agent=str(event_fields["agent"]),
        admin=True,
        outcome=Outcome(bool(event_fields["allowed"]), "" if event_fields["allowed"] else "not permitted"),
        title=str(event_fields["operation"]).replace("_", " ").capitalize(),
    )
    return [Draft(id=f"{ID_PREFIX}{event_fields['id']}", timestamp=int(event_fields["time"]), keys=keys(shape))]


VERBS = VerbTable(
    {
        "export": ["begin_export", "prove_export"],
        "download": ["fetch_export"],
        "upload": ["ingest"],
        "search": ["search_activities", "explain_search", "list_facets", "histogram", "group_activities"],
        "credential": ["create_token"],
        "revoke": ["revoke_token", "end_session"],
        "sign-out": ["sign_out"],
        "create": ["create_range", "save_query", "make_snapshot", "expect_answers", "expect_arrivals", "give_feedback"],
        "edit": ["update_range", "change_query", "enrich_again", "give_name"],
        "configure": ["add_rule", "remove_rule", "keep_trail"],
        "run": ["apply_rules", "replay_rejects"],
        "delete": ["delete_*", "remove_*", "apply_retention", "forget"],
        "view": ["list_*", "count_*", "fetch_*", "show_*", "threat_scores", "tail", "whoami", "prove"],
    }
)
"""The verbs of acts, by operation."""

_CONNECTOR = Connector("casbah", APPS[CASBAH], recognizes=lambda _event: False, drafts=_drafts, verb=VERBS)
