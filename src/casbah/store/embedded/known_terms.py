"""Which ids and dedup keys a tenant's index may hold, answered from memory, in a time that does not grow with the index.

A Bloom filter says "not known" for almost every new term, with certainty. Only for the rest must the index be searched. The
filter is on disk (`known_files`), and can be rebuilt from the index: until that is done, the partitions not yet read are
searched for every term, as if there were no filter. Deleted activities stay in the filter, which is harmless, until they are
most of it.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from casbah.base import jsontext
from casbah.errors import DamagedRecordError, UnwritableError
from casbah.store.embedded import schema as s
from casbah.store.embedded.bloom import GrowingBloom, hashed
from casbah.store.embedded.document import stored_id
from casbah.store.embedded.io_errors import translate_io_errors
from casbah.store.embedded.known_files import MAX_LOG, KnownFiles
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.searcher import PartitionSearcher

_COLUMNS = ("id", "twin")
READ_AT_ONCE = 200_000
"""A rebuild reads partitions with this many terms between two commits, which takes a second, or one larger partition."""

_PER_ACTIVITY = 2
_STALE, _MIN_STALE = 4, 1_000_000
"""The filter is rebuilt when it has this many times the terms that the index can have, and at least so many."""

_log = logging.getLogger(__name__)


class KnownTerms:
    """A filter of everything that is, or is about to be, in one tenant's index. For the writing thread.

    It reads its files when it is made. Every commit must be visible then.
    """

    def __init__(self, folder: Path, partitions: Partitions) -> None:
        self._folder = folder
        self._partitions = partitions
        self._files = KnownFiles(folder)
        self._bloom, self.last = self._files.load()
        """`last` is the largest sequence number of which all terms were added."""

        self._unread: list[int] = []
        """Numbers of the partitions with terms that may be missing in the filter."""

        complete = [partition for partition in partitions.all() if partition.last <= self.last]
        if self._is_stale or not all(self._includes(partition.searcher) for partition in complete):
            self._start_over()
        elif len(complete) < len(partitions.all()):
            self._read({partition.number for partition in partitions.all()} - {part.number for part in complete})

    @property
    def unread(self) -> Sequence[PartitionSearcher]:
        """The partitions that must be searched for every term."""
        return [self._partitions.of(number).searcher for number in self._unread]

    def __contains__(self, term: int) -> bool:
        """Whether the term with this hash may be in the index. If not, it is in none but the unread partitions."""
        return term in self._bloom

    def add(self, terms: Collection[int], *, last: int) -> None:
        """Add the hashes of terms before they are committed. `last` is the largest sequence number assigned so far."""
        self._bloom.update(terms)
        self._files.append(terms, last)
        self.last = max(self.last, last)

    def note(self, last: int) -> None:
        """Note that activities were written again under sequence numbers up to `last`, with terms they had before."""
        if last > self.last:
            self.add((), last=last)

    def maintain(self) -> None:
        """Save the filter or rebuild a part of it, if that is due. Call when no commit is in progress."""
        if self._unread:
            with suppress(UnwritableError):  # It is logged, and tried again after the next commit.
                self._read_some()
        elif self._files.logged < MAX_LOG or self._partitions.pending:
            return
        elif self._is_stale:
            self._start_over()
        else:
            self._files.save(self._bloom, self.last)

    @property
    def _max_terms(self) -> int:
        """The most terms that the index can have."""
        return sum(searcher.held for searcher in self._partitions.searchers()) * _PER_ACTIVITY

    @property
    def _is_stale(self) -> bool:
        return self._bloom.count > max(_MIN_STALE, self._max_terms * _STALE)

    def _includes(self, searcher: PartitionSearcher) -> bool:
        """Whether the filter has the first activity of a partition: not if somebody replaced the partition's folder."""
        try:
            first = searcher.stored_until((1 << s.SEQ_BITS) - 1, limit=1)
        except DamagedRecordError:  # The terms can still be read.
            return False
        names = [stored_id(jsontext.parse_accepted(stored.record)) for stored in first]
        return all(hashed(*s.identity(name)) in self for name in names if name)

    def _start_over(self) -> None:
        self._bloom = GrowingBloom()
        self._bloom.grow(self._max_terms)
        self._read(partition.number for partition in self._partitions.all())

    def _read(self, numbers: Iterable[int]) -> None:
        """Have `maintain` read the terms of these partitions."""
        self._files.stop()
        self._unread = sorted(numbers)
        _log.info("%s: the ids of %d partitions are read from the index", self._folder.name, len(self._unread))

    def _read_some(self) -> None:
        """Add the terms of some unread partitions. Then save, if no other is left."""
        enough = self._bloom.count + READ_AT_ONCE
        while self._unread and self._bloom.count < enough:
            for column in _COLUMNS:
                self._bloom.update([hashed(column, term) for term in self._terms(self._unread[-1], column)])
            self._unread.pop()
        if not self._unread:
            self.last = max(self.last, self._partitions.last)
            self._files.save(self._bloom, self.last)

    def _terms(self, number: int, column: str) -> list[str]:
        searcher = self._partitions.of(number).searcher
        with translate_io_errors():
            return [term for term, _ in searcher.tantivy_searcher.terms_with_prefix(column, "")]
