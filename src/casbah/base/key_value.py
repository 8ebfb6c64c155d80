"""A key-value store for small objects such as tokens, kept beside the activities. Each value is a JSON object under a key in a
namespace.

A caller that changes a value names the version it has read. If another change came first, nothing is written and the caller
reads again; so any number of threads, processes and servers can share a store. A value is on disk when the call returns,
unless its collection is ephemeral.

`FolderKeyValueStore` is a SQLite database in the server's folder, `MemoryKeyValueStore` holds ephemeral values there, and
`store.opensearch.key_value` is an index of a cluster, for both.
"""

import itertools
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from casbah.base.database import open_database, require_database, row_digest, text_of
from casbah.base.failure import is_database_error
from casbah.base.fsync import copy_unlocked, make_folder, read_only
from casbah.errors import (
    DamagedFileError,
    KeyValueStoreDamagedError,
    KeyValueStoreUnavailableError,
    ReadOnlyError,
    StoreClosedError,
)

log = logging.getLogger("casbah.key_value")

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Collection:
    """What one store holds: `name` names the file or index, `what` describes it, `lost` says what its loss means.

    `ephemeral`: entries are ephemeral and need not survive a power failure.
    """

    name: str
    what: str
    lost: str
    ephemeral: bool = False


TOKENS = Collection("tokens", "tokens", "tokens issued so far stop working")
QUERIES = Collection("queries", "saved queries", "those saved so far are gone")
RANGES = Collection("ranges", "IP ranges", "those drawn so far are gone")
RULES = Collection("rules", "retention rules", "there are no rules and no legal holds")
REJECTS = Collection("rejects", "events that ingest refused", "those refused so far cannot be replayed")
EPHEMERAL = Collection(
    "passing", "counts of requests", "tenants may ask as often as if they had not asked yet", ephemeral=True
)
COLLECTIONS = (TOKENS, QUERIES, RANGES, RULES, REJECTS)
"""Those that a store keeps on disk."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value; `version` identifies this state of it."""

    name: str
    value: Value
    version: tuple[int, ...]


class KeyValueStore(Protocol):
    """Thread-safe. Methods raise KeyValueStoreUnavailableError, and StoreClosedError once it is closed."""

    @property
    def is_remote(self) -> bool:
        """Whether calls may wait for a network."""

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:
        """The entry of a name; `seen` itself if it is still current."""

    def all(self, namespace: str) -> Sequence[Entry]:
        """All entries of a namespace, by name."""

    def namespaces(self) -> Sequence[str]:
        """The namespaces that have entries, by name."""

    def everything(self) -> Iterator[tuple[str, Entry]]:
        """All entries, each with its namespace."""

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        """Replace `over`, or create an entry if `over` is None. False if the entry has changed meanwhile."""

    def remove(self, namespace: str, name: str) -> bool:
        """Delete an entry. False if there was no such entry."""

    def close(self) -> None:
        """Release its resources."""


KeyValueStores = Callable[[Collection], KeyValueStore]
"""Opens the store of a collection."""


def change(key_values: KeyValueStore, namespace: str, name: str, how: Callable[[Value | None], Value]) -> None:
    """Change an entry atomically. `how` may be called more than once, and may raise."""
    while True:
        existing = key_values.get(namespace, name)
        if key_values.put(namespace, name, how(None if existing is None else existing.value), over=existing):
            return


