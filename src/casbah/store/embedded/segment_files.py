"""Checks the files of an index against the checksums that the engine wrote, and against each other.

The engine ends each file of a segment with a footer that has the CRC-32 of all before it, and does not look at it when it opens
the file:

    ...       the content
    JSON      {"version": {... , "index_format_version": <number>}, "crc": <number>}
    4 bytes   the length of that JSON, little-endian
    4 bytes   1337, little-endian

`meta.json` has no checksum. What it says is compared with the schema and with the files of its segments: how many documents
the columns have, and which of them are deleted.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from struct import Struct
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, TypeVar

import tantivy

from casbah.errors import DamagedFileError, UnavailableError
from casbah.store.embedded import schema as s

META = "meta.json"
"""The file that makes a folder an index of tantivy."""

MANAGED = ".managed.json"
COMPONENTS = (".store", ".fast", ".idx", ".term", ".pos", ".fieldnorm")
"""Every segment has a file of each kind. Without its positions, the engine would open it and find no phrases."""

_END = Struct("<II")
_MAGIC = 1337
_VERSION = ("major", "minor", "patch", "index_format_version")
_FILE_FORMATS = frozenset({7})
"""The formats of files that the engine reads and that stores of this version may have."""

_MAX_FOOTER = 1 << 12
_CHUNK = 1 << 20
_ROWS = Struct("<III")
"""How the columns of a segment end: the number of rows, the version, a magic number."""

_COUNT = Struct("<I")
_TRIES = 20

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as `meta.json` has it: how many documents it has, and the file and number of those that are deleted."""

    stem: str
    documents: int
    deletions: str | None
    deleted: int

    @property
    def files(self) -> Sequence[str]:
        """The names of its files."""
        more = () if self.deletions is None else (self.deletions,)
        return (*(f"{self.stem}{suffix}" for suffix in COMPONENTS), *more)


def checked_segments(folder: Path) -> list[Segment]:
    """The segments of an index, none if there is no index yet. Raises DamagedFileError if `meta.json` cannot be right.

    The files of the segments are not read.
    """
    file = folder / META
    if not file.exists():
        if any(entry.suffix in COMPONENTS for entry in folder.iterdir()):
            raise DamagedFileError(file, "it is missing")
        return []
    try:
        content = json.loads(file.read_bytes())
        segments = [_segment(entry) for entry in content.pop("segments")]
        latest = content.pop("opstamp")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedFileError(file, "it is not what the engine writes") from None
    if content != blank_meta():
        raise DamagedFileError(file, "its schema or its settings are not those of this version")
    if type(latest) is not int or any(number > latest for _, number in segments):
        raise DamagedFileError(file, "its numbers of operations do not agree")
    return [segment for segment, _ in segments]


def check_managed(folder: Path) -> None:
    """Raises DamagedFileError if the engine's list of files is no list. A missing one is made again."""
    file = folder / MANAGED
    try:
        names = json.loads(file.read_bytes()) if file.exists() else []
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DamagedFileError(file, "it is no list of names")


