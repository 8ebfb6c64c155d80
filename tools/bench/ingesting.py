"""What it costs to store: bulk NDJSON into every peer, and raw events with `casbah ingest`; into empty stores, and with 60 periods in them.

Rounds are in turn, as everywhere: the ratios of a row are of the same round. Work that goes on after the last answer, such as
merging, counts as work of the processors, but not as time.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from tools.bench import floor
from tools.bench.asking import quartiles
from tools.bench.data import week_of
from tools.bench.peers.casbah import LOADERS
from tools.bench.peers.contract import FreshStore, Peer

EMPTY, OLD = "empty", "60 periods"
"""What is in the store before: nothing, or `before_records`."""

_ONE, _IN_MEMORY = "1 connection", "1 connection, acknowledged in memory, flushed at the end"
_STORED, _BATCH = 30_000, 5_000
_PERIODS, _WEEKS_APART, _IN_A_PERIOD = 60, 4, 50
_QUIET_SECONDS, _QUIET_SHARE, _MAX_WAITS = 0.5, 0.1, 40

Key = tuple[str, str, str]
"""What is stored, how, and into which store."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run: records a second, microseconds of processors and bytes on disk a record."""

    per_second: float
    microseconds: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A column of ratios: a figure of a row by that of the row that `base` names, if it names one."""

    title: str
    figure: str
    base: Callable[[Key], Key]


def fresh_records(seed: int) -> list[bytes]:
    """Records of one week, the same at every scale: what comes in lies close together in time."""
    return list(week_of(0, size=_STORED, seed=seed + 1))


def before_records(seed: int) -> list[bytes]:
    """A few records in each of 60 of Casbah's periods (25 days) before those, oldest first."""
    weeks = range(-_PERIODS * _WEEKS_APART, 0, _WEEKS_APART)
    return [record for week in weeks for record in week_of(week, size=_IN_A_PERIOD, seed=seed)]


def bulk(peers: Mapping[str, Peer], *, seed: int, folder: Path, rounds: int) -> dict[str, Any]:
    """Records as NDJSON, or what else a peer takes in bulk, in batches of 5,000, one after the other."""
    records, earlier = fresh_records(seed), before_records(seed)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        ways: dict[Key, Callable[[], Cost]] = {}
        for name, peer in peers.items():
            place, count = Path(scratch) / name, len(records)
            before, files = (
                _files(peer, earlier, 0, place / "before"),
                _files(peer, records, len(earlier), place / "rows"),
            )
            for store, first in ((EMPTY, []), (OLD, before)):
                ways[name, _ONE if peer.durable else _IN_MEMORY, store] = partial(_stored, peer, first, files, count)
            if name == "casbah":
                several = partial(_stored, peer, [], files, count, connections=LOADERS)
                ways[name, f"{LOADERS} connections", EMPTY] = several
        made = floor.documents(records, folder=Path(scratch))
        ways["floor", "in process", EMPTY] = partial(_floor, made, Path(scratch))
        ratios = (
            Ratio("processors, of those into an empty store", "microseconds", lambda key: (*key[:2], EMPTY)),
            Ratio("rate, of Casbah's", "per_second", lambda key: ("casbah", _ONE, key[2])),
        )
        return {"records": len(records), **in_rounds(ways, ratios, rounds=rounds)}


def in_rounds(ways: Mapping[Key, Callable[[], Cost]], ratios: Sequence[Ratio], *, rounds: int) -> dict[str, Any]:
    """Every way once a round. A way that fails is not tried again, and its row says why."""
    costs: dict[Key, list[Cost]] = {key: [] for key in ways}
    errors: dict[Key, str] = {}
    for key in track(list(ways) * rounds, "storing", console=Console(stderr=True)):
        if key not in errors:
            try:
                costs[key].append(ways[key]())
            except Exception as error:  # noqa: BLE001  whatever goes wrong with one way is told, and the others go on
                errors[key] = f"{type(error).__name__}: {error}"[:300]
    rows = [
        {"what": key, "error": errors[key]}
        if key in errors
        else _row(key, costs, [r for r in ratios if r.base(key) not in errors])
        for key in ways
    ]
    return {"rounds": rounds, "ratios": [each.title for each in ratios], "rows": rows}


def _row(key: Key, costs: Mapping[Key, Sequence[Cost]], ratios: Sequence[Ratio]) -> dict[str, Any]:
    own = costs[key]
    row: dict[str, Any] = {"what": key}
    for figure in Cost.__slots__:
        row[figure] = _spread([getattr(cost, figure) for cost in own])
    for ratio in ratios:
        base = costs.get(ratio.base(key))
        if base is not None and base is not own:
            pairs = zip(own, base, strict=True)
            row[ratio.title] = _spread([getattr(a, ratio.figure) / getattr(b, ratio.figure) for a, b in pairs])
    return row


def _spread(found: Sequence[float]) -> dict[str, float]:
    low, median, high = quartiles(found)
    return {"median": median, "low": low, "high": high}


def _files(peer: Peer, records: Sequence[bytes], first: int, folder: Path) -> list[Path]:
    """Batches of records in the peer's form, a file each: making them costs the same whenever it is measured."""
    folder.mkdir(parents=True)
    files = []
    for start in range(0, len(records), _BATCH):
        files.append(folder / f"{start}")
        rows = enumerate(records[start : start + _BATCH], first + start)
        files[-1].write_bytes(b"".join(peer.form(record, seq) for seq, record in rows))
    return files


def _stored(peer: Peer, before: Sequence[Path], files: Sequence[Path], count: int, *, connections: int = 1) -> Cost:
    with peer.fresh() as store:
        for file in before:
            store.insert(file)
        store.flush()
        _wait_until_quiet(store)
        held, worked, started = store.disk(), store.processor(), time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(store.insert, files))
        store.flush()
        seconds = time.perf_counter() - started
        _wait_until_quiet(store)
        worked = store.processor() - worked
        return Cost(count / seconds, worked / count * 1e6, (store.disk() - held) / count)


def _wait_until_quiet(store: FreshStore) -> None:
    """Until its processors do nearly nothing, or for 20 seconds."""
    for _ in range(_MAX_WAITS):
        before = store.processor()
        time.sleep(_QUIET_SECONDS)
        if store.processor() - before < _QUIET_SECONDS * _QUIET_SHARE:
            return


def _floor(made: Sequence[str], folder: Path) -> Cost:
    worked = time.process_time()
    seconds, size = floor.ingest(made, batch=_BATCH, folder=folder)
    return Cost(len(made) / seconds, (time.process_time() - worked) / len(made) * 1e6, size / len(made))
