"""Text from logs, made safe to show: whoever writes a log entry must not get to steer the reader's terminal."""

from typing import Any

from rich.text import Text

_BLANKS = range(0x09, 0x0E)
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN = {**dict.fromkeys((*_CONTROLS, *_DIRECTIONS), "\N{REPLACEMENT CHARACTER}"), **dict.fromkeys(_BLANKS, " ")}


def plain(text: str) -> str:
    """`text` on one line, with no control characters and none that turn the direction of writing."""
    return text.translate(_SHOWN)


def cell(value: Any) -> Text:
    """A value in a table, as it is: brackets in it are no markup."""
    return Text(plain(str(value)))
