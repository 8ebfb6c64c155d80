"""Sends on what is stored, each activity at least once, in the order of storing.

The store is the spool: a destination that is away for a week finds all of it when it comes back. What a destination refuses
for good is kept as a dead letter, which names the activities, and the rest goes on.
"""

import logging
import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import where
from casbah.activity.scope import Scope
from casbah.failure import bug
from casbah.fsync import open_database
from casbah.push.config import PushTarget
from casbah.push.deliver import DeliveryRefusedError, RetryLaterError, Sink
from casbah.store.contract import Change, Store

FILE = "push.db"
_TABLES = """
create table if not exists destination (
    name text primary key, reached integer not null, until integer not null, since integer not null, status text not null
) strict;
create table if not exists letter (
    id integer primary key autoincrement, name text not null, first integer not null, last integer not null,
    count integer not null, at integer not null, reason text not null
) strict;
"""
_LOOK_SECONDS = 0.5
_FIRST_PAUSE, _MOST_PAUSE = 1.0, 300.0

log = logging.getLogger("casbah.push")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Activities that a destination refused: the numbers of storing from `first` to `last`, and why."""

    id: int
    name: str
    first: int
    last: int
    count: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryPosition:
    """All up to the number `reached` was sent; up to `until`, only what happened since the moment `since` (ms) is."""

    reached: int
    until: int
    since: int


class Outbox:
    """How far each destination is, how it is doing, and what it refused; on disk before anybody relies on it."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._database = open_database(folder / FILE, _TABLES)

    def place(self, name: str) -> "DeliveryPosition | None":
        """How far a destination is; None: it was never connected."""
        with self._lock:
            row = self._database.execute(
                "select reached, until, since from destination where name = ?", (name,)
            ).fetchone()
        return None if row is None else DeliveryPosition(*row)

    def begin(self, name: str, place: "DeliveryPosition") -> None:
        """Where a destination begins."""
        with self._lock:
            self._database.execute(
                "insert into destination values (?, ?, ?, ?, '')", (name, place.reached, place.until, place.since)
            )

    def reach(self, name: str, number: int) -> None:
        """All up to a number was sent."""
        with self._lock:
            self._database.execute("update destination set reached = ?, status = '' where name = ?", (number, name))

    def say(self, name: str, status: str) -> None:
        """How a destination is doing."""
        with self._lock:
            self._database.execute("update destination set status = ? where name = ?", (status, name))

    def dead_letter(self, name: str, changes: Sequence[Change], *, at: int, reason: str) -> None:
        """Keep what was refused, and go on behind it: both or neither."""
        first, last = changes[0].number, changes[-1].number
        with self._lock, self._database:
            self._database.execute("begin")
            row = (name, first, last, len(changes), at, reason)
            self._database.execute(
                "insert into letter (name, first, last, count, at, reason) values (?, ?, ?, ?, ?, ?)", row
            )
            self._database.execute(
                "update destination set reached = ?, status = ? where name = ?", (last, reason, name)
            )

    def dead(self, name: str | None = None) -> list[DeadLetter]:
        """What was refused, the oldest first."""
        asked = "select id, name, first, last, count, at, reason from letter"
        with self._lock:
            rows = self._database.execute(f"{asked} order by id").fetchall()
        return [letter for row in rows if name in (None, (letter := DeadLetter(*row)).name)]

    def forget(self, letter_id: int) -> None:
        """A dead letter was delivered after all."""
        with self._lock:
            self._database.execute("delete from letter where id = ?", (letter_id,))

    def all(self) -> list[tuple[str, int, str]]:
        """Every destination: its name, how far it is, how it is doing."""
        with self._lock:
            return self._database.execute("select name, reached, status from destination order by name").fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()


