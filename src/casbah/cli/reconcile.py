"""casbah reconcile."""

import json
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from casbah.activity.predicate import Predicate
from casbah.activity.query import parse
from casbah.cli import condition, ingest_report, options
from casbah.cli.connection import connected
from casbah.cli.printable import cell, plain
from casbah.cli.sides import Side, SideReader, same_period
from casbah.cli.table import listing
from casbah.ingest.connectors import connectors
from casbah.ingest.detection import Detector
from casbah.ingest.event_pages import STDIN
from casbah.operations.comparison import A, B, Comparison, SideCounts, Sum, comparison
from casbah.settings import Settings

_NAMES = ("A", "B")
_MAX_HOURS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reconcile(  # noqa: PLR0913  one parameter per option
    a: Annotated[str, typer.Argument(metavar="A", help="A file, a folder, or - for stdin.")],
    b: Annotated[str | None, typer.Argument(metavar="B", help="The same; by default the store.")] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(help="Refuse events of other sources. By default the source of each event is detected."),
    ] = None,
    zone: options.LocalZone = None,
    conditions: options.Conditions = None,
    filters: options.Filters = None,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """List the activities that are in only one of two exports; without B, compare an export with the store.

    Activities are the same if their _id is, whatever the file, its format or its compression. The exit code is 0 if both sides
    have the same activities, 1 if they differ or some events cannot be read.

    The store is compared for the days and apps of A, or for the activities that match --filter.

    Example: casbah reconcile exports/ again.zip

    Example: casbah reconcile exports/ --store /data/casbah --filter 'date gte_ndays 30'

    Example: casbah reconcile user_activity.csv --zone Europe/Berlin
    """
    if b is not None and store is not None:
        raise typer.BadParameter("name B or --store, not both", param_hint="--store")
    if a == b == STDIN:
        raise typer.BadParameter("only one side can be stdin", param_hint="B")
    local = options.local_zone(zone)
    settings = options.existing(store=store) if b is None else options.read_settings()
    chosen = condition.filters(conditions or [], filters)
    detector = Detector.of(connectors(settings.sources))
    sides = Side(A, a), Side(B, _store_name(settings) if b is None else b)
    reached = connected(settings, tenant=tenant) if b is None else nullcontext()
    with comparison() as compared, reached as api:
        reader = SideReader(compared, settings, detector, source, local, _predicate(chosen))
        reader.add_files(sides[A], a)
        if b is not None:
            reader.add_files(sides[B], b)
        elif api is not None and (selected := chosen or same_period(compared, sides[A])):
            reader.add_stored(sides[B], api, selected)
        equal = _report(compared, sides, as_json=as_json)
    raise typer.Exit(0 if equal else 1)


def _store_name(settings: Settings) -> str:
    return f"the store at {settings.store if settings.cluster is None else settings.cluster.shown}"


def _predicate(filters: dict[str, Any]) -> Predicate | None:
    return parse({"filters": filters}, now=time.time_ns() // 1_000_000).predicate if filters else None


def _report(compared: Comparison, sides: tuple[Side, Side], *, as_json: bool) -> bool:
    """Print the result. Returns whether the sides are equal, as far as everything could be read."""
    counts = compared.counts()
    read_all = any(side.read for side in sides) and not any(side.refused for side in sides)
    equal = read_all and not counts.only_a and not counts.only_b
    (_write_json if as_json else _write_lines)(compared, sides, counts, equal=equal)
    _summarize(compared, sides, counts)
    return equal


def _write_lines(compared: Comparison, *_: object, **__: object) -> None:
    for item in compared.differences():
        typer.echo(f"{_hour(item.hour)}  {item.source}  only in {_NAMES[item.side]}  {plain(item.id)}")


def _write_json(compared: Comparison, sides: tuple[Side, Side], counts: SideCounts, *, equal: bool) -> None:
    """Write one object, a line per activity: there may be more than fit into memory."""
    only = (counts.only_a, counts.only_b)
    head = {
        "equal": equal,
        "both": counts.both,
        **{name.lower(): _side(side, counts.both, only[side.number]) for name, side in zip(_NAMES, sides, strict=True)},
        "hours": [
            {"source": row.source, "hour": _hour(row.hour), "onlyA": row.only_a, "onlyB": row.only_b}
            for row in compared.sums()
        ],
    }
    sys.stdout.write(f'{json.dumps(head)[:-1]}, "activities": [')
    for number, item in enumerate(compared.differences()):
        row = {"id": item.id, "source": item.source, "hour": _hour(item.hour), "onlyIn": _NAMES[item.side]}
        sys.stdout.write(f"{',' if number else ''}\n{json.dumps(row)}")
    sys.stdout.write("]}\n")


def _side(side: Side, both: int, only: int) -> dict[str, object]:
    details = ingest_report.details(side.files)
    return {
        "name": side.name,
        "read": side.read,
        "repeated": side.read - both - only,
        "only": only,
        "refused": side.refused,
        "reasons": details["reasons"],
        "skipped": {file.origin: file.skipped for file in side.files if file.skipped},
    }


def _summarize(compared: Comparison, sides: tuple[Side, Side], counts: SideCounts) -> None:
    console = Console(stderr=True)
    rows = list(compared.sums())
    if rows:
        console.print(_table(rows))
    for name, side, only in zip(_NAMES, sides, (counts.only_a, counts.only_b), strict=True):
        ingest_report.show_unread(side.files)
        repeated = side.read - counts.both - only
        sys.stderr.write(
            f"casbah: {name} is {plain(side.name)}: {side.read:,} activities, {repeated:,} of them repeated; "
            f"{side.refused:,} events could not be read\n"
        )
    sys.stderr.write(f"casbah: {counts.both:,} in both, {counts.only_a:,} only in A, {counts.only_b:,} only in B\n")


def _table(rows: list[Sum]) -> Table:
    table = listing()
    table.add_column("source")
    table.add_column("hour (UTC)")
    for name in _NAMES:
        table.add_column(f"only in {name}", justify="right")
    for row in rows[:_MAX_HOURS]:
        table.add_row(cell(row.source), _hour(row.hour), f"{row.only_a:,}", f"{row.only_b:,}")
    if len(rows) > _MAX_HOURS:
        table.add_row(f"and {len(rows) - _MAX_HOURS:,} more")
    return table


def _hour(number: int) -> str:
    return f"{_EPOCH + timedelta(hours=number):%Y-%m-%dT%H:00Z}"
