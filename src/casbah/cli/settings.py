"""casbah settings."""

import json
import os
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column

from casbah import settings
from casbah.cli import options, table
from casbah.settings import SETTINGS, Setting

_HIDDEN = "(a secret)"
_SHOWN = ("value", "from", "purpose")


def show(
    *,
    only: Annotated[
        str, typer.Argument(metavar="[WORD]", help="Only settings with this word in their name or help.")
    ] = "",
    chosen: Annotated[bool, typer.Option("--chosen", help="Only settings that differ from their default.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show every setting: value, origin and purpose. Secrets are not shown.

    Example: casbah settings throttle
    """
    now = settings.read(os.environ)
    rows = [_row(setting, getattr(now, setting.name)) for setting in SETTINGS.values() if _about(setting, only.lower())]
    rows = [row for row in rows if not chosen or row["from"] != "default"]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    rendered = table.listing(Column("setting", no_wrap=True), *(Column(name, overflow="fold") for name in _SHOWN))
    for row in rows:
        rendered.add_row(row["setting"], str(row["value"]), row["from"], row["help"])
    table.show(rendered, least=("from",))


def _about(row: Setting, word: str) -> bool:
    return word in row.variable.lower() or word in row.help.lower()


def _row(row: Setting, value: Any) -> dict[str, Any]:
    default = settings.read({})
    origin = "default" if value == getattr(default, row.name) else "another setting"
    if row.variable in os.environ:
        origin = "environment"
    return {
        "setting": row.variable,
        "value": _shown(row, value),
        "from": origin,
        "default": row.default,
        "help": row.help,
    }


def _shown(row: Setting, value: Any) -> Any:
    if row.secret:
        return _HIDDEN if value else ""
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [_shown(row, item) for item in value]
    return "" if value is None else value
