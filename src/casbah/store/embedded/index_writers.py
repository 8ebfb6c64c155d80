"""A pool of index writers. They are expensive (memory, threads, a lock file each) and partitions are many, so few stay open."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import tantivy

from casbah.base.fsync import sync_folder
from casbah.errors import StoreClosedError
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.searcher import Limits
from casbah.store.embedded.segment_files import META
from casbah.store.embedded.snapshot import files_of

_MIN_BYTES = 15_000_000
_ID_LENGTH = 32
"""Characters of a segment's id, with which the names of its files begin."""

_ENDED = "index writer was killed"
"""Tantivy's error for a writer whose thread has died, which hides the cause."""


class IndexWriters:
    """Up to `maximum` open index writers, least recently used closed first. Each buffers `memory` bytes before it writes."""

    def __init__(self, *, maximum: int = 4, memory: int = 64_000_000) -> None:
        self._maximum = maximum
        self._memory = max(memory, _MIN_BYTES)
        self._writing = threading.Lock()
        self._open: OrderedDict[Partition, tantivy.IndexWriter] = OrderedDict()
        self._closed = False

    def write(
        self,
        partition: Partition,
        documents: Iterable[str],
        limits: Limits,
        *,
        last: int,
        without: Iterable[tuple[str, str]] = (),
        matching: tantivy.Query | None = None,
    ) -> None:
        """Add documents and commit; they are synced to disk and visible on return. On any failure nothing has changed.

        Documents with a term in `without`, or that match `matching`, are deleted first. `limits` are the limits of the new
        documents, `last` is the largest sequence number. Raises StoreClosedError once closed, as another process may own the
        store by then.
        """
        with self._writing:
            if self._closed:
                raise StoreClosedError
            self._commit(partition, documents, limits, without, matching)
            partition.refresh(last)

    def _commit(
        self,
        partition: Partition,
        documents: Iterable[str],
        limits: Limits,
        without: Iterable[tuple[str, str]],
        matching: tantivy.Query | None,
    ) -> None:
        with translate_io_errors():
            writer = self._writer(partition)
        try:
            with translate_io_errors():
                if matching is not None:
                    writer.delete_documents_by_query(matching)
                for column, term in without:
                    writer.delete_documents_by_term(column, term)
            for document in documents:  # Often a generator of ours, whose errors are not disk errors.
                _add(writer, document)
            partition.pending = limits
            with translate_io_errors():
                writer.commit()
                # A commit ends with a rename in this folder, which tantivy does not sync.
                sync_folder(partition.folder)
        except BaseException:
            del self._open[partition]
            _discard(writer)
            with suppress(OSError, ValueError):
                _clean(partition)
            raise

    def tidy(self, partition: Partition) -> None:
        """Remove files of a partition that are no longer used."""
        with self._writing:
            if self._closed:
                raise StoreClosedError
            with translate_io_errors():
                self._writer(partition).garbage_collect_files()

    def settle(self) -> None:
        """Wait until no merge is under way, and remove what failed ones have left."""
        with self._writing:
            while self._open:
                self._close_oldest()

    def close(self) -> None:
        """Wait for merges and close all writers."""
        with self._writing:
            self._closed = True
            while self._open:
                self._close_oldest()

    def _writer(self, partition: Partition) -> tantivy.IndexWriter:
        if partition not in self._open:
            while len(self._open) >= self._maximum:
                self._close_oldest()
            self._open[partition] = partition.index.writer(self._memory, 1)
        self._open.move_to_end(partition)
        return self._open[partition]

    def _close_oldest(self) -> None:
        partition, writer = self._open.popitem(last=False)
        writer.wait_merging_threads()
        with translate_io_errors():
            _clean(partition)


def _clean(partition: Partition) -> None:
    """Remove files of no segment. No writer of the partition may be open."""
    if _has_leftovers(partition.folder):
        cleaner = partition.index.writer(_MIN_BYTES, 1)
        cleaner.garbage_collect_files()
        cleaner.wait_merging_threads()


def _has_leftovers(folder: Path) -> bool:
    """Whether a partition has files of no segment. A merge that fails leaves some, which would keep a full disk full."""
    of_segments = (file for file in folder.iterdir() if len(file.name.partition(".")[0]) == _ID_LENGTH)
    return not set(of_segments) <= set(files_of(folder, (folder / META).read_bytes()))


def _add(writer: tantivy.IndexWriter, document: str) -> None:
    try:
        writer.add_json(document)
    except ValueError as error:
        with translate_io_errors():
            raise _cause(writer, error) from error


def _cause(writer: tantivy.IndexWriter, error: ValueError) -> ValueError:
    """The cause of a dead writer thread, which only a (failing) commit reports."""
    if _ENDED in str(error):
        try:
            writer.commit()
        except ValueError as cause:
            return cause
    return error


def _discard(writer: tantivy.IndexWriter) -> None:
    """Roll back and release the index lock now: the traceback would keep the writer alive."""
    with suppress(OSError, ValueError):  # Uncommitted documents are lost even if the rollback fails.
        writer.rollback()
    writer.wait_merging_threads()
