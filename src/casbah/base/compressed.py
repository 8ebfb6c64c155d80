"""What streams of compressed content have in common: checksums that come after the content they are for."""

from collections.abc import Iterator
from typing import NamedTuple


class DamagedError(OSError):
    """Compressed content that cannot be decompressed, or does not match its checksum.

    `intact` is the number of bytes of content in the parts before, whose checksums match. Later content may be altered
    anywhere, also where it can be decompressed.
    """

    def __init__(self, intact: int) -> None:
        super().__init__(_NONE if intact == 0 else f"{_DAMAGED} after the first {intact:,} bytes of its content{_NEXT}")
        self.intact = intact


_DAMAGED, _NEXT = "the compressed data is damaged", "; copy or download it again"
_NONE = f"{_DAMAGED}, so any event in it may be altered{_NEXT}"


class Intact(NamedTuple):
    """The number of bytes of content that can be relied on, and the error that follows them."""

    size: int
    error: DamagedError | EOFError | None


def intact(chunks: Iterator[bytes], *, limit: int) -> Intact:
    """Read chunks to their end or the first error. All that precedes a truncation is intact. May pass `limit` by a chunk."""
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > limit:
                break
    except DamagedError as error:
        return Intact(error.intact, error)
    except EOFError as error:
        return Intact(size, error)
    return Intact(size, None)
