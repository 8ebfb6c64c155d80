"""Bugs are bugs, and a full disk is a full disk: neither is ever taken for the other."""

import errno
import io
import json
import logging
import os
import re
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from casbah.activity.tenant import TenantId
from casbah.base import logs
from casbah.base.backoff import Backoff
from casbah.base.failure import bug, is_disk_error
from casbah.base.key_value import QUERIES, FolderKeyValueStore
from casbah.errors import KeyValueStoreUnavailableError, StoreClosedError, UnwritableError
from casbah.ingest.pull.running import Pulling
from casbah.outputs.push import pusher
from casbah.store.embedded import write_queue
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.store import EmbeddedStore
from disks import fill, small_disk
from making import NOW, arrival, query, record

TENANT = TenantId("default")

BUGS = [
    pytest.param(ValueError("a plain bug of ours"), id="a value error"),
    pytest.param(KeyError("missing"), id="a key error"),
    pytest.param(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), id="a decoding error, which is a value error"),
    pytest.param(FileNotFoundError(errno.ENOENT, "No such file or directory"), id="a file that is not there"),
    pytest.param(OSError("without a number"), id="an OS error without a number"),
    pytest.param(BrokenPipeError(errno.EPIPE, "Broken pipe"), id="a broken pipe"),
]


@pytest.mark.parametrize("error", BUGS)
@pytest.mark.parametrize("together", [False, True], ids=["alone in its commit", "with others"])
def test_a_bug_in_making_a_document_is_500_with_its_traceback(opened, monkeypatch, caplog, error, together) -> None:
    ask = opened()

    def breaks(*_, **__):
        raise error

    monkeypatch.setattr(write_queue, "document", breaks)
    if together:  # Documents of batches that share a commit are made beforehand.
        monkeypatch.setattr(
            write_queue.WriteQueue, "_build_documents", partial_alone(write_queue.WriteQueue._build_documents)
        )
    with caplog.at_level(logging.ERROR):
        answer = ask("POST", "/api/ext/v1/activities?source=mdca", json.dumps(record(1)).encode())
    assert (answer.status, answer.json) == (500, {"detail": "internal error; the server's log has it"})
    assert "retry-after" not in answer.headers
    (logged,) = [each for each in caplog.records if each.exc_info]
    assert logged.exc_info[1] is error
    assert "in breaks" in logging.Formatter().formatException(logged.exc_info)
    assert "could not be written" not in caplog.text


def partial_alone(whole):
    return lambda self, batch, known, **_: whole(self, batch, known, is_single=False)


@pytest.mark.parametrize(
    "text, code",
    [
        pytest.param("An IO error occurred: 'No space left on device (os error 28)'", errno.ENOSPC, id="a commit"),
        pytest.param(
            'Failed to open file for write: \'IoError { io_error: Custom { kind: StorageFull, error: PathError { path: "/x", '
            'err: Os { code: 28, kind: StorageFull, message: "No space left on device" } } }, filepath: "a.302.del" }\'',
            errno.ENOSPC,
            id="a file that cannot be made",
        ),
        pytest.param(
            'Failed to acquire Lockfile: IoError(Os { code: 30, kind: ReadOnlyFilesystem, message: "Read-only file system" }). '
            "None",
            errno.EROFS,
            id="the engine's lock",
        ),
        pytest.param("An IO error occurred: 'Input/output error (os error 5)'", errno.EIO, id="a broken disk"),
        pytest.param("An IO error occurred: 'Too many open files (os error 24)'", errno.EMFILE, id="no more files"),
    ],
)
def test_what_the_engine_says_of_the_disk_is_logged_with_its_cause(caplog, text: str, code: int) -> None:
    with pytest.raises(UnwritableError), translate_io_errors():
        raise ValueError(text)
    assert os.strerror(code) in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "The provided string is not valid JSON",
        """The field '"seq"' could not be parsed: TypeError { expected: "a i64", json: String("x") }""",
        "Failed to acquire Lockfile: LockBusy. Some(...)",
        "Data corrupted: 'meta.json'",
        "An IO error occurred: 'No such file or directory (os error 2)'",
    ],
)
def test_what_the_engine_says_of_us_is_a_bug(caplog, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)) as caught, translate_io_errors():
        raise ValueError(text)
    assert bug(caught.value) is caught.value
    assert not caplog.records


