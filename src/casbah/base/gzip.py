"""Reads gzip streams (RFC 1952)."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

MAGIC = b"\x1f\x8b"
_CHUNK = _PACKED = 1 << 16
_GZIP_FORMAT = zlib.MAX_WBITS | 16


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content of concatenated members. Raises zlib.error after all that precedes the damage, which the standard library's
    own streams drop, and EOFError for a truncated member.
    """
    decompressor = zlib.decompressobj(_GZIP_FORMAT)
    while chunk := stream.read(_PACKED):
        while chunk:
            if decompressor.eof:  # Another member may follow, after zeros that pad.
                chunk = chunk.lstrip(b"\0")
                decompressor = zlib.decompressobj(_GZIP_FORMAT) if chunk else decompressor
                continue
            before = decompressor.copy()
            try:
                content = decompressor.decompress(chunk, _CHUNK)
            except zlib.error:
                for byte in chunk:
                    yield before.decompress(bytes((byte,)))  # Raises at the first byte that is damaged.
                raise
            yield content
            chunk = decompressor.unused_data or decompressor.unconsumed_tail
    if not decompressor.eof:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")
