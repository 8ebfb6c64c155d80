"""A snapshot of the store on the same disk. It hard-links tantivy's files, which never change once written."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from casbah.base.fsync import copy_beside
from casbah.errors import UnavailableError
from casbah.store.embedded.partitions import PERIODS
from casbah.store.embedded.segment_files import META

LOG = "log"
"""A tenant's transparency log. The store continues it, so a copy begins another one."""

_TRIES = 20


def copy_tenant(tenant: Path, into: Path) -> None:
    """Copy a tenant's data. Nothing may be committed meanwhile."""
    into.mkdir(parents=True)
    for entry in sorted(tenant.iterdir()):
        if entry.name == PERIODS:
            for partition in sorted(entry.iterdir()):
                _copy_partition(partition, into / PERIODS / partition.name)
        elif entry.name != LOG:
            copy_beside(entry, into / entry.name)


def _copy_partition(partition: Path, into: Path) -> None:
    """Copy an index as of its last commit.

    If a merge ends meanwhile and removes the merged files, copy the commit of the merge instead.
    """
    for _ in range(_TRIES):
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(parents=True)
        meta = (partition / META).read_bytes()
        try:
            for file in files_of(partition, meta):
                _link(file, into / file.name)
        except FileNotFoundError:
            continue
        (into / META).write_bytes(meta)
        return
    raise UnavailableError(f"period {partition.name} changes too quickly to be copied; try again")


def _link(file: Path, into: Path) -> None:
    """Hard-link a file, or copy it if the file system has no links."""
    try:
        os.link(file, into)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(file, into)


def files_of(partition: Path, meta: bytes) -> Iterator[Path]:
    """The files of a commit. Raises FileNotFoundError if some are gone."""
    for segment in json.loads(meta)["segments"]:
        stem = str(segment["segment_id"]).replace("-", "")
        files = [file for file in partition.glob(f"{stem}.*") if not file.name.endswith(".del")]
        if not any(file.suffix == ".store" for file in files):
            raise FileNotFoundError(stem)
        yield from files
        if segment["deletes"] is not None:
            yield partition / f"{stem}.{segment['deletes']['opstamp']}.del"
    yield from (file for name in (".managed.json", "erasing.json") if (file := partition / name).exists())
