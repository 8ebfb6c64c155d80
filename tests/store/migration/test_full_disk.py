"""The disk fills up while a store is rewritten, after the check that there is room: that is said, and the next run continues."""

import shutil
import signal
from pathlib import Path

import pytest

from casbah.store.format import FORMAT, format_of
from disks import fill, small_disk
from faults.cycles import lacking
from store.migration.command import ended, started, wait_for
from store.migration.conftest import OldStore, Unpack, answers_as_before, content, migrated

pytestmark = pytest.mark.slow
FULL = "pwrite64,mkdir,rename:error=ENOSPC"


# SQLite says the last one if there is no room for the file that a database's readers share (SQLITE_IOERR_SHMSIZE).
REASONS = ("No space left on device", "disk is full", "disk I/O error")


def refused(code: int, text: str) -> None:
    assert code == 1, text
    assert any(reason in text for reason in REASONS), text
    assert "nothing is lost: make room" in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    "words, mark",
    [
        pytest.param(["migrate"], "source.json", id="before the first activity"),
        pytest.param(["migrate"], "tenants/default/periods/0818", id="between activities"),
        pytest.param(["serve", "--port", "0"], "tenants/default/periods/0817", id="at the start of a server"),
    ],
)
def test_others_fill_the_disk(old_store: Unpack, tmp_path: Path, words: list[str], mark: str) -> None:
    unpacked = old_store("format-3")
    with small_disk(tmp_path / "disk", mebibytes=80) as disk:
        old = OldStore(shutil.copytree(unpacked.folder, disk / "store"), unpacked.noted)
        before = content(old.folder)
        process = started(*words, store=old.folder)
        wait_for(old.folder / "migrations" / "new" / mark, process)
        process.send_signal(signal.SIGSTOP)
        filler = fill(disk)
        process.send_signal(signal.SIGCONT)
        refused(*ended(process))
        assert content(old.folder).items() >= before.items()
        filler.unlink()
        code, text = ended(started("migrate", store=old.folder))
        assert code == 0, text
        answers_as_before(old)


@pytest.mark.parametrize("call", [1, 16, 60])
def test_a_disk_that_is_full_from_any_call_on(old_store: Unpack, call: int) -> None:
    """Each of these calls is counted by itself; with 60, only those of SQLite are meant."""
    if reason := lacking():
        pytest.skip(reason)
    old = old_store("format-3")
    before = content(old.folder)
    refused(*ended(started("migrate", store=old.folder, fault=f"{FULL}:when={call}+")))
    if format_of(old.folder).number != FORMAT:
        assert content(old.folder).items() >= before.items()
    answers_as_before(migrated(old))