class FolderKeyValueStore:
    """See `KeyValueStore`. Raises KeyValueStoreDamagedError where it cannot be opened."""

    is_remote = False

    def __init__(self, folder: Path, kind: Collection) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._closed = False
        self._copy = TemporaryDirectory(prefix="casbah-") if read_only(folder) else None
        """Where it is read, if the folder cannot be written to."""

        self._file = file = folder / f"{kind.name}.db"
        if self._copy is None:
            make_folder(folder, mode=0o700)
        else:
            file = Path(self._copy.name) / file.name
            copy_unlocked(self._file, file)
        self._database = _opened(file, kind, original=self._file)
        file.chmod(0o600)
        self._reading = threading.Lock()
        self._reader = sqlite3.connect(file, check_same_thread=False)
        self._reader.text_factory = text_of
        """A separate connection for reads, so that readers do not wait for a writer's disk syncs."""

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:
        rows = self._read(f"{_SELECT} where drawer = ? and name = ?", namespace, name)
        if not rows:
            return None
        return seen if seen is not None and seen.version == (rows[0][2],) else self._entry(*rows[0])

    def all(self, namespace: str) -> Sequence[Entry]:
        return [self._entry(*row) for row in self._read(f"{_SELECT} where drawer = ? order by name", namespace)]

    def namespaces(self) -> Sequence[str]:
        return [namespace for (namespace,) in self._read("select distinct drawer from kept order by drawer")]

    def everything(self) -> Iterator[tuple[str, Entry]]:
        return ((row[0], self._entry(*row)) for row in self._read(f"{_SELECT} order by drawer, name"))

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        text = json.dumps(value)
        row = (namespace, name, text, row_digest(namespace, name, text))
        with self._using() as database:
            if over is not None:
                place = (namespace, name, *over.version)
                gone = database.execute("delete from kept where drawer = ? and name = ? and number = ?", place)
                if not gone.rowcount:
                    return False
            put = "insert into kept (drawer, name, value, digest) values (?, ?, ?, ?) on conflict do nothing"
            return database.execute(put, row).rowcount == 1

    def remove(self, namespace: str, name: str) -> bool:
        with self._using() as database:
            return database.execute("delete from kept where drawer = ? and name = ?", (namespace, name)).rowcount == 1

    def close(self) -> None:
        with self._lock, self._reading:
            self._closed = True
            self._reader.close()
            self._database.close()
            if self._copy is not None:
                self._copy.cleanup()

    def _read(self, question: str, *values: str) -> list[Any]:
        """All rows: a query that is not read to its end would leave the next one with an old snapshot."""
        with self._reading, self._guarded():
            return self._reader.execute(question, values).fetchall()

    def _entry(self, *row: Any) -> Entry:
        _, name, number, value, _ = row
        if not _is_good(*row):
            raise KeyValueStoreDamagedError(str(self._file), f"is damaged: row {number} does not match its digest")
        return Entry(name, json.loads(value), (number,))

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The database, locked for one transaction."""
        if self._copy is not None:
            raise ReadOnlyError
        with self._lock, self._guarded(), self._database:
            yield self._database

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if self._closed:
            raise StoreClosedError
        try:
            yield
        except sqlite3.Error as error:
            if not is_database_error(error):
                raise
            log.warning("the database of %s failed: %s", self._kind.what, error)
            raise KeyValueStoreUnavailableError(self._kind.what) from error


class MemoryKeyValueStore:
    """See `KeyValueStore`. Its content is lost when the process ends."""

    is_remote = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._drawers: dict[str, dict[str, Entry]] = {}

    def get(self, namespace: str, name: str, *, seen: Entry | None = None) -> Entry | None:  # noqa: ARG002  it costs nothing here
        return self._drawers.get(namespace, {}).get(name)

    def all(self, namespace: str) -> Sequence[Entry]:
        with self._lock:
            return sorted(self._drawers.get(namespace, {}).values(), key=lambda kept: kept.name)

    def namespaces(self) -> Sequence[str]:
        with self._lock:
            return sorted(namespace for namespace, inside in self._drawers.items() if inside)

    def everything(self) -> Iterator[tuple[str, Entry]]:
        return ((namespace, kept) for namespace in sorted(self._drawers) for kept in self.all(namespace))

    def put(self, namespace: str, name: str, value: Value, *, over: Entry | None = None) -> bool:
        with self._lock:
            inside = self._drawers.setdefault(namespace, {})
            existing = inside.get(name)
            if (over is None) != (existing is None) or (over and existing and over.version != existing.version):
                return False
            inside[name] = Entry(name, value, (next(self._numbers),))
            return True

    def remove(self, namespace: str, name: str) -> bool:
        with self._lock:
            return self._drawers.get(namespace, {}).pop(name, None) is not None

    def close(self) -> None:
        """See `KeyValueStore.close`."""


TABLE = """
create table if not exists kept (
    number integer primary key autoincrement, drawer text not null, name text not null, value text not null,
    digest blob not null, unique (drawer, name)
) strict;
"""
_SELECT = "select drawer, name, number, value, digest from kept"
_CANNOT_OPEN = "see whether the disk is full, whether it is a file, and who may write it and its folder"


def rows_of(database: sqlite3.Connection) -> Iterator[tuple[int, str, Entry | None]]:
    """All rows of a key-value database: number, namespace and entry, which is None if the row does not match its digest."""
    for row in database.execute(f"{_SELECT} order by number"):
        namespace, name, number, value, _ = row
        yield number, namespace, Entry(name, json.loads(value), (number,)) if _is_good(*row) else None


def _is_good(namespace: str, name: str, _: int, value: str, digest: bytes) -> bool:
    """Whether a row is what was written."""
    return row_digest(namespace, name, value) == digest


def _opened(file: Path, kind: Collection, *, original: Path) -> sqlite3.Connection:
    """The database in `file`, which is a copy of the original where that cannot be written to."""
    try:
        require_database(original)
        return open_database(file, TABLE, isolation_level="DEFERRED")
    except DamagedFileError as error:
        no_database = (
            f"is not a database of {kind.what}, or is damaged ({error.problem}); put a copy of it back, or move it and "
            f"{file.name}.exists away: a new one is made, and {kind.lost}"
        )
        raise KeyValueStoreDamagedError(str(original), no_database) from None
    except sqlite3.DatabaseError as error:
        raise KeyValueStoreDamagedError(
            str(original), f"cannot be opened for writing ({error}); {_CANNOT_OPEN}"
        ) from error
