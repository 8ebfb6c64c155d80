"""Makes text from logs safe to show: a log entry must not control the terminal or hide part of its content."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

_BLANKS = range(0x09, 0x0E)
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that are invisible or change the text direction; the UI has the same rule."""


class _Visible(dict[int, str]):
    """A lazily filled table for `str.translate`."""

    def __missing__(self, codepoint: int) -> str:
        hidden = unicodedata.category(chr(codepoint)) in _HIDDEN
        shown = " " if codepoint in _BLANKS else f"⟨U+{codepoint:04X}⟩" if hidden else chr(codepoint)
        return self.setdefault(codepoint, shown)


_SHOWN = _Visible()


def plain(text: str) -> str:
    """`text` on one line, with codes such as ⟨U+202E⟩ for hidden characters."""
    return text.translate(_SHOWN)


def cell(value: Any) -> Text:
    """A table cell with a literal value: brackets in it are not markup."""
    return Text(plain(str(value)))


def moment(at: int | None, *, seconds: bool = True) -> str:
    """A time in ms since the epoch, in UTC; None is shown as nothing."""
    form = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return "" if at is None else datetime.fromtimestamp(at / 1_000, UTC).strftime(form)


def amount(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun: "1 tenant", "2 tenants"."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"
