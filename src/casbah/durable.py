"""Files and folders that survive a power failure once the call returns."""

import os
from pathlib import Path


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it; every folder that gains an entry is synced.

    Also above one that is there: whoever made it may have been killed before the sync.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=mode)
    sync_folder(folder.parent)


def write_file(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    draft = file.with_suffix(".new")
    with draft.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Let what entered a folder, or left it, survive."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
