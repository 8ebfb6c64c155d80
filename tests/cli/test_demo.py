"""What `casbah demo` says where it cannot store, or cannot share memory; tests/cli/test_commands.py has what it does."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah import cli
from casbah.errors import StoreFolderError
from command_line import app
from disks import read_only, small_disk

ONCE = ["demo", "--once", "--count", "10", "--port", "0", "--store"]


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


def test_shared_memory_that_cannot_be_used_is_named_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unusable() -> None:
        raise PermissionError(13, os.strerror(13), "/dev/shm/pym-1")

    monkeypatch.setattr(cli, "application", unusable)
    with pytest.raises(SystemExit):
        cli.main()
    assert "casbah: /dev/shm/pym-1: Permission denied; " in (message := capsys.readouterr().err)
    assert "`mount -o remount,mode=1777 /dev/shm`" in message
