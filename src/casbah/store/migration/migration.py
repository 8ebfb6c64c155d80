"""Migrates a store in place: the new data is written beside the old, then both change places, and the old data is kept.

    <store>/migrations/new/           what has been rewritten so far
    <store>/migrations/format-<n>/    the data of before, until it is dropped
    <store>/migrations/rolled-back-<n>/    after a roll-back, the data of the newer format, until it is dropped

Until the places change, the store is as it was, and the version that wrote it can use it. Files change places in steps that
`format.json` names, each of which can be repeated; so an interruption at any point leaves a store that is either as it was or
that the next `casbah migrate` finishes.
"""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import accumulate, chain, count
from pathlib import Path
from typing import Any

from casbah.activity.tenant import TENANTS
from casbah.base.fsync import make_folder, read_only, sync_folder, write_file
from casbah.errors import CasbahError, ReadOnlyError, StoreFormatError
from casbah.store.embedded.io_errors import io_error
from casbah.store.embedded.lock import Lock
from casbah.store.embedded.partitions import PERIODS
from casbah.store.embedded.schema import fingerprint
from casbah.store.embedded.segment_files import META
from casbah.store.format import FILE, FORMAT, StoreFormat, exists, format_of, require_readable
from casbah.store.migration.old_databases import converted
from casbah.store.migration.old_partition import held_in
from casbah.store.migration.tenant import old_partitions, rewrite_tenant

FOLDER = "migrations"
_NEW, _OLD, _ASIDE = "new", "format-", "rolled-back-"
_SOURCE, _MOVED = "source.json", "moved.json"
_SPACE = 1.3
"""Rewriting takes at most this many times the space of the data that there is."""

_SPARE = 64 << 20
_KEEPING, _PLACING, _REMOVING, _RETURNING = "keep the old data", "place the new data", "remove the new data", "return"


_DATABASES: Mapping[int, Sequence[str]] = {
    3: ("tokens.db", "ranges.db", "queries.db", "retention.json"),
    4: ("tokens.db", "ranges.db", "queries.db", "rules.db", "rejects.db"),
}
"""The formats that can be migrated, with the files of each that the current format has otherwise."""

Progress = Callable[[int, int], None]
"""Called with the activities done and the activities in total."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a migration would do: formats, activities, bytes of disk that it needs and that are free.

    `interrupted`: files were changing places, which the next migration finishes first, or has finished.
    """

    from_format: int
    to_format: int
    activities: int
    needed: int
    free: int
    interrupted: bool = False

    @property
    def fits(self) -> bool:
        """Whether there is enough room on the disk."""
        return self.needed <= self.free


def is_due(store: Path) -> bool:
    """Whether a store must be migrated before it can be opened. Raises StoreFormatError for a newer one."""
    if not exists(store):
        return False
    current = format_of(store)
    require_readable(store, current)
    return current.step is not None or current.number < FORMAT


def plan(store: Path) -> Plan:
    """What `migrate` would do. Changes nothing. Raises StoreFormatError or StoreLockedError."""
    with _owned(store):
        return _plan(store)


def migrate(store: Path, *, writer_memory: int, progress: Progress = lambda *_: None) -> Plan:
    """Rewrite a store in the current format, or finish what was interrupted. Returns what was done.

    Raises StoreFormatError, also if there is too little space; StoreLockedError or ReadOnlyError.
    """
    with _owned(store):
        interrupted = _finish(store)
        chosen = replace(_plan(store), interrupted=interrupted)
        if chosen.from_format == FORMAT:
            return chosen
        if not chosen.fits:
            raise StoreFormatError(
                f"migrating the store at {store} takes {_megabytes(chosen.needed)} of disk, {_megabytes(chosen.free)} are "
                "free; make room, or copy the store to a larger disk first"
            )
        for done in accumulate(_rewrite(store, chosen.from_format, writer_memory)):
            progress(done, chosen.activities)
        _switch(store, chosen.from_format)
        return chosen


def kept(store: Path) -> list[Path]:
    """The folders of data that migrations and roll-backs have kept."""
    return sorted(path for kind in (_OLD, _ASIDE) for path in (store / FOLDER).glob(f"{kind}*"))


