"""What `casbah ingest` costs: raw CloudTrail and Microsoft 365 events, as one file and as 4,000 gzipped files of 8, as they are delivered.

No server runs: the command does everything, and starting it counts.
"""

import gzip
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from tools.bench import process
from tools.bench.data import FROM
from tools.bench.ingesting import EMPTY, OLD, Cost, Key, Ratio, before_records, in_rounds
from tools.bench.peers import casbah
from tools.demo.generate import made_up

_FILES, _IN_A_FILE = 4_000, 8
_EVENTS = _FILES * _IN_A_FILE
_GENERATED = 220_000
"""So many that enough are of each source."""

_ONE, _MANY = "one file", f"{_FILES:,} files"
_DELIVERED: dict[str, Callable[[Sequence[bytes]], bytes]] = {
    "cloudtrail": lambda events: b'{"Records":[%b]}' % b",".join(events),
    "microsoft365": lambda events: b"[%b]" % b",".join(events),
}
"""The content of a delivered file, by source."""


def costs(*, seed: int, folder: Path, rounds: int) -> dict[str, Any]:
    """Both sources, in both forms, into both stores."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        work = Path(scratch)
        old = _old_store(work, seed)
        ways: dict[Key, Callable[[], Cost]] = {}
        for source in _DELIVERED:
            one, many = _written(source, _events(source, seed), work / source)
            for form, path in ((_ONE, one), (_MANY, many)):
                for store, before in ((EMPTY, None), (OLD, old)):
                    ways[source, form, store] = partial(_ingested, path, before, work)
        ratios = (
            Ratio("processors, of those into an empty store", "microseconds", lambda key: (*key[:2], EMPTY)),
            Ratio("processors, of those for one file", "microseconds", lambda key: (key[0], _ONE, key[2])),
        )
        return {"records": _EVENTS, **in_rounds(ways, ratios, rounds=rounds)}


def _events(source: str, seed: int) -> list[bytes]:
    made = made_up(_GENERATED, seed=seed, until_ms=FROM + 7 * 86_400_000, days=7)
    found = list(islice((each.event for each in made if each.source == source), _EVENTS))
    if len(found) < _EVENTS:
        raise RuntimeError(f"only {len(found)} of {_EVENTS} events of {source} were made up")
    return found


def _written(source: str, events: Sequence[bytes], folder: Path) -> tuple[Path, Path]:
    """One file, an event a line, and the folder of many."""
    one, many = folder / "one.ndjson", folder / "many"
    many.mkdir(parents=True)
    one.write_bytes(b"\n".join(events))
    for start in range(0, len(events), _IN_A_FILE):
        content = _DELIVERED[source](events[start : start + _IN_A_FILE])
        (many / f"{start:06}.json.gz").write_bytes(gzip.compress(content))
    return one, many


def _old_store(work: Path, seed: int) -> Path:
    """A store with the records of earlier periods, which every run copies."""
    earlier, store = work / "earlier.ndjson", work / "old"
    earlier.write_bytes(b"\n".join(before_records(seed)))
    _run(earlier, store, work)
    return store


def _ingested(path: Path, before: Path | None, work: Path) -> Cost:
    store, held = work / "store", 0
    if before is not None:
        shutil.copytree(before, store)
        held = casbah.size(store)
    try:
        told, seconds, worked = _run(path, store, work)
        if told["stored"] != _EVENTS:
            raise RuntimeError(f"not all was stored: {told}")
        return Cost(_EVENTS / seconds, worked / _EVENTS * 1e6, (casbah.size(store) - held) / _EVENTS)
    finally:
        shutil.rmtree(store)


def _run(path: Path, store: Path, work: Path) -> tuple[dict[str, Any], float, float]:
    """What the command reports, and the seconds that it and its processors took."""
    out, log = work / "out.json", work / "ingest.log"
    seconds, worked = process.finished("casbah", "ingest", str(path), "--store", str(store), "--json", out=out, log=log)
    return json.loads(out.read_text()), seconds, worked
