"""casbah ingest."""

import json
import os
import sys
from contextlib import closing
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from casbah.cli import dry_run, ingest_report, options
from casbah.cli.connection import connected
from casbah.cli.ingest_report import FileReport, Tally
from casbah.cli.reading import pieces_of_files
from casbah.cli.rejects_file import RejectsFile, is_device
from casbah.cli.sending import Sender, destination_of
from casbah.cli.stopping import Stopping
from casbah.ingest.event_pages import STDIN
from casbah.settings import Settings


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
    settings = options.read_settings(store=store) if dry else options.new_or_existing(store=store)
    new = not dry and not options.holds_store(settings)
    rejects_file = _no_rejects(rejects) if dry else _rejects(rejects, settings)
    files: list[FileReport] = []
    stopping = Stopping()
    try:
        reached = dry_run.connected(settings, tenant=tenant) if dry else connected(settings, tenant=tenant)
        with stopping.handled(), reached as api:
            if new:
                sys.stderr.write(f"casbah: created a new store at {settings.store}\n")
            sender = Sender(destination_of(api, tenant), settings.batch, rejects_file, stopping)
            try:
                _read(paths, settings, source, named, sender, files)
                sender.flush()
            finally:
                rejects_file.close()
    except KeyboardInterrupt:
        _say_stopped(ingest_report.total(files), counted=not stopping.in_batch, dry=dry)
        raise typer.Exit(stopping.code) from None
    except Exception:
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
    if os.path.lexists(file) and not is_device(file):
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
    sender: Sender,
    reports: list[FileReport],
) -> None:
    """Pass on what is in the files, and add a report for each file and member of an archive. Raises UnknownSourceError."""
    preparation = sender.destination.preparation
    with closing(pieces_of_files(paths, settings, source, zone=zone, preparation=preparation)) as pieces:
        for piece in pieces:
            if piece.begins:
                reports.append(FileReport(piece.origin, skipped=piece.skipped))
            report = reports[-1]
            report.sources.update(piece.sources)
            for line, item in piece.items:
                sender.add(report, line, item)


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
