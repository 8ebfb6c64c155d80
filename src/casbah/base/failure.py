"""Classifies failures: Casbah's own errors and those of a disk are expected, any other exception is a bug and logged as one."""

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
    """Whether the system refused a valid request: no space, no permission, a broken disk, too many open files.

    Any other OSError, such as a missing file or a bad descriptor, is a bug.
    """
    return isinstance(error, OSError) and error.errno in _DISK


def is_full(error: BaseException | None) -> bool:
    """Whether a full disk is the cause."""
    if error is None:
        return False
    full = isinstance(error, OSError) and error.errno in _FULL
    code = getattr(error, "sqlite_errorcode", None)
    return full or code == sqlite3.SQLITE_FULL or is_full(error.__cause__)


def is_database_error(error: BaseException) -> bool:
    """Whether the file or disk of a database is the cause. Invalid SQL and violated constraints are bugs."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & _PRIMARY in _DATABASE


def bug(error: BaseException) -> BaseException | None:
    """The error, to be passed as `exc_info`, if it is a bug; None if it is expected and needs no traceback."""
    expected = isinstance(error, CasbahError) or is_disk_error(error) or is_database_error(error)
    return None if expected else error


def shown(error: BaseException) -> str:
    """The message of an error as clients may see it: without the system's own text, which may name files and hosts."""
    if is_disk_error(error) or is_database_error(error):
        return str(UnwritableError())
    return str(error) if isinstance(error, RequestError | UnavailableError) else INTERNAL
