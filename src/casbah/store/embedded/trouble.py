"""Trouble with the disk, which the engine tells of in words of its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from casbah.errors import UnwritableError

_log = logging.getLogger("casbah.store")


@contextmanager
def told_of_disk() -> Iterator[None]:
    """What the engine or the system says of the disk goes to the log; whoever asked hears UnwritableError."""
    try:
        yield
    except (OSError, ValueError) as wrong:
        _log.error("the store could not be written to: %s", wrong)
        raise UnwritableError from wrong
