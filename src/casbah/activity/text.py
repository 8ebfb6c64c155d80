"""How strings are normalised before they are compared: the same for records, queries and every engine."""

import re

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
    return sound(text)[:MOST_CHARACTERS]


def folded(text: str) -> str:
    """Any other text: compared after `str.lower()`."""
    return sound(text)[:MOST_CHARACTERS].lower()


def words(text: str) -> tuple[str, ...]:
    """The words of one string, in order."""
    return tuple(word[:MOST_WORD_CHARACTERS] for word in _WORD.findall(sound(text).lower()))
