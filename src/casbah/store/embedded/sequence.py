"""What storing adds: a number of storing, the moment of storing, and a place within that moment."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from casbah.errors import UnavailableError
from casbah.store.embedded.schema import MOST_TIES, SEQ_BITS
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.monotonic_clock import MonotonicClock

_REMEMBERED = 100_000


class FullMomentError(Exception):
    """More activities bring the same `created` than a sort key can tell apart; the message is the reason to refuse one."""

    def __init__(self, created: int) -> None:
        super().__init__(
            f"{MOST_TIES} activities are stored with created {created} already, the most that one ms holds"
        )


@dataclass(frozen=True, slots=True)
class SequenceNumber:
    """One activity's: `seq` in the tenant, `created` in ms, `tiebreaker` among those of that ms in its period."""

    seq: int
    created: int
    tiebreaker: int


NO_STAMP = SequenceNumber(0, 0, 0)


class Sequencer:
    """Gives stamps out. Numbers go on from the largest that is stored; one that was never committed may be given again."""

    def __init__(self, clock: Callable[[], int], *, last: int) -> None:
        self._moments = MonotonicClock(clock)
        self._seq = last
        self._ties: OrderedDict[tuple[int, int], int] = OrderedDict()

    def next(self, brought: int | None, searcher: PartitionSearcher) -> SequenceNumber:
        """The stamp of the next activity; `brought` is the `created` that its record brings, if it does."""
        self._check()
        created = self._moments.next() if brought is None else brought
        tiebreaker = self._tie(created, searcher)
        self._seq += 1
        return SequenceNumber(self._seq, created, tiebreaker)

    def again(self, created: int, tiebreaker: int) -> SequenceNumber:
        """The stamp of an activity that is stored anew in its old place: only its number of storing is another one."""
        self._check()
        self._seq += 1
        return SequenceNumber(self._seq, created, tiebreaker)

    def _check(self) -> None:
        if self._seq + 1 >= 1 << SEQ_BITS:
            raise UnavailableError("this tenant holds 4,294,967,295 activities, the most that the format can number")

    def forget(self) -> None:
        """Places of what was never committed are free again: each moment is looked up anew."""
        self._ties.clear()

    def _tie(self, created: int, searcher: PartitionSearcher) -> int:
        key = (searcher.number, created)
        tiebreaker = self._ties.pop(key) if key in self._ties else searcher.ties(created)
        self._ties[key] = min(tiebreaker + 1, MOST_TIES)
        if len(self._ties) > _REMEMBERED:
            self._ties.popitem(last=False)
        if tiebreaker >= MOST_TIES:
            raise FullMomentError(created)
        return tiebreaker
