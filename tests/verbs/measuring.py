"""Reads all real logs, the demo's and the connectors' examples, and counts which activities have a verb, a user, an address
and an object.

PYTHONPATH=tests python tests/verbs/measuring.py      writes measured.tsv, from which docs/sources.md has its shares
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from casbah.activity.forms import KEY
from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.demo.load import COUNT, END, generated_events
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors, record_verbs
from casbah.ingest.contract import Event, Recognized
from casbah.ingest.detection import Detector
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import pages
from connectors.samples import ZONE, csv_files

CONNECTORS = Detector.of(connectors())
KNOWN_APPS = {app for connector in CONNECTORS.values() for app in connector.apps}
HERE = Path(__file__).parent
LABELLED, SHARES = HERE / "labelled.tsv", HERE / "measured.tsv"
END_MS = int(datetime(END.year, END.month, END.day, tzinfo=UTC).timestamp() * 1_000)
DEMO = Path(str(files("casbah.demo") / "samples"))

Reference = tuple[str, str, str, str]
"""Source, file, `_id` and operation: the columns of `labelled.tsv` before the verb."""

HAVING = ("verb", "user", "address", "object")
"""What activities of a form have or lack, in the order of `measured.tsv`."""

Group = tuple[str, str]
"""A source and `sourceForm`, which is empty for the source's own events."""


@dataclass
class Measured:
    """By source: how many activities there are, how many of each operation have no verb, and how many of those are of an app
    that no source knows. By source and form: how many there are, and how many have each of HAVING. The labelled ones are kept.
    """

    total: Counter[str] = field(default_factory=Counter)
    without: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    foreign: Counter[str] = field(default_factory=Counter)
    labelled: dict[Reference, dict[str, Any]] = field(default_factory=dict)
    having: dict[Group, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def count(self, source: str, record: Mapping[str, Any]) -> None:
        """Count an activity in its form."""
        counter = self.having[source, record.get(KEY, "")]
        counter["activities"] += 1
        counter.update(name for name in HAVING if _has(record, name))

    def rows(self) -> list[tuple[str | int, ...]]:
        """Each source and form with the numbers of its activities and of those that have each of HAVING."""
        return [
            (*group, counter["activities"], *(counter[name] for name in HAVING))
            for group, counter in sorted(self.having.items())
        ]


def _has(record: Mapping[str, Any], name: str) -> bool:
    """Whether a record has a verb, a user, a client's address, or an object that is not its actor."""
    match name:
        case "verb":
            return bool(record.get("verb"))
        case "user":
            return bool((record.get("user") or {}).get("userName"))
        case "address":
            return bool((record.get("device") or {}).get("clientIP"))
        case _:
            objects = (record.get("mainInfo") or {}).get("eventObjects") or []
            return any(row.get("part") != "actor" for row in objects)


def labels() -> dict[Reference, str]:
    """The verbs given by hand."""
    with LABELLED.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {(source, name, identity, operation): verb for source, name, identity, operation, verb in rows}


def measure(shared: Path, kept: AbstractSet[Reference]) -> Measured:
    """Reads everything, which takes a minute."""
    result = Measured()
    enrichment = Enrichment(verb=record_verbs())
    for name, item in _events(shared):
        source = item.connector.name
        for new in new_activities([item], enrichment):
            if not isinstance(new, NewActivity):
                continue
            operation = new.activity["mainInfo"]["rawOperationName"]
            result.total[source] += 1
            result.count(source, new.activity)
            if not new.activity.get("verb"):
                result.without[source][operation] += 1
                result.foreign[source] += new.activity["appId"] not in KNOWN_APPS
            if (reference := (source, name, new.id, operation)) in kept:
                result.labelled.setdefault(reference, dict(new.activity))
    return result


def _events(shared: Path) -> Iterator[tuple[str, Recognized]]:
    """Every event, with the name that `labelled.tsv` has for its file."""
    folders = (("shared", shared / "data" / "sources"), ("demo", DEMO), ("examples", HERE.parent / "connectors"))
    for name, folder in folders:
        paths = [folder] if name != "examples" else [*sorted(folder.glob("*/events.*")), *csv_files()]
        for page in pages([str(path) for path in paths], connectors=CONNECTORS, zone=ZONE):
            for item in page.items:
                if isinstance(item, Recognized):
                    yield f"{name}:{item.event.origin.removeprefix(f'{folder}/')}", item
    for demo in generated_events(COUNT, until_ms=END_MS):
        event = Event(demo.event, jsontext.parse_object(demo.event))
        yield "demo:generated", Recognized(event, CONNECTORS[demo.source])


if __name__ == "__main__":
    rows = measure(HERE.parents[2] / "shared", frozenset()).rows()
    table = [("source", "form", "activities", *HAVING), *rows]
    SHARES.write_text("".join("\t".join(map(str, row)) + "\n" for row in table), "utf-8")
