"""casbah tail."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from casbah.cli import condition, options
from casbah.cli.activities import table_of
from casbah.cli.answer import Records, read
from casbah.cli.connection import connected, running
from casbah.cli.counts import Conditions, Filters
from casbah.errors import OperatorError

_PATH = "/api/ext/v1/changes"
_WAIT, _LIMIT = 25, 500
NOW = "now"


class _Changes(Records):
    """What was stored after a cursor."""

    cursor: str
    hasNext: bool  # noqa: N815  the wire's spelling


class NothingToFollowError(OperatorError):
    """Nobody serves the store, so that nothing will be stored."""


def tail(  # noqa: PLR0913  one parameter an option
    *,
    conditions: Conditions = None,
    filters: Filters = None,
    since: Annotated[str, typer.Option(help="now, start, or a cursor.")] = NOW,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what is stored from now on.")] = True,
    keep: Annotated[
        Path | None, typer.Option("--cursor-file", help="Where to keep how far it has read; goes on from there.")
    ] = None,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="One record a line.")] = False,
    tenant: options.Tenant = options.TENANT,
    store: options.Store = None,
) -> None:
    """Show activities as they are stored, each once, in the order of storing.

    Example: casbah tail --filter 'activity.eventActionType eq EVENT_CATEGORY_FAILED_LOGIN' --ndjson --cursor-file seen.txt
    """
    chosen = options.existing(store=store)
    if follow and running(chosen.store) is None:
        raise NothingToFollowError(
            "no server runs on this store, so nothing will be stored; start `casbah serve`, or add --no-follow"
        )
    asked: dict[str, Any] = {
        "filters": condition.filters(conditions or [], filters),
        "cursor": _kept(keep) or ("" if since == "start" else since),
        "limit": _LIMIT,
        "wait": _WAIT if follow else 0,
    }
    with connected(chosen, tenant=tenant) as api:
        while True:
            found = read(api.ask("POST", _PATH, json=asked).content, _Changes)
            _show(found.records(), ndjson=ndjson)
            asked["cursor"] = found.cursor
            if keep is not None and found.data:
                _keep(keep, found.cursor)
            if not follow and not found.hasNext:
                break
    if keep is not None:
        _keep(keep, asked["cursor"])


def _show(records: list[bytes], *, ndjson: bool) -> None:
    if not records:
        return
    if ndjson:
        for record in records:
            # Line ends inside a record are blanks between its keys, since a JSON string cannot hold any.
            sys.stdout.buffer.write(record.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
        sys.stdout.buffer.flush()
        return
    out = Console()
    table = table_of(map(json.loads, records), width=out.width)
    table.show_header = False
    out.print(table)


def _kept(file: Path | None) -> str:
    return file.read_text("utf-8").strip() if file is not None and file.exists() else ""


def _keep(file: Path, cursor: str) -> None:
    """Replace the file whole: whoever is stopped in between begins a little earlier, and never later."""
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(cursor + "\n", encoding="utf-8")
    draft.replace(file)
