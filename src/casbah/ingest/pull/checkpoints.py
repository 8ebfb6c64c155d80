"""The checkpoint and status of each puller, as a row in a small SQLite database next to the store."""

import json
import threading
from dataclasses import asdict
from pathlib import Path

from casbah.base.database import open_database
from casbah.ingest.pull.contract import Checkpoint, Status

_FILE = "pull.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS pullers (name TEXT PRIMARY KEY, checkpoint TEXT NOT NULL, status TEXT NOT NULL) STRICT
"""


_REACHED = ("done", "read", "listed", "since")


def reached(checkpoint: Checkpoint, status: Status) -> int | None:
    """The time (ms) up to which all events that the vendor had shown are stored; None if the puller never ran."""
    known = (checkpoint.get(key) for key in _REACHED)
    return next((moment for moment in known if type(moment) is int), status.last_success)


class Checkpoints:
    """Opens or creates the database. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = open_database(folder / _FILE, _SCHEMA)

    def of(self, name: str) -> tuple[Checkpoint, Status]:
        """A puller's checkpoint and status."""
        with self._lock:
            row = self._database.execute("SELECT checkpoint, status FROM pullers WHERE name = ?", (name,)).fetchone()
        if row is None:
            return {}, Status()
        known = {key: value for key, value in json.loads(row[1]).items() if key in Status.__slots__}
        return json.loads(row[0]), Status(**known)

    def keep(self, name: str, checkpoint: Checkpoint, status: Status) -> None:
        """Store both; they are on disk on return."""
        row = (name, json.dumps(dict(checkpoint)), json.dumps(asdict(status)))
        with self._lock:
            self._database.execute("INSERT OR REPLACE INTO pullers VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Close the database."""
        self._database.close()
