"""The periods of one tenant: a folder of numbered index directories."""

from collections.abc import Iterator
from pathlib import Path

from casbah.store.embedded.period import Period, View


class Periods:
    """Every period there is, and a new one where something is to be stored. One thread makes periods; any may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._periods = {number: Period(folder / name, number) for number, name in _numbered(folder)}

    def views(self) -> list[View]:
        """Every period as it is now, oldest first."""
        return [self._periods[number].view for number in sorted(self._periods)]

    def of(self, number: int) -> Period:
        """The period of that number, made if it is not there."""
        if number not in self._periods:
            self._periods = {**self._periods, number: Period(self._folder / f"{number:04d}", number)}
        return self._periods[number]


def _numbered(folder: Path) -> Iterator[tuple[int, str]]:
    if folder.is_dir():
        yield from sorted((int(each.name), each.name) for each in folder.iterdir() if each.name.isdigit())
