"""casbah top | histogram."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from casbah.cli import condition, options
from casbah.cli.connection import connected
from casbah.cli.printable import cell

_EXTENSION = "/api/ext/v1"
_DAY, _MINUTE = 86_400_000, 60_000
_MIN_BAR, _BESIDE_BAR, _COLUMN = 6, 30, 10
_EIGHTHS = " ▏▎▍▌▋▊▉█"


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
    if as_json:
        typer.echo(answer.content)
        return
    result, out = answer.json(), Console()
    for facet in result["facets"]:
        out.print(_top_table(facet, result["total"], width=out.width))
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
    if as_json:
        typer.echo(answer.content)
        return
    result, out = answer.json(), Console()
    if result["spans"]:
        out.print(_histogram_table(result, width=out.width))
    sys.stderr.write(f"casbah: {result['total']:,} activities match\n")


def _top_table(facet: dict[str, Any], total: int, *, width: int) -> Table:
    """Values with count, share of the matching activities, and a bar."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column(facet["filter"], overflow="ellipsis", no_wrap=True, min_width=20, max_width=width // 2)
    table.add_column("activities", justify="right")
    table.add_column("share", justify="right")
    table.add_column("")
    maximum = max((value["total"] for value in facet["values"]), default=1)
    for value in facet["values"]:
        table.add_row(
            cell(_text(value["value"])),
            f"{value['total']:,}",
            f"{value['total'] / max(total, 1):.1%}",
            _bar(value["total"] / maximum, width // 5),
        )
    return table


def _histogram_table(result: dict[str, Any], *, width: int) -> Table:
    """One line per span, including empty ones; with series, also the count of each."""
    series = [
        *result.get("series", ()),
        *([{"value": "rest", **result["rest"]}] if result.get("rest", {}).get("total") else ()),
    ]
    columns = [{span["start"]: span["total"] for span in row["spans"]} for row in series]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("from (UTC)", no_wrap=True)
    table.add_column("activities", justify="right")
    table.add_column("")
    for row in series:
        table.add_column(cell(_text(row["value"])), justify="right", no_wrap=True, overflow="ellipsis", max_width=20)
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


def _text(value: Any) -> str:
    """A value as text; entities are objects."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


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
