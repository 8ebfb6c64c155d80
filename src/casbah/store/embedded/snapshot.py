"""A store as it is at one moment, beside it on the same disk: links to the engine's files, which never change once written."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from casbah.errors import UnavailableError
from casbah.fsync import copy_beside
from casbah.store.embedded.partitions import PERIODS

META = "meta.json"
_TRIES = 20


def copy_tenant(tenant: Path, into: Path) -> None:
    """Copy all that is stored of a tenant. Nothing may be committed meanwhile."""
    into.mkdir(parents=True)
    for each in sorted(tenant.iterdir()):
        if each.name == PERIODS:
            for partition in sorted(each.iterdir()):
                _copy_period(partition, into / PERIODS / partition.name)
        else:
            copy_beside(each, into / each.name)


def _copy_period(partition: Path, into: Path) -> None:
    """Copy an index as its last commit left it.

    A merge may end meanwhile and remove what it has merged; then its own commit is there instead, and that is copied.
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
    """The same file under another name; a copy of it where the file system has no links."""
    try:
        os.link(file, into)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(file, into)


def files_of(partition: Path, meta: bytes) -> Iterator[Path]:
    """What a commit consists of. Raises FileNotFoundError if some of it is gone."""
    for segment in json.loads(meta)["segments"]:
        stem = str(segment["segment_id"]).replace("-", "")
        found = [each for each in partition.glob(f"{stem}.*") if not each.name.endswith(".del")]
        if not any(each.suffix == ".store" for each in found):
            raise FileNotFoundError(stem)
        yield from found
        if segment["deletes"] is not None:
            yield partition / f"{stem}.{segment['deletes']['opstamp']}.del"
    yield from (each for name in (".managed.json", "erasing.json") if (each := partition / name).exists())
