"""casbah list | show | feedback."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.table import Table
from rich.text import Text

from casbah.activity.search.grouping import has_groups
from casbah.base import jsontext
from casbah.cli import condition, options
from casbah.cli.answer import Records
from casbah.cli.connection import Api, connected
from casbah.cli.counts import show_groups
from casbah.cli.printable import cell, moment, plain
from casbah.cli.table import listing
from casbah.cli.value_names import Names, named, names_of

_PATH = "/api/v1/activities"
_SEARCH = "/api/ext/v1/search"
_SCAN_PAGE = 5_000
_PAGE = 100


class _ListPage(Records):
    """One page of activities."""

    hasNext: bool  # noqa: N815  the wire's spelling
    total: int
    nextQueryFilters: dict[str, Any] | None = None  # noqa: N815  the wire's spelling


def list_activities(  # noqa: PLR0913  one parameter per option
    search: options.Search = None,
    *,
    conditions: options.Searches = None,
    filters: options.Filters = None,
    zone: options.Zone = None,
    limit: Annotated[int, typer.Option(help="How many to show.")] = 20,
    skip: Annotated[int, typer.Option(help="How many to skip.")] = 0,
    sort: Annotated[str, typer.Option(help="date or created.")] = "date",
    ascending: Annotated[bool, typer.Option("--asc", help="Oldest first.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Everything that matches, as --ndjson.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only show how many match.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", help="With by: in the search, compare with the period before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The API's response.")] = False,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="One record per line.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """List activities, newest first, or counts of groups of them.

    Example: casbah list 'domain:contoso.example -country:DE since:30d'

    Example: casbah list 'verb:sign-in-failed by:ip distinct:user'
    """
    searched = condition.searched(search, conditions or [], filters, zone)
    if has_groups(searched.get("q", "")):
        if everything or count or ndjson or skip or ascending:
            raise typer.BadParameter("groups take --limit, --previous and --json", param_hint="by:")
        with connected(options.target(store=store, url=url), tenant=tenant) as api:
            show_groups(api, {**searched, "limit": limit, "previous": previous}, as_json=as_json)
        return
    if previous:
        raise typer.BadParameter("compares groups; say which with by: in the search", param_hint="--previous")
    body = {
        **searched,
        "skip": skip,
        "limit": limit,
        "sortField": sort,
        "sortDirection": "asc" if ascending else "desc",
    }
    if everything and as_json:
        raise typer.BadParameter("the API returns one page at a time; use --all with --ndjson", param_hint="--json")
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        if count:
            total = api.ask("POST", _SEARCH, json={**body, "skip": 0, "limit": 1}).json()["total"]
            typer.echo(json.dumps({"total": total}) if as_json else f"{total:,}")
        elif everything:
            write_lines(record for page in _scan(api, body) for record in page)
        elif as_json:
            typer.echo(api.ask("POST", _SEARCH, json=body).content)
        elif ndjson:
            write_lines(_pages(api, body)[0])
        else:
            _show_table(*_pages(api, body), names_of(api), skip=skip)


def show(
    activity_id: Annotated[str, typer.Argument(metavar="ID", help="The activity's _id.")],
    *,
    as_json: options.AsJson = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show one complete activity.

    Example: casbah show 97134000_15600_97ee2049-893e-4c9d-a312-08d82b46faf7
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        record = api.ask(
            "GET", f"{_PATH}/{quote(activity_id, safe='')}/", missing=_no_activity(activity_id, tenant)
        ).content
    if as_json:
        typer.echo(record)
    else:
        Console().print(_readable(json.loads(record)), soft_wrap=True)


def feedback(  # noqa: PLR0913  one parameter per option
    activity_id: Annotated[str, typer.Argument(metavar="ID", help="The activity's _id.")],
    *,
    text: Annotated[str | None, typer.Option(help="The feedback text.")] = None,
    value: Annotated[str | None, typer.Option(help="A value, such as 0.")] = None,
    kind: Annotated[str | None, typer.Option(help="The kind of feedback.")] = None,
    email: Annotated[str | None, typer.Option(help="Your e-mail address.")] = None,
    allow_contact: Annotated[bool | None, typer.Option(help="Whether you may be contacted.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List existing feedback instead.")] = False,
    as_json: options.AsJson = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Give feedback on an activity, or list it.

    Example: casbah feedback 97134000_15600_97ee2049 --text 'this was our own scanner'
    """
    parts = {
        "feedback": kind,
        "feedbackValue": value,
        "feedbackText": text,
        "contactEmail": email,
        "allowContact": allow_contact,
    }
    quoted, missing = quote(activity_id, safe=""), _no_activity(activity_id, tenant)
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        if not listed:
            sent = {key: part for key, part in parts.items() if part is not None}
            api.ask("POST", f"{_PATH}/{quoted}/feedback", json=sent, missing=missing)
        entries = api.ask("GET", f"/api/ext/v1/activities/{quoted}/feedback", missing=missing).json()["data"]
    if as_json:
        typer.echo(json.dumps(entries))
        return
    for entry in entries:
        summary = ", ".join(f"{key}: {part}" for key, part in entry.items() if key not in ("at", "who"))
        typer.echo(plain(f"{_moment(entry['at'])}  {entry['who']}  {summary}"))


