"""Which failures are expected: those raised on purpose, and those of the disk. Any other error is a bug and logged as one."""

import errno
import sqlite3

from casbah.errors import CasbahError, RequestError, UnavailableError, UnwritableError

INTERNAL = "internal error; the server's log has it"

_DISK = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
        errno.ENXIO,
        errno.ENODEV,
        errno.ESTALE,
        errno.EBUSY,
        errno.ENOLCK,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    }
)

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_DATABASE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_PRIMARY = 0xFF
"""The low byte of an extended result code (https://www.sqlite.org/rescode.html)."""


def is_disk_error(error: BaseException) -> bool:
    """Whether the system refuses what a correct program may ask: no room, no permission, a broken disk, no more files.

    Any other OSError, such as a missing file or a bad descriptor, is a bug of the program that meets it.
    """
    return isinstance(error, OSError) and error.errno in _DISK


def is_full(error: BaseException | None) -> bool:
    """Whether a disk without room is the cause."""
    if error is None:
        return False
    full = isinstance(error, OSError) and error.errno in _FULL
    code = getattr(error, "sqlite_errorcode", None)
    return full or code == sqlite3.SQLITE_FULL or is_full(error.__cause__)


def is_database_error(error: BaseException) -> bool:
    """Whether a database's file or disk is the cause; wrong SQL and violated constraints are bugs."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & _PRIMARY in _DATABASE


def bug(error: BaseException) -> BaseException | None:
    """The error, for `exc_info`, if its traceback is needed; None for an expected one, whose message says enough."""
    expected = isinstance(error, CasbahError) or is_disk_error(error) or is_database_error(error)
    return None if expected else error


def shown(error: BaseException) -> str:
    """What may be told of an error on the wire: not the system's own text, which names errors, files and hosts."""
    if is_disk_error(error) or is_database_error(error):
        return str(UnwritableError())
    return str(error) if isinstance(error, RequestError | UnavailableError) else INTERNAL