def drop(store: Path) -> int:
    """Delete the data that migrations have kept, and what an unfinished one has written. Returns how many bytes that frees."""
    with _owned(store):
        _finish(store)
        folders = [*kept(store), store / FOLDER / _NEW]
        freed = sum(map(_size, folders))
        for folder in folders:
            _delete(folder)
        return freed


def roll_back(store: Path) -> int:
    """Put the data of before the last migration back in its place. What was stored since is put aside. Returns the format.

    Raises StoreFormatError if there is no such data.
    """
    with _owned(store):
        interrupted = _finish(store)
        current = format_of(store)
        if interrupted and current.number != FORMAT:
            return current.number
        older = sorted(_number(file.parent) for file in (store / FOLDER).glob(f"{_OLD}*/{_MOVED}"))
        if current.number != FORMAT or not older:
            raise StoreFormatError(
                f"the store at {store} has format {current.number}, and no data of an older format to go back to"
            )
        old = store / FOLDER / f"{_OLD}{older[-1]}"
        moved = {**_moved(old), "aside": _free_name(store, f"{_ASIDE}{current.number}")}
        write_file(old / _MOVED, json.dumps(moved).encode())
        StoreFormat(current.number, current.fields, _step(_REMOVING, older[-1])).write(store)
        _finish(store)
        return older[-1]


@contextmanager
def _owned(store: Path) -> Iterator[None]:
    """No other process uses the store meanwhile."""
    if not exists(store):
        raise StoreFormatError(f"there is no store at {store}")
    require_readable(store, format_of(store))
    if read_only(store):
        raise ReadOnlyError
    with _disk_errors(store):
        lock = Lock(store)
        try:
            yield
        finally:
            lock.release()


@contextmanager
def _disk_errors(store: Path) -> Iterator[None]:
    """Raises StoreFormatError where the disk refuses a write, most often because others have filled it meanwhile."""
    try:
        yield
    except (OSError, ValueError, sqlite3.Error, CasbahError) as error:
        cause = error.__cause__ if isinstance(error, CasbahError) else io_error(error)
        if cause is None:
            raise
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise StoreFormatError(
            f"the disk of the store at {store} refuses to be written to ({reason}); nothing is lost: make room, or repair "
            "the disk, and run the command again, which continues"
        ) from error


def _plan(store: Path) -> Plan:
    current, free = format_of(store), shutil.disk_usage(store).free
    if current.number == FORMAT:
        return Plan(FORMAT, FORMAT, 0, 0, free, interrupted=current.step is not None)
    _databases(store, current.number)
    activities = sum(held_in(folder) for tenant in _tenants(store) for _, folder in old_partitions(tenant))
    rewritten = _size(store / FOLDER / _NEW)
    needed = max(0, int(_size(store / TENANTS) * _SPACE) - rewritten) + _SPARE
    return Plan(current.number, FORMAT, activities, needed, free)


def _databases(store: Path, number: int) -> Sequence[str]:
    """Raises StoreFormatError if the format cannot be migrated."""
    if number not in _DATABASES:
        oldest = min(_DATABASES)
        raise StoreFormatError(
            f"the store at {store} has format {number}; the oldest that can be migrated is {oldest}: ingest it again"
        )
    return _DATABASES[number]


def _rewrite(store: Path, from_format: int, writer_memory: int) -> Iterator[int]:
    """Write the new data beside the old, or the rest of it, if the store is still what was being rewritten.

    Yields how many more activities have been rewritten.
    """
    new = store / FOLDER / _NEW
    source = json.dumps({"to": FORMAT, "fields": list(fingerprint()), "store": _state(store)}).encode()
    if not (new / _SOURCE).exists() or (new / _SOURCE).read_bytes() != source:
        _delete(new)
        make_folder(new, mode=0o700)
        write_file(new / _SOURCE, source)
    make_folder(new / TENANTS)
    for tenant in _tenants(store):
        yield from rewrite_tenant(tenant, new / TENANTS / tenant.name, writer_memory=writer_memory)
    for file in new.glob("*.db*"):
        file.unlink()
    converted(store, new, from_format)
    moved = {
        "old": [TENANTS, *_databases(store, from_format)],
        "new": sorted(path.name for path in new.iterdir() if path.name not in (_SOURCE, _MOVED)),
    }
    write_file(new / _MOVED, json.dumps(moved).encode())