def _no_activity(activity_id: str, tenant: str) -> str:
    return f"no activity {activity_id!r} in tenant {tenant!r}; `casbah list --json` shows the ids, as _id"


def _readable(record: dict[str, Any]) -> Text:
    """A record as indented JSON. Hidden characters are shown as codes, including those escaped in the record."""
    lines = json.dumps(record, indent=2, ensure_ascii=False).split("\n")
    return JSONHighlighter()(Text("\n".join(map(plain, lines))))


def _pages(api: Api, body: dict[str, Any]) -> tuple[list[bytes], int]:
    """The requested number of records, fetched page by page, and the total."""
    records: list[bytes] = []
    while True:
        wanted = {**body, "skip": body["skip"] + len(records), "limit": min(body["limit"] - len(records), _PAGE)}
        page = jsontext.decode(api.ask("POST", _SEARCH, json=wanted).content, _ListPage)
        records += page.records()
        if not page.hasNext or len(records) >= body["limit"]:
            return records[: body["limit"]], page.total


def _scan(api: Api, body: dict[str, Any]) -> Iterator[list[bytes]]:
    """Everything that matches, page by page."""
    query = {**body, "isScan": True, "limit": _SCAN_PAGE}
    done = total = 0
    while True:
        page = jsontext.decode(api.ask("POST", _SEARCH, json=query).content, _ListPage)
        total = total or page.total
        yield page.records()
        done += len(page.data)
        last = not page.hasNext
        if last or sys.stderr.isatty():
            sys.stderr.write(f"casbah: {done:,} of {total:,} activities" + ("\n" if last else "\r"))
        if last:
            return
        query.pop("q", None)  # The filters of the next page say it.
        query["filters"] = page.nextQueryFilters


def write_lines(records: Iterable[bytes]) -> None:
    """Write one record per line."""
    for record in records:
        sys.stdout.buffer.write(jsontext.on_one_line(record) + b"\n")
    sys.stdout.buffer.flush()


def _show_table(records: list[bytes], total: int, names: Names, *, skip: int) -> None:
    out = Console()
    out.print(table_of(map(json.loads, records), width=out.width, names=names))
    sys.stderr.write(f"casbah: {skip + 1 if records else 0:,} to {skip + len(records):,} of {total:,}\n")


def table_of(records: Iterable[dict[str, Any]], *, width: int, names: Names | None = None) -> Table:
    """A table with one line per activity. A narrow terminal gets only the most important columns."""
    shown = [column for column in _COLUMNS if column.from_width <= width]
    table = listing(expand=True)
    for column in shown:
        table.add_column(column.title, no_wrap=True, overflow="ellipsis", ratio=column.share, min_width=column.minimum)
    for record in records:
        table.add_row(*(cell(column.text(record, names or {})) for column in shown))
    return table


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the table: the terminal width from which it is shown, its share of the remaining width, and the filter that
    finds its values.
    """

    title: str
    value: Callable[[dict[str, Any]], Any]
    from_width: int = 0
    share: int | None = None
    minimum: int | None = None
    filter: str = ""

    def text(self, record: dict[str, Any], names: Names) -> Any:
        value = self.value(record) or ""
        return named(value, self.filter, names) if self.filter and isinstance(value, str) else value


# fmt: off
_COLUMNS = (
    _Column("time (UTC)", lambda r: _moment(r.get("timestamp")), minimum=19),
    _Column("user",       lambda r: _in(r, "user", "userName") or _in(r, "failedUserData", "userName"), share=3,
            filter="user.username"),
    _Column("app",        lambda r: r.get("appName") or r.get("appId"), 110, share=2),
    _Column("activity",   lambda r: _spoken(r.get("description")) or _in(r, "mainInfo", "rawOperationName"), share=4),
    _Column("address",    lambda r: _in(r, "device", "clientIP"), minimum=15, filter="ip.address"),
    _Column("country",    lambda r: _in(r, "location", "countryCode") or _in(r, "device", "countryCode"), 90, minimum=7),
    _Column("id",         lambda r: r.get("_id"), 140, share=4),
)
# fmt: on


_LOG_ON = re.compile(r"^(failed )?log\s+on\b", re.IGNORECASE)


def _spoken(description: Any) -> Any:
    """A description, with MDCA's words for a sign-in, which stay in records, shown as ours."""
    if not isinstance(description, str):
        return description
    return _LOG_ON.sub(lambda match: "Failed sign-in" if match[1] else "Sign-in", description)


def _in(record: dict[str, Any], outer: str, inner: str) -> Any:
    value = record.get(outer)
    return value.get(inner) if isinstance(value, dict) else None


def _moment(at: Any) -> str:
    try:
        return moment(int(at))
    except (TypeError, ValueError, OverflowError):
        return ""