class Pusher:
    """One destination."""

    def __init__(
        self, name: str, entry: PushTarget, way: Sink, *, store: Store, letters: Outbox, clock: Callable[[], int]
    ) -> None:
        self._name, self._entry, self._way = name, entry, way
        self._store, self._letters, self._clock = store, letters, clock
        self._scope = Scope(entry.tenant)
        self._before: int | None = None

    def step(self) -> int:
        """Send what comes next; how many activities that were, 0: there is nothing now. Raises RetryLaterError."""
        place = self._letters.place(self._name) or self._begun()
        behind = place.reached < place.until
        recent = p.Range(FIELDS["date"], low=place.since)
        predicate = p.both(self._predicate, recent) if behind else self._predicate
        found = self._store.changes(predicate, self._scope, after=place.reached, limit=self._entry.batch)
        changes = [change for change in found.changes if not behind or change.number <= place.until]
        if changes:
            self._send(changes, place.reached)
            return len(changes)
        reached = min(found.reached, place.until) if behind else found.reached
        if reached > place.reached:
            self._letters.reach(self._name, reached)
        return int(behind)

    def replay(self, letter: DeadLetter) -> int:
        """Send a dead letter again; return how many of its activities still exist.

        Raises RetryLaterError or DeliveryRefusedError.
        """
        sent, after = 0, letter.first - 1
        while after < letter.last:
            found = self._store.changes(self._predicate, self._scope, after=after, limit=self._entry.batch)
            changes = [change for change in found.changes if change.number <= letter.last]
            if changes:
                self._way.send(changes)
            sent += len(changes)
            if not found.changes:
                break
            after = found.changes[-1].number
        self._letters.forget(letter.id)
        return sent

    def close(self) -> None:
        """Let go of the connection."""
        self._way.close()

    @property
    def _predicate(self) -> Predicate:
        """What the filters say now: days and hours in them count from this moment."""
        return where(self._entry.filters, now=self._clock())

    def _begun(self) -> DeliveryPosition:
        """At first connect: what happened in the last days, and from then on all that is stored."""
        end = self._store.settled(self._scope)
        place = DeliveryPosition(0 if self._entry.backfill_ms else end, end, self._clock() - self._entry.backfill_ms)
        self._letters.begin(self._name, place)
        return place

    def _send(self, changes: Sequence[Change], reached: int) -> None:
        try:
            self._way.send(changes)
        except DeliveryRefusedError as error:
            self._refused(changes, str(error))
        except RetryLaterError:
            if not self._way.sure and self._before is not None:
                # What was sent last may have been lost with the connection: nothing said that it had arrived.
                self._letters.reach(self._name, self._before)
                self._before = None
            raise
        else:
            self._before = reached
            self._letters.reach(self._name, changes[-1].number)

    def _refused(self, changes: Sequence[Change], reason: str) -> None:
        log.warning("%s refuses %d activities: %s", self._name, len(changes), reason)
        self._letters.dead_letter(self._name, changes, at=self._clock(), reason=reason)


class Pushing:
    """Pushers that run, each in a thread of its own, until they are stopped."""

    def __init__(self, pushers: dict[str, Pusher], letters: Outbox) -> None:
        self._pushers, self._letters = pushers, letters
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, each), name=f"casbah-push-{name}", daemon=True)
            for name, each in pushers.items()
        ]

    def start(self) -> None:
        """Let all of them run."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for pusher in self._pushers.values():
            pusher.close()

    def _run(self, name: str, pusher: Pusher) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                if not pusher.step():
                    self._stopping.wait(_LOOK_SECONDS)
                pause = _FIRST_PAUSE
            except RetryLaterError as error:
                log.warning("%s does not take activities now, next try in %.0f s: %s", name, pause, error)
                self._report(name, str(error))
                pause = self._wait(pause)
            except Exception as error:
                log.warning("pushing to %s failed, next try in %.0f s: %s", name, pause, error, exc_info=bug(error))
                self._report(name, "the server failed; its log says why" if bug(error) else str(error))
                pause = self._wait(pause)

    def _wait(self, pause: float) -> float:
        """Wait for a while; how long to wait next time."""
        self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
        return min(pause * 2, _MOST_PAUSE)

    def _report(self, name: str, status: str) -> None:
        """Keep how a destination is doing; where that cannot be written, the log alone has it."""
        try:
            self._letters.say(name, status)
        except sqlite3.Error as error:
            log.warning("the state of %s cannot be kept: %s", name, error, exc_info=bug(error))
