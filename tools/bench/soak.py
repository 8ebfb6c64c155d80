"""Many clients of every kind at once, for as long as is asked: no errors, and memory that does not grow.

    python -m tools.bench.soak --minutes 30 --scale 10m

The server is `casbah serve` on the store that `make bench` loads (it is loaded if it is not there yet). Of 64 clients 40 list,
8 scan, 6 fetch by id, 8 store and 2 export; each asks its next question as soon as the last one is answered, storing ones after
half a second. What is stored is of now, under ids of its own, so that the store grows. Everything that is not answered with 2xx
is an error. Memory is what the server's processes hold themselves (anonymous), looked at every five seconds.
"""

import argparse
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.bench import data, machine
from tools.bench.__main__ import about_the_data
from tools.bench.asking import LIST, quartiles
from tools.bench.data import Data
from tools.bench.peers.casbah import INGEST, Casbah
from tools.bench.peers.contract import ready
from tools.bench.sample import Sample
from tools.bench.shapes import SHAPES
from tools.bench.wire import Connection

EXPORTS = "/api/ext/v1/exports"
BATCH = 100
_LOOK_SECONDS = 5
_EXPORT_SECONDS = 0.5
_STORE_SECONDS = 0.5
_SCAN_LIMIT = 500
_PAGES = 20
_HOUR = 3_600_000
_GROWTH = 1.15
"""How much larger memory may be in the last third than in the second one, to be called flat."""


@dataclass
class Told:
    """What the clients saw: seconds of every answer by kind, and what was no success."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    stored: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def timed(self, kind: str, call: Callable[[], bytes]) -> bytes:
        """The answer to a request; nothing if there was an error, which is told."""
        began = time.perf_counter()
        try:
            answer = call()
        except OSError as error:
            with self.lock:
                self.errors[f"{kind}: {str(error)[:120]}"] += 1
            return b""
        with self.lock:
            self.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        return answer


@dataclass(frozen=True)
class Client:
    """One client: what it asks is by chance, the same in every run of a seed."""

    connection: Connection
    told: Told
    chance: random.Random
    number: int
    done: threading.Event

    def page(self, bodies: list[dict[str, Any]]) -> None:
        """Pages of all shapes."""
        while not self.done.is_set():
            body = self.chance.choice(bodies)
            self.told.timed("page", lambda body=body: self.connection.ask(LIST, body))

    def scan(self, bodies: list[dict[str, Any]]) -> None:
        """Walks of some pages each."""
        while not self.done.is_set():
            filters = self.chance.choice(bodies)["filters"]
            for _ in range(_PAGES):
                asked = {"filters": filters, "isScan": True, "limit": _SCAN_LIMIT}
                answer = self.told.timed("scan", lambda asked=asked: self.connection.ask(LIST, asked))
                if self.done.is_set() or not answer:
                    break
                tail = json.loads(b"{" + answer[answer.rindex(b'],"hasNext"') + 2 :])
                if not tail["hasNext"]:
                    break
                filters = tail["nextQueryFilters"]

    def fetch(self, ids: list[str]) -> None:
        """One activity after another."""
        while not self.done.is_set():
            path = f"{LIST}{self.chance.choice(ids)}/"
            self.told.timed("fetch", lambda path=path: self.connection.send("GET", path))

    def store(self, records: list[bytes]) -> None:
        """Batches of activities that happen now."""
        number = 0
        while not self.done.is_set():
            number += 1
            made = [self._anew(self.chance.choice(records), f"{number}-{each}") for each in range(BATCH)]
            body = b"\n".join(made)
            send = lambda body=body: self.connection.send("POST", INGEST, body, "application/x-ndjson")  # noqa: E731
            answer = self.told.timed("store", send)
            if answer:
                with self.told.lock:
                    self.told.stored += json.loads(answer)["stored"]
            self.done.wait(_STORE_SECONDS)

    def export(self, moments: list[int]) -> None:
        """Six hours as Parquet or packed NDJSON: begun, waited for, fetched, deleted."""
        while not self.done.is_set():
            start = self.chance.choice(moments)
            asked = {"filters": {"date": {"range": {"start": start, "end": start + 6 * _HOUR}}}}
            form = self.chance.choice(({"format": "parquet"}, {"format": "ndjson", "compress": "gzip"}))
            answer = self.told.timed(
                "export: begin", lambda asked=asked, form=form: self.connection.ask(EXPORTS, {**asked, **form})
            )
            if not answer:
                continue
            place = f"{EXPORTS}/{json.loads(answer)['id']}"
            began = time.perf_counter()
            state = "waiting"
            while state in ("waiting", "running") and not self.done.wait(_EXPORT_SECONDS):
                state = json.loads(self.connection.send("GET", place))["state"]
            if state == "ready":
                with self.told.lock:
                    self.told.seconds.setdefault("export: until ready", []).append(time.perf_counter() - began)
                self.told.timed("export: fetch", lambda place=place: self.connection.send("GET", f"{place}/file"))
            elif not self.done.is_set():
                with self.told.lock:
                    self.told.errors[f"export is {state}"] += 1
            self.told.timed("export: delete", lambda place=place: self.connection.send("DELETE", place))

    def _anew(self, record: bytes, name: str) -> bytes:
        made = json.loads(record)
        identity = f"soak-{os.getpid()}-{self.number}-{name}"
        return json.dumps({**made, "_id": identity, "uid": identity, "timestamp": time.time_ns() // 1_000_000}).encode()


def soaked(casbah: Casbah, records: Data, *, minutes: float, seed: int) -> dict[str, Any]:
    """What came of it."""
    sample = Sample.of(records)
    bodies = [body for shape in SHAPES for body in shape.bodies(sample, records.count)]
    some = [line for part in records.parts[::13] for line, _ in zip(data.read(part), range(200), strict=False)]
    ids = [json.loads(line)["_id"] for line in some]
    moments = [json.loads(line)["timestamp"] for line in some]
    told, done = Told(), threading.Event()
    work: list[tuple[int, str, list[Any]]] = [
        (40, "page", bodies),
        (8, "scan", bodies),
        (6, "fetch", ids),
        (8, "store", some),
        (2, "export", moments),
    ]
    threads = []
    for count, kind, given in work:
        for _ in range(count):
            number = len(threads)
            client = Client(casbah.again(), told, random.Random(f"{seed}-{number}"), number, done)
            threads.append(threading.Thread(target=getattr(client, kind), args=(given,)))
    began = time.monotonic()
    for thread in threads:
        thread.start()
    memory = _watched(casbah, told, until=began + minutes * 60)
    done.set()
    for thread in threads:
        thread.join()
    return _report(told, memory, seconds=time.monotonic() - began, clients=len(threads))


def _watched(casbah: Casbah, told: Told, *, until: float) -> list[int]:
    """The server's memory every few seconds."""
    found = []
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        found.append(sum(process.memory()["held"] for process in casbah.processes()) or (found[-1] if found else 0))
        answers, errors = sum(map(len, told.seconds.values())), sum(told.errors.values())
        left = max(0, until - time.monotonic())
        print(
            f"\r{answers:,} answers, {errors} errors, {found[-1] >> 20:,} MiB, {left / 60:.1f} minutes left ",
            end="",
            file=sys.stderr,
        )
    print(file=sys.stderr)
    return found


