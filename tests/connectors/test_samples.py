"""Ten real events of every source, and the records that they become, read by a person."""

from pathlib import Path

import pytest

from casbah.ingest.connectors import connectors
from connectors import samples

SAMPLES = [pytest.param(sample, id=sample.stem) for sample in (*samples.folders(), *samples.csv_files())]


@pytest.mark.parametrize("sample", SAMPLES)
def test_events_become_the_records_that_were_reviewed(sample: Path) -> None:
    found, wanted = samples.made(sample), samples.expected(sample)
    assert len(found) == len(wanted)
    for record, reviewed in zip(found, wanted, strict=True):
        assert record == reviewed
        assert list(record) == list(reviewed)


def test_every_source_has_samples() -> None:
    assert {folder.name for folder in samples.folders()} == set(connectors())


FEWER = {"atlassian": 2, "mdca": 5}
"""Sources of which fewer than ten real events are public under a licence that permits copies, and how many."""


def test_every_source_has_ten_real_events_where_they_exist() -> None:
    known = connectors()
    real = [folder for folder in samples.folders() if known[folder.name].samples != "documentation"]
    counts = {folder.name: len(next(folder.glob("events.*")).read_bytes().splitlines()) for folder in real}
    assert {name: count for name, count in counts.items() if count < samples.MOST} == FEWER
    assert all((folder / "SOURCE.md").read_text("utf-8").strip() for folder in samples.folders())
