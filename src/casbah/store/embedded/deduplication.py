"""Which new activities are duplicates, and under which ids the others are stored."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

from casbah.errors import DamagedRecordError
from casbah.store.copies import Relation
from casbah.store.embedded import schema as s
from casbah.store.embedded.bloom import hashed
from casbah.store.embedded.document import columns
from casbah.store.embedded.known_terms import KnownTerms
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.searcher import PartitionSearcher
from casbah.store.prepared import Prepared, TakenIdError, relation_to, renamed


class TakenTerms:
    """The terms that are in use, in the store or earlier in the same commit."""

    def __init__(self, known: KnownTerms, partitions: Partitions) -> None:
        self._known = known
        self._searchers = {searcher.number: searcher for searcher in reversed(partitions.searchers())}
        self._unread = known.unread
        self._taken: dict[tuple[str, str], int] = {}
        self._latest: list[tuple[str, str]] = []
        self._entries: dict[str, Prepared] = {}
        """The entries of this commit, by id."""

        self._superseded: list[tuple[str, Prepared | None]] = []
        """For `forget`: what `_entries` held before the latest entries."""

    @property
    def hashes(self) -> Collection[int]:
        """The hashes of all terms added."""
        return self._taken.values()

    def begin(self) -> None:
        """Start a batch; `forget` can undo what is added from here on."""
        self._latest = []
        self._superseded = []

    def mark(self) -> tuple[int, int]:
        """A position for `forget`."""
        return len(self._latest), len(self._superseded)

    def forget(self, mark: tuple[int, int] = (0, 0)) -> None:
        """Release the terms and entries added since `begin`, or since a mark."""
        terms, entries = mark
        for key in self._latest[terms:]:
            del self._taken[key]
        del self._latest[terms:]
        while len(self._superseded) > entries:
            activity_id, before = self._superseded.pop()
            if before is None:
                del self._entries[activity_id]
            else:
                self._entries[activity_id] = before

    def add(self, column: str, term: str, *, near: int) -> bool:
        """Mark a term as in use. Returns whether it was already; if so, most likely in the partition `near`."""
        if (column, term) in self._taken:
            return True
        term_hash = hashed(column, term)
        if self._is_stored(column, term, term_hash, near):
            return True
        self._taken[column, term] = term_hash
        self._latest.append((column, term))
        return False

    def keep(self, entry: Prepared) -> None:
        """Keep an entry that is about to be stored, for `record`."""
        self._superseded.append((entry.id, self._entries.get(entry.id)))
        self._entries[entry.id] = entry

    def record(self, activity_id: str, *, only_lossy: bool = False) -> bytes | None:
        """The record with an id, in the store or earlier in the same commit. Raises TakenIdError if it is damaged.

        With `only_lossy` only a record is of interest whose form carries less, and most partitions need not be searched.
        """
        entry = self._entries.get(activity_id)
        if entry is not None:
            return entry.record if entry.lossy or not only_lossy else None
        searchers = self._lossy if only_lossy else self._searchers.values()
        records = (searcher.record(activity_id) for searcher in searchers)
        try:
            return next((record for record in records if record is not None), None)
        except DamagedRecordError as error:
            raise TakenIdError(f"record that is damaged ({error.where})") from error

    @cached_property
    def _lossy(self) -> Sequence[PartitionSearcher]:
        """The partitions with activities whose form carries less."""
        return [searcher for searcher in self._searchers.values() if searcher.freq("twin", s.LOSSY)]

    def _is_stored(self, column: str, term: str, term_hash: int, near: int) -> bool:
        if term_hash not in self._known:
            return any(searcher.has(column, term) for searcher in self._unread)
        nearest = self._searchers.get(near)
        if nearest is not None and nearest.has(column, term):
            return True
        return any(searcher.has(column, term) for searcher in self._searchers.values() if searcher is not nearest)


class NamedEntry(NamedTuple):
    """An entry under its final id, and its dedup keys. With `replaces`, it replaces the stored activity of that id."""

    entry: Prepared
    dedup_keys: tuple[str, ...]
    replaces: bool = False


def deduplicated(entry: Prepared, taken: TakenTerms) -> NamedEntry | None:
    """What to store of an entry; None if it is a duplicate. Raises TakenIdError."""
    near = s.period_of(entry.timestamp)
    dedup_key = s.dedup_key(entry.id, entry.digest)
    if dedup_key is not None and taken.add("twin", dedup_key, near=near):
        return None
    if not taken.add(*s.identity(entry.id), near=near):
        return _kept(entry, dedup_key, taken)
    stored = taken.record(entry.id, only_lossy=entry.known_by_id)
    relation = relation_to(stored, entry, period_of=s.period_of)
    if relation is Relation.FULLER:
        return _kept(entry, dedup_key, taken, replaces=True)
    if relation is Relation.COPY:
        return None
    second_id = entry.second_id
    if second_id is None:
        raise TakenIdError
    if taken.add(*s.identity(second_id), near=near):
        return None
    return _kept(renamed(entry, second_id, columns), dedup_key, taken)


def _kept(entry: Prepared, dedup_key: str | None, taken: TakenTerms, *, replaces: bool = False) -> NamedEntry:
    taken.keep(entry)
    column, term = s.identity(entry.id)
    terms = (dedup_key, term if column == "twin" else None, s.LOSSY if entry.lossy else None)
    return NamedEntry(entry, tuple(filter(None, terms)), replaces)
