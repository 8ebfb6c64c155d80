"""casbah copy."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.scope import Scope
from casbah.backup.copying import Copied, Told, commented, copied, copied_shelf, differing
from casbah.cli import options
from casbah.durable import make_folder, write_file
from casbah.errors import BackupError
from casbah.shelf import LASTING
from casbah.store.contract import Store

_SHOWN = 10


def copy(
    *,
    source: Annotated[str, typer.Option("--from", metavar="STORE", help="A store's folder, or a cluster's address.")],
    target: Annotated[
        str, typer.Option("--to", metavar="STORE", help="The same: opensearch+https://user@host:9200/prefix.")
    ],
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant; may stand several times.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin at the beginning, wherever an earlier copy got to.")
    ] = False,
    verify: Annotated[bool, typer.Option(help="Compare every record afterwards.")] = True,
    as_json: options.AsJson = False,
) -> None:
    """Copy all activities and what was said of them from one store to another: folder to cluster, or back.

    Goes on where it was interrupted, and brings what is new when it is run again; what is there already stays as it is.
    Ends with 1 if a record differs afterwards. The servers of both may run, but for one whose folder it is.
    Unless a --tenant is named, tokens, IP ranges, retention rules and saved queries come along; those there already stay.

    Example: casbah copy --from ~/.local/share/casbah --to opensearch+https://casbah@search.example:9200/casbah
    """
    if source == target:
        raise BackupError("--from and --to name the same store")
    with closing(_opened(source)) as here, closing(_opened(target)) as there:
        rows = [
            _tenant(here, there, Scope(name), _Kept(source, target, name, again=again), verify=verify)
            for name in tenant or here.tenants()
        ]
    if tenant is None:
        _beside(source, target)
    wrong = sum(row["different"] or 0 for row in rows)
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo(_sentence(row))
    if wrong:
        typer.echo("casbah: what the target lacks is brought by the same command with --again", err=True)
    if wrong or any(row["refused"] for row in rows):
        raise typer.Exit(1)


class _Kept:
    """Up to which number a tenant has been copied, on disk, for a copy that is interrupted."""

    def __init__(self, source: str, target: str, tenant: str, *, again: bool) -> None:
        name = hashlib.sha256(f"{source}\n{target}\n{tenant}".encode()).hexdigest()[:16]
        folder = settings.read(os.environ).store / "copies"
        make_folder(folder, mode=0o700)
        self._file: Path = folder / f"{name}.json"
        self.after = 0 if again or not self._file.exists() else int(json.loads(self._file.read_bytes())["after"])

    def put(self, after: int) -> None:
        """It is copied so far."""
        self.after = after
        write_file(self._file, json.dumps({"after": after}).encode())


def _opened(address: str) -> Store:
    return compose.store_of(settings.read(os.environ, store=address))


def _beside(source: str, target: str) -> None:
    """Copy what is kept beside the activities, and say what that was."""
    here, there = (settings.read(os.environ, store=address) for address in (source, target))
    with compose.shelves(here) as ours, compose.shelves(there) as theirs:
        told = [(copied_shelf(ours(kind), theirs(kind)), kind.what) for kind in LASTING]
    brought = [f"{count:,} of {what}" for count, what in told if count]
    if brought:
        typer.echo(f"casbah: copied beside the activities: {', '.join(brought)}", err=True)


def _tenant(here: Store, there: Store, scope: Scope, kept: _Kept, *, verify: bool) -> dict[str, Any]:
    total = here.count(Everything(), scope)
    done = Copied()
    with _bar(f"copying {scope.tenant}", total) as told:
        for reached, part in copied(here, there, scope, after=kept.after):
            done += part
            told(part.stored + part.duplicates + part.refused)
            kept.put(reached)
    done += commented(here, there, scope)
    with _bar(f"comparing {scope.tenant}", total) as told:
        wrong = list(differing(here, there, scope, told=told)) if verify else None
    for name in islice(wrong or (), _SHOWN):
        typer.echo(f"casbah: {scope.tenant}: {name} differs", err=True)
    return {
        "tenant": scope.tenant,
        "activities": total,
        "stored": done.stored,
        "duplicates": done.duplicates,
        "refused": done.refused,
        "feedback": done.feedback,
        "different": None if wrong is None else len(wrong),
    }


def _sentence(row: dict[str, Any]) -> str:
    compared = "not compared" if row["different"] is None else f"{row['different']:,} of {row['activities']:,} differ"
    return (
        f"{row['tenant']}: {row['stored']:,} stored, {row['duplicates']:,} there already, {row['refused']:,} refused, "
        f"{row['feedback']:,} comments; {compared}"
    )


@contextmanager
def _bar(what: str, total: int) -> Iterator[Told]:
    """A progress bar on stderr, where somebody looks at it."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