@pytest.mark.parametrize(
    "error, expected",
    [
        (OSError(errno.ENOSPC, ""), True),
        (OSError(errno.EDQUOT, ""), True),
        (PermissionError(errno.EACCES, ""), True),
        (OSError(errno.EBADF, ""), False),
        (ConnectionResetError(errno.ECONNRESET, ""), False),
        (sqlite3.OperationalError("no code"), False),
        (StoreClosedError(), True),
        (ValueError(""), False),
    ],
    ids=repr,
)
def test_which_failures_are_expected(error, expected) -> None:
    assert (bug(error) is None) is expected
    assert is_disk_error(error) is (expected and isinstance(error, OSError))


def test_wrong_sql_is_a_bug_and_a_full_database_is_not(tmp_path) -> None:
    key_values = FolderKeyValueStore(tmp_path, QUERIES)
    with pytest.raises(sqlite3.OperationalError), key_values._using() as database:
        database.execute("select nothing from nowhere")
    with key_values._using() as database:
        database.execute("pragma max_page_count = 1")
    with pytest.raises(KeyValueStoreUnavailableError):
        key_values.put("default", "name", {"text": "x" * 100_000})
    key_values.close()


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 40_000], ids=["what a commit writes", "what a writer's thread writes meanwhile"])
def test_a_full_disk_is_told_with_its_cause_and_only_until_it_has_room(tmp_path: Path, caplog, size: int) -> None:
    with small_disk(tmp_path / "disk", mebibytes=8) as disk:
        store = EmbeddedStore(disk / "store", clock=lambda: NOW)
        store.tenant(TENANT).insert([arrival(record(0))])
        filler = fill(disk)
        more = [arrival(record(n, noise=os.urandom(size // 2).hex())) for n in range(1, 1_500)]
        for _ in range(2):
            with pytest.raises(UnwritableError):
                store.tenant(TENANT).insert(more)
        assert store.tenant(TENANT).find(query()).total == 1
        assert "No space left on device" in caplog.text
        assert "killed" not in caplog.text
        filler.unlink()
        store.tenant(TENANT).insert([arrival(record(2))])
        assert store.tenant(TENANT).find(query()).total == 2
        store.close()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_in_the_log_shows_no_local_variables(opened, monkeypatch, form) -> None:
    stream = io.StringIO()
    ask = opened()

    def breaks(entry, *_, **__):
        assert "nobody-knows" in entry.record.decode()  # What is shown if local variables are.
        raise ValueError("a plain bug")

    monkeypatch.setattr(write_queue, "document", breaks)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.set_up(level="info", form=form, of_requests=False, stream=stream)
    try:
        body = json.dumps(record(1, user={"userName": "nobody-knows@contoso.com"})).encode()
        assert ask("POST", "/api/ext/v1/activities?source=mdca", body).status == 500
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    text = stream.getvalue()
    assert "Traceback (most recent call last)" in text
    assert "ValueError: a plain bug" in text
    assert "in breaks" in text
    assert "nobody-knows" not in text
    assert "locals" not in text


@pytest.mark.parametrize("error", [ValueError("a bug"), OSError(errno.ENOSPC, "No space left on device")], ids=repr)
def test_a_thread_that_pushes_or_pulls_tries_again_after_any_failure(tmp_path, monkeypatch, caplog, error) -> None:
    twice, calls = threading.Event(), []

    class Fails:
        name = "one"

        def step(self) -> int:
            calls.append(1)
            if len(calls) > 1:
                twice.set()
            raise error

        once = step

        def failed(self, status: str) -> None:
            letters.say(self.name, status)

        def close(self) -> None: ...

    monkeypatch.setattr(pusher, "_BACKOFF", Backoff(0.01, 0.01))
    with closing(pusher.Outbox(tmp_path)) as letters:
        pushing = pusher.Pushing({"one": Fails()})
        pushing.start()
        assert twice.wait(10)
        pushing.close()
    twice.clear()
    with closing(Pulling([], folder=tmp_path, clock=lambda: NOW)) as pulling:
        pulling._pullers = [(Fails(), 0.01)]
        pulling.start()
        assert twice.wait(10)
    assert {bool(each.exc_info) for each in caplog.records} == {isinstance(error, ValueError)}
