"""Metrics for Prometheus. They reveal no tenant, and nothing of queries but filter names."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric, Sample
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from casbah.activity.language import FILTERS, filter_named
from casbah.errors import UnknownFilterError
from casbah.evidence.logs import Logs
from casbah.evidence.witnesses import WitnessState
from casbah.operations.scrub import Scrub, ScrubState
from casbah.outputs.push.report import Pushes
from casbah.store.contract import Inserted

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class MeasuredPool(Protocol):
    """A thread pool, as far as metrics need it: `in_flight` is the number of queued and running calls."""

    @property
    def in_flight(self) -> int: ...


Count = tuple[str, tuple[tuple[str, str], ...], float]
"""A sample: name, labels, value."""

_SINCE = "_created"
"""Suffix of samples that hold a counter's start time."""

_ADDED = ("counter", "histogram")
_CALLS, _STORED_AT = "casbah_calls", "casbah_last_stored_timestamp_seconds"
Lags = Callable[[], Mapping[str, float]]
"""Lags in seconds, by the name of a pull or a push."""


class Metrics:
    """The server's metrics. Thread-safe."""

    def __init__(self, folder: Path, pools: dict[str, MeasuredPool], lags: Lags) -> None:
        self._registry = registry = CollectorRegistry()
        self._all = CollectorRegistry()
        self._all_processes = _AllProcesses(registry)
        self._all.register(self._all_processes)
        self._requests = _counter(registry, "requests", "Requests answered", "route", "method", "status")
        self._seconds = _times(registry, "request", "From the head of a request to its answer", "route")
        self._filters = _times(registry, "filter", "The same, for requests that use a filter", "filter")
        self._searches = _times(registry, "search", "Spent in the store by one search")
        self._brought = _counter(registry, "brought_activities", "Activities received, by outcome", "outcome")
        self._read = _counter(registry, "read_activities", "Activities returned in pages")
        self._stored_at = Gauge(_STORED_AT, "When a new activity was last stored", registry=registry)
        in_flight = Gauge(_CALLS, "Queued and running calls, by thread pool", ("lane",), registry=registry)
        for name, pool in pools.items():
            in_flight.labels(name).set_function(_in_flight(pool))
        registry.register(
            _Lags("casbah_pull_lag_seconds", "Age of the moment up to which a pull has read everything", "pull", lags)
        )
        disk = Gauge("casbah_disk_bytes", "The disk of the store's folder", ("what",), registry=registry)
        for what in ("free", "total"):
            disk.labels(what).set_function(_disk(folder, what))

    def show_scrub(self, scrub: Scrub) -> None:
        """Include the state of a scrub."""
        for name, text, value in _OF_SCRUB:
            gauge = Gauge(f"casbah_scrub_{name}", text, registry=self._registry)
            gauge.set_function(partial(_scrubbed, scrub, value))

    def show_logs(self, logs: Logs) -> None:
        """Include the delay of the transparency logs, and how far their witnesses are."""
        gauge = Gauge(
            "casbah_log_delay_seconds",
            "How long the activity that has waited longest for a checkpoint has",
            registry=self._registry,
        )
        gauge.set_function(lambda: logs.delay)
        text = "Transparency logs that are stopped, as a witness knows another history of them"
        Gauge("casbah_log_stopped", text, registry=self._registry).set_function(lambda: logs.stopped)
        for name, text, value in _OF_WITNESSES:
            gauge = Gauge(f"casbah_log_witness_{name}", text, ("witness",), registry=self._registry)
            for place, witness in enumerate(logs.witnesses):
                gauge.labels(witness.name).set_function(partial(_of_witness, logs, place, value))

    def show_pushes(self, pushes: Pushes) -> None:
        """Include how far behind destinations of pushes are."""
        text = "How long the oldest activity that a push has not sent yet has been stored"
        self._registry.register(_Lags("casbah_push_lag_seconds", text, "push", pushes.lags))

    def answered(self, route: str, method: str, status: int, *, seconds: float, filters: Iterable[object]) -> None:
        """Record an answered request. `filters` are filter names as sent; `seconds` is its duration."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        for name in _known(filters):
            self._filters.labels(name).observe(seconds)

    def read(self, count: int) -> None:
        """Record that a page held `count` activities."""
        self._read.inc(count)

    def stored(self, done: Inserted) -> None:
        """Record the result of an insert."""
        counts = {"stored": done.stored, "duplicate": done.duplicates, "refused": len(done.refused)}
        for outcome, count in counts.items():
            if count:
                self._brought.labels(outcome).inc(count)
        if done.stored:
            self._stored_at.set(time.time())

    def refused(self, count: int) -> None:
        """Record `count` events that could not be parsed."""
        if count:
            self._brought.labels("refused").inc(count)

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Time a search. Enter it in the search's thread."""
        with self._searches.time():
            yield

    def shown(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._all)

    def counted(self) -> Sequence[Count]:
        """Samples of this process, for the process that shows the sum."""
        samples = (sample for family in self._registry.collect() if _adds_up(family) for sample in family.samples)
        return [_count(sample) for sample in samples if not sample.name.endswith(_SINCE)]

    def add(self, counted: Callable[[], Iterable[Sequence[Count]]]) -> None:
        """Include other processes' samples in `shown`; `counted` fetches them."""
        self._all_processes.counted = counted


