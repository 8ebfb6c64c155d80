"""How strings are normalized before they are compared: the same for records, queries and every engine."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import chain, starmap
from typing import NamedTuple

MAX_CHARACTERS = 8_000
"""A filter field holds the first 8,000 characters of a value (docs/compatibility.md, 6): engines drop longer terms silently."""

MAX_WORD_CHARACTERS = 256
"""Words are cut to their first 256 characters, at ingest and at query time."""


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
    return text if len(text) <= MAX_CHARACTERS and text.isascii() else sound(text)[:MAX_CHARACTERS]


def folded(text: str) -> str:
    """Any other text: composed (NFC), then lower-cased, so that two encodings of the same letters are equal."""
    if text.isascii():
        return text[:MAX_CHARACTERS].lower()
    return unicodedata.normalize("NFC", sound(text)).lower()[:MAX_CHARACTERS]


def words(text: str) -> tuple[str, ...]:
    """The words of one string, in order: maximal runs of letters, digits and the marks that follow them.

    Scripts without spaces between words have a word per letter.
    """
    if text.isascii():
        return tuple(map(_cut, _spaced_ascii(text).split()))
    return tuple(chain.from_iterable(word_runs(text)))


def word_runs(text: str) -> list[tuple[str, ...]]:
    """The words of one string, in order. The letters of one run of a script without spaces belong together."""
    patterns = _patterns()
    normalized = unicodedata.normalize("NFKC", sound(text)).lower()
    runs = (match.group() for match in patterns.run.finditer(normalized))
    return [
        tuple(map(_cut, patterns.letter.findall(run))) if run[0] in patterns.unspaced else (_cut(run),) for run in runs
    ]


def is_unspaced(word: str) -> bool:
    """Whether a word is a letter of a script without spaces."""
    return not word.isascii() and word[0] in _patterns().unspaced


def spaced_words(texts: Iterable[str]) -> list[str]:
    """The words of each of `texts`, with spaces between; texts without words are left out, and the same text counts once.

    Equivalent to `words` on every text, but the texts in ASCII, which are most, in a few passes over all of them at once: a
    record has some seventy strings.
    """
    distinct = dict.fromkeys(texts)
    ascii_texts = [text for text in distinct if text.isascii()]
    joined = _BOUNDARY.join(ascii_texts)
    if joined.count(_BOUNDARY) >= len(ascii_texts):
        joined = _BOUNDARY.join(text.replace(_BOUNDARY, " ") for text in ascii_texts)
    spaced = _spaced_ascii(joined)
    if max(map(len, ascii_texts), default=0) > MAX_WORD_CHARACTERS:
        spaced = _LONG_WORD.sub(lambda match: match.group()[:MAX_WORD_CHARACTERS], spaced)
    spaced_texts = [text for text in spaced.split(_BOUNDARY) if text and not text.isspace()]
    if len(ascii_texts) < len(distinct):
        spaced_texts += filter(None, (" ".join(words(text)) for text in distinct if not text.isascii()))
    return spaced_texts


def _spaced_ascii(text: str) -> str:
    return text.encode("ascii").translate(_ASCII_SPACED).decode("ascii")


def _cut(word: str) -> str:
    return word[:MAX_WORD_CHARACTERS]


_BOUNDARY = "\x1e"
_LONG_WORD = re.compile(rf"[^ {_BOUNDARY}]{{{MAX_WORD_CHARACTERS + 1},}}")
_ASCII_SPACED = bytes(
    ord(char.lower()) if char.isalnum() or char == _BOUNDARY else ord(" ") for char in map(chr, range(128))
).ljust(256, b" ")


class _Patterns(NamedTuple):
    unspaced: frozenset[str]
    """The letters of scripts without spaces."""

    letter: re.Pattern[str]
    """One of them, with its marks."""

    run: re.Pattern[str]
    """A run of them, or a word of any other script."""


@cache
def _patterns() -> _Patterns:
    """Made when a text beyond ASCII is first seen, as it takes some 50 ms."""
    characters = [chr(number) for number in chain.from_iterable(starmap(range, _MARKED))]
    marks = "".join(char for char in characters if unicodedata.category(char) in ("Mn", "Mc"))
    letters = (chr(number) for first, last in UNSPACED for number in range(first, last + 1))
    unspaced = frozenset(char for char in letters if char.isalnum())
    ranges = "".join(f"{chr(first)}-{chr(last)}" for first, last in UNSPACED)
    letter = rf"(?=[^\W_])[{ranges}][{marks}]*"
    run = rf"(?:{letter})+|(?:(?![{ranges}])[^\W_][{marks}]*)+"
    return _Patterns(unspaced, re.compile(letter), re.compile(run))


_MARKED = ((0x300, 0x20000), (0xE0100, 0xE01F0))
"""Where Unicode has marks (Mn, Mc): the first two planes, and the variation selectors."""

# fmt: off
UNSPACED = (
    (0x0E00, 0x0EFF),   # Thai, Lao
    (0x1000, 0x109F),   # Myanmar
    (0x1100, 0x11FF),   # Hangul Jamo
    (0x1780, 0x17FF),   # Khmer
    (0x2E80, 0x2FDF),   # CJK and Kangxi radicals
    (0x3005, 0x3007),   # iteration mark, closing mark, zero
    (0x3021, 0x3029),   # Hangzhou numerals
    (0x3031, 0x3035),   # kana repeat marks
    (0x3038, 0x303C),   # more numerals and marks
    (0x3040, 0x30FF),   # Hiragana, Katakana
    (0x3130, 0x318F),   # Hangul compatibility Jamo
    (0x31F0, 0x31FF),   # Katakana extensions
    (0x3400, 0x4DBF),   # Han, extension A
    (0x4E00, 0x9FFF),   # Han
    (0xA960, 0xA97F),   # Hangul Jamo, extended A
    (0xA9E0, 0xA9FF),   # Myanmar, extended B
    (0xAA60, 0xAA7F),   # Myanmar, extended A
    (0xAC00, 0xD7FF),   # Hangul
    (0xF900, 0xFAFF),   # Han compatibility
    (0xFF66, 0xFFDC),   # half-width Katakana and Hangul
    (0x16FE2, 0x16FF6), # Han marks
    (0x1AFF0, 0x1B16F), # kana supplements
    (0x20000, 0x323AF), # Han, extensions B to H
)
"""The blocks of Han, Hiragana, Katakana, Hangul, Thai, Lao, Khmer and Myanmar (Unicode 15, Blocks.txt)."""
# fmt: on
