"""The periods of one tenant: a folder of numbered index directories."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from casbah.fsync import write_file
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.searcher import Limits, PartitionSearcher

MOST_HANDED_OUT = 50_000
"""After so many records a period's engine is made to forget them: a scan reads each once, and there are many periods."""

State = Sequence[tuple[int, int, Limits]]
"""Of each period: its number, how often what is in view has changed, and the limits of what is on disk or will be next."""

PERIODS, DICTIONARIES, _NUMBERING = "periods", "dictionaries", "numbering.json"


class Partitions:
    """Every period there is, and a new one where something is to be stored. One thread makes periods; any may read.

    `changed` is called by whoever writes, before what was written is in view.
    """

    def __init__(self, tenant: Path, *, cache: Cache, changed: Callable[[], None] = lambda: None) -> None:
        self._folder = folder = tenant / PERIODS
        self._cache = cache
        self._changed = changed
        self._numbering = tenant / _NUMBERING
        self._remembered = json.loads(self._numbering.read_bytes())["last"] if self._numbering.exists() else 0
        self.codec = RecordCodec(tenant / DICTIONARIES)
        self._partitions = {number: self._opened(number, name) for number, name in _numbered(folder)}
        self.codec.held = sum(searcher.held for searcher in self.searchers())

    def searchers(self) -> list[PartitionSearcher]:
        """Every period as it is now, oldest first."""
        return [self._partitions[number].searcher for number in sorted(self._partitions)]

    def state(self) -> State:
        """What is in view, for another process to take into its own."""
        return [(number, each.generation, each.reach) for number, each in self._partitions.items()]

    @property
    def last(self) -> int:
        """The largest number of storing that is in view, or was before activities were deleted."""
        return max(self._remembered, *(partition.last for partition in self._partitions.values()), 0)

    def remember(self) -> None:
        """Keep the largest number of storing on disk, whatever will be deleted."""
        self._remembered = self.last
        write_file(self._numbering, json.dumps({"last": self._remembered}).encode())

    @property
    def pending(self) -> bool:
        """Whether something may be on disk and is not in view."""
        return any(partition.pending is not None for partition in self._partitions.values())

    def catch_up(self) -> None:
        """Take into view what is on disk and may not be."""
        for partition in self._partitions.values():
            if partition.pending is not None:
                partition.refresh()

    @property
    def crowded(self) -> bool:
        """Whether scans have left much in memory that nobody will ask for soon."""
        return any(partition.searcher.handed_out > MOST_HANDED_OUT for partition in self._partitions.values())

    def shed(self) -> None:
        """Let go of it."""
        for partition in self._partitions.values():
            if partition.searcher.handed_out > MOST_HANDED_OUT:
                partition.shed()

    def all(self) -> list[Partition]:
        """Every period, oldest first."""
        return [self._partitions[number] for number in sorted(self._partitions)]

    def holding(self, number: int) -> Partition | None:
        """The period of that number, if it is there."""
        return self._partitions.get(number)

    def of(self, number: int) -> Partition:
        """The period of that number, made if it is not there."""
        if number not in self._partitions:
            self._partitions = {**self._partitions, number: self._opened(number, f"{number:04d}")}
        return self._partitions[number]

    def _opened(self, number: int, name: str) -> Partition:
        return Partition(self._folder / name, number, codec=self.codec, cache=self._cache, changed=self._changed)


def _numbered(folder: Path) -> Iterator[tuple[int, str]]:
    if folder.is_dir():
        yield from sorted((int(each.name), each.name) for each in folder.iterdir() if each.name.isdigit())
