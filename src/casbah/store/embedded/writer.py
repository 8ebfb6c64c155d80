"""Writers are dear (memory, threads, a lock file each), periods are many: a few stay open, the longest idle is closed."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress

import tantivy

from casbah.errors import StoreClosedError
from casbah.fsync import sync_folder
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.searcher import Limits

_LEAST_BYTES = 15_000_000
_ENDED = "index writer was killed"
"""What the engine says of a writer whose thread has ended, instead of why it has."""


class Writers:
    """Open writers by period, at most `most` of them, each with `memory` bytes before it writes a segment."""

    def __init__(self, *, most: int = 4, memory: int = 64_000_000) -> None:
        self._most = most
        self._memory = max(memory, _LEAST_BYTES)
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
        """Add documents, in place of those that have one of some terms or match a query, and commit: on return they are synced
        to disk and in view. Their moments lie within `limits`, their numbers go up to `last`. On any failure nothing has
        changed.

        Raises StoreClosedError once closed: whoever has waited until then must not write to what another process may own.
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
            for document in documents:  # Often made one by one, by us: an error of that is not the disk's.
                _add(writer, document)
            partition.pending = limits
            with translate_io_errors():
                writer.commit()
                # A commit ends with a rename in this folder, which the engine leaves to the file system's own time.
                sync_folder(partition.folder)
        except BaseException:
            del self._open[partition]
            _let_go(writer)
            raise

    def tidy(self, partition: Partition) -> None:
        """Remove the files of a period that nobody reads any more."""
        with self._writing:
            if self._closed:
                raise StoreClosedError
            with translate_io_errors():
                self._writer(partition).garbage_collect_files()

    def close(self) -> None:
        """Wait for merges and let go of every period."""
        with self._writing:
            self._closed = True
            while self._open:
                self._close_oldest()

    def _writer(self, partition: Partition) -> tantivy.IndexWriter:
        if partition not in self._open:
            while len(self._open) >= self._most:
                self._close_oldest()
            self._open[partition] = partition.index.writer(self._memory, 1)
        self._open.move_to_end(partition)
        return self._open[partition]

    def _close_oldest(self) -> None:
        _, writer = self._open.popitem(last=False)
        writer.wait_merging_threads()


def _add(writer: tantivy.IndexWriter, document: str) -> None:
    try:
        writer.add_json(document)
    except ValueError as error:
        with translate_io_errors():
            raise _cause(writer, error) from error


def _cause(writer: tantivy.IndexWriter, error: ValueError) -> ValueError:
    """Why the engine's thread has ended: only a commit, which fails then, says it."""
    if _ENDED in str(error):
        try:
            writer.commit()
        except ValueError as cause:
            return cause
    return error


def _let_go(writer: tantivy.IndexWriter) -> None:
    """Undo what is not committed and free the index's lock at once: the traceback would keep the writer alive."""
    with suppress(OSError, ValueError):  # What is not committed is not there, whether or not that can be said.
        writer.rollback()
    writer.wait_merging_threads()
