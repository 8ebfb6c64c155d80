"""casbah copy."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from casbah import compose, settings
from casbah.activity.predicate import Everything
from casbah.activity.tenant import TenantId
from casbah.base.fsync import make_folder, write_file
from casbah.base.key_value import QUERIES, RANGES, RULES, TOKENS
from casbah.cli import options
from casbah.cli.progress import progress_bar
from casbah.errors import BackupError, BadRangeError
from casbah.ingest.enrich.given_names import GivenNames
from casbah.ingest.enrich.ranges import RangeBook
from casbah.operations.backup.copying import CopyReport, Told, commented, copied, copied_shelf, differing
from casbah.operations.retention.rules import HOLD, Rules
from casbah.store.contract import Store

_SHOWN = 10


def copy(
    *,
    source: Annotated[str, typer.Option("--from", metavar="STORE", help="A store's folder, or a cluster's URL.")],
    target: Annotated[
        str, typer.Option("--to", metavar="STORE", help="Likewise, such as opensearch+https://user@host:9200/prefix.")
    ],
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant; repeatable.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Start from the beginning, ignoring the progress of an earlier copy.")
    ] = False,
    verify: Annotated[bool, typer.Option(help="Compare every record afterwards.")] = True,
    as_json: options.AsJson = False,
) -> None:
    """Copy all activities and their feedback from one store to another: folder to cluster, or back.

    Resumes where it was interrupted; when run again, it copies what is new. Existing activities are not changed.
    Exits with 1 if a record was refused or differs. Servers of a cluster may keep running; stop the server of a folder first.
    Without --tenant it also copies tokens, IP ranges, retention rules and saved queries; existing ones are not changed.

    Example: casbah copy --from ~/.local/share/casbah --to opensearch+https://casbah@search.example:9200/casbah
    """
    if source == target:
        raise BackupError("--from and --to name the same store")
    options.require_store(settings.read(os.environ, store=source), hint="--from")
    if tenant is None:
        _copy_settings(source, target)
    with closing(_opened(source, to_copy=True)) as origin, closing(_opened(target)) as destination:
        rows = [
            _tenant(
                origin, destination, TenantId(name), _CopyProgress(source, target, name, again=again), verify=verify
            )
            for name in tenant or origin.tenants()
        ]
    different = sum(row["different"] or 0 for row in rows)
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        for row in rows:
            typer.echo(_sentence(row))
    if different:
        typer.echo("casbah: run the same command with --again to copy what the target lacks", err=True)
    if different or any(row["refused"] for row in rows):
        raise typer.Exit(1)


class _CopyProgress:
    """The sequence number up to which a tenant has been copied, kept on disk so that a copy can resume."""

    def __init__(self, source: str, target: str, tenant: str, *, again: bool) -> None:
        name = hashlib.sha256(f"{source}\n{target}\n{tenant}".encode()).hexdigest()[:16]
        folder = settings.read(os.environ).store / "copies"
        make_folder(folder, mode=0o700)
        self._file: Path = folder / f"{name}.json"
        self.after = 0 if again or not self._file.exists() else int(json.loads(self._file.read_bytes())["after"])

    def put(self, after: int) -> None:
        """Save the progress."""
        self.after = after
        write_file(self._file, json.dumps({"after": after}).encode())


def _opened(address: str, *, to_copy: bool = False) -> Store:
    return compose.store_of(settings.read(os.environ, store=address), to_copy=to_copy)


def _copy_settings(source: str, target: str) -> None:
    """Copy tokens, rules, ranges and queries, and report them. Holds come first, so that held activities are not deleted."""
    origin, destination = (settings.read(os.environ, store=address) for address in (source, target))
    clock = compose.wall_clock
    with compose.key_value_stores(origin) as source_of, compose.key_value_stores(destination) as target_of:
        counts = [(_rules(Rules(source_of(RULES)), Rules(target_of(RULES))), RULES.what)]
        old, new = source_of(RANGES), target_of(RANGES)
        added, failed = _ranges(RangeBook(old, clock=clock), RangeBook(new, clock=clock))
        counts += [(added, RANGES.what)]
        counts += [(_names(GivenNames(old, clock=clock), GivenNames(new, clock=clock)), "given names")]
        counts += [(copied_shelf(source_of(kind), target_of(kind)), kind.what) for kind in (TOKENS, QUERIES)]
    summary = [f"{count:,} of {what}" for count, what in counts if count]
    if summary:
        typer.echo(f"casbah: also copied: {', '.join(summary)}", err=True)
    for message in failed:
        typer.echo(f"casbah: not copied: {message}", err=True)


def _rules(source: Rules, target: Rules) -> int:
    """Copy the rules that are missing; returns how many."""
    added = 0
    for tenant in source.tenants():
        known = {rule.id for rule in target.all(TenantId(tenant))}
        for rule in sorted(source.all(TenantId(tenant)), key=lambda rule: rule.action != HOLD):
            if rule.id not in known:
                target.add(rule, TenantId(tenant))
                added += 1
    return added


def _ranges(source: RangeBook, target: RangeBook) -> tuple[int, list[str]]:
    """Copy the IP ranges that are missing: how many, and why others were not copied."""
    added: int = 0
    failed: list[str] = []
    for tenant in source.tenants():
        tenant_id = TenantId(tenant)
        known, names = {entry.id for entry in target.all(tenant_id)}, source.tags(tenant_id)
        for entry in source.all(tenant_id):
            if entry.id in known:
                continue
            draft = replace(entry.definition, tags=tuple(names.get(tag, tag) for tag in entry.definition.tags))
            try:
                target.add(draft, tenant_id, range_id=entry.id)
            except BadRangeError as error:
                failed.append(f"{tenant}: IP range {draft.name!r}: {error}")
            else:
                added += 1
    return added, failed


def _names(source: GivenNames, target: GivenNames) -> int:
    """Copy the given names of values that have none; returns how many."""
    added = 0
    for tenant in source.tenants():
        tenant_id = TenantId(tenant)
        known = target.by_filter(tenant_id)
        missing = [entry for entry in source.all(tenant_id) if entry.value not in known.get(entry.filter, {})]
        target.add(missing, tenant_id)
        added += len(missing)
    return added


def _tenant(
    source: Store, target: Store, tenant_id: TenantId, progress: _CopyProgress, *, verify: bool
) -> dict[str, Any]:
    total = source.tenant(tenant_id).count(Everything())
    report = CopyReport()
    with _bar(f"copying {tenant_id.name}", total) as advance:
        for reached, part in copied(source, target, tenant_id, after=progress.after):
            report += part
            advance(part.stored + part.duplicates + part.refused)
            progress.put(reached)
    report += commented(source, target, tenant_id)
    with _bar(f"comparing {tenant_id.name}", total) as advance:
        different = list(differing(source, target, tenant_id, progress=advance)) if verify else None
    for name in islice(different or (), _SHOWN):
        typer.echo(f"casbah: {tenant_id.name}: {name} differs", err=True)
    return {
        "tenant": tenant_id.name,
        "activities": total,
        "stored": report.stored,
        "duplicates": report.duplicates,
        "refused": report.refused,
        "feedback": report.feedback,
        "different": None if different is None else len(different),
    }


def _sentence(row: dict[str, Any]) -> str:
    compared = "not compared" if row["different"] is None else f"{row['different']:,} of {row['activities']:,} differ"
    return (
        f"{row['tenant']}: {row['stored']:,} stored, {row['duplicates']:,} already there, {row['refused']:,} refused, "
        f"{row['feedback']:,} comments; {compared}"
    )


@contextmanager
def _bar(what: str, total: int) -> Iterator[Told]:
    with progress_bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
