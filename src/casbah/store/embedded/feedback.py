"""Feedback on activities: append-only, one small SQLite database per tenant, synced to disk at every entry."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from casbah.base.database import open_database, require_database, row_digest, text_of
from casbah.errors import DamagedFileError
from casbah.store.contract import FeedbackEntry
from casbah.store.embedded.io_errors import translate_io_errors

FILE = "feedback.db"
TABLE = """
create table if not exists feedback (
    number integer primary key autoincrement, activity text not null, at integer not null, who text not null,
    what blob not null, digest blob not null
) strict;
create index if not exists feedback_of_activity on feedback (activity, number);
"""


class Feedback:
    """The entries of one tenant."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def add(self, activity_id: str, entry: FeedbackEntry, *, maximum: int | None = None) -> bool:
        """Append an entry; durable on return. Returns False if there are `maximum` entries already."""
        with self._lock, translate_io_errors():
            added = self._opened().execute(
                "insert into feedback (activity, at, who, what, digest) select ?, ?, ?, ?, ?"
                " where ? is null or (select count(*) from feedback where activity = ?) < ?",
                (*_row(activity_id, entry), maximum, activity_id, maximum),
            )
            return added.rowcount == 1

    def add_all(self, entries: Iterable[tuple[str, FeedbackEntry]]) -> None:
        """Append entries, each with the id of its activity, in one transaction."""
        with self._lock, translate_io_errors():
            database = self._opened()
            database.execute("begin")
            with database:
                insert = "insert into feedback (activity, at, who, what, digest) values (?, ?, ?, ?, ?)"
                database.executemany(insert, (_row(activity_id, entry) for activity_id, entry in entries))

    def of(self, activity_id: str) -> Sequence[FeedbackEntry]:
        """The entries of an activity, oldest first."""
        if not self._is_there():
            return ()
        with self._lock, translate_io_errors():
            rows = self._opened().execute(
                "select number, at, who, what, digest from feedback where activity = ? order by number", (activity_id,)
            )
            return tuple(self._entry(activity_id, *row) for row in rows)

    def activities(self) -> Sequence[str]:
        """The ids of all activities with feedback."""
        if not self._is_there():
            return ()
        with self._lock, translate_io_errors():
            return [row[0] for row in self._opened().execute("select distinct activity from feedback")]

    def forget(self, activity_id: str) -> None:
        """Delete the entries of an activity; durable on return."""
        with self._lock, translate_io_errors():
            self._opened().execute("delete from feedback where activity = ?", (activity_id,))

    def _is_there(self) -> bool:
        """Whether there is any feedback. Raises DamagedFileError if there was."""
        require_database(self._file)
        return self._database is not None or self._file.exists()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = open_database(self._file, TABLE)
            self._database.execute("pragma secure_delete = on")
            self._database.text_factory = text_of
        return self._database

    def _entry(self, activity_id: str, number: int, at: int, who: str, what: bytes, digest: bytes) -> FeedbackEntry:
        if row_digest(activity_id, at, who, what) != digest:
            raise DamagedFileError(self._file, f"row {number} does not match its digest")
        return FeedbackEntry(at, who, what)


def _row(activity_id: str, entry: FeedbackEntry) -> tuple[str, int, str, bytes, bytes]:
    digest = row_digest(activity_id, entry.at, entry.who, entry.what)
    return activity_id, entry.at, entry.who, entry.what, digest


def rows_of(database: sqlite3.Connection) -> Iterator[tuple[int, str, FeedbackEntry | None]]:
    """All rows: number, activity and entry, which is None if the row does not match its digest."""
    rows = database.execute("select number, activity, at, who, what, digest from feedback order by number")
    for number, activity_id, at, who, what, digest in rows:
        is_good = row_digest(activity_id, at, who, what) == digest
        yield number, activity_id, FeedbackEntry(at, who, what) if is_good else None
