"""casbah help."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

import casbah
from casbah.cli.commands import COMMANDS
from casbah.cli.table import show_rows
from casbah.errors import OperatorError, nearest

_FOLDERS = ("docs", "../../docs")
"""Where the pages are: in a wheel, and in a clone."""
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


class NoSuchPageError(OperatorError):
    """There is no page of that name, or none at all."""


def help_(
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="A page, such as search. Default: list all pages.")
    ] = None,
) -> None:
    """Show a page of the documentation, or list all pages.

    Example: casbah help search
    """
    pages = _pages()
    if topic is None:
        show_rows(("topic", "page"), ((name, _title(page)) for name, page in pages.items()))
        sys.stderr.write("casbah: `casbah help TOPIC` shows a page; `casbah COMMAND --help` is about a command\n")
        return
    name = topic.lower().removesuffix(".md")
    if name in pages:
        typer.echo(pages[name].read_text("utf-8"), nl=False)
    elif name in COMMANDS:
        raise NoSuchPageError(f"{name!r} is a command; run: casbah {name} --help")
    else:
        raise NoSuchPageError(f"no page {topic!r}{nearest(name, tuple(pages))}; `casbah help` lists them")


def _pages() -> dict[str, Path]:
    """The pages by name. Raises NoSuchPageError if the documentation was not installed."""
    package = Path(casbah.__file__).parent
    for folder in _FOLDERS:
        pages = {page.stem: page for page in sorted((package / folder).glob("*.md")) if page.stem != "README"}
        if pages:
            return pages
    raise NoSuchPageError("the documentation is not installed; a wheel of `make wheel` has it")


def _title(page: Path) -> str:
    heading = _HEADING.search(page.read_text("utf-8"))
    return page.stem if heading is None else heading[1]
