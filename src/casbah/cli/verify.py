"""casbah verify."""

import json
from dataclasses import asdict

import typer

from casbah.cli import options
from casbah.cli.migrate import require_current
from casbah.cli.progress import progress_of
from casbah.errors import StoreFormatError
from casbah.store.integrity.verification import verify as verified


def verify(*, as_json: options.AsJson = False, store: options.Store = None) -> None:
    """Read every file and every record of a store, and check them against their checksums.

    A server may run meanwhile. Exits with 1 if anything is damaged.

    Example: casbah verify --store /data/casbah
    Example: casbah verify --json
    """
    settings = options.existing(store=store)
    if settings.cluster is not None:
        raise StoreFormatError("a cluster checks its own files; casbah verify is for a store in a folder")
    require_current(settings)
    with progress_of("reading", in_bytes=True) as progress:
        result = verified(settings.store, progress=progress)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
    else:
        for damage in result.damage:
            typer.echo(f"casbah: {damage.file}: {damage.problem}", err=True)
        damaged = f"{len(result.damage):,} are damaged" if result.damage else "nothing is damaged"
        typer.echo(f"{result.files:,} files, {result.bytes:,} bytes, {result.records:,} records: {damaged}")
    if result.damage:
        raise typer.Exit(1)
