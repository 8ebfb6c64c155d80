"""Reads gzip streams (RFC 1952)."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from casbah.base.compressed import CutOffError, DamagedError, TooLargeError, Unfinished

MAGIC = b"\x1f\x8b"
_CHUNK = _PACKED = 1 << 16
_GZIP_FORMAT = zlib.MAX_WBITS | 16
_SIZE = 4
_SIZES = 1 << 8 * _SIZE
_MAX_DIFFERENCE = 1 << 22
"""Between the size of a member and what damage near its end makes of it: seldom over 10 KB. What is cut off ends with a number
that is as close by chance in one of 500 cases.
"""


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content of concatenated members. Raises DamagedError, and CutOffError after what there is of a truncated member."""
    decompressor, member = zlib.decompressobj(_GZIP_FORMAT), Unfinished()
    size = intact = 0
    while chunk := stream.read(_PACKED):
        member.add(chunk)
        while chunk:
            if decompressor.eof:  # Another member may follow, after zeros that pad.
                chunk, intact = chunk.lstrip(b"\0"), size
                if chunk:
                    decompressor, member = zlib.decompressobj(_GZIP_FORMAT), Unfinished(chunk)
                continue
            try:
                content = decompressor.decompress(chunk, _CHUNK)
            except zlib.error:
                raise DamagedError(intact) from None
            size += len(content)
            yield content
            chunk = decompressor.unused_data or decompressor.unconsumed_tail
    if not decompressor.eof:
        if member.is_damaged or _is_whole(member.end, size - intact):
            raise DamagedError(intact)
        raise CutOffError(size - intact)


def unpacked(packed: bytes, *, limit: int) -> bytes:
    """The content of concatenated members, all of it. Raises as `chunks` does, and TooLargeError above `limit` bytes."""
    content = bytearray()
    for chunk in chunks(BytesIO(packed)):
        content += chunk
        if len(content) > limit:
            raise TooLargeError(limit)
    return bytes(content)


def _is_whole(end: bytes, size: int) -> bool:
    """Whether a member seems to end with its size, so that it was not cut off: one of about `size`. Zeros may pad it."""
    last = len(end.rstrip(b"\0"))
    ends = (end[max(0, to - _SIZE) : to] for to in range(last, min(last + _SIZE, len(end) + 1)))
    differences = ((int.from_bytes(written, "little") - size) % _SIZES for written in ends)
    return any(min(difference, _SIZES - difference) <= min(size, _MAX_DIFFERENCE) for difference in differences)
