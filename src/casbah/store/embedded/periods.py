"""The periods of one tenant: a folder of numbered index directories."""

from collections.abc import Iterator
from pathlib import Path

from casbah.store.embedded.cache import Cache
from casbah.store.embedded.payload import Payloads
from casbah.store.embedded.period import Period
from casbah.store.embedded.view import View


class Periods:
    """Every period there is, and a new one where something is to be stored. One thread makes periods; any may read.

    `last` is the largest number of storing that was there when they were opened.
    """

    def __init__(self, folder: Path, *, dictionaries: Path, cache: Cache) -> None:
        self._folder = folder
        self._cache = cache
        self.payloads = Payloads(dictionaries)
        self._periods = {number: self._opened(number, name) for number, name in _numbered(folder)}
        self.last = max((period.last for period in self._periods.values()), default=0)
        self.payloads.held = sum(view.held for view in self.views())

    def views(self) -> list[View]:
        """Every period as it is now, oldest first."""
        return [self._periods[number].view for number in sorted(self._periods)]

    def catch_up(self) -> None:
        """Take into view what is on disk and may not be."""
        for period in self._periods.values():
            if period.pending is not None:
                period.refresh()

    def of(self, number: int) -> Period:
        """The period of that number, made if it is not there."""
        if number not in self._periods:
            self._periods = {**self._periods, number: self._opened(number, f"{number:04d}")}
        return self._periods[number]

    def _opened(self, number: int, name: str) -> Period:
        return Period(self._folder / name, number, payloads=self.payloads, cache=self._cache)


def _numbered(folder: Path) -> Iterator[tuple[int, str]]:
    if folder.is_dir():
        yield from sorted((int(each.name), each.name) for each in folder.iterdir() if each.name.isdigit())
