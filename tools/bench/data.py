"""The records that every peer is loaded with: made up from a seed, kept as gzipped NDJSON, a file a week.

`tools.demo.generate` makes the events and the connectors make records of them, as they would of anybody's. Two things are
done to them on top: they are trimmed to the size that real records have (2 KB, where those of the demonstration have twice
that), and their four hundred accounts become as many as so many activities would have (some four hundred for every 40,000).
Records bring their own `_id`, `uid` and `created`, so that every peer stores the same bytes.
"""

import gzip
import json
import random
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
from rich.console import Console
from rich.progress import track

from casbah.demo.load import activities_of
from tools.demo.generate import made_up

VERSION = 1
"""Part of the key of what is kept: a change of what is made here must change it."""

UNTIL = 1_760_000_000_000
_WEEKS = 52
_WEEK = 7 * 86_400_000
FROM = UNTIL - _WEEKS * _WEEK

_PER_CELL, _MAX_CELLS = 40_000, 256
_ACCOUNT = re.compile(
    rb"\b(analyst|engineer|sales|finance|hr|legal|support|marketing|director|designer|operator|consultant|admin)-(\d{2,3})"
)
_NET_4 = re.compile(rb"\b(192\.0\.2|203\.0\.113)\.")
_NET_6 = re.compile(rb"\b2001:db8:([0-9a-f]{1,2}):")
_BENCHMARK_NET = {b"192.0.2": b"198.18", b"203.0.113": b"198.19"}  # RFC 2544 keeps 198.18.0.0/15 for this.

_MAX_OBJECTS = 4
_FILE = 3
_REPEATED = ("aadTenantId", "entityData", "instanceName", "description_id", "genericEventType", "timestampRaw")
_RAW = (
    "Id",
    "Operation",
    "ObjectId",
    "SiteUrl",
    "SourceRelativeUrl",
    "SourceFileName",
    "ListItemUniqueId",
    "Site",
    "eventID",
)
_LATE = (500, 900_000)


@dataclass(frozen=True, slots=True)
class Data:
    """The records of one run: where they are and how many."""

    folder: Path
    count: int
    seed: int
    size: int

    @property
    def key(self) -> str:
        """What loaded peers are named after."""
        return _key(self.count, self.seed)

    @property
    def parts(self) -> list[Path]:
        """The files, oldest first."""
        return [self.folder / _name(week) for week in range(_WEEKS)]

    @property
    def sizes(self) -> list[int]:
        """How many records each file has."""
        return _sizes(self.count)

    def records(self) -> Iterator[bytes]:
        """Every record, in the order of time."""
        for part in self.parts:
            yield from read(part)


def read(part: Path) -> Iterator[bytes]:
    """The records of one file."""
    with gzip.open(part, "rb") as lines:
        for line in lines:
            yield line.rstrip(b"\n")


def made(work: Path, *, count: int, seed: int) -> Data:
    """The records of that count and seed, made if they are not there."""
    folder = work / "data" / _key(count, seed)
    done = folder / "done.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(_make, folder, week, size, count, seed) for week, size in enumerate(_sizes(count))]
            written = sum(job.result() for job in track(jobs, "making data", console=Console(stderr=True)))
        done.write_text(json.dumps({"count": count, "seed": seed, "bytes": written}))
    return Data(folder, count, seed, json.loads(done.read_text())["bytes"])


def _sizes(count: int) -> list[int]:
    return [count // _WEEKS + (week < count % _WEEKS) for week in range(_WEEKS)]


def _key(count: int, seed: int) -> str:
    return f"v{VERSION}-seed{seed}-{count}"


def _name(week: int) -> str:
    return f"week-{week:02}.ndjson.gz"


def week_of(week: int, *, size: int, seed: int, cells: int = 1) -> Iterator[bytes]:
    """The records of one week."""
    chance = random.Random(f"{seed}-{week}")
    events = made_up(size, seed=seed * 1_000 + week, until_ms=FROM + (week + 1) * _WEEK, days=7)
    for number, arrival in enumerate(activities_of(events)):
        identity = f"{arrival.id}_{week}-{number}"
        own = {"_id": identity, "uid": identity, "created": arrival.timestamp + chance.randrange(*_LATE)}
        yield _in_cell(orjson.dumps({**own, **_trimmed(arrival.activity)}), chance.randrange(cells))


def _make(folder: Path, week: int, size: int, count: int, seed: int) -> int:
    """Write one week's file, unless it was written when the rest was not; the bytes of its records."""
    cells = max(1, min(_MAX_CELLS, count // _PER_CELL))
    written = 0
    part = folder / _name(week)
    if part.exists():
        with gzip.open(part, "rb") as lines:
            return sum(len(line) - 1 for line in lines)
    with gzip.open(part.with_suffix(".making"), "wb", compresslevel=1) as file:
        for record in week_of(week, size=size, seed=seed, cells=cells):
            written += len(record)
            file.write(record + b"\n")
    part.with_suffix(".making").rename(part)
    return written


def _trimmed(activity: Mapping[str, Any]) -> dict[str, Any]:
    """The activity with fewer event objects (its actors stand last), and of the raw event what filters read, and a little."""
    main, raw = activity["mainInfo"], activity["rawDataJson"]
    objects = list(map(_labelled, main.get("eventObjects", [])))
    if len(objects) > _MAX_OBJECTS:
        objects = [*objects[: _MAX_OBJECTS - 2], *objects[-2:]]
    kept = {key: value for key, value in activity.items() if key not in _REPEATED}
    return {
        **kept,
        "mainInfo": {**main, "eventObjects": objects},
        "rawDataJson": {key: raw[key] for key in _RAW if key in raw},
    }


def _labelled(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event object with a label, if it is one file in eight: the demonstration labels none."""
    mark = crc32(str(found.get("id")).encode())
    labeled = found["objType"] == _FILE and mark % 8 == 0
    return {**found, "labels": [f"0000ca5b0000000000001a{mark // 8 % 8:02x}"]} if labeled else found


def _in_cell(record: bytes, cell: int) -> bytes:
    """The same activity by the accounts and from the addresses of one part of a larger company."""
    if cell == 0:
        return record
    record = _ACCOUNT.sub(rb"\1-%d\2" % cell, record)
    record = _NET_4.sub(lambda found: b"%b.%d." % (_BENCHMARK_NET[found[1]], cell), record)
    return _NET_6.sub(rb"2001:db8:%x\1:" % cell, record)
