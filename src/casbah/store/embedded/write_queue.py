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
from casbah.store.embedded.deduplication import NamedEntry, TakenTerms, deduplicated
from casbah.store.embedded.document import columns, document
from casbah.store.embedded.fresh import Fresh
from casbah.store.embedded.index_writers import IndexWriters
from casbah.store.embedded.known_terms import KnownTerms
from casbah.store.embedded.partitions import Partitions
from casbah.store.embedded.record_codec import RecordCodec
from casbah.store.embedded.replacements import Replacements
from casbah.store.embedded.reserve import Reserve
from casbah.store.embedded.searcher import Limits
from casbah.store.embedded.sequence import FullMomentError, Sequencer
from casbah.store.group_commit import Batch, GroupCommit
from casbah.store.prepared import Prepared, TakenIdError, ready, record_of

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Batch(Batch):
    """One caller's entries, their result, and what to write."""

    fresh: dict[int, list[Fresh]] = field(default_factory=dict)
    """By partition."""

    fuller: list[NamedEntry] = field(default_factory=list)
    """What replaces copies that carry less, once `fresh` is written."""

    documents: dict[int, Iterable[str]] = field(default_factory=dict)
    """The same as documents; built in advance if batches share a commit, so that a failing batch does not fail the others."""

    urgent: bool = False
    """Whether it may use the space reserved for deletions."""


