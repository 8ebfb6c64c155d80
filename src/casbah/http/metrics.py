"""What the server counts of itself, for Prometheus: nothing of a tenant, and nothing that was asked for but filters' names."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from casbah.activity.language import FILTERS, filter_named
from casbah.errors import UnknownFilterError
from casbah.store.contract import Inserted

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Waiting(Protocol):
    """A lane: how many calls are in it."""

    @property
    def inside(self) -> int: ...


Lags = Callable[[], Mapping[str, float]]
"""By the name of a pull: how many seconds ago the moment is until which everything was read."""


class Metrics:
    """Counts. Any thread may."""

    def __init__(self, folder: Path, lanes: dict[str, Waiting], lags: Lags) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = _counter(registry, "requests", "Requests answered", "route", "method", "status")
        self._seconds = _times(registry, "request", "From a request's head to its answer", "route")
        self._filters = _times(registry, "filter", "The same, of requests that ask for a filter", "filter")
        self._searches = _times(registry, "search", "Spent in the store by one search")
        self._brought = _counter(
            registry, "brought_activities", "Activities brought, by what became of them", "outcome"
        )
        self._read = _counter(registry, "read_activities", "Activities in pages that were answered")
        self._stored_at = Gauge(
            "casbah_last_stored_timestamp_seconds", "When something new was stored last", registry=registry
        )
        inside = Gauge("casbah_calls", "Calls that wait or are under way, by kind", ("lane",), registry=registry)
        for name, lane in lanes.items():
            inside.labels(name).set_function(_inside(lane))
        registry.register(_Pulls(lags))
        disk = Gauge("casbah_disk_bytes", "The disk of the store's folder", ("what",), registry=registry)
        for what in ("free", "total"):
            disk.labels(what).set_function(_disk(folder, what))

    def answered(self, route: str, method: str, status: int, *, seconds: float, filters: Iterable[object]) -> None:
        """A request was answered; `filters` are names as they were sent."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        for name in _known(filters):
            self._filters.labels(name).observe(seconds)

    def read(self, count: int) -> None:
        """So many activities were in a page."""
        self._read.inc(count)

    def stored(self, done: Inserted) -> None:
        """A batch was stored, or was there already."""
        counts = {"stored": done.stored, "duplicate": done.duplicates, "refused": len(done.refused)}
        for outcome, count in counts.items():
            if count:
                self._brought.labels(outcome).inc(count)
        if done.stored:
            self._stored_at.set(time.time())

    def refused(self, count: int) -> None:
        """So many events could not become activities."""
        if count:
            self._brought.labels("refused").inc(count)

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Around a search, in its thread."""
        with self._searches.time():
            yield

    def shown(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _Pulls(Collector):
    """Looks when it is asked: pulls are in a file, and how far they are in another."""

    def __init__(self, lags: Lags) -> None:
        self._lags = lags

    def collect(self) -> Iterator[GaugeMetricFamily]:
        told = "How long ago the moment is until which a pull has read everything"
        family = GaugeMetricFamily("casbah_pull_lag_seconds", told, labels=("pull",))
        for name, seconds in self._lags().items():
            family.add_metric((name,), seconds)
        yield family


def _counter(registry: CollectorRegistry, name: str, told: str, *labels: str) -> Counter:
    return Counter(f"casbah_{name}", told, labels, registry=registry)


def _times(registry: CollectorRegistry, name: str, told: str, *labels: str) -> Histogram:
    return Histogram(f"casbah_{name}_seconds", told, labels, buckets=_SECONDS, registry=registry)


def _known(filters: Iterable[object]) -> Iterator[str]:
    """The filters' own names; what is no filter's name counts for none, so that nobody can make up labels."""
    for name in filters:
        if isinstance(name, str) and name in FILTERS:
            yield name
        elif isinstance(name, str):
            try:
                yield filter_named(name).name
            except UnknownFilterError:
                continue


def _inside(lane: Waiting) -> Callable[[], float]:
    return lambda: float(lane.inside)


def _disk(folder: Path, what: str) -> Callable[[], float]:
    def bytes_of() -> float:
        usage: Any = shutil.disk_usage(folder)
        return float(getattr(usage, what))

    return bytes_of
