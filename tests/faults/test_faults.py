"""Faults: some thirty cycles here, `make faults` for a thousand; and the tools themselves, so that they cannot be blind."""

import random
import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from casbah.activity.predicate import Everything
from casbah.store.embedded import record_codec
from casbah.store.embedded.store import EmbeddedStore
from faults import cycles, server_cycles
from faults.acts import SCOPE, act
from faults.disk import Disk
from faults.logged import disagreement, kept
from faults.looking import wrong
from faults.model import Model
from faults.outcome import collected
from faults.recording import Call, UnreadableError, calls
from faults.server import ServerError, serving, wait
from faults.server_cycles import SERVER_KINDS, Client, after
from faults.steps import checkpoint, create, delete, ingest, look
from making import NOW

ROOT = Path("/disk")
STORE_CYCLES = 5
ATTEMPTS = 10


@pytest.fixture(scope="module")
def _traced() -> None:
    if (lacks := cycles.lacking()) is not None:
        pytest.skip(f"the fault harness {lacks}" if lacks.startswith("needs") else lacks)


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("kind", [kind.name for kind in cycles.KINDS])
def test_all_that_was_acknowledged_is_there_once(kind: str, tmp_path: Path) -> None:
    times = 1 if kind.startswith("server-") else STORE_CYCLES
    for attempt in range(ATTEMPTS):  # On a busy machine all may be killed before they have acknowledged anything.
        folder = tmp_path / str(attempt)
        folder.mkdir()
        outcomes = list(cycles.run(times=times, seed=random.randrange(1 << 20), folder=folder, only=kind))
        assert [outcome for outcome in outcomes if outcome.wrong] == []
        if any(outcome.done for outcome in outcomes):
            return
    pytest.fail(f"nothing was acknowledged in {ATTEMPTS} times {times} cycles")


def stored(folder: Path, acts: Iterable[int]) -> None:
    store = EmbeddedStore(folder, clock=lambda: NOW)
    for each in acts:
        act(7, each).do(store, SCOPE)
    store.close()


def test_what_is_lost_is_seen(tmp_path: Path) -> None:
    stored(tmp_path / "store", [0])
    found = wrong(tmp_path / "store", seed=7, sent=[0, 1], done=[0, 1])
    assert found
    assert all("was acknowledged and is gone" in each for each in found)


def test_what_nobody_sent_is_seen(tmp_path: Path) -> None:
    stored(tmp_path / "store", [0, 1])
    assert any("was never sent" in each for each in wrong(tmp_path / "store", seed=7, sent=[0], done=[0]))


def logged(folder: Path, acts: Iterable[int]) -> str:
    """Store with a log. Returns the last checkpoint."""
    with closing(EmbeddedStore(folder, clock=lambda: NOW)) as store, closing(kept(store, folder)) as logs:
        for each in acts:
            act(7, each).do(store, SCOPE)
        logs.of(SCOPE.name).advance()
        return logs.of(SCOPE.name).checkpoint


def test_a_log_that_was_continued_otherwise_is_seen(tmp_path: Path) -> None:
    logged(tmp_path / "one", [0])
    shutil.copytree(tmp_path / "one", tmp_path / "other", ignore=shutil.ignore_patterns("lock"))
    first, second = logged(tmp_path / "one", [1, 2]), logged(tmp_path / "other", [2, 1])
    assert disagreement(tmp_path / "one", SCOPE.name, [first]) == []
    assert any("a fork" in finding for finding in disagreement(tmp_path / "one", SCOPE.name, [first, second]))


def test_a_record_that_is_gone_without_an_erasure_is_seen(tmp_path: Path) -> None:
    logged(tmp_path / "store", [0, 1])
    with closing(EmbeddedStore(tmp_path / "store", clock=lambda: NOW)) as store:
        store.tenant(SCOPE).delete(Everything())
    found = disagreement(tmp_path / "store", SCOPE.name, [])
    assert any("an entry without a record" in finding for finding in found)


def damaged(folder: Path, name: str) -> None:
    """Cut a file, or remove a folder."""
    found = sorted(folder.rglob(name))
    assert found
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.write_bytes(path.read_bytes()[:5])


@pytest.mark.parametrize("name", ["meta.json", "feedback.db", "dictionaries"])
def test_a_store_that_cannot_be_read_is_a_finding(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_codec, "SAMPLES", 100)  # So that there is a dictionary.
    stored(tmp_path / "store", range(12))
    damaged(tmp_path / "store", name)
    assert wrong(tmp_path / "store", seed=7, sent=range(12), done=range(12)) != []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    """What a server stored, which nothing happened to."""
    store = tmp_path_factory.mktemp("served") / "store"
    store.mkdir()
    client = Client(seed=7)
    with serving(store, children=False) as server:
        client.sign_in(server)
        client.send_together(server)
        client.send(server, 12)
        client.ask(server, checkpoint())
        server.stop()
    assert client.wrong == []
    assert client.model.signed != []
    return store, client.model


