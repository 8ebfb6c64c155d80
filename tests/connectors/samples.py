"""Samples of every source: events, and the records that they become.

`csv/` has CSV exports, named after their source, and beside each the records of its rows.

python tests/connectors/samples.py              what the connectors make of the samples now, where that differs
python tests/connectors/samples.py --write      take that for what is expected; read the difference before you commit it
python tests/connectors/samples.py --choose DIR NAME...    choose ten events of a folder with real logs for a source
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from casbah.activity.new_activity import NewActivity
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Refusal
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import page_of, pages

HERE = Path(__file__).parent
MOST = 10

ZONE = ZoneInfo("Europe/Berlin")
"""The zone of times in CSV exports that have none."""

LOCAL = {"box-report": "Date", "cloudtrail-console-local": "Event time"}
"""The CSV exports with such times, and the column."""


def folders() -> list[Path]:
    """Every source that has samples."""
    return sorted(path.parent for path in HERE.glob("*/expected.ndjson"))


def made(sample: Path) -> list[dict[str, Any]]:
    """The records of a source's samples, or of a CSV, without the event itself."""
    events = sample if sample.is_file() else next(sample.glob("events.*"))
    source = sample.stem.partition("-")[0]
    page = page_of(events.read_bytes(), origin=sample.name, connectors=connectors(), source=source, zone=ZONE)
    return [
        _record(arrival) for arrival in new_activities(page.items, Enrichment()) if isinstance(arrival, NewActivity)
    ]


def csv_files() -> list[Path]:
    """Every CSV export."""
    return sorted(HERE.glob("csv/*.csv"))


def expected(sample: Path) -> list[dict[str, Any]]:
    """The records that were reviewed."""
    return [json.loads(line) for line in _expected(sample).read_text("utf-8").splitlines()]


def _expected(sample: Path) -> Path:
    return sample / "expected.ndjson" if sample.is_dir() else sample.with_suffix(".ndjson")


def _record(arrival: NewActivity) -> dict[str, Any]:
    return {"_id": arrival.id, **{key: value for key, value in arrival.activity.items() if key != "rawDataJson"}}


def _choose(data: Path, name: str) -> Iterator[bytes]:
    """Events of a source that differ most: one of each operation, then more of them."""
    known = connectors()
    events: dict[str, list[bytes]] = {}
    for page in pages([str(data)], connectors=known):
        for item in page.items:
            if isinstance(item, Refusal) or item.connector.name != name:
                continue
            event = item.event
            found = list(new_activities([item]))
            if found and isinstance(found[0], NewActivity):
                operation = json.dumps(found[0].activity.get("mainInfo", {}).get("rawOperationName"))
                events.setdefault(operation, []).append(b" ".join(event.raw.split(b"\n")))
    rows = sorted(events.values(), key=len, reverse=True)
    depth = max(map(len, rows), default=0)
    chosen = [row[at] for at in range(depth) for row in rows if at < len(row)]
    yield from list(dict.fromkeys(chosen))[:MOST]


def _main(arguments: list[str]) -> None:
    if arguments[:1] == ["--choose"]:
        data, *names = arguments[1:]
        for name in names:
            folder = HERE / name
            folder.mkdir(exist_ok=True)
            events = list(_choose(Path(data), name))
            (folder / "events.ndjson").write_bytes(b"".join(event + b"\n" for event in events))
            print(f"{name}: {len(events)} events")
        return
    for sample in (*folders(), *csv_files()):
        now = made(sample)
        before = expected(sample) if _expected(sample).exists() else []
        if now == before:
            continue
        print(f"{sample.name}: {sum(a != b for a, b in zip(now, before, strict=False))} records differ")
        if arguments == ["--write"]:
            lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in now)
            _expected(sample).write_text(lines, "utf-8")


if __name__ == "__main__":
    _main(sys.argv[1:])
