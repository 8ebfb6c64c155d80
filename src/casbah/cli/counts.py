"""casbah top | histogram, and groups of casbah list."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from casbah.activity.language import FILTERS
from casbah.activity.search.forms import field_of
from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import cell
from casbah.cli.table import listing, show
from casbah.cli.value_names import Names, named, names_of

_EXTENSION = "/api/ext/v1"
_DAY, _MINUTE = 86_400_000, 60_000
_MIN_BAR, _BESIDE_BAR, _COLUMN = 6, 30, 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_SPANS, _SPACIOUS = 20, 100
_SERIES = 3
"""Columns of a histogram before those of the series."""


def top(  # noqa: PLR0913  one parameter per option
    names: Annotated[list[str], typer.Argument(metavar="FILTER...", help="Filters such as user.username or service.")],
    *,
    conditions: options.Searches = None,
    filters: options.Filters = None,
    zone: options.Zone = None,
    limit: Annotated[int, typer.Option(help="How many values per filter.")] = 10,
    prefix: Annotated[str, typer.Option(help="Only values with this prefix.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The API's response.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show the most frequent values of filters among the matching activities.

    Example: casbah top user.username location.country --filter since:30d
    """
    body = {
        **condition.searched(None, conditions or [], filters, zone),
        "facets": names,
        "limit": limit,
        "prefix": prefix,
    }
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        answer = api.ask("POST", f"{_EXTENSION}/facets", json=body)
        shown = {} if as_json else names_of(api)
    if as_json:
        typer.echo(answer.content)
        return
    result, out = answer.json(), Console()
    for facet in result["facets"]:
        out.print(_top_table(facet, result["total"], shown, width=out.width))
    sys.stderr.write(f"casbah: {result['total']:,} activities match\n")


