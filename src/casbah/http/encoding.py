"""Decodes a body's Content-Encoding (RFC 9110, 8.4). The result is bounded, since a small body may expand enormously."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO

import zstandard

from casbah.errors import BodyTooLargeError, MalformedBodyError, UnsupportedEncodingError

_STEP = 512
"""Compressed bytes per step where the decompressor has no output limit: they expand to at most 16 MiB."""

_MOST_CODINGS = 4
_ZSTD_WINDOW = 1 << 27
_ZLIB_METHOD, _ZLIB_CHECK = 8, 31


def decoded(body: bytes, encodings: str, *, limit: int, setting: str) -> bytes:
    """The body, decoded as its Content-Encoding header says; without a header, as its first bytes show.

    Raises UnsupportedEncodingError, BodyTooLargeError, or MalformedBodyError if it is damaged or truncated.
    """
    names = [name for part in encodings.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    unknown = [name for name in names if name not in CODINGS]
    if unknown or len(names) > _MOST_CODINGS:
        raise UnsupportedEncodingError(", ".join(unknown or names), ACCEPTED)
    if not names:
        names = [name for magic, name in _MAGIC.items() if body.startswith(magic)]
    for name in reversed(names):
        if body:
            body = _decompressed(body, name, limit=limit, setting=setting)
    return body


def _decompressed(body: bytes, name: str, *, limit: int, setting: str) -> bytes:
    if CODINGS[name] is _gzip and not body.startswith(_GZIP_MAGIC):
        raise MalformedBodyError("body: it is not gzip, as Content-Encoding says; send it without that header")
    try:
        text = CODINGS[name](body, limit + 1)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError):
        raise MalformedBodyError(f"body: cannot be decompressed as {name}; it is damaged or cut short") from None
    if len(text) > limit:
        raise BodyTooLargeError(limit, setting)
    return text


def _gzip(body: bytes, most: int) -> bytes:
    with gzip.open(BytesIO(body)) as opened:
        return opened.read(most)


def _deflate(body: bytes, most: int) -> bytes:
    """The zlib format, as specified, or raw deflate, which many clients send under that name."""
    is_zlib = len(body) > 1 and body[0] & 0xF == _ZLIB_METHOD and int.from_bytes(body[:2]) % _ZLIB_CHECK == 0
    decompressor = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    text = decompressor.decompress(body, most)
    if len(text) < most and (not decompressor.eof or decompressor.unused_data):
        raise EOFError
    return text


def _zstd(body: bytes, most: int) -> bytes:
    """Concatenated frames (RFC 8878). Unlike the library's streams, this detects a truncated frame."""
    parts: list[bytes] = []
    size = 0
    decompressor = None
    for start in range(0, len(body), _STEP):
        rest = body[start : start + _STEP]
        while rest and size < most:
            decompressor = decompressor or zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
            parts.append(decompressor.decompress(rest))
            size += len(parts[-1])
            rest = decompressor.unused_data if decompressor.eof else b""
            decompressor = None if decompressor.eof else decompressor
        if size >= most:
            return b"".join(parts)[:most]
    if decompressor is not None:
        raise EOFError
    return b"".join(parts)


CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "zstd": _zstd,
    "deflate": _deflate,
}
"""Decompressors by coding name. Each takes the bytes and the maximum output size."""

ACCEPTED = "gzip, zstd, deflate"
_GZIP_MAGIC = b"\x1f\x8b"
_MAGIC = {_GZIP_MAGIC: "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
