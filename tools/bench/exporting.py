"""What an export of everything costs the server: seconds, and by how much its own memory grows at most.

    python -m tools.bench.exporting --scale 10m --formats ndjson+zstd,parquet

The server is `casbah serve` on the store that `make bench` loads (it is loaded if it is not there yet), started anew for each
format. Memory is what its processes hold themselves (anonymous), looked at every quarter of a second; before the export begins a page
and a count have been answered, so that what any server holds is there already. The file is checked against its SHA-256.
"""

import argparse
import hashlib
import json
import sys
import time
import urllib.request
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.bench import data, machine
from tools.bench.__main__ import about_the_data
from tools.bench.asking import LIST
from tools.bench.peers.casbah import Casbah, reached
from tools.bench.peers.contract import ready

EXPORTS = "/api/ext/v1/exports"
FORMATS = ("ndjson+zstd", "ndjson+gzip", "csv+gzip", "parquet", "arrow", "cef+gzip")
_LOOK_SECONDS = 0.25
_CHUNK = 1 << 20


def exported(casbah: Casbah, form: str) -> dict[str, Any]:
    """One export from beginning to deletion."""
    connection = casbah.again()
    for _ in range(3):
        connection.ask(LIST, {"filters": {}, "limit": 100})
    time.sleep(1)
    before, maximum = memory_of(casbah), 0
    name, _, packed = form.partition("+")
    began = time.monotonic()
    asked = {"format": name, **({"compress": packed} if packed else {})}
    export = json.loads(connection.ask(EXPORTS, asked))
    place = f"{EXPORTS}/{export['id']}"
    while export["state"] in ("waiting", "running"):
        time.sleep(_LOOK_SECONDS)
        maximum = max(maximum, memory_of(casbah))
        export = json.loads(connection.send("GET", place))
        print(f"\r{form}: {export['rows']:,} rows, grown by {(maximum - before) >> 20:,} MiB ", end="", file=sys.stderr)
    print(file=sys.stderr)
    if export["state"] != "ready":
        raise RuntimeError(f"the export is {export['state']}: {export['error']}")
    seconds = time.monotonic() - began
    same = _digest(casbah, f"{place}/file") == export["sha256"]
    maximum = max(maximum, memory_of(casbah))
    connection.send("DELETE", place)
    return {
        "format": form,
        "rows": export["rows"],
        "bytes": export["bytes"],
        "seconds": round(seconds, 1),
        "grown_mib": (maximum - before) >> 20,
        "digest": same,
    }


def memory_of(casbah: Casbah) -> int:
    """Bytes that its processes hold themselves."""
    return sum(process.memory()["held"] for process in casbah.processes())


def _digest(casbah: Casbah, path: str) -> str:
    """The SHA-256 of what is fetched; a file may be larger than memory."""
    url, headers = reached(casbah.store)
    request = urllib.request.Request(url + path, headers=headers)  # noqa: S310  our own server
    digest = hashlib.sha256()
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        while piece := answer.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def show(rows: list[dict[str, Any]]) -> None:
    """The report, for people."""
    table = Table(title=f"{machine.in_words(machine.described())}")
    for name in ("format", "rows", "MB", "seconds", "memory grew by at most, MiB", "file is what its SHA-256 says"):
        table.add_column(name, justify="left" if name == "format" else "right")
    for row in rows:
        cells = (f"{row['rows']:,}", f"{row['bytes'] / 1e6:,.0f}", f"{row['seconds']:,}", f"{row['grown_mib']:,}")
        table.add_row(row["format"], *cells, "yes" if row["digest"] else "NO")
    Console().print(table)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    about_the_data(parser, scale="10m")
    parser.add_argument("--formats", default=",".join(FORMATS))
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    records = data.made(chosen.work, count=chosen.count, seed=chosen.seed)
    rows = []
    for form in chosen.formats.split(","):
        casbah, _ = ready(Casbah, chosen.work, records, anew=False, say=print)
        try:
            rows.append(exported(casbah, form))
        finally:
            casbah.stop()
    show(rows)
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"machine": machine.described(), "rows": rows}, indent=1) + "\n", encoding="utf-8"
        )
    return 0 if all(row["digest"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
