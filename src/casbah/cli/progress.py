"""The progress bar of a command, on stderr if that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(*, in_bytes: bool = False) -> Progress:
    """A bar for each task that is added, beside the task's description. Shows nothing if stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),  # It can be a file's name, with brackets in it.
        BarColumn(),
        DownloadColumn() if in_bytes else MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


@contextmanager
def progress_of(text: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for one task. Yields a function to call with what is done, and with the total or None if that has not changed."""
    with progress_bar(in_bytes=in_bytes) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