_OF_SCRUB: tuple[tuple[str, str, Callable[[ScrubState], float]], ...] = (
    ("read_bytes", "Bytes of the store that the present reading has read", lambda state: state.done),
    ("total_bytes", "Bytes of the store that it reads in all", lambda state: state.total),
    ("damaged", "Damage that the last complete reading found", lambda state: len(state.damage)),
    ("finished_timestamp_seconds", "When the last complete reading ended", lambda state: (state.finished or 0) / 1_000),
)


_OF_WITNESSES: tuple[tuple[str, str, Callable[[WitnessState], float]], ...] = (
    (
        "cosigned_entries",
        "Entries of all logs in the last checkpoints that a witness cosigned",
        lambda state: state.size,
    ),
    (
        "age_seconds",
        "How long the checkpoint has waited that has waited longest for a witness",
        lambda state: state.age,
    ),
)


def _of_witness(logs: Logs, place: int, value: Callable[[WitnessState], float]) -> float:
    return value(logs.witnesses[place])


def _scrubbed(scrub: Scrub, value: Callable[[ScrubState], float]) -> float:
    return value(scrub.state)


class _AllProcesses(Collector):
    """Merges a registry with the samples of other processes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.counted: Callable[[], Iterable[Sequence[Count]]] = tuple

    def collect(self) -> Iterator[Metric]:
        more: dict[tuple[str, Any], float] = {}
        for counts in self.counted():
            for name, labels, value in counts:
                more[name, labels] = _joined(name, value, more.get((name, labels), 0))
        for family in self._registry.collect():
            yield _with(family, more) if _adds_up(family) else family

    def describe(self) -> Sequence[Metric]:
        return ()


def _with(family: Metric, more: Mapping[tuple[str, Any], float]) -> Metric:
    """A metric family with other processes' samples added."""
    both = Metric(family.name, family.documentation, family.type)
    seen = set()
    for sample in family.samples:
        name, labels, value = _count(sample)
        seen.add((name, labels))
        both.add_sample(name, dict(labels), _joined(name, value, more.get((name, labels), 0)))
    for (name, labels), value in more.items():
        if name.startswith(family.name) and (name, labels) not in seen:
            both.add_sample(name, dict(labels), value)
    return both


def _joined(name: str, some: float, more: float) -> float:
    return max(some, more) if name == _STORED_AT else some + more


def _adds_up(family: Metric) -> bool:
    return family.type in _ADDED or family.name in (_CALLS, _STORED_AT)


def _count(sample: Sample) -> Count:
    return sample.name, tuple(sample.labels.items()), sample.value


class _Lags(Collector):
    """Reads lags at scrape time. Which pulls and pushes have one changes."""

    def __init__(self, name: str, help_text: str, label: str, lags: Lags) -> None:
        self._metric, self._label, self._lags = (name, help_text), label, lags

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(*self._metric, labels=(self._label,))
        for name, seconds in self._lags().items():
            family.add_metric((name,), seconds)
        yield family


def _counter(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Counter:
    return Counter(f"casbah_{name}", help_text, labels, registry=registry)


def _times(registry: CollectorRegistry, name: str, help_text: str, *labels: str) -> Histogram:
    return Histogram(f"casbah_{name}_seconds", help_text, labels, buckets=_SECONDS, registry=registry)


def _known(filters: Iterable[object]) -> Iterator[str]:
    """Canonical names of known filters. Unknown names are dropped, so that clients cannot create labels."""
    for name in filters:
        if isinstance(name, str) and name in FILTERS:
            yield name
        elif isinstance(name, str):
            try:
                yield filter_named(name).name
            except UnknownFilterError:
                continue


def _in_flight(pool: MeasuredPool) -> Callable[[], float]:
    return lambda: float(pool.in_flight)


def _disk(folder: Path, what: str) -> Callable[[], float]:
    def bytes_of() -> float:
        usage: Any = shutil.disk_usage(folder)
        return float(getattr(usage, what))

    return bytes_of
