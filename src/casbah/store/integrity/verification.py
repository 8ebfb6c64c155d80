"""Reads all of a store, and checks it against its checksums. A server may use the store meanwhile.

Every file of the indexes is read, then every record through the index, the dictionaries, every row of the databases, the JSON
files, and the transparency logs. What is derived from others (the filter of known ids, the list of verified files) is not, as
damage to it changes no answer.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import tantivy

from casbah.activity.tenant import TENANTS
from casbah.base import key_value
from casbah.base.checked_json import read_json
from casbah.base.database import problems, reading, require_database
from casbah.errors import DamagedFileError, DamagedRecordError, StoreFormatError
from casbah.evidence import log_check
from casbah.evidence.logs import FOLDER as LOG
from casbah.store.embedded import feedback
from casbah.store.embedded.cache import Cache
from casbah.store.embedded.compaction import MARK
from casbah.store.embedded.partition import Partition
from casbah.store.embedded.partitions import DICTIONARIES, NUMBERING, PERIODS, numbered
from casbah.store.embedded.record_codec import RecordCodec, is_dictionary
from casbah.store.embedded.searcher import Hit, records_of
from casbah.store.embedded.segment_files import META, check_file, index_files
from casbah.store.format import FILE, format_of

_AT_ONCE = 2_000
_TRIES = 20
_LAST = (1 << 32) - 1

Progress = Callable[[int, int], None]
"""Called with the bytes that have been read and the bytes in total."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is damaged: a path in the store, and where and how."""

    file: str
    problem: str


@dataclass(slots=True)
class Verification:
    """What has been read so far, and what is damaged. `bytes` are those of the files, `total` those there are."""

    total: int = 0
    files: int = 0
    bytes: int = 0
    records: int = 0
    damage: list[Damage] = field(default_factory=list)


def verify(store: Path, *, records: bool = True, progress: Progress = lambda *_: None) -> Verification:
    """Check all of a store. Without `records`, they are checked as a part of their files, and not one by one."""
    return _Reading(store, progress, records=records).all()