def _switch(store: Path, from_format: int) -> None:
    """Let the old and the new data change places."""
    old = store / FOLDER / f"{_OLD}{from_format}"
    make_folder(old, mode=0o700)
    write_file(old / FILE, (store / FILE).read_bytes())
    write_file(old / _MOVED, (store / FOLDER / _NEW / _MOVED).read_bytes())
    StoreFormat(FORMAT, fingerprint(), _step(_KEEPING, from_format)).write(store)
    _finish(store)


def _finish(store: Path) -> bool:
    """Repeat the step at which files were changing places, and take those after it. Returns whether there was one."""
    interrupted = False
    while (current := format_of(store)).step is not None:
        interrupted = True
        name, _, number = current.step.rpartition(" ")
        _STEPS[name](store, store / FOLDER / f"{_OLD}{number}", current)
    return interrupted


def _keep(store: Path, old: Path, current: StoreFormat) -> None:
    _move(store, old, _moved(old)["old"])
    StoreFormat(current.number, current.fields, _step(_PLACING, _number(old))).write(store)


def _place(store: Path, old: Path, current: StoreFormat) -> None:
    _move(store / FOLDER / _NEW, store, _moved(old)["new"])
    shutil.rmtree(store / FOLDER / _NEW, ignore_errors=True)
    StoreFormat(current.number, current.fields).write(store)


def _remove(store: Path, old: Path, current: StoreFormat) -> None:
    """The first step of a roll-back: what the newer format has is put aside."""
    moved = _moved(old)
    aside = store / FOLDER / moved["aside"]
    make_folder(aside, mode=0o700)
    _move(store, aside, moved["new"])
    StoreFormat(current.number, current.fields, _step(_RETURNING, _number(old))).write(store)


def _return(store: Path, old: Path, _: StoreFormat) -> None:
    _move(old, store, _moved(old)["old"])
    write_file(store / FILE, (old / FILE).read_bytes())
    _delete(old)


_STEPS = {_KEEPING: _keep, _PLACING: _place, _REMOVING: _remove, _RETURNING: _return}


def _delete(folder: Path) -> None:
    """Delete a folder, first the files that say what it holds: the rest of a deletion that is interrupted is not used."""
    if folder.exists():
        for name in (_SOURCE, _MOVED):
            (folder / name).unlink(missing_ok=True)
        sync_folder(folder)
        shutil.rmtree(folder)


def _step(name: str, number: int) -> str:
    return f"{name} {number}"


def _free_name(store: Path, name: str) -> str:
    """The name, with a number if there is such a folder already."""
    names = chain((name,), (f"{name}-{number}" for number in count(2)))
    return next(free for free in names if not (store / FOLDER / free).exists())


def _moved(old: Path) -> Mapping[str, Any]:
    """What changed places: the files and folders `old` and `new`; in a roll-back also `aside`, the folder for the new ones."""
    moved: Mapping[str, Any] = json.loads((old / _MOVED).read_bytes())
    return moved


def _move(source: Path, into: Path, names: Sequence[str]) -> None:
    """Move files and folders, databases with their logs; those that have been moved already are not there any more."""
    for name in names:
        for path in [source / name, *source.glob(f"{name}-*")] if name.endswith(".db") else [source / name]:
            if path.exists():
                path.replace(into / path.name)
    for folder in (into, source):
        if folder.is_dir():
            sync_folder(folder)


def _tenants(store: Path) -> list[Path]:
    folder = store / TENANTS
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _state(store: Path) -> str:
    """A digest that changes with every commit of any tenant."""
    digest = hashlib.sha256()
    for file in sorted((store / TENANTS).glob(f"*/{PERIODS}/*/{META}")):
        digest.update(f"{file.relative_to(store)}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _size(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _megabytes(size: int) -> str:
    return f"{-(-size // 1_000_000):,} MB"
