"""A readable copy of a read-only store, needed because tantivy locks each folder that it opens.

Each partition gets a temporary folder, with a copy of the file that describes its last commit and links to the files of that
commit. The copy shows the store as it is now, even if another process writes to it.
"""

import shutil
from pathlib import Path

from casbah.base.fsync import copy_unlocked
from casbah.errors import UnavailableError
from casbah.store.embedded.partitions import PERIODS
from casbah.store.embedded.segment_files import META
from casbah.store.embedded.snapshot import files_of

_TRIES = 20
_DATABASE = ".db"


def shadow(tenants: Path, into: Path) -> None:
    """Link all tenants of a folder into a new folder."""
    into.mkdir()
    for tenant in sorted(tenants.iterdir()) if tenants.is_dir() else ():
        (into / tenant.name).mkdir()
        for entry in sorted(tenant.iterdir()):
            _link(entry, into / tenant.name / entry.name)


def _link(entry: Path, at: Path) -> None:
    if entry.name == PERIODS:
        at.mkdir()
        for partition in sorted(entry.iterdir()):
            _link_partition(partition, at / partition.name)
    elif entry.suffix == _DATABASE:
        copy_unlocked(entry, at)
    elif f"{_DATABASE}-" not in entry.name:  # The copy of a database includes its log.
        at.symlink_to(entry.absolute())


def _link_partition(partition: Path, at: Path) -> None:
    """Link an index as of its last commit. If a merge ends meanwhile, link the commit of the merge."""
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
