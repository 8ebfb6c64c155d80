"""casbah sources."""

import json
from typing import Annotated, Any

import typer

from casbah.cli import options
from casbah.cli.printable import cell
from casbah.cli.table import listing, show, show_rows
from casbah.errors import UnknownSourceError
from casbah.ingest.apps import APPS
from casbah.ingest.connectors import connectors
from casbah.ingest.contract import Connector


def sources(
    name: Annotated[str | None, typer.Argument(help="Show one source in full.", show_default=False)] = None,
    *,
    as_json: options.AsJson = False,
    store: options.Store = None,
) -> None:
    """Show the supported sources: built-in ones, and your own mapping files (CASBAH_SOURCES).

    Example: casbah sources okta
    """
    known = connectors(options.read_settings(store=store).sources)
    if name is not None and name not in known:
        raise UnknownSourceError(name, tuple(known))
    chosen = list(known.values()) if name is None else [known[name]]
    if as_json:
        typer.echo(json.dumps([_as_json(connector) for connector in chosen]))
    elif name is None:
        rows = ((source.name, source.title, ", ".join(map(_app, source.apps)) or "any") for source in chosen)
        show_rows(("source", "what it is", "apps"), rows, least=("apps",))
    else:
        _in_full(chosen[0])


def _in_full(source: Connector) -> None:
    table = listing(heads=False)
    table.add_column()
    table.add_column(overflow="fold")
    rows = (
        ("source", [source.name]),
        ("what it is", [source.title]),
        ("apps", [*map(_app, source.apps)] or ["as the records say"]),
        ("reads", source.examples),
        ("reads as CSV", [form.title for form in source.csv]),
        ("its events are under", [source.wrapper] if source.wrapper else []),
        ("the vendor says", source.documents),
        ("tested with", [source.samples] if source.samples else []),
        ("comes from", [source.origin]),
    )
    for label, lines in rows:
        for row, line in enumerate(lines):
            table.add_row("" if row else label, cell(line))
    show(table)


def _app(number: int) -> str:
    return f"{APPS[number]} ({number})" if number in APPS else str(number)


def _as_json(source: Connector) -> dict[str, Any]:
    return {
        "name": source.name,
        "title": source.title,
        "apps": [{"id": number, "name": APPS.get(number)} for number in source.apps],
        "examples": list(source.examples),
        "csv": [{"title": form.title, "columns": list(form.columns)} for form in source.csv],
        "wrapper": source.wrapper,
        "documents": list(source.documents),
        "samples": source.samples,
        "origin": source.origin,
    }
