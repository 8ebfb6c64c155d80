"""casbah enrich."""

import json
from typing import Annotated

import typer

from casbah.cli import condition, options
from casbah.cli.connection import Api, connected
from casbah.cli.profiles import KnownServer
from casbah.cli.progress import progress_of
from casbah.cli.table import show_rows
from casbah.ingest.enrich.enrichment import EnrichmentConfig
from casbah.settings import Settings

_PATH = "/api/ext/v1/activities/enrich"
_PAGE = 2_000


def enrich(
    *,
    again: Annotated[bool, typer.Option("--again", help="Re-enrich stored activities.")] = False,
    conditions: options.Conditions = None,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show the enrichment sources; with --again, re-enrich stored activities.

    Re-enrichment replaces earlier enrichment; source data, ids, totals and sort order do not change. A running server uses
    the files it was started with.

    Example: casbah enrich --again --filter 'date gte_ndays 90'
    """
    target = options.target(store=store, url=url)
    if not again and isinstance(target, KnownServer):
        raise typer.BadParameter("a server's sources are those of its settings; use --again", param_hint="--url")
    with connected(target, tenant=tenant) as api:
        if not again:
            _show(api.settings, api, as_json=as_json)
            return
        examined, changed = _again(api, condition.filters(conditions or [], None))
    if as_json:
        typer.echo(json.dumps({"examined": examined, "changed": changed}))
    else:
        typer.echo(f"{changed:,} of {examined:,} activities changed")


def _again(api: Api, filters: dict[str, object]) -> tuple[int, int]:
    examined = changed = 0
    total: int | None = None
    with progress_of("enriching") as progress:
        body: dict[str, object] = {"limit": _PAGE, **({"filters": filters} if filters else {"everything": True})}
        while True:
            page = api.ask("POST", _PATH, json=body).json()
            if not examined:
                total = page["total"]
            examined += page["examined"]
            changed += page["changed"]
            progress(examined, total)
            if not page["hasNext"]:
                return examined, changed
            body = {"limit": _PAGE, "filters": page["nextQueryFilters"]}


def _show(settings: Settings, api: Api, *, as_json: bool) -> None:
    ranges = api.ask("POST", "/api/v1/subnet/", json={"limit": 1}).json()["total"]
    config = EnrichmentConfig(settings.agents, settings.places, settings.people)
    rows = [*config.describe(), {"what": "IP ranges", "from": "casbah ranges", "knows": f"ranges: {ranges:,}"}]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    columns = ("what", "from", "knows")
    show_rows(columns, (map(row.__getitem__, columns) for row in rows))
