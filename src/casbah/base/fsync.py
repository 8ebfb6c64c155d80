"""Files and folders that survive a power failure once the call returns."""

import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from casbah.errors import UnavailableError

_TRIES = 20


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it; every folder that gains an entry is synced.

    Also above an existing folder: its creator may have been killed before the sync.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=mode)
    sync_folder(folder.parent)


def write_file(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    write_pieces(file, [content])


def write_pieces(file: Path, pieces: Iterable[bytes]) -> None:
    """Write a file of these pieces whole or not at all."""
    draft = file.with_suffix(".new")
    try:
        sync_into(draft, pieces)
        draft.replace(file)
    except OSError:
        with suppress(OSError):  # A part of it would take room on a full disk.
            draft.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_into(file: Path, pieces: Iterable[bytes], *, mode: int = 0o666) -> None:
    """Write and sync a file's content, not its folder entry (see `sync_folder`). `mode` is for a new file."""
    with open(file, "wb", opener=partial(os.open, mode=mode)) as handle:
        handle.writelines(pieces)
        handle.flush()
        os.fsync(handle.fileno())


def append(file: Path, place: int, content: bytes) -> None:
    """Write content at a place of a file, which ends with it. What was there, such as what a crash left, is cut off."""
    is_new = not file.exists()
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as opened:
        opened.truncate(place)
        opened.seek(place)
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    if is_new:
        sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's new and removed entries survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_only(folder: Path) -> bool:
    """Whether a folder is there and nothing can be written to it: a file system mounted read-only, or another account's."""
    return folder.is_dir() and not os.access(folder, os.W_OK)


def copy_unlocked(file: Path, into: Path) -> None:
    """Copy a SQLite database from where SQLite cannot lock it, with its write-ahead log; nothing if it does not exist.

    If another process writes to it meanwhile, it is copied again. Raises UnavailableError if it changes too often.
    """
    log = file.with_name(f"{file.name}-wal")
    for _ in range(_TRIES):
        before = [_state(source) for source in (file, log)]
        for source, copy in ((file, into), (log, into.with_name(f"{into.name}-wal"))):
            copy.unlink(missing_ok=True)
            if source.exists():
                shutil.copyfile(source, copy)
        if before == [_state(source) for source in (file, log)]:
            return
    raise UnavailableError(f"{file.name} changes too quickly to be read; try again")


def _state(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except FileNotFoundError:
        return None
    return state.st_size, state.st_mtime_ns


def copy_beside(file: Path, into: Path) -> None:
    """Copy what lies beside the activities: folders and JSON as they are, databases as one transaction left them."""
    if file.is_dir():
        shutil.copytree(file, into)
    elif file.suffix == ".db":
        _copy_database(file, into)
    elif file.suffix == ".json":
        shutil.copyfile(file, into)


def _copy_database(file: Path, into: Path) -> None:
    """Copy a SQLite database that may be in use, as one transaction left it."""
    read_only = f"{file.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(read_only, uri=True)) as source, closing(sqlite3.connect(into)) as copy:
        source.backup(copy)
