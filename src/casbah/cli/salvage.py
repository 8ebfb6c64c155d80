"""casbah salvage."""

import json
import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from casbah import compose, settings
from casbah.cli import options
from casbah.cli.migrate import require_current
from casbah.cli.progress import progress_bar
from casbah.errors import StoreFormatError
from casbah.store.integrity.salvage import Loss, unused
from casbah.store.integrity.salvage import salvage as salvaged

_SHOWN = 20


def salvage(
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the new store is made; new or empty.")],
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Copy everything that checks out of a damaged store to a new one, and report what is lost.

    The damaged store is not changed. Stop its server first. Exits with 1 if anything is lost.

    Example: casbah salvage /data/casbah-saved --store /data/casbah
    """
    damaged = options.existing(store=store)
    if damaged.cluster is not None:
        raise StoreFormatError("a cluster repairs its own files; casbah salvage is for a store in a folder")
    require_current(damaged)
    if to.exists() and any(to.iterdir()):
        raise typer.BadParameter(f"{to} is not empty; choose a new folder")
    chosen = settings.read(os.environ, store=str(to))
    with (
        unused(damaged.store),  # First: if a server uses it, the folder stays new.
        closing(compose.store_of(chosen)) as target,
        compose.key_value_stores(chosen) as key_values,
        progress_bar() as bar,
    ):
        task = bar.add_task("saving", total=None)
        result = salvaged(
            damaged.store,
            target,
            key_values,
            room=to.absolute().parent,
            progress=lambda count: bar.advance(task, count),
        )
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        for loss in result.lost:
            typer.echo(f"casbah: lost: {_sentence(loss)}", err=True)
        lost = sum(loss.count for loss in result.lost)
        typer.echo(
            f"{result.records:,} activities, {result.feedback:,} comments, {result.entries:,} other entries are saved in {to}; "
            f"{lost:,} are lost, {result.refused:,} were refused"
        )
    if result.lost or result.refused:
        raise typer.Exit(1)


def _sentence(loss: Loss) -> str:
    numbers = ", ".join(map(str, loss.sequence[:_SHOWN])) + (", ..." if len(loss.sequence) > _SHOWN else "")
    shown = f"; sequence numbers {numbers}" if numbers else ""
    return f"{loss.where}: {loss.count:,}{shown} ({loss.why})"
