"""Random numbers that are the same on every machine, and weighted tables."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_SLOTS = 8_192


@dataclass(frozen=True, slots=True)
class Dice:
    """A seeded random source. Uses only `random()` and `getrandbits()`, which Python keeps stable across versions."""

    random: Callable[[], float]
    bits: Callable[[int], int]

    def pick(self, table: Sequence[T]) -> T:
        return table[int(self.random() * len(table))]

    def below(self, limit: int) -> int:
        return int(self.random() * limit)

    def uuid(self) -> str:
        digits = f"{self.bits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def digits(self, count: int) -> str:
        """Hex digits."""
        return f"{self.bits(4 * count):0{count}x}"


def dice(seed: int) -> Dice:
    rng = random.Random(seed)
    return Dice(rng.random, rng.getrandbits)


def wheel(weighted: Iterable[tuple[T, float]], slots: int = _SLOTS) -> tuple[T, ...]:
    """Repeat each item by its weight, at least once, so that `Dice.pick` draws by weight in one step."""
    rows = list(weighted)
    total = sum(weight for _, weight in rows)
    return tuple(item for item, weight in rows for _ in range(max(1, round(slots * weight / total))))


def shuffled(items: Iterable[T], chance: Dice) -> list[T]:
    return [item for _, _, item in sorted((chance.random(), n, item) for n, item in enumerate(items))]
