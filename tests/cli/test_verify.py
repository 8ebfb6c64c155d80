"""casbah verify: it reports every kind of damage, and nothing where there is none, also while a store is written to."""

import itertools
import json
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Terms
from casbah.activity.tenant import TenantId
from casbah.errors import DamagedFileError, KeyValueStoreDamagedError
from casbah.store.embedded.store import EmbeddedStore
from casbah.store.integrity import verification
from casbah.store.integrity.verification import verify
from command_line import app
from faults import flips
from making import NOW, arrival, record

LOG_FILES = ("entries", "bundles", "row0", "row1", "replaced", "state.json", "current.json")


def asked(store: Path, *more: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["verify", "--store", str(store), *more])
    return result.exit_code, result.stdout, result.stderr


def damaged(file: Path, at: int = 100) -> str:
    content = bytearray(file.read_bytes())
    content[at] ^= 4
    file.write_bytes(content)
    return file.name


def test_a_good_store_is_good(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()}
    assert asked(store)[:2] == (
        0,
        f"{verify(store).files} files, {verify(store).bytes:,} bytes, 588 records: nothing is damaged\n",
    )
    seen: list[tuple[int, int]] = []
    result = verify(store, progress=lambda *numbers: seen.append(numbers))
    assert {file: file.stat().st_mtime_ns for file in store.rglob("*") if file.is_file()} == before
    assert seen == sorted(seen)
    assert seen[-1] == (result.bytes, result.total) == (result.total, result.total)


@pytest.mark.parametrize(
    "pattern", ["*.store", "*.idx", "*.zdict", "feedback.db", "ranges.db", "meta.json", "numbering.json", *LOG_FILES]
)
def test_damage_is_reported_and_the_rest_is_read(tmp_path: Path, pattern: str) -> None:
    store = flips.make(tmp_path)
    file = min(store.rglob(pattern))
    damaged(file, at=flips_into_a_row(file) if file.suffix == ".db" else 10)
    code, out, err = asked(store, "--json")
    result = json.loads(out)
    assert code == 1
    assert str(file.relative_to(store)) in {damage["file"] for damage in result["damage"]}
    assert result["files"] > 50 or pattern == "meta.json"
    code, out, err = asked(store)
    assert (code, "damaged" in out) == (1, True)
    assert f"casbah: {file.relative_to(store)}: " in err


def flips_into_a_row(database: Path) -> int:
    """The place of a value."""
    return database.read_bytes().rindex(b"value 1" if database.name != "feedback.db" else b"seen 6") + 2


@pytest.mark.parametrize("name", ["tenants/default/feedback.db", "tokens.db"])
def test_tables_whose_text_is_no_text_are_reported(tmp_path: Path, name: str) -> None:
    """SQLite's message about them is no text either."""
    store = flips.make(tmp_path)
    content = bytearray((store / name).read_bytes())
    content[content.index(b"not null")] |= 0x80
    (store / name).write_bytes(content)
    assert [damage.file for damage in verify(store).damage] == [name]
    assert CliRunner().invoke(app, ["salvage", str(tmp_path / "saved"), "--store", str(store)]).exit_code == 1
    with pytest.raises((DamagedFileError, KeyValueStoreDamagedError), match="its tables are not those"):
        flips.answers(store)


def test_what_is_gone_is_reported(tmp_path: Path) -> None:
    store = flips.make(tmp_path)
    (store / "rules.db").unlink()
    min(store.rglob("*.pos")).unlink()
    assert [damage.problem.partition(";")[0] for damage in verify(store).damage] == ["it is missing"] * 2


def test_a_store_that_is_written_to_is_good(tmp_path: Path) -> None:
    """Segments are merged and deleted, and databases written, while they are read."""
    written, stop = [0], threading.Event()
    with closing(EmbeddedStore(tmp_path / "store", clock=lambda: NOW)) as store:
        tenant = store.tenant(TenantId("default"))

        def write() -> None:
            while not stop.is_set():
                tenant.insert([arrival(record(written[0] + more)) for more in range(20)])
                tenant.delete(Terms(FIELDS["id"], (f"activity-{written[0]}",)))
                tenant.compact()
                written[0] += 20

        writing = threading.Thread(target=write)
        writing.start()
        try:
            results = []
            while writing.is_alive() and written[0] < 300:
                results.append(verify(tmp_path / "store"))
        finally:
            stop.set()
            writing.join()
    assert [damage for result in results for damage in result.damage] == []
    assert len(results) > 1
    assert verify(tmp_path / "store").records == written[0] * 19 // 20


@pytest.mark.parametrize("words", [["verify"], ["salvage", "new"]], ids=" ".join)
def test_an_older_format_is_migrated_first(tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "format.json").write_text('{"format": 4, "fields": []}')
    result = CliRunner().invoke(app, [*words, "--store", str(tmp_path)])
    assert result.exit_code == 1
    assert "run casbah migrate first" in str(result.exception)


def test_a_partition_that_changes_all_the_time_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = flips.make(tmp_path)
    whole, tries = verify(store), itertools.count()
    (partition,) = {min(store.rglob("*.idx")).parent}
    monkeypatch.setattr(verification, "_content", lambda file: b"%d" % (next(tries) if file.parent == partition else 0))
    min(store.rglob("*.idx")).write_bytes(b"")
    result = verify(store)
    assert [(damage.file, damage.problem) for damage in result.damage] == [
        (partition.relative_to(store).as_posix(), "it changes too quickly to be checked; try again")
    ]
    assert (result.files, result.bytes, result.records) < (whole.files, whole.bytes, whole.records)


@pytest.mark.parametrize("is_written", [True, False])
def test_a_database_that_is_written_to_meanwhile_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_written: bool
) -> None:
    store, tries = flips.make(tmp_path), itertools.count()

    def problems(*_: object) -> list[str]:
        if next(tries):
            return []
        if is_written:
            os.utime(store / "tokens.db", ns=(0, 0))
        return ["torn"]

    monkeypatch.setattr(verification, "problems", problems)
    assert [damage.problem for damage in verify(store).damage] == ([] if is_written else ["torn"])


def test_a_cluster_is_refused() -> None:
    result = CliRunner().invoke(app, ["verify", "--store", "opensearch+http://127.0.0.1:9/x"])
    assert result.exit_code != 0
    assert "a cluster checks its own files" in str(result.exception) + result.output