class _Reading:
    """One pass over a store."""

    def __init__(self, store: Path, progress: Progress, *, records: bool) -> None:
        self._store = store
        self._with_records = records
        self._progress = progress
        self._result = Verification(total=sum(_sizes(store)))

    def all(self) -> Verification:
        self._json(self._store / FILE, lambda file: format_of(file.parent))
        for collection in key_value.COLLECTIONS:
            self._key_values(self._store / f"{collection.name}.db")
        for tenant in sorted((self._store / TENANTS).glob("*")):
            self._tenant(tenant)
        return self._result

    def _tenant(self, tenant: Path) -> None:
        self._json(tenant / NUMBERING, read_json)
        for file in sorted((tenant / DICTIONARIES).glob("*.zdict")):
            content = file.read_bytes()
            self._read(len(content))
            if not is_dictionary(file, content):
                self._note(file, "its content does not match the digest in its name")
        self._feedback(tenant / feedback.FILE)
        self._log(tenant / LOG)
        codec = RecordCodec(tenant / DICTIONARIES)
        for number, name in numbered(tenant / PERIODS):
            self._json(tenant / PERIODS / name / MARK, read_json)
            self._partition(tenant / PERIODS / name, number, codec)

    def _partition(self, folder: Path, number: int, codec: RecordCodec) -> None:
        """Check a partition. If a merge has replaced files meanwhile, what was missing is no damage: check it again."""
        for _ in range(_TRIES):
            result = self._result
            meta, known = _content(folder / META), len(result.damage)
            counts = result.files, result.bytes, result.records
            self._files(folder)
            if self._with_records and len(self._result.damage) == known:
                self._records(folder, number, codec)
            if len(self._result.damage) == known or meta == _content(folder / META):
                return
            del result.damage[known:]
            result.files, result.bytes, result.records = counts
        self._note(folder, "it changes too quickly to be checked; try again")

    def _files(self, folder: Path) -> None:
        try:
            for file, segment in index_files(folder):
                self._result.files += 1
                try:
                    check_file(file, segment, progress=self._read)
                except DamagedFileError as error:
                    self._note(file, error.problem)
        except DamagedFileError as error:
            self._note(Path(error.path), error.problem)

    def _records(self, folder: Path, number: int, codec: RecordCodec) -> None:
        if not (folder / META).exists():
            return
        try:
            partition = Partition(folder, number, codec=codec, cache=Cache(0), limits=dict)
        except ValueError as error:  # The engine's, also for files that a merge has just removed.
            self._note(folder, f"the engine cannot open it: {error}")
            return
        searcher, last = partition.searcher, 0
        everything = tantivy.Query.all_query()
        while searcher.held and (hits := searcher.numbered(everything, after=last, last=_LAST, limit=_AT_ONCE)):
            last = hits[-1].seq
            self._result.records += len(hits)
            self._decoded(folder, hits)
            self._progress(self._result.bytes, self._result.total)

    def _decoded(self, folder: Path, hits: Sequence[Hit]) -> None:
        """Read the records; one by one, if one of them is damaged."""
        try:
            records_of(hits)
        except DamagedRecordError as error:
            if len(hits) == 1:
                self._note(folder, error.where)
                return
            for hit in hits:
                self._decoded(folder, [hit])

    def _log(self, folder: Path) -> None:
        """Check a tenant's transparency logs."""

        def read(count: int) -> None:
            self._result.files += 1
            self._read(count)

        for file, problem in log_check.problems(folder, read):
            self._note(file, problem)

    def _key_values(self, file: Path) -> None:
        self._database(file, key_value.TABLE, lambda opened: ((row[0], row[2]) for row in key_value.rows_of(opened)))

    def _feedback(self, file: Path) -> None:
        self._database(file, feedback.TABLE, lambda opened: ((row[0], row[2]) for row in feedback.rows_of(opened)))

    def _database(
        self, file: Path, script: str, rows: Callable[[sqlite3.Connection], Iterator[tuple[int, object]]]
    ) -> None:
        """Check a database. If a server has begun to write to it meanwhile, what was wrong is no damage: check it again."""
        known, before = len(self._result.damage), _state(file)
        is_read = self._rows(file, script, rows)
        if len(self._result.damage) > known and before != _state(file):
            del self._result.damage[known:]
            is_read = self._rows(file, script, rows)
        if is_read:
            self._read(file.stat().st_size)
        self._result.files += is_read or len(self._result.damage) > known

    def _rows(
        self, file: Path, script: str, rows: Callable[[sqlite3.Connection], Iterator[tuple[int, object]]]
    ) -> bool:
        """Check a database once. Returns whether all of it could be read."""
        try:
            require_database(file)
            if not file.exists():
                return False
            with reading(file) as database:
                for problem in problems(database, script):
                    self._note(file, problem)
                for number, entry in rows(database):
                    if entry is None:
                        self._note(file, f"row {number} does not match its digest")
        except DamagedFileError as error:
            self._note(file, error.problem)
        except sqlite3.DatabaseError as error:
            self._note(file, str(error))
        else:
            return True
        return False

    def _json(self, file: Path, read: Callable[[Path], object]) -> None:
        """Check a JSON file, which may not exist."""
        try:
            read(file)
        except FileNotFoundError:
            return
        except (DamagedFileError, StoreFormatError) as error:
            self._note(file, getattr(error, "problem", str(error)))
        self._result.files += 1

    def _read(self, count: int) -> None:
        self._result.bytes += count
        self._progress(self._result.bytes, self._result.total)

    def _note(self, file: Path, problem: str) -> None:
        self._result.damage.append(Damage(file.relative_to(self._store).as_posix(), problem))


def _sizes(store: Path) -> Iterator[int]:
    """The sizes of the files that are read."""
    yield from map(_size, store.glob("*.db"))
    for pattern in (f"*/{feedback.FILE}", f"*/{DICTIONARIES}/*.zdict"):
        yield from map(_size, (store / TENANTS).glob(pattern))
    for log in (store / TENANTS).glob(f"*/{LOG}"):
        yield from log_check.log_file_sizes(log)
    for partition in (store / TENANTS).glob(f"*/{PERIODS}/*"):
        with suppress(DamagedFileError):  # It is noted when the partition is read.
            yield from (_size(file) for file, _ in index_files(partition))


def _size(file: Path) -> int:
    """The size of a file; 0 if a merge has just removed it."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _state(file: Path) -> tuple[int, int, bool] | None:
    """What changes when a server writes to a database: size, time of change, and whether it has a write-ahead log."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns, file.with_name(f"{file.name}-wal").exists()


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