def histogram(  # noqa: PLR0913  one parameter per option
    search: options.Search = None,
    *,
    conditions: options.Searches = None,
    filters: options.Filters = None,
    zone: options.Zone = None,
    by: Annotated[str | None, typer.Option(help="Break each span down by the values of a filter.")] = None,
    spans: Annotated[int, typer.Option(help="Maximum number of spans.")] = 24,
    width: Annotated[int | None, typer.Option(help="Width of a span in ms.")] = None,
    sort: Annotated[str, typer.Option(help="date or created.")] = "date",
    as_json: Annotated[bool, typer.Option("--json", help="The API's response.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show how many activities match over time.

    Example: casbah histogram 'admin:yes since:30d' --by service
    """
    body = {
        **condition.searched(search, conditions or [], filters, zone),
        "by": by,
        "spans": spans,
        "width": width,
        "sortField": sort,
    }
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        answer = api.ask("POST", f"{_EXTENSION}/histogram", json=body)
        shown = {} if as_json or by is None else names_of(api)
    if as_json:
        typer.echo(answer.content)
        return
    result, out = answer.json(), Console()
    if result["spans"]:
        table = _histogram_table(result, shown, width=out.width)
        show(table, least=[str(column.header) for column in reversed(table.columns[_SERIES:])])
    sys.stderr.write(f"casbah: {result['total']:,} activities match\n")


def show_groups(api: Api, body: Mapping[str, Any], *, as_json: bool) -> None:
    """Show the groups that the search of a request asks for."""
    answer = api.ask("POST", f"{_EXTENSION}/search/groups", json=body if as_json else {**body, "spans": _SPANS})
    if as_json:
        typer.echo(answer.content)
        return
    result, names, out = answer.json(), names_of(api), Console()
    if result["groups"]:
        show(_groups_table(result, names, width=out.width), least=("over time", "first (UTC)", "last (UTC)", "before"))
    if result.get("stopped"):
        out.print(_stopped_table(result, names))
    shown = f"casbah: {len(result['groups']):,} of {result['count']:,} groups; {result['total']:,} activities match"
    if result.get("previous"):
        before = f"{result['previous']['total']:,} in the period before"
        shown += f", {before}; {result['newCount']:,} groups are new, {result['stoppedCount']:,} stopped"
    sys.stderr.write(f"{shown}\n")


def _groups_table(result: dict[str, Any], names: Names, *, width: int) -> Table:
    """One line per group; in a wide terminal, with its counts over time."""
    table = listing()
    compares, spacious = bool(result.get("previous")), width >= _SPACIOUS
    for name in result["by"]:
        table.add_column(field_of(FILTERS[name]), overflow="fold", min_width=15)
    for title in ("activities", *(["before"] if compares else []), *map(_distinct_title, result["distinct"])):
        table.add_column(title, justify="right", min_width=max(map(len, title.split())))
    for title in ("first (UTC)", "last (UTC)", *(["over time"] if spacious else [])):
        table.add_column(title, no_wrap=True)
    for row in result["groups"]:
        before = [f"{row['previous']:,}" if row["previous"] else "new"] if compares else []
        table.add_row(
            *_cells(result["by"], row["values"], names),
            f"{row['total']:,}",
            *before,
            *(f"{count:,}" for count in row["distinct"]),
            _moment(row["first"], _MINUTE),
            _moment(row["last"], _MINUTE),
            *([_sparkline(row["spans"], result["layout"])] if spacious else []),
        )
    return table


def _distinct_title(name: str) -> str:
    return f"distinct {field_of(FILTERS[name])}"


def _stopped_table(result: dict[str, Any], names: Names) -> Table:
    """The groups that only the period before has."""
    table = listing(title="Stopped")
    for name in result["by"]:
        table.add_column(field_of(FILTERS[name]), overflow="fold", min_width=15)
    table.add_column("before", justify="right")
    for row in result["stopped"]:
        table.add_row(*_cells(result["by"], row["values"], names), f"{row['previous']:,}")
    return table


def _cells(filters: Sequence[str], values: Sequence[Any], names: Names) -> list[Text]:
    return [cell(named(value, name, names)) for name, value in zip(filters, values, strict=True)]


def _sparkline(spans: Sequence[Mapping[str, int]], layout: Mapping[str, int]) -> str:
    """One character per span, as high as its count; the least that there is shows."""
    totals = {(span["start"] - layout["first"]) // layout["width"]: span["total"] for span in spans}
    top, highest = len(_HEIGHTS) - 1, max(totals.values())
    count = (layout["last"] - layout["first"]) // layout["width"] + 1
    return "".join(_HEIGHTS[-(-totals.get(at, 0) * top // highest)] for at in range(count))


def _top_table(facet: dict[str, Any], total: int, names: Names, *, width: int) -> Table:
    """Values with count, share of the matching activities, and a bar."""
    table = listing()
    table.add_column(facet["filter"], overflow="ellipsis", no_wrap=True, min_width=20, max_width=width // 2)
    table.add_column("activities", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    maximum = max((value["total"] for value in facet["values"]), default=1)
    for value in facet["values"]:
        table.add_row(
            cell(named(value["value"], facet["filter"], names)),
            f"{value['total']:,}",
            f"{value['total'] / max(total, 1):.1%}",
            _bar(value["total"] / maximum, width // 5),
        )
    return table


def _histogram_table(result: dict[str, Any], names: Names, *, width: int) -> Table:
    """One line per span, including empty ones; with series, also the count of each."""
    series = [
        *result.get("series", ()),
        *([{"value": "rest", **result["rest"]}] if result.get("rest", {}).get("total") else ()),
    ]
    columns = [{span["start"]: span["total"] for span in row["spans"]} for row in series]
    table = listing()
    table.add_column("from (UTC)", no_wrap=True)
    table.add_column("activities", justify="right")
    table.add_column("")
    for row in series:
        title = cell(named(row["value"], result.get("by", ""), names))
        table.add_column(title, justify="right", no_wrap=True, overflow="ellipsis", max_width=20)
    room = max(_MIN_BAR, min(width // 4, width - _BESIDE_BAR - _COLUMN * len(columns)))
    totals = {span["start"]: span["total"] for span in result["spans"]}
    maximum = max(totals.values())
    for start in range(min(totals), max(totals) + 1, result["width"]):
        total = totals.get(start, 0)
        table.add_row(
            _moment(start, result["width"]),
            f"{total:,}",
            _bar(total / maximum, room),
            *(f"{column[start]:,}" if start in column else "" for column in columns),
        )
    return table


def _bar(share: float, width: int) -> str:
    """A bar over `share` of `width` cells, to an eighth of a cell."""
    eighths = round(share * width * 8)
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _moment(at: int, width: int) -> str:
    """A time in ms, as precise as spans of `width` ms require."""
    try:
        moment = datetime.fromtimestamp(at / 1_000, UTC)
    except (ValueError, OverflowError):
        return str(at)
    form = "%Y-%m-%d" if width % _DAY == 0 else "%Y-%m-%d %H:%M" if width % _MINUTE == 0 else "%Y-%m-%d %H:%M:%S"
    return moment.strftime(form)