def check_file(
    file: Path, segment: Segment, *, read: bool = True, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Check one file of a segment. Raises DamagedFileError.

    `read`: read all of it; else only what is compared with `meta.json`. `progress` is called with numbers of bytes just read.
    """
    try:
        with file.open("rb") as handle:
            size = file.stat().st_size
            length, checksum = _footer(file, handle, size)
            progress(size - length)
            if read and (actual := _checksum(handle, length, progress)) != checksum:
                shown = f"its bytes 0 to {length:,} have the checksum {actual:08x}, and should have {checksum:08x}"
                raise DamagedFileError(file, shown)
            if file.suffix == ".fast":
                _check_rows(file, handle, length, segment)
            elif file.suffix == ".del":
                _check_deletions(file, handle, length, segment)
    except FileNotFoundError:
        raise DamagedFileError(file, "it is missing") from None


def index_files(folder: Path) -> Iterator[tuple[Path, Segment]]:
    """The files of the segments of an index, after its other files have been checked. Raises DamagedFileError."""
    check_managed(folder)
    for segment in checked_segments(folder):
        for name in segment.files:
            yield folder / name, segment


def unless_replaced(folder: Path, check: Callable[[], Answer]) -> Answer:
    """Run a check of an index again if it failed because a merge has removed files meanwhile. Raises DamagedFileError."""
    meta = folder / META
    for _ in range(_TRIES):
        before = meta.read_bytes() if meta.exists() else b""
        try:
            return check()
        except DamagedFileError:
            if before == (meta.read_bytes() if meta.exists() else b""):
                raise
    raise UnavailableError(f"period {folder.name} changes too quickly to be checked; try again")


def alive_in(folder: Path, segment: Segment) -> list[int]:
    """The documents of a segment that are not deleted, by number. Its deletions must have been checked."""
    if segment.deletions is None:
        return list(range(segment.documents))
    file = folder / segment.deletions
    with file.open("rb") as handle:
        _, alive = _deletions(handle, _footer(file, handle, file.stat().st_size)[0])
    bits = f"{alive:b}"[::-1]
    return [document for document, bit in enumerate(bits) if bit == "1"]


def segments_on_disk(folder: Path) -> list[Segment]:
    """The segments that have files, for when `meta.json` cannot be read. Segments that were merged may be among them."""
    segments = []
    for file in sorted(folder.glob("*.fast")):
        with suppress(DamagedFileError), file.open("rb") as handle:
            rows = _rows(handle, _footer(file, handle, file.stat().st_size)[0])
            segments.append(_with_deletions(folder, Segment(file.stem, rows, None, 0)))
    return segments


def _with_deletions(folder: Path, segment: Segment) -> Segment:
    """A segment with its latest deletions."""
    files = sorted(folder.glob(f"{segment.stem}.*.del"), key=lambda file: int(file.name.split(".")[1]))
    if not files:
        return segment
    latest = replace(segment, deletions=files[-1].name)
    return replace(latest, deleted=segment.documents - len(alive_in(folder, latest)))


def _segment(entry: Mapping[str, Any]) -> tuple[Segment, int]:
    """A segment, and the number of the operation that last deleted from it. Raises ValueError for anything unusual."""
    stem, deletes = entry["segment_id"].replace("-", ""), entry["deletes"]
    deleted, number = (0, 0) if deletes is None else (deletes["num_deleted_docs"], deletes["opstamp"])
    if any(type(count) is not int for count in (entry["max_doc"], deleted, number)):
        raise ValueError("no number")
    name = None if deletes is None else f"{stem}.{number}.del"
    return Segment(stem, entry["max_doc"], name, deleted), number


@cache
def blank_meta() -> Mapping[str, Any]:
    """What `meta.json` says of every index of this version: all but its segments and its last operation."""
    with TemporaryDirectory(prefix="casbah-") as folder:
        tantivy.Index(s.build(), folder)
        content: dict[str, Any] = json.loads((Path(folder) / META).read_bytes())
    return {name: value for name, value in content.items() if name not in ("segments", "opstamp")}


def _footer(file: Path, handle: BinaryIO, size: int) -> tuple[int, int]:
    """How many bytes precede the footer, and the checksum in it."""
    handle.seek(max(0, size - _MAX_FOOTER))
    tail = handle.read()
    length, magic = _END.unpack(tail[-_END.size :].rjust(_END.size))
    start = len(tail) - _END.size - length
    try:
        footer = json.loads(tail[start : len(tail) - _END.size]) if magic == _MAGIC and start >= 0 else {}
        numbers = [*(footer["version"][name] for name in _VERSION), footer["crc"]]
    except (ValueError, KeyError, TypeError):
        numbers = []
    if not numbers or any(type(number) is not int for number in numbers) or numbers[-2] not in _FILE_FORMATS:
        raise DamagedFileError(file, f"its end, at byte {size:,}, is not what the engine writes")
    return size - _END.size - length, numbers[-1]


def _checksum(handle: BinaryIO, length: int, progress: Callable[[int], None]) -> int:
    handle.seek(0)
    checksum = 0
    while length > 0 and (chunk := handle.read(min(_CHUNK, length))):
        checksum = zlib.crc32(chunk, checksum)
        length -= len(chunk)
        progress(len(chunk))
    return checksum


def _check_rows(file: Path, handle: BinaryIO, length: int, segment: Segment) -> None:
    rows = _rows(handle, length)
    if rows != segment.documents:
        raise DamagedFileError(file, f"it has {rows:,} documents, {META} says {segment.documents:,}")


def _rows(handle: BinaryIO, length: int) -> int:
    handle.seek(max(0, length - _ROWS.size))
    return int(_ROWS.unpack(handle.read(_ROWS.size).rjust(_ROWS.size))[0])


def _check_deletions(file: Path, handle: BinaryIO, length: int, segment: Segment) -> None:
    documents, alive = _deletions(handle, length)
    deleted = documents - alive.bit_count()
    if (documents, deleted) != (segment.documents, segment.deleted):
        shown = f"it has {documents:,} documents, of which {deleted:,} are deleted"
        raise DamagedFileError(file, f"{shown}; {META} says {segment.documents:,} and {segment.deleted:,}")


def _deletions(handle: BinaryIO, length: int) -> tuple[int, int]:
    """The number of documents in a file of deletions, and a number whose bits are set for those that are not deleted."""
    handle.seek(0)
    content = handle.read(length).rjust(_COUNT.size)
    return _COUNT.unpack_from(content)[0], int.from_bytes(content[_COUNT.size :], "little")
