"""What is deleted is gone at once from every answer, and by and by from the disk.

The engine only marks what is deleted, and lets go of it when it happens to merge a segment. So whatever else is in the period
is written anew, some thousand activities at a time, each under its id, in its place and known by the same terms as before;
a segment of which nothing is left goes with all its files. A period says on disk up to which number of storing it still
has to be written anew, so that a restart goes on with it.

Numbers of storing are never given twice, even when those with the largest are deleted: cursors of the change feed are
made of them. So the largest is on disk before anything is deleted.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from casbah.activity.new_activity import NewActivity
from casbah.activity.predicate import Predicate
from casbah.activity.record import identifier
from casbah.fsync import sync_folder, write_file
from casbah.store.embedded import schema as s
from casbah.store.embedded.bound_query import BoundQuery
from casbah.store.embedded.document import document, prepared
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import PERIODS, Partitions
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.searcher import PartitionSearcher, StoredRecord
from casbah.store.embedded.sequence import Sequencer
from casbah.store.embedded.writer import Writers
from casbah.store.entry import parsed

_AT_ONCE = 2_000
_MARK = "erasing.json"


class Compaction:
    """Deletes from one tenant's periods; to be called by the thread that writes."""

    def __init__(self, partitions: Partitions, *, writers: Writers, sequencer: Sequencer, reserve: Reserve) -> None:
        self._partitions = partitions
        self._writers = writers
        self._sequencer = sequencer
        self._reserve = reserve
        self._dedup_keys: tuple[Partition, int, Mapping[int, Sequence[str]]] | None = None

    def delete(self, predicate: Predicate) -> int:
        """Delete what matches; how many activities that were."""
        found = [
            (partition, BoundQuery(partition.searcher, predicate))
            for partition in self._partitions.all()
            if partition.searcher.held
        ]
        counted = [(partition, asked, asked.count()) for partition, asked in found]
        if any(count for _, _, count in counted):
            self._reserve.using(self._partitions.remember)
            self._partitions.codec.forget()
        for partition, asked, count in counted:
            if count:
                self._reserve.using(partial(self._delete, partition, asked))
        return sum(count for _, _, count in counted)

    def _delete(self, partition: Partition, asked: BoundQuery) -> None:
        write_file(partition.folder / _MARK, json.dumps({"through": partition.last}).encode())
        self._writers.write(partition, (), {}, last=partition.last, matching=asked.query)

    def compact(self) -> bool:
        """Write some more activities anew in place of what lies beside the deleted; whether there is more to do."""
        for partition in self._partitions.all():
            if (mark := partition.folder / _MARK).exists():
                self._some_of(partition, mark)
                return True
        return False

    def _some_of(self, partition: Partition, mark: Path) -> None:
        through = int(json.loads(mark.read_bytes())["through"])
        kept = partition.searcher.stored_until(through, limit=_AT_ONCE)
        if kept:
            self._write_anew(partition, kept, self._dedup_keys_of(partition, through))
            return
        self._dedup_keys = None
        self._writers.tidy(partition)
        mark.unlink()
        sync_folder(mark.parent)

    def _write_anew(
        self, partition: Partition, kept: Sequence[StoredRecord], dedup_keys: Mapping[int, Sequence[str]]
    ) -> None:
        fresh = [
            (self._fresh(each, partition.number, dedup_keys), s.of_date_key(each.date_key, partition.number)[1])
            for each in kept
        ]
        documents = (self._document(each, order) for each, order in fresh)
        self._writers.write(
            partition,
            documents,
            {},
            last=max(each.stamp.seq for each, _ in fresh),
            without=[s.identity(each.entry.id) for each, _ in fresh],
        )

    def _fresh(self, kept: StoredRecord, number: int, dedup_keys: Mapping[int, Sequence[str]]) -> Fresh:
        timestamp, order = s.of_date_key(kept.date_key, number)
        activity = parsed(kept.record)
        created = s.of_created_key(kept.created_key)
        name = identifier(activity["_id"]) or ""
        entry = prepared(NewActivity(name, timestamp, kept.record, activity, created=created))
        stamp = self._sequencer.again(created, kept.created_key & (s.MOST_TIES - 1))
        return Fresh(entry, tuple(dedup_keys.get(order, ())), stamp)

    def _document(self, fresh: Fresh, order: int) -> str:
        packed = self._partitions.codec.encode(fresh.entry.record)
        return document(fresh.entry, fresh.stamp, dedup_keys=fresh.dedup_keys, packed=packed, order=order)

    def _dedup_keys_of(self, partition: Partition, through: int) -> Mapping[int, Sequence[str]]:
        """The twin terms of a period's activities, by number of storing. Made once: it takes a search for each term."""
        if self._dedup_keys is None or self._dedup_keys[:2] != (partition, through):
            self._dedup_keys = partition, through, _dedup_keys(partition.searcher)
        return self._dedup_keys[2]


def waiting(tenant: Path) -> bool:
    """Whether something of a tenant's folder is still to be erased."""
    return any(tenant.glob(f"{PERIODS}/*/{_MARK}"))


def _dedup_keys(searcher: PartitionSearcher) -> Mapping[int, Sequence[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for term, _ in searcher.tantivy_searcher.terms_with_prefix("twin", ""):
        for number in searcher.numbers_of("twin", term):
            found[number].append(term)
    return found
