"""Thread pools: a few threads for each kind of work, each behind a bounded queue.

Each kind has its own pool so that none blocks another: storing events waits for the disk, a search keeps the engine busy,
and a lookup of one record takes less time than either.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from casbah.errors import BusyError
from casbah.settings import Settings

Answer = TypeVar("Answer")


_AUTHENTICATOR_THREADS = 16
"""Callers authenticated concurrently, where that means waiting for the network."""


class ThreadPool:
    """Bounded threads and queue, with at most `per_tenant` calls of one tenant. Not thread-safe: for the event loop only."""

    def __init__(self, name: str, *, threads: int, waiting: int, per_tenant: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"casbah-{name}")
        self._capacity = threads + waiting
        self._per_tenant = per_tenant
        self._in_flight = 0
        self._tenants: Counter[str] = Counter()

    async def run(self, call: Callable[..., Answer], *arguments: Any, tenant: str = "") -> Answer:
        """Run a blocking call in a thread. Raises BusyError if the queue is full."""
        if self._in_flight >= self._capacity or (
            self._per_tenant is not None and tenant and self._tenants[tenant] >= self._per_tenant
        ):
            raise BusyError
        loop = asyncio.get_running_loop()
        future = self._pool.submit(copy_context().run, call, *arguments)
        self._in_flight += 1
        self._tenants[tenant] += 1
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.done():
                self._leave(tenant)
            else:  # The request was given up; the thread is busy until its call ends.
                future.add_done_callback(lambda _: _leave_in_loop(loop, partial(self._leave, tenant)))

    @property
    def in_flight(self) -> int:
        """The number of queued and running calls."""
        return self._in_flight

    def close(self) -> None:
        """Wait for running calls, and cancel queued ones."""
        self._pool.shutdown(cancel_futures=True)

    def _leave(self, tenant: str) -> None:
        self._in_flight -= 1
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]


class ThreadPools:
    """The thread pools of an application."""

    def __init__(self, settings: Settings) -> None:
        per_tenant = settings.tenant_queue
        self.search = ThreadPool(
            "search", threads=settings.search_threads, waiting=settings.search_queue, per_tenant=per_tenant
        )
        self.ingest = ThreadPool(
            "ingest", threads=settings.ingest_threads, waiting=settings.ingest_queue, per_tenant=per_tenant
        )
        self.quick = ThreadPool("quick", threads=settings.search_threads, waiting=settings.search_queue)
        self.authenticator = ThreadPool("authenticator", threads=_AUTHENTICATOR_THREADS, waiting=settings.search_queue)

    def close(self) -> None:
        """Close every pool."""
        for pool in (self.search, self.ingest, self.quick, self.authenticator):
            pool.close()


def _leave_in_loop(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    """Call `leave` in the loop, from another thread. A closed loop no longer needs the count."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(leave)
