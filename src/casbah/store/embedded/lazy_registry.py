"""Things with a name that are opened once and then used by all. While one is being opened, no other is held up."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from casbah.errors import StoreClosedError

_MOST_AT_ONCE = 16
"""How many may be opened at once for callers that do not wait in a thread of their own."""

Item = TypeVar("Item")


class LazyRegistry(Generic[Item]):
    """Open items by name; `opening` opens one. Any thread may call. Methods raise StoreClosedError once it is closed.

    An error of `opening` goes to all who wait for that item, and is not kept: the next caller tries again.
    """

    def __init__(self, opening: Callable[[str], Item]) -> None:
        self._opening = opening
        self._lock = threading.Lock()  # Never held while something is opened.
        self._items: dict[str, Item] = {}
        self._pending: dict[str, Future[Item]] = {}
        self._pool = ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="casbah-open")
        self._closed = False

    def present(self, name: str) -> Item | None:
        """The item, if it is open."""
        with self._lock:
            self._check()
            return self._items.get(name)

    def get(self, name: str) -> Item:
        """The item, opened by this thread or another one."""
        with self._lock:
            self._check()
            if name in self._items:
                return self._items[name]
            future, ours = self._future(name)
        if ours:
            self._open(name, future)
        return future.result()

    def opening(self, name: str) -> Future[Item] | None:
        """Open the item in a thread, for callers that must not wait. None where there is nothing to wait for: it is open, or
        all is closed, which the call that asks for the item says.
        """
        with self._lock:
            return None if self._closed or name in self._items else self._opened_by_pool(name)

    def soon(self, name: str) -> Future[Item]:
        """The item, opened in a thread if it is not open."""
        with self._lock:
            self._check()
            if name not in self._items:
                return self._opened_by_pool(name)
            future = Future[Item]()
            future.set_result(self._items[name])
            return future

    def all(self) -> list[Item]:
        """Those that are open."""
        with self._lock:
            return list(self._items.values())

    def close(self) -> list[Item] | None:
        """Open no more, and wait for those being opened; all that are open, or None where it was closed before."""
        with self._lock:
            if self._closed:
                return None
            self._closed = True
            pending = list(self._pending.values())
        self._pool.shutdown()
        wait(pending)
        return self.all()

    def _opened_by_pool(self, name: str) -> Future[Item]:
        future, ours = self._future(name)
        if ours:
            self._pool.submit(self._open, name, future)
        return future

    def _future(self, name: str) -> tuple[Future[Item], bool]:
        """The one that will have the item, and whether it is new: then the caller sees to the opening."""
        if name in self._pending:
            return self._pending[name], False
        future = self._pending[name] = Future[Item]()
        future.set_running_or_notify_cancel()  # Others wait for it too: one who gives up cannot cancel it.
        return future, True

    def _open(self, name: str, future: Future[Item]) -> None:
        try:
            item = self._opening(name)
        except BaseException as error:  # noqa: BLE001  whatever it is, the engine's panics too, those who wait must get it
            with self._lock:
                del self._pending[name]
            future.set_exception(error)
        else:
            with self._lock:
                self._items[name] = item
                del self._pending[name]
            future.set_result(item)

    def _check(self) -> None:
        if self._closed:
            raise StoreClosedError
