"""Where requests wait and work: a few threads for each kind of work, and a bounded queue before them.

Kinds have lanes of their own so that none keeps another waiting: a thread that stores events spends its time at the disk, a
search spends it in the engine, and looking up one record is done before either has begun.
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


_AT_THE_DOOR = 16
"""Callers who are being recognised at a time, where that means waiting for a network."""


class WorkerPool:
    """So many threads, and so many calls that may wait for one; `each` at most of one tenant. For the event loop alone."""

    def __init__(self, name: str, *, threads: int, waiting: int, each: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"casbah-{name}")
        self._most = threads + waiting
        self._each = each
        self._inside = 0
        self._tenants: Counter[str] = Counter()

    async def run(self, call: Callable[..., Answer], *arguments: Any, tenant: str = "") -> Answer:
        """Call what blocks in a thread. Raises BusyError if too many wait already."""
        if self._inside >= self._most or (self._each is not None and tenant and self._tenants[tenant] >= self._each):
            raise BusyError
        future = self._pool.submit(copy_context().run, call, *arguments)
        self._inside += 1
        self._tenants[tenant] += 1
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _left(loop, partial(self._leave, tenant)))
        return await asyncio.wrap_future(future)

    @property
    def inside(self) -> int:
        """How many calls wait or are under way."""
        return self._inside

    def close(self) -> None:
        """Wait for what is being done; what waits is not begun."""
        self._pool.shutdown(cancel_futures=True)

    def _leave(self, tenant: str) -> None:
        self._inside -= 1
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]


class WorkerPools:
    """The lanes of a house."""

    def __init__(self, settings: Settings) -> None:
        each = settings.tenant_queue
        self.search = WorkerPool("search", threads=settings.search_threads, waiting=settings.search_queue, each=each)
        self.ingest = WorkerPool("ingest", threads=settings.ingest_threads, waiting=settings.ingest_queue, each=each)
        self.quick = WorkerPool("quick", threads=settings.search_threads, waiting=settings.search_queue)
        self.authenticator = WorkerPool("door", threads=_AT_THE_DOOR, waiting=settings.search_queue)

    def close(self) -> None:
        """Close every lane."""
        for pool in (self.search, self.ingest, self.quick, self.authenticator):
            pool.close()


def _left(loop: asyncio.AbstractEventLoop, leave: Callable[[], None]) -> None:
    """Tell the loop from the thread; when the server has gone meanwhile, nobody counts any more."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(leave)
