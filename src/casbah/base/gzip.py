"""Reads gzip streams (RFC 1952)."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from casbah.base.compressed import DamagedError

MAGIC = b"\x1f\x8b"
_CHUNK = _PACKED = 1 << 16
_GZIP_FORMAT = zlib.MAX_WBITS | 16


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content of concatenated members. Raises DamagedError, and EOFError after what there is of a truncated member."""
    decompressor = zlib.decompressobj(_GZIP_FORMAT)
    size = intact = 0
    while chunk := stream.read(_PACKED):
        while chunk:
            if decompressor.eof:  # Another member may follow, after zeros that pad.
                chunk, intact = chunk.lstrip(b"\0"), size
                decompressor = zlib.decompressobj(_GZIP_FORMAT) if chunk else decompressor
                continue
            try:
                content = decompressor.decompress(chunk, _CHUNK)
            except zlib.error:
                raise DamagedError(intact) from None
            size += len(content)
            yield content
            chunk = decompressor.unused_data or decompressor.unconsumed_tail
    if not decompressor.eof:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")
