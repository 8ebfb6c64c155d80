"""Errors of the disk, which the engine reports as ValueError in words of its own."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from casbah.errors import UnwritableError
from casbah.failure import is_database_error, is_disk_error

_log = logging.getLogger("casbah.store")
_NUMBER = re.compile(r"\(os error (\d+)\)|\bcode: (\d+), kind: ")
"""How the engine's texts give the system's error number."""


@contextmanager
def translate_io_errors() -> Iterator[None]:
    """Around calls of the engine and the system alone: an error of the disk goes to the log with its cause, and becomes
    UnwritableError. Any other error is a bug and passes as it is.
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
    """The disk's error that another one tells of; None where it tells of none."""
    if isinstance(error, sqlite3.Error):
        return error if is_database_error(error) else None
    if isinstance(error, ValueError):
        found = _NUMBER.search(str(error))
        if found is None:
            return None
        number = int(found[1] or found[2])
        error = OSError(number, os.strerror(number))
    return error if is_disk_error(error) else None
