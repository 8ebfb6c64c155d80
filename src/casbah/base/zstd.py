"""Reads Zstandard streams (RFC 8878)."""

from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from casbah.base.compressed import CutOffError, DamagedError, Unfinished

MAGIC = b"\x28\xb5\x2f\xfd"

_STEP = 512
"""Compressed bytes per step: the library has no limit for its output, and these expand to at most 16 MiB."""

_WINDOW = 1 << 27
_TOO_LARGE = "requires too much memory"
"""A part of the library's message for a larger window, as `zstd --long=31` makes."""


def chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The content of concatenated frames. Raises DamagedError, CutOffError for a truncated frame, which the library's own
    streams do not notice, and OSError for one that needs too much memory.
    """
    decompressor, frame = None, Unfinished()
    size = intact = 0
    while rest := stream.read(_STEP):
        frame.add(rest)
        while rest:
            if decompressor is None:
                decompressor, intact = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(), size
                frame = Unfinished(rest)
            try:
                content = decompressor.decompress(rest)
            except zstandard.ZstdError as error:
                if _TOO_LARGE in str(error):
                    raise OSError(f"the Zstandard stream needs a window of more than {_WINDOW >> 20} MiB") from None
                raise DamagedError(intact) from None
            size += len(content)
            yield content
            rest = decompressor.unused_data if decompressor.eof else b""
            decompressor = None if decompressor.eof else decompressor
    if decompressor is not None:
        if frame.is_damaged:
            raise DamagedError(intact)
        raise CutOffError(size - intact)
