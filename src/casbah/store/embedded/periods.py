"""The periods of one tenant: a folder of numbered index directories."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from casbah.durable import write_file
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.payload import Payloads
from casbah.store.embedded.period import Period
from casbah.store.embedded.view import Limits, View

MOST_HANDED_OUT = 50_000
"""After so many records a period's engine is made to forget them: a scan reads each once, and there are many periods."""

State = Sequence[tuple[int, int, Limits]]
"""Of each period: its number, how often what is in view has changed, and the limits of what is on disk or will be next."""

PERIODS, DICTIONARIES, _NUMBERING = "periods", "dictionaries", "numbering.json"


class Periods:
    """Every period there is, and a new one where something is to be stored. One thread makes periods; any may read.

    `changed` is called by whoever writes, before what was written is in view.
    """

    def __init__(self, tenant: Path, *, cache: Cache, changed: Callable[[], None] = lambda: None) -> None:
        self._folder = folder = tenant / PERIODS
        self._cache = cache
        self._changed = changed
        self._numbering = tenant / _NUMBERING
        self._remembered = json.loads(self._numbering.read_bytes())["last"] if self._numbering.exists() else 0
        self.payloads = Payloads(tenant / DICTIONARIES)
        self._periods = {number: self._opened(number, name) for number, name in _numbered(folder)}
        self.payloads.held = sum(view.held for view in self.views())

    def views(self) -> list[View]:
        """Every period as it is now, oldest first."""
        return [self._periods[number].view for number in sorted(self._periods)]

    def state(self) -> State:
        """What is in view, for another process to take into its own."""
        return [(number, each.generation, each.reach) for number, each in self._periods.items()]

    @property
    def last(self) -> int:
        """The largest number of storing that is in view, or was before activities were deleted."""
        return max(self._remembered, *(period.last for period in self._periods.values()), 0)

    def remember(self) -> None:
        """Keep the largest number of storing on disk, whatever will be deleted."""
        self._remembered = self.last
        write_file(self._numbering, json.dumps({"last": self._remembered}).encode())

    @property
    def pending(self) -> bool:
        """Whether something may be on disk and is not in view."""
        return any(period.pending is not None for period in self._periods.values())

    def catch_up(self) -> None:
        """Take into view what is on disk and may not be."""
        for period in self._periods.values():
            if period.pending is not None:
                period.refresh()

    @property
    def crowded(self) -> bool:
        """Whether scans have left much in memory that nobody will ask for soon."""
        return any(period.view.handed_out > MOST_HANDED_OUT for period in self._periods.values())

    def shed(self) -> None:
        """Let go of it."""
        for period in self._periods.values():
            if period.view.handed_out > MOST_HANDED_OUT:
                period.shed()

    def all(self) -> list[Period]:
        """Every period, oldest first."""
        return [self._periods[number] for number in sorted(self._periods)]

    def holding(self, number: int) -> Period | None:
        """The period of that number, if it is there."""
        return self._periods.get(number)

    def of(self, number: int) -> Period:
        """The period of that number, made if it is not there."""
        if number not in self._periods:
            self._periods = {**self._periods, number: self._opened(number, f"{number:04d}")}
        return self._periods[number]

    def _opened(self, number: int, name: str) -> Period:
        return Period(self._folder / name, number, payloads=self.payloads, cache=self._cache, changed=self._changed)


def _numbered(folder: Path) -> Iterator[tuple[int, str]]:
    if folder.is_dir():
        yield from sorted((int(each.name), each.name) for each in folder.iterdir() if each.name.isdigit())
