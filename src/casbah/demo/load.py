"""Turns the demo data, real samples and generated events, into new activities through the ordinary connectors."""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
import zstandard

from casbah.activity.new_activity import NewActivity
from casbah.base import jsontext
from casbah.ingest.activity_builder import new_activities
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Connector, Draft, Event, Recognized, Refusal
from casbah.ingest.enrich.agents import classified
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import pages

GENERATED = files("casbah.demo") / "generated.ndjson.zst"
"""Written by `make demo-data`: one JSON object per line (`source`, `event`, `extra`), by time, from the DAYS before END."""

STORY = files("casbah.demo") / "story.ndjson.zst"
"""Written by `make demo-data`, in the same form: an intrusion in the last days, which docs/tutorial.md finds."""

END, DAYS = date(2026, 11, 1), 90
COUNT = 20_000
"""Generated events there are."""

_ALL = slice(None)
_DATE = re.compile(rb"\b20\d\d-\d\d-\d\d(?=T)")


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """One event: the connector's name, the event's own bytes, and the record keys that no source has (place, organization,
    groups, policies), to be merged into its activity key by key. `extra` is shared between events: do not modify it.
    """

    source: str
    event: bytes
    extra: Mapping[str, Any]


def sample_activities() -> Iterator[NewActivity]:
    """The packaged real activities (origins in `samples/README.md`), except those without a time."""
    with as_file(files("casbah.demo") / "samples") as folder:
        for page in pages([str(folder)], connectors=connectors()):
            items = new_activities(page.items, Enrichment())
            yield from (item for item in items if not isinstance(item, Refusal))


def generated_activities(count: int, *, until_ms: int, part: slice = _ALL) -> Iterator[NewActivity]:
    """So many of the generated activities (at most COUNT), evenly over the DAYS before `until_ms`, a midnight in UTC.

    `part` of them: `slice(-5_000, None)` are the newest 5,000.
    """
    return activities_of(generated_events(count, until_ms=until_ms, part=part))


def generated_events(count: int, *, until_ms: int, part: slice = _ALL) -> Iterator[DemoEvent]:
    """The generated events, with every date moved by whole days."""
    count = min(count, COUNT)
    wanted = {number * COUNT // count for number in range(count)[part]}
    lines = (line for number, line in enumerate(_lines(GENERATED)) if number in wanted)
    return _events(lines, until_ms)


def story_activities(*, until_ms: int) -> Iterator[NewActivity]:
    """The activities of an intrusion in the last five of the DAYS before `until_ms`, a midnight in UTC."""
    return activities_of(story_events(until_ms=until_ms))


def story_events(*, until_ms: int) -> Iterator[DemoEvent]:
    return _events(_lines(STORY), until_ms)


def _lines(packed: Traversable) -> Iterator[bytes]:
    with packed.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as unpacked:
        yield from io.BufferedReader(unpacked)


def _events(lines: Iterable[bytes], until_ms: int) -> Iterator[DemoEvent]:
    """The events of packed lines, moved to the days before `until_ms`."""
    moved = {day.isoformat().encode(): shifted.isoformat().encode() for day, shifted in _days(until_ms)}
    for line in lines:
        row = _LINE.decode(_DATE.sub(lambda match: moved.get(match[0], match[0]), line))
        yield DemoEvent(row.source, bytes(row.event), row.extra)


def _days(until_ms: int) -> Iterator[tuple[date, date]]:
    """Each day of the generated events, and the day it becomes."""
    end = datetime.fromtimestamp(until_ms / 1_000, UTC).date()
    return ((END - timedelta(days), end - timedelta(days)) for days in range(DAYS + 1))


def activities_of(events: Iterable[DemoEvent]) -> Iterator[NewActivity]:
    """The new activities of generated events, with what enrichment would have added."""
    known = {name: _Enriched(connector) for name, connector in connectors().items()}
    for demo in events:
        enriched = known[demo.source]
        event = Event(demo.event, jsontext.parse_object(demo.event))
        activities = new_activities([Recognized(event, enriched.with_extra(demo.extra))])
        yield from (activity for activity in activities if isinstance(activity, NewActivity))


class _Line(msgspec.Struct):
    source: str
    event: msgspec.Raw
    extra: dict[str, Any]


_LINE = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class _Enriched:
    """A connector whose drafts get additional keys."""

    connector: Connector

    def with_extra(self, extra: Mapping[str, Any]) -> Connector:
        def drafts(event: Event) -> Iterator[Draft | NewActivity]:
            for draft in self.connector.drafts(event):
                if isinstance(draft, Draft) and not draft.is_record:
                    agent = draft.keys.get("device", {}).get("userAgent")
                    parsed = {"userAgent": classified(agent)} if agent else {}
                    yield replace(draft, keys=merged(draft.keys, {**parsed, **extra}))
                else:
                    yield draft

        return replace(self.connector, drafts=drafts)


def merged(keys: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `extra` into a copy of `keys`, objects key by key. Existing values win."""
    result = dict(keys)
    for key, value in extra.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            result[key] = merged(known, value)
        elif key not in result:
            result[key] = value
    return result
