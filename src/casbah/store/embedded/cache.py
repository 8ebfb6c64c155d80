"""What was worked out once about data that does not change: kept while there is room, the longest unused goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Kept = TypeVar("Kept")


class Cache:
    """Values by key, at most `room` bytes of them by their own estimate. Any thread may ask."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._changing = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """The value, or None."""
        with self._changing:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any, *, size: int) -> None:
        """Keep a value, unless it is larger than all the room there is."""
        with self._changing:
            _, before = self._held.pop(key, (None, 0))
            self._taken -= before
            if size > self._room:
                return
            self._held[key] = (value, size)
            self._taken += size
            while self._taken > self._room:
                _, (_, gone) = self._held.popitem(last=False)
                self._taken -= gone

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._held.clear()
            self._taken = 0


class Shelf(Generic[Kept]):
    """One kind of value in a cache, for one owner that never changes: `get` makes what is not there."""

    def __init__(self, cache: Cache, kind: str, owner: Hashable) -> None:
        self._cache = cache
        self._name = (owner, kind)

    def get(self, key: Hashable, make: Callable[[], Kept], *, size: Callable[[Kept], int]) -> Kept:
        """The value under `key`, made and kept if need be; two threads may both make it, which is harmless."""
        found: tuple[Kept] | None = self._cache.get((self._name, key))
        if found is not None:
            return found[0]
        made = make()
        self._cache.put((self._name, key), (made,), size=size(made))
        return made
