"""One tenant's write queue: assigns ids and sequence numbers, and answers a caller once its activities are durable."""

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
    """One caller's entries, their result, and what to write."""

    fresh: dict[int, list[Fresh]] = field(default_factory=dict)
    """By partition."""

    documents: dict[int, Iterable[str]] = field(default_factory=dict)
    """The same as documents; built in advance if batches share a commit, so that a failing batch does not fail the others."""

    urgent: bool = False
    """Whether it may use the space reserved for deletions."""


class WriteQueue:
    """Stores new activities. Thread-safe; one thread of `writing` writes for all callers."""

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
        """Every sequence number up to this one is committed and visible. A batch is committed partition by partition, so larger
        numbers may become visible before smaller ones."""
        self._groups = GroupCommit(self._store_group, writing=writing, afterwards=self._learn)

    def insert(
        self, new_activities: Iterable[NewActivity | contract.Prepared], *, urgent: bool = False
    ) -> Future[Inserted]:
        """Store new activities. The future completes when all of them are synced to disk."""
        return self._groups.add(
            _Batch([ready(new_activity, columns) for new_activity in new_activities], urgent=urgent)
        )

    def exclusively(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Run other work that changes the store, with no other change at the same time."""
        try:
            return self._writing.submit(self._run_exclusively, work)
        except RuntimeError:  # The executor has shut down.
            raise StoreClosedError from None

    def replace(self, entries: Sequence[Prepared]) -> Future[int]:
        """Replace records under their ids. Resolves to the number replaced."""
        return self.exclusively(lambda: self._replaced(entries))

    def _run_exclusively(self, work: Callable[[], Answer]) -> Answer:
        self._partitions.catch_up()
        try:
            return work()
        finally:
            self._advance()

    def _replaced(self, entries: Sequence[Prepared]) -> int:
        replacements = Replacements(self._partitions, self._sequencer)
        for entry in entries:
            replacements.add(entry)
        by_partition = replacements.by_partition()
        for partition, replaced in by_partition:
            documents = (self._document(fresh, order) for fresh, order in replaced)
            self._writers.write(
                partition,
                documents,
                _limits(fresh for fresh, _ in replaced),
                last=max(fresh.sequence.seq for fresh, _ in replaced),
                without=[s.identity(fresh.entry.id) for fresh, _ in replaced],
            )
        self._learn()
        return sum(len(replaced) for _, replaced in by_partition)

    def _store_group(self, group: Sequence[_Batch]) -> None:
        """Store a group of batches and set the answer or error of each. An exception raised applies to all of them."""
        try:
            self._partitions.catch_up()
            self._try_store(group)
        except BaseException:
            self._sequencer.forget()
            raise
        finally:
            self._advance()
        if any(batch.error is not None for batch in group):
            self._sequencer.forget()

    def _advance(self) -> None:
        """Advance the high-water mark. Call between groups, when nothing is in flight except maybe a failed commit.

        The mark is the last visible number, not the last assigned: an uncommitted number is assigned again after a restart.
        """
        if not self._partitions.pending:
            self.high_water_mark = self._partitions.last

    def _learn(self) -> None:
        """Train a dictionary if one is due. Failures are only logged, as nothing depends on it."""
        try:
            self._codec.learn()
        except OSError as error:
            _log.warning("compression continues with the old dictionary: the new one cannot be written: %s", error)

    def _try_store(self, group: Sequence[_Batch]) -> None:
        known = _KnownKeys(self._partitions.searchers())
        known.expect([entry for batch in group for entry in batch.entries])
        answers = [(batch, self._prepared(batch, known, is_single=len(group) == 1)) for batch in group]
        valid = [(batch, answer) for batch, answer in answers if answer is not None]
        try:
            self._write([batch for batch, _ in valid])
        except BaseException as error:  # noqa: BLE001  raised by the callers concerned; later batches proceed
            for batch, _ in valid:
                batch.error = error
            return
        for batch, answer in valid:
            batch.answer = answer

    def _write(self, batches: Sequence[_Batch]) -> None:
        for number in sorted({number for batch in batches for number in batch.documents}):
            documents = chain.from_iterable(batch.documents.get(number, ()) for batch in batches)
            fresh = list(chain.from_iterable(batch.fresh.get(number, ()) for batch in batches))
            last = max(item.sequence.seq for item in fresh)
            if any(batch.urgent for batch in batches):
                retained = list(documents)  # They may be written twice.
                self._reserve.using(partial(self._written, number, retained, fresh, last))
            else:
                self._written(number, documents, fresh, last)

    def _written(self, number: int, documents: Iterable[str], fresh: Sequence[Fresh], last: int) -> None:
        self._writers.write(self._partitions.of(number), documents, _limits(fresh), last=last)

    def _prepared(self, batch: _Batch, known: "_KnownKeys", *, is_single: bool) -> Inserted | None:
        """The batch's result once its documents are written; None (with the batch's error set) if it is invalid."""
        known.begin()
        try:
            batch.fresh, refused, duplicates = self._classify(batch.entries, known)
            for number, fresh in batch.fresh.items():
                # Built lazily where possible: tantivy indexes one document while the next is built.
                documents = map(self._document, fresh)
                batch.documents[number] = documents if is_single else list(documents)
        except Exception as error:  # noqa: BLE001  goes to the caller of this batch only
            known.forget()
            batch.documents.clear()
            batch.error = error
            return None
        return Inserted(sum(map(len, batch.fresh.values())), duplicates, tuple(refused))

    def _document(self, fresh: Fresh, order: int | None = None) -> str:
        packed = self._codec.encode(record_of(fresh.entry, fresh.sequence.created))
        return document(fresh.entry, fresh.sequence, dedup_keys=fresh.dedup_keys, packed=packed, order=order)

    def _classify(
        self, entries: Sequence[Prepared], known: "_KnownKeys"
    ) -> tuple[dict[int, list[Fresh]], list[tuple[int, str]], int]:
        """What to store, by partition; refused (position, reason); and the number of duplicates."""
        fresh: defaultdict[int, list[Fresh]] = defaultdict(list)
        refused: list[tuple[int, str]] = []
        duplicates = 0
        for position, entry in enumerate(entries):
            mark = known.mark()
            named = _named(entry, known)
            if named is None:
                duplicates += 1
                continue
            partition = self._partitions.of(s.period_of(entry.timestamp))
            try:
                sequence = self._sequencer.next(entry.created, partition.searcher)
            except FullMomentError as full:
                known.forget(mark)
                refused.append((position, str(full)))
            else:
                fresh[partition.number].append(Fresh(*named, sequence))
        return fresh, refused, duplicates


_MANY = 200


class _KnownKeys:
    """The terms that are in use, in the store or earlier in the same commit."""

    def __init__(self, searchers: Sequence[PartitionSearcher]) -> None:
        self._searchers = searchers[::-1]
        self._expected: dict[str, tuple[frozenset[str], Sequence[PartitionSearcher]]] = {}
        self._taken: set[tuple[str, str]] = set()
        self._latest: list[tuple[str, str]] = []

    def expect(self, entries: Sequence[Prepared]) -> None:
        """Look up all terms of a large batch at once.

        Tantivy releases the GIL at every lookup, and under contention getting it back takes longer than the lookup.
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
            self._expected[column] = (
                frozenset(terms),
                [searcher for searcher in self._searchers if searcher.has_any(column, wanted)],
            )

    def begin(self) -> None:
        """Start a batch; `forget` can undo what is added from here on."""
        self._latest = []

    def mark(self) -> int:
        """A position for `forget`."""
        return len(self._latest)

    def forget(self, mark: int = 0) -> None:
        """Release the terms added since `begin`, or since a mark."""
        self._taken.difference_update(self._latest[mark:])
        del self._latest[mark:]

    def add(self, column: str, term: str) -> bool:
        """Mark a term as in use. Returns whether it was already."""
        expected, searchers = self._expected.get(column, (frozenset(), self._searchers))
        among = searchers if term in expected else self._searchers
        if (column, term) in self._taken or any(searcher.has(column, term) for searcher in among):
            return True
        self._taken.add((column, term))
        self._latest.append((column, term))
        return False


def _named(entry: Prepared, known: _KnownKeys) -> tuple[Prepared, tuple[str, ...]] | None:
    """The entry under an unused id, and its dedup keys; None if it is a duplicate."""
    dedup_key = s.dedup_key(entry.id, entry.digest)
    if dedup_key is not None and known.add("twin", dedup_key):
        return None
    named = _with_free_id(entry, known)
    if named is None:
        return None
    column, term = s.identity(named.id)
    return named, tuple(filter(None, (dedup_key, term if column == "twin" else None)))


def _with_free_id(entry: Prepared, known: _KnownKeys) -> Prepared | None:
    """The entry under its own id, or else under that id with its digest; None if both are in use."""
    if not known.add(*s.identity(entry.id)):
        return entry
    second_id = entry.second_id
    if second_id is None or known.add(*s.identity(second_id)):
        return None
    return renamed(entry, second_id, columns)


def _limits(fresh: Iterable[Fresh]) -> Limits:
    """The limits of these activities."""
    moments = [(item.entry.timestamp, item.sequence.created) for item in fresh]
    columns = zip(*moments, strict=True)
    return {sort: (min(column), max(column)) for sort, column in zip(s.SORTS, columns, strict=False)}
