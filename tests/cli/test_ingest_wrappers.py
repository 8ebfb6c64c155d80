"""casbah ingest of one set of events in every wrapper: each event is stored once."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_line import app
from ingest.dressed import DRESSES
from ingest.foreign import DIGEST

SAMPLES = Path(__file__).parent.parent / "connectors"


def counts(store: Path, *words: str) -> dict[str, int]:
    ran = CliRunner().invoke(app, ["ingest", *words, "--store", str(store), "--json"], catch_exceptions=False)
    return {name: json.loads(ran.stdout)[name] for name in ("read", "stored", "duplicates", "refused", "skipped")}


@pytest.mark.parametrize("source", ["microsoft365", "cloudtrail"])
def test_events_in_every_wrapper_are_stored_once(tmp_path: Path, source: str) -> None:
    events = (SAMPLES / source / "events.ndjson").read_bytes().splitlines()
    folder = tmp_path / "exports"
    folder.mkdir()
    # A wrapper that makes numbers text makes other events of them (docs/sources.md, Limits).
    dresses = [dress for dress in DRESSES.values() if dress.typed and (not dress.sources or source in dress.sources)]
    for number, dress in enumerate(dresses):
        (folder / f"{number:02}.json").write_bytes(dress.dress(events))
    total, store = len(events) * len(dresses), tmp_path / "store"
    once = {"read": total, "stored": len(events), "duplicates": total - len(events), "refused": 0, "skipped": 0}
    assert counts(store, str(folder)) == once
    again = {"read": total, "stored": 0, "duplicates": total, "refused": 0, "skipped": 0}
    assert counts(store, str(folder), "--source", source) == again


def test_a_folder_with_an_archive_and_digests_is_read_without_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "bucket"
    folder.mkdir()
    (folder / "digest.json.gz").write_bytes(gzip.compress(json.dumps(DIGEST).encode()))
    with tarfile.open(folder / "logs.tar.gz", "w:gz") as archive:
        archive.add(SAMPLES / "cloudtrail" / "events.ndjson", "AWSLogs/CloudTrail/events.json")
        archive.add(SAMPLES / "cloudtrail_insights" / "events.ndjson", "AWSLogs/CloudTrail-Insight/events.json")
        archive.add(folder / "digest.json.gz", "AWSLogs/CloudTrail-Digest/digest.json.gz")
    ran = CliRunner().invoke(app, ["ingest", str(folder), "--store", str(tmp_path / "store"), "--json"])
    assert ran.exit_code == 0
    counted = json.loads(ran.stdout)
    assert (counted["read"], counted["stored"], counted["skipped"]) == (15, 15, 2)
    assert "logs.tar.gz!AWSLogs/CloudTrail-Digest/digest.json.gz: a CloudTrail digest file" in ran.stderr
