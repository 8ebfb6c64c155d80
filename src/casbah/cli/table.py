"""The one style of tables, and how they fit the terminal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Column, Table

from casbah.cli.printable import cell

_GAP = 2
_WRAPPED = 40
"""A wider column counts as this: its text wraps."""


def listing(*columns: str | Column, title: str | None = None, heads: bool = True, expand: bool = False) -> Table:
    """A table without lines."""
    return Table(
        *columns,
        box=None,
        pad_edge=False,
        header_style="bold",
        title=title,
        title_justify="left",
        show_header=heads,
        expand=expand,
    )


def show_rows(columns: Sequence[str | Column], rows: Iterable[Iterable[object]], *, least: Sequence[str] = ()) -> None:
    """Print rows of literal values under these columns, as `show` does a table."""
    table = listing(*columns)
    for row in rows:
        table.add_row(*map(cell, row))
    show(table, least=least)


def show(table: Table, *, least: Sequence[str] = ()) -> None:
    """Print a table. While it is wider than the terminal, it loses one more of the columns `least`, in this order."""
    out = Console()
    gone: set[str] = set()
    for title in least:
        if _width(out, table, gone) <= out.width:
            break
        gone.add(title)
    out.print(_without(table, gone) if gone else table)


def _width(out: Console, table: Table, gone: set[str]) -> int:
    """The width that the table needs without some columns."""
    kept = [column for column in table.columns if str(column.header) not in gone]
    widths = [max(out.measure(content).maximum for content in (column.header, *column.cells)) for column in kept]
    limits = [column.max_width or _WRAPPED for column in kept]
    return sum(map(min, widths, limits)) + _GAP * (len(kept) - 1)


def _without(table: Table, gone: set[str]) -> Table:
    kept = [column for column in table.columns if str(column.header) not in gone]
    narrow = listing(*(column.copy() for column in kept))
    for row in zip(*(column.cells for column in kept), strict=True):
        narrow.add_row(*row)
    return narrow
