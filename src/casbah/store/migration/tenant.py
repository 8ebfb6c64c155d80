"""Rewrites one tenant of an older format in the current one."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from casbah.base.fsync import make_folder, sync_folder
from casbah.errors import StoreFormatError
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.document import document, prepared, stored_activity
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import DICTIONARIES, PERIODS, Partitions, numbered
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.segment_files import META
from casbah.store.embedded.sequence import SequenceNumber
from casbah.store.migration.old_databases import converted_feedback, converted_numbering
from casbah.store.migration.old_partition import OldPartition, OldRecord, OldRecords

AT_ONCE = 10_000
"""Activities of one commit. What has been committed is not rewritten after an interruption."""


def old_partitions(tenant: Path) -> list[tuple[int, Path]]:
    """The number and the folder of each partition. The current format has partitions of the same width."""
    folder = tenant / PERIODS
    return [(number, folder / name) for number, name in numbered(folder) if (folder / name / META).is_file()]


def rewrite_tenant(tenant: Path, into: Path, *, writer_memory: int) -> Iterator[int]:
    """Write a tenant's folder in the current format, or the rest of it: every record keeps its bytes and its place.

    Yields how many more activities have been rewritten, after every commit.
    """
    make_folder(into)
    _copy_beside(tenant, into)
    records = OldRecords(tenant / DICTIONARIES)
    with closing(IndexWriters(maximum=1, memory=writer_memory)) as index_writers:
        partitions = Partitions(into, cache=Cache(0))
        for number, folder in old_partitions(tenant):
            old = OldPartition(folder, number, records=records)
            new = partitions.of(number)
            yield new.searcher.held
            for batch in old.read(after=new.last, at_once=AT_ONCE):
                _write(new, batch, index_writers, partitions.codec)
                partitions.codec.learn()
                yield len(batch)
            if new.searcher.held != old.held:
                raise StoreFormatError(
                    f"{folder} holds {old.held:,} activities, {new.searcher.held:,} were rewritten; nothing has changed"
                )


def _copy_beside(tenant: Path, into: Path) -> None:
    """Write the feedback and the numbering again, also after an interruption. The filter of known terms is not needed."""
    for file in into.iterdir():
        if file.is_file():
            file.unlink()
    converted_feedback(tenant, into)
    converted_numbering(tenant, into)
    sync_folder(into)


def _write(new: Partition, batch: Sequence[OldRecord], index_writers: IndexWriters, codec: RecordCodec) -> None:
    columns = {"date": [row.timestamp for row in batch], "created": [row.created for row in batch]}
    limits = {sort: (min(moments), max(moments)) for sort, moments in columns.items()}
    index_writers.write(new, (_document(row, codec) for row in batch), limits, last=batch[-1].stored)


def _document(old: OldRecord, codec: RecordCodec) -> str:
    try:
        activity = stored_activity(old.record, timestamp=old.timestamp, created=old.created)
    except (ValueError, KeyError, TypeError) as error:
        shown = json.dumps(old.record[:80].decode("utf-8", "replace"))
        raise StoreFormatError(f"a stored record is damaged ({error!r}): {shown}; restore it from a backup") from None
    entry = prepared(activity)
    sequence = SequenceNumber(old.stored, old.created, old.tiebreaker)
    packed = codec.encode(old.record)
    return document(entry, sequence, dedup_keys=tuple(old.dedup_keys), packed=packed, order=old.seq)
