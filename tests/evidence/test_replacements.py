"""The last replacement of an activity is found among many, with few of them in memory, whatever happens to the runs."""

import random
from pathlib import Path

import pytest

from casbah.errors import DamagedFileError
from casbah.evidence import replacements
from casbah.evidence.replacements import ROW, LoggedReplacements, row

SMALL = 7


@pytest.fixture(autouse=True)
def _few_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacements, "_IN_MEMORY", SMALL)


class Rows:
    """The file `replaced`, and what is expected of it."""

    def __init__(self) -> None:
        self.content = b""
        self.last: dict[int, int] = {}

    def add(self, numbers: list[int]) -> bytes:
        added = b""
        for number in numbers:
            self.last[number] = len(self.content + added)
            added += row(number, self.last[number])
        self.content += added
        return added

    def read(self, first: int, end: int) -> bytes:
        return self.content[first * ROW.size : end * ROW.size]

    def opened(self, folder: Path) -> LoggedReplacements:
        return LoggedReplacements(folder, self.read, len(self.content) // ROW.size)

    def agree(self, found: LoggedReplacements) -> None:
        assert {number: found.index_of(number) for number in range(61)} == {
            number: self.last.get(number) for number in range(61)
        }


@pytest.mark.parametrize("seed", range(5))
def test_the_last_replacement_is_found_however_they_came(tmp_path, seed):
    dice, rows = random.Random(seed), Rows()
    found = rows.opened(tmp_path)
    for _ in range(40):
        found.extend(rows.add(dice.choices(range(60), k=dice.choice([0, 1, 5, 30]))))
        if dice.random() < 0.5:
            rows.agree(found)
        if dice.random() < 0.2:
            found.close()
            found = rows.opened(tmp_path)
        assert len(found._newest) < SMALL
    rows.agree(found)
    assert len(list(tmp_path.glob("*.run"))) < 8
    found.close()


def test_a_run_that_is_damaged_cut_or_missing_is_made_again(tmp_path):
    rows = Rows()
    rows.add(random.Random(1).choices(range(60), k=100))
    rows.agree(rows.opened(tmp_path))
    for file in sorted(tmp_path.glob("*.run")):
        content = file.read_bytes()
        for place in range(0, len(content), 5):
            file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
            rows.agree(rows.opened(tmp_path))
        for size in (0, 10, ROW.size, len(content) - ROW.size):
            file.write_bytes(content[:size])
            rows.agree(rows.opened(tmp_path))
        file.unlink()
        rows.agree(rows.opened(tmp_path))
    (tmp_path / "other.run").touch()
    rows.agree(rows.opened(tmp_path))
    assert not (tmp_path / "other.run").exists()


def test_runs_of_rows_that_were_never_committed_are_not_used(tmp_path):
    rows = Rows()
    rows.add(list(range(50)))
    rows.agree(rows.opened(tmp_path))
    earlier = Rows()
    earlier.add(list(range(20)))
    earlier.agree(earlier.opened(tmp_path))


def test_a_damaged_row_is_an_error_that_names_it(tmp_path):
    rows = Rows()
    rows.add(list(range(50)))
    damaged = bytearray(rows.content)
    damaged[20 * ROW.size + 3] ^= 1
    rows.content = bytes(damaged)
    with pytest.raises(DamagedFileError, match=r"replaced is damaged: row 20 does not match its digest"):
        rows.opened(tmp_path).index_of(3)
