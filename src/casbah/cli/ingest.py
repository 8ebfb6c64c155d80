"""casbah ingest."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from casbah.activity.new_activity import NewActivity
from casbah.cli import options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import cell, plain
from casbah.cli.stopping import Stopping
from casbah.errors import ServerRefusedError
from casbah.ingest import wire_encoding
from casbah.ingest.activity_builder import with_lines
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognised, Refusal
from casbah.ingest.decompress import Limits, message_of
from casbah.ingest.event_pages import EventPage, pages
from casbah.ingest.times import SUSPICIONS, suspicion
from casbah.settings import Settings

MAX_REFUSED = 1 << 20
"""Bytes of one refused event kept in the rejects file."""

MAX_REFUSED_IN_ALL = 1 << 30
"""Bytes of refused events kept in one rejects file. Beyond that, only reasons are written."""

_BATCH_BYTES = 16_000_000
_PATH = "/api/ext/v1/activities"
_MAX_REASONS = 20
_MAX_FILES = 50

Item = NewActivity | Refusal


@dataclass(slots=True)
class Tally:
    """Counts of events; `read` is the sum of the other three."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        """The number of events after unwrapping."""
        return self.stored + self.duplicates + self.refused

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.stored += other.stored
        self.duplicates += other.duplicates
        self.refused += other.refused


@dataclass(slots=True)
class FileReport:
    """The result for one file: its counts, and the number of events per source."""

    origin: str
    tally: Tally = field(default_factory=Tally)
    sources: Counter[str] = field(default_factory=Counter)
    suspicions: Counter[str] = field(default_factory=Counter)
    skipped: str = ""

    def source(self) -> str:
        """The source, or several sources with their event counts; "?" if no event was recognised."""
        if len(self.sources) > 1:
            return ", ".join(f"{name} {count:,}" for name, count in sorted(self.sources.items()))
        return next(iter(self.sources), "?")


@dataclass(slots=True)
class RejectsFile:
    """The file of refused events with their reasons, created on the first refusal.

    It keeps the first MAX_REFUSED bytes of each event, and MAX_REFUSED_IN_ALL bytes in total. In the file,
    `cut` is the number of missing bytes of an event; here it counts truncated events. If the file cannot be written,
    `error` says why; reasons are still counted.
    """

    path: Path
    in_store: bool = True
    reasons: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    error: str = ""
    _file: IO[str] | None = None
    _size: int = 0

    def keep(self, refusal: Refusal) -> None:
        """Keep one event, truncated to the limits."""
        self.reasons[refusal.reason] += 1
        if not self.error:
            try:
                self._write(refusal)
            except OSError as error:
                self.error = message_of(error)

    def _write(self, refusal: Refusal) -> None:
        if self._file is None:
            self._file = self._opened()
        raw = refusal.raw[: min(MAX_REFUSED, MAX_REFUSED_IN_ALL - self._size)]
        self._size += len(raw)
        cut = refusal.cut + len(refusal.raw) - len(raw)
        line = {"origin": refusal.origin, "line": refusal.line, "reason": refusal.reason}
        event = {"event": raw.decode("utf-8", "backslashreplace"), **({"cut": cut} if cut else {})}
        self._file.write(json.dumps({**line, **event}) + "\n")
        self.cut += bool(cut)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:  # Flushing the buffer may fail.
                self.error = self.error or message_of(error)

    def _opened(self) -> IO[str]:
        if self.in_store:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return self.path.open("w" if _device(self.path) else "x", encoding="utf-8")


def ingest(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, .gz, .zip, or - for stdin.")],
    *,
    source: Annotated[
        str | None,
        typer.Option(help="Refuse events of other sources. By default the source of each event is detected."),
    ] = None,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    rejects: Annotated[Path | None, typer.Option(help="File for refused events; default: in the store.")] = None,
    store: options.Store = None,
) -> None:
    """Read audit logs and store each event once.

    Events that cannot be read, or have no usable time, go to a rejects file with the reason; the others are stored.

    Example: casbah ingest exports/ cloudtrail.json.gz --tenant acme
    """
    settings = options.new_or_existing(store=store)
    new = not options.holds_store(settings)
    rejects_file = _rejects(rejects, settings)
    files: list[FileReport] = []
    stopping = Stopping()
    try:
        with stopping.handled(), connected(settings, tenant=tenant) as api:
            if new:
                sys.stderr.write(f"casbah: created a new store at {settings.store}\n")
            try:
                event_pages = pages(
                    paths,
                    connectors=connectors(settings.sources),
                    source=source,
                    limits=_limits(settings),
                    unread=settings.store,
                )
                for page in _with_progress(event_pages):
                    files.append(FileReport(page.origin, skipped=page.skipped))
                    _send_page(api, page, files[-1], rejects_file, stopping)
            finally:
                rejects_file.close()
    except KeyboardInterrupt:
        _say_stopped(_total(files), counted=not stopping.in_batch)
        raise typer.Exit(stopping.code) from None
    total = _total(files)
    _report(files, total, rejects_file)
    if as_json:
        typer.echo(json.dumps(_counts(files, total)))
    raise typer.Exit(1 if total.refused or all(file.skipped for file in files) else 0)


def _rejects(file: Path | None, settings: Settings) -> RejectsFile:
    """Where refused events go. Raises typer.BadParameter for an existing file: it may hold earlier rejects."""
    if file is None:
        return RejectsFile(settings.store / "rejects" / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}.ndjson")
    if not file.parent.is_dir():
        raise typer.BadParameter(f"no folder {file.parent}; create it first", param_hint="--rejects")
    if os.path.lexists(file) and not _device(file):
        raise typer.BadParameter(
            f"{file} exists already and is not overwritten; choose another file, or move this one",
            param_hint="--rejects",
        )
    return RejectsFile(file, in_store=False)


def _device(file: Path) -> bool:
    """Whether a path exists but is neither a file nor a folder, such as /dev/null."""
    return file.exists() and not file.is_file() and not file.is_dir()


def _say_stopped(total: Tally, *, counted: bool) -> None:
    prefix = "" if counted else "at least "
    counts = f"{prefix}{total.stored:,} stored so far, {total.duplicates:,} duplicates, {total.refused:,} refused"
    sys.stderr.write(f"casbah: stopped: {counts}; run it again to continue; nothing is stored twice\n")


def _total(files: Iterable[FileReport]) -> Tally:
    total = Tally()
    for file in files:
        total.add(file.tally)
    return total


def _counts(files: list[FileReport], total: Tally) -> dict[str, object]:
    """The result as JSON values."""
    return {
        "read": total.read,
        "stored": total.stored,
        "duplicates": total.duplicates,
        "refused": total.refused,
        "skipped": sum(bool(file.skipped) for file in files),
        "suspicious": _suspicions(files),
    }


def _suspicions(files: Iterable[FileReport]) -> dict[str, int]:
    total = sum((file.suspicions for file in files), Counter[str]())
    return {name: total[name] for name in SUSPICIONS if total[name]}


def _limits(settings: Settings) -> Limits:
    return Limits(line=settings.max_event)


def _send_page(api: Api, page: EventPage, report: FileReport, rejects: RejectsFile, stopping: Stopping) -> None:
    """Send one file's activities in batches; a batch is on disk once it is answered."""
    now = time.time_ns() // 1_000_000
    for batch in _batches(with_lines(_counted(page.items, report.sources)), api.settings.batch):
        activities = [(line, item) for line, item in batch if isinstance(item, NewActivity)]
        with stopping.batch():
            for _, item in batch:
                if isinstance(item, Refusal):
                    rejects.keep(item)
                    report.tally.refused += 1
            report.tally.add(_sent(api, page.origin, activities, rejects))
        report.suspicions.update(filter(None, (suspicion(activity.timestamp, now) for _, activity in activities)))


