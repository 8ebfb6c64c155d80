"""The partitions of one tenant: a folder of numbered index directories."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from casbah.base.checked_json import read_json, write_json
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.searcher import Limits, PartitionSearcher
from casbah.store.embedded.verified_files import VerifiedFiles

MAX_HANDED_OUT = 50_000
"""After a scan has read this many records, a partition frees tantivy's cached blocks: a scan reads each record only once."""

State = Sequence[tuple[int, int, Limits]]
"""For each partition: its number, its generation (another after each visible change), and limits that cover pending commits."""

PERIODS, DICTIONARIES, NUMBERING = "periods", "dictionaries", "numbering.json"


class Partitions:
    """All partitions, created on demand. Only one thread may create partitions; any thread may read.

    `changed` is called by the writing thread, before a commit becomes visible.
    """

    def __init__(self, tenant: Path, *, cache: Cache, changed: Callable[[], None] = lambda: None) -> None:
        self._folder = folder = tenant / PERIODS
        self._cache = cache
        self._changed = changed
        self._numbering = tenant / NUMBERING
        self._remembered = int(read_json(self._numbering)["last"]) if self._numbering.exists() else 0
        self.codec = RecordCodec(tenant / DICTIONARIES)
        _check_files(tenant, folder)
        self._partitions = {number: self._opened(number, name) for number, name in numbered(folder)}
        self.codec.held = sum(searcher.held for searcher in self.searchers())

    def searchers(self) -> list[PartitionSearcher]:
        """The current searcher of every partition, oldest first."""
        return [self._partitions[number].searcher for number in sorted(self._partitions)]

    def state(self) -> State:
        """What is visible, for other processes to catch up with."""
        return [(number, partition.generation, partition.reach) for number, partition in self._partitions.items()]

    @property
    def last(self) -> int:
        """The largest sequence number that is, or before deletions was, visible."""
        return max(self._remembered, *(partition.last for partition in self._partitions.values()), 0)

    def remember(self) -> None:
        """Write the largest sequence number to disk, so that it survives deletions."""
        self._remembered = self.last
        write_json(self._numbering, {"last": self._remembered})

    @property
    def pending(self) -> bool:
        """Whether a commit may be on disk without being visible."""
        return any(partition.pending is not None for partition in self._partitions.values())

    def catch_up(self) -> None:
        """Make pending commits visible."""
        for partition in self._partitions.values():
            if partition.pending is not None:
                partition.refresh()

    @property
    def crowded(self) -> bool:
        """Whether scans have left many unneeded blocks in memory."""
        return any(partition.searcher.handed_out > MAX_HANDED_OUT for partition in self._partitions.values())

    def shed(self) -> None:
        """Free the cached blocks of partitions that scans have read much of."""
        for partition in self._partitions.values():
            if partition.searcher.handed_out > MAX_HANDED_OUT:
                partition.shed()

    def all(self) -> list[Partition]:
        """Every partition, oldest first."""
        return [self._partitions[number] for number in sorted(self._partitions)]

    def holding(self, number: int) -> Partition | None:
        """The partition with that number, or None."""
        return self._partitions.get(number)

    def of(self, number: int) -> Partition:
        """The partition with that number, created if missing."""
        if number not in self._partitions:
            self._partitions = {**self._partitions, number: self._opened(number, f"{number:04d}")}
        return self._partitions[number]

    def _opened(self, number: int, name: str) -> Partition:
        return Partition(self._folder / name, number, codec=self.codec, cache=self._cache, changed=self._changed)


def _check_files(tenant: Path, folder: Path) -> None:
    """Check what was not checked before. Raises DamagedFileError; what is good is not read again when it is tried again."""
    verified = VerifiedFiles(tenant)
    try:
        for _, name in numbered(folder):
            verified.check(folder / name)
    finally:
        verified.save()


def numbered(folder: Path) -> Iterator[tuple[int, str]]:
    """The number and folder name of each partition on disk."""
    if folder.is_dir():
        yield from sorted((int(entry.name), entry.name) for entry in folder.iterdir() if entry.name.isdigit())
