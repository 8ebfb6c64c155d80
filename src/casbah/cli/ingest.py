"""casbah ingest."""

import json
import os
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import IO, Annotated

import httpx
import typer
from rich.console import Console

from casbah.cli import dry_run, ingest_report, options
from casbah.cli.connection import Api, connected
from casbah.cli.ingest_report import FileReport, Tally
from casbah.cli.reading import pieces_of_files
from casbah.cli.stopping import Stopping
from casbah.errors import CasbahError, ServerRefusedError
from casbah.ingest import wire_encoding
from casbah.ingest.contract import Refusal
from casbah.ingest.decompress import message_of
from casbah.ingest.event_pages import STDIN
from casbah.ingest.read_ahead import Encoded
from casbah.ingest.times import suspicion
from casbah.settings import Settings

MAX_REFUSED = 1 << 20
"""Bytes of one refused event kept in the rejects file."""

MAX_REFUSED_IN_ALL = 1 << 30
"""Bytes of refused events kept in one rejects file. Beyond that, only reasons are written."""

_BATCH_BYTES = 16_000_000
_PATH = "/api/ext/v1/activities"


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
        origin, number = refusal.refused_at or (refusal.origin, refusal.line)
        line = {"origin": origin, "line": number, "reason": refusal.reason}
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
    zone: options.LocalZone = None,
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

    Example: casbah ingest user_activity.csv --zone Europe/Berlin
    """
    _require_paths(paths)
    named = options.local_zone(zone)
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
            sender = _Sender(api, rejects_file, stopping)
            try:
                _read(paths, settings, source, named, sender, files)
                sender.flush()
            finally:
                rejects_file.close()
    except KeyboardInterrupt:
        _say_stopped(ingest_report.total(files), counted=not stopping.in_batch, dry=dry)
        raise typer.Exit(stopping.code) from None
    except (CasbahError, httpx.HTTPError):
        if files:
            _say_stopped(ingest_report.total(files), counted=not stopping.in_batch, dry=dry)
        raise
    total = ingest_report.total(files)
    ingest_report.show(files, dry=dry)
    if total.refused and not dry:
        _say_where_refused(rejects_file)
    if as_json:
        typer.echo(json.dumps(ingest_report.counts(files) | ingest_report.details(files)))
    raise typer.Exit(1 if total.refused or all(file.skipped for file in files) else 0)


def _require_paths(paths: list[str]) -> None:
    """Raises typer.BadParameter for a path that does not exist, before anything is stored."""
    missing = next((path for path in paths if path != STDIN and not os.path.lexists(path)), None)
    if missing is not None:
        raise typer.BadParameter(f"{missing} does not exist", param_hint="PATH")


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


def _read(
    paths: list[str],
    settings: Settings,
    source: str | None,
    zone: tzinfo | None,
    sender: "_Sender",
    reports: list[FileReport],
) -> None:
    """Pass on what is in the files, and add a report for each file and member of an archive. Raises UnknownSourceError."""
    with closing(pieces_of_files(paths, settings, source, zone=zone)) as pieces:
        for piece in pieces:
            if piece.begins:
                reports.append(FileReport(piece.origin, skipped=piece.skipped))
            report = reports[-1]
            report.sources.update(piece.sources)
            for line, item in piece.items:
                sender.add(report, line, item)


@dataclass(slots=True)
class _Sender:
    """Sends the items of all files in batches, since a batch of many small files costs as much as one of a large file.

    What is in a batch is on disk and counted in the reports of its files once `flush` or `add` returns.
    """

    api: Api
    rejects: RejectsFile
    stopping: Stopping
    _batch: list[tuple[FileReport, int, Encoded | Refusal]] = field(default_factory=list)
    _size: int = 0

    def add(self, report: FileReport, line: int, item: Encoded | Refusal) -> None:
        """Add an item of a file, with its line."""
        self._batch.append((report, line, item))
        self._size += len(item.line if isinstance(item, Encoded) else item.raw)
        if len(self._batch) >= self.api.settings.batch or self._size >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what has been added."""
        with self.stopping.batch():
            batch, self._batch, self._size = self._batch, [], 0
            for report, _, item in batch:
                if isinstance(item, Refusal):
                    self._refuse(item, report)
            self._send([(report, line, item) for report, line, item in batch if isinstance(item, Encoded)])

    def _send(self, batch: list[tuple[FileReport, int, Encoded]]) -> None:
        if not batch:
            return
        answer = self.api.ask(
            "POST",
            _PATH,
            allow=(httpx.codes.UNPROCESSABLE_ENTITY,),
            params={"source": wire_encoding.SOURCE},
            content=b"".join(item.line for _, _, item in batch),
        ).json()
        # The server's lines are those of the body.
        reasons = {refused["line"]: refused["reason"] for refused in answer["refused"]}
        duplicates = set(answer["duplicateLines"])
        counted = answer["stored"] + len(duplicates) + len(reasons)
        if counted != len(batch):
            raise ServerRefusedError(f"the server counted {counted} of {len(batch)} activities")
        now = time.time_ns() // 1_000_000
        for number, (report, line, item) in enumerate(batch, 1):
            if number in reasons:
                record = wire_encoding.unpack(item.line).record
                self._refuse(Refusal(report.origin, line, reasons[number], record), report)
            elif number in duplicates:
                report.tally.duplicates += 1
            else:
                report.tally.stored += 1
            if (suspicious := suspicion(item.timestamp, now)) is not None:
                report.suspicions[suspicious] += 1

    def _refuse(self, refusal: Refusal, report: FileReport) -> None:
        self.rejects.keep(refusal)
        report.refuse(refusal.reason)


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
