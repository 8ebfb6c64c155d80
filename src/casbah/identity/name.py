"""Names of tokens, for people to read. Those in use differ by more than case or Unicode form; Casbah's own are reserved.

Look-alike letters of other scripts are not detected.
"""

import re
import unicodedata

from casbah.errors import BadNameError

MAX_CHARACTERS = 100
LOCAL, RETENTION, NAMELESS = "local", "retention", "nameless"
"""Who acts in the trail without a token: the owner's key, retention rules, and an issuer's JWT that gives no name."""

_RESERVED = frozenset((LOCAL, RETENTION, NAMELESS, "casbah"))
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Invisible characters that count as letters, marks or symbols (Unicode: Default_Ignorable_Code_Point),
and U+2800, the blank pattern of Braille."""


def checked(name: str) -> str:
    """`name` in its normal form, without blanks around it. Raises BadNameError."""
    text = unicodedata.normalize("NFC", name).strip()
    if not text:
        raise BadNameError("expected at least one visible character")
    if len(text) > MAX_CHARACTERS:
        raise BadNameError(f"expected at most {MAX_CHARACTERS} characters, got {len(text)}")
    hidden = next((character for character in text if not _visible(character)), None)
    if hidden is not None:
        raise BadNameError(f"expected visible characters and spaces, got U+{ord(hidden):04X}")
    if is_reserved(text):
        raise BadNameError(f"{text!r} is reserved for Casbah itself; choose another")
    return text


def compared(name: str) -> str:
    """A key that is equal for names that count as the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def is_reserved(name: str) -> bool:
    """Whether a name is that of an actor of Casbah's own."""
    return compared(name) in _RESERVED


def _visible(character: str) -> bool:
    return character.isprintable() and not _BLANK.match(character)