class WriteQueue:
    """Stores new activities. Thread-safe; one thread of `writing` writes for all callers."""

    def __init__(
        self,
        partitions: Partitions,
        *,
        index_writers: IndexWriters,
        sequencer: Sequencer,
        writing: Executor,
        reserve: Reserve,
        open_known: Callable[[], KnownTerms],
    ) -> None:
        self._partitions = partitions
        self._open_known = open_known
        self._known: KnownTerms | None = None
        self._codec: RecordCodec = partitions.codec
        self._index_writers = index_writers
        self._sequencer = sequencer
        self._writing = writing
        self._reserve = reserve
        self.high_water_mark = partitions.last
        """Every sequence number up to this one is committed and visible. A batch is committed partition by partition, so larger
        numbers may become visible before smaller ones."""
        self._groups = GroupCommit(self._store_group, writing=writing, afterwards=self._maintain)

    def insert_soon(
        self, new_activities: Iterable[NewActivity | contract.PreparedByStore], *, urgent: bool = False
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
        self._advance()
        try:
            return work()
        finally:
            self._advance()
            if self._known is not None:
                self._known.note(self._sequencer.last)

    def _replaced(self, entries: Sequence[Prepared]) -> int:
        replacements = Replacements(self._partitions, self._sequencer)
        for entry in entries:
            replacements.add(entry)
        count = self._write_replacements(replacements)
        self._learn()
        return count

    def _write_replacements(self, replacements: Replacements) -> int:
        by_partition = replacements.by_partition()
        for partition, replaced in by_partition:
            documents = (self._document(fresh, order) for fresh, order in replaced)
            self._index_writers.write(
                partition,
                documents,
                _limits(fresh for fresh, _ in replaced),
                last=max(fresh.sequence.seq for fresh, _ in replaced),
                without=[s.identity(fresh.entry.id) for fresh, _ in replaced],
            )
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

    def _maintain(self) -> None:
        self._learn()
        if self._known is not None:
            self._known.maintain()

    def _learn(self) -> None:
        """Train a dictionary if one is due. Failures are only logged, as nothing depends on it."""
        try:
            self._codec.learn()
        except OSError as error:
            _log.warning("compression continues with the old dictionary: the new one cannot be written: %s", error)

    def _try_store(self, group: Sequence[_Batch]) -> None:
        known = self._known = self._known or self._open_known()
        self._sequencer.skip(known.last)
        taken = TakenTerms(known, self._partitions)
        answers = [(batch, self._build_documents(batch, taken, is_single=len(group) == 1)) for batch in group]
        valid = [(batch, answer) for batch, answer in answers if answer is not None]
        try:
            if taken.hashes:  # Before the commit: what is in the index must never be missing here.
                known.add(taken.hashes, last=self._sequencer.last)
            self._write([batch for batch, _ in valid])
            if fuller := [new for batch, _ in valid for new in batch.fuller]:
                self._write_fuller(fuller)
                known.note(self._sequencer.last)
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
                retained = list(
                    documents
                )  # They may be written again, after a commit that succeeded and ended in an error.
                ids = [s.identity(item.entry.id) for item in fresh]
                self._reserve.using(partial(self._written, number, retained, fresh, last, without=ids))
            else:
                self._written(number, documents, fresh, last)

    def _written(
        self,
        number: int,
        documents: Iterable[str],
        fresh: Sequence[Fresh],
        last: int,
        *,
        without: Sequence[tuple[str, str]] = (),
    ) -> None:
        partition = self._partitions.of(number)
        self._index_writers.write(partition, documents, _limits(fresh), last=last, without=without)

    def _write_fuller(self, fuller: Sequence[NamedEntry]) -> None:
        """Replace copies that carry less, some of which have just been stored. A crash before this leaves them as they were."""
        replacements = Replacements(self._partitions, self._sequencer)
        for new in fuller:
            replacements.add_fuller(new)
        self._write_replacements(replacements)

    def _build_documents(self, batch: _Batch, taken: TakenTerms, *, is_single: bool) -> Inserted | None:
        """The batch's result once its documents are written; None (with the batch's error set) if it is invalid."""
        taken.begin()
        try:
            refused, repeated = self._classify(batch, taken)
            for number, fresh in batch.fresh.items():
                # Built lazily where possible: tantivy indexes one document while the next is built.
                documents = map(self._document, fresh)
                batch.documents[number] = documents if is_single else list(documents)
        except Exception as error:  # noqa: BLE001  goes to the caller of this batch only
            taken.forget()
            batch.documents.clear()
            batch.fuller.clear()
            batch.error = error
            return None
        stored = sum(map(len, batch.fresh.values())) + len(batch.fuller)
        return Inserted(stored, len(repeated), tuple(refused), tuple(repeated))

    def _document(self, fresh: Fresh, order: int | None = None) -> str:
        record, seal = record_of(fresh.entry, fresh.sequence.created), fresh.entry.seal
        # What re-enrichment replaces a record with was made from it, and has what was added then.
        added = len(record) - len(fresh.entry.record) if order is None or fresh.entry.adds else None
        if seal is None or fresh.entry.adds:
            packed = self._codec.encode(record, added=added)
        else:
            packed = self._codec.encode(record, added=seal.added, salt=seal.salt)
        return document(fresh.entry, fresh.sequence, dedup_keys=fresh.dedup_keys, packed=packed, order=order)

    def _classify(self, batch: _Batch, taken: TakenTerms) -> tuple[list[tuple[int, str]], list[int]]:
        """Set what to store and to replace. Returns what is refused (position, reason), and the positions of duplicates."""
        fresh: defaultdict[int, list[Fresh]] = defaultdict(list)
        refused: list[tuple[int, str]] = []
        repeated: list[int] = []
        for position, entry in enumerate(batch.entries):
            mark = taken.mark()
            try:
                new = deduplicated(entry, taken)
                if new is None:
                    repeated.append(position)
                elif new.replaces:
                    batch.fuller.append(new)
                else:
                    partition = self._partitions.of(s.period_of(entry.timestamp))
                    sequence = self._sequencer.next(entry.created, partition.searcher)
                    fresh[partition.number].append(Fresh(new.entry, new.dedup_keys, sequence))
            except (TakenIdError, FullMomentError) as error:
                taken.forget(mark)
                refused.append((position, str(error)))
        batch.fresh = fresh
        return refused, repeated


def _limits(fresh: Iterable[Fresh]) -> Limits:
    """The limits of these activities."""
    moments = [(item.entry.timestamp, item.sequence.created) for item in fresh]
    columns = zip(*moments, strict=True)
    return {sort: (min(column), max(column)) for sort, column in zip(s.SORTS, columns, strict=False)}
