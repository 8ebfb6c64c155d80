"""One tenant's way in: what is new gets its id, its stamp and its place, and is on disk before anybody is told so."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TypeVar

from casbah.activity.new_activity import NewActivity
from casbah.errors import StoreClosedError
from casbah.store import contract
from casbah.store.contract import Inserted
from casbah.store.embedded import schema as s
from casbah.store.embedded.document import columns, document
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.replacements import Replacements
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.searcher import Limits, PartitionSearcher
from casbah.store.embedded.sequence import FullMomentError, Sequencer
from casbah.store.embedded.writer import Writers
from casbah.store.entry import Prepared, ready, record_of, renamed
from casbah.store.group_commit import Batch, GroupCommit

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Batch(Batch):
    """What one caller brings, what becomes of it, and what is to be written of it."""

    fresh: dict[int, list[Fresh]] = field(default_factory=dict)
    """By period."""

    documents: dict[int, Iterable[str]] = field(default_factory=dict)
    """The same as documents; made beforehand where batches share a commit, so that one cannot spoil it for all."""

    urgent: bool = False
    """Whether it may use the room that is kept for deletions."""


class WriteQueue:
    """Stores what is new. Any thread may call; one, of `writing`, writes for all who wait."""

    def __init__(
        self, partitions: Partitions, *, writers: Writers, sequencer: Sequencer, writing: Executor, reserve: Reserve
    ) -> None:
        self._partitions = partitions
        self._codec: RecordCodec = partitions.codec
        self._writers = writers
        self._sequencer = sequencer
        self._writing = writing
        self._reserve = reserve
        self.high_water_mark = partitions.last
        """The number of storing up to which whatever will be stored is in view. A batch is committed period by period, so that
        in between what has larger numbers may be seen before what has smaller ones."""
        self._groups = GroupCommit(self._together, writing=writing, afterwards=self._learn)

    def insert(
        self, new_activities: Iterable[NewActivity | contract.Prepared], *, urgent: bool = False
    ) -> Future[Inserted]:
        """Store what is new. The answer is there when all of it is synced to disk."""
        return self._groups.add(
            _Batch([ready(new_activity, columns) for new_activity in new_activities], urgent=urgent)
        )

    def alone(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Have something else done that changes what is stored, while nobody else changes it."""
        try:
            return self._writing.submit(self._run_exclusively, work)
        except RuntimeError:  # It has shut down.
            raise StoreClosedError from None

    def replace(self, entries: Sequence[Prepared]) -> Future[int]:
        """Store records anew under their ids; the answer is how many of them there were."""
        return self.alone(lambda: self._replaced(entries))

    def _run_exclusively(self, work: Callable[[], Answer]) -> Answer:
        self._partitions.catch_up()
        try:
            return work()
        finally:
            self._advance()

    def _replaced(self, entries: Sequence[Prepared]) -> int:
        replaced = Replacements(self._partitions, self._sequencer)
        for entry in entries:
            replaced.add(entry)
        found = replaced.by_period()
        for partition, each in found:
            documents = (self._document(fresh, order) for fresh, order in each)
            self._writers.write(
                partition,
                documents,
                _limits(fresh for fresh, _ in each),
                last=max(fresh.stamp.seq for fresh, _ in each),
                without=[s.identity(fresh.entry.id) for fresh, _ in each],
            )
        self._learn()
        return sum(len(each) for _, each in found)

    def _together(self, group: Sequence[_Batch]) -> None:
        """Store what a group brings; each of its batches has an answer or an error afterwards, or all have the one raised."""
        try:
            self._partitions.catch_up()
            self._store(group)
        except BaseException:
            self._sequencer.forget()
            raise
        finally:
            self._advance()
        if any(batch.error is not None for batch in group):
            self._sequencer.forget()

    def _advance(self) -> None:
        """Between groups nothing is under way, unless a commit ended in an error and may be on disk all the same.

        Not the last number that was given: one that was never committed is given again after a restart.
        """
        if not self._partitions.pending:
            self.high_water_mark = self._partitions.last

    def _learn(self) -> None:
        """Nobody's events depend on a dictionary, so a failure to write one is only told."""
        try:
            self._codec.learn()
        except OSError as error:
            _log.warning("records are packed as before: the new dictionary cannot be written: %s", error)

    def _store(self, group: Sequence[_Batch]) -> None:
        known = _KnownKeys(self._partitions.searchers())
        known.expect([entry for batch in group for entry in batch.entries])
        answers = [(batch, self._prepared(batch, known, alone=len(group) == 1)) for batch in group]
        good = [(batch, answer) for batch, answer in answers if answer is not None]
        try:
            self._write([batch for batch, _ in good])
        except BaseException as error:  # noqa: BLE001  each of those it concerns raises it; whose batch waits still goes on
            for batch, _ in good:
                batch.error = error
            return
        for batch, answer in good:
            batch.answer = answer

    def _write(self, batches: Sequence[_Batch]) -> None:
        for number in sorted({number for batch in batches for number in batch.documents}):
            documents = chain.from_iterable(batch.documents.get(number, ()) for batch in batches)
            fresh = list(chain.from_iterable(batch.fresh.get(number, ()) for batch in batches))
            last = max(each.stamp.seq for each in fresh)
            if any(batch.urgent for batch in batches):
                listed = list(documents)  # They may be written twice.
                self._reserve.using(partial(self._written, number, listed, fresh, last))
            else:
                self._written(number, documents, fresh, last)

    def _written(self, number: int, documents: Iterable[str], fresh: Sequence[Fresh], last: int) -> None:
        self._writers.write(self._partitions.of(number), documents, _limits(fresh), last=last)

    def _prepared(self, batch: _Batch, known: "_KnownKeys", *, alone: bool) -> Inserted | None:
        """What will be the answer once the batch's documents are written; None if something is wrong with it."""
        known.begin()
        try:
            batch.fresh, refused, duplicates = self._sorted_out(batch.entries, known)
            for number, each in batch.fresh.items():
                # Documents are best made one at a time: the engine indexes one while the next is made.
                documents = map(self._document, each)
                batch.documents[number] = documents if alone else list(documents)
        except Exception as error:  # noqa: BLE001  it goes to whoever brought the batch; the others have nothing to do with it
            known.forget()
            batch.documents.clear()
            batch.error = error
            return None
        return Inserted(sum(map(len, batch.fresh.values())), duplicates, tuple(refused))

    def _document(self, fresh: Fresh, order: int | None = None) -> str:
        packed = self._codec.encode(record_of(fresh.entry, fresh.stamp.created))
        return document(fresh.entry, fresh.stamp, dedup_keys=fresh.dedup_keys, packed=packed, order=order)

    def _sorted_out(
        self, entries: Sequence[Prepared], known: "_KnownKeys"
    ) -> tuple[dict[int, list[Fresh]], list[tuple[int, str]], int]:
        """What to store, by period; what is refused, and why; how many are stored already."""
        fresh: defaultdict[int, list[Fresh]] = defaultdict(list)
        refused: list[tuple[int, str]] = []
        duplicates = 0
        for position, entry in enumerate(entries):
            before = known.mark()
            named = _named(entry, known)
            if named is None:
                duplicates += 1
                continue
            partition = self._partitions.of(s.period_of(entry.timestamp))
            try:
                stamp = self._sequencer.next(entry.created, partition.searcher)
            except FullMomentError as full:
                known.forget(before)
                refused.append((position, str(full)))
            else:
                fresh[partition.number].append(Fresh(*named, stamp))
        return fresh, refused, duplicates


