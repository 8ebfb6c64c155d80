"""What `casbah ingest` says of what it read: skipped files, odd times, and what was stored when it is stopped."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from casbah.cli.connection import Api
from casbah.cli.ingest_report import FileReport, Tally, _refused, _table
from casbah.cli.sending import NotStored, ToApi, ToStore
from command_line import app
from making import record

DAY = 86_400_000
COUNT = 20_000
NOW = time.time_ns() // 1_000_000


def ingest(
    store: Path, *arguments: str, stdin: bytes = b"", code: int = 0, folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "CASBAH_STORE": str(store), "COLUMNS": "200"}
    command = [sys.executable, "-m", "casbah", "ingest", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, input=stdin, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == code, done.stderr.decode()
    return done


def line(number: int, **keys) -> bytes:
    return json.dumps(record(number, **keys)).encode() + b"\n"


@pytest.mark.slow
def test_special_files_in_a_folder_are_skipped_and_named(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "events.ndjson").write_bytes(line(1))
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        (folder / "loop").symlink_to(folder)
        done = ingest(tmp_path / "store", str(folder), "--json")
    counts = {"read": 1, "stored": 1, "duplicates": 0, "refused": 0, "skipped": 3, "suspicious": {}}
    assert counts.items() <= json.loads(done.stdout).items()
    link = "a symbolic link to a folder is read only if named itself"
    assert f"skipped {folder / 'loop'}: {link}" in done.stderr.decode()
    assert f"skipped {folder / 'pipe'}: a named pipe is read only if named itself" in done.stderr.decode()
    assert f"skipped {folder / 'socket'}: a socket" in done.stderr.decode()


@pytest.mark.slow
def test_a_file_in_a_folder_is_never_standard_input(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "-").write_bytes(line(1) + line(2))
    done = ingest(tmp_path / "store", ".", "--json", stdin=line(3), folder=folder)
    report = json.loads(done.stdout)
    assert (report["stored"], [file["file"] for file in report["files"]]) == (2, ["./-"])


@pytest.mark.slow
def test_files_that_share_a_batch_each_have_their_own_counts(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(line(1) + line(2) + b"no event\n")
    (folder / "b.ndjson").write_bytes(line(2) + line(3) + line(1))
    (folder / "c.ndjson").write_bytes(b"")
    (folder / "d.ndjson").write_bytes(line(4))
    done = ingest(tmp_path / "store", str(folder), "--json", code=1)
    assert counts(done) == (7, 4, 2, 1, 0)
    rows = [row.split()[-4:] for row in done.stderr.decode().splitlines() if ".ndjson" in row and "refused" not in row]
    assert rows == [["3", "2", "0", "1"], ["3", "1", "2", "0"], ["0"] * 4, ["1", "1", "0", "0"]]


def test_a_path_that_does_not_exist_is_an_error_before_anything_is_stored(tmp_path):
    (tmp_path / "a.ndjson").write_bytes(line(1))
    done = ingest(tmp_path / "store", str(tmp_path / "a.ndjson"), str(tmp_path / "b.ndjson"), code=2)
    assert "b.ndjson does not exist" in done.stderr.decode()
    assert not (tmp_path / "store").exists()


def test_reasons_beyond_those_listed_are_counted():
    file = FileReport("a.json", reasons=Counter({f"reason {number}": number for number in range(1, 24)}))
    lines = list(_refused([file]))
    assert (len(lines), lines[0], lines[-1]) == (21, "23 refused: reason 23", "6 refused for 3 other reasons")


@pytest.mark.slow
def test_a_pipe_that_is_named_itself_is_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"cat > {pipe}"], stdin=subprocess.PIPE) as writer:
        writer.stdin.write(line(1))
        writer.stdin.close()
        done = ingest(tmp_path / "store", str(pipe), "--json")
    assert json.loads(done.stdout)["stored"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, ".hidden", "pipe"])
def test_a_folder_with_nothing_to_read_is_named(tmp_path, name):
    folder = tmp_path / "exports"
    (folder / "below").mkdir(parents=True)
    if name == "pipe":
        os.mkfifo(folder / name)
    elif name is not None:
        (folder / name).write_bytes(line(1))
    done = ingest(tmp_path / "store", str(folder), code=1)
    reason = (
        f"1 hidden, read only if named themselves: {folder / name}" if name == ".hidden" else "no files in this folder"
    )
    assert f"skipped {folder}: {reason}" in done.stderr.decode()


@pytest.mark.slow
def test_an_empty_folder_beside_a_file_is_no_failure(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "events.ndjson").write_bytes(line(1))
    done = ingest(tmp_path / "store", str(tmp_path / "empty"), str(tmp_path / "events.ndjson"))
    assert b"no files in this folder" in done.stderr


@pytest.mark.slow
def test_odd_times_are_counted_and_stored(tmp_path):
    times = [1_764_000_000, 1_764_000_001, 0, 946_684_799_999, NOW + 2 * DAY, NOW, 946_684_800_000, NOW + DAY // 2]
    body = b"".join(line(number, timestamp=moment) for number, moment in enumerate(times))
    done = ingest(tmp_path / "store", "-", "--json", stdin=body)
    counts = json.loads(done.stdout)
    assert (counts["stored"], counts["suspicious"]) == (8, {"seconds": 2, "before2000": 2, "future": 1})
    for text in (
        "2 activities have times that look like seconds, not milliseconds",
        "2 activities have times that are before the year 2000",
        "1 activities have times that are later than tomorrow",
    ):
        assert text in done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_ends_it_with_one_line_and_nothing_is_lost_or_doubled(tmp_path, number, code):
    events = tmp_path / "events.ndjson"
    events.write_bytes(b"".join(map(line, range(COUNT))))
    environment = {**os.environ, "CASBAH_STORE": str(tmp_path / "store"), "CASBAH_BATCH": "100"}
    command = [sys.executable, "-m", "casbah", "ingest", str(events)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as running:
        deadline = time.monotonic() + 200
        while len(list((tmp_path / "store").glob("tenants/*/periods/*/*.store"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(number)
        text = running.stderr.read().decode()
        assert running.wait(60) == code
    assert "Traceback" not in text
    made, stopped = text.splitlines()
    assert made == f"casbah: created a new store at {tmp_path / 'store'}"
    assert stopped.startswith("casbah: stopped: ")
    assert text.endswith("run it again to continue; nothing is stored twice\n")
    so_far = int(text.split(" stored")[0].rpartition(" ")[2].replace(",", ""))
    again = json.loads(ingest(tmp_path / "store", "-", "--json", stdin=events.read_bytes()).stdout)
    assert (again["read"], again["refused"]) == (COUNT, 0)
    assert again["duplicates"] == so_far > 0
    assert again["stored"] == COUNT - again["duplicates"]


def signalled(times: int, store: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What an ingest of three batches of 100 says that gets a signal while the second is stored."""
    to_store, batches = ToStore.store, []

    def signalling(self: ToStore, batch: Sequence[Any]) -> NotStored:
        batches.append(batch)
        outcome = to_store(self, batch)
        for _ in range(times if len(batches) == 2 else 0):
            signal.raise_signal(signal.SIGTERM)
        return outcome

    monkeypatch.setenv("CASBAH_STORE", str(store))
    monkeypatch.setenv("CASBAH_BATCH", "100")
    monkeypatch.setattr(ToStore, "store", signalling)
    before = signal.getsignal(signal.SIGTERM)
    done = CliRunner().invoke(app, ["ingest", "-"], input=b"".join(map(line, range(300))))
    assert done.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    return done.stderr