def _counted(items: Iterable[Recognised | Refusal], sources: Counter[str]) -> Iterator[Recognised | Refusal]:
    for item in items:
        if isinstance(item, Recognised):
            sources[item.connector.name] += 1
        yield item


def _batches(items: Iterable[tuple[int, Item]], maximum: int) -> Iterator[list[tuple[int, Item]]]:
    batch: list[tuple[int, Item]] = []
    size = 0
    for line, item in items:
        batch.append((line, item))
        size += len(item.record if isinstance(item, NewActivity) else item.raw)
        if len(batch) >= maximum or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sent(api: Api, origin: str, batch: list[tuple[int, NewActivity]], rejects: RejectsFile) -> Tally:
    """Send activities, paired with their line numbers in the file. The server's line numbers count within the batch."""
    if not batch:
        return Tally()
    body = b"".join(wire_encoding.pack(activity) for _, activity in batch)
    answer = api.ask(
        "POST", _PATH, allow=(httpx.codes.UNPROCESSABLE_ENTITY,), params={"source": wire_encoding.SOURCE}, content=body
    ).json()
    for refused in answer["refused"]:
        line, activity = batch[refused["line"] - 1]
        rejects.keep(Refusal(origin, line, refused["reason"], activity.record))
    tally = Tally(answer["stored"], answer["duplicates"], len(answer["refused"]))
    if tally.read != len(batch):
        raise ServerRefusedError(f"the server counted {tally.read} of {len(batch)} activities")
    return tally


