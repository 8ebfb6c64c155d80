"""Feedback on activities: append-only, one small SQLite database per tenant, synced to disk at every entry."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from casbah.base.fsync import open_database
from casbah.store.contract import FeedbackEntry
from casbah.store.embedded.io_errors import translate_io_errors

_TABLE = """
create table if not exists feedback (
    number integer primary key autoincrement, activity text not null, at integer not null, who text not null, what blob not null
) strict;
create index if not exists feedback_of_activity on feedback (activity, number);
"""


class Feedback:
    """The entries of one tenant."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "feedback.db"
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def add(self, activity_id: str, entry: FeedbackEntry, *, maximum: int | None = None) -> bool:
        """Append an entry; durable on return. Returns False if there are `maximum` entries already."""
        with self._lock, translate_io_errors():
            added = self._opened().execute(
                "insert into feedback (activity, at, who, what) select ?, ?, ?, ?"
                " where ? is null or (select count(*) from feedback where activity = ?) < ?",
                (activity_id, entry.at, entry.who, entry.what, maximum, activity_id, maximum),
            )
            return added.rowcount == 1

    def of(self, activity_id: str) -> Sequence[FeedbackEntry]:
        """The entries of an activity, oldest first."""
        if self._database is None and not self._file.exists():
            return ()
        with self._lock, translate_io_errors():
            rows = self._opened().execute(
                "select at, who, what from feedback where activity = ? order by number", (activity_id,)
            )
            return tuple(FeedbackEntry(*row) for row in rows)

    def activities(self) -> Sequence[str]:
        """The ids of all activities with feedback."""
        if self._database is None and not self._file.exists():
            return ()
        with self._lock, translate_io_errors():
            return [row[0] for row in self._opened().execute("select distinct activity from feedback")]

    def forget(self, activity_id: str) -> None:
        """Delete the entries of an activity; durable on return."""
        with self._lock, translate_io_errors():
            self._opened().execute("delete from feedback where activity = ?", (activity_id,))

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = open_database(self._file, f"pragma secure_delete = on; {_TABLE}")
        return self._database
