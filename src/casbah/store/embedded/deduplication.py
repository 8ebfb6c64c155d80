"""Which new activities are duplicates, and under which ids the others are stored."""

from collections.abc import Collection
from contextlib import suppress

from casbah.errors import DamagedRecordError
from casbah.store.embedded import schema as s
from casbah.store.embedded.bloom import hashed
from casbah.store.embedded.document import columns
from casbah.store.embedded.known_terms import KnownTerms
from casbah.store.embedded.partitions import Partitions
from casbah.store.entry import Prepared, holds, renamed


class TakenTerms:
    """The terms that are in use, in the store or earlier in the same commit."""

    def __init__(self, known: KnownTerms, partitions: Partitions) -> None:
        self._known = known
        self._searchers = {searcher.number: searcher for searcher in reversed(partitions.searchers())}
        self._unread = known.unread
        self._taken: dict[tuple[str, str], int] = {}
        self._latest: list[tuple[str, str]] = []
        self._records: dict[str, bytes] = {}
        """The records of this commit, by id."""

    @property
    def hashes(self) -> Collection[int]:
        """The hashes of all terms added."""
        return self._taken.values()

    def begin(self) -> None:
        """Start a batch; `forget` can undo what is added from here on."""
        self._latest = []

    def mark(self) -> int:
        """A position for `forget`."""
        return len(self._latest)

    def forget(self, mark: int = 0) -> None:
        """Release the terms added since `begin`, or since a mark."""
        for key in self._latest[mark:]:
            del self._taken[key]
        del self._latest[mark:]

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
        """Keep the record that is about to be stored, for `record`."""
        self._records[entry.id] = entry.record

    def record(self, activity_id: str) -> bytes | None:
        """The record with an id, in the store or earlier in the same commit; None also if it is damaged."""
        if activity_id in self._records:
            return self._records[activity_id]
        with suppress(DamagedRecordError):  # Reading it says so; what comes now must not be lost.
            records = (searcher.record(activity_id) for searcher in self._searchers.values())
            return next((record for record in records if record is not None), None)
        return None

    def _is_stored(self, column: str, term: str, term_hash: int, near: int) -> bool:
        if term_hash not in self._known:
            return any(searcher.has(column, term) for searcher in self._unread)
        nearest = self._searchers.get(near)
        if nearest is not None and nearest.has(column, term):
            return True
        return any(searcher.has(column, term) for searcher in self._searchers.values() if searcher is not nearest)


def named(entry: Prepared, taken: TakenTerms) -> tuple[Prepared, tuple[str, ...]] | None:
    """The entry under an unused id, and its dedup keys; None if it is a duplicate."""
    near = s.period_of(entry.timestamp)
    dedup_key = s.dedup_key(entry.id, entry.digest)
    if dedup_key is not None and taken.add("twin", dedup_key, near=near):
        return None
    result = _with_free_id(entry, taken, near)
    if result is None:
        return None
    taken.keep(result)
    column, term = s.identity(result.id)
    return result, tuple(filter(None, (dedup_key, term if column == "twin" else None)))


def _with_free_id(entry: Prepared, taken: TakenTerms, near: int) -> Prepared | None:
    """The entry under its own id, or else under that id with its digest; None if both are in use, or if the activity of that id
    holds the same event: a record that Casbah exported is compared by its id alone, and has no dedup key.
    """
    if not taken.add(*s.identity(entry.id), near=near):
        return entry
    second_id = entry.second_id
    if second_id is None or holds(taken.record(entry.id), entry) or taken.add(*s.identity(second_id), near=near):
        return None
    return renamed(entry, second_id, columns)
