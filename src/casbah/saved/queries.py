"""The queries that people keep, in a small database beside the store, on disk once acknowledged.

A query belongs to whoever saved it, known by the name of their token; one that is shared everybody of the tenant sees, and
its owner alone changes it.
"""

import json
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from casbah.activity.scope import Scope
from casbah.errors import LimitExceededError, NoSuchQueryError, QueriesUnavailableError, StoreClosedError

log = logging.getLogger("casbah.saved")

FILE = "queries.db"
MOST_QUERIES = 1_000
"""Of one owner in one tenant."""

_TABLE = """
create table if not exists query (
    tenant text not null, id text not null, owner text not null, name text not null, shared integer not null,
    body text not null, changed integer not null, primary key (tenant, id)
) strict, without rowid;
"""
_COLUMNS = "id, owner, name, shared, body, changed"


@dataclass(frozen=True, slots=True)
class Written:
    """A query as somebody saves it; `filters` as they were sent."""

    name: str
    filters: Mapping[str, Any]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query as it is kept: `changed` is when, in ms."""

    id: str
    owner: str
    written: Written
    changed: int


class Queries:
    """All tenants' queries. Methods may be called from any thread; they raise QueriesUnavailableError where the file fails."""

    def __init__(self, folder: Path, *, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = False
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(folder / FILE, check_same_thread=False)
        with self._using() as database:
            database.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLE}")

    def all(self, owner: str, scope: Scope) -> Sequence[SavedQuery]:
        """Somebody's own queries and those that others share with them, by name."""
        with self._using() as database:
            rows = database.execute(
                f"select {_COLUMNS} from query where tenant = ? and (owner = ? or shared) order by name, id",  # noqa: S608  a constant
                (scope.tenant, owner),
            ).fetchall()
        return [_query(row) for row in rows]

    def add(self, written: Written, owner: str, scope: Scope, *, query_id: str | None = None) -> SavedQuery:
        """Keep a new query, under a new id if none is chosen. Raises LimitExceededError."""
        kept = SavedQuery(query_id or secrets.token_hex(8), owner, written, self._clock())
        with self._using() as database:
            (there,) = database.execute(
                "select count(*) from query where tenant = ? and owner = ?", (scope.tenant, owner)
            ).fetchone()
            if there >= MOST_QUERIES:
                raise LimitExceededError(f"there are {MOST_QUERIES} saved queries already; delete some first")
            database.execute(
                "insert into query values (?, ?, ?, ?, ?, ?, ?)",
                (scope.tenant, kept.id, owner, written.name, written.shared, _body(written), kept.changed),
            )
        return kept

    def change(self, query_id: str, written: Written, owner: str, scope: Scope) -> SavedQuery:
        """Keep a query in place of one's own of that id. Raises NoSuchQueryError."""
        kept = SavedQuery(query_id, owner, written, self._clock())
        with self._using() as database:
            done = database.execute(
                "update query set name = ?, shared = ?, body = ?, changed = ? where tenant = ? and id = ? and owner = ?",
                (written.name, written.shared, _body(written), kept.changed, scope.tenant, query_id, owner),
            )
        if not done.rowcount:
            raise NoSuchQueryError
        return kept

    def remove(self, query_id: str, owner: str, scope: Scope) -> None:
        """Forget a query of one's own. Raises NoSuchQueryError."""
        with self._using() as database:
            done = database.execute(
                "delete from query where tenant = ? and id = ? and owner = ?", (scope.tenant, query_id, owner)
            )
        if not done.rowcount:
            raise NoSuchQueryError

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._closed = True
            self._database.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The database for one thread's turn; what was changed is kept at the end of it, or nothing is."""
        with self._lock:
            if self._closed:
                raise StoreClosedError
            try:
                with self._database:
                    yield self._database
            except (sqlite3.OperationalError, sqlite3.DatabaseError) as wrong:
                log.warning("the database of saved queries failed: %s", wrong)
                raise QueriesUnavailableError from wrong


def _body(written: Written) -> str:
    return json.dumps(written.filters)


def _query(row: tuple[str, str, str, int, str, int]) -> SavedQuery:
    identity, owner, name, shared, body, changed = row
    return SavedQuery(identity, owner, Written(name, json.loads(body), bool(shared)), changed)
