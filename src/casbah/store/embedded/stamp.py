"""What storing adds: a number of storing, the moment of storing, and a place within that moment."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from casbah.errors import UnavailableError
from casbah.store.embedded.schema import MOST_TIES, SEQ_BITS
from casbah.store.embedded.view import View
from casbah.store.moments import Moments

_REMEMBERED = 100_000


class FullMomentError(Exception):
    """More activities bring the same `created` than a sort key can tell apart; the message is the reason to refuse one."""

    def __init__(self, created: int) -> None:
        super().__init__(
            f"{MOST_TIES} activities are stored with created {created} already, the most that one ms holds"
        )


@dataclass(frozen=True, slots=True)
class Stamp:
    """One activity's: `seq` in the tenant, `created` in ms, `tie` among those of that ms in its period."""

    seq: int
    created: int
    tie: int


NO_STAMP = Stamp(0, 0, 0)


class Stamps:
    """Gives stamps out. Numbers go on from the largest that is stored; one that was never committed may be given again."""

    def __init__(self, clock: Callable[[], int], *, last: int) -> None:
        self._moments = Moments(clock)
        self._seq = last
        self._ties: OrderedDict[tuple[int, int], int] = OrderedDict()

    def next(self, brought: int | None, view: View) -> Stamp:
        """The stamp of the next activity; `brought` is the `created` that its record brings, if it does."""
        self._check()
        created = self._moments.next() if brought is None else brought
        tie = self._tie(created, view)
        self._seq += 1
        return Stamp(self._seq, created, tie)

    def again(self, created: int, tie: int) -> Stamp:
        """The stamp of an activity that is stored anew in its old place: only its number of storing is another one."""
        self._check()
        self._seq += 1
        return Stamp(self._seq, created, tie)

    def _check(self) -> None:
        if self._seq + 1 >= 1 << SEQ_BITS:
            raise UnavailableError("this tenant holds 4,294,967,295 activities, the most that the format can number")

    def forget(self) -> None:
        """Places of what was never committed are free again: each moment is looked up anew."""
        self._ties.clear()

    def _tie(self, created: int, view: View) -> int:
        key = (view.number, created)
        tie = self._ties.pop(key) if key in self._ties else view.ties(created)
        self._ties[key] = min(tie + 1, MOST_TIES)
        if len(self._ties) > _REMEMBERED:
            self._ties.popitem(last=False)
        if tie >= MOST_TIES:
            raise FullMomentError(created)
        return tie
