"""The commands that README and docs show: cut out of their fenced blocks, each with where it stands."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^( *)```(sh|console|python)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

_ANSWERED = re.compile(r"^```sh\n((?:(?!```).)*)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, its language, and its commands (of Python: its text, as one)."""

    page: str
    language: str
    commands: tuple[str, ...]


def blocks() -> Iterator[Block]:
    """Every block of README and docs that shows something to run, also within lists."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for _, language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
            commands = (text,) if language == "python" else tuple(_commands(text, prompt=language == "console"))
            yield Block(str(page.relative_to(ROOT)), language, commands)


def commands_of(page: str, section: str) -> list[str]:
    """The commands of one section of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [command for _, _, block in _BLOCK.findall(text) for command in _commands(block, prompt=True)]


def answers(page: str) -> Iterator[tuple[str, str]]:
    """The commands of a page that are followed by what they print, each with that; `...` is anything."""
    for block, printed in _ANSWERED.findall((ROOT / page).read_text(encoding="utf-8")):
        *_, command = _commands(block, prompt=False)
        yield command, printed


def pattern(printed: str) -> re.Pattern[str]:
    """What matches an output that has these lines, one after the other, with any white space between words."""
    lines = (
        r"\s+".join(re.escape(word).replace(r"\.\.\.", ".*") for word in line.split()) for line in printed.splitlines()
    )
    return re.compile(r"\s*\n\s*".join(lines))


def _commands(text: str, *, prompt: bool) -> Iterator[str]:
    """The commands of a block; one may continue over lines, by a backslash or an open quote. Of a console's, those behind `$ `."""
    command = ""
    for line in textwrap.dedent(text).splitlines():
        if not command and (not line.strip() or line.startswith("#") or (prompt and not line.startswith("$ "))):
            continue
        command += line.removeprefix("$ ") if prompt and not command else line
        if command.endswith("\\") or _unquoted(command).count("'") % 2:
            command += "\n"
            continue
        yield command
        command = ""


def _unquoted(command: str) -> str:
    """A command without what stands in double quotes, where an apostrophe means nothing."""
    return re.sub(r'"[^"]*"', "", command)
