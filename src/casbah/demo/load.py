"""Demo data on its way into a store: the real samples and the made-up events, through the same connectors as any other."""

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
from casbah.demo.generate import Made, made_up
from casbah.ingest import jsontext
from casbah.ingest.contract import Connector, Draft, Event, Ready, Recognised, Refusal
from casbah.ingest.enrich.agents import classified
from casbah.ingest.enrich.enrichment import Enrichment
from casbah.ingest.event_pages import pages
from casbah.ingest.pipeline import new_activities

_PART = 2_000
_PARTS_AHEAD = 4


def sample_arrivals() -> Iterator[NewActivity]:
    """The packaged real activities; `samples/README.md` says where they come from. Those without a time are left out."""
    with as_file(files("casbah.demo") / "samples") as folder:
        for page in pages([str(folder)], connectors=connectors()):
            items = new_activities(page.items, Enrichment())
            yield from (item for item in items if not isinstance(item, Refusal))


def arrivals_of(made: Iterable[Made]) -> Iterator[NewActivity]:
    """What made-up events become, with what enrichment would have added."""
    known = {name: _Enriched(each) for name, each in connectors().items()}
    for each in made:
        enriched = known[each.source]
        event = Event(each.event, jsontext.parse_object(each.event))
        found = new_activities([Recognised(event, enriched.with_extra(each.extra))])
        yield from (arrival for arrival in found if isinstance(arrival, NewActivity))


def made_up_arrivals(count: int, *, until_ms: int) -> Iterator[NewActivity]:
    """Made-up activities, made and normalised in a process beside this one: storing them keeps this one busy enough."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as prepare_pool:
        parts = (prepare_pool.submit(_part, count, until_ms, _PART) for _ in range(0, count, _PART))
        ahead = deque(islice(parts, _PARTS_AHEAD))  # No more: what waits to be stored is in memory.
        while ahead:
            part = ahead.popleft().result()
            ahead.extend(islice(parts, 1))
            yield from part


def _part(count: int, until_ms: int, size: int) -> list[NewActivity]:
    """One part of the made-up activities; called with parts in order, so that it goes on where it was."""
    return list(islice(_running(count, until_ms), size))


@cache
def _running(count: int, until_ms: int) -> Iterator[NewActivity]:
    return arrivals_of(made_up(count, until_ms=until_ms))


@dataclass(frozen=True, slots=True)
class _Enriched:
    """A connector whose drafts get more keys."""

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
    """`keys` with `extra` in it, objects merged key by key; what `keys` says already stays."""
    result = dict(keys)
    for key, value in extra.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            result[key] = merged(known, value)
        elif key not in result:
            result[key] = value
    return result
