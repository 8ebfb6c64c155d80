"""Named items, opened on first use and then shared. Opening one does not block the others."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from casbah.errors import StoreClosedError

_MAX_AT_ONCE = 16
"""How many items may be opened concurrently in the background."""

Item = TypeVar("Item")


class LazyRegistry(Generic[Item]):
    """Open items by name; `opening` opens one. Thread-safe. Methods raise StoreClosedError after `close`.

    An error from `opening` goes to all callers waiting for that item and is not cached: the next call tries again.
    """

    def __init__(self, opening: Callable[[str], Item]) -> None:
        self._opening = opening
        self._lock = threading.Lock()  # Never held while something is opened.
        self._items: dict[str, Item] = {}
        self._pending: dict[str, Future[Item]] = {}
        self._pool = ThreadPoolExecutor(_MAX_AT_ONCE, thread_name_prefix="casbah-open")
        self._closed = False

    def get(self, name: str) -> Item:
        """The item. Opens it, or waits for a thread that is opening it."""
        with self._lock:
            if self._closed:
                raise StoreClosedError
            if name in self._items:
                return self._items[name]
            future, ours = self._future(name)
        if ours:
            self._open(name, future)
        return future.result()

    def opening(self, name: str) -> Future[Item] | None:
        """Open the item in the background. None if there is nothing to wait for: it is open, or the registry is closed (which
        the later call for the item reports).
        """
        with self._lock:
            if self._closed or name in self._items:
                return None
            future, ours = self._future(name)
            if ours:
                self._pool.submit(self._open, name, future)
            return future

    def all(self) -> list[Item]:
        """The open items."""
        with self._lock:
            return list(self._items.values())

    def close(self) -> list[Item] | None:
        """Stop opening and wait for items being opened. Returns the open items, or None if already closed."""
        with self._lock:
            if self._closed:
                return None
            self._closed = True
            pending = list(self._pending.values())
        self._pool.shutdown()
        wait(pending)
        return self.all()

    def _future(self, name: str) -> tuple[Future[Item], bool]:
        """The item's pending future, and whether it is new, in which case the caller must open the item."""
        if name in self._pending:
            return self._pending[name], False
        future = self._pending[name] = Future[Item]()
        future.set_running_or_notify_cancel()  # It is shared, so no caller may cancel it.
        return future, True

    def _open(self, name: str, future: Future[Item]) -> None:
        try:
            item = self._opening(name)
        except BaseException as error:  # noqa: BLE001  waiting callers need every error, engine panics included
            with self._lock:
                del self._pending[name]
            future.set_exception(error)
        else:
            with self._lock:
                self._items[name] = item
                del self._pending[name]
            future.set_result(item)
