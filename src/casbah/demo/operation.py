"""What can be done: a row for each operation, and the same made ready to draw from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, NamedTuple

import orjson

from casbah.demo.dice import Dice, dice, wheel
from casbah.demo.people import Person, Seat
from casbah.demo.profile import Fact, facts

Row = Mapping[str, Any]
_VARIANTS = 16
_LARGE_FROM = 14
_SLOTS = 4_096

# Keys that an event may lack without losing its meaning; how often each is there is in the profile.
_OPTIONAL = frozenset(
    {
        "AppId", "ApplicationDisplayName", "ApplicationId", "ClientAppId", "DeviceProperties",
        "DoNotDistributeEvent", "HighPriorityMediaProcessing", "ImplicitShare", "SessionId", "tlsDetails",
    }
)  # fmt: skip


class Scene(NamedTuple):
    """Who does it, from where and when; `padding` is what the event is filled up with to a real one's size."""

    person: Person
    seat: Seat
    second: str
    millisecond: int
    chance: Dice
    padding: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of event.

    `part` is the workload, event source or application. An operation is as common as the square root of its
    count in the profile, times `boost`; `like` names the row of the profile where it is not the operation's
    own, and `seen` a count where the profile has none. `risk` is the share of its events that match a policy.
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
    """An operation with its fillings, of which most make an event of the median size and a few a large one."""

    operation: Operation
    paddings: tuple[Sequence[Row], ...]
    sometimes: tuple[tuple[str, float], ...]

    def event(self, scene: Scene) -> dict[str, Any]:
        made = self.operation.make(self.operation, scene)
        for key, share in self.sometimes:
            if scene.chance.random() >= share:
                made.pop(key, None)
        return made


@dataclass(frozen=True, slots=True)
class Source:
    """One source's operations; `wheel` has each as often as it is common."""

    name: str
    wheel: tuple[Prepared, ...]
    named: Mapping[str, Prepared]
    seats: Callable[[Person], tuple[Seat, ...]]


def source(name: str, operations: Iterable[Operation], seats: Callable[[Person], tuple[Seat, ...]]) -> Source:
    """The operations of a source, weighed and filled after its profile."""
    profile = facts(name)
    weighed = []
    named: dict[str, Prepared] = {}
    for row in operations:
        fact = profile[row.like or _key(name, row)]
        seen = row.seen or fact.names.get(row.name) or fact.seen
        prepared = _prepared(row, fact, seats)
        weighed.append((prepared, sqrt(seen) * row.boost))
        named.setdefault(row.name, prepared)
    return Source(name, wheel(weighed, _SLOTS), named, seats)


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
    """As many different rows as come near the size, from a place in the table that chance names."""
    found: list[Row] = []
    start = chance.below(len(rows)) if rows else 0
    for row in [*rows[start:], *rows[:start]]:
        length = len(orjson.dumps(row)) + 1
        if size < length / 2:
            break
        found.append(row)
        size -= length
    return found
