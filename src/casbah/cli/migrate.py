"""casbah migrate, and the migration before a store is opened."""

import json
import sys
from contextlib import suppress
from typing import Annotated

import typer

from casbah.base.fsync import read_only
from casbah.cli import options
from casbah.cli.progress import progress_of
from casbah.errors import DamagedFileError, StoreFormatError
from casbah.settings import Settings
from casbah.store.format import FORMAT
from casbah.store.migration import migration
from casbah.store.migration.migration import Plan


def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say what would be done. Changes nothing.")] = False,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Put the data of the older format back.")] = False,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Delete the data that was kept.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm --roll-back or --drop-old.")] = False,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Rewrite a store of an older format in the format that this version reads.

    `casbah serve` does it by itself. The data of before is kept below `migrations/` in the store; with --roll-back the older
    version can use it again, with --drop-old it is deleted. An interrupted migration continues where it was.

    Example: casbah migrate --check && casbah migrate
    """
    settings = options.existing(store=store)
    if settings.cluster is not None:
        raise StoreFormatError("a cluster is migrated with casbah copy to new indices (docs/cluster.md)")
    if sum((check, roll_back, drop_old)) > 1:
        raise typer.BadParameter("give one of --check, --roll-back and --drop-old")
    if (roll_back or drop_old) and not yes:
        raise typer.BadParameter(f"{_CONSEQUENCE[roll_back]}; add --yes if that is what you want")
    if check:
        plan = migration.plan(settings.store)
        _say(_numbers(plan), _planned(plan), as_json=as_json)
    elif roll_back:
        number = migration.roll_back(settings.store)
        sentence = f"the store has format {number} again; open it with the version of before"
        _say({"format": number}, sentence, as_json=as_json)
    elif drop_old:
        freed = migration.drop(settings.store)
        _say({"bytesFreed": freed}, f"{freed:,} bytes of old data are deleted", as_json=as_json)
    else:
        done = _migrated(settings)
        _say(_numbers(done), _done(done), as_json=as_json)


def migrate_first(settings: Settings) -> None:
    """Migrate a store of an older format before it is opened, and say so on stderr. Raises as `migration.migrate` does.

    One that is read-only is left as it is; opening it says why it cannot be read.
    """
    if settings.cluster is None and not read_only(settings.store) and migration.is_due(settings.store):
        sys.stderr.write(f"casbah: {settings.store} is migrated to format {FORMAT}, and the old data is kept\n")
        sys.stderr.write(f"casbah: {_done(_migrated(settings))}\n")


def require_current(settings: Settings) -> None:
    """Raises StoreFormatError for a store of an older format. A damaged format file says nothing about it."""
    with suppress(DamagedFileError):
        if migration.is_due(settings.store):
            raise StoreFormatError(
                f"the store at {settings.store} has an older format, which has no checksums; run casbah migrate first"
            )


_CONSEQUENCE = {
    True: "what was stored since the migration is put aside, and the older version does not see it",
    False: "the data of before cannot be put back afterwards",
}


def _migrated(settings: Settings) -> Plan:
    with progress_of("migrating") as progress:
        return migration.migrate(settings.store, writer_memory=settings.writer_memory, progress=progress)


def _numbers(plan: Plan) -> dict[str, int]:
    return {
        "fromFormat": plan.from_format,
        "toFormat": plan.to_format,
        "activities": plan.activities,
        "bytesNeeded": plan.needed,
        "bytesFree": plan.free,
        "interrupted": plan.interrupted,
    }


def _say(numbers: dict[str, int], sentence: str, *, as_json: bool) -> None:
    typer.echo(json.dumps(numbers) if as_json else sentence)


_KEPT = "once everything works, casbah migrate --drop-old deletes the old data"
_FINISHED = f"what was interrupted is finished, and the store has format {FORMAT}; {_KEPT}"
_NOTHING = f"the store has format {FORMAT}, which this Casbah reads; nothing needs to be done"


def _planned(plan: Plan) -> str:
    if plan.interrupted:
        return "files were changing places when a migration was interrupted; casbah migrate finishes it"
    if plan.from_format == FORMAT:
        return _NOTHING
    return (
        f"{plan.activities:,} activities would be rewritten from format {plan.from_format} to {plan.to_format}; that needs "
        f"{plan.needed:,} bytes of disk, {plan.free:,} are free"
    )


def _done(plan: Plan) -> str:
    if plan.from_format == FORMAT:
        return _FINISHED if plan.interrupted else _NOTHING
    return f"{plan.activities:,} activities of format {plan.from_format} now have format {plan.to_format}; {_KEPT}"
