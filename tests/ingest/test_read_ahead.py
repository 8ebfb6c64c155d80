"""Files that other processes read: the same pieces in the same order as here, whatever becomes of the processes."""

import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from casbah.demo.load import story_events
from casbah.errors import UnknownSourceError
from casbah.ingest import read_ahead as module
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.decompress import InputLimits
from casbah.ingest.enrich.enrichment import EnrichmentConfig
from casbah.ingest.enrich.networks import IpRange, IpRanges
from casbah.ingest.event_pages import STDIN
from casbah.ingest.ingest_body import items
from casbah.ingest.preparation import Preparation
from casbah.ingest.read_ahead import FilePiece, FileReader, read_ahead
from casbah.store.embedded.document import prepared
from making import record

UNTIL = 1_760_000_000_000
FILES, LARGE = 6, module._PIECE * (module._AHEAD + 3)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Small files, one that is larger than what is read ahead, one that is damaged, and one that does not exist."""
    monkeypatch.setattr(module, "_MIN_BYTES", 0)
    paths = [tmp_path / f"{number}.ndjson.gz" for number in range(FILES)]
    for number, path in enumerate(paths):
        count = LARGE if number == 1 else 3
        lines = "\n".join(json.dumps(record(1_000_000 * number + event)) for event in range(count))
        path.write_bytes(gzip.compress(f"{lines}\nno event\n".encode())[: None if number != 2 else -20])
    return [str(path) for path in (*paths, tmp_path / "missing.json")]


def pieces(files: Sequence[str], processes: int, reader: FileReader | None = None) -> Iterator[FilePiece]:
    with closing(read_ahead(files, reader or FileReader(connectors), processes, size=0)) as read:
        for file in read:
            yield from file


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2, 20])
def test_other_processes_read_what_this_one_would(files: list[str], processes: int) -> None:
    found = list(pieces(files, processes))
    assert found == list(pieces(files, 0))
    assert [piece.origin for piece in found if piece.begins] == files
    assert sum(len(piece.items) for piece in found) > LARGE
    assert not readers()


@pytest.mark.slow
def test_a_process_that_dies_loses_nothing(files: list[str]) -> None:
    expected, read = list(pieces(files, 0)), pieces(files, 2)
    found = [next(read) for _ in range(3)]
    for process in readers():
        process.kill()
    assert [*found, *read] == expected


@pytest.mark.slow
def test_prepared_activities_are_those_of_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MIN_BYTES", 0)
    story = tmp_path / "story.ndjson"
    story.write_bytes(b"\n".join(event.event for event in story_events(until_ms=UNTIL)))
    office = IpRange(
        id="office", name="Office", cidrs=("203.0.113.0/24",), category=1, tags=("0000ca5b0000000000000001",)
    )
    preparation = Preparation(EnrichmentConfig().opened, prepared, IpRanges("default", 1, (office,)))
    body = items(
        story.read_bytes(), None, connectors=connectors(), limits=InputLimits(), enrichment=preparation.opened()
    )
    expected = [prepared(item) for _, item in body if not isinstance(item, Refusal)]
    reader = FileReader(connectors, preparation=preparation)
    read = [item for piece in pieces([str(story)], 1, reader) for _, item in piece.items]
    assert read == expected
    assert expected
    assert any(b'"office"' in entry.record or b'"CORPORATE"' in entry.record for entry in expected)


def readers() -> list[BaseProcess]:
    """The processes that read ahead: other tests of this process may have left processes of their own."""
    return [process for process in multiprocessing.active_children() if process.name == "casbah-read"]


def broken() -> Mapping[str, Connector]:
    raise ValueError("no connectors")


class UnsendableError(Exception):
    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        raise TypeError("cannot be pickled")


def unsendable() -> Mapping[str, Connector]:
    raise UnsendableError


@pytest.mark.slow
def test_what_a_process_raises_is_raised_here(files: list[str]) -> None:
    with pytest.raises(ValueError, match="no connectors"):
        list(pieces(files, 2, FileReader(broken)))
    assert not readers()


@pytest.mark.slow
def test_who_stops_reading_leaves_no_process(files: list[str]) -> None:
    read = pieces(files, 2)
    next(read)
    assert readers()  # That with the large file cannot be done: nobody takes it.
    read.close()
    assert not readers()


def test_few_bytes_and_standard_input_start_no_process(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for several in ([STDIN], files):
        read = read_ahead(several, FileReader(connectors), 2, size=0)
        next(read)
        assert not readers()
        read.close()
        monkeypatch.setattr(module, "_MIN_BYTES", 1 << 30)


@pytest.mark.slow
def test_a_pipe_is_read_in_this_process(files: list[str], tmp_path: Path) -> None:
    expected, pipe = list(pieces(files[:2], 0)), tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=lambda: pipe.write_bytes(Path(files[0]).read_bytes()), daemon=True)
    writing.start()
    read = pieces([str(pipe), files[1]], 2)
    found = [next(read)]
    for process in readers():
        process.kill()
    found += read
    writing.join(30)
    assert lines_of(found) == lines_of(expected)


def lines_of(read: Iterable[FilePiece]) -> list[int]:
    return [line for piece in read for line, _ in piece.items]


@pytest.mark.slow
@pytest.mark.parametrize("by_link", [False, True])
def test_a_descriptor_of_this_process_is_read_in_it(files: list[str], tmp_path: Path, *, by_link: bool) -> None:
    with Path(files[0]).open("rb") as file:
        (tmp_path / "link").symlink_to(f"/dev/fd/{file.fileno()}")
        path = str(tmp_path / "link") if by_link else f"/dev/fd/{file.fileno()}"
        found = list(pieces([path, files[1]], 2))
    assert lines_of(found) == lines_of(pieces(files[:2], 0))


@pytest.mark.slow
def test_messages_have_few_bytes(tmp_path: Path) -> None:
    events, size = 40, module._PIECE_BYTES // 5
    file = tmp_path / "large.ndjson"
    file.write_text("".join(json.dumps(record(number, description="x" * size)) + "\n" for number in range(events)))
    reading = module._Process(FileReader(connectors), [str(file)])
    try:
        sizes = []
        with suppress(EOFError):
            while True:
                message = reading._connection.recv()
                sizes.append(sum(module.size_of_item(item) for piece in message if piece for _, item in piece.items))
    finally:
        reading.stop()
    assert max(sizes) < module._PIECE_BYTES + 2 * size
    assert sum(sizes) > events * size


@pytest.mark.slow
def test_an_interrupt_is_left_to_the_parent_process(files: list[str]) -> None:
    reading = module._Process(FileReader(connectors), files[:1])
    try:
        os.kill(reading._process.pid or 0, signal.SIGINT)
        assert list(reading.pieces(files[0])) == list(pieces(files[:1], 0))
        reading._process.join(30)
        assert reading._process.exitcode == 0
    finally:
        reading.stop()


@pytest.mark.slow
def test_what_cannot_be_sent_is_raised_here(files: list[str]) -> None:
    with pytest.raises(UnsendableError):
        list(pieces(files, 2, FileReader(unsendable)))
    assert not readers()


ENDLESS = """
import sys
from casbah.ingest import read_ahead as module
from casbah.ingest.connectors import connectors
module._MIN_BYTES = 0
for file in module.read_ahead(sys.argv[1:], module.FileReader(connectors), 1, size=0):
    next(file)
    print("reading", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_killed_parent_leaves_no_process(files: list[str]) -> None:
    command = [sys.executable, "-c", ENDLESS, files[1]]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout
    assert parent.stdout.readline() == b"reading\n"
    parent.kill()
    parent.communicate(timeout=60)  # Ends when no process holds its output any more.


def test_an_unknown_source_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UnknownSourceError):
        FileReader(connectors, "cloudtrial").require_source()
