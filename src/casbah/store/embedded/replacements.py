"""Replacing stored records: each keeps its position in every order and gets a new sequence number."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from casbah.store.embedded import schema as s
from casbah.store.embedded.deduplication import NamedEntry
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.embedded.sequence import FullMomentError, Sequencer
from casbah.store.prepared import Prepared

_SUFFIX = 9
"""Length of `~` and the first eight digits of a digest, which distinguish events with the same id."""


class Replacements:
    """Replacements by partition, each with the sequence number it was first stored under."""

    def __init__(self, partitions: Partitions, sequencer: Sequencer) -> None:
        self._by_partition: defaultdict[Partition, dict[str, tuple[Fresh, int]]] = defaultdict(dict)
        self._partitions = partitions
        self._sequencer = sequencer

    def add(self, entry: Prepared) -> None:
        """Add a replacement, if an activity with that id and timestamp is stored. The last one for an id wins."""
        place = self._place(entry)
        if place is not None and place.timestamp == entry.timestamp:
            self._add(entry, _dedup_keys(entry, place.partition.searcher), place)

    def add_fuller(self, named: NamedEntry) -> None:
        """Add a fuller copy of a stored activity. Its timestamp may differ, and so may its `created`, if it has one."""
        place = self._place(named.entry)
        if place is None:
            raise AssertionError(f"nothing to replace: {named.entry.id}")
        self._add(named.entry, named.dedup_keys, place, created=named.entry.created)

    def _place(self, entry: Prepared) -> "_Place | None":
        partition = self._partitions.holding(s.period_of(entry.timestamp))
        keys = partition.searcher.keys(entry.id) if partition is not None else None
        if partition is None or keys is None:
            return None
        date_key, created_key = keys
        return _Place(partition, *s.of_date_key(date_key, partition.number), created_key)

    def _add(self, entry: Prepared, dedup_keys: Sequence[str], place: "_Place", *, created: int | None = None) -> None:
        known = s.of_created_key(place.created_key)
        sequence = self._sequencer.again(known, place.created_key & (s.MAX_TIES - 1))
        if created not in (None, known):
            with suppress(
                FullMomentError
            ):  # Of a million activities stored in one ms: it is found under its first one.
                sequence = self._sequencer.next(created, place.partition.searcher)
        self._by_partition[place.partition][entry.id] = (
            Fresh(entry, (*dedup_keys, s.CHANGED), sequence),
            place.order,
        )

    def by_partition(self) -> list[tuple[Partition, Sequence[tuple[Fresh, int]]]]:
        """The replacements to write."""
        return [(partition, list(replacements.values())) for partition, replacements in self._by_partition.items()]


class _Place(NamedTuple):
    """Where a stored activity is: its timestamp, the sequence number it was first stored under, and its created key."""

    partition: Partition
    timestamp: int
    order: int
    created_key: int


def _dedup_keys(entry: Prepared, searcher: PartitionSearcher) -> list[str]:
    """The dedup keys of a stored activity: those of its source event, and that of a long id.

    The index cannot list them, so they are computed again and looked up.
    """
    names = {entry.id, entry.id[:-_SUFFIX]} if entry.digest else set()
    keys = [term for name in sorted(names) if (term := s.dedup_key(name, entry.digest)) and searcher.has("twin", term)]
    column, term = s.identity(entry.id)
    others = (term if column == "twin" else None, s.LOSSY if entry.lossy else None)
    return [*keys, *filter(None, others)]
