"""What was worked out once about data that does not change: kept while there is room, the longest unused goes first."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Kept = TypeVar("Kept")


Key = tuple[Hashable, Hashable, Hashable]
"""Whose it is, of which kind, and which one."""


class Cache:
    """Values by key, at most `room` bytes of them by their own estimate. Any thread may ask."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._held: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._owned: defaultdict[Hashable, set[Key]] = defaultdict(set)
        self._changing = threading.Lock()

    def get(self, key: Key) -> Any:
        """The value, or None."""
        with self._changing:
            found = self._held.get(key)
            if found is None:
                return None
            self._held.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Any, *, size: int) -> None:
        """Keep a value, unless it is larger than all the room there is."""
        with self._changing:
            self._drop(key)
            if size > self._room:
                return
            self._held[key] = (value, size)
            self._owned[key[0]].add(key)
            self._taken += size
            while self._taken > self._room:
                self._drop(next(iter(self._held)))

    def forget(self, owner: Hashable) -> None:
        """Forget all of an owner that nobody asks any more."""
        with self._changing:
            for key in list(self._owned.get(owner, ())):
                self._drop(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._changing:
            self._held.clear()
            self._owned.clear()
            self._taken = 0

    def _drop(self, key: Key) -> None:
        found = self._held.pop(key, None)
        if found is None:
            return
        self._taken -= found[1]
        owned = self._owned[key[0]]
        owned.discard(key)
        if not owned:
            del self._owned[key[0]]


class CacheSection(Generic[Kept]):
    """One kind of value in a cache, for one owner that never changes: `get` makes what is not there."""

    def __init__(self, cache: Cache, kind: str, owner: Hashable) -> None:
        self._cache = cache
        self._owner, self._kind = owner, kind

    def get(self, key: Hashable, make: Callable[[], Kept], *, size: Callable[[Kept], int]) -> Kept:
        """The value under `key`, made and kept if need be; two threads may both make it, which is harmless."""
        place = (self._owner, self._kind, key)
        found: tuple[Kept] | None = self._cache.get(place)
        if found is not None:
            return found[0]
        made = make()
        self._cache.put(place, (made,), size=size(made))
        return made
