"""Saves what checks out of a damaged store, without opening it.

Records are read segment by segment through an index of that segment alone: its file of records, and of its other files those
that check out. A file that does not is replaced by that of an empty segment, as records are fetched by their place alone.
Deletions must check out: if it is not known which records of a segment were deleted, none of it is saved.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from uuid import UUID

import tantivy

from casbah.activity.new_activity import Seal
from casbah.activity.tenant import TENANTS, TenantId
from casbah.base import jsontext, key_value
from casbah.base.database import reading, require_database
from casbah.base.fsync import read_only
from casbah.base.key_value import Entry, KeyValueStore, KeyValueStores
from casbah.errors import ActivityNotFoundError, DamagedFileError, DamagedRecordError
from casbah.ingest.stored_record import new_activity_of
from casbah.store.contract import FeedbackEntry, Store, Tenant
from casbah.store.embedded import feedback
from casbah.store.embedded import schema as s
from casbah.store.embedded.document import stored_id
from casbah.store.embedded.lock import Lock
from casbah.store.embedded.partitions import DICTIONARIES, PERIODS, numbered
from casbah.store.embedded.record_codec import RecordCodec, added_of, salt_of
from casbah.store.embedded.segment_files import (
    COMPONENTS,
    META,
    Segment,
    alive_in,
    blank_meta,
    check_file,
    checked_segments,
    segments_on_disk,
)

_AT_ONCE = 1_000
_FOOTER = 120
"""More bytes than a footer of the engine has."""

_FOOTER_SIGNS = ((b'{"version"', 0), (b'"major"', 12))
"""What a footer begins with, and what it has a few bytes later, if a bit of the beginning has changed."""

_PANIC = "PanicException"
"""The name of the engine's errors that are bugs of its own, such as reading a damaged file. It cannot be imported."""

_Sealed = tuple[bytes, Seal]
"""A record with what commitments to it need."""

Answer = TypeVar("Answer")
Progress = Callable[[int], None]
"""Called with the number of records saved since the last call."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What could not be saved. Of a tenant's records: the partition, how many, their sequence numbers where known, and why."""

    where: str
    count: int
    sequence: Sequence[int]
    why: str


@dataclass(slots=True)
class Salvage:
    """How much was saved, and what was lost. `refused` records check out, but the new store did not take them."""

    records: int = 0
    refused: int = 0
    feedback: int = 0
    entries: int = 0
    lost: list[Loss] = field(default_factory=list)


def salvage(store: Path, target: Store, key_values: KeyValueStores, *, room: Path, progress: Progress) -> Salvage:
    """Copy all that checks out to a new store. Nothing may use the damaged one meanwhile (`unused`). `room` is a folder with
    room for the largest file of records, for a while.
    """
    result = Salvage()
    for tenant in sorted((store / TENANTS).glob("*")):
        into = target.tenant(TenantId(tenant.name))
        for records in _records(tenant, result, room):
            inserted = into.insert([new_activity_of(record, seal=seal) for record, seal in records])
            result.records += inserted.stored
            result.refused += len(inserted.refused)
            progress(len(records))
        _save_feedback(tenant / feedback.FILE, into, result)
    for collection in key_value.COLLECTIONS:
        _save_entries(store / f"{collection.name}.db", key_values(collection), result)
    return result


@contextmanager
def unused(store: Path) -> Iterator[None]:
    """Keep a store from being used. Raises StoreLockedError if it is."""
    with ExitStack() as stack:
        if not read_only(store):
            stack.callback(Lock(store).release)
        yield