def test_a_signal_waits_for_the_batch_under_way_so_that_it_is_counted(tmp_path, monkeypatch):
    assert "casbah: stopped: 200 stored so far, 0 duplicates, 0 refused" in signalled(
        1, tmp_path / "store", monkeypatch
    )


def test_a_second_signal_does_not_wait_and_the_count_says_so(tmp_path, monkeypatch):
    assert "casbah: stopped: at least 100 stored so far" in signalled(2, tmp_path / "store", monkeypatch)


def test_where_the_server_goes_away_the_count_is_said_too(tmp_path, monkeypatch):
    send, batches = Api.ask, []

    def failing(self: Api, method: str, path: str, **options: object) -> httpx.Response:
        batches.append(path)
        if len(batches) == 3:
            raise httpx.ConnectError("refused")
        return send(self, method, path, **options)

    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CASBAH_BATCH", "100")
    monkeypatch.setattr(Api, "ask", failing)
    monkeypatch.setattr("casbah.cli.ingest.destination_of", lambda api, _: ToApi(api))
    done = CliRunner().invoke(app, ["ingest", "-"], input=b"".join(map(line, range(300))))
    assert isinstance(done.exception, httpx.ConnectError)
    assert "casbah: stopped: at least 200 stored so far" in done.stderr


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ValueError("a bug")], ids=repr)
def test_whatever_ends_it_the_count_is_said(tmp_path, monkeypatch, error):
    to_store, batches = ToStore.store, []

    def failing(self: ToStore, batch: Sequence[Any]) -> NotStored:
        batches.append(batch)
        if len(batches) == 3:
            raise error
        return to_store(self, batch)

    monkeypatch.setenv("CASBAH_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CASBAH_BATCH", "100")
    monkeypatch.setattr(ToStore, "store", failing)
    done = CliRunner().invoke(app, ["ingest", "-"], input=b"".join(map(line, range(300))))
    assert done.exception is error
    assert "casbah: stopped: at least 200 stored so far" in done.stderr


