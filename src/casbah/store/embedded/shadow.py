"""A store that cannot be written to, made readable: the engine wants to lock each folder that it opens.

So each period gets a temporary folder, with a copy of the file that names its last commit and links to all that it consists of.
The store is shown as it is at this moment, also where another process writes to it by another way.
"""

import shutil
from pathlib import Path

from casbah.errors import UnavailableError
from casbah.fsync import copy_unlocked
from casbah.store.embedded.partitions import PERIODS
from casbah.store.embedded.snapshot import META, files_of

_TRIES = 20
_DATABASE = ".db"


def shadow(tenants: Path, into: Path) -> None:
    """Show all tenants of a folder in another one, which is empty."""
    into.mkdir()
    for tenant in sorted(tenants.iterdir()) if tenants.is_dir() else ():
        (into / tenant.name).mkdir()
        for entry in sorted(tenant.iterdir()):
            _show(entry, into / tenant.name / entry.name)


def _show(entry: Path, at: Path) -> None:
    if entry.name == PERIODS:
        at.mkdir()
        for partition in sorted(entry.iterdir()):
            _show_period(partition, at / partition.name)
    elif entry.suffix == _DATABASE:
        copy_unlocked(entry, at)
    elif f"{_DATABASE}-" not in entry.name:  # The log of a database comes with it.
        at.symlink_to(entry.absolute())


def _show_period(partition: Path, at: Path) -> None:
    """An index as its last commit left it; if a merge ends meanwhile, as that did."""
    for _ in range(_TRIES):
        shutil.rmtree(at, ignore_errors=True)
        at.mkdir()
        meta = (partition / META).read_bytes()
        try:
            for file in files_of(partition, meta):
                (at / file.name).symlink_to(file.absolute())
        except FileNotFoundError:
            continue
        (at / META).write_bytes(meta)
        return
    raise UnavailableError(f"period {partition.name} changes too quickly to be read; try again")
