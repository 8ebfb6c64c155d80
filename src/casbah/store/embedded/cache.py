"""An LRU cache for results computed from immutable data."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Cached = TypeVar("Cached")


Key = tuple[Hashable, Hashable, Hashable]
"""Owner, kind, and key within the kind."""


class Cache:
    """Values by key, up to `room` bytes by the caller's estimates. Thread-safe."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._held: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._owned: defaultdict[Hashable, set[Key]] = defaultdict(set)
        self._changing = threading.Lock()

    def get(self, key: Key) -> Any:
        """The value, or None."""
        with self._changing:
            entry = self._held.get(key)
            if entry is None:
                return None
            self._held.move_to_end(key)
            return entry[0]

    def put(self, key: Key, value: Any, *, size: int) -> None:
        """Cache a value, unless it exceeds the whole capacity."""
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
        """Drop all values of an owner."""
        with self._changing:
            for key in list(self._owned.get(owner, ())):
                self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._changing:
            self._held.clear()
            self._owned.clear()
            self._taken = 0

    def _drop(self, key: Key) -> None:
        entry = self._held.pop(key, None)
        if entry is None:
            return
        self._taken -= entry[1]
        owned = self._owned[key[0]]
        owned.discard(key)
        if not owned:
            del self._owned[key[0]]


class CacheSection(Generic[Cached]):
    """One kind of value in a cache, for one immutable owner."""

    def __init__(self, cache: Cache, kind: str, owner: Hashable) -> None:
        self._cache = cache
        self._owner, self._kind = owner, kind

    def get(self, key: Hashable, make: Callable[[], Cached], *, size: Callable[[Cached], int]) -> Cached:
        """The value under `key`, computed with `make` if missing. Two threads may both compute it, which is harmless."""
        place = (self._owner, self._kind, key)
        cached: tuple[Cached] | None = self._cache.get(place)
        if cached is not None:
            return cached[0]
        value = make()
        self._cache.put(place, (value,), size=size(value))
        return value
