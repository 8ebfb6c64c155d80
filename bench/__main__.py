"""What a page of activities costs: bare tantivy, the store, and the whole way over HTTP, side by side.

    make bench                            100,000 made-up activities
    make bench ARGS='--count 1000000'     more of them
    make bench ARGS=--json                figures for machines, one line

Every query asks for a page of 100 with its exact total. The three are measured in turn, round after round, in one run on one
machine: only their ratios mean something. Medians, with the span of the middle half of the rounds.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from casbah import settings
from casbah.activity.query import Query, parse
from casbah.activity.scope import Scope
from casbah.compose import House, opened, wall_clock
from casbah.demo.generate import made_up
from casbah.demo.load import arrivals_of
from casbah.store.embedded.render import render

TENANT = Scope("default")
BATCH = 5_000

QUERIES: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "user eq": {"user.username": {"eq": "analyst-017@contoso.example"}},
    "user startswith": {"user.username": {"startswith": "analyst-0"}},
    "app eq": {"service": {"eq": 20892}},
    "app + country + 30 days": {"service": {"eq": 20892}, "location.country": {"eq": "DE"}, "date": {"gte_ndays": 30}},
    "country neq": {"location.country": {"neq": "US"}},
    "ip in network": {"ip.address": {"eq": "203.0.113.0/26"}},
    "ip prefix": {"ip.address": {"startswith": "203.0.113."}},
    "agent contains": {"userAgent.userAgent": {"contains": "windows"}},
    "agent ncontains": {"userAgent.userAgent": {"ncontains": "windows"}},
    "policy isset": {"policy": {"isset": True}},
    "two words": {"text": {"text": "documents report"}},
    "phrase": {"text": {"eq": "contoso example"}},
    "phrase prefix": {"text": {"startswithsingle": "shared doc"}},
}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, opened(settings.read({"CASBAH_STORE": folder})) as house:
        report = measured(house, Path(folder), count=chosen.count, rounds=chosen.rounds)
    print(json.dumps(report)) if chosen.json else show(report)
    return 0


def measured(house: House, folder: Path, *, count: int, rounds: int) -> dict[str, Any]:
    """Load, then ask every query in each way, in turn."""
    seconds = load(house, count)
    figures: dict[str, Any] = {}
    with asyncio.Runner() as runner:
        transport = httpx.ASGITransport(app=house.app)
        headers = {"Authorization": f"Token {house.local_key}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://bench", headers=headers)
        for name, filters in track(QUERIES.items(), "asking", console=Console(stderr=True)):
            query = parse({"filters": filters}, now=wall_clock())
            ways: dict[str, Callable[[], object]] = {
                "tantivy": lambda query=query: bare(house, query),
                "store": lambda query=query: house.services.store.find(query, TENANT),
                "http": lambda filters=filters: runner.run(
                    client.post("/api/v1/activities/", json={"filters": filters})
                ),
            }
            total = house.services.store.find(query, TENANT).total
            figures[name] = {"total": total, **in_turn(ways, rounds)}
        runner.run(client.aclose())
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "activities": count,
        "load_seconds": round(seconds, 1),
        "bytes_on_disk": size,
        "rounds": rounds,
        "milliseconds": figures,
    }


def load(house: House, count: int) -> float:
    """Store `count` made-up activities; the seconds it took."""
    started = time.perf_counter()
    batch = []
    made = made_up(count, until_ms=wall_clock())
    for arrival in track(arrivals_of(made), "loading", total=count, console=Console(stderr=True)):
        batch.append(arrival)
        if len(batch) == BATCH:
            house.services.store.insert(batch, TENANT)
            batch = []
    house.services.store.insert(batch, TENANT)
    return time.perf_counter() - started


def bare(house: House, query: Query) -> int:
    """The same page and total asked of tantivy itself, period after period, with nothing of ours between."""
    store: Any = house.services.store
    wanted, total = query.limit, 0
    for view in store._tenant(TENANT)._ordered(query):
        found = view.searcher.search(
            render(query.predicate, view.schema, view.searcher), limit=max(wanted, 1), order_by_field="date_key"
        )
        total += found.count
        for _, address in found.hits[:wanted]:
            view.searcher.doc(address)["record"]
        wanted -= min(wanted, len(found.hits))
    return total


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Each way once a round, so that what slows the machine slows all of them."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, ask in ways.items():
            started = time.perf_counter()
            ask()
            times[name].append((time.perf_counter() - started) * 1_000)
    return {name: summary(each) for name, each in times.items()}


def summary(times: list[float]) -> dict[str, float]:
    """Median and the middle half."""
    low, median, high = statistics.quantiles(times, n=4)
    return {"median": round(median, 3), "low": round(low, 3), "high": round(high, 3)}


def show(report: dict[str, Any]) -> None:
    """The figures as a table."""
    count, seconds, size = report["activities"], report["load_seconds"], report["bytes_on_disk"]
    console = Console()
    console.print(
        f"{count:,} activities loaded in {seconds} s ({count / seconds:,.0f}/s), {size / count:,.0f} bytes each on disk"
    )
    table = Table("query", "total", "tantivy ms", "store ms", "http ms", "http / tantivy")
    for name, row in report["milliseconds"].items():
        cells = [
            f"{row[way]['median']:.2f} ({row[way]['low']:.2f}..{row[way]['high']:.2f})"
            for way in ("tantivy", "store", "http")
        ]
        table.add_row(name, f"{row['total']:,}", *cells, f"{row['http']['median'] / row['tantivy']['median']:.2f}x")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
