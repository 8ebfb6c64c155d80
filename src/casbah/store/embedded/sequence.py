"""Assigns what storing adds to an activity: a sequence number, the time of storing, and a tiebreaker within that ms."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from casbah.errors import UnavailableError
from casbah.store.embedded.schema import MAX_TIES, SEQ_BITS
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.monotonic_clock import MonotonicClock

_REMEMBERED = 100_000


class FullMomentError(Exception):
    """More activities have the same `created` than a sort key can distinguish. The message is the reason for the refusal."""

    def __init__(self, created: int) -> None:
        super().__init__(f"{MAX_TIES} activities are stored with created {created} already, the most that one ms holds")


class SequenceNumber(NamedTuple):
    """`seq` is unique in the tenant; `created` is the time of storing (ms); `tiebreaker` is unique in that ms and partition."""

    seq: int
    created: int
    tiebreaker: int


class Sequencer:
    """Assigns numbers after the largest stored one. An uncommitted number may be assigned again. Not thread-safe."""

    def __init__(self, clock: Callable[[], int], *, last: int) -> None:
        self._moments = MonotonicClock(clock)
        self._seq = last
        self._ties: OrderedDict[tuple[int, int], int] = OrderedDict()

    @property
    def last(self) -> int:
        """The largest number assigned so far."""
        return self._seq

    def skip(self, last: int) -> None:
        """Assign only numbers after `last`."""
        self._seq = max(self._seq, last)

    def next(self, created: int | None, searcher: PartitionSearcher) -> SequenceNumber:
        """The sequence number of the next activity. `created` is that of its record, if it has one. Raises FullMomentError."""
        self._check()
        created = self._moments.next() if created is None else created
        tiebreaker = self._tie(created, searcher)
        self._seq += 1
        return SequenceNumber(self._seq, created, tiebreaker)

    def again(self, created: int, tiebreaker: int) -> SequenceNumber:
        """The sequence number of a rewritten activity: only `seq` is new."""
        self._check()
        self._seq += 1
        return SequenceNumber(self._seq, created, tiebreaker)

    def _check(self) -> None:
        if self._seq + 1 >= 1 << SEQ_BITS:
            raise UnavailableError("this tenant holds 4,294,967,295 activities, the most that the format can number")

    def forget(self) -> None:
        """Free the tiebreakers of uncommitted activities: look them up in the index again."""
        self._ties.clear()

    def _tie(self, created: int, searcher: PartitionSearcher) -> int:
        key = (searcher.number, created)
        tiebreaker = self._ties.pop(key) if key in self._ties else searcher.ties(created)
        self._ties[key] = min(tiebreaker + 1, MAX_TIES)
        if len(self._ties) > _REMEMBERED:
            self._ties.popitem(last=False)
        if tiebreaker >= MAX_TIES:
            raise FullMomentError(created)
        return tiebreaker
