"""What the terminal shows while files are read."""

import gzip
import json
from pathlib import Path

import pytest
from rich.progress import Progress

from casbah.cli import reading
from casbah.settings import Settings

EVENT = {
    "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject",
    "eventID": "A",
    "eventTime": "2026-01-01T00:00:00Z",
}


def test_a_compressed_file_is_shown_as_being_checked_until_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it is decompressed before its first event is read, which takes a while."""
    (tmp_path / "x.gz").write_bytes(gzip.compress(json.dumps(EVENT).encode()))
    shown: list[object] = []

    class Watched(Progress):
        def update(self, *_: object, **options: object) -> None:
            shown.append(options["description"])

    monkeypatch.setattr(reading, "progress_bar", lambda **_: Watched(disable=True))
    (piece,) = reading.pieces_of_files([str(tmp_path / "x.gz")], Settings(store=tmp_path / "store"), None)
    assert len(piece.items) == 1
    checking, read = shown
    assert checking == "checking x.gz"
    assert str(read).startswith("x.gz, ")
