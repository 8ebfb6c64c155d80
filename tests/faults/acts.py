"""What the process under test does, and what must be there afterwards: both follow from a seed and a number.

Two acts in three bring activities, a few of them delivered before; the rest replace a record, add feedback or delete something.
"""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Terms
from casbah.activity.tenant import TenantId
from casbah.store.contract import FeedbackEntry, Store
from making import NOW, arrival, record

SCOPE = TenantId("faults")
_DAY = 86_400_000
_PERIODS = 60 * _DAY
_YEARS = 20 * 365 * _DAY


@dataclass(frozen=True, slots=True)
class Act:
    """`brings` activities under their ids; `replaces` one of them; says something of it; `deletes` it: one of the four."""

    brings: Sequence[str] = ()
    replaces: str | None = None
    says: tuple[str, bytes] | None = None
    deletes: str | None = None
    number: int = 0
    batches: int = 1

    def do(self, store: Store, tenant_id: TenantId) -> None:
        """Returns once the store has said that it is done."""
        if self.brings:
            # In several batches at once, which share a commit or do not.
            batches = [self.brings[each :: self.batches] for each in range(self.batches)]
            told = [store.tenant(tenant_id).insert_soon([arrival(made(each)) for each in batch]) for batch in batches]
            answers = [each.result() for each in told]
            assert sum(answer.stored + answer.duplicates for answer in answers) == len(self.brings)
        elif self.replaces is not None:
            store.tenant(tenant_id).replace([arrival(made(self.replaces, version=self.number))])
        elif self.says is not None:
            store.tenant(tenant_id).add_feedback(self.says[0], FeedbackEntry(NOW, "test", self.says[1]))
        elif self.deletes is not None:
            store.tenant(tenant_id).delete(Terms(FIELDS["id"], (self.deletes,)))
            for _ in range(self.batches):  # Cleaning the disk may end long after the answer, or never.
                store.tenant(tenant_id).compact()


@dataclass(slots=True)
class Expected:
    """What must be there (`held`), what may be there as well (`perhaps`): by id, the versions that its record may have."""

    held: dict[str, set[int]] = field(default_factory=dict)
    perhaps: dict[str, set[int]] = field(default_factory=dict)
    said: set[tuple[str, bytes]] = field(default_factory=set)


def act(seed: int, number: int) -> Act:
    """What act `number` does."""
    dice = random.Random(f"{seed}/{number}")
    if number > 3 and dice.random() < 0.35:
        about = dice.choice(_batch(seed, dice.randrange(number - 1)))
        kind = dice.randrange(3)
        if kind == 0:
            return Act(replaces=about, number=number)
        if kind == 1:
            return Act(deletes=about, number=number, batches=dice.randrange(5))
        return Act(says=(about, json.dumps({"act": number}).encode()), number=number)
    again = _batch(seed, dice.randrange(number))[:3] if number and dice.random() < 0.3 else []
    return Act(brings=[*again, *_batch(seed, number)], number=number, batches=dice.choice([1, 1, 2, 5]))


def made(name: str, *, version: int = 0) -> dict[str, object]:
    """The record of an id, as it was first or as act `version` replaced it."""
    dice = random.Random(name)
    text = "".join(dice.choices("abcdefghij ", k=dice.randrange(40, 600)))
    return record(0, _id=name, uid=name, timestamp=NOW - dice.randrange(_PERIODS), description=text, version=version)


def expected(seed: int, *, sent: Iterable[int], done: Iterable[int]) -> Expected:
    """What follows from what was told. An act that was sent and not done may have been done all the same."""
    finished, found = set(done), Expected()
    for number in sorted(set(sent)):
        each = act(seed, number)
        for name in each.brings:
            _bring(found, name, sure=number in finished)
        if each.replaces is not None and each.replaces in {**found.held, **found.perhaps}:
            _replace(found, each.replaces, number, sure=number in finished)
        if each.deletes is not None:
            _delete(found, each.deletes, sure=number in finished)
        if each.says is not None and number in finished:
            found.said.add(each.says)
    return found


class Jumping:
    """A clock: 1 ms later each time, and with `jumps` suddenly years ahead or behind."""

    def __init__(self, seed: int, *, jumps: bool) -> None:
        self._dice = random.Random(seed)
        self._now = NOW
        self._jumps = jumps

    def __call__(self) -> int:
        self._now += 1
        if self._jumps and self._dice.random() < 0.2:
            self._now = NOW + self._dice.randrange(-_YEARS, _YEARS)
        return self._now


def _bring(found: Expected, name: str, *, sure: bool) -> None:
    if name in found.held:
        return
    versions = found.perhaps.pop(name, set()) | {0}
    (found.held if sure else found.perhaps)[name] = versions


def _replace(found: Expected, name: str, number: int, *, sure: bool) -> None:
    for each in (found.held, found.perhaps):
        if name in each:
            each[name] = {number} if sure and each is found.held else each[name] | {number}


def _delete(found: Expected, name: str, *, sure: bool) -> None:
    """What was said of an activity goes with it."""
    versions = found.held.pop(name, set()) | found.perhaps.pop(name, set())
    said = {each for each in found.said if each[0] == name}
    found.said -= said
    if not sure and versions:
        found.perhaps[name] = versions


def _batch(seed: int, number: int) -> list[str]:
    """The ids that belong to a number, whether or not its act brings them."""
    size = random.Random(f"{seed}:{number}").choice([1, 1, 5, 20, 60])
    return [f"{seed}-{number}-{each}" for each in range(size)]
