"""What `casbah demo` says where it cannot store, and where it has to work; tests/cli/test_commands.py has what it does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.errors import StoreFolderError
from command_line import app
from disks import read_only, small_disk

ONCE = ["demo", "--once", "--count", "10", "--port", "0", "--store"]
_NOT_MOUNTED = 77


def test_a_folder_that_cannot_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with read_only(tmp_path / "folder", tmp_path / "mounted") as mounted:
        error = CliRunner().invoke(app, [*ONCE, str(mounted / "store")]).exception
    assert isinstance(error, StoreFolderError)
    assert str(error).startswith(f"the demo cannot write in {mounted}; give your user write permission, or choose")


def test_a_small_disk_is_named_before_anything_is_stored(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", mebibytes=50) as small:
        error = CliRunner().invoke(app, [*ONCE, str(small / "store")]).exception
        assert list(small.iterdir()) == []
    assert isinstance(error, StoreFolderError)
    assert f"needs 100 MB of disk space, and 52 MB are free in {small}; free some, or choose another folder" in str(
        error
    )


def test_it_needs_no_files_of_shared_memory(tmp_path: Path) -> None:
    """/dev/shm may be missing, full or not writable."""
    hidden = f'mount -t tmpfs -o ro casbah-test /dev/shm || exit {_NOT_MOUNTED}; exec "$@"'
    command = [sys.executable, "-m", "casbah", *ONCE, str(tmp_path / "store")]
    unshare = shutil.which("unshare") or pytest.skip("needs unshare")
    done = subprocess.run(
        [unshare, "--mount", "bash", "-c", hidden, "bash", *command], capture_output=True, text=True, check=False
    )
    if done.returncode == _NOT_MOUNTED or done.stderr.startswith("unshare:"):
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    assert (done.returncode, "Casbah serves http://" in done.stdout) == (0, True), done.stderr
