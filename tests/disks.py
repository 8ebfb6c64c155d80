"""Small and read-only file systems, for whoever may mount some."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _program(name: str) -> str:
    """Where it is; skips the test where it is not."""
    return shutil.which(name) or pytest.skip(f"needs {name}")


def mount(*arguments: str) -> None:
    """Skips the test where this process may not mount."""
    done = subprocess.run([_program("mount"), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@contextmanager
def small_disk(folder: Path, *, mebibytes: int) -> Iterator[Path]:
    """A file system of that size."""
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={mebibytes}m", "casbah-test", str(folder))
    try:
        yield folder
    finally:
        subprocess.run([_program("umount"), "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path, at: Path) -> Iterator[Path]:
    """The same folder at another path, where nothing can be written."""
    at.mkdir()
    mount("--bind", str(folder), str(at))
    try:
        mount("-o", "remount,bind,ro", str(at))
        yield at
    finally:
        subprocess.run([_program("umount"), "--lazy", str(at)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all the room there is; remove it to have the room back."""
    file = folder / "filler"
    with file.open("wb", buffering=0) as handle:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    os.write(handle.fileno(), bytes(size))
            except OSError:
                continue
    return file
