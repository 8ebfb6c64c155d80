"""casbah copy."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.scope import Scope
from casbah.backup.copying import CopyReport, Told, commented, copied, copied_shelf, differing
from casbah.cli import options
from casbah.errors import BackupError, BadRangeError
from casbah.fsync import make_folder, write_file
from casbah.ingest.enrich.ranges import RangeBook
from casbah.key_value import QUERIES, RANGES, RULES, TOKENS
from casbah.retention.rules import HOLD, Rules
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
    options.require_store(settings.read(os.environ, store=source), hint="--from")
    if tenant is None:
        _prepare_pool(source, target)
    with closing(_opened(source)) as here, closing(_opened(target)) as there:
        rows = [
            _tenant(here, there, Scope(name), _CopiedCollection(source, target, name, again=again), verify=verify)
            for name in tenant or here.tenants()
        ]
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


class _CopiedCollection:
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


def _prepare_pool(source: str, target: str) -> None:
    """Copy what is kept beside the activities, and say what that was. Holds come first: nothing of theirs is to be deleted."""
    here, there = (settings.read(os.environ, store=address) for address in (source, target))
    clock = compose.wall_clock
    with compose.key_value_stores(here) as ours, compose.key_value_stores(there) as theirs:
        told = [(_rules(Rules(ours(RULES)), Rules(theirs(RULES))), RULES.what)]
        brought, left = _ranges(RangeBook(ours(RANGES), clock=clock), RangeBook(theirs(RANGES), clock=clock))
        told += [(brought, RANGES.what)]
        told += [(copied_shelf(ours(kind), theirs(kind)), kind.what) for kind in (TOKENS, QUERIES)]
    said = [f"{count:,} of {what}" for count, what in told if count]
    if said:
        typer.echo(f"casbah: copied beside the activities: {', '.join(said)}", err=True)
    for each in left:
        typer.echo(f"casbah: not copied: {each}", err=True)


def _rules(here: Rules, there: Rules) -> int:
    """Bring the rules that are not there yet; how many."""
    brought = 0
    for tenant in here.tenants():
        known = {rule.id for rule in there.all(Scope(tenant))}
        for rule in sorted(here.all(Scope(tenant)), key=lambda rule: rule.action != HOLD):
            if rule.id not in known:
                there.add(rule, Scope(tenant))
                brought += 1
    return brought


def _ranges(here: RangeBook, there: RangeBook) -> tuple[int, list[str]]:
    """Bring the IP ranges that are not there yet: how many, and what stands in the way of the others."""
    brought: int = 0
    left: list[str] = []
    for tenant in here.tenants():
        scope = Scope(tenant)
        known, names = {kept.id for kept in there.all(scope)}, here.tags(scope)
        for kept in here.all(scope):
            if kept.id in known:
                continue
            drawn = replace(kept.drawn, tags=tuple(names.get(tag, tag) for tag in kept.drawn.tags))
            try:
                there.add(drawn, scope, range_id=kept.id)
            except BadRangeError as error:
                left.append(f"{tenant}: IP range {drawn.name!r}: {error}")
            else:
                brought += 1
    return brought, left


def _tenant(here: Store, there: Store, scope: Scope, kept: _CopiedCollection, *, verify: bool) -> dict[str, Any]:
    total = here.count(Everything(), scope)
    done = CopyReport()
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
