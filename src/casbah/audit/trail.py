"""The trail: what people and programs do here becomes activities of the tenant that they do it in.

What changes something is on disk before it is answered. What only reads is noted and stored within a second, many acts in one
commit: a commit for each would make reading as slow as writing, and a kill within that second costs what was read in it.
"""

import json
import logging
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from casbah.activity.arrival import Arrival
from casbah.activity.scope import Scope
from casbah.errors import CasbahError
from casbah.ingest.apps import APPS, CASBAH
from casbah.ingest.contract import Connector, Draft, Event, Refusal
from casbah.ingest.layout import ROLE_ACTED_ON, TARGET, UNSPECIFIED, Actor, App, Instance, Outcome, Shape, Target, keys
from casbah.ingest.pipeline import arrivals
from casbah.store.contract import Inserted, Store

CHANGES, ALL = "changes", "all"

_APP = App(CASBAH, APPS[CASBAH], CASBAH)
_SECONDS = 1.0
_MOST_WAITING = 100_000
_MOST_ASKED = 4_096

log = logging.getLogger("casbah.audit")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that somebody did: `name` is its operation; `about` the id of what it was done to; `asked` are the parameters
    of the request, `result` what became of it where that is more than done.
    """

    at: int
    who: str
    name: str
    about: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""
    agent: str = ""
    allowed: bool = True
    result: Mapping[str, Any] = field(default_factory=dict)


class Trail:
    """Stores acts. `level`: none of them, those that change something, or all."""

    def __init__(self, store: Store, *, level: str) -> None:
        self._store = store
        self._level = level
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Scope, Arrival]] = deque()
        self._dropped = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="casbah-audit", daemon=True)
        if level == ALL:
            self._thread.start()

    def wants(self, *, changes: bool) -> bool:
        """Whether such an act is kept."""
        return self._level == ALL or (changes and self._level == CHANGES)

    def keep(self, act: Act, scope: Scope) -> "Future[Inserted]":
        """Store an act; it is on disk once the answer is there."""
        return self._store.insert_soon([_arrival(act)], scope)

    def note(self, act: Act, scope: Scope) -> None:
        """Store an act soon."""
        with self._lock:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append((scope, _arrival(act)))
                return
            self._dropped += 1

    def close(self) -> None:
        """Store what waits."""
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
        by_scope: defaultdict[Scope, list[Arrival]] = defaultdict(list)
        for scope, arrival in waiting:
            by_scope[scope].append(arrival)
        for scope, found in by_scope.items():
            self._stored(found, scope)

    def _stored(self, found: Sequence[Arrival], scope: Scope) -> None:
        try:
            self._store.insert(found, scope)
        except (CasbahError, OSError, ValueError) as wrong:
            log.warning("%d acts wait to be stored again: %s", len(found), wrong)
            with self._lock:
                self._waiting.extendleft((scope, each) for each in reversed(found))


def _arrival(act: Act) -> Arrival:
    """The act as an activity, made as those of any other source are."""
    asked = json.dumps(act.asked, default=str, ensure_ascii=False)
    event = {
        "time": act.at,
        "operation": act.name,
        "who": act.who,
        "about": act.about,
        "asked": act.asked if len(asked) <= _MOST_ASKED else f"{asked[:_MOST_ASKED]}…",
        "address": act.address,
        "agent": act.agent,
        "allowed": act.allowed,
        "result": act.result,
        "id": secrets.token_hex(16),
    }
    raw = json.dumps(event, default=str).encode()
    made = next(arrivals([Event(raw, json.loads(raw))], _CONNECTOR))
    if isinstance(made, Refusal):
        raise ValueError(made.reason)
    return made


def _drafts(event: Event) -> list[Draft]:
    told: Mapping[str, Any] = event.parsed
    about = str(told["about"])
    shape = Shape(
        app=_APP,
        instance=Instance(""),
        actor=Actor(str(told["who"]), "", CASBAH),
        operation=str(told["operation"]),
        category=UNSPECIFIED,
        event_type=f"EVENT_CASBAH_{str(told['operation']).upper()}",
        targets=[Target(TARGET, ROLE_ACTED_ON, id=about, name=about)] if about else [],
        subject=about,
        addresses=(str(told["address"]),) if told["address"] else (),
        agent=str(told["agent"]),
        admin=True,
        outcome=Outcome(bool(told["allowed"]), "" if told["allowed"] else "not permitted"),
        title=str(told["operation"]).replace("_", " ").capitalize(),
    )
    return [Draft(id=f"casbah_{told['id']}", timestamp=int(told["time"]), keys=keys(shape))]


_CONNECTOR = Connector("casbah", APPS[CASBAH], recognises=lambda _event: False, drafts=_drafts)
