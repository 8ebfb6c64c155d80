"""No flipped bit, cut or missing file of a store changes an answer without an error."""

from pathlib import Path

import pytest

from casbah.errors import DamagedFileError, DamagedRecordError, KeyValueStoreDamagedError
from casbah.store.embedded import verified_files
from casbah.store.embedded.segment_files import Segment
from faults import flips

TIMES = 200
HARMLESS = frozenset({"known.log", "erasing.json", ".managed.json", ".exists", "format.json", "numbering.json", ".run"})
"""Files of which one may be gone without an error: what they say can be found out again, or is of no answer."""

COVERED = frozenset({".store", ".idx", ".pos", ".term", ".fieldnorm", ".del", ".zdict", "format.json"})
"""Files that are checked from the first byte to the last.

Pages of databases have bytes that mean nothing, and so has `meta.json`: the engine's opstamp, and the last line feed.
"""


def test_no_flipped_bit_is_silently_wrong(tmp_path: Path) -> None:
    store = flips.make(tmp_path / "made")
    seen = list(flips.cycles(store, times=TIMES, seed=1, room=tmp_path))
    assert [each for each in seen if each.outcome in flips.BAD] == []
    noticed = {(each.kind, each.damage.how) for each in seen if each.outcome == "error"}
    kinds = {each.kind for each in seen}
    assert {"entries", "bundles", "replaced", "row0", "row1", ".run", "state.json", "current.json"} <= kinds
    assert {*COVERED, "feedback.db", "tokens.db", "queries.db", "ranges.db", "rules.db", "rejects.db"} <= kinds
    assert {(kind, "missing") for kind in kinds - HARMLESS} <= noticed
    unnoticed = [
        each for each in seen if each.kind in COVERED and each.damage.how != "missing" and each.outcome != "error"
    ]
    assert [each for each in unnoticed if not in_version(store, each.damage)] == []


def in_version(store: Path, damage: flips.Damage) -> bool:
    """Whether a flip is in the engine's version at the end of one of its files, which no answer comes from."""
    content = (store / damage.file).read_bytes()
    start, end = content.rfind(b'{"version":{'), content.rfind(b'},"crc":')
    return damage.how == "flip" and 0 <= start <= damage.at // 8 < end


@pytest.mark.parametrize(
    ("suffix", "at", "error", "says"),
    [
        (".idx", 0, DamagedFileError, r"\.idx is damaged: its bytes 0 to [\d,]+ have the checksum"),
        (".store", -1, DamagedFileError, r"\.store is damaged: its end, at byte [\d,]+, is not"),
        (
            ".zdict",
            0,
            DamagedRecordError,
            r"partition \d+, (sequence number \d+|activity activity-\d+): its compression dictionary",
        ),
        ("numbering.json", 5, DamagedFileError, r"numbering\.json is damaged"),
        ("meta.json", 30, DamagedFileError, r"meta\.json is damaged"),
    ],
)
def test_an_error_names_the_file_and_the_place(
    tmp_path: Path, suffix: str, at: int, error: type[Exception], says: str
) -> None:
    store = flips.make(tmp_path)
    file = next(path for path in sorted(store.rglob("*")) if path.name.endswith(suffix))
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(error, match=says):
        flips.answers(store)


def test_a_database_that_is_gone_is_no_new_one(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    (store / "tokens.db").unlink()
    with pytest.raises(KeyValueStoreDamagedError, match=r"it is missing.*tokens\.db\.exists.*stop working"):
        flips.answers(store)
    (store / "tokens.db.exists").unlink()
    assert flips.answers(store)["tokens"][0] == []


def test_files_that_were_checked_are_not_read_again_until_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = flips.make(tmp_path)
    before = flips.answers(store)
    seen: list[tuple[str, bool]] = []
    check = verified_files.check_file

    def noted(file: Path, segment: Segment, *, read: bool) -> int:
        seen.append((file.name, read))
        return check(file, segment, read=read)

    monkeypatch.setattr(verified_files, "check_file", noted)
    assert flips.answers(store) == before
    assert {read for _, read in seen} == {False}
    seen.clear()
    file = min(store.rglob("*.pos"))
    file.touch()
    assert flips.answers(store) == before
    assert [name for name, read in seen if read] == [file.name]
