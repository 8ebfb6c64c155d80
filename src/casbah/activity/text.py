"""How strings are normalised before they are compared: the same for records, queries and every engine."""

import re
from collections.abc import Iterable

MOST_CHARACTERS = 8_000
"""A filter field holds the first 8,000 characters of each value (`wire.md`, 6): engines drop longer terms silently."""

MOST_WORD_CHARACTERS = 256
"""Words are cut to their first 256 characters, at ingest and at query time (`filters.md`)."""

_WORD = re.compile(r"[^\W_]+")


def sound(text: str) -> str:
    """`text` without lone surrogates, which UTF-8 cannot carry: each becomes U+FFFD, proper pairs are joined."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def exact(text: str) -> str:
    """An id: compared as it is."""
    return text if len(text) <= MOST_CHARACTERS and text.isascii() else sound(text)[:MOST_CHARACTERS]


def folded(text: str) -> str:
    """Any other text: compared after `str.lower()`."""
    return exact(text).lower()


def words(text: str) -> tuple[str, ...]:
    """The words of one string, in order."""
    return tuple(word[:MOST_WORD_CHARACTERS] for word in _WORD.findall(sound(text).lower()))


def spaced_words(texts: Iterable[str]) -> list[str]:
    """The words of each of `texts`, with blanks between; texts without words are left out, and the same text counts once.

    Equivalent to `words` on every text, but in a few passes over all of them at once: a record has some seventy strings.
    """
    distinct = dict.fromkeys(texts)
    joined = _BOUNDARY.join(distinct)
    if joined.count(_BOUNDARY) >= len(distinct):
        joined = _BOUNDARY.join(text.replace(_BOUNDARY, " ") for text in distinct)
    plain = joined.isascii()
    spaced = _spaced_ascii(joined) if plain else _NO_WORD.sub(" ", sound(joined).lower())
    if max(map(len, distinct), default=0) > (MOST_WORD_CHARACTERS if plain else _SHORT):
        spaced = _LONG_WORD.sub(lambda match: match.group()[:MOST_WORD_CHARACTERS], spaced)
    return [text for text in spaced.split(_BOUNDARY) if text and not text.isspace()]


def _spaced_ascii(text: str) -> str:
    return text.encode("ascii").translate(_ASCII_SPACED).decode("ascii")


# Neither part of a word nor a cased letter, so that it cuts words and the lower-casing of a final sigma alike.
_BOUNDARY = "\x1e"
_NO_WORD = re.compile(rf"[^\w{_BOUNDARY}]+|_+")
_SHORT = MOST_WORD_CHARACTERS // 4  # No word of a shorter text is too long, even where lower case is longer than upper.
_LONG_WORD = re.compile(rf"[^ {_BOUNDARY}]{{{MOST_WORD_CHARACTERS + 1},}}")
_ASCII_SPACED = bytes(
    ord(char.lower()) if char.isalnum() or char == _BOUNDARY else ord(" ") for char in map(chr, range(128))
).ljust(256, b" ")