def _report(told: Told, memory: list[int], *, seconds: float, clients: int) -> dict[str, Any]:
    third = max(1, len(memory) // 3)
    parts = [median(memory[at : at + third]) for at in (0, third, len(memory) - third)]
    return {
        "machine": machine.described(),
        "seconds": round(seconds),
        "clients": clients,
        "kinds": {kind: _figures(found, seconds) for kind, found in sorted(told.seconds.items())},
        "errors": dict(told.errors),
        "stored": told.stored,
        "memory_mib": {
            name: round(part / 2**20) for name, part in zip(("first third", "second", "last"), parts, strict=True)
        },
        "most_memory_mib": max(memory) >> 20,
        "flat": parts[2] <= parts[1] * _GROWTH,
    }


def _figures(found: list[float], seconds: float) -> dict[str, Any]:
    ordered = sorted(found)
    return {
        "answers": len(ordered),
        "per_second": round(len(ordered) / seconds, 1),
        "p50_ms": round(quartiles(ordered)[1] * 1_000, 1) if len(ordered) > 1 else round(ordered[0] * 1_000, 1),
        "p99_ms": round(ordered[len(ordered) * 99 // 100] * 1_000, 1),
        "most_ms": round(ordered[-1] * 1_000, 1),
    }


def show(found: dict[str, Any]) -> None:
    """The report, for people."""
    table = Table(title=f"{found['clients']} clients for {found['seconds']:,} s; {found['machine']}")
    for name in ("", "answers", "a second", "p50 ms", "p99 ms", "most ms"):
        table.add_column(name, justify="left" if not name else "right")
    for kind, row in found["kinds"].items():
        table.add_row(kind, *(f"{row[key]:,}" for key in ("answers", "per_second", "p50_ms", "p99_ms", "most_ms")))
    console = Console()
    console.print(table)
    parts = ", ".join(f"{name} {size:,}" for name, size in found["memory_mib"].items())
    console.print(
        f"memory of the server, MiB: {parts}; at most {found['most_memory_mib']:,}; {'flat' if found['flat'] else 'NOT flat'}"
    )
    console.print(f"stored {found['stored']:,}; errors {sum(found['errors'].values())} {found['errors'] or ''}")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    about_the_data(parser, scale="10m")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    records = data.made(chosen.work, count=chosen.count, seed=chosen.seed)
    casbah, _ = ready(Casbah, chosen.work, records, anew=False, say=print)
    try:
        found = soaked(casbah, records, minutes=chosen.minutes, seed=chosen.seed)
    finally:
        casbah.stop()
    show(found)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if found["errors"] or not found["flat"] else 0


if __name__ == "__main__":
    sys.exit(main())