_MANY = 200


class _KnownKeys:
    """Which terms are taken, in the store or earlier in the same commit."""

    def __init__(self, searchers: Sequence[PartitionSearcher]) -> None:
        self._searchers = searchers[::-1]
        self._expected: dict[str, tuple[frozenset[str], Sequence[PartitionSearcher]]] = {}
        self._taken: set[tuple[str, str]] = set()
        self._latest: list[tuple[str, str]] = []

    def expect(self, entries: Sequence[Prepared]) -> None:
        """Look all terms of many entries up at once: the engine lets go of Python's lock at every question, and where several
        threads want it, a question alone waits for it longer than it takes.
        """
        if len(entries) < _MANY:
            return
        columns: defaultdict[str, set[str]] = defaultdict(set)
        for entry in entries:
            for column, term in (s.identity(entry.id), ("twin", s.dedup_key(entry.id, entry.digest))):
                if term is not None:
                    columns[column].add(term)
        for column, terms in columns.items():
            wanted = sorted(terms)
            self._expected[column] = frozenset(terms), [v for v in self._searchers if v.has_any(column, wanted)]

    def begin(self) -> None:
        """From here on, terms can be forgotten again."""
        self._latest = []

    def mark(self) -> int:
        """A place to forget back to."""
        return len(self._latest)

    def forget(self, mark: int = 0) -> None:
        """The terms since `begin`, or since a mark, are not taken after all."""
        self._taken.difference_update(self._latest[mark:])
        del self._latest[mark:]

    def add(self, column: str, term: str) -> bool:
        """Whether the term was taken already; from now on it is."""
        expected, searchers = self._expected.get(column, (frozenset(), self._searchers))
        among = searchers if term in expected else self._searchers
        if (column, term) in self._taken or any(searcher.has(column, term) for searcher in among):
            return True
        self._taken.add((column, term))
        self._latest.append((column, term))
        return False


def _named(entry: Prepared, known: _KnownKeys) -> tuple[Prepared, tuple[str, ...]] | None:
    """The entry under an id that is free, and its twin terms; None if it is a duplicate."""
    dedup_key = s.dedup_key(entry.id, entry.digest)
    if dedup_key is not None and known.add("twin", dedup_key):
        return None
    named = _with_free_id(entry, known)
    if named is None:
        return None
    column, term = s.identity(named.id)
    return named, tuple(filter(None, (dedup_key, term if column == "twin" else None)))


def _with_free_id(entry: Prepared, known: _KnownKeys) -> Prepared | None:
    """The entry under its own id, else under that and its body's digest; None if both are taken."""
    if not known.add(*s.identity(entry.id)):
        return entry
    other = entry.second_id
    if other is None or known.add(*s.identity(other)):
        return None
    return renamed(entry, other, columns)


def _limits(fresh: Iterable[Fresh]) -> Limits:
    """Between which moments these lie."""
    moments = [(each.entry.timestamp, each.stamp.created) for each in fresh]
    columns = zip(*moments, strict=True)
    return {sort: (min(column), max(column)) for sort, column in zip(s.SORTS, columns, strict=False)}
