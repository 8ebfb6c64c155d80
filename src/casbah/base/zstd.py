"""Reads Zstandard streams (RFC 8878)."""

from collections.abc import Iterator
from typing import BinaryIO

import zstandard

MAGIC = b"\x28\xb5\x2f\xfd"
ZstdError = zstandard.ZstdError

_STEP = 512
"""Compressed bytes per step: the library has no limit for its output, and these expand to at most 16 MiB."""

_WINDOW = 1 << 27


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content of concatenated frames. Raises ZstdError, and EOFError for a truncated frame, which the library's own
    streams do not notice.
    """
    decompressor = None
    while rest := stream.read(_STEP):
        while rest:
            decompressor = decompressor or zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
            yield decompressor.decompress(rest)
            rest = decompressor.unused_data if decompressor.eof else b""
            decompressor = None if decompressor.eof else decompressor
    if decompressor is not None:
        raise EOFError("the Zstandard stream ends before its end marker")