@pytest.mark.parametrize("name", ["meta.json", "tokens.db", "dictionaries", "nothing"])
def test_a_server_that_cannot_read_its_state_is_a_finding(
    name: str, served: tuple[Path, Model], tmp_path: Path
) -> None:
    store, model = served
    shutil.copytree(store, tmp_path / "store")
    if name != "nothing":
        damaged(tmp_path / "store", name)
    assert bool(after(tmp_path / "store", model)) is (name != "nothing")


class Broken(NamedTuple):
    """Raises when it is looked at."""

    error: Exception

    def __call__(self) -> Iterable[str]:
        yield "a finding"
        raise self.error


def test_an_exception_while_looking_is_a_finding() -> None:
    assert collected(Broken(KeyError("_id"))) == ["a finding", "KeyError: '_id'"]


def test_a_server_that_does_not_start_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ServerError("the server does not start")

    monkeypatch.setattr(server_cycles, "serving", refused)
    outcomes = list(cycles.run(times=len(SERVER_KINDS) * 2, seed=1, folder=tmp_path, only="server-kill"))
    assert {tuple(outcome.wrong) for outcome in outcomes} == {("ServerError: the server does not start",)}


def after_power_failure(folder: Path, *, plant: str | None = None) -> list[str]:
    """What is wrong when the power fails after a few requests and all is lost that was not synced."""
    client = Client(seed=7)
    with server_cycles.recording(client, folder, plant=plant) as (server, recorded):
        client.ask(server, ingest(7, 0))
        for kind, version in (("hold", "7-9-"), ("export", "begun"), ("token", "usable")):
            client.ask(server, create(kind, f"{kind}-removed", version))
            client.ask(server, delete(client.model.items[kind, f"{kind}-removed"]))
        client.ask(server, create("export", "export-ready", "begun"))
        ready = client.model.items["export", "export-ready"]
        wait(lambda: client.ask(server, look(ready)).body["state"] == "ready", "the export is not ready")
        server.kill()
    assert client.wrong == []
    server_cycles.fail(recorded, folder / "store", _Least(), folder / "left")
    return after(folder / "left", client.model)


@pytest.mark.usefixtures("_traced")
def test_what_a_server_acknowledged_survives_a_power_failure(tmp_path: Path) -> None:
    assert after_power_failure(tmp_path) == []


@pytest.mark.slow
@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize(
    "plant, finding",
    [
        pytest.param("relaxed", ".db", id="databases that do not sync"),
        pytest.param("unsynced", "has SHA-256", id="an export that is ready before it is synced"),
        pytest.param("early", "hold-removed is", id="a rule whose removal is acknowledged and not stored"),
    ],
)
def test_a_planted_bug_of_the_server_is_found(plant: str, finding: str, tmp_path: Path) -> None:
    found = after_power_failure(tmp_path, plant=plant)
    assert any(finding in text for text in found), found


def test_what_is_whole_is_not_complained_about(tmp_path: Path) -> None:
    stored(tmp_path / "store", range(12))
    assert wrong(tmp_path / "store", seed=7, sent=range(12), done=range(12)) == []


@pytest.mark.usefixtures("_traced")
def test_an_answer_before_its_folder_is_synced_is_found_out(tmp_path: Path) -> None:
    """A commit ends with a rename, and the engine does not sync the folder after it: without ours the answer is too early."""
    outcomes = cycles.run(times=cycles.PLACES, seed=3, folder=tmp_path, only="power", careless="store")
    assert any("was acknowledged and is gone" in each for outcome in outcomes for each in outcome.wrong)


@pytest.mark.usefixtures("_traced")
def test_a_checkpoint_before_its_entries_are_synced_is_found_out(tmp_path: Path) -> None:
    outcomes = list(cycles.run(times=cycles.PLACES, seed=3, folder=tmp_path, only="power", careless="log"))
    assert any("/log/" in each or "the log" in each for outcome in outcomes for each in outcome.wrong)


def recorded(*lines: str) -> list[Call]:
    return list(calls(f"7  {line}" for line in lines))


def left(folder: Path, *lines: str, maximum: bool = False) -> dict[str, bytes]:
    """What is there after the power fails: the least, or the most, that the model allows."""
    disk = Disk(ROOT)
    for call in recorded(*lines):
        disk.apply(call)
    disk.after_power_failure(_Most() if maximum else _Least(), folder)
    return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


class _Least(random.Random):
    def choice(self, seq):
        return seq[0]


class _Most(random.Random):
    def choice(self, seq):
        return seq[2] if len(seq) > 2 else seq[-1]


