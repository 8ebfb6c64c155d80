"""What streams of compressed content have in common: checksums that come after the content they are for."""

from collections.abc import Iterator
from typing import NamedTuple

_DAMAGED, _NEXT = "the compressed data is damaged", "; copy or download it again"
_NONE = f"{_DAMAGED}, so any event in it may be altered{_NEXT}"
_UNCONFIRMED = "; the last {:,} bytes of its content are read, though no checksum confirms them"
_ZEROS = bytes(64)
"""Compressed text has no such sequence, unless it repeats itself for tens of kilobytes."""


class DamagedError(OSError):
    """Compressed content that cannot be decompressed, or does not match its checksum.

    `intact` is the number of bytes of content in the parts before, whose checksums match. Later content may be altered
    anywhere, also where it can be decompressed.
    """

    def __init__(self, intact: int) -> None:
        super().__init__(_NONE if intact == 0 else f"{_DAMAGED} after the first {intact:,} bytes of its content{_NEXT}")
        self.intact = intact


class CutOffError(EOFError):
    """Compressed content that ends too early. Its last part has `size` bytes, and no checksum."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the compressed data is cut off{_UNCONFIRMED.format(size) if size else ''}{_NEXT}")


class TooLargeError(OSError):
    """An input unpacks to more than its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"unpacks to more than {limit} bytes")


class Unfinished:
    """The packed bytes of a part that has not ended yet: whether they show damage, should the stream end before the part does.

    A stream that was cut off can be read up to there. But damage may hide the end of a part, and all that follows it is decoded
    to text that nobody wrote.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self.is_damaged = False
        self.end = b""
        self.add(packed)

    def add(self, packed: bytes) -> None:
        """More of its bytes."""
        recent = self.end + packed
        self.is_damaged = self.is_damaged or _ZEROS in recent  # Some were lost, as in a crash.
        self.end = recent[-len(_ZEROS) :]


class Intact(NamedTuple):
    """The number of bytes of content that can be relied on, and the error that follows them."""

    size: int
    error: DamagedError | CutOffError | None


def intact(chunks: Iterator[bytes], *, limit: int) -> Intact:
    """Read chunks to their end or the first error. What precedes a cut is taken to be intact. May pass `limit` by a chunk."""
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                break
    except DamagedError as error:
        return Intact(error.intact, error)
    except CutOffError as error:
        return Intact(size, error)
    return Intact(size, None)
