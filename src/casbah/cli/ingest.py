"""casbah ingest."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import httpx
import typer
from rich.console import Console

from casbah.activity.new_activity import NewActivity
from casbah.cli import dry_run, ingest_report, options
from casbah.cli.connection import Api, connected
from casbah.cli.ingest_report import FileReport, Tally
from casbah.cli.page_progress import with_progress
from casbah.cli.stopping import Stopping
from casbah.errors import ServerRefusedError
from casbah.ingest import wire_encoding
from casbah.ingest.activity_builder import with_lines
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Recognised, Refusal
from casbah.ingest.decompress import Limits, message_of
from casbah.ingest.event_pages import EventPage, pages
from casbah.ingest.times import suspicion
from casbah.settings import Settings

MAX_REFUSED = 1 << 20
"""Bytes of one refused event kept in the rejects file."""

MAX_REFUSED_IN_ALL = 1 << 30
"""Bytes of refused events kept in one rejects file. Beyond that, only reasons are written."""

_BATCH_BYTES = 16_000_000
_PATH = "/api/ext/v1/activities"

Item = NewActivity | Refusal


@dataclass(slots=True)
class RejectsFile:
    """The file of refused events with their reasons, created on the first refusal; without a path, there is no file.

    It keeps the first MAX_REFUSED bytes of each event, and MAX_REFUSED_IN_ALL bytes in total. In the file,
    `cut` is the number of missing bytes of an event; here it counts truncated events. If the file cannot be written,
    `error` says why.
    """

    path: Path | None
    in_store: bool = True
    cut: int = 0
    error: str = ""
    _file: IO[str] | None = None
    _size: int = 0

    def keep(self, refusal: Refusal) -> None:
        """Keep one event, truncated to the limits."""
        if self.path is not None and not self.error:
            try:
                self._write(self.path, refusal)
            except OSError as error:
                self.error = message_of(error)

    def _write(self, path: Path, refusal: Refusal) -> None:
        if self._file is None:
            self._file = self._opened(path)
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

    def _opened(self, path: Path) -> IO[str]:
        if self.in_store:
            path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w" if _device(path) else "x", encoding="utf-8")


def ingest(  # noqa: PLR0913  one parameter per option
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, .gz, .zst, .zip, .tar, or - for stdin.")
    ],
    *,
    source: Annotated[
        str | None,
        typer.Option(help="Refuse events of other sources. By default the source of each event is detected."),
    ] = None,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    rejects: Annotated[Path | None, typer.Option(help="File for refused events; default: in the store.")] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only report what would be read; open no store, write nothing.")
    ] = False,
    store: options.Store = None,
) -> None:
    """Read audit logs and store each event once.

    Events that cannot be read, or have no usable time, go to a rejects file with the reason; the others are stored.

    Example: casbah ingest exports/ cloudtrail.json.gz --tenant acme

    Example: casbah ingest exports/ --dry-run
    """
    settings = options.chosen(store=store) if dry else options.new_or_existing(store=store)
    new = not dry and not options.holds_store(settings)
    rejects_file = _no_rejects(rejects) if dry else _rejects(rejects, settings)
    files: list[FileReport] = []
    stopping = Stopping()
    try:
        reached = dry_run.connected(settings, tenant=tenant) if dry else connected(settings, tenant=tenant)
        with stopping.handled(), reached as api:
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
                for page in with_progress(event_pages):
                    files.append(FileReport(page.origin, skipped=page.skipped))
                    _send_page(api, page, files[-1], rejects_file, stopping)
            finally:
                rejects_file.close()
    except KeyboardInterrupt:
        _say_stopped(ingest_report.total(files), counted=not stopping.in_batch, dry=dry)
        raise typer.Exit(stopping.code) from None
    total = ingest_report.total(files)
    ingest_report.show(files, dry=dry)
    if total.refused and not dry:
        _say_where_refused(rejects_file)
    if as_json:
        typer.echo(json.dumps(ingest_report.counts(files) | (ingest_report.details(files) if dry else {})))
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


def _no_rejects(file: Path | None) -> RejectsFile:
    """What a dry run does with refused events. Raises typer.BadParameter if a file is named for them."""
    if file is not None:
        raise typer.BadParameter("a dry run writes no file; the report has the reasons", param_hint="--rejects")
    return RejectsFile(None)


def _device(file: Path) -> bool:
    """Whether a path exists but is neither a file nor a folder, such as /dev/null."""
    return file.exists() and not file.is_file() and not file.is_dir()


def _say_stopped(total: Tally, *, counted: bool, dry: bool) -> None:
    if dry:
        sys.stderr.write(f"casbah: stopped after {total.read:,} events; nothing was stored\n")
        return
    prefix = "" if counted else "at least "
    counts = f"{prefix}{total.stored:,} stored so far, {total.duplicates:,} duplicates, {total.refused:,} refused"
    sys.stderr.write(f"casbah: stopped: {counts}; run it again to continue; nothing is stored twice\n")


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
                    _refuse(item, report, rejects)
            _send(api, report, activities, rejects)
        report.suspicions.update(filter(None, (suspicion(activity.timestamp, now) for _, activity in activities)))


def _refuse(refusal: Refusal, report: FileReport, rejects: RejectsFile) -> None:
    rejects.keep(refusal)
    report.refuse(refusal.reason)


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


def _send(api: Api, report: FileReport, batch: list[tuple[int, NewActivity]], rejects: RejectsFile) -> None:
    """Send activities, paired with their line numbers in the file. The server's line numbers count within the batch."""
    if not batch:
        return
    body = b"".join(wire_encoding.pack(activity) for _, activity in batch)
    answer = api.ask(
        "POST", _PATH, allow=(httpx.codes.UNPROCESSABLE_ENTITY,), params={"source": wire_encoding.SOURCE}, content=body
    ).json()
    counted = answer["stored"] + answer["duplicates"] + len(answer["refused"])
    if counted != len(batch):
        raise ServerRefusedError(f"the server counted {counted} of {len(batch)} activities")
    for refused in answer["refused"]:
        line, activity = batch[refused["line"] - 1]
        _refuse(Refusal(report.origin, line, refused["reason"], activity.record), report, rejects)
    report.tally.add(Tally(answer["stored"], answer["duplicates"]))


def _say_where_refused(rejects: RejectsFile) -> None:
    """Say where the refused events are, or that they were not saved."""
    out = Console(stderr=True)
    if rejects.error:
        out.print(
            f"refused events were not saved, or only some of them: {rejects.path}: {rejects.error}; "
            "ingest again with --rejects and a writable file",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    else:
        out.print(f"refused events are in {rejects.path}", markup=False, highlight=False, soft_wrap=True)
    if rejects.cut:
        out.print(f"{rejects.cut:,} of them are truncated; `cut` is the number of missing bytes", highlight=False)