def _records(tenant: Path, result: Salvage, room: Path) -> Iterator[list[_Sealed]]:
    """The records of a tenant that check out, in batches. Notes what is lost."""
    codec = RecordCodec(tenant / DICTIONARIES)
    for _, name in numbered(tenant / PERIODS):
        folder = tenant / PERIODS / name
        where = f"{tenant.name}, partition {name}"
        try:
            segments = checked_segments(folder)
        except DamagedFileError as error:
            segments = segments_on_disk(folder)
            why = f"{META}: {error.problem}. What was deleted last may be among what is saved"
            result.lost.append(Loss(where, 0, (), why))
            unknown = {file.stem for file in folder.glob("*.store")} - {segment.stem for segment in segments}
            why = "how many records it has is not known, as its columns are damaged as well"
            result.lost += [Loss(where, 0, (), f"all of {stem}.store: {why}") for stem in sorted(unknown)]
        for segment in segments:
            yield from _segment(folder, segment, codec, where, result, room)


def _segment(
    folder: Path, segment: Segment, codec: RecordCodec, where: str, result: Salvage, room: Path
) -> Iterator[list[_Sealed]]:
    damage = {Path(name).suffix: problem for name in segment.files if (problem := _problem(folder / name, segment))}
    if ".del" in damage:
        why = f"{segment.deletions}: {damage['.del']}. Which records were deleted is not known, so none is saved"
        result.lost.append(Loss(where, segment.documents - segment.deleted, (), why))
        return
    alive = alive_in(folder, segment)
    with TemporaryDirectory(prefix="casbah-", dir=room) as temporary:
        searcher = _attempt(lambda: _searcher(Path(temporary), folder, segment, damage))
        addresses = [tantivy.DocAddress(0, document) for document in alive]
        numbers: Sequence[Any] = [None] * len(alive)
        if searcher is not None and ".fast" not in damage:
            numbers = searcher.fast_field_values("seq", addresses)
        reader = _RecordReader(searcher, codec)
        lost: list[int | None] = []
        for start in range(0, len(alive), _AT_ONCE):
            records = [reader.at(address) for address in addresses[start : start + _AT_ONCE]]
            lost += [numbers[start + place] for place, record in enumerate(records) if record is None]
            yield [record for record in records if record is not None]
    if lost:
        why = "; ".join(f"{segment.stem}{suffix}: {problem}" for suffix, problem in damage.items())
        sequence = sorted(number for number in lost if number is not None)
        result.lost.append(Loss(where, len(lost), sequence, why or "their checksums or their dictionary"))


class _RecordReader:
    """Reads the records of a segment; None without a searcher."""

    def __init__(self, searcher: tantivy.Searcher | None, codec: RecordCodec) -> None:
        self._searcher = searcher
        self._codec = codec
        self._known: set[str] = set()

    def at(self, address: tantivy.DocAddress) -> _Sealed | None:
        """The record at a place, or None if it is damaged, or was at another place too: then the file has lost its order."""
        sealed = _attempt(lambda: self._read(address))
        name = None if sealed is None else stored_id(jsontext.parse_accepted(sealed[0]))
        if name is None or name in self._known:
            return None
        self._known.add(name)
        return sealed

    def _read(self, address: tantivy.DocAddress) -> _Sealed | None:
        if self._searcher is None:
            return None
        packed = self._searcher.doc(address)["record"][0]
        return self._codec.decode(packed), Seal(salt_of(packed), added_of(packed))


def _problem(file: Path, segment: Segment) -> str | None:
    try:
        check_file(file, segment)
    except DamagedFileError as error:
        return error.problem
    return None


def _searcher(room: Path, folder: Path, segment: Segment, damage: Mapping[str, str]) -> tantivy.Searcher:
    """A searcher over an index of this segment alone, whose damaged files but for its records are those of another one."""
    spare = _spare_segment(room / "spare") if damage else {}
    index = room / "index"
    index.mkdir()
    for suffix in COMPONENTS:
        file, place = folder / f"{segment.stem}{suffix}", index / f"{segment.stem}{suffix}"
        if suffix not in damage:
            place.symlink_to(file.absolute())
        elif suffix == ".store" and file.exists():
            _copy_with_footer(file, place, spare[suffix].read_bytes())
        else:
            place.symlink_to(spare[suffix])
    segments = [{"segment_id": str(UUID(segment.stem)), "max_doc": segment.documents, "deletes": None}]
    (index / META).write_text(json.dumps({**blank_meta(), "segments": segments, "opstamp": 0}))
    opened = tantivy.Index.open(str(index))
    opened.register_tokenizer(s.WORDS, s.analyzer())
    return opened.searcher()


