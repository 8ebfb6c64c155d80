"""As large as the disk allows: one store that grows by a month of a million activities at a time, and what each size costs.

    python -m tools.bench.growth --months 30

Activities are those of `make bench` made small, 300 to 500 bytes. The year of the bench's data is compressed into each month, with
other ids, and the months follow each other, so history grows as it does for everybody. After the months of MILESTONES and at
the end, all shapes are asked, of a server that has just started (first answers) and of one that has answered them already; after the
month `--cold`, the ten investigations of `tools.bench.cold`. At the end there are a backup and an export. An interrupted run goes on with
the month in which it was.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from tools.bench import cold, data, machine, process
from tools.bench.__main__ import about_the_data
from tools.bench.asking import LIST, quartiles
from tools.bench.data import FROM, UNTIL, Data
from tools.bench.exporting import exported, memory_of
from tools.bench.peers.casbah import Casbah
from tools.bench.sample import Sample
from tools.bench.shapes import SHAPES

MILESTONES = (1, 3, 10, 20)
LARGEST = 500
"""Bytes of the largest activity."""
_MONTH = 30 * 86_400_000
_BATCH = 10_000
_SENDERS = 2
_SAMPLED = 20_000
_ROUNDS = 3
_WIDTH = 160
_ALWAYS = (
    "appId",
    "verb",
    "eventTypeValue",
    "isAdminOperation",
    "isImpersonated",
    "policies",
    "alertIds",
    "takenActions",
)
_FILE = 3
_OBJECT = ("objType", "role", "id", "name", "labels")
_MIB = 1 << 20


def small(record: Mapping[str, Any], turn: int) -> bytes:
    """The activity in at most LARGEST bytes, without its ids and times, as the inside of a JSON object: what most filters ask
    for, then as many of its other parts as there is room for, another one first each time.
    """
    main, device, user = record["mainInfo"], record.get("device", {}), record.get("user", {})
    *targets, actor = main["eventObjects"]
    targets.sort(key=lambda found: found["objType"] != _FILE)  # Stable: the first file, or else the first.
    core: dict[str, Any] = {key: record[key] for key in _ALWAYS if key in record}
    core["device"], core["user"] = _only(device, "clientIP", "countryCode"), _only(user, "userName")
    core["mainInfo"] = {"rawOperationName": main["rawOperationName"], "eventObjects": []}
    parts: list[dict[str, Any]] = [
        {"objects": [_only(target, *_OBJECT) for target in targets[:1]]},
        {"objects": [_only(actor, *_OBJECT)]},
        {"location": _only(record.get("location", {}), "category", "ipTags", "organizationSearchable")},
        {"device": {**core["device"], **_only(device, "userAgent", "tags")}},
        {"userAgent": _only(record.get("userAgent", {}), "tags", "deviceType")},
        {"user": user, **_only(record, "session")},
        _only(record, "instanceId", "source"),
    ]
    for part in parts[turn % len(parts) :] + parts[: turn % len(parts)]:
        objects = [*part.pop("objects", []), *core["mainInfo"]["eventObjects"]]
        larger = {**core, **part, "mainInfo": {**core["mainInfo"], "eventObjects": objects}}
        if len(orjson.dumps(larger)) <= LARGEST - _IDENTITY:
            core = larger
    return orjson.dumps(core)[1:]


def _only(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the fields that have a value."""
    return {name: fields[name] for name in names if fields.get(name)}


_IDENTITY = 112
"""Bytes of an activity's id and times."""


def templates(records: Data, work: Path) -> Path:
    """A line for each activity of the bench's data: its place in the month, how late it came, and the rest of it."""
    path = work / f"{records.key}-small.txt"
    if not path.exists():
        making = path.with_suffix(".making")
        with making.open("wb") as file:
            for turn, line in enumerate(records.records()):
                record = orjson.loads(line)
                place = (record["timestamp"] - FROM) * _MONTH // (UNTIL - FROM)
                file.write(b"%d %d %b\n" % (place, record["created"] - record["timestamp"], small(record, turn)))
        making.rename(path)
    return path