@pytest.mark.slow
def test_a_rejects_file_that_exists_is_left_as_it_is(tmp_path):
    evidence = tmp_path / "evidence.ndjson"
    evidence.write_bytes(b"kept\n")
    done = ingest(tmp_path / "store", "-", "--rejects", str(evidence), stdin=line(1) + b"bad\n", code=2)
    assert b"exists already and is not overwritten; choose another file" in b" ".join(
        done.stderr.replace(b"|", b"").split()
    )
    assert evidence.read_bytes() == b"kept\n"
    assert not (tmp_path / "store").exists(), "nothing is read before it is settled where refused events go"


@pytest.mark.slow
def test_a_rejects_file_gets_no_folder_of_its_own(tmp_path):
    done = ingest(tmp_path / "store", "-", "--rejects", str(tmp_path / "no" / "r.ndjson"), stdin=line(1), code=2)
    assert b"create it first" in done.stderr
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_rejects_file_may_be_a_device(tmp_path):
    ingest(tmp_path / "store", "-", "--rejects", os.devnull, stdin=line(1) + b"bad\n", code=1)


def counts(done: subprocess.CompletedProcess[bytes]) -> tuple[int, ...]:
    result = json.loads(done.stdout)
    return tuple(result[name] for name in ("read", "stored", "duplicates", "refused", "skipped"))


@pytest.mark.slow
def test_the_stores_own_files_are_not_read(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "events.ndjson").write_bytes(line(1))
    store = logs / "store"
    first = ingest(store, str(logs), "--json")
    assert counts(first) == (1, 1, 0, 0, 1)
    assert f"skipped {store}: it belongs to the store, whose files are not logs" in first.stderr.decode()
    assert f"casbah: created a new store at {store}\n" in first.stderr.decode()
    again = ingest(store, str(logs), "--json")
    assert (counts(again), b"new store" in again.stderr) == ((1, 0, 1, 0, 1), False)
    assert counts(ingest(store, str(store), "--json", code=1)) == (0, 0, 0, 0, 1)
    (tmp_path / "link").symlink_to(store)
    for path in (tmp_path / "link", store / "tenants", store / "format.json"):
        assert counts(ingest(store, str(path), "--json", code=1)) == (0, 0, 0, 0, 1)


@pytest.mark.slow
def test_what_the_store_keeps_of_refused_events_may_be_named(tmp_path):
    store = tmp_path / "store"
    ingest(store, "-", stdin=b"bad\n", code=1)
    (kept,) = (store / "rejects").iterdir()
    assert counts(ingest(store, str(kept), "--json", code=1)) == (1, 0, 0, 1, 0)


@pytest.mark.slow
def test_a_rejects_file_can_be_ingested(tmp_path):
    store, rejects, again = tmp_path / "store", tmp_path / "rejects.ndjson", tmp_path / "again.ndjson"
    body = line(1) + b"bad\n" + b'{"odd": 1}\n'
    ingest(store, "-", "--source", "okta", "--rejects", str(rejects), stdin=body, code=1)
    done = ingest(store, str(rejects), "--json", "--rejects", str(again), code=1)
    assert counts(done) == (3, 1, 0, 2, 0)
    kept = [json.loads(each) for each in again.read_text("utf-8").splitlines()]
    assert [(each["origin"], each["line"], each["event"]) for each in kept] == [
        ("stdin", 2, "bad"),
        ("stdin", 3, '{"odd": 1}'),
    ]
    assert counts(ingest(store, str(rejects), "--json", code=1)) == (3, 0, 1, 2, 0)


@pytest.mark.slow
def test_where_the_rejects_file_cannot_be_written_the_reasons_are_said_all_the_same(tmp_path):
    store = tmp_path / "store"
    ingest(store, "-", stdin=line(1))
    (store / "rejects").write_text("no folder")
    done = ingest(store, "-", "--json", stdin=b'bad\n{"odd": 1}\n' + line(1), code=1)
    assert counts(done) == (3, 0, 1, 2, 0)
    said = done.stderr.decode()
    assert "1 refused: not JSON" in said
    assert f"refused events were not saved, or only some of them: {store / 'rejects'}" in said
    assert "; ingest again with --rejects" in said


@pytest.mark.parametrize(("count", "more"), [(50, ""), (51, ""), (52, "and 2 more files")])
def test_a_line_for_the_rest_stands_for_several(count, more):
    files = [FileReport(f"f{number:02}", Tally(1)) for number in range(count)]
    console = Console(width=100)
    with console.capture() as said:
        console.print(_table(files, Tally(count)))
    lines = said.get().splitlines()
    assert sum(each.startswith("f") and each[1:3].isdigit() for each in lines) == (50 if more else count)
    assert any(each.startswith("and ") for each in lines) == bool(more)
    assert more in said.get()
