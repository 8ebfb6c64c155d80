"""`casbah migrate` and `casbah serve` are killed with SIGKILL at random places: nothing is lost, and the next run continues."""

import random
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from casbah.store.format import FORMAT, format_of
from casbah.store.migration import migration
from faults.cycles import lacking
from store.migration.command import ended, killed, started, wait_for
from store.migration.conftest import MEMORY, OldStore, Unpack, answers_as_before, content, migrated, rewritten

pytestmark = pytest.mark.slow
KILLS = 6
ROLL_BACK = ("migrate", "--roll-back", "--yes")
DROP = ("migrate", "--drop-old", "--yes")
Content = dict[str, bytes]


def delays(old: OldStore, tmp_path: Path, *, count: int) -> Sequence[float]:
    """Seconds, one in each part of the time that a migration takes once the interpreter has started, in any order."""
    copy = tmp_path / "measured"
    shutil.copytree(old.folder, copy)
    begin = time.monotonic()
    assert ended(started("migrate", store=copy))[0] == 0
    run = time.monotonic() - begin
    dice = random.Random(count)
    return dice.sample([run * (0.25 + 0.75 * (part + dice.random()) / count) for part in range(count)], count)


def is_old_or_moving(old: OldStore, before: Content) -> None:
    """Unless `format.json` says otherwise, everything is where it was."""
    if format_of(old.folder).number != FORMAT:
        assert content(old.folder).items() >= before.items()


def rolled_back(old: OldStore, before: Content) -> None:
    """The store is as it was, once what has been migrated is rolled back."""
    if format_of(old.folder).number == FORMAT:
        assert migration.roll_back(old.folder) == old.number
    assert content(old.folder).items() >= before.items()


@pytest.mark.parametrize("name", ["format-3", "format-4"])
def test_killed_again_and_again_it_continues(old_store: Unpack, name: str, tmp_path: Path) -> None:
    old = old_store(name)
    before = content(old.folder)
    for delay in delays(old, tmp_path, count=KILLS):
        after = delay
        while not killed(started("migrate", store=old.folder), after=after):
            rolled_back(old, before)
            after /= 2  # The machine was slower when the time was measured.
        rolled_back(old, before)
    code, text = ended(started("migrate", store=old.folder))
    assert code == 0, text
    answers_as_before(old)
    rolled_back(old, before)


def test_a_server_killed_while_it_migrates_continues_at_its_next_start(old_store: Unpack, tmp_path: Path) -> None:
    old = old_store("format-4-first")
    before = content(old.folder)
    for after in delays(old, tmp_path, count=3):
        assert killed(started("serve", "--port", "0", store=old.folder), after=after)
        is_old_or_moving(old, before)
    (old.folder / "server.json").unlink(missing_ok=True)
    server = started("serve", "--port", "0", "--set=audit=off", store=old.folder)
    wait_for(old.folder / "server.json", server)
    answers_as_before(old)
    server.send_signal(signal.SIGTERM)
    assert ended(server)[0] == 0


@pytest.fixture
def traceable() -> None:
    if reason := lacking():
        pytest.skip(reason)


@pytest.mark.usefixtures("traceable")
@pytest.mark.parametrize("rename", random.Random(13).sample(range(2, 18), 3))
def test_killed_while_files_change_places_it_finishes(old_store: Unpack, rename: int) -> None:
    old = rewritten(old_store("format-3"))
    code, _ = ended(started("migrate", store=old.folder, fault=f"rename:signal=KILL:when={rename}"))
    assert code == -signal.SIGKILL
    step = format_of(old.folder).step
    finished = migration.migrate(old.folder, writer_memory=MEMORY)
    assert finished.interrupted == (step is not None)
    answers_as_before(old)


@pytest.mark.usefixtures("traceable")
@pytest.mark.parametrize("rename", random.Random(13).sample(range(2, 15), 2))
def test_a_roll_back_that_was_killed_is_finished_by_the_next(old_store: Unpack, rename: int) -> None:
    old = old_store("format-3")
    before = content(old.folder)
    migrated(old)
    code, _ = ended(started(*ROLL_BACK, store=old.folder, fault=f"rename:signal=KILL:when={rename}"))
    assert code == -signal.SIGKILL
    code, text = ended(started(*ROLL_BACK, store=old.folder))
    assert (code, "has format 3 again" in text) == (0, True), text
    assert content(old.folder).items() >= before.items()


@pytest.mark.usefixtures("traceable")
def test_what_a_killed_deletion_has_left_of_the_old_data_is_not_rolled_back_to(old_store: Unpack) -> None:
    old = migrated(old_store("format-3"))
    code, _ = ended(started(*DROP, store=old.folder, fault="unlinkat:signal=KILL:when=20"))
    assert code == -signal.SIGKILL
    code, text = ended(started(*ROLL_BACK, store=old.folder))
    assert (code, "no data of an older format" in text) == (1, True), text
    answers_as_before(old)
    assert migration.drop(old.folder) > 0
    assert migration.kept(old.folder) == []
