"""SQLite databases whose damage is noticed: a changed value, a lost row, a file that is gone.

SQLite's own check finds broken pages and indexes that do not agree with their tables, but no value that has changed, so
each row has a digest. A database that is gone or empty would look like a new one, so a file beside it, `<name>.exists`, says
that there is one.
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from casbah.base.failure import is_disk_error
from casbah.base.fsync import sync_folder, sync_into
from casbah.errors import DamagedFileError

_log = logging.getLogger("casbah.store")
_NO_TABLES = "its tables are not those of this version"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""Codes of errors at opening. What is executed then is always the same, so an error in it is one of what the file says."""

_PRIMARY = 0xFF
_BYTES = 16
_LENGTH_BYTES = 8


def open_database(file: Path, script: str, *, isolation_level: Literal["DEFERRED"] | None = None) -> sqlite3.Connection:
    """A SQLite database that any thread may use, created by `script`. Every statement commits by itself, unless there is an
    isolation level: then what is changed is committed at the end of `with database`.

    Raises sqlite3.Error or DamagedFileError, and leaves nothing open then.
    """
    require_database(file)
    database = sqlite3.connect(file, check_same_thread=False, isolation_level=isolation_level)
    database.text_factory = text_of
    with ExitStack() as failed:
        failed.callback(database.close)
        mark = _mark(file)
        is_new = not mark.exists()
        try:
            database.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {script if is_new else ''}")
            faults = problems(database, script)
        except UnicodeDecodeError:  # The message about tables that are damaged is no text.
            faults = [_NO_TABLES]
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY not in _DAMAGED:
                raise
            faults = [str(error)]
        if faults:
            raise DamagedFileError(file, "; ".join(faults))
        if is_new:
            _write_mark(mark)
        failed.pop_all()
    return database


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A database that is only read, also while another process writes to it. Raises sqlite3.Error or DamagedFileError.

    It has a write-ahead log while a process has it open. Without one SQLite would create it, and leave it there.
    """
    require_database(file)
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True)) as database:
        database.text_factory = text_of
        try:
            yield database
        except UnicodeDecodeError:  # As in `open_database`.
            raise DamagedFileError(file, _NO_TABLES) from None


def require_database(file: Path) -> None:
    """Raises DamagedFileError if a database is gone. One that never was is no error."""
    if _mark(file).exists() and not file.exists():
        raise DamagedFileError(file, f"it is missing; to do without what it held, remove {_mark(file)} as well")


def problems(database: sqlite3.Connection, script: str) -> list[str]:
    """What is damaged in a database that `script` has created, but for values of rows. Raises sqlite3.Error."""
    if _tables(database) != _tables_of(script):
        return [_NO_TABLES]
    faults = " ".join(str(problem) for (problem,) in database.execute("pragma integrity_check(1)")).split()
    return [] if faults == ["ok"] else [" ".join(faults)]


def row_digest(*values: str | int | bytes) -> bytes:
    """The digest of the values of a row."""
    digest = hashlib.blake2b(digest_size=_BYTES)
    for value in values:
        content = value if isinstance(value, bytes) else str(value).encode()
        digest.update(len(content).to_bytes(_LENGTH_BYTES, "little"))
        digest.update(content)
    return digest.digest()


def text_of(content: bytes) -> str:
    """For `text_factory`: text that is no UTF-8 any more is read as well, and does not match the digest of its row."""
    return content.decode("utf-8", "replace")


def _write_mark(mark: Path) -> None:
    try:
        sync_into(mark, ())
        sync_folder(mark.parent)
    except OSError as error:
        if not is_disk_error(error):
            raise
        _log.warning("a loss of %s would not be noticed until the disk has room: %s", mark.stem, error)


def _mark(file: Path) -> Path:
    return file.with_name(f"{file.name}.exists")


def _tables(database: sqlite3.Connection) -> list[tuple[str, ...]]:
    return sorted(database.execute("select type, name, tbl_name, coalesce(sql, '') from sqlite_schema"))


@cache
def _tables_of(script: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(script)
        return _tables(database)
