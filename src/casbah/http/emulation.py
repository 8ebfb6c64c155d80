"""Emulation of other servers' behavior: what the `mimic_*` settings turn on, and what a test scheduled for its next requests.

Each option is off by default; `docs/mimic.md` lists them with their sources.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from casbah.activity import predicate as p
from casbah.activity.fields import FIELDS
from casbah.activity.predicate import Predicate
from casbah.activity.query import Query
from casbah.errors import LimitExceededError
from casbah.settings import Settings

_TELLING_DIGITS = 2
_ARCHIVED = 180 * 86_400_000
"""How long ago an activity of the archive happened at most, in ms."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """What happens to one request: it waits `slow` ms, then fails with `status`, if any. `retry_after` is in seconds."""

    slow: int = 0
    status: int | None = None
    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class DelayedArrival:
    """Events to store after `after` more requests, just before the following one is answered."""

    after: int
    body: bytes
    source: str | None


class Emulation:
    """Emulation options of one server, and what each tenant's next requests meet. Not thread-safe: for the event loop only."""

    def __init__(self, settings: Settings, *, clock: Callable[[], int], dice: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._dice = dice
        self._next: dict[str, deque[Interruption]] = defaultdict(deque)
        self._arriving: dict[str, list[DelayedArrival]] = {}
        self.any = settings.emulates
        """Whether any emulation option is on."""

    def page_limit(self, limit: int) -> int:
        """The largest number of records or accounts that a page may have, of those requested."""
        return min(limit, self._settings.mimic_page_limit)

    def limited(self, query: Query, *, archive: bool = False) -> Query:
        """A page of a list as the emulated server would answer it: of visible activities, and no longer than its pages.

        Raises LimitExceededError past the end of its lists.
        """
        limit, end = self.page_limit(query.limit), self._settings.mimic_list_end
        if end is not None and query.skip + limit > end:
            raise LimitExceededError(
                f"skip: skip + limit is at most {end}, got {query.skip} + {limit}; scan (isScan) to go further"
            )
        return replace(query, predicate=self.narrowed(query.predicate, archive=archive), limit=limit)

    def narrowed(self, predicate: Predicate, *, archive: bool = False) -> Predicate:
        """The predicate, restricted to visible activities: stored long enough ago, and within the window, or of the archive
        before it.
        """
        now = self._clock()
        return p.both(predicate, *self._window(now, archive=archive), *self._settled(now))

    @property
    def settled(self) -> Predicate | None:
        """Matches activities stored long enough ago to be visible. None if all are."""
        return next(iter(self._settled(self._clock())), None)

    def total(self, exact: int) -> int:
        """The total to report: rounded down above `mimic_total`."""
        maximum = self._settings.mimic_total
        if maximum is None or exact <= maximum:
            return exact
        digits = str(exact)
        return int(digits[:_TELLING_DIGITS].ljust(len(digits), "0"))

    @property
    def scan_total(self) -> bool:
        """Whether scans report the total."""
        return self._settings.mimic_scan_total

    @property
    def list_totals(self) -> bool:
        """Whether lists answer `max` and `moreThanTotal`."""
        return self._settings.mimic_list_totals

    @property
    def form_errors(self) -> bool:
        """Whether a 400 has MDCA's shape."""
        return self._settings.mimic_form_errors

    def expect(self, tenant: str, interruptions: Sequence[Interruption]) -> int:
        """Schedule one interruption for each of the tenant's next requests. Returns how many are pending."""
        self._next[tenant].extend(interruptions)
        return len(self._next[tenant])

    def arrive(self, tenant: str, arriving: DelayedArrival) -> None:
        """Schedule events to be stored between the tenant's requests."""
        self._arriving.setdefault(tenant, []).append(arriving)

    def forget(self, tenant: str) -> None:
        """Cancel the tenant's scheduled interruptions and events."""
        self._next.pop(tenant, None)
        self._arriving.pop(tenant, None)

    def interruption(self, tenant: str) -> Interruption:
        """What happens to this request: the next scheduled interruption, otherwise a random draw by the settings."""
        waiting = self._next.get(tenant)
        if waiting:
            return waiting.popleft()
        drawn = self._dice.random()
        for status, chance in self._settings.mimic_fail:
            if drawn < chance:
                return Interruption(self._settings.mimic_slow or 0, status)
            drawn -= chance
        return Interruption(self._settings.mimic_slow or 0)

    def arrived(self, tenant: str) -> list[DelayedArrival]:
        """The events due before this request is answered."""
        waiting = self._arriving.pop(tenant, [])
        later = [replace(event, after=event.after - 1) for event in waiting if event.after > 0]
        if later:
            self._arriving[tenant] = later
        return [event for event in waiting if event.after <= 0]

    def _window(self, now: int, *, archive: bool) -> Sequence[Predicate]:
        window, date = self._settings.mimic_window, FIELDS["date"]
        if window is None:
            return ()
        if archive:
            return (p.Range(date, low=now - _ARCHIVED, high=now - window, with_high=False),)
        return (p.Range(date, low=now - window),)

    def _settled(self, now: int) -> Sequence[Predicate]:
        late = self._settings.mimic_late
        return () if late is None else (p.Range(FIELDS["created"], high=now - late),)
