"""The entries of a log, byte by byte as docs/evidence.md defines them. An entry reveals nothing of the record it commits to."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

ACTIVITY: Final = 1
REPLACED: Final = 2
ERASED: Final = 3
CONTINUED: Final = 4

Range = tuple[int, int]
"""The first of some consecutive leaf indexes, and how many there are."""

RANGES_PER_ENTRY = 4_000
"""An entry has at most 65,535 bytes, and a range takes 16 of them."""

_RECORD: Final = b"casbah record v1\n"
_ACTIVITY = struct.Struct(">BQ32s")
_REPLACED = struct.Struct(">BQQ32s")
_RANGE = struct.Struct(">QQ")
_OPENING = struct.Struct(">B16sI")
_OPENING_LAYOUT: Final = 1


def commitment(salt: bytes, record: bytes, added: int) -> bytes:
    """The salted commitment to a record, of which `added` bytes after its opening brace were not sent but added."""
    start = record.index(b"{") + 1
    end = start + added
    accepted = sha256(record if not added else record[:start] + record[end:]).digest()
    return sha256(_RECORD + salt + accepted + sha256(record[start:end]).digest()).digest()


def activity(number: int, committed: bytes) -> bytes:
    """The entry of the activity with this sequence number."""
    return _ACTIVITY.pack(ACTIVITY, number, committed)


def replaced(number: int, earlier: int, committed: bytes) -> bytes:
    """The entry of an activity whose record was replaced; `earlier` is the leaf index of its last entry."""
    return _REPLACED.pack(REPLACED, number, earlier, committed)


def number_of(entry: bytes) -> int | None:
    """The sequence number in an entry of an activity; None for other entries."""
    return int.from_bytes(entry[1:9]) if entry[0] in (ACTIVITY, REPLACED) else None


def committed_in(entry: bytes) -> bytes:
    """The commitment in an entry of an activity."""
    return entry[-32:]


def in_bundle(content: bytes) -> Iterator[bytes]:
    """The entries in a bundle, or in a part of one."""
    place = 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 2])
        yield content[place + 2 : place + 2 + length]
        place += 2 + length


def erased(indexes: Sequence[int]) -> Iterator[bytes]:
    """The entries for records that are erased; `indexes` are their leaf indexes, ascending."""
    ranges = list(_ranges(indexes))
    for start in range(0, len(ranges), RANGES_PER_ENTRY):
        packed = (_RANGE.pack(*item) for item in ranges[start : start + RANGES_PER_ENTRY])
        yield bytes([ERASED]) + b"".join(packed)


def continued(checkpoint: bytes) -> bytes:
    """The first entry of a log that continues another, of which this checkpoint is known."""
    return bytes([CONTINUED]) + checkpoint


def opening(salt: bytes, added: int, entry: bytes) -> bytes:
    """What a proof carries beside the tree: with it and the record, the entry can be computed."""
    return _OPENING.pack(_OPENING_LAYOUT, salt, added) + entry


def _ranges(indexes: Iterable[int]) -> Iterator[Range]:
    first = count = 0
    for index in indexes:
        if count and index == first + count:
            count += 1
            continue
        if count:
            yield first, count
        first, count = index, 1
    if count:
        yield first, count
