"""What other servers do and Casbah does not, as the settings `mimic_*` choose it, and what a test has asked for next.

Each quirk is off unless its setting says otherwise; `docs/mimic.md` lists them with their sources.
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
from casbah.settings import SETTINGS, Settings

_PREFIX = "mimic"
_TELLING_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Interruption:
    """What befalls one request: it waits (ms), then fails with `status` if there is one; `retry_after` is in seconds."""

    slow: int = 0
    status: int | None = None
    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class DelayedArrival:
    """Events that are stored just before the request after the next `after` ones is answered."""

    after: int
    body: bytes
    source: str | None


class Emulation:
    """The quirks of one server, and by tenant what its next requests meet. Used by the event loop alone."""

    def __init__(self, settings: Settings, *, clock: Callable[[], int], dice: random.Random) -> None:
        self._settings = settings
        self._clock = clock
        self._dice = dice
        self._next: dict[str, deque[Interruption]] = defaultdict(deque)
        self._arriving: dict[str, list[DelayedArrival]] = {}
        rows = [row for row in SETTINGS.values() if row.name.startswith(_PREFIX)]
        self.any = any(getattr(settings, row.name) != row.read(row.default) for row in rows)
        """Whether this server mimics another in anything."""

    def bounded(self, query: Query) -> Query:
        """The query as far as the other server would answer it. Raises LimitExceededError past the end of its lists."""
        predicate = self.narrowed(query.predicate)
        if query.scan:
            return replace(query, predicate=predicate)
        limit, end = min(query.limit, self._settings.mimic_page_limit), self._settings.mimic_list_end
        if end is not None and query.skip + limit > end:
            raise LimitExceededError(
                f"skip: skip + limit is at most {end}, got {query.skip} + {limit}; scan (isScan) to go further"
            )
        return replace(query, predicate=predicate, limit=limit)

    def narrowed(self, predicate: Predicate) -> Predicate:
        """What matches and can be seen: it happened within the window, and was stored long enough ago."""
        now = self._clock()
        return p.both(predicate, *self._window(now), *self._settled(now))

    @property
    def settled(self) -> Predicate | None:
        """What was stored long enough ago to be seen; None where everything is."""
        return next(iter(self._settled(self._clock())), None)

    def total(self, exact: int) -> int:
        """The total as it is told: rounded down past a bound."""
        most = self._settings.mimic_total
        if most is None or exact <= most:
            return exact
        digits = str(exact)
        return int(digits[:_TELLING_DIGITS].ljust(len(digits), "0"))

    @property
    def scan_total(self) -> bool:
        """Whether a scan tells the total."""
        return self._settings.mimic_scan_total

    def expect(self, tenant: str, interruptions: Sequence[Interruption]) -> int:
        """Let the tenant's next requests meet these, one each; the number that wait in all."""
        self._next[tenant].extend(interruptions)
        return len(self._next[tenant])

    def arrive(self, tenant: str, arriving: DelayedArrival) -> None:
        """Let events come in the midst of the tenant's requests."""
        self._arriving.setdefault(tenant, []).append(arriving)

    def forget(self, tenant: str) -> None:
        """Nothing is to befall the tenant's requests any more, and nothing to arrive."""
        self._next.pop(tenant, None)
        self._arriving.pop(tenant, None)

    def interruption(self, tenant: str) -> Interruption:
        """What this request meets: what was asked for, else what the settings' chances say."""
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
        """What arrives before this request is answered."""
        waiting = self._arriving.pop(tenant, [])
        later = [replace(each, after=each.after - 1) for each in waiting if each.after > 0]
        if later:
            self._arriving[tenant] = later
        return [each for each in waiting if each.after <= 0]

    def _window(self, now: int) -> Sequence[Predicate]:
        window = self._settings.mimic_window
        return () if window is None else (p.Range(FIELDS["date"], low=now - window),)

    def _settled(self, now: int) -> Sequence[Predicate]:
        late = self._settings.mimic_late
        return () if late is None else (p.Range(FIELDS["created"], high=now - late),)
