"""Disk errors, which tantivy reports as ValueError with messages of its own."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from casbah.base.failure import is_database_error, is_disk_error
from casbah.errors import UnwritableError

_log = logging.getLogger("casbah.store")
_NUMBER = re.compile(r"\(os error (\d+)\)|\bcode: (\d+), kind: ")
"""How tantivy's messages contain the errno."""


@contextmanager
def translate_io_errors() -> Iterator[None]:
    """Translate disk errors to UnwritableError and log their cause. Other errors are bugs and pass unchanged.

    Wrap calls to tantivy, SQLite and the system only.
    """
    try:
        yield
    except (OSError, ValueError, sqlite3.Error) as error:
        cause = io_error(error)
        if cause is None:
            raise
        _log.error("the store could not be written to: %s", cause)
        raise UnwritableError from cause


def io_error(error: OSError | ValueError | sqlite3.Error) -> OSError | sqlite3.Error | None:
    """The disk error behind an error, or None."""
    if isinstance(error, sqlite3.Error):
        return error if is_database_error(error) else None
    if isinstance(error, ValueError):
        match = _NUMBER.search(str(error))
        if match is None:
            return None
        number = int(match[1] or match[2])
        error = OSError(number, os.strerror(number))
    return error if is_disk_error(error) else None
