"""The progress of reading files, beside the names of the files."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from rich.progress import Progress, TaskID

from casbah.cli.printable import plain
from casbah.cli.progress import progress_bar
from casbah.ingest.contract import Recognised, Refusal
from casbah.ingest.event_pages import EventPage

_ITEMS = 500
"""How many events are read before a bar moves."""

_NAME = 40


def with_progress(event_pages: Iterable[EventPage]) -> Iterator[EventPage]:
    """The pages, with a bar for each."""
    with progress_bar(in_bytes=True) as bar:
        for page in event_pages:
            task = bar.add_task(plain(Path(page.origin).name[:_NAME]), total=page.size)
            yield replace(page, items=_with_updates(page, bar, task))
            bar.remove_task(task)


def _with_updates(page: EventPage, bar: Progress, task: TaskID) -> Iterator[Recognised | Refusal]:
    for number, item in enumerate(page.items):
        if number % _ITEMS == 0:
            bar.update(task, completed=page.position())
        yield item
