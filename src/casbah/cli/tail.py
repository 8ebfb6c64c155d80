"""casbah tail."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from casbah.base import jsontext
from casbah.base.fsync import sync_folder, sync_into
from casbah.cli import condition, options
from casbah.cli.activities import table_of, write_lines
from casbah.cli.answer import ChangePage
from casbah.cli.connection import connected, running
from casbah.errors import OperatorError
from casbah.settings import Settings

_PATH = "/api/ext/v1/changes"
_WAIT, _LIMIT = 25, 500
NOW = "now"


class NothingToFollowError(OperatorError):
    """No server runs on the store, so nothing will be stored."""


def tail(  # noqa: PLR0913  one parameter per option
    search: options.Search = None,
    *,
    conditions: options.Searches = None,
    filters: options.Filters = None,
    zone: options.Zone = None,
    since: Annotated[str, typer.Option(help="now, start, or a cursor.")] = NOW,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Keep waiting for new activities.")] = True,
    keep: Annotated[
        Path | None, typer.Option("--cursor-file", help="File for the read position; resumes from it.")
    ] = None,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="One record per line.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
    url: options.Url = None,
) -> None:
    """Show activities as they are stored, each once, in storage order.

    Example: casbah tail 'category:"Failed login"' --ndjson --cursor-file seen.txt
    """
    chosen = options.target(store=store, url=url)
    if follow and isinstance(chosen, Settings) and running(chosen.store) is None:
        raise NothingToFollowError(
            "no server runs on this store, so nothing will be stored; start `casbah serve`, or add --no-follow"
        )
    query: dict[str, Any] = {
        **condition.searched(search, conditions or [], filters, zone),
        "cursor": _kept(keep) or ("" if since == "start" else since),
        "limit": _LIMIT,
        "wait": _WAIT if follow else 0,
    }
    with connected(chosen, tenant=tenant) as api:
        while True:
            page = jsontext.decode(api.ask("POST", _PATH, json=query).content, ChangePage)
            _show(page.records(), ndjson=ndjson)
            query["cursor"] = page.cursor
            if keep is not None and page.data:
                _keep(keep, page.cursor)
            if not follow and not page.hasNext:
                break
    if keep is not None:
        _keep(keep, query["cursor"])


def _show(records: list[bytes], *, ndjson: bool) -> None:
    if not records:
        return
    if ndjson:
        write_lines(records)
        return
    out = Console()
    table = table_of(map(json.loads, records), width=out.width)
    table.show_header = False
    out.print(table)


def _kept(file: Path | None) -> str:
    return file.read_text("utf-8").strip() if file is not None and file.exists() else ""


def _keep(file: Path, cursor: str) -> None:
    """Replace the file atomically: after a crash or a power failure, reading resumes a little earlier, never later."""
    draft = file.with_name(f".{file.name}.new")
    sync_into(draft, [f"{cursor}\n".encode()])
    draft.replace(file)
    sync_folder(file.parent)