def month(path: Path, number: int) -> Iterator[bytes]:
    """The activities of one month; the first is month 0."""
    begins = FROM + number * _MONTH
    with path.open("rb") as lines:
        for count, line in enumerate(lines):
            place, late, rest = line.split(b" ", 2)
            happened = begins + int(place)
            identity = hashlib.blake2b(b"%d %d" % (number, count), digest_size=16).hexdigest().encode()
            yield b'{"_id":"%b","timestamp":%d,"created":%d,%b' % (identity, happened, happened + int(late), rest)


class Growing:
    """The store, how many millions it holds, and what was measured so far; all of it survives the run."""

    def __init__(self, work: Path, records: Data) -> None:
        self.folder = work / "growth" / records.key
        self.folder.mkdir(parents=True, exist_ok=True)
        self.casbah = Casbah(self.folder)
        self._seed, self.size = records.seed, records.count
        self._templates = templates(records, self.folder)
        self._notes = self.folder / "growth.json"
        empty: dict[str, Any] = {"size": self.size, "months": [], "milestones": {}}
        self.notes = json.loads(self._notes.read_text(encoding="utf-8")) if self._notes.exists() else empty

    @property
    def months(self) -> int:
        """How many months have been acknowledged."""
        return len(self.notes["months"])

    @property
    def until(self) -> int:
        """When the newest month ends."""
        return FROM + self.months * _MONTH

    def sample(self) -> Sample:
        """Activities of the newest month, spread over it."""
        lines = islice(self._newest(), 0, None, max(1, self.size // _SAMPLED))
        return Sample(lines, seed=self._seed, until=self.until)

    @property
    def newest(self) -> cold.Newest:
        """The newest month, for the investigations."""
        return cold.Newest(self._newest, self.until, self._seed)

    def _newest(self) -> Iterator[bytes]:
        return month(self._templates, self.months - 1)

    def note(self, name: str, value: Any) -> None:
        """Keep what was measured at this size."""
        self.notes["milestones"].setdefault(str(self.months), {})[name] = value
        self._save()

    def noted(self, name: str) -> Any:
        """What was measured at this size; None if it was not."""
        return self.notes["milestones"].get(str(self.months), {}).get(name)

    def grow(self) -> None:
        """Load one more month."""
        before, lines = self._worked(), month(self._templates, self.months)
        seconds = self.casbah.store_all(lines, self.size, batch=_BATCH, connections=_SENDERS, again=True)
        figures = {
            "seconds": round(seconds, 1),
            "processor_seconds": round(self._worked() - before, 2),
            "disk": self.casbah.disk(),
            "memory_mib": memory_of(self.casbah) // _MIB,
        }
        self.notes["months"].append(figures)
        self._save()
        count = self.months * self.size
        rate, room = self.size / seconds, figures["disk"] / count
        print(f"{count:,} activities: {rate:,.0f} records/s, {room:.0f} bytes of disk each", flush=True)

    def _worked(self) -> float:
        return sum(running.processor() for running in self.casbah.processes())

    def _save(self) -> None:
        writing = self._notes.with_suffix(".writing")
        writing.write_text(json.dumps(self.notes, indent=1) + "\n", encoding="utf-8")
        writing.replace(self._notes)


def restarted(growing: Growing) -> float:
    """The seconds from starting the server to its first answer."""
    growing.casbah.stop()
    began = time.perf_counter()
    growing.casbah.start()
    growing.casbah.again().ask(LIST, {"limit": 1})
    return time.perf_counter() - began


def asked(growing: Growing) -> dict[str, Any]:
    """Each shape in ms: its requests when they are asked for the first time, and the median of those asked again."""
    sample, connection = growing.sample(), growing.casbah.again()
    first, again = {}, {}
    total = json.loads(connection.ask(LIST, {"limit": 1}))["total"]
    if total != growing.months * growing.size:
        raise RuntimeError(f"{total:,} activities, where {growing.months * growing.size:,} were acknowledged")
    requests = {shape.name: shape.bodies(sample, total) for shape in SHAPES}
    for name, bodies in requests.items():
        first[name] = [_timed(connection.ask, body) for body in bodies]
    for name, bodies in requests.items():
        again[name] = quartiles([_timed(connection.ask, body) for _ in range(_ROUNDS) for body in bodies])
    return {"first": first, "again": again}


def _timed(ask: Any, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    ask(LIST, body)
    return round((time.perf_counter() - began) * 1_000, 2)


def backed_up(growing: Growing) -> dict[str, Any]:
    """A full backup with `casbah backup` beside the server; it is deleted again."""
    target, log = growing.folder / "backup", growing.folder / "backup.log"
    shutil.rmtree(target, ignore_errors=True)
    store = str(growing.casbah.store)
    seconds, worked = process.finished("casbah", "backup", "make", str(target), "--store", store, out=log, log=log)
    figures = {"seconds": round(seconds, 1), "processor_seconds": round(worked, 1), "bytes": process.size(target)}
    shutil.rmtree(target)
    return figures


def measure(growing: Growing, *, cold_at: int) -> None:
    """All that is measured at this size, unless an earlier run did."""
    if growing.noted("asked") is None:
        growing.note("restart_seconds", round(restarted(growing), 2))
        growing.note("asked", asked(growing))
        growing.note("memory_mib", memory_of(growing.casbah) // _MIB)
    if growing.months == cold_at and growing.noted("cold") is None:
        growing.casbah.stop()
        growing.note("cold", cold.all_measured(growing.casbah, growing.newest, rounds=_ROUNDS))
        growing.casbah.start()


def show(notes: Mapping[str, Any]) -> None:
    """The report, for people and for docs/performance.md."""
    sizes = list(notes["milestones"])
    count = notes["size"]
    print(f"{len(notes['months']) * count:,} activities; {machine.in_words(machine.described())}\n")
    loading = _table("activities", "records/s", "processor, us/record", "bytes/record", "memory, MiB")
    for size in sizes:
        month = notes["months"][int(size) - 1]
        worked = month["processor_seconds"] / count * 1e6
        cells = (f"{count / month['seconds']:,.0f}", f"{worked:.0f}", f"{month['disk'] / int(size) / count:.0f}")
        loading.add_row(f"{int(size) * count:,}", *cells, str(month["memory_mib"]))
    firsts = _table("activities", "restart, s", "first answers, p50 ms", "p95", "at most", "memory after, MiB")
    for size in sizes:
        noted = notes["milestones"][size]
        times = sorted(time for name in noted["asked"]["first"] for time in noted["asked"]["first"][name])
        p95 = times[len(times) * 95 // 100]
        waits = (f"{statistics.median(times):.1f}", f"{p95:.0f}", f"{times[-1]:.0f}", str(noted["memory_mib"]))
        firsts.add_row(f"{int(size) * count:,}", f"{noted['restart_seconds']:.1f}", *waits)
    shapes = _table("again, ms", *(f"{int(size) * count:,}" for size in sizes), "growth")
    for shape in SHAPES:
        medians = [notes["milestones"][size]["asked"]["again"][shape.name][1] for size in sizes]
        growth = f"{medians[-1] / medians[0]:.1f}x"
        shapes.add_row(shape.name, *(f"{median:.2f}" for median in medians), growth)
    for table in (loading, firsts, shapes):
        Console(width=_WIDTH).print(table)
    for size in sizes:
        for name in ("backup", "export"):
            if name in notes["milestones"][size]:
                print(f"{name}: {notes['milestones'][size][name]}")
        if "cold" in notes["milestones"][size]:
            cold.show(notes["milestones"][size]["cold"], int(size) * count)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about_the_data(parser, scale="1m")
    parser.add_argument("--months", type=int, default=30)
    parser.add_argument("--cold", type=int, default=10, metavar="MONTHS")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    growing = Growing(chosen.work, data.made(chosen.work, count=chosen.count, seed=chosen.seed))
    growing.casbah.start()
    try:
        while True:
            if growing.months in (*MILESTONES, chosen.months):
                measure(growing, cold_at=chosen.cold)
            if growing.months >= chosen.months:
                break
            growing.grow()
        if growing.noted("backup") is None:
            growing.note("backup", backed_up(growing))
        if growing.noted("export") is None:
            growing.note("export", exported(growing.casbah, "ndjson+zstd"))
    finally:
        growing.casbah.stop()
    show(growing.notes)
    if chosen.json:
        chosen.json.write_text(json.dumps(growing.notes, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
