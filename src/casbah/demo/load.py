"""Turns demo data, real samples and made-up events, into new activities through the ordinary connectors."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from itertools import islice
from multiprocessing import get_context
from typing import Any

from casbah.activity.new_activity import NewActivity
from casbah.connectors import connectors
from casbah.demo.generate import DemoEvent, made_up
from casbah.ingest import jsontext
from casbah.ingest.contract import Connector, Draft, Event, Ready, Recognised, Refusal
from casbah.ingest.enrich.agents import classified
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import pages
from casbah.ingest.pipeline import new_activities

_PART = 2_000
_PARTS_AHEAD = 4


def sample_activities() -> Iterator[NewActivity]:
    """The packaged real activities (origins in `samples/README.md`), except those without a time."""
    with as_file(files("casbah.demo") / "samples") as folder:
        for page in pages([str(folder)], connectors=connectors()):
            items = new_activities(page.items, Enrichment())
            yield from (item for item in items if not isinstance(item, Refusal))


def activities_of(events: Iterable[DemoEvent]) -> Iterator[NewActivity]:
    """The new activities of made-up events, with what enrichment would have added."""
    known = {name: _Enriched(connector) for name, connector in connectors().items()}
    for demo in events:
        enriched = known[demo.source]
        event = Event(demo.event, jsontext.parse_object(demo.event))
        activities = new_activities([Recognised(event, enriched.with_extra(demo.extra))])
        yield from (activity for activity in activities if isinstance(activity, NewActivity))


def made_up_activities(count: int, *, until_ms: int) -> Iterator[NewActivity]:
    """Made-up activities, generated and normalised in a worker process, so that this one is free to store them."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        parts = (executor.submit(_part, count, until_ms, _PART) for _ in range(0, count, _PART))
        ahead = deque(islice(parts, _PARTS_AHEAD))  # Bounds memory: waiting parts are held there.
        while ahead:
            part = ahead.popleft().result()
            ahead.extend(islice(parts, 1))
            yield from part


def _part(count: int, until_ms: int, size: int) -> list[NewActivity]:
    """The next part of the made-up activities: the iterator lives on between calls in the worker process."""
    return list(islice(_running(count, until_ms), size))


@cache
def _running(count: int, until_ms: int) -> Iterator[NewActivity]:
    return activities_of(made_up(count, until_ms=until_ms))


@dataclass(frozen=True, slots=True)
class _Enriched:
    """A connector whose drafts get additional keys."""

    connector: Connector

    def with_extra(self, extra: Mapping[str, Any]) -> Connector:
        def drafts(event: Event) -> Iterator[Draft | Ready | NewActivity]:
            for draft in self.connector.drafts(event):
                if isinstance(draft, Draft):
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
