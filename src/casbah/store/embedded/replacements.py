"""Records that are stored anew under their ids: in the old place of every order, with a new number of storing."""

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
"""Characters of `~` and the first eight digits of a digest, which tell events of the same id apart."""


class Replacements:
    """What is to be written in place of what, by period: each with its place among those of the same ms."""

    def __init__(self, partitions: Partitions, sequencer: Sequencer) -> None:
        self._by_period: defaultdict[Partition, dict[str, tuple[Fresh, int]]] = defaultdict(dict)
        self._partitions = partitions
        self._sequencer = sequencer

    def add(self, entry: Prepared) -> None:
        """Take one more, if an activity of that id and moment is there; the last one of an id counts."""
        partition = self._partitions.holding(s.period_of(entry.timestamp))
        keys = partition.searcher.keys(entry.id) if partition is not None else None
        if partition is None or keys is None:
            return
        date_key, created_key = keys
        if s.of_date_key(date_key, partition.number)[0] != entry.timestamp:
            return
        stamp = self._sequencer.again(s.of_created_key(created_key), created_key & (s.MOST_TIES - 1))
        order = s.of_date_key(date_key, partition.number)[1]
        self._by_period[partition][entry.id] = (
            Fresh(entry, (*_dedup_keys(entry, partition.searcher), s.CHANGED), stamp),
            order,
        )

    def by_period(self) -> list[tuple[Partition, Sequence[tuple[Fresh, int]]]]:
        """What there is to write."""
        return [(partition, list(each.values())) for partition, each in self._by_period.items()]


def _dedup_keys(entry: Prepared, searcher: PartitionSearcher) -> list[str]:
    """The twin terms that the activity has: those by which the source's event is known, and a long id.

    The index does not give them back, so they are made again and looked for.
    """
    names = {entry.id, entry.id[:-_SUFFIX]} if entry.digest else set()
    found = [term for name in sorted(names) if (term := s.dedup_key(name, entry.digest)) and searcher.has("twin", term)]
    column, term = s.identity(entry.id)
    return [*found, term] if column == "twin" else found
