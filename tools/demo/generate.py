"""Generates events as three sources would log them, deterministically on any machine.

The frequency of an operation is the square root of its count in a real tenant, times a boost in its row: two thirds of a real
tenant's log are the provider's own set-up, but a demo should show people. Event sizes follow the same profile. All people are
fictitious: accounts are named by role, and addresses and domains are reserved for documentation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from heapq import merge

import orjson

from casbah.demo.load import DemoEvent
from tools.demo import clock, cloudtrail, google_workspace, microsoft365
from tools.demo.dice import Dice, dice, wheel
from tools.demo.operation import Prepared, Scene, Source
from tools.demo.people import Person, Seat
from tools.demo.policy import with_policies

_BURSTS_BEGIN_AT = 500
_MAX_IN_A_BURST = 400
_MAX_BURSTS = 12
_IN_BURSTS = 25


@dataclass(frozen=True, slots=True)
class Burst:
    """Many events of one operation in the same second: by one person, or by `many` from risky addresses."""

    source: str
    operation: str
    many: bool = False


# fmt: off
SHARES: tuple[tuple[Callable[[], Source], float], ...] = (
    (microsoft365.events,     0.70),
    (cloudtrail.events,       0.17),
    (google_workspace.events, 0.13),
)
BURSTS = (
    Burst("microsoft365",     "FileDownloaded"),
    Burst("microsoft365",     "UserLoginFailed", many=True),
    Burst("microsoft365",     "FileDeleted"),
    Burst("cloudtrail",       "GetSecretValue"),
    Burst("google_workspace", "download"),
    Burst("cloudtrail",       "DescribeInstances"),
)
# fmt: on


def made_up(count: int, *, seed: int = 1, until_ms: int, days: int = 90) -> Iterator[DemoEvent]:
    """Generate `count` events in the `days` before `until_ms`, ordered by time in whole seconds, as most sources write it. Each
    becomes one activity. Memory use does not depend on `count`.
    """
    start, end = -(-(until_ms - days * clock.DAY) // 1000) * 1000, until_ms
    chance = dice(seed)
    bursts = _bursts(count)
    times = clock.burst_times(len(bursts), start, end, chance)
    usual = _usual(count - sum(size for _, size in bursts), start, end, chance)
    sudden = _sudden(list(zip(times, bursts, strict=True)), chance)
    for _, event in merge(usual, sudden, key=lambda pair: pair[0]):
        yield event


def _bursts(count: int) -> list[tuple[Burst, int]]:
    """A few bursts with at most about one in twenty-five events; none for a small count."""
    if count < _BURSTS_BEGIN_AT:
        return []
    number = min(_MAX_BURSTS, max(2, count // 2_000))
    size = min(_MAX_IN_A_BURST, count // _IN_BURSTS // number)
    return [(BURSTS[n % len(BURSTS)], size) for n in range(number)]


def _usual(count: int, start: int, end: int, chance: Dice) -> Iterator[tuple[int, DemoEvent]]:
    sources = _sources()
    minutes = clock.seconds()
    for hour in clock.hours(count, start, end):
        prefix = clock.spelled(hour.start)[:14]
        for time in hour.times(chance):
            source = chance.pick(sources)
            prepared = chance.pick(source.wheel)
            person = chance.pick(prepared.operation.actors())
            seat = chance.pick(source.seats(person))
            second = prefix + minutes[time // 1000 % 3600]
            scene = Scene(person, seat, second, time % 1000, chance, chance.pick(prepared.paddings))
            yield time, _event(source.name, prepared, scene)


def _sudden(bursts: list[tuple[int, tuple[Burst, int]]], chance: Dice) -> Iterator[tuple[int, DemoEvent]]:
    named = {source.name: source for source in _sources()}
    for time, (burst, size) in bursts:
        source = named[burst.source]
        prepared = source.named[burst.operation]
        for person, seat in _cast(burst, source, prepared, size, chance):
            padding = chance.pick(prepared.paddings)
            scene = Scene(person, seat, clock.spelled(time), chance.below(1000), chance, padding)
            yield time, _event(source.name, prepared, scene)


def _cast(burst: Burst, source: Source, prepared: Prepared, size: int, chance: Dice) -> Iterator[tuple[Person, Seat]]:
    """One person at one seat, or many people at risky seats."""
    actors = prepared.operation.actors()
    if burst.many:
        exposed = [(person, seat) for person, seat in _seats(source, actors) if seat.address.risky]
        yield from (chance.pick(exposed) for _ in range(size))
        return
    person = chance.pick(actors)
    seat = chance.pick(source.seats(person))
    yield from ((person, seat) for _ in range(size))


def _seats(source: Source, actors: tuple[Person, ...]) -> Iterator[tuple[Person, Seat]]:
    everyone = {person.name: person for person in actors}
    return ((person, seat) for person in everyone.values() for seat in source.seats(person))


def _event(source: str, prepared: Prepared, scene: Scene) -> DemoEvent:
    extra = with_policies(prepared.operation, scene.seat, source, scene.chance)
    return DemoEvent(source, orjson.dumps(prepared.event(scene)), extra)


@cache
def _sources() -> tuple[Source, ...]:
    return wheel(((events(), share) for events, share in SHARES), 100)
