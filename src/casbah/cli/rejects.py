"""casbah rejects list | replay | remove."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from casbah.cli import options
from casbah.cli.connection import Api, connected
from casbah.cli.printable import moment, plain
from casbah.cli.table import show_rows

app = options.group("Events refused by ingestion over HTTP, with the reasons (docs/sources.md).")
_PATH = "/api/ext/v1/rejects"
_SHOWN = 80


@app.command("list")
def list_rejects(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many to show.")] = 20,
    skip: Annotated[int, typer.Option(min=0, help="How many to skip.")] = 0,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show the events that were refused, the newest request first.

    Example: casbah rejects list --limit 5
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        page = api.ask("GET", _PATH, params={"limit": limit, "skip": skip}).json()
    if as_json:
        typer.echo(json.dumps(page))
        return
    show_rows(
        ("id", "time (UTC)", "sender", "source", "line", "reason", "event"),
        map(_row, page["data"]),
        least=("event", "line", "sender", "source"),
    )
    typer.echo(f"{len(page['data'])} of {page['total']:,}", err=True)


@app.command()
def replay(  # noqa: PLR0913  one parameter per option
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of events.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--everything", help="All refused events.")] = False,
    source: Annotated[
        str | None,
        typer.Option(help='Read them as this source (`casbah sources`) instead of the earlier one; "" detects it.'),
    ] = None,
    zone: options.LocalZone = None,
    tenant: options.Tenant = options.TENANT,
    as_json: options.AsJson = False,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Ingest refused events again; events stored this time are removed from the rejects.

    Example: casbah rejects replay --everything --source okta

    Example: casbah rejects replay --everything --zone Europe/Berlin
    """
    if bool(ids) == everything:
        raise typer.BadParameter("name the events by their ids (`casbah rejects list`), or use --everything")
    options.local_zone(zone)
    body: dict[str, Any] = {"everything": True} if everything else {"ids": ids}
    body |= {name: value for name, value in (("source", source), ("zone", zone)) if value is not None}
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        result = _replayed(api, body)
    refused = result["refused"]
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(f"{result['stored']:,} stored, {result['duplicates']:,} duplicates, {len(refused):,} refused again")
        for reject in refused:
            typer.echo(f"{reject['id']}: {plain(reject['reason'])}", err=True)
    raise typer.Exit(1 if refused else 0)


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of events.")],
    *,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Remove refused events.

    Example: casbah rejects remove 17958260000001f3c9a2e.0
    """
    with connected(options.target(store=store, url=url), tenant=tenant) as api:
        for reject_id in ids:
            api.ask("DELETE", f"{_PATH}/{quote(reject_id, safe='')}")
            typer.echo(f"removed {plain(reject_id)}")


def _row(reject: Mapping[str, Any]) -> tuple[object, ...]:
    about = (reject["id"], moment(reject["at"]), reject["sender"], reject["source"] or "", reject["line"])
    return (*about, reject["reason"], reject["event"][:_SHOWN])


def _replayed(api: Api, body: Mapping[str, Any]) -> dict[str, Any]:
    """The summed result of as many requests as needed; each skips the events that were refused again before."""
    result: dict[str, Any] = api.ask("POST", f"{_PATH}/replay", json=body).json()
    while result["remaining"]:
        more = api.ask("POST", f"{_PATH}/replay", json={**body, "skip": len(result["refused"])}).json()
        result = {
            "stored": result["stored"] + more["stored"],
            "duplicates": result["duplicates"] + more["duplicates"],
            "refused": result["refused"] + more["refused"],
            "remaining": more["remaining"],
        }
    return result
