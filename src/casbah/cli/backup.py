"""casbah backup make | list | verify | restore."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.scope import Scope
from casbah.backup import archive
from casbah.backup.archive import Backup
from casbah.backup.place import BackupTarget, place_of
from casbah.backup.snapshots import FOLDER
from casbah.cli import options
from casbah.cli.connection import connected
from casbah.errors import BackupError

app = typer.Typer(
    help="Copies of everything, made while a server runs, and put back (docs/backup.md).",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_SNAPSHOTS = "/api/ext/v1/snapshots"

Where = Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or s3://bucket/prefix.")]
Endpoint = Annotated[str | None, typer.Option(help="Where the S3-compatible storage is, if not at AWS.")]
Name = Annotated[str | None, typer.Option("--backup", help="Which one; by default the newest.")]


@app.command()
def make(
    place: Where, *, endpoint: Endpoint = None, as_json: options.AsJson = False, store: options.Store = None
) -> None:
    """Copy everything that is stored, of all tenants, as it is now. Brings only what the place does not have yet.

    Example: casbah backup make /backup/casbah
    """
    there, chosen = place_of(place, endpoint=endpoint), options.existing(store=store)
    with connected(chosen, tenant=options.TENANT) as api:
        made = api.ask("POST", _SNAPSHOTS).json()
        try:
            folder = chosen.store / FOLDER / made["id"]
            with _bar("copying") as progress:
                created, totals = made["created"], made["totals"]
                backup, new = archive.save(folder, there, created=created, totals=totals, progress=progress)
        finally:
            api.ask("DELETE", f"{_SNAPSHOTS}/{made['id']}")
    if as_json:
        typer.echo(json.dumps({**_said(backup), "new": new}))
        return
    activities = sum(totals.values())
    typer.echo(f"backup {backup.name}: {activities:,} activities, {backup.size:,} bytes, {new:,} of them new there")


@app.command("list")
def list_backups(place: Where, *, endpoint: Endpoint = None, as_json: options.AsJson = False) -> None:
    """List the backups of a place, the oldest first.

    Example: casbah backup list /backup/casbah
    """
    there = place_of(place, endpoint=endpoint)
    found = [archive.one_of(there, name) for name in archive.all_of(there)]
    if as_json:
        typer.echo(json.dumps([_said(each) for each in found]))
        return
    table = Table("backup", "made", "activities", "bytes")
    for each in found:
        moment = datetime.fromtimestamp(each.created / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        table.add_row(each.name, moment, f"{sum(each.totals.values()):,}", f"{each.size:,}")
    Console().print(table)


@app.command()
def verify(
    place: Where,
    *,
    name: Name = None,
    endpoint: Endpoint = None,
    opened: Annotated[
        bool, typer.Option("--open", help="Also put it back into a temporary folder, open it and count.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read every file of a backup and compare it with what was copied. Ends with 1 if anything is amiss.

    Example: casbah backup verify /backup/casbah --open
    """
    there = place_of(place, endpoint=endpoint)
    backup = archive.one_of(there, name)
    with _bar("reading") as progress:
        wrong = archive.verify(there, backup, progress=progress)
    if opened and not wrong:
        with tempfile.TemporaryDirectory(prefix="casbah-verify-") as folder:
            wrong = _put_back(there, backup, Path(folder) / "store")
    if as_json:
        typer.echo(json.dumps({**_said(backup), "wrong": wrong}))
    else:
        for each in wrong:
            typer.echo(f"casbah: {each}", err=True)
        typer.echo(f"backup {backup.name}: {len(backup.files):,} files, {backup.size:,} bytes, {len(wrong)} amiss")
    if wrong:
        raise typer.Exit(1)


@app.command()
def restore(
    place: Where,
    *,
    name: Name = None,
    endpoint: Endpoint = None,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Put a backup into a store's folder that is empty or not there, open it, and count what is in it.

    Example: casbah backup restore /backup/casbah --store /data/casbah
    """
    there, folder = place_of(place, endpoint=endpoint), options.chosen(store=store).store
    backup = archive.one_of(there, name)
    wrong = _put_back(there, backup, folder)
    if wrong:
        raise BackupError(f"{folder}: {'; '.join(wrong)}")
    activities = sum(backup.totals.values())
    sentence = f"restored {backup.name} into {folder}: {activities:,} activities"
    typer.echo(json.dumps({**_said(backup), "store": str(folder)}) if as_json else sentence)


def _put_back(there: BackupTarget, backup: Backup, folder: Path) -> list[str]:
    """Restore into a folder and look at it as a server would; what is amiss, in words. Half a store does not stay there."""
    fresh = not folder.exists()
    try:
        with _bar("restoring") as progress:
            archive.restore(there, backup, folder, progress=progress)
    except BaseException:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return list(_miscounted(folder, backup.totals))


def _miscounted(folder: Path, totals: Mapping[str, int]) -> Iterator[str]:
    with compose.build(settings.read({}, store=str(folder))) as house:
        for tenant, total in totals.items():
            found = house.services.store.count(Everything(), Scope(tenant))
            if found != total:
                yield f"tenant {tenant} has {found:,} activities, the backup says {total:,}"


def _said(backup: Backup) -> dict[str, object]:
    return {
        "backup": backup.name,
        "created": backup.created,
        "totals": dict(backup.totals),
        "files": len(backup.files),
        "bytes": backup.size,
    }


@contextmanager
def _bar(what: str) -> Iterator[archive.Progress]:
    """A progress bar on stderr, where somebody looks at it."""
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
