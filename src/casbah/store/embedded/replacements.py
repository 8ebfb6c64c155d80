"""Replacing stored records: each keeps its position in every order and gets a new sequence number."""

from collections import defaultdict
from collections.abc import Sequence

from casbah.store.embedded import schema as s
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.embedded.sequence import Sequencer
from casbah.store.entry import Prepared

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
        partition = self._partitions.holding(s.period_of(entry.timestamp))
        keys = partition.searcher.keys(entry.id) if partition is not None else None
        if partition is None or keys is None:
            return
        date_key, created_key = keys
        if s.of_date_key(date_key, partition.number)[0] != entry.timestamp:
            return
        sequence = self._sequencer.again(s.of_created_key(created_key), created_key & (s.MAX_TIES - 1))
        order = s.of_date_key(date_key, partition.number)[1]
        self._by_partition[partition][entry.id] = (
            Fresh(entry, (*_dedup_keys(entry, partition.searcher), s.CHANGED), sequence),
            order,
        )

    def by_partition(self) -> list[tuple[Partition, Sequence[tuple[Fresh, int]]]]:
        """The replacements to write."""
        return [(partition, list(replacements.values())) for partition, replacements in self._by_partition.items()]


def _dedup_keys(entry: Prepared, searcher: PartitionSearcher) -> list[str]:
    """The dedup keys of a stored activity: those of its source event, and that of a long id.

    The index cannot list them, so they are computed again and looked up.
    """
    names = {entry.id, entry.id[:-_SUFFIX]} if entry.digest else set()
    keys = [term for name in sorted(names) if (term := s.dedup_key(name, entry.digest)) and searcher.has("twin", term)]
    column, term = s.identity(entry.id)
    return [*keys, term] if column == "twin" else keys
