"""The one style of tables."""

from rich.table import Column, Table


def listing(*columns: str | Column) -> Table:
    """A table without lines."""
    return Table(*columns, box=None, pad_edge=False, header_style="bold")
