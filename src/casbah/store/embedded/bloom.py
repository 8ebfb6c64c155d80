"""A Bloom filter that grows. It remembers in a few bytes whether a term was added: "no" is certain, a few "yes" are wrong.

An id or dedup key in it is represented by its hash, a signed integer of 128 bits, from which the filter derives all its bits.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import blake2b

from rbloom import Bloom

HASH_BYTES = 16
_RATE = 0.001
"""False positives of each filter. Together, the seven filters of ten million activities have less than a percent."""

_MIN_ROOM = 1 << 14
_GROWTH = 2
"""The next filter has room for this many times the terms of all before it."""


def hashed(column: str, term: str) -> int:
    """The hash of a term. It is on disk, so it must never change."""
    digest = blake2b(f"{column}:{term}".encode(), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest, "little", signed=True)


@dataclass(slots=True)
class GrowingBloom:
    """Filters of increasing size, of which the last one takes new terms. Not thread-safe."""

    filters: list[Bloom] = field(default_factory=list)
    room: int = 0
    """How many terms the last filter still takes."""

    count: int = 0
    """How many terms were added, repeated ones included."""

    def __contains__(self, term: int) -> bool:
        for bloom in self.filters:  # noqa: SIM110  any() with a generator takes twice as long
            if term in bloom:
                return True
        return False

    def grow(self, room: int) -> None:
        """Make room for at least that many more terms."""
        if room > self.room:
            self.room = max(room, self.count * _GROWTH, _MIN_ROOM)
            self.filters.append(Bloom(self.room, _RATE, int))

    def update(self, terms: Collection[int]) -> None:
        """Add the hashes of terms."""
        self.grow(len(terms))
        if terms:
            self.filters[-1].update(terms)
        self.room -= len(terms)
        self.count += len(terms)


def loaded(filter_bytes: bytes) -> Bloom:
    """A filter of a `GrowingBloom` from the bytes that its `save_bytes` returned."""
    return Bloom.load_bytes(filter_bytes, int)