def _copy_with_footer(file: Path, place: Path, other: bytes) -> None:
    """Copy a file with the footer of another one: the engine does not open a file whose footer is damaged."""
    with file.open("rb") as source, place.open("w+b") as copy:
        copyfileobj(source, copy)
        before = max(0, copy.tell() - _FOOTER)
        copy.seek(before)
        tail = copy.read()
        starts = [tail.rfind(sign) - at for sign, at in _FOOTER_SIGNS]
        start = next((start for start in starts if start >= 0), len(tail))
        copy.seek(before + start)
        copy.truncate()
        copy.write(other[other.rindex(_FOOTER_SIGNS[0][0]) :])


def _spare_segment(folder: Path) -> Mapping[str, Path]:
    """The files of a segment with one empty document, by suffix."""
    folder.mkdir()
    index = tantivy.Index(s.build(), str(folder))
    index.register_tokenizer(s.WORDS, s.analyzer())
    writer = index.writer(15_000_000, 1)
    writer.add_document(tantivy.Document())
    writer.commit()
    writer.wait_merging_threads()
    return {file.suffix: file for file in folder.iterdir() if file.suffix in COMPONENTS}


def _attempt(read: Callable[[], Answer]) -> Answer | None:
    """What can be read, or None if it is damaged. The engine ends in an error of its own, or panics."""
    try:
        return read()
    except (ValueError, KeyError, IndexError, DamagedRecordError):
        return None
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        return None


def _save_feedback(file: Path, into: Tenant, result: Salvage) -> None:
    def save(number: int, activity_id: str, entry: FeedbackEntry) -> None:
        try:
            into.add_feedback(activity_id, entry)
        except ActivityNotFoundError:
            result.lost.append(Loss(file.name, 1, (), f"row {number}: its activity {activity_id} is lost"))
        else:
            result.feedback += 1

    _save_rows(file, feedback.rows_of, save, result)


def _save_entries(file: Path, into: KeyValueStore, result: Salvage) -> None:
    def save(_: int, namespace: str, entry: Entry) -> None:
        result.entries += into.put(namespace, entry.name, entry.value)

    _save_rows(file, key_value.rows_of, save, result)


def _save_rows(
    file: Path,
    rows: Callable[[sqlite3.Connection], Iterator[tuple[int, str, Answer | None]]],
    save: Callable[[int, str, Answer], None],
    result: Salvage,
) -> None:
    """Save the rows that match their digests, up to where the database cannot be read any more."""
    for number, name, entry in _readable_rows(file, rows, result):
        if entry is None:
            result.lost.append(Loss(file.name, 1, (), f"row {number} does not match its digest"))
        else:
            save(number, name, entry)


def _readable_rows(
    file: Path, rows: Callable[[sqlite3.Connection], Iterator[tuple[int, str, Answer | None]]], result: Salvage
) -> Iterator[tuple[int, str, Answer | None]]:
    """The rows up to where the database cannot be read any more. Errors in saving one are not raised here."""
    try:
        with _readable(file) as database:
            yield from rows(database) if database else ()
    except (sqlite3.DatabaseError, DamagedFileError) as error:
        result.lost.append(Loss(file.name, 0, (), f"the rest cannot be read: {getattr(error, 'problem', error)}"))


@contextmanager
def _readable(file: Path) -> Iterator[sqlite3.Connection | None]:
    """A database, or None if there never was one."""
    require_database(file)
    if not file.exists():
        yield None
        return
    with reading(file) as database:
        yield database
