"""Forwards stored activities, each at least once, in the order of storing.

The store is the spool: a destination that was down for a week gets everything afterwards. Activities that a destination
refuses permanently are recorded as a dead letter, and delivery continues after them.
"""

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import where
from casbah.activity.tenant import TenantId
from casbah.base.backoff import Backoff
from casbah.base.database import open_database
from casbah.base.failure import bug
from casbah.outputs.push.config import PushTarget
from casbah.outputs.push.deliver import DeliveryRefusedError, RetryLaterError, Sink
from casbah.outputs.push.report import Push, PushState
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
_BACKOFF = Backoff(1.0, 300.0, jitter=0.5)

log = logging.getLogger("casbah.push")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Activities that a destination refused: sequence numbers `first` to `last`, the time `at` (ms), and the reason."""

    id: int
    name: str
    first: int
    last: int
    count: int
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeliveryPosition:
    """Everything up to sequence number `reached` was sent. Up to `until`, only activities since `since` (a time in ms) are."""

    reached: int
    until: int
    since: int


class Outbox:
    """The position, status and dead letters of each destination, in an SQLite database. Writes are durable on return."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._database = open_database(folder / FILE, _TABLES)

    def place(self, name: str) -> "DeliveryPosition | None":
        """A destination's position; None if it was never connected."""
        with self._lock:
            row = self._database.execute(
                "select reached, until, since from destination where name = ?", (name,)
            ).fetchone()
        return None if row is None else DeliveryPosition(*row)

    def begin(self, name: str, place: "DeliveryPosition") -> None:
        """Store the first position of a destination."""
        with self._lock:
            self._database.execute(
                "insert into destination values (?, ?, ?, ?, '')", (name, place.reached, place.until, place.since)
            )

    def reach(self, name: str, number: int) -> None:
        """Record that everything up to a sequence number was sent."""
        with self._lock:
            self._database.execute("update destination set reached = ?, status = '' where name = ?", (number, name))

    def status(self, name: str) -> str:
        """What is wrong with a destination; "" if nothing is."""
        with self._lock:
            row = self._database.execute("select status from destination where name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def say(self, name: str, status: str) -> None:
        """Store the status of a destination."""
        with self._lock:
            self._database.execute("update destination set status = ? where name = ?", (status, name))

    def dead_letter(self, name: str, changes: Sequence[Change], *, at: int, reason: str) -> None:
        """Store a dead letter and advance past it, in one transaction."""
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
        """The dead letters, oldest first."""
        query = "select id, name, first, last, count, at, reason from letter"
        with self._lock:
            rows = self._database.execute(f"{query} order by id").fetchall()
        return [letter for row in rows if name in (None, (letter := DeadLetter(*row)).name)]

    def forget(self, letter_id: int) -> None:
        """Delete a dead letter, once it was delivered."""
        with self._lock:
            self._database.execute("delete from letter where id = ?", (letter_id,))

    def all(self) -> list[tuple[str, int, str]]:
        """The name, sequence number and status of every destination."""
        with self._lock:
            return self._database.execute("select name, reached, status from destination order by name").fetchall()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._database.close()


class Pusher:
    """One destination."""

    def __init__(
        self, name: str, entry: PushTarget, sink: Sink, *, store: Store, outbox: Outbox, clock: Callable[[], int]
    ) -> None:
        self._entry, self._sink = entry, sink
        self._store, self._outbox, self._clock = store, outbox, clock
        self.name, self.tenant_id = name, TenantId(entry.tenant)
        self._state = PushState()
        self._before: int | None = None

    def step(self) -> int:
        """Send the next batch. Returns 0 if there is nothing more to do now, else 1 or more. Raises RetryLaterError."""
        place = self._outbox.place(self.name) or self._begin()
        behind = place.reached < place.until
        recent = p.Range(FIELDS["date"], low=place.since)
        predicate = p.both(self._predicate, recent) if behind else self._predicate
        page = self._store.tenant(self.tenant_id).changes(predicate, after=place.reached, limit=self._entry.batch)
        changes = [change for change in page.changes if not behind or change.number <= place.until]
        if changes:
            self._looked(waiting_since=json.loads(changes[0].record)["created"])
            self._send(changes, place.reached)
            return len(changes)
        if not behind:
            self._looked(waiting_since=None)
        reached = min(page.reached, place.until) if behind else page.reached
        if reached > place.reached:
            self._outbox.reach(self.name, reached)
        return int(behind)

    def replay(self, letter: DeadLetter) -> int:
        """Send a dead letter again; return how many of its activities still exist.

        Raises RetryLaterError or DeliveryRefusedError.
        """
        sent, after = 0, letter.first - 1
        while after < letter.last:
            page = self._store.tenant(self.tenant_id).changes(self._predicate, after=after, limit=self._entry.batch)
            changes = [change for change in page.changes if change.number <= letter.last]
            if changes:
                self._sink.send(changes)
            sent += len(changes)
            if not page.changes:
                break
            after = page.changes[-1].number
        self._outbox.forget(letter.id)
        return sent

    @property
    def lag_ms(self) -> int | None:
        """How long the oldest activity that is not yet sent has been stored. None if that is not known yet."""
        return self._state.lag_ms(self._clock())

    def failed(self, status: str) -> None:
        """Note that activities could not be sent, and why. Raises sqlite3.Error: then only the log has the reason."""
        self._state = replace(self._state, last_failure=self._clock())
        self._outbox.say(self.name, status)

    def report(self) -> Push:
        """The status of the destination."""
        target = self._entry.target
        position = self._outbox.place(self.name)
        end = self._store.tenant(self.tenant_id).high_water_mark()
        reached = end if position is None else position.reached
        return Push(
            name=self.name,
            kind=self._entry.kind,
            to=f"{target.scheme}://{target.netloc.rpartition('@')[2]}",
            lag_ms=self.lag_ms,
            reached=reached,
            behind=max(0, end - reached),
            last_success=self._state.last_success,
            last_failure=self._state.last_failure,
            dead_letters=sum(letter.count for letter in self._outbox.dead(self.name)),
            error=self._outbox.status(self.name),
        )

    def close(self) -> None:
        """Close the connection."""
        self._sink.close()

    def _looked(self, *, waiting_since: int | None) -> None:
        self._state = replace(self._state, has_looked=True, waiting_since=waiting_since)

    @property
    def _predicate(self) -> Predicate:
        """The filters' predicate now: relative times count from the current time."""
        return where(self._entry.filters, now=self._clock())

    def _begin(self) -> DeliveryPosition:
        """The first position: activities of the last `backfill` days, and everything stored from now on."""
        end = self._store.tenant(self.tenant_id).high_water_mark()
        place = DeliveryPosition(0 if self._entry.backfill_ms else end, end, self._clock() - self._entry.backfill_ms)
        self._outbox.begin(self.name, place)
        return place

    def _send(self, changes: Sequence[Change], reached: int) -> None:
        try:
            self._sink.send(changes)
        except DeliveryRefusedError as error:
            self._refused(changes, str(error))
        except RetryLaterError:
            if not self._sink.sure and self._before is not None:
                # The last batch may have been lost with the connection, since delivery was not acknowledged.
                self._outbox.reach(self.name, self._before)
                self._before = None
            raise
        else:
            self._before = reached
            self._outbox.reach(self.name, changes[-1].number)
            self._state = replace(self._state, last_success=self._clock())

    def _refused(self, changes: Sequence[Change], reason: str) -> None:
        log.warning("%s refuses %d activities: %s", self.name, len(changes), reason)
        self._outbox.dead_letter(self.name, changes, at=self._clock(), reason=reason)


class Pushing:
    """Runs pushers, each in its own thread, until closed."""

    def __init__(self, pushers: dict[str, Pusher]) -> None:
        self._pushers = pushers
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, pusher), name=f"casbah-push-{name}", daemon=True)
            for name, pusher in pushers.items()
        ]

    def start(self) -> None:
        """Start a thread for each pusher."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop after the current batches, and close the connections."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        for pusher in self._pushers.values():
            pusher.close()

    def _run(self, name: str, pusher: Pusher) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                if not pusher.step():
                    self._stopping.wait(_LOOK_SECONDS)
                failures = 0
            except RetryLaterError as error:
                failures += 1
                maximum = _BACKOFF.maximum(failures)
                log.warning("%s does not accept activities now, next try in %.0f s: %s", name, maximum, error)
                self._report(pusher, str(error))
                self._stopping.wait(_BACKOFF.pause(failures))
            except Exception as error:
                failures += 1
                maximum = _BACKOFF.maximum(failures)
                log.warning("pushing to %s failed, next try in %.0f s: %s", name, maximum, error, exc_info=bug(error))
                self._report(pusher, "the server failed; see its log" if bug(error) else str(error))
                self._stopping.wait(_BACKOFF.pause(failures))

    def _report(self, pusher: Pusher, status: str) -> None:
        """Store a destination's status. If that fails, only the log has it."""
        try:
            pusher.failed(status)
        except sqlite3.Error as error:
            log.warning("the status of %s cannot be stored: %s", pusher.name, error, exc_info=bug(error))
