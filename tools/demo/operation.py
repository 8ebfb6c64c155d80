"""Operations, and how they are prepared for drawing by frequency."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import orjson

from tools.demo.dice import Dice, dice, wheel
from tools.demo.people import Person, Seat
from tools.demo.profile import Fact, facts

Row = Mapping[str, Any]
_VARIANTS = 16
_LARGE_FROM = 14
_SLOTS = 4_096

# Optional keys of an event. The profile has the share of events with each.
_OPTIONAL = frozenset(
    {
        "AppId", "ApplicationDisplayName", "ApplicationId", "ClientAppId", "DeviceProperties",
        "DoNotDistributeEvent", "HighPriorityMediaProcessing", "ImplicitShare", "SessionId", "tlsDetails",
    }
)  # fmt: skip


class Scene(NamedTuple):
    """The person, place and time of an event; `padding` are rows that bring it to the size of a real one."""

    person: Person
    seat: Seat
    second: str
    millisecond: int
    chance: Dice
    padding: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of event.

    `part` is the workload, event source or application. The frequency is the square root of the count in the profile, times
    `boost`; `like` names another row of the profile to use, and `seen` is a count if the profile has none. `risk` is the share
    of events that match a policy.
    """

    part: str
    name: str
    make: Callable[["Operation", Scene], dict[str, Any]]
    actors: Callable[[], tuple[Person, ...]]
    filler: Callable[[], Sequence[Row]]
    boost: float = 1.0
    risk: float = 0.004
    record_type: int = 0
    like: str = ""
    seen: int = 0
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation with its paddings: most for an event of median size, a few for a large one."""

    operation: Operation
    paddings: tuple[Sequence[Row], ...]
    sometimes: tuple[tuple[str, float], ...]

    def event(self, scene: Scene) -> dict[str, Any]:
        event = self.operation.make(self.operation, scene)
        for key, share in self.sometimes:
            if scene.chance.random() >= share:
                event.pop(key, None)
        return event


@dataclass(frozen=True, slots=True)
class Source:
    """One source's operations; `wheel` repeats each by its frequency."""

    name: str
    wheel: tuple[Prepared, ...]
    named: Mapping[str, Prepared]
    seats: Callable[[Person], tuple[Seat, ...]]


def source(name: str, operations: Iterable[Operation], seats: Callable[[Person], tuple[Seat, ...]]) -> Source:
    """Prepare the operations of a source by its profile."""
    profile = facts(name)
    weighted = []
    named: dict[str, Prepared] = {}
    for row in operations:
        fact = profile[row.like or _key(name, row)]
        seen = row.seen or fact.names.get(row.name) or fact.seen
        prepared = _prepared(row, fact, seats)
        weighted.append((prepared, sqrt(seen) * row.boost))
        named.setdefault(row.name, prepared)
    return Source(name, wheel(weighted, _SLOTS), named, seats)


def _key(source_name: str, row: Operation) -> str:
    if source_name == "cloudtrail":
        return row.part
    return f"{row.part}|{row.record_type}|{row.name}" if row.record_type else f"{row.part}|{row.name}"


def _prepared(row: Operation, fact: Fact, seats: Callable[[Person], tuple[Seat, ...]]) -> Prepared:
    chance = dice(len(row.name))
    person = row.actors()[0]
    bare = row.make(row, Scene(person, seats(person)[0], "2025-01-01T00:00:00", 0, chance, ()))
    sizes = [fact.median if n < _LARGE_FROM else fact.large for n in range(_VARIANTS)]
    missing = [size * (0.9 + 0.2 * chance.random()) - len(orjson.dumps(bare)) for size in sizes]
    return Prepared(
        operation=row,
        paddings=tuple(_filling(row.filler(), size, chance) for size in missing),
        sometimes=tuple((key, share) for key, share in fact.sometimes.items() if key in _OPTIONAL & bare.keys()),
    )


def _filling(rows: Sequence[Row], size: float, chance: Dice) -> Sequence[Row]:
    """Distinct rows of about `size` bytes in total, from a random position in the table."""
    filling: list[Row] = []
    start = chance.below(len(rows)) if rows else 0
    for row in [*rows[start:], *rows[:start]]:
        length = len(orjson.dumps(row)) + 1
        if size < length / 2:
            break
        filling.append(row)
        size -= length
    return filling
