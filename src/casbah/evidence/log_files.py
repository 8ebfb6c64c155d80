"""The files of one log. All but the state only grow, and the state says how much of them counts.

state.json     the origin, how far the store was read, how long the files are, and the signed checkpoint
entries        the entries, as in bundles: each with its length before it
bundles        per bundle: where it begins in `entries`, and the largest number of an activity before it
row0, row1...  the hashes of the tree's rows (`merkle.Rows`)
replaced       per replacement: the number of the activity, the leaf index of its entry, and a digest of the two
*.run          the rows of `replaced` in another order (`replacements.py`); made again when they are missing

An entry is checked against its hash when it is read, and leads to no other activity than the one that `bundles` was asked for.

A commit writes and syncs these files, then the state. What a crash leaves beyond the state's lengths is overwritten.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from struct import Struct
from typing import Final

from casbah.base.checked_json import read_json, write_json
from casbah.base.fsync import make_folder, sync_folder
from casbah.errors import DamagedFileError
from casbah.evidence import entries as layout
from casbah.evidence import merkle, notes
from casbah.evidence.replacements import PAIR, ROW, LoggedReplacements, row

STATE: Final = "state.json"
HASH = 32
LENGTH = Struct(">H")
ENTRIES, BUNDLES, REPLACED = "entries", "bundles", "replaced"


@dataclass(frozen=True, slots=True)
class LogState:
    """How far a log is. `number` and `stored` are the sequence numbers up to which activities and replacements are in it."""

    origin: str
    size: int = 0
    number: int = 0
    stored: int = 0
    bytes: int = 0
    replacements: int = 0
    checkpoint: str = ""


@dataclass(slots=True)
class _Pending:
    """What the next commit writes."""

    number: int
    """The largest number of an activity so far."""

    entries: list[bytes] = field(default_factory=list)
    bundles: list[bytes] = field(default_factory=list)
    replaced: list[bytes] = field(default_factory=list)
    bytes: int = 0


class LogFiles:
    """Only one thread may append and commit; any thread may read what is committed."""

    def __init__(self, folder: Path, state: LogState) -> None:
        self.folder = folder
        self._handles: dict[str, int] = {}
        self.state = state
        self._pending = _Pending(state.number)
        self._unsettled: LogState | None = None
        """A state of which it is not known whether it is on disk, because writing it failed. It may be read after a restart."""

        self._replacements = LoggedReplacements(folder, self._replaced, state.replacements)

    @classmethod
    def create(cls, folder: Path, origin: str) -> "LogFiles":
        """A new, empty log. It exists once something was committed."""
        make_folder(folder, mode=0o700)
        return cls(folder, LogState(origin))

    @classmethod
    def open(cls, folder: Path) -> "LogFiles":
        """The log in a folder. Raises DamagedFileError."""
        try:
            files = cls(folder, LogState(**read_json(folder / STATE)))
        except FileNotFoundError:
            raise DamagedFileError(folder / STATE, "it is missing") from None
        for name, size in lengths(files.state).items():
            file = folder / name
            if size and (not file.exists() or file.stat().st_size < size):
                raise DamagedFileError(file, "it is shorter than the state of the log says")
        return files

    @property
    def size(self) -> int:
        """How many entries there are, with those of the next commit."""
        return self.state.size + len(self._pending.entries)

    def append(self, entry: bytes) -> None:
        """Add an entry to the next commit."""
        pending, index = self._pending, self.size
        if index % merkle.WIDTH == 0:
            pending.bundles.append(PAIR.pack(self.state.bytes + pending.bytes, pending.number))
        pending.entries.append(entry)
        pending.bytes += LENGTH.size + len(entry)
        number = layout.number_of(entry)
        if number is not None and entry[0] == layout.REPLACED:
            pending.replaced.append(row(number, index))
        elif number is not None:
            pending.number = number

    def forget(self) -> None:
        """Drop what was appended since the last commit."""
        self._pending = _Pending(self.state.number)

    def settle(self) -> None:
        """If the last commit could not write its state, write it now: it may be on disk, so what it covers must stay."""
        if self._unsettled is not None:
            known = self.state.replacements
            self._set(self._unsettled)
            self._pending = _Pending(self.state.number)
            self._replacements.extend(self._replaced(known, self.state.replacements))

    def commit(self, *, number: int, stored: int, sign: Callable[[int, bytes], str]) -> None:
        """Make durable what was appended, then the state with the checkpoint that `sign` makes of size and root.

        Raises DamagedFileError if the hashes so far are not those that were signed: others would lead to another history.
        """
        self._signed_root()
        state, pending, size = self.state, self._pending, self.size
        written = {
            ENTRIES: (state.bytes, b"".join(LENGTH.pack(len(entry)) + entry for entry in pending.entries)),
            BUNDLES: (_bundles(state.size) * PAIR.size, b"".join(pending.bundles)),
            REPLACED: (state.replacements * ROW.size, b"".join(pending.replaced)),
        }
        for name, (place, data) in written.items():
            self._write(name, place, data)
        written_rows = self._write_rows([merkle.leaf_hash(entry) for entry in pending.entries])
        for name in [*(name for name, (_, data) in written.items() if data), *written_rows]:
            os.fsync(self._handle(name))
        sync_folder(self.folder)
        checkpoint = state.checkpoint
        if pending.entries or not checkpoint:
            checkpoint = sign(size, merkle.root(self.rows, size))
        following = LogState(
            origin=state.origin,
            size=size,
            number=number,
            stored=stored,
            bytes=state.bytes + pending.bytes,
            replacements=state.replacements + len(pending.replaced),
            checkpoint=checkpoint,
        )
        self._set(following)
        self._pending = _Pending(number)
        self._replacements.extend(written[REPLACED][1])

    def sign_again(self, sign: Callable[[int, bytes], str]) -> None:
        """Replace the checkpoint by one of the same tree. Raises DamagedFileError as `commit` does."""
        self._set(replace(self.state, checkpoint=sign(self.state.size, self._signed_root())))

    def rows(self, row: int, start: int, end: int) -> Sequence[bytes]:
        """Hashes of a row."""
        data = self._read(f"row{row}", start * HASH, (end - start) * HASH)
        return [data[place : place + HASH] for place in range(0, len(data), HASH)]

    def bundle(self, number: int, width: int) -> bytes:
        """The first `width` entries of a bundle, each with its length before it. Raises DamagedFileError."""
        entries = self._entries_of(number)[:width]
        self._require_hashes(number * merkle.WIDTH, entries)
        return b"".join(LENGTH.pack(len(entry)) + entry for entry in entries)

    def entry(self, index: int) -> bytes:
        """One entry. Raises DamagedFileError."""
        number, place = divmod(index, merkle.WIDTH)
        entry = self._entries_of(number)[place]
        self._require_hashes(index, [entry])
        return entry

    def indexes(self, numbers: Iterable[int]) -> Iterator[int]:
        """The leaf indexes of the last entries of activities; `numbers` are theirs, ascending. Raises DamagedFileError."""
        known, end = dict[int, int](), 0
        for number in numbers:
            latest = self._replacements.index_of(number)
            if latest is not None:
                yield latest
                continue
            if number >= end:
                bundle, end = self._bundle_of(number)
                known = dict(self._activities_of(bundle))
            if number not in known:
                raise DamagedFileError(self.folder / BUNDLES, f"activity {number} is not in the bundle that it names")
            yield known[number]

    def close(self) -> None:
        """Release the files."""
        self._replacements.close()
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def _activities_of(self, bundle: int) -> Iterator[tuple[int, int]]:
        entries = self._entries_of(bundle)
        self._require_hashes(bundle * merkle.WIDTH, entries)
        for place, entry in enumerate(entries):
            number = layout.number_of(entry)
            if number is not None and entry[0] == layout.ACTIVITY:
                yield number, bundle * merkle.WIDTH + place

    def _entries_of(self, bundle: int) -> Sequence[bytes]:
        start, end = self._bundle_at(bundle)
        if not 0 <= start <= end <= self.state.bytes:
            raise DamagedFileError(self.folder / BUNDLES, f"bundle {bundle} does not begin where it says")
        entries = list(layout.in_bundle(self._read(ENTRIES, start, end - start)))
        count = min(self.state.size - bundle * merkle.WIDTH, merkle.WIDTH)
        if len(entries) != count or not all(entries):
            raise DamagedFileError(self.folder / ENTRIES, f"bundle {bundle} does not have {count} entries")
        return entries

    def _require_hashes(self, first: int, entries: Sequence[bytes]) -> None:
        """Raises DamagedFileError if an entry does not have its hash in row 0."""
        hashes = self.rows(0, first, first + len(entries))
        for place, entry in enumerate(entries):
            if merkle.leaf_hash(entry) != hashes[place]:
                raise DamagedFileError(self.folder / ENTRIES, f"entry {first + place} does not match its hash in row0")

    def _bundle_at(self, bundle: int) -> tuple[int, int]:
        """Where a bundle begins and ends in `entries`."""
        start, _ = self._bundle(bundle)
        last = bundle + 1 >= _bundles(self.state.size)
        return start, self.state.bytes if last else self._bundle(bundle + 1)[0]

    def _bundle_of(self, number: int) -> tuple[int, int]:
        """The bundle with the entry of an activity, and the first number that is not in it."""
        low, high = 0, _bundles(self.state.size)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._bundle(middle)[1] < number else (low, middle)
        return low, self._bundle(high)[1] + 1 if high < _bundles(self.state.size) else self.state.number + 1

    def _bundle(self, number: int) -> tuple[int, int]:
        place, before = PAIR.unpack(self._read(BUNDLES, number * PAIR.size, PAIR.size))
        return place, before

    def _replaced(self, first: int, end: int) -> bytes:
        """The rows of `replaced` from one up to another."""
        return self._read(REPLACED, first * ROW.size, (end - first) * ROW.size)

    def _signed_root(self) -> bytes:
        """The root of the hashes so far. Raises DamagedFileError if another one was signed."""
        root = merkle.root(self.rows, self.state.size)
        if self.state.checkpoint and root != notes.root_in(self.state.checkpoint):
            raise DamagedFileError(self.folder, "its hashes do not lead to the root that was signed")
        return root

    def _set(self, state: LogState) -> None:
        self._unsettled = state
        write_json(self.folder / STATE, asdict(state))
        self.state, self._unsettled = state, None

    def _write_rows(self, hashes: Sequence[bytes]) -> list[str]:
        """Write new hashes of the leaves, and those of the rows above. Returns the names of the files."""
        names: list[str] = []
        start = self.state.size
        while hashes:
            names.append(f"row{len(names)}")
            self._write(names[-1], start * HASH, b"".join(hashes))
            tile = start // merkle.WIDTH
            known = [*self.rows(len(names) - 1, tile * merkle.WIDTH, start), *hashes]
            full = range(0, len(known) - merkle.WIDTH + 1, merkle.WIDTH)
            hashes = [merkle.tree_hash(known[place : place + merkle.WIDTH]) for place in full]
            start = tile
        return names

    def _write(self, name: str, place: int, data: bytes) -> None:
        while data:
            written = os.pwrite(self._handle(name), data, place)
            data, place = data[written:], place + written

    def _read(self, name: str, place: int, size: int) -> bytes:
        data = os.pread(self._handle(name), size, place) if size else b""
        if len(data) < size:
            raise DamagedFileError(self.folder / name, "it is shorter than the state of the log says")
        return data

    def _handle(self, name: str) -> int:
        if name not in self._handles:
            self._handles[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        return self._handles[name]


def _bundles(size: int) -> int:
    """How many bundles a log of this size has."""
    return -(-size // merkle.WIDTH)


def has_entries(folder: Path) -> bool:
    """Whether one of the logs in a tenant's folder has entries. Raises DamagedFileError."""
    return any(LogState(**read_json(file)).size for file in folder.glob(f"*/{STATE}"))


def lengths(state: LogState) -> Mapping[str, int]:
    """How long the files at least are."""
    known = {
        ENTRIES: state.bytes,
        BUNDLES: _bundles(state.size) * PAIR.size,
        REPLACED: state.replacements * ROW.size,
    }
    row, size = 0, state.size
    while size:
        known[f"row{row}"] = size * HASH
        row, size = row + 1, size // merkle.WIDTH
    return known
