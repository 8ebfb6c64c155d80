"""Bodies made ready for the store in processes beside this one, so that this one has its time for storing and answering.

A body of some size is parsed, normalised and prepared in one of a few processes, started when the first such body comes;
small bodies are not worth the way there, and very large ones are taken here, a piece at a time, for the sake of memory.
"""

import gc
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from typing import Any

from casbah.activity.arrival import Arrival
from casbah.ingest.body import items
from casbah.ingest.contract import Connector, Refusal
from casbah.ingest.opening import Limits

Connectors = Callable[[], Mapping[str, Connector]]
Prepare = Callable[[Arrival], Any]

_LEAST_BYTES, _MOST_BYTES = 200_000, 32_000_000


class Beside:
    """Makes bodies ready. `prepare` and `connectors` are functions of modules, for other processes must find them."""

    def __init__(self, processes: int, *, connectors: Connectors, prepare: Prepare) -> None:
        self._processes = processes
        self._connectors = connectors
        self._known = connectors()
        self._prepare = prepare
        self._starting = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    def items(self, text: bytes, source: str | None, *, limits: Limits) -> Iterable[Any]:
        """What a body holds: refusals, and arrivals or what `prepare` makes of them."""
        if _LEAST_BYTES <= len(text) <= _MOST_BYTES and (pool := self._started()) is not None:
            try:
                return pool.submit(_prepared, text, source, limits, self._connectors, self._prepare).result()
            except BrokenProcessPool:  # Somebody killed it, for want of memory perhaps. The next body has a new one.
                self._stop(pool)
        return items(text, source, connectors=self._known, limits=limits)

    def close(self) -> None:
        """End the processes."""
        with self._starting:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor | None:
        with self._starting:
            if self._pool is None and self._processes and not self._closed:
                self._pool = ProcessPoolExecutor(self._processes, mp_context=get_context("spawn"), initializer=_settle)
            return self._pool

    def _stop(self, pool: ProcessPoolExecutor) -> None:
        with self._starting:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False)


def _settle() -> None:
    """Parsed events have no cycles for the garbage collector to find, and it would look for them at every few hundred."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _prepared(text: bytes, source: str | None, limits: Limits, connectors: Connectors, prepare: Prepare) -> list[Any]:
    known = _once(connectors)
    found = items(text, source, connectors=known, limits=limits)
    return [item if isinstance(item, Refusal) else prepare(item) for item in found]


@cache
def _once(connectors: Connectors) -> Mapping[str, Connector]:
    return connectors()
