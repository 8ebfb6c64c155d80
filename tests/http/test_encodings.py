"""A body's Content-Encoding is decoded as a stream, all of it, or refused."""

import gzip
import io
import zlib
from collections.abc import Callable

import pytest
import zstandard

from casbah.errors import BodyTooLargeError, MalformedBodyError
from casbah.http.encoding import EncodedBody

TEXT = b"".join(b"%d line\n" % number for number in range(30_000))


def raw_deflate(text: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip in two members": ("gzip", lambda text: gzip.compress(text[:1_000]) + gzip.compress(text[1_000:])),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "zstd in two frames": (
        "zstd",
        lambda text: b"".join(zstandard.ZstdCompressor().compress(part) for part in (text[:1_000], text[1_000:])),
    ),
    "two codings": ("deflate, gzip", lambda text: gzip.compress(zlib.compress(text))),
}


def size(body: EncodedBody, limit: int = len(TEXT)) -> int:
    return body.size(limit=limit, setting="A_LIMIT")


def text(body: EncodedBody, limit: int = len(TEXT)) -> bytes:
    return body.text(limit=limit, setting="A_LIMIT")


@pytest.mark.parametrize("name", ENCODERS)
def test_it_is_decoded_as_often_as_needed(name: str) -> None:
    label, encode = ENCODERS[name]
    body = EncodedBody(encode(TEXT), label)
    assert not body.is_plain
    for _ in range(2):
        assert size(body) == len(TEXT)
        assert body.opened().read() == text(body) == TEXT


@pytest.mark.parametrize("decode", [size, text])
@pytest.mark.parametrize("name", ENCODERS)
def test_it_is_refused_past_the_limit_and_wherever_it_is_cut(
    name: str, decode: Callable[[EncodedBody, int], object]
) -> None:
    label, encode = ENCODERS[name]
    encoded = encode(TEXT)
    with pytest.raises(BodyTooLargeError):
        decode(EncodedBody(encoded, label), len(TEXT) - 1)
    frames = {len(encode(TEXT[:1_000])), len(encode(TEXT[:1_000])) - len(encode(b""))} if "two " in name else set()
    for end in {1, 5, 20, len(encoded) // 2, len(encoded) - 5, len(encoded) - 1} - frames:
        with pytest.raises(MalformedBodyError, match=r"damaged or cut short|it is not gzip"):
            decode(EncodedBody(encoded[:end], label), len(TEXT))


@pytest.mark.parametrize("name", ["gzip", "zlib", "raw deflate", "zstd"])
def test_what_follows_is_refused(name: str) -> None:
    label, encode = ENCODERS[name]
    with pytest.raises(MalformedBodyError):
        size(EncodedBody(encode(TEXT) + b"something else", label))


def test_an_empty_body_is_empty_in_every_encoding() -> None:
    for label in ("gzip", "deflate", "zstd", "gzip, deflate"):
        assert (size(EncodedBody(b"", label)), text(EncodedBody(b"", label))) == (0, b"")
        assert EncodedBody(b"", label).is_plain


def test_what_the_first_bytes_show_needs_no_header() -> None:
    for encode in (gzip.compress, zstandard.ZstdCompressor().compress):
        assert text(EncodedBody(encode(TEXT), "")) == TEXT
    assert isinstance(EncodedBody(TEXT, "").opened(), io.BufferedReader)
    assert text(EncodedBody(TEXT, "identity")) == TEXT