NEW = 'openat(AT_FDCWD, "/disk/a", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3'
OPEN = 'openat(AT_FDCWD, "/disk", O_RDONLY|O_CLOEXEC) = 4'
WRITE = 'write(3, "x\\0\\201,(\\"", 6) = 6'
WRITTEN = b'x\0\x81,("'
SAFE = [NEW, WRITE, "fdatasync(3) = 0", OPEN, "fsync(4) = 0", "close(4) = 0"]


@pytest.mark.parametrize(
    "lines, minimum, maximum",
    [
        pytest.param([NEW, WRITE], {}, {"a": WRITTEN}, id="nothing synced"),
        pytest.param([NEW, WRITE, "fdatasync(3) = 0"], {}, {"a": WRITTEN}, id="a file without its name"),
        pytest.param([NEW, WRITE, OPEN, "fsync(4) = 0"], {"a": b""}, {"a": WRITTEN}, id="a name without its content"),
        pytest.param(SAFE, {"a": WRITTEN}, {"a": WRITTEN}, id="both"),
        pytest.param(
            [*SAFE[:2], "fdatasync(3) = -1 EIO (Input/output error)", *SAFE[3:]],
            {"a": b""},
            {"a": b""},
            id="a sync that failed",
        ),
        pytest.param([*SAFE, WRITE], {"a": WRITTEN}, {"a": WRITTEN * 2}, id="written after the sync"),
        pytest.param(
            [*SAFE, 'pwrite64(3, "AB", 2, 1) = 2'], {"a": WRITTEN}, {"a": b"xAB" + WRITTEN[3:]}, id="written over"
        ),
        pytest.param([*SAFE, "ftruncate(3, 2) = 0"], {"a": WRITTEN}, {"a": WRITTEN[:2]}, id="cut"),
        pytest.param(
            [*SAFE, "fallocate(3, 0, 0, 8) = 0"], {"a": WRITTEN}, {"a": WRITTEN + bytes(2)}, id="room is made"
        ),
        pytest.param([*SAFE, 'rename("/disk/a", "/disk/b") = 0'], {"a": WRITTEN}, {"b": WRITTEN}, id="renamed"),
        pytest.param([*SAFE, 'unlink("/disk/a") = 0'], {"a": WRITTEN}, {}, id="removed"),
        pytest.param([*SAFE, OPEN, 'unlinkat(4, "a", 0) = 0'], {"a": WRITTEN}, {}, id="removed from an open folder"),
        pytest.param(
            [*SAFE, 'openat(AT_FDCWD, "/disk/a", O_WRONLY|O_TRUNC) = 5'],
            {"a": WRITTEN},
            {"a": b""},
            id="opened to be written anew",
        ),
        pytest.param(
            [
                'mkdir("/disk/f", 0777) = 0',
                'openat(AT_FDCWD, "/disk/f/b", O_WRONLY|O_CREAT) = 3',
                WRITE,
                "fsync(3) = 0",
            ],
            {},
            {"f/b": WRITTEN},
            id="in a new folder",
        ),
        pytest.param(
            [*SAFE, 'write(3, "y", 1) = -1 ENOSPC (No space left on device)'],
            {"a": WRITTEN},
            {"a": WRITTEN},
            id="a write that failed",
        ),
        pytest.param(['openat(AT_FDCWD, "/elsewhere/a", O_WRONLY|O_CREAT) = 3', WRITE], {}, {}, id="somewhere else"),
    ],
)
def test_the_disk_forgets_what_was_not_synced(lines: list[str], minimum: dict, maximum: dict, tmp_path: Path) -> None:
    assert left(tmp_path / "1", *lines) == minimum
    assert left(tmp_path / "2", *lines, maximum=True) == maximum


def test_a_sync_saves_what_was_written_before_it_began(tmp_path: Path) -> None:
    begun = ["fdatasync(3 <unfinished ...>", "<... fdatasync resumed>) = 0"]
    lines = [f"7  {each}" for each in [NEW, OPEN, "fsync(4) = 0", WRITE, begun[0]]]
    lines += [f"8  {WRITE}", f"7  {begun[1]}"]
    disk = Disk(ROOT)
    for call in calls(lines):
        disk.apply(call)
    disk.after_power_failure(_Least(), tmp_path)
    assert (tmp_path / "a").read_bytes() == WRITTEN


def test_a_call_that_is_not_modelled_is_not_passed_over() -> None:
    disk = Disk(ROOT)
    for call in recorded(NEW):
        disk.apply(call)
    *_, copied = recorded("copy_file_range(3, NULL, 3, NULL, 4096, 0) = 4096")
    with pytest.raises(NotImplementedError):
        disk.apply(copied)


@pytest.mark.parametrize("line", ["nonsense", '7  write(3, "ab"..., 500) = 500', "7  half a line"])
def test_a_line_that_is_not_understood_is_not_passed_over(line: str) -> None:
    with pytest.raises(UnreadableError):
        list(calls([line]))