def _with_progress(event_pages: Iterable[EventPage]) -> Iterator[EventPage]:
    """The pages, with a progress bar for each if stderr is a terminal."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        for page in event_pages:
            task = progress.add_task(plain(Path(page.origin).name[:40]), total=page.size)
            yield replace(page, items=_with_updates(page, progress, task))
            progress.remove_task(task)


def _with_updates(page: EventPage, progress: Progress, task: TaskID) -> Iterator[Recognised | Refusal]:
    for number, item in enumerate(page.items):
        if number % 500 == 0:
            progress.update(task, completed=page.position())
        yield item


def _report(files: list[FileReport], total: Tally, rejects: RejectsFile) -> None:
    """Print the result."""
    console = Console(stderr=True)
    read = [file for file in files if not file.skipped]
    if read:
        console.print(_table(read, total))
    _warn(console, files)
    for reason, count in rejects.reasons.most_common(_MAX_REASONS):
        console.print(f"{count:,} refused: {plain(reason)}", style="yellow", markup=False, highlight=False)
    if rejects.error:
        console.print(
            f"refused events were not saved, or only some of them: {rejects.path}: {rejects.error}; "
            "ingest again with --rejects and a writable file",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    elif rejects.reasons:
        console.print(f"refused events are in {rejects.path}", markup=False, highlight=False, soft_wrap=True)
    if rejects.cut:
        console.print(f"{rejects.cut:,} of them are truncated; `cut` is the number of missing bytes", highlight=False)


def _table(read: list[FileReport], total: Tally) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("source")
    for title in ("read", "stored", "duplicates", "refused"):
        table.add_column(title, justify="right")
    shown = _first(read)
    for file in shown:
        table.add_row(cell(file.origin), cell(file.source()), *_cells(file.tally))
    if len(read) > len(shown):
        table.add_row(f"and {len(read) - len(shown):,} more files")
    if len(read) > 1:
        table.add_row(f"{len(read):,} files", "", *_cells(total))
    return table


def _first(files: list[FileReport]) -> list[FileReport]:
    """The files to show individually. All, if the line for the rest would replace a single file."""
    return files[:_MAX_FILES] if len(files) > _MAX_FILES + 1 else files


def _warn(console: Console, files: list[FileReport]) -> None:
    skipped = [file for file in files if file.skipped]
    lines = [f"skipped {plain(file.origin)}: {file.skipped}" for file in _first(skipped)]
    if len(skipped) > len(lines):
        lines.append(f"and {len(skipped) - len(lines):,} more skipped")
    lines += [f"{count:,} activities have times that {SUSPICIONS[name]}" for name, count in _suspicions(files).items()]
    for line in lines:
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _cells(tally: Tally) -> tuple[str, ...]:
    return tuple(f"{count:,}" for count in (tally.read, tally.stored, tally.duplicates, tally.refused))
