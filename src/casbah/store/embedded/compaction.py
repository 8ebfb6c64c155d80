"""Deletes hide an activity immediately; compaction later removes its bytes from disk.

Tantivy only marks deleted documents and drops them when it happens to merge a segment. So compaction rewrites the partition's
other activities, some thousand at a time, each with the same id, position and dedup keys. A segment with no documents left is
removed with all its files. A partition keeps a mark on disk, the sequence number up to which it still has to be rewritten, so
compaction resumes after a restart.

A sequence number is never reused, even if the activity with the largest is deleted, because change feed cursors contain them.
So the largest is written to disk before anything is deleted.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from casbah.activity.predicate import Predicate
from casbah.base.checked_json import read_json, write_json
from casbah.base.fsync import sync_folder
from casbah.store.embedded import schema as s
from casbah.store.embedded.bound_query import BoundQuery
from casbah.store.embedded.document import document, prepared, stored_activity
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import PERIODS, Partitions
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.searcher import PartitionSearcher, StoredRecord
from casbah.store.embedded.sequence import Sequencer

_AT_ONCE = 2_000
MARK = "erasing.json"


class Compaction:
    """Deletes from one tenant's partitions and purges them. For the writing thread."""

    def __init__(
        self, partitions: Partitions, *, index_writers: IndexWriters, sequencer: Sequencer, reserve: Reserve
    ) -> None:
        self._partitions = partitions
        self._index_writers = index_writers
        self._sequencer = sequencer
        self._reserve = reserve
        self._dedup_keys: tuple[Partition, int, Mapping[int, Sequence[str]]] | None = None

    def delete(self, predicate: Predicate) -> int:
        """Delete matching activities. Returns how many."""
        queries = [
            (partition, BoundQuery(partition.searcher, predicate))
            for partition in self._partitions.all()
            if partition.searcher.held
        ]
        counted = [(partition, query, query.count()) for partition, query in queries]
        if any(count for _, _, count in counted):
            self._reserve.using(self._partitions.remember)
            self._partitions.codec.forget()
        for partition, query, count in counted:
            if count:
                self._reserve.using(partial(self._delete, partition, query))
        return sum(count for _, _, count in counted)

    def _delete(self, partition: Partition, query: BoundQuery) -> None:
        write_json(partition.folder / MARK, {"through": partition.last})
        self._index_writers.write(partition, (), {}, last=partition.last, matching=query.query)

    def compact(self) -> bool:
        """Run one step of compaction. Returns whether there is more to do."""
        for partition in self._partitions.all():
            if (mark := partition.folder / MARK).exists():
                self._step(partition, mark)
                return True
        return False

    def _step(self, partition: Partition, mark: Path) -> None:
        through = int(read_json(mark)["through"])
        kept = partition.searcher.stored_until(through, limit=_AT_ONCE)
        if kept:
            self._rewrite(partition, kept, self._dedup_keys_of(partition, through))
            return
        self._dedup_keys = None
        self._index_writers.tidy(partition)
        mark.unlink()
        sync_folder(mark.parent)

    def _rewrite(
        self, partition: Partition, kept: Sequence[StoredRecord], dedup_keys: Mapping[int, Sequence[str]]
    ) -> None:
        fresh = [self._fresh(stored, partition.number, dedup_keys) for stored in kept]
        documents = (
            document(
                item.entry,
                item.sequence,
                dedup_keys=item.dedup_keys,
                packed=stored.packed,  # With its salt: commitments to the record hold.
                order=s.of_date_key(stored.date_key, partition.number)[1],
            )
            for item, stored in zip(fresh, kept, strict=True)
        )
        self._index_writers.write(
            partition,
            documents,
            {},
            last=max(item.sequence.seq for item in fresh),
            matching=partition.searcher.stored_up_to(kept[-1].stored),  # Exactly those of `kept`, whatever their ids.
        )

    def _fresh(self, kept: StoredRecord, number: int, dedup_keys: Mapping[int, Sequence[str]]) -> Fresh:
        timestamp, order = s.of_date_key(kept.date_key, number)
        created = s.of_created_key(kept.created_key)
        entry = prepared(stored_activity(kept.record, timestamp=timestamp, created=created))
        sequence = self._sequencer.again(created, kept.created_key & (s.MAX_TIES - 1))
        return Fresh(entry, tuple(dedup_keys.get(order, ())), sequence)

    def _dedup_keys_of(self, partition: Partition, through: int) -> Mapping[int, Sequence[str]]:
        """The dedup keys of a partition's activities, by sequence number. Cached, as it takes a search per key."""
        if self._dedup_keys is None or self._dedup_keys[:2] != (partition, through):
            self._dedup_keys = partition, through, _dedup_keys(partition.searcher)
        return self._dedup_keys[2]


def waiting(tenant: Path) -> bool:
    """Whether a tenant's folder needs compaction."""
    return any(tenant.glob(f"{PERIODS}/*/{MARK}"))


def _dedup_keys(searcher: PartitionSearcher) -> Mapping[int, Sequence[str]]:
    keys: defaultdict[int, list[str]] = defaultdict(list)
    for term, _ in searcher.tantivy_searcher.terms_with_prefix("twin", ""):
        for number in searcher.numbers_of("twin", term):
            keys[number].append(term)
    return keys
