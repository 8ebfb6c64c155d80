"""Decodes a body's Content-Encoding (RFC 9110, 8.4) as a stream, since a small body may expand enormously."""

import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import cast

from casbah.base import gzip, zstd
from casbah.base.chunk_stream import ChunkStream
from casbah.errors import BodyTooLargeError, DamagedBodyError, MalformedBodyError, UnsupportedEncodingError

_CHUNK = 1 << 16
_MAX_CODINGS = 4
_ZLIB_METHOD, _ZLIB_CHECK = 8, 31


class EncodedBody:
    """A body as received, and how to decode it. It can be decoded several times, and is never kept decoded."""

    def __init__(self, body: bytes, encodings: str) -> None:
        """`encodings` is the Content-Encoding header; without one, the first bytes show. Raises UnsupportedEncodingError."""
        names = [name for part in encodings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
        unknown = [name for name in names if name not in CODINGS]
        if unknown or len(names) > _MAX_CODINGS:
            raise UnsupportedEncodingError(", ".join(unknown or names), ACCEPTED)
        if not names:
            names = [name for magic, name in _MAGIC.items() if body.startswith(magic)]
        self._body = body
        self._names = names

    @property
    def is_plain(self) -> bool:
        """Whether the body needs no decoding."""
        return not (self._names and self._body)

    def size(self, *, limit: int, setting: str) -> int:
        """The number of decoded bytes, from decoding all of it once.

        Raises BodyTooLargeError past `limit`, or MalformedBodyError if the body is damaged or truncated.
        """
        if self.is_plain:
            size = len(self._body)
        else:
            stream, size = self.opened(), 0
            while size <= limit and (chunk := stream.read1(_CHUNK)):
                size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(limit, setting)
        return size

    def opened(self) -> io.BufferedReader:
        """The decoded body as a stream. Reading raises MalformedBodyError if it is damaged or truncated."""
        stream: io.BufferedReader = io.BufferedReader(cast("io.RawIOBase", BytesIO(self._body)), _CHUNK)
        for name in reversed(self._names if self._body else ()):
            stream = ChunkStream.buffered(_decoded(stream, name), size=_CHUNK)
        return stream

    def text(self, *, limit: int, setting: str) -> bytes:
        """The decoded body, for a `limit` that fits in memory. Raises as `size` does."""
        text = self._body if self.is_plain else self.opened().read(limit + 1)  # The end is read too, if it fits.
        if len(text) > limit:
            raise BodyTooLargeError(limit, setting)
        return text


def _decoded(stream: io.BufferedReader, name: str) -> Iterator[bytes]:
    """What one coding decodes. Raises MalformedBodyError."""
    try:
        yield from CODINGS[name](stream)
    except (OSError, EOFError, zlib.error):
        raise DamagedBodyError(name) from None


def _gzip(stream: io.BufferedReader) -> Iterator[bytes]:
    start = _peek(stream)
    if start and start != gzip.MAGIC:
        raise MalformedBodyError("body: it is not gzip, as Content-Encoding says; send it without that header")
    return gzip.chunks(stream) if start else iter(())


def _deflate(stream: io.BufferedReader) -> Iterator[bytes]:
    """The zlib format, as specified, or raw deflate, which many clients send under that name."""
    start = _peek(stream)
    if not start:
        return
    is_zlib = len(start) > 1 and start[0] & 0xF == _ZLIB_METHOD and int.from_bytes(start) % _ZLIB_CHECK == 0
    decompressor = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    while chunk := stream.read(_CHUNK):
        while text := decompressor.decompress(chunk, _CHUNK):
            yield text
            chunk = decompressor.unconsumed_tail
        if decompressor.eof and (decompressor.unused_data or _peek(stream)):
            raise EOFError
    if not decompressor.eof:
        raise EOFError


def _peek(stream: io.BufferedReader) -> bytes:
    """The next two bytes, without consuming them."""
    return stream.peek(2)[:2]


CODINGS: Mapping[str, Callable[[io.BufferedReader], Iterator[bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "zstd": zstd.chunks,
    "deflate": _deflate,
}
"""Decoders by coding name."""

ACCEPTED = "gzip, zstd, deflate"
_MAGIC = {gzip.MAGIC: "gzip", zstd.MAGIC: "zstd"}
