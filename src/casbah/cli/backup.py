"""casbah backup make | list | verify | restore."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.cli import options
from casbah.cli.connection import connected
from casbah.cli.migrate import migrate_first
from casbah.cli.printable import moment
from casbah.cli.progress import progress_of
from casbah.cli.table import show_rows
from casbah.errors import BackupError
from casbah.operations.backup import archive
from casbah.operations.backup.archive import Backup
from casbah.operations.backup.snapshots import FOLDER
from casbah.operations.backup.target import BackupTarget, open_target
from casbah.store.integrity.verification import verify as verify_store

app = options.group("Online backups, and restoring them (docs/backup.md).")
_SNAPSHOTS = "/api/ext/v1/snapshots"

Where = Annotated[str, typer.Argument(metavar="PLACE", help="A folder, or s3://bucket/prefix.")]
Name = Annotated[str | None, typer.Option("--backup", help="Which backup; default the newest.")]


@app.command()
def make(
    place: Where, *, endpoint: options.Endpoint = None, as_json: options.AsJson = False, store: options.Store = None
) -> None:
    """Back up everything stored, of all tenants, as it is now. Copies only what the place does not have yet.

    All files are checked before any is copied; of a damaged store nothing is.

    Example: casbah backup make /backup/casbah
    """
    target, chosen = open_target(place, endpoint=endpoint), options.existing(store=store)
    with connected(chosen, tenant=options.TENANT) as api:
        snapshot = api.ask("POST", _SNAPSHOTS).json()
        try:
            folder = chosen.store / FOLDER / snapshot["id"]
            _require_undamaged(folder, "nothing was copied; casbah verify lists all that is damaged")
            with progress_of("copying", in_bytes=True) as progress:
                created, totals = snapshot["created"], snapshot["totals"]
                backup, new = archive.save(folder, target, created=created, totals=totals, progress=progress)
        finally:
            api.ask("DELETE", f"{_SNAPSHOTS}/{snapshot['id']}")
    if as_json:
        typer.echo(json.dumps({**_summary(backup), "new": new}))
        return
    activities = sum(totals.values())
    typer.echo(f"backup {backup.name}: {activities:,} activities, {backup.size:,} bytes, {new:,} of them new")


@app.command("list")
def list_backups(place: Where, *, endpoint: options.Endpoint = None, as_json: options.AsJson = False) -> None:
    """List the backups in a place, oldest first.

    Example: casbah backup list /backup/casbah
    """
    target = open_target(place, endpoint=endpoint)
    backups = [archive.one_of(target, name) for name in archive.all_of(target)]
    if as_json:
        typer.echo(json.dumps([_summary(backup) for backup in backups]))
        return
    rows = (
        (backup.name, f"{moment(backup.created)} UTC", f"{sum(backup.totals.values()):,}", f"{backup.size:,}")
        for backup in backups
    )
    show_rows(("backup", "made", "activities", "bytes"), rows, least=("made",))


@app.command()
def verify(
    place: Where,
    *,
    name: Name = None,
    endpoint: options.Endpoint = None,
    opened: Annotated[
        bool, typer.Option("--open", help="Also restore it into a temporary folder, open it and count.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read every file of a backup and compare it with what was copied. Exits with 1 if there is an error.

    Example: casbah backup verify /backup/casbah --open
    """
    target = open_target(place, endpoint=endpoint)
    backup = archive.one_of(target, name)
    with progress_of("reading", in_bytes=True) as progress:
        errors = archive.verify(target, backup, progress=progress)
    if opened and not errors:
        with tempfile.TemporaryDirectory(prefix="casbah-verify-") as folder:
            errors = _restored(target, backup, Path(folder) / "store")
    if as_json:
        typer.echo(json.dumps({**_summary(backup), "wrong": errors}))
    else:
        for error in errors:
            typer.echo(f"casbah: {error}", err=True)
        typer.echo(f"backup {backup.name}: {len(backup.files):,} files, {backup.size:,} bytes, {len(errors)} errors")
    if errors:
        raise typer.Exit(1)


@app.command()
def restore(
    place: Where,
    *,
    name: Name = None,
    endpoint: options.Endpoint = None,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Restore a backup into a new or empty store folder, open it, and count its activities.

    Example: casbah backup restore /backup/casbah --store /data/casbah
    """
    target, folder = open_target(place, endpoint=endpoint), options.read_settings(store=store).store
    backup = archive.one_of(target, name)
    errors = _restored(target, backup, folder)
    if errors:
        raise BackupError(f"{folder}: {'; '.join(errors)}")
    activities = sum(backup.totals.values())
    sentence = f"restored {backup.name} into {folder}: {activities:,} activities"
    typer.echo(json.dumps({**_summary(backup), "store": str(folder)}) if as_json else sentence)


def _restored(target: BackupTarget, backup: Backup, folder: Path) -> list[str]:
    """Restore into a folder, open it as a server would, and return the errors. A failed restore leaves no new folder."""
    fresh = not folder.exists()
    try:
        with progress_of("restoring", in_bytes=True) as progress:
            archive.restore(target, backup, folder, progress=progress)
    except BaseException:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    errors = list(_miscounted(folder, backup.totals))
    _require_undamaged(folder, "the backup was made of a damaged store; restore an older one")
    return errors


def _require_undamaged(folder: Path, consequence: str) -> None:
    """Raises BackupError if a file of a store is damaged."""
    with progress_of("checking", in_bytes=True) as progress:
        damage = verify_store(folder, records=False, progress=progress).damage
    if damage:
        first = f"{damage[0].file}: {damage[0].problem}"
        raise BackupError(f"{len(damage):,} files or rows are damaged ({first}); {consequence}")


def _miscounted(folder: Path, totals: Mapping[str, int]) -> Iterator[str]:
    restored = settings.read({}, store=str(folder))
    migrate_first(restored)
    with compose.build(restored) as application:
        for tenant, total in totals.items():
            count = application.services.store.tenant(TenantId(tenant)).count(Everything())
            if count != total:
                yield f"tenant {tenant} has {count:,} activities, the backup says {total:,}"


def _summary(backup: Backup) -> dict[str, object]:
    return {
        "backup": backup.name,
        "created": backup.created,
        "totals": dict(backup.totals),
        "files": len(backup.files),
        "bytes": backup.size,
    }
