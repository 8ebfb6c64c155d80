"""Text from logs, made safe to show: a log entry must not steer the reader's terminal, nor hide what it holds."""

import unicodedata
from typing import Any

from rich.text import Text

_BLANKS = range(0x09, 0x0E)
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that nobody sees, or that change the direction of others; the UI has the same rule."""


class _Visible(dict[int, str]):
    """A table for `str.translate` that works out what it lacks."""

    def __missing__(self, codepoint: int) -> str:
        hidden = unicodedata.category(chr(codepoint)) in _HIDDEN
        shown = " " if codepoint in _BLANKS else f"⟨U+{codepoint:04X}⟩" if hidden else chr(codepoint)
        return self.setdefault(codepoint, shown)


_SHOWN = _Visible()


def plain(text: str) -> str:
    """`text` on one line, with codes such as ⟨U+202E⟩ for the characters that hide."""
    return text.translate(_SHOWN)


def cell(value: Any) -> Text:
    """A value in a table, as it is: brackets in it are no markup."""
    return Text(plain(str(value)))
